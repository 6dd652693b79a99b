//! Why a key finds nothing: the entries that are nearest to it, and what differs.

use super::store::Entry;

/// What stands between an entry and a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Nothing: it would be found.
    None,
    /// It begins like the key, and would be found by it.
    Beginning,
    /// The same key with another version: other paths, or another compression.
    Version,
    /// The same key, saved by a job whose folders lie otherwise.
    Layout,
    /// The same key, saved by a ref whose entries this one does not see.
    Scope,
    /// Another key; equal up to this byte.
    Key { common: usize },
}

/// An entry near to the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near<'e> {
    pub entry: &'e Entry,
    pub difference: Difference,
    /// Whether the look-up sees its scope.
    pub visible: bool,
}

/// The nearest entries, at most so many, the nearest first. `version`: with the layout, where they are known.
pub fn nearest<'e>(
    entries: &'e [Entry],
    scopes: &[&str],
    key: &str,
    version: Option<(&str, &str)>,
    most: usize,
) -> Vec<Near<'e>> {
    let mut all: Vec<(u8, usize, Near<'e>)> = entries
        .iter()
        .map(|entry| {
            let visible = scopes.contains(&entry.scope.as_str());
            let difference = difference(entry, visible, key, version);
            let (rank, common) = match difference {
                Difference::None | Difference::Beginning => (0, 0),
                Difference::Version | Difference::Layout => (1, 0),
                Difference::Scope => (2, 0),
                Difference::Key { common } => (3, common),
            };
            let near = Near {
                entry,
                difference,
                visible,
            };
            (rank, common, near)
        })
        .collect();
    all.sort_by_key(|(rank, common, near)| {
        let newest = std::cmp::Reverse((near.entry.created, near.entry.id));
        (*rank, std::cmp::Reverse(*common), !near.visible, newest)
    });
    let has_same = all.iter().any(|(rank, ..)| *rank < 3);
    all.into_iter()
        // Keys that have nothing in common with it explain nothing.
        .filter(|(rank, common, _)| *rank < 3 || (*common > 0 && !has_same))
        .map(|(.., near)| near)
        .take(most)
        .collect()
}

fn difference(
    entry: &Entry,
    visible: bool,
    key: &str,
    version: Option<(&str, &str)>,
) -> Difference {
    let fits =
        version.is_none_or(|(version, layout)| version == entry.version && layout == entry.layout);
    if entry.key != key && entry.key.starts_with(key) && visible && fits {
        return Difference::Beginning;
    }
    if entry.key != key {
        let pairs = entry.key.char_indices().zip(key.chars());
        let differs = pairs.into_iter().find(|((_, own), other)| own != other);
        let common = differs.map_or(entry.key.len().min(key.len()), |((at, _), _)| at);
        return Difference::Key { common };
    }
    if !visible {
        return Difference::Scope;
    }
    match version {
        Some((version, _)) if version != entry.version => Difference::Version,
        Some((_, layout)) if layout != entry.layout => Difference::Layout,
        _ => Difference::None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::tests::entry;
    use super::*;

    fn found(key: &str, version: Option<(&str, &str)>) -> Vec<(u64, Difference)> {
        let all = [
            entry(1, "main", "npm-linux-abc", "v"),
            entry(2, "other", "npm-linux-abd", "v"),
            entry(3, "main", "npm-linux-xyz", "v"),
            entry(4, "main", "cargo", "v"),
        ];
        nearest(&all, &["main"], key, version, 2)
            .into_iter()
            .map(|near| (near.entry.id, near.difference))
            .collect()
    }

    #[test]
    fn the_nearest_come_first_with_what_differs() {
        assert_eq!(found("npm-linux-abc", None), [(1, Difference::None)]);
        assert_eq!(
            found("npm-linux-abc", Some(("w", ""))),
            [(1, Difference::Version)]
        );
        assert_eq!(
            found("npm-linux-abc", Some(("v", "../.."))),
            [(1, Difference::Layout)]
        );
        assert_eq!(found("npm-linux-abd", None), [(2, Difference::Scope)]);
        assert_eq!(
            found("npm-linux-abq", None),
            [
                (1, Difference::Key { common: 12 }),
                (2, Difference::Key { common: 12 })
            ]
        );
        assert_eq!(found("npm-linux-x", None)[0], (3, Difference::Beginning));
        assert_eq!(found("zzz", None), []);
    }
}
