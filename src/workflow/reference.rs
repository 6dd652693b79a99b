//! The texts after `uses:`: actions (SPEC W-134) and workflows (SPEC W-141).

use std::fmt;
use std::str::FromStr;

/// Which action a step uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// `./path`: in the workspace.
    Local(String),
    /// `$/path`: in the repository of the file that says so.
    SelfRepository(String),
    /// `docker://image`.
    Docker(String),
    Remote {
        owner: String,
        repo: String,
        path: Option<String>,
        git_ref: String,
    },
}

/// Which workflow a job calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WorkflowReference {
    /// `./.github/workflows/x.yml`, without `./`: same repository, same commit.
    Local(String),
    /// `$/.github/workflows/x.yml`, without `$/`: the repository of the file that says so.
    SelfRepository(String),
    Remote {
        owner: String,
        repo: String,
        path: String,
        git_ref: String,
    },
}

/// A text that is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("Expected format {{org}}/{{repo}}[/path]@ref. Actual '{0}'")]
    Action(String),
    #[error("Expected format $/path without @ref. Actual '{0}'")]
    SelfRepository(String),
    #[error("invalid value workflow reference: no version specified")]
    NoVersion,
    #[error(
        "invalid value workflow reference: references to workflows must be prefixed with format 'owner/repository/' or './' for local workflows"
    )]
    Prefix,
    #[error(
        "invalid value workflow reference: references to workflows must be rooted in '.github/workflows'"
    )]
    Root,
    #[error(
        "invalid value workflow reference: workflows must be defined at the top level of the .github/workflows/ directory"
    )]
    Nested,
    #[error(
        "invalid value workflow reference: cannot specify version when calling local workflows"
    )]
    LocalVersion,
    #[error(
        "invalid value workflow reference: cannot specify version when calling self repository workflows"
    )]
    SelfVersion,
}

impl ReferenceError {
    pub fn help(&self) -> &'static str {
        match self {
            Self::Action(text) if text.starts_with('.') || text.starts_with('/') => {
                "an action of the own repository is written `./path/to/action`"
            }
            Self::Action(_) => {
                "for instance `actions/checkout@v4`, `./path/to/action` or `docker://alpine:3`"
            }
            Self::SelfRepository(_) => "`$/path` is always the commit of the file that says it",
            Self::NoVersion => "add `@` and a branch, tag or commit",
            Self::Prefix | Self::Root | Self::Nested | Self::LocalVersion | Self::SelfVersion => {
                "for instance `./.github/workflows/build.yml` or `owner/repo/.github/workflows/build.yml@v1`"
            }
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if let Some(image) = text.strip_prefix("docker://") {
            return Ok(Self::Docker(image.to_owned()));
        }
        if let Some(path) = text.strip_prefix("./").or_else(|| text.strip_prefix(".\\")) {
            return Ok(Self::Local(path.replace('\\', "/")));
        }
        if let Some(path) = text.strip_prefix("$/") {
            if path.contains('@') {
                return Err(ReferenceError::SelfRepository(text.to_owned()));
            }
            return Ok(Self::SelfRepository(path.to_owned()));
        }
        let invalid = || ReferenceError::Action(text.to_owned());
        let (name, git_ref) = text.split_once('@').ok_or_else(invalid)?;
        if git_ref.is_empty() || git_ref.contains('@') {
            return Err(invalid());
        }
        let mut segments = name
            .split(['/', '\\'])
            .filter(|segment| !segment.is_empty());
        let (Some(owner), Some(repo)) = (segments.next(), segments.next()) else {
            return Err(invalid());
        };
        let path = segments.collect::<Vec<_>>().join("/");
        Ok(Self::Remote {
            owner: owner.to_owned(),
            repo: repo.to_owned(),
            path: (!path.is_empty()).then_some(path),
            git_ref: git_ref.to_owned(),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "./{path}"),
            Self::SelfRepository(path) => write!(f, "$/{path}"),
            Self::Docker(image) => write!(f, "docker://{image}"),
            Self::Remote {
                owner,
                repo,
                path,
                git_ref,
            } => {
                write!(f, "{owner}/{repo}")?;
                if let Some(path) = path {
                    write!(f, "/{path}")?;
                }
                write!(f, "@{git_ref}")
            }
        }
    }
}

const FOLDER: &str = ".github/workflows/";

impl FromStr for WorkflowReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if let Some(path) = text.strip_prefix("./") {
            if path.contains('@') {
                return Err(ReferenceError::LocalVersion);
            }
            return in_folder(path).map(|()| Self::Local(path.to_owned()));
        }
        if let Some(path) = text.strip_prefix("$/") {
            if path.contains('@') {
                return Err(ReferenceError::SelfVersion);
            }
            return in_folder(path).map(|()| Self::SelfRepository(path.to_owned()));
        }
        let (name, git_ref) = match text.split_once('@') {
            Some((name, git_ref)) if !git_ref.is_empty() => (name, git_ref),
            _ => return Err(ReferenceError::NoVersion),
        };
        let mut segments = name.splitn(3, '/');
        let (Some(owner), Some(repo), Some(path)) =
            (segments.next(), segments.next(), segments.next())
        else {
            return Err(ReferenceError::Prefix);
        };
        if owner.is_empty() || repo.is_empty() || name.contains(':') {
            return Err(ReferenceError::Prefix);
        }
        in_folder(path)?;
        Ok(Self::Remote {
            owner: owner.to_owned(),
            repo: repo.to_owned(),
            path: path.to_owned(),
            git_ref: git_ref.to_owned(),
        })
    }
}

fn in_folder(path: &str) -> Result<(), ReferenceError> {
    match path.strip_prefix(FOLDER) {
        None | Some("") => Err(ReferenceError::Root),
        Some(file) if file.contains('/') => Err(ReferenceError::Nested),
        Some(_) => Ok(()),
    }
}

impl fmt::Display for WorkflowReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "./{path}"),
            Self::SelfRepository(path) => write!(f, "$/{path}"),
            Self::Remote {
                owner,
                repo,
                path,
                git_ref,
            } => write!(f, "{owner}/{repo}/{path}@{git_ref}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w134_actions() {
        let remote = |path: Option<&str>| Reference::Remote {
            owner: "o".into(),
            repo: "r".into(),
            path: path.map(str::to_owned),
            git_ref: "v1".into(),
        };
        for (text, reference) in [
            ("./a/b", Reference::Local("a/b".into())),
            (".\\a\\b", Reference::Local("a/b".into())),
            ("$/a", Reference::SelfRepository("a".into())),
            ("docker://alpine:3", Reference::Docker("alpine:3".into())),
            ("o/r@v1", remote(None)),
            ("o/r/a/b@v1", remote(Some("a/b"))),
        ] {
            assert_eq!(text.parse(), Ok(reference), "{text}");
        }
        for text in [
            "", "o/r", "o@v1", "o/r@", "o/r@a@b", "@v1", "../x", "$/a@v1",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        let error = "actions/checkout".parse::<Reference>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "Expected format {org}/{repo}[/path]@ref. Actual 'actions/checkout'"
        );
    }

    #[test]
    fn w141_workflows() {
        for text in [
            "./.github/workflows/x.yml",
            "$/.github/workflows/x.yml",
            "o/r/.github/workflows/x.yml@main",
        ] {
            assert_eq!(text.parse::<WorkflowReference>().unwrap().to_string(), text);
        }
        for text in [
            "./x.yml",
            "./.github/workflows/a/x.yml",
            "./.github/workflows/x.yml@v1",
            "$/x.yml",
            "$/.github/workflows/x.yml@v1",
            "o/r/.github/workflows/x.yml",
            "o/r/x.yml@v1",
            "docker://x@v1",
            "x@v1",
        ] {
            assert!(text.parse::<WorkflowReference>().is_err(), "{text}");
        }
    }
}
