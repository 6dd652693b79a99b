//! Where a lock's facts come from: refs, files at a commit, ids of repositories.

use std::collections::BTreeMap;
use std::fmt;

use super::pin::{Pin, Version, is_full_sha};

/// A repository of the server, spelled as the `uses` does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repository {
    pub owner: String,
    pub repo: String,
}

impl Repository {
    pub fn of(pin: &Pin) -> Self {
        let (owner, repo) = pin.repository().split_once('/').unwrap_or_default();
        Self {
            owner: owner.to_owned(),
            repo: repo.to_owned(),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.repo)
    }
}

/// Why a fact could not be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    #[error("git can not be started: {0}")]
    NoGit(String),
    #[error("git {command}: {message}")]
    Git { command: String, message: String },
    #[error("GET {url}: {message}")]
    Api { url: String, message: String },
    #[error("{0}")]
    Disk(String),
}

/// The tags and branches of a repository, with the commits that they name.
#[derive(Debug, Clone, Default)]
pub struct Refs {
    pub tags: BTreeMap<String, String>,
    pub branches: BTreeMap<String, String>,
    pub default_branch: Option<String>,
}

impl Refs {
    /// The commit that `uses: …@git_ref` means: a tag before a branch, a full sha is itself.
    pub fn commit(&self, git_ref: &str) -> Option<&str> {
        if let Some(tag) = git_ref.strip_prefix("refs/tags/") {
            return self.tags.get(tag).map(String::as_str);
        }
        if let Some(branch) = git_ref.strip_prefix("refs/heads/") {
            return self.branches.get(branch).map(String::as_str);
        }
        self.tags
            .get(git_ref)
            .or_else(|| self.branches.get(git_ref))
            .map(String::as_str)
    }

    /// The best name of a commit: a whole version, any version, any tag, a branch that ends in it.
    pub fn name(&self, commit: &str) -> Option<&str> {
        let tags = naming(&self.tags, commit);
        let versions = || {
            tags.iter()
                .filter_map(|tag| Version::of(tag).map(|version| (version, *tag)))
        };
        versions()
            .filter(|(version, _)| version.is_full())
            .max()
            .or_else(|| versions().max())
            .map(|(_, tag)| tag)
            .or_else(|| tags.first().copied())
            .or_else(|| {
                let branches = naming(&self.branches, commit);
                self.best_branch(&branches)
            })
    }

    /// The default branch, a release branch, the first.
    pub fn best_branch<'b>(&self, branches: &[&'b str]) -> Option<&'b str> {
        let is_default = |branch: &&&str| Some(**branch) == self.default_branch.as_deref();
        let is_release = |branch: &&&str| branch.starts_with("release/v");
        branches
            .iter()
            .find(is_default)
            .or_else(|| branches.iter().find(is_release))
            .or_else(|| branches.iter().min())
            .copied()
    }
}

fn naming<'r>(refs: &'r BTreeMap<String, String>, commit: &str) -> Vec<&'r str> {
    refs.iter()
        .filter(|(name, at)| at.eq_ignore_ascii_case(commit) && !is_full_sha(name))
        .map(|(name, _)| name.as_str())
        .collect()
}

/// Tells what refs name.
pub trait RefSource: Sync {
    fn refs(&self, repository: &Repository) -> Result<Refs, SourceError>;

    /// Branches whose history has the commit.
    fn branches_with(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Vec<String>, SourceError>;
}

/// Opens files of a repository at a commit.
pub trait ManifestSource: Sync {
    /// `None` where the commit has no such file.
    fn file(
        &self,
        repository: &Repository,
        commit: &str,
        path: &str,
    ) -> Result<Option<String>, SourceError>;

    /// When the commit was made, in seconds since 1970, if that is known.
    fn committed_at(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Option<i64>, SourceError>;
}

/// GitHub's numbers for a repository: they stay when names change hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    pub owner: u64,
    pub repo: u64,
}

/// Tells the ids of repositories.
pub trait IdSource: Sync {
    fn ids(&self, repository: &Repository) -> Result<Ids, SourceError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refs(tags: &[(&str, &str)], branches: &[(&str, &str)]) -> Refs {
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, at)| ((*name).to_owned(), (*at).to_owned()))
                .collect()
        };
        Refs {
            tags: map(tags),
            branches: map(branches),
            default_branch: Some("main".into()),
        }
    }

    #[test]
    fn a_tag_comes_before_a_branch() {
        let refs = refs(&[("v1", "aa")], &[("v1", "bb"), ("main", "cc")]);
        assert_eq!(refs.commit("v1"), Some("aa"));
        assert_eq!(refs.commit("refs/heads/v1"), Some("bb"));
        assert_eq!(refs.commit("main"), Some("cc"));
        assert_eq!(refs.commit("v2"), None);
    }

    #[test]
    fn a6_the_best_name_of_a_commit() {
        let all = refs(
            &[
                ("latest", "aa"),
                ("v1", "aa"),
                ("v1.9.0", "aa"),
                ("v1.10.0", "aa"),
                ("v2", "bb"),
                ("zz", "cc"),
                ("nightly", "cc"),
            ],
            &[
                ("a", "dd"),
                ("main", "dd"),
                ("x", "ee"),
                ("release/v1", "ee"),
            ],
        );
        for (commit, name) in [
            ("aa", Some("v1.10.0")),
            ("bb", Some("v2")),
            ("cc", Some("nightly")),
            ("dd", Some("main")),
            ("ee", Some("release/v1")),
            ("ff", None),
        ] {
            assert_eq!(all.name(commit), name, "{commit}");
        }
    }
}
