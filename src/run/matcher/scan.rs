//! One matcher against line after line: the patterns' state, and the fields of a match (SPEC K-25).

use std::sync::Arc;

use fancy_regex::Captures;

use super::config::{Line, Matcher};
use super::pattern::TooSlow;

/// What was captured so far; an empty text counts as set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub file: Option<String>,
    pub line: Option<String>,
    pub column: Option<String>,
    pub severity: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
    pub from_path: Option<String>,
}

impl Fields {
    /// What a line adds to what the lines before it gave: the first that sets a field counts.
    fn after(running: Option<&Self>, pattern: &Line, found: &Captures) -> Self {
        let text = |earlier: Option<&String>, group: Option<usize>| {
            earlier
                .cloned()
                .or_else(|| group.map(|group| pattern.regex.text(found, group).to_owned()))
        };
        let earlier = |get: fn(&Self) -> Option<&String>| running.and_then(get);
        Self {
            file: text(earlier(|f| f.file.as_ref()), pattern.file),
            line: text(earlier(|f| f.line.as_ref()), pattern.number),
            column: text(earlier(|f| f.column.as_ref()), pattern.column),
            severity: text(earlier(|f| f.severity.as_ref()), pattern.severity),
            code: text(earlier(|f| f.code.as_ref()), pattern.code),
            message: text(earlier(|f| f.message.as_ref()), pattern.message),
            from_path: text(earlier(|f| f.from_path.as_ref()), pattern.from_path),
        }
    }

    /// A match as a whole: the matcher's own defaults fill what is empty.
    fn complete(mut self, matcher: &Matcher) -> Self {
        for (field, default) in [
            (&mut self.severity, &matcher.severity),
            (&mut self.from_path, &matcher.from_path),
        ] {
            if field.as_deref().unwrap_or_default().is_empty() && !default.is_empty() {
                *field = Some(default.clone());
            }
        }
        self
    }
}

/// A matcher with the state of its patterns.
#[derive(Debug)]
pub(super) struct Live {
    pub matcher: Arc<Matcher>,
    /// What the patterns before the last have seen.
    state: Vec<Option<Fields>>,
}

impl Live {
    pub fn new(matcher: Arc<Matcher>) -> Self {
        let state = vec![None; matcher.patterns.len().saturating_sub(1)];
        Self { matcher, state }
    }

    pub fn reset(&mut self) {
        self.state.fill(None);
    }

    /// The fields, if the line completes a match.
    pub fn look(&mut self, line: &str) -> Result<Option<Fields>, TooSlow> {
        let patterns = &self.matcher.patterns;
        for (place, pattern) in patterns.iter().enumerate().rev() {
            let running = match place.checked_sub(1) {
                None => None,
                Some(before) => match &self.state[before] {
                    None => continue,
                    some => some.as_ref(),
                },
            };
            let found = pattern.regex.captures(line)?;
            let fields = found.map(|found| Fields::after(running, pattern, &found));
            if place + 1 < patterns.len() {
                self.state[place] = fields;
                continue;
            }
            if let Some(fields) = fields {
                let prefix = if pattern.repeats {
                    running.cloned()
                } else {
                    None
                };
                self.state.fill(None);
                if let (Some(slot), true) = (self.state.last_mut(), pattern.repeats) {
                    *slot = prefix;
                }
                return Ok(Some(fields.complete(&self.matcher)));
            }
            if let Some(slot) = self.state.last_mut() {
                *slot = None;
            }
        }
        Ok(None)
    }
}
