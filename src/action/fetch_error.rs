//! Why a repository at a ref is not to be had.

use std::io;
use std::sync::Arc;

use super::git_command::{Complaint, GitError};

/// What became of `GITHUB_TOKEN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFate {
    /// There is none.
    None,
    /// The server did not like it.
    Refused,
    /// Git's configuration leads to this address of another server.
    Kept(String),
}

/// To be shown after the `uses` that it is about; see [`FetchError::message`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    #[error("repository not found")]
    NoRepository { token: TokenFate },
    #[error("the server does not let us read it")]
    Refused { text: String, token: TokenFate },
    #[error("no such branch or tag")]
    NoRef { near: Vec<String> },
    #[error("a shortened commit SHA")]
    ShortCommit { commit: Option<String> },
    #[error("the server does not give that commit")]
    NoCommit,
    #[error("it is not in the cache, and --offline forbids to fetch it")]
    NotCached,
    #[error("{text}")]
    Transport {
        text: String,
        /// The commit that it was the last time.
        cached: Option<String>,
    },
    #[error("git can not be started")]
    NoGit(#[source] Arc<io::Error>),
    #[error("the cache can not be written")]
    Cache(#[source] Arc<io::Error>),
}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        Self::Cache(Arc::new(error))
    }
}

impl From<GitError> for FetchError {
    fn from(error: GitError) -> Self {
        Self::of(error, TokenFate::None)
    }
}

impl FetchError {
    pub(super) fn of(error: GitError, token: TokenFate) -> Self {
        match error {
            GitError::Start(error) => Self::NoGit(Arc::new(error)),
            GitError::Output(error) => Self::Cache(Arc::new(error)),
            GitError::TimedOut(_) => Self::Transport {
                text: error.to_string(),
                cached: None,
            },
            GitError::Failed { complaint, meaning } => match meaning {
                Complaint::NoRepository => Self::NoRepository { token },
                Complaint::Refused => Self::Refused {
                    text: complaint,
                    token,
                },
                Complaint::NoCommit => Self::NoCommit,
                Complaint::NoRef => Self::NoRef { near: Vec::new() },
                Complaint::Other => Self::Transport {
                    text: complaint,
                    cached: None,
                },
            },
        }
    }

    /// What to say of `uses`, a text such as `actions/checkout@v4`; in GitHub's words where it has some.
    pub fn message(&self, uses: &str) -> String {
        let git_ref = uses.split_once('@').map_or("", |(_, git_ref)| git_ref);
        match self {
            Self::NoRepository { .. } => {
                format!("Unable to resolve action `{uses}`, repository not found")
            }
            Self::Refused { text, .. } => {
                format!(
                    "Unable to resolve action `{uses}`, repository not found, or not for everybody to read ({text})"
                )
            }
            Self::NoRef { .. } => {
                format!("Unable to resolve action `{uses}`, unable to find version `{git_ref}`")
            }
            Self::NoCommit => format!(
                "Unable to resolve action `{uses}`, unable to find version `{git_ref}`: the server does not give that commit"
            ),
            Self::ShortCommit { commit } => {
                let full = commit
                    .as_ref()
                    .map_or_else(String::new, |commit| format!(" `{commit}`"));
                format!(
                    "Unable to resolve action `{uses}`, the provided ref `{git_ref}` is the shortened version of a commit SHA, which is not supported. Please use the full commit SHA{full} instead."
                )
            }
            Self::NotCached => {
                format!("{uses} is not in the cache, and --offline forbids to fetch it")
            }
            Self::Transport { text, .. } => format!("{uses} can not be fetched: {text}"),
            Self::NoGit(error) => {
                format!("{uses} can not be fetched: git can not be started: {error}")
            }
            Self::Cache(error) => format!("{uses} can not be kept in the cache: {error}"),
        }
    }

    /// The repository has no such version, whoever asks for it.
    pub fn is_of_the_reference(&self) -> bool {
        matches!(
            self,
            Self::NoRef { .. } | Self::ShortCommit { .. } | Self::NoCommit
        )
    }

    /// How to mend it.
    pub fn help(&self) -> Option<String> {
        const TOKEN: &str =
            "a private repository needs a token: -s GITHUB_TOKEN, or --github-token gh";
        const REFUSED: &str = "the server refused GITHUB_TOKEN: a private repository needs one that is valid and may read it";
        match self {
            Self::NoRepository { token } | Self::Refused { token, .. } => Some(match token {
                TokenFate::None => TOKEN.to_owned(),
                TokenFate::Refused => REFUSED.to_owned(),
                TokenFate::Kept(url) => format!(
                    "GITHUB_TOKEN was not sent: git's configuration (url.<base>.insteadOf) leads to {url}, and it is not that server's; a credential helper of git can have one for it"
                ),
            }),
            Self::NoRef { near } => match near.as_slice() {
                [] => None,
                [one] => Some(format!("did you mean `{one}`?")),
                many => {
                    let names: Vec<String> = many.iter().map(|name| format!("`{name}`")).collect();
                    Some(format!("there are {}", names.join(", ")))
                }
            },
            Self::ShortCommit { .. } | Self::NoCommit => None,
            Self::NotCached => Some("run once without --offline; it stays in the cache".to_owned()),
            Self::Transport { cached, .. } => cached.as_ref().map(|commit| {
                format!("--action-offline-mode takes it as it was fetched last, {commit}")
            }),
            Self::NoGit(_) => {
                Some("lrun fetches with git: install it, or put it in PATH".to_owned())
            }
            Self::Cache(_) => {
                Some("--action-cache-path FOLDER puts the cache elsewhere".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_speak_as_github_does() {
        let short = FetchError::ShortCommit {
            commit: Some("f".repeat(40)),
        };
        assert_eq!(
            short.message("o/r@fffffff"),
            format!(
                "Unable to resolve action `o/r@fffffff`, the provided ref `fffffff` is the shortened version of a commit SHA, which is not supported. Please use the full commit SHA `{}` instead.",
                "f".repeat(40)
            )
        );
        let none = FetchError::NoRef {
            near: vec!["v2".to_owned(), "v1".to_owned()],
        };
        assert_eq!(
            none.message("o/r/p@v9"),
            "Unable to resolve action `o/r/p@v9`, unable to find version `v9`"
        );
        assert_eq!(none.help().as_deref(), Some("there are `v2`, `v1`"));
    }
}
