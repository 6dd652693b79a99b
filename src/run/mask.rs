//! Hides secrets: every registered value and what it is often turned into become `***` (SPEC 8).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
    needles: Option<AhoCorasick>,
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
        let needles = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(kind)
            .build(&needles)
            .or_else(|_| AhoCorasick::new(&needles));
        Self {
            needles: Some(needles.expect("needles of secrets fit into an automaton")),
        }
    }

    /// The text contains a secret.
    pub fn would_change(&self, text: &str) -> bool {
        self.needles
            .as_ref()
            .is_some_and(|needles| needles.is_match(text))
    }

    /// The text with each run of overlapping or touching secrets as one `***` (SPEC M-4).
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.needles {
            Some(needles) if needles.is_match(text) => Cow::Owned(hide(needles, text)),
            _ => Cow::Borrowed(text),
        }
    }

    /// The text masked line by line: line breaks stay, a secret that spans lines is found only by its lines.
    pub fn mask_lines<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.needles {
            Some(needles) if needles.is_match(text) => {
                let lines = text.split_inclusive(['\n', '\r']);
                Cow::Owned(
                    lines.fold(String::with_capacity(text.len()), |mut done, line| {
                        let content = line.trim_end_matches(['\n', '\r']);
                        done.push_str(&self.mask(content));
                        done.push_str(&line[content.len()..]);
                        done
                    }),
                )
            }
            _ => Cow::Borrowed(text),
        }
    }
}

fn hide(needles: &AhoCorasick, text: &str) -> String {
    let mut found: Vec<Range<usize>> = needles
        .find_overlapping_iter(text)
        .map(|found| found.range())
        .collect();
    found.sort_unstable_by_key(|range| range.start);
    let mut hidden = String::with_capacity(text.len());
    let mut done = 0;
    let mut found = found.into_iter().peekable();
    while let Some(mut range) = found.next() {
        while let Some(next) = found.next_if(|next| next.start <= range.end) {
            range.end = range.end.max(next.end);
        }
        hidden.push_str(&text[done..range.start]);
        hidden.push_str(HIDDEN);
        done = range.end;
    }
    hidden.push_str(&text[done..]);
    hidden
}

/// A value and what tools print in its place (SPEC M-2).
fn forms(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let mut forms = vec![
        value.to_owned(),
        STANDARD.encode(bytes),
        STANDARD.encode(if bytes.len() > 1 { &bytes[1..] } else { bytes }),
        STANDARD.encode(if bytes.len() > 2 { &bytes[2..] } else { bytes }),
        value.replace('"', "\\\""),
        value.replace('\'', "''"),
        json_escaped(value),
        percent_encoded(value),
        xml_escaped(value),
    ];
    let unquoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    if let Some(unquoted) = unquoted.filter(|_| utf16_len(value) > 8) {
        forms.push(unquoted.to_owned());
    }
    forms.extend(powershell_parts(value));
    forms.retain(|form| !form.is_empty());
    forms
}

fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

fn json_escaped(value: &str) -> String {
    replace_each(value, |c| match c {
        '"' => Some("\\\"".into()),
        '\\' => Some("\\\\".into()),
        '\n' => Some("\\n".into()),
        '\r' => Some("\\r".into()),
        '\t' => Some("\\t".into()),
        '\u{8}' => Some("\\b".into()),
        '\u{c}' => Some("\\f".into()),
        '\0'..='\x1f' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
            Some(format!("\\u{:04x}", u32::from(c)).into())
        }
        _ => None,
    })
}

fn percent_encoded(value: &str) -> String {
    let mut buffer = [0; 4];
    replace_each(value, |c| {
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) {
            return None;
        }
        let bytes = c.encode_utf8(&mut buffer).bytes();
        Some(bytes.map(|byte| format!("%{byte:02X}")).collect())
    })
}

fn xml_escaped(value: &str) -> String {
    replace_each(value, |c| match c {
        '&' => Some("&amp;".into()),
        '<' => Some("&lt;".into()),
        '>' => Some("&gt;".into()),
        '"' => Some("&quot;".into()),
        '\'' => Some("&apos;".into()),
        _ => None,
    })
}

fn replace_each(
    value: &str,
    mut replacement: impl FnMut(char) -> Option<Cow<'static, str>>,
) -> String {
    value.chars().fold(String::new(), |mut replaced, c| {
        match replacement(c) {
            Some(text) => replaced.push_str(&text),
            None => replaced.push(c),
        }
        replaced
    })
}

/// `PowerShell` prints a command that holds `&` in two differently coloured parts.
fn powershell_parts(value: &str) -> impl Iterator<Item = String> {
    let parts = if let Some(at) = value.find("&+") {
        let rest = value[at + 2..].chars();
        Some((&value[..at + 2], rest.clone().skip(1).collect()))
    } else {
        let at = value.rfind('&');
        at.map(|at| (&value[..=at], value[at + 1..].to_owned()))
    };
    parts
        .into_iter()
        .flat_map(|(before, after)| [before.to_owned(), after])
        .filter(|part| utf16_len(part) >= 6)
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
        assert_eq!(masker.mask_lines("first line\nsecond line\n"), "***\n***\n");
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
