//! Regular expressions as problem matchers mean them: .NET's with ECMAScript classes (SPEC K-22).

use std::collections::BTreeMap;

use fancy_regex::{Captures, Regex, RegexBuilder};

use super::groups::slots;
use super::translate::translate;

/// A compiled expression with its groups under the numbers that .NET gives them.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// For each group number the groups of `regex` that hold its text.
    slots: BTreeMap<usize, Vec<usize>>,
}

/// The expression took too many steps on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Pattern {
    pub fn compile(text: &str, steps: usize) -> Result<Self, String> {
        let invalid = |what: &str| format!("Invalid pattern '{text}'. {what}");
        let slots = slots(text);
        let translated = translate(text, &slots).map_err(|what| invalid(&what))?;
        let regex = RegexBuilder::new(&translated)
            .backtrack_limit(steps)
            .build()
            .map_err(|error| invalid(&error.to_string()))?;
        Ok(Self { regex, slots })
    }

    /// How many groups there are, the whole match included.
    pub fn groups(&self) -> usize {
        self.slots.len() + 1
    }

    pub fn captures<'t>(&self, line: &'t str) -> Result<Option<Captures<'t>>, TooSlow> {
        self.regex.captures(line).map_err(|_| TooSlow)
    }

    /// The text of a group; empty where it took no part.
    pub fn text<'t>(&self, captures: &Captures<'t>, group: usize) -> &'t str {
        let own = [0];
        let places = match self.slots.get(&group) {
            Some(places) => places.as_slice(),
            None if group == 0 => own.as_slice(),
            None => return "",
        };
        let found = places.iter().rev().find_map(|place| captures.get(*place));
        found.map_or("", |found| found.as_str())
    }
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
