//! The patterns of `branches`, `tags` and `paths`, and lists of them (SPEC W-56, W-57).

use std::fmt;

use regex::Regex;

/// A pattern that can not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid filter pattern '{pattern}': {reason}")]
pub struct PatternError {
    pub pattern: String,
    pub reason: String,
}

/// What the names are that a pattern is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Ref,
    Path,
}

/// One pattern, without its leading `!`.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    negated: bool,
    regex: Regex,
}

impl Pattern {
    /// Reads a pattern as it stands in a list.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (negated, body) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let error = |reason: String| PatternError {
            pattern: text.to_owned(),
            reason,
        };
        let source = translate(body).map_err(error)?;
        let regex = Regex::new(&source).map_err(|_| error("the pattern is too large".into()))?;
        Ok(Self {
            text: text.to_owned(),
            negated,
            regex,
        })
    }

    /// Says whether the whole name fits, the `!` aside.
    pub fn fits(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Names what is legal in a pattern but can hardly be meant.
pub fn oddity(text: &str, subject: Subject) -> Option<String> {
    let body = text.strip_prefix('!').unwrap_or(text);
    if body.is_empty() {
        return Some(if text.is_empty() {
            "an empty pattern matches nothing".into()
        } else {
            "nothing stands after '!'".into()
        });
    }
    if body.contains(['\n', '\r']) {
        return Some("a line break matches no name".into());
    }
    if body != body.trim() {
        return Some("blanks at the ends are part of the pattern".into());
    }
    if let Some(found) = odd_repeat(body).or_else(|| odd_class(body)) {
        return Some(found);
    }
    match subject {
        Subject::Ref => odd_ref(body),
        Subject::Path => odd_path(body),
    }
}

/// `?` or `+` without an ordinary character before it.
fn odd_repeat(body: &str) -> Option<String> {
    let mut before = None;
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        match c {
            '?' | '+' if matches!(before, None | Some('*' | '?' | '+')) => {
                return Some(format!(
                    "'{c}' repeats the character before it, and there is none"
                ));
            }
            '\\' => {
                chars.next();
                before = Some('\\');
            }
            _ => before = Some(c),
        }
    }
    None
}

/// A set of one character.
fn odd_class(body: &str) -> Option<String> {
    let mut rest = body;
    while let Some(open) = rest.find('[') {
        let inner = &rest[open + 1..];
        let end = inner.find(']')?;
        if inner[..end].chars().count() == 1 && !rest[..open].ends_with('\\') {
            return Some(format!(
                "'[{}]' is the same as the character alone",
                &inner[..end]
            ));
        }
        rest = &inner[end..];
    }
    None
}

fn odd_ref(body: &str) -> Option<String> {
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            match chars.next() {
                Some(next) if "[?*".contains(next) => {
                    return Some(format!("a ref name can not contain '{next}'"));
                }
                Some(next) if !"+\\!]".contains(next) => {
                    return Some(format!("'\\{next}' is the same as '{next}'"));
                }
                _ => {}
            }
        }
    }
    if body.ends_with(['/', '.']) || body.starts_with('/') {
        return Some("a ref name neither ends with '/' or '.' nor begins with '/'".into());
    }
    if body.starts_with("refs/heads/") || body.starts_with("refs/tags/") {
        return Some("patterns see the short name, without 'refs/heads/' or 'refs/tags/'".into());
    }
    None
}

fn odd_path(body: &str) -> Option<String> {
    let first = body.split('/').next().unwrap_or_default();
    if matches!(first, "." | "..") {
        return Some(format!(
            "paths count from the root of the repository, without '{first}'"
        ));
    }
    if body.starts_with('/') {
        return Some("paths count from the root of the repository, without '/'".into());
    }
    None
}

/// Turns a pattern into an anchored regular expression.
fn translate(body: &str) -> Result<String, String> {
    let chars: Vec<char> = body.chars().collect();
    let mut out = String::from(r"(?s)\A");
    let mut last = Item::Start;
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        i += 1;
        match c {
            '*' => {
                let at_segment = i == 1 || chars[i - 2] == '/';
                let mut stars = 1;
                while chars.get(i) == Some(&'*') {
                    stars += 1;
                    i += 1;
                }
                if stars > 1 && at_segment && chars.get(i) == Some(&'/') {
                    out.push_str("(?:.*/)?");
                    i += 1;
                } else {
                    out.push_str(if stars > 1 { "(?:.*)" } else { "(?:[^/]*)" });
                }
                last = Item::Star;
            }
            '?' => match last {
                Item::Start => push_literal(&mut out, c, &mut last),
                Item::Optional | Item::Plus | Item::Star => {}
                Item::One => {
                    out.push('?');
                    last = Item::Optional;
                }
            },
            '+' => match last {
                Item::Start => push_literal(&mut out, c, &mut last),
                Item::Star => return Err("'+' can not follow '*'".into()),
                Item::Plus => return Err("'+' can not follow '+'".into()),
                Item::Optional => return Err("'+' can not follow '?'".into()),
                Item::One => {
                    out.push('+');
                    last = Item::Plus;
                }
            },
            '[' => {
                i = class(&chars, i, &mut out)?;
                last = Item::One;
            }
            '\\' if i < chars.len() => {
                push_literal(&mut out, chars[i], &mut last);
                i += 1;
            }
            _ => push_literal(&mut out, c, &mut last),
        }
    }
    out.push_str(r"\z");
    Ok(out)
}

/// What `?` and `+` would repeat.
#[derive(Clone, Copy)]
enum Item {
    Start,
    One,
    Star,
    Optional,
    Plus,
}

fn push_literal(out: &mut String, c: char, last: &mut Item) {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    *last = Item::One;
}

/// Reads a set from after its `[`; gives the place after its `]`.
fn class(chars: &[char], mut i: usize, out: &mut String) -> Result<usize, String> {
    let mut set = String::new();
    loop {
        let Some(&c) = chars.get(i) else {
            return Err("'[' is never closed".into());
        };
        i += 1;
        if c == ']' {
            break;
        }
        let start = if c == '\\' && i < chars.len() {
            i += 1;
            chars[i - 1]
        } else {
            c
        };
        push_in_class(&mut set, start);
        if chars.get(i) == Some(&'-') {
            let end = *chars.get(i + 1).ok_or("'[' is never closed")?;
            if end == ']' {
                return Err(format!("the range '{start}-' has no end"));
            }
            if end < start {
                return Err(format!("the range '{start}-{end}' runs backwards"));
            }
            set.push('-');
            push_in_class(&mut set, end);
            i += 2;
        }
    }
    if set.is_empty() {
        return Err("'[]' holds no character".into());
    }
    out.push('[');
    out.push_str(&set);
    out.push(']');
    Ok(i)
}

fn push_in_class(set: &mut String, c: char) {
    if !c.is_alphanumeric() {
        set.push_str(if c.is_ascii_punctuation() { "\\" } else { "" });
    }
    set.push(c);
}

/// Which way a list decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Include,
    Ignore,
}

/// A list of patterns: `branches`, `paths-ignore` …
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    mode: Mode,
    patterns: Vec<Pattern>,
}

impl Filter {
    /// Reads a list that lets names in.
    pub fn include<S: AsRef<str>>(patterns: &[S]) -> Result<Self, PatternError> {
        Self::read(Mode::Include, patterns)
    }

    /// Reads a list that keeps names out (`branches-ignore` …).
    pub fn ignore<S: AsRef<str>>(patterns: &[S]) -> Result<Self, PatternError> {
        Self::read(Mode::Ignore, patterns)
    }

    fn read<S: AsRef<str>>(mode: Mode, patterns: &[S]) -> Result<Self, PatternError> {
        let patterns = patterns
            .iter()
            .map(|text| Pattern::parse(text.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self { mode, patterns })
    }

    /// Says whether the list lets this name run the workflow.
    pub fn allows(&self, name: &str) -> bool {
        // The last pattern that fits decides (SPEC W-57).
        let chosen = self
            .patterns
            .iter()
            .rfind(|pattern| pattern.fits(name))
            .is_some_and(|pattern| !pattern.negated);
        match self.mode {
            Mode::Include => chosen,
            Mode::Ignore => !chosen,
        }
    }

    /// Says whether one of the names is enough to run the workflow (SPEC W-59).
    pub fn allows_any<S: AsRef<str>>(&self, names: &[S]) -> bool {
        names.iter().any(|name| self.allows(name.as_ref()))
    }
}

impl fmt::Display for Filter {
    /// `main, releases/**`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, pattern) in self.patterns.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}", pattern.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns_as_the_cheat_sheet_says() {
        // SPEC W-56: (pattern, name, fits).
        let table = [
            ("main", "main", true),
            ("main", "Main", false),
            ("*", "feature/a", false),
            ("**", "feature/a", true),
            ("**/b", "b", true),
            ("**/b", "a/c/b", true),
            ("a**/b", "ab", false),
            ("a/**/b", "a/b", true),
            ("v[0-9]+.x", "v12.x", true),
            ("v[0-9]+.x", "v12ax", false),
            ("+1", "+1", true),
            ("?x", "?x", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            (r"[\]]", "]", true),
            ("[^a]", "b", false),
            ("[a&&b]", "&", true),
            ("a\\", "a\\", true),
            ("über/*", "über/x", true),
            ("*.jsx?", "a.js", true),
            ("*.jsx?", "a\n.js", true),
        ];
        for (pattern, name, fits) in table {
            assert_eq!(
                Pattern::parse(pattern).unwrap().fits(name),
                fits,
                "{pattern} on {name}"
            );
        }
    }

    #[test]
    fn the_last_pattern_that_fits_decides() {
        // SPEC W-57.
        let filter = Filter::include(&["a/**", "!a/b/**", "a/b/keep"]).unwrap();
        assert!(filter.allows("a/x"));
        assert!(!filter.allows("a/b/x"));
        assert!(filter.allows("a/b/keep"));
        assert!(!Filter::include(&["!a"]).unwrap().allows("b"));
        assert!(Filter::ignore(&["a"]).unwrap().allows("b"));
        assert!(!Filter::ignore(&["a"]).unwrap().allows("a"));
    }

    #[test]
    fn one_allowed_file_is_enough() {
        // SPEC W-59.
        let docs = Filter::ignore(&["docs/**"]).unwrap();
        assert!(docs.allows_any(&["docs/a", "b"]));
        assert!(!docs.allows_any(&["docs/a"]));
        assert!(!docs.allows_any::<&str>(&[]));
    }

    #[test]
    fn an_error_names_the_pattern_and_the_reason() {
        let error = Pattern::parse("v[0-").unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid filter pattern 'v[0-': '[' is never closed"
        );
        let error = Filter::include(&["a", "b++"]).unwrap_err();
        assert_eq!(error.pattern, "b++");
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_panics(text in "[\\[\\]a-c*?+!\\\\/.-]{0,12}", name in "\\PC{0,12}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                pattern.fits(&name);
            }
            oddity(&text, Subject::Ref);
            oddity(&text, Subject::Path);
        }
    }
}
