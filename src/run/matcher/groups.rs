//! The groups of an expression, and the numbers that .NET gives them.

use std::collections::BTreeMap;

/// What a group is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    None,
    Text(String),
    Number(usize),
}

/// Numbers the groups: those without a name first, then the named ones (.NET).
pub(super) fn slots(text: &str) -> BTreeMap<usize, Vec<usize>> {
    let names = names(text);
    let mut slots: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut unnamed = 0;
    for (place, name) in names.iter().enumerate() {
        let number = match name {
            Name::None => {
                unnamed += 1;
                unnamed
            }
            Name::Number(number) => *number,
            Name::Text(_) => continue,
        };
        slots.entry(number).or_default().push(place + 1);
    }
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut next = unnamed + 1;
    for (place, name) in names.iter().enumerate() {
        let Name::Text(name) = name else { continue };
        let number = *known.entry(name).or_insert_with(|| {
            while slots.contains_key(&next) {
                next += 1;
            }
            next
        });
        slots.entry(number).or_default().push(place + 1);
    }
    slots
}

/// The capturing groups in the order in which they open.
pub(super) fn names(text: &str) -> Vec<Name> {
    let chars: Vec<char> = text.chars().collect();
    let mut names = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 1,
            '[' => at = end_of_class(&chars, at),
            '(' => {
                if let Some(name) = name_at(&chars, at + 1) {
                    names.push(name.0);
                } else if chars.get(at + 1) != Some(&'?') {
                    names.push(Name::None);
                }
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// The place of the `]` that closes the class opened at `at`.
fn end_of_class(chars: &[char], at: usize) -> usize {
    let mut at = at + 1;
    if chars.get(at) == Some(&'^') {
        at += 1;
    }
    if chars.get(at) == Some(&']') {
        at += 1;
    }
    while at < chars.len() && chars[at] != ']' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at
}

/// `?<name>` or `?'name'` at a place, with the place behind it.
pub(super) fn name_at(chars: &[char], at: usize) -> Option<(Name, usize)> {
    let close = match chars.get(at..at + 2)? {
        ['?', '<'] => '>',
        ['?', '\''] => '\'',
        _ => return None,
    };
    let length = chars[at + 2..].iter().position(|c| *c == close)?;
    let name: String = chars[at + 2..at + 2 + length].iter().collect();
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let after = at + 3 + length;
    Some(match name.parse() {
        Ok(number) => (Name::Number(number), after),
        Err(_) => (Name::Text(name), after),
    })
}
