//! `--local-repository`: folders that stand in for the repositories of actions and called workflows.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One folder for one ref of a repository: `[https://HOST/]OWNER/REPO@REF=FOLDER`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRepository {
    /// The server that it is of; any, if none was named.
    pub host: Option<String>,
    /// `owner/repo`, compared without case.
    pub repository: String,
    pub git_ref: String,
    /// As typed: relative to the folder that lrun is in.
    pub directory: PathBuf,
}

/// Why a text is no local repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected [https://HOST/]OWNER/REPO@REF=FOLDER, got '{0}'")]
pub struct LocalRepositoryError(String);

impl FromStr for LocalRepository {
    type Err = LocalRepositoryError;

    /// The name ends at the first `@`, the ref at the first `=` after it; a folder may hold both.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| LocalRepositoryError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<LocalRepository> {
    let (name, rest) = text.split_once('@')?;
    let (git_ref, directory) = rest.split_once('=')?;
    let (host, name) = match name.split_once("://") {
        Some(("https" | "http", place)) => {
            let (host, name) = place.split_once('/')?;
            (Some(host.to_ascii_lowercase()), name)
        }
        Some(_) => return None,
        None => (None, name),
    };
    let (owner, repo) = name.split_once('/')?;
    let sound = |part: &str| !part.is_empty() && !part.contains(['/', ' ', '=']);
    let complete = sound(owner) && sound(repo) && !git_ref.is_empty() && !directory.is_empty();
    (complete && host.as_deref() != Some("")).then(|| LocalRepository {
        host,
        repository: name.to_owned(),
        git_ref: git_ref.to_owned(),
        directory: PathBuf::from(directory),
    })
}

impl LocalRepository {
    /// The folder for `owner/repo@ref` of the server `host`; the last one given wins.
    pub fn find<'a>(
        all: &'a [Self],
        host: &str,
        repository: &str,
        git_ref: &str,
    ) -> Option<&'a Path> {
        let serves = |local: &&Self| {
            local.git_ref == git_ref
                && local.repository.eq_ignore_ascii_case(repository)
                && local
                    .host
                    .as_deref()
                    .is_none_or(|own| own.eq_ignore_ascii_case(host))
        };
        let found = all.iter().rev().find(serves)?;
        Some(&found.directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_in_for_one_ref_of_a_repository() {
        for (text, host, repository, git_ref, directory) in [
            ("o/r@v1=dir", None, "o/r", "v1", "dir"),
            ("o/r@feat/x=/a=b@c", None, "o/r", "feat/x", "/a=b@c"),
            ("o/r@pkg@1.0=../d", None, "o/r", "pkg@1.0", "../d"),
            (
                "https://Git.Acme.test/o/r@v1=d",
                Some("git.acme.test"),
                "o/r",
                "v1",
                "d",
            ),
        ] {
            let local: LocalRepository = text.parse().unwrap();
            assert_eq!(local.host.as_deref(), host, "{text}");
            assert_eq!(local.repository, repository, "{text}");
            assert_eq!(local.git_ref, git_ref, "{text}");
            assert_eq!(local.directory, Path::new(directory), "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_shows_the_form() {
        for text in [
            "",
            "o/r",
            "o/r@v1",
            "o/r=d",
            "o@v1=d",
            "/r@v1=d",
            "o/@v1=d",
            "o/r@=d",
            "o/r@v1=",
            "o/r/x@v1=d",
            "https://o/r@v1=d",
            "https:///o/r@v1=d",
            "ssh://h/o/r@v1=d",
        ] {
            let error = text.parse::<LocalRepository>().unwrap_err();
            assert!(
                error.to_string().contains("OWNER/REPO@REF=FOLDER"),
                "{text}"
            );
        }
    }

    #[test]
    fn the_last_fitting_folder_serves() {
        let all = [
            "o/r@v1=first",
            "O/R@v1=second",
            "https://other.test/o/r@v1=third",
        ]
        .map(|text| text.parse::<LocalRepository>().unwrap());
        let find = |host, name, git_ref| LocalRepository::find(&all, host, name, git_ref);
        assert_eq!(find("github.com", "o/R", "v1"), Some(Path::new("second")));
        assert_eq!(find("other.test", "o/r", "v1"), Some(Path::new("third")));
        assert_eq!(find("github.com", "o/r", "v2"), None);
        assert_eq!(find("github.com", "o/x", "v1"), None);
    }
}
