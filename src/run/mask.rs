//! Hides secrets: every registered value and what it is often turned into become `***` (SPEC 8).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::secret_form::forms;

const HIDDEN: &str = "***";

/// Secrets that would only make logs unreadable (SPEC M-1).
const NEVER_MASKED: [&str; 2] = ["ACTIONS_STEP_DEBUG", "ACTIONS_RUNNER_DEBUG"];

/// The secrets of a run, shared by all who write; values may be added at any time.
#[derive(Clone, Default)]
pub struct Masker(Arc<RwLock<Values>>);

#[derive(Default)]
struct Values {
    values: BTreeSet<String>,
    /// Fits the values; none where they have grown since.
    mask: Option<Mask>,
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Masker(***)")
    }
}

impl Masker {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same secrets, on their own from here: what one job hides is not hidden in another (SPEC M-6).
    #[must_use]
    pub fn fork(&self) -> Self {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Self(Arc::new(RwLock::new(Values {
            values: known.values.clone(),
            mask: known.mask.clone(),
        })))
    }

    /// Registers a secret by its name, which decides whether it is hidden at all.
    pub fn add_secret(&self, name: &str, value: &str) {
        if !NEVER_MASKED
            .iter()
            .any(|never| never.eq_ignore_ascii_case(name))
        {
            self.add(value.trim());
        }
    }

    /// Registers a token and the form in which git sends it.
    pub fn add_token(&self, token: &str) {
        let token = token.trim();
        if !token.is_empty() {
            self.add(token);
            self.add(&STANDARD.encode(format!("x-access-token:{token}")));
        }
    }

    /// Registers a value and each of its lines; what is blank is ignored.
    pub fn add(&self, value: &str) {
        let lines = value.split(['\r', '\n']).map(str::trim);
        let new: Vec<&str> = std::iter::once(value)
            .chain(lines)
            .filter(|value| !value.trim().is_empty())
            .collect();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for value in new {
            if !known.values.contains(value) {
                known.values.insert(value.to_owned());
                known.mask = None;
            }
        }
    }

    /// What is known now; take one for each chunk of output.
    pub fn snapshot(&self) -> Mask {
        if let Some(mask) = &self.0.read().unwrap_or_else(PoisonError::into_inner).mask {
            return mask.clone();
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mask = known.mask.take().unwrap_or_else(|| Mask::of(&known.values));
        known.mask = Some(mask.clone());
        mask
    }

    /// See [`Mask::mask`].
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.snapshot().mask(text)
    }

    /// See [`Mask::mask_lines`].
    pub fn mask_lines<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.snapshot().mask_lines(text)
    }

    /// The text contains a secret.
    pub fn would_change(&self, text: &str) -> bool {
        self.snapshot().would_change(text)
    }
}

/// The secrets known at one moment; cheap to clone.
#[derive(Clone)]
pub struct Mask {
    needles: Option<Arc<Needles>>,
}

struct Needles {
    automaton: AhoCorasick,
    /// By pattern: it contains a line break.
    span_lines: Vec<bool>,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask(***)")
    }
}

impl Mask {
    fn of(values: &BTreeSet<String>) -> Self {
        let needles: BTreeSet<String> = values.iter().flat_map(|value| forms(value)).collect();
        if needles.is_empty() {
            return Self { needles: None };
        }
        let bytes: usize = needles.iter().map(String::len).sum();
        // The fastest kind costs about 1 KiB for each byte of the needles.
        let kind = (bytes <= 16 * 1024).then_some(AhoCorasickKind::DFA);
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(kind)
            .build(&needles)
            .or_else(|_| AhoCorasick::new(&needles));
        let span_lines = needles.iter().map(|n| n.contains(['\n', '\r']));
        Self {
            needles: Some(Arc::new(Needles {
                span_lines: span_lines.collect(),
                automaton: automaton.expect("needles of secrets fit into an automaton"),
            })),
        }
    }

    /// The text contains a secret.
    pub fn would_change(&self, text: &str) -> bool {
        self.found_in(text).is_some()
    }

    /// The text with each run of overlapping or touching secrets as one `***` (SPEC M-4).
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let hide = |needles: &Needles| hide(text, needles.places(text, |_| true));
        self.found_in(text).map_or(Cow::Borrowed(text), hide)
    }

    /// The text masked line by line: line breaks stay, a secret that spans lines is found only by its lines.
    pub fn mask_lines<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let in_a_line = |needles: &Needles, pattern: usize| !needles.span_lines[pattern];
        let hide = |needles: &Needles| {
            hide(
                text,
                needles.places(text, |pattern| in_a_line(needles, pattern)),
            )
        };
        self.found_in(text).map_or(Cow::Borrowed(text), hide)
    }

    /// Where a text that goes on may be cut without halving a secret: at a character, and not within one that is
    /// there or may still come.
    pub fn safe_cut(&self, text: &str) -> usize {
        let Some(needles) = self.needles.as_deref() else {
            return text.len();
        };
        let longest = needles.automaton.max_pattern_len();
        let mut cut =
            text.floor_char_boundary(text.len().saturating_sub(longest.saturating_sub(1)));
        let places = needles.places(text, |_| true);
        for place in places.iter().rev() {
            if place.start < cut && cut < place.end {
                cut = place.start;
            }
        }
        // A text of nothing but secrets has no such place; it would be held for ever.
        let last = || places.iter().map(|place| place.end).max();
        if cut > 0 {
            cut
        } else {
            last().unwrap_or(text.len())
        }
    }

    /// The needles, if there is one in the text: most text holds none, and this is the fastest way to know.
    fn found_in(&self, text: &str) -> Option<&Needles> {
        let needles = self.needles.as_deref();
        needles.filter(|needles| needles.automaton.is_match(text))
    }
}

impl Needles {
    /// Where the wanted needles are, by their starts.
    fn places(&self, text: &str, wanted: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
        let found = self.automaton.find_overlapping_iter(text);
        let mut places: Vec<_> = found
            .filter(|found| wanted(found.pattern().as_usize()))
            .map(|found| found.range())
            .collect();
        places.sort_unstable_by_key(|place| place.start);
        places
    }
}

fn hide(text: &str, places: Vec<Range<usize>>) -> Cow<'_, str> {
    if places.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut hidden = String::with_capacity(text.len());
    let mut done = 0;
    let mut places = places.into_iter().peekable();
    while let Some(mut place) = places.next() {
        while let Some(next) = places.next_if(|next| next.start <= place.end) {
            place.end = place.end.max(next.end);
        }
        hidden.push_str(&text[done..place.start]);
        hidden.push_str(HIDDEN);
        done = place.end;
    }
    hidden.push_str(&text[done..]);
    Cow::Owned(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masker(values: &[&str]) -> Masker {
        let masker = Masker::new();
        for value in values {
            masker.add(value);
        }
        masker
    }

    #[test]
    fn masks_values_and_all_derived_forms() {
        let table: &[(&str, &str, &str, &str)] = &[
            ("M-1", "secret", "a secret b", "a *** b"),
            ("M-2 base64", "secret", "c2VjcmV0", "***"),
            (
                "M-2 base64 from 1",
                "secret",
                "xZWNyZXQ= ZWNyZXQ=",
                "x*** ***",
            ),
            ("M-2 base64 from 2", "secret", "Y3JldA==", "***"),
            ("M-2 quote", "a\"b", "a\\\"b", "***"),
            ("M-2 apostrophe", "a'b", "a''b", "***"),
            ("M-2 json", "a\tb\\c", "a\\tb\\\\c", "***"),
            ("M-2 percent", "a b/ü", "a%20b%2F%C3%BC", "***"),
            ("M-2 xml", "a<b>&\"'", "a&lt;b&gt;&amp;&quot;&apos;", "***"),
            ("M-2 unquoted", "\"1234567\"", "1234567", "***"),
            ("M-2 unquoted, short", "\"123456\"", "123456", "123456"),
            ("M-2 &+ before", "first&+second", "first&+ x", "*** x"),
            (
                "M-2 &+ after skips one",
                "first&+secondpart",
                "econdpart",
                "***",
            ),
            (
                "M-2 last &",
                "part1&part2&part3x",
                "part1&part2& part3x",
                "*** ***",
            ),
            ("M-2 short parts", "ab&cd", "ab& cd", "ab& cd"),
            ("M-3 one character", "x", "axbx", "a***b***"),
            ("M-3 case", "Secret", "secret", "secret"),
        ];
        for (id, value, text, expected) in table {
            assert_eq!(masker(&[value]).mask(text), *expected, "{id}");
        }
    }

    #[test]
    fn merges_overlapping_and_touching_matches() {
        let table: &[(&[&str], &str, &str)] = &[
            (&["abc", "cde"], "xabcdex", "x***x"),
            (&["abc", "def"], "xabcdefx", "x***x"),
            (&["abc", "b"], "abc b", "*** ***"),
            (&["aa"], "aaaaa", "***"),
        ];
        for (values, text, expected) in table {
            assert_eq!(masker(values).mask(text), *expected, "M-4 {values:?}");
        }
    }

    #[test]
    fn masks_multi_line_values_line_by_line() {
        let masker = masker(&["first line\r\n  second line  \n\n"]);
        assert_eq!(
            masker.mask_lines("1 first line\n2 second line\r\n3"),
            "1 ***\n2 ***\r\n3",
            "M-1"
        );
        let whole = "first line\r\n  second line  \n\n";
        assert_eq!(masker.mask_lines(whole), "***\r\n  ***  \n\n");
        assert_eq!(masker.mask(whole), "***");
    }

    #[test]
    fn ignores_blank_values_and_debug_switches() {
        let masker = masker(&["", "  ", "\n"]);
        masker.add_secret("actions_step_debug", "true");
        assert_eq!(masker.mask("true \n x"), "true \n x", "M-1, M-3");
        assert!(!masker.would_change("true"));
    }

    #[test]
    fn masks_the_basic_authentication_of_a_token() {
        let masker = Masker::new();
        masker.add_token("tok");
        let basic = STANDARD.encode("x-access-token:tok");
        assert_eq!(masker.mask(&format!("basic {basic}")), "basic ***", "M-1");
    }

    #[test]
    fn a_value_added_later_counts_from_then_on() {
        let masker = masker(&["one"]);
        let shared = masker.clone();
        assert_eq!(masker.mask("one two"), "*** two");
        shared.add("two");
        assert_eq!(masker.mask("one two"), "*** ***", "M-6");
    }

    #[test]
    fn does_not_tell_values_when_printed() {
        let masker = masker(&["hush"]);
        assert!(!format!("{masker:?} {:?}", masker.snapshot()).contains("hush"));
    }

    /// The rule as it is written, without an automaton.
    fn reference(values: &[String], text: &str) -> String {
        let mut hidden = vec![false; text.len()];
        for form in values.iter().flat_map(|value| forms(value)) {
            for (at, _) in text.char_indices() {
                if text[at..].starts_with(&form) {
                    hidden[at..at + form.len()].fill(true);
                }
            }
        }
        let mut out = String::new();
        for (at, c) in text.char_indices() {
            if !hidden[at] {
                out.push(c);
            } else if at == 0 || !hidden[at - 1] {
                out.push_str(HIDDEN);
            }
        }
        out
    }

    proptest! {
        #[test]
        fn equals_the_naive_reference(
            values in prop::collection::vec("[ab\"&'+<é]{1,5}", 0..6),
            text in "[ab\"&'+<é YWI=\\\\]{0,60}",
        ) {
            let masker = Masker::new();
            for value in &values {
                masker.add(value);
            }
            prop_assert_eq!(masker.mask(&text).into_owned(), reference(&values, &text));
        }

        #[test]
        fn no_secret_survives(
            values in prop::collection::vec("[a-z0-9&\"'<]{6,12}", 1..5),
            form in any::<prop::sample::Index>(),
            noise in "[A-Z \n]{0,20}",
        ) {
            let masker = Masker::new();
            for value in &values {
                masker.add(value);
            }
            let all: Vec<String> = values.iter().flat_map(|value| forms(value)).collect();
            let text = format!("{noise}{}{noise}", form.get(&all));
            let masked = masker.mask_lines(&text).into_owned();
            for form in &all {
                prop_assert!(!masked.contains(form.as_str()), "{} survived in {}", form, masked);
            }
            prop_assert_eq!(masker.would_change(&text), true);
        }
    }
}
