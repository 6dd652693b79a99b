//! What git knows: where the repository stands, what changed, and the GitHub event that this would cause.
//!
//! Reads only; what [`Repo::merge`] makes goes into a repository of lrun's own. [`Repo::discover`] finds the
//! repository, [`Identity::of`] says what GitHub would call it, [`payload::make`] invents the event (SPEC 14, T-25).

pub mod changes;
pub mod facts;
pub mod identity;
pub mod merge;
pub mod payload;
mod refs;
pub mod remotes;

#[cfg(test)]
mod scratch;

use std::path::PathBuf;

pub use crate::plan::Content;
pub use changes::{DirtyTree, JobView};
pub use facts::{GitEnv, Head, Repo};
pub use identity::{Identity, IdentityRequest};
pub use remotes::RemoteUrl;

/// `sha` where there is no commit.
pub const ZEROS: &str = "0000000000000000000000000000000000000000";

/// Why git could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepoError {
    #[error("{} is a bare repository: there are no files to run workflows on", .0.display())]
    Bare(PathBuf),
    #[error(
        "git does not trust {path}: it belongs to another user. To trust it: git config --global --add safe.directory {path}",
        path = .0.display()
    )]
    Untrusted(PathBuf),
    #[error("can not open the git repository {}", path.display())]
    Open { path: PathBuf, source: git2::Error },
    #[error("can not read the index {}", path.display())]
    Index { path: PathBuf, source: git2::Error },
    #[error("{doing}")]
    Git {
        doing: &'static str,
        source: git2::Error,
    },
    #[error("{head} can not be merged into {base}: conflict in {}", files.join(", "))]
    Conflict {
        base: String,
        head: String,
        files: Vec<String>,
    },
    #[error("can not write {}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("can not find {}", path.display())]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl RepoError {
    /// Names what was being done when git failed.
    pub(crate) fn git(doing: &'static str) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::Git { doing, source }
    }
}
