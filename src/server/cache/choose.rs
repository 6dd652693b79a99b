//! Which entry a look-up gets (SPEC P-22; its order is as documented).

use super::store::Entry;

/// What a client looks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The run's own ref first.
    pub scopes: &'a [&'a str],
    /// The key, then the restore keys.
    pub keys: &'a [String],
    pub version: &'a str,
    /// Of the job's folders.
    pub layout: &'a str,
}

/// Scope by scope: the key itself, what begins with it, then each restore key alike, the newest first.
pub fn choose<'e>(entries: &'e [Entry], wanted: &Wanted<'_>) -> Option<&'e Entry> {
    wanted.scopes.iter().find_map(|scope| {
        let fitting: Vec<&Entry> = entries
            .iter()
            .filter(|entry| {
                entry.scope == **scope
                    && entry.version == wanted.version
                    && entry.layout == wanted.layout
            })
            .collect();
        wanted.keys.iter().find_map(|key| {
            let exact = fitting.iter().find(|entry| entry.key == *key);
            exact.copied().or_else(|| {
                let begins = fitting.iter().filter(|entry| entry.key.starts_with(key));
                begins
                    .max_by_key(|entry| (entry.created, entry.id))
                    .copied()
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::store::tests::entry;
    use super::*;

    fn chosen(entries: &[Entry], scopes: &[&str], keys: &[&str]) -> Option<u64> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let wanted = Wanted {
            scopes,
            keys: &keys,
            version: "v",
            layout: "",
        };
        choose(entries, &wanted).map(|entry| entry.id)
    }

    #[test]
    fn the_order_is_githubs() {
        // SPEC P-22
        let all = [
            entry(1, "main", "npm-a", "v"),
            entry(2, "main", "npm-ab", "v"),
            entry(3, "main", "npm-b", "v"),
            entry(4, "main", "npm-a", "other"),
            entry(5, "feature", "npm-old", "v"),
            entry(6, "other", "npm-a", "v"),
        ];
        let both = ["feature", "main"];
        // Exact before newer ones that begin with it; the version always counts.
        assert_eq!(chosen(&all, &["main"], &["npm-a"]), Some(1));
        assert_eq!(chosen(&all, &["main"], &["npm-"]), Some(3));
        // A prefix in the own scope is before the exact key in the next.
        assert_eq!(chosen(&all, &both, &["npm-a", "npm-"]), Some(5));
        assert_eq!(chosen(&all, &both, &["npm-a"]), Some(1));
        // Restore keys in their order, not the newest of all.
        assert_eq!(chosen(&all, &["main"], &["x", "npm-a", "npm-"]), Some(1));
        assert_eq!(chosen(&all, &["main"], &["x", "npm-", "npm-a"]), Some(3));
        // Nobody sees another branch.
        assert_eq!(chosen(&all, &["feature"], &["npm-a"]), None);
    }
}
