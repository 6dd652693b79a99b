//! The branches and tags of a remote repository, and which of them a ref means.

use std::cmp::Reverse;

use super::cache::is_commit;
use crate::workflow::suggest;

/// Branches and tags with their commits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteRefs {
    /// Full name and commit; a tag's own object is left out where its commit is known.
    refs: Vec<(String, String)>,
}

/// Suggestions at most.
const MAX_NEAR: usize = 3;

impl RemoteRefs {
    /// Reads what `git ls-remote` gives.
    pub fn parse(output: &str) -> Self {
        let mut refs: Vec<(String, String)> = Vec::new();
        for line in output.lines() {
            let Some((commit, name)) = line.split_once('\t') else {
                continue;
            };
            if !is_commit(commit) {
                continue;
            }
            match name.strip_suffix("^{}") {
                // Stands right after its tag.
                Some(tag) => match refs.iter_mut().rev().find(|(name, _)| name == tag) {
                    Some(found) => commit.clone_into(&mut found.1),
                    None => refs.push((tag.to_owned(), commit.to_owned())),
                },
                None => refs.push((name.to_owned(), commit.to_owned())),
            }
        }
        Self { refs }
    }

    /// Full name and commit of a ref as GitHub takes it: a tag before a branch.
    pub fn find(&self, git_ref: &str) -> Option<(&str, &str)> {
        let names = [
            git_ref.to_owned(),
            format!("refs/{git_ref}"),
            format!("refs/tags/{git_ref}"),
            format!("refs/heads/{git_ref}"),
        ];
        names.iter().find_map(|wanted| {
            let found = self.refs.iter().find(|(name, _)| name == wanted)?;
            Some((found.0.as_str(), found.1.as_str()))
        })
    }

    /// The commit whose name starts so.
    pub fn commit_starting(&self, start: &str) -> Option<&str> {
        let start = start.to_ascii_lowercase();
        let found = self.refs.iter().find(|(_, it)| it.starts_with(&start))?;
        Some(&found.1)
    }

    fn short_names(&self) -> impl Iterator<Item = &str> {
        self.refs.iter().filter_map(|(name, _)| {
            name.strip_prefix("refs/tags/")
                .or_else(|| name.strip_prefix("refs/heads/"))
        })
    }

    /// What may have been meant: the nearest names, the likeliest first.
    pub fn near(&self, git_ref: &str) -> Vec<String> {
        let bare = |name: &str| name.trim_start_matches(['v', 'V']).to_ascii_lowercase();
        let wanted = bare(git_ref);
        if let Some(found) = self.short_names().find(|name| bare(name) == wanted) {
            return vec![found.to_owned()];
        }
        if let Some(found) = suggest::nearest(git_ref, self.short_names()) {
            return vec![found.to_owned()];
        }
        let Some(version) = numbers(git_ref) else {
            return Vec::new();
        };
        let mut like: Vec<(Vec<u64>, &str)> = self
            .short_names()
            .filter_map(|name| Some((numbers(name)?, name)))
            .filter(|(numbers, _)| numbers.len() == version.len())
            .collect();
        like.sort_by_key(|(numbers, _)| Reverse(numbers.clone()));
        like.dedup();
        let names = like.iter().map(|(_, name)| (*name).to_owned());
        names.take(MAX_NEAR).collect()
    }
}

/// `v1.2` → 1, 2.
fn numbers(name: &str) -> Option<Vec<u64>> {
    let name = name.strip_prefix(['v', 'V']).unwrap_or(name);
    name.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refs() -> RemoteRefs {
        let lines = [
            ("a", "refs/heads/main"),
            ("b", "refs/heads/v1"),
            ("c", "refs/tags/v1"),
            ("d", "refs/tags/v1^{}"),
            ("e", "refs/tags/v2"),
            ("f", "refs/tags/v10"),
            ("1", "refs/tags/v2.1"),
            ("2", "refs/heads/releases/v2"),
        ]
        .map(|(letter, name)| format!("{}\t{name}\n", letter.repeat(40)));
        RemoteRefs::parse(&lines.concat())
    }

    #[test]
    fn a_ref_is_a_tag_before_it_is_a_branch() {
        let refs = refs();
        for (git_ref, expected) in [
            ("v1", Some(("refs/tags/v1", "d"))),
            ("heads/v1", Some(("refs/heads/v1", "b"))),
            ("refs/heads/v1", Some(("refs/heads/v1", "b"))),
            ("tags/v2", Some(("refs/tags/v2", "e"))),
            ("main", Some(("refs/heads/main", "a"))),
            ("releases/v2", Some(("refs/heads/releases/v2", "2"))),
            ("v3", None),
            ("V1", None),
            ("", None),
        ] {
            let expected = expected.map(|(name, letter)| (name, letter.repeat(40)));
            let found = refs.find(git_ref).map(|(name, it)| (name, it.to_owned()));
            assert_eq!(found, expected, "{git_ref}");
        }
        let full = "d".repeat(40);
        assert_eq!(refs.commit_starting("DDDD"), Some(full.as_str()));
    }

    #[test]
    fn near_refs_are_named() {
        let refs = refs();
        for (git_ref, near) in [
            ("2", &["v2"][..]),
            ("V1", &["v1"]),
            ("mian", &["main"]),
            ("v99", &["v10", "v2", "v1"]),
            ("v7.7", &["v2.1"]),
            ("nothing-like-it", &[]),
        ] {
            assert_eq!(refs.near(git_ref), near, "{git_ref}");
        }
    }

    #[test]
    fn odd_output_is_no_ref() {
        assert_eq!(
            RemoteRefs::parse("x\nabc\trefs/heads/x\n\t\n"),
            RemoteRefs::default()
        );
    }
}
