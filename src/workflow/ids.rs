//! Ids of jobs and steps: which are allowed, and how missing ones are made (SPEC 1.3, W-132).

use std::collections::{HashMap, HashSet};

/// An id is shorter than this.
const MAX_LENGTH: usize = 100;

/// The ids of one scope; case does not count.
#[derive(Debug, Default)]
pub struct Ids {
    taken: HashSet<String>,
    /// How often an id was made from a base: thousands of steps start from the same.
    made: HashMap<String, usize>,
}

impl Ids {
    /// Takes an id that a user gave, or says why it can not be one.
    pub fn claim(&mut self, id: &str) -> Result<(), String> {
        if !is_valid(id) {
            return Err(format!(
                "The identifier '{id}' is invalid. IDs may only contain alphanumeric characters, '_', and '-'. IDs must start with a letter or '_' and must be less than {MAX_LENGTH} characters."
            ));
        }
        if id.starts_with("__") {
            return Err(format!(
                "The identifier '{id}' is invalid. IDs starting with '__' are reserved."
            ));
        }
        if !self.taken.insert(id.to_lowercase()) {
            return Err(format!(
                "The identifier '{id}' may not be used more than once within the same scope."
            ));
        }
        Ok(())
    }

    /// Makes an id after `base`, with `_2`, `_3` … where it is taken.
    pub fn make(&mut self, base: &str) -> String {
        let clean = |c: char| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        };
        let base: String = format!("__{base}").chars().map(clean).collect();
        let attempt = self.made.entry(base.clone()).or_insert(0);
        loop {
            *attempt += 1;
            let suffix = if *attempt == 1 {
                String::new()
            } else {
                format!("_{attempt}")
            };
            let length = base.len().min(MAX_LENGTH - suffix.len());
            let id = format!("{}{suffix}", &base[..length]);
            if self.taken.insert(id.to_lowercase()) {
                return id;
            }
        }
    }
}

fn is_valid(id: &str) -> bool {
    let mut chars = id.chars();
    let starts_well = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    starts_well
        && id.len() < MAX_LENGTH
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w132_made_ids_avoid_each_other() {
        let mut ids = Ids::default();
        assert_eq!(ids.make("run"), "__run");
        assert_eq!(ids.make("actions/checkout"), "__actions_checkout");
        assert_eq!(ids.make("run"), "__run_2");
        assert_eq!(ids.make(&"x".repeat(200)).len(), 100);
    }

    #[test]
    fn users_ids_are_checked() {
        let mut ids = Ids::default();
        assert_eq!(ids.claim("_a-1"), Ok(()));
        for bad in ["", "1a", "-a", "a.b", "__x", "_A-1", &"x".repeat(100)] {
            assert!(ids.claim(bad).is_err(), "{bad}");
        }
    }
}
