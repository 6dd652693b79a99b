//! What a job sees of the user's tree: the snapshot and the checkout of the own repository.
//!
//! The rule (which files, with which content) lives in `scan` and `tree`; the mechanisms that bring them to a
//! place (`snapshot`, `place`) never decide anything about it. `checkout` adds the `.git` of `git_folder`.

mod bound;
mod checkout;
mod destination;
mod entry;
mod git_folder;
mod head;
mod ignores;
mod judge;
mod lfs;
mod manifest;
mod overlay;
mod place;
mod refs;
mod request;
mod scan;
mod snapshot;
mod source;
mod sparse;
mod store;
mod submodule;
mod tracked;
mod tree;
mod walk;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use crate::plan::{Content, Merge};
pub use bound::confirm_bound;
pub use checkout::{Checkout, Target, checkout, lay};
pub use destination::{plain_destination, tracked_by};
pub use overlay::confirm_overlay;
pub use request::{CheckoutRequest, Submodules};
pub use scan::Changes;
pub use snapshot::Snapshot;
pub use source::borrowed;
pub use store::folder_of as snapshots;

/// Files of lrun's own that may hold secrets, in the root of the workspace.
const SECRET_FILES: [&str; 4] = [".secrets", ".env", ".vars", ".input"];

/// Where the user's tree is and how it is seen.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The folder whose content is the workspace.
    pub root: PathBuf,
    /// The repository's git dir (of a linked worktree: its own); without one there is no git.
    pub git_dir: Option<PathBuf>,
    /// `GIT_INDEX_FILE` of a hook.
    pub index_file: Option<PathBuf>,
    /// The root is below the top level: then the workspace has no `.git`.
    pub below_top_level: bool,
    pub content: Content,
    /// The merge of a pull request, which stands in HEAD's place.
    pub merge: Option<Merge>,
    /// Ignored files are part of the workspace.
    pub with_ignored: bool,
    /// Secret files, which stay out unless git tracks them.
    pub exclude: Vec<PathBuf>,
    /// lrun's cache folder for snapshots.
    pub cache: PathBuf,
}

/// Why the user's tree could not be brought into a workspace.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot read the git repository {}", path.display())]
    Git { path: PathBuf, source: git2::Error },
    #[error("Repository path '{}' is not under '{}'", path.display(), workspace.display())]
    OutsideWorkspace { path: PathBuf, workspace: PathBuf },
    #[error("{} holds the user's own tree; a checkout would replace it", .0.display())]
    OwnTree(PathBuf),
    #[error("A branch or tag with the name '{0}' could not be found")]
    UnknownRef(String),
    #[error("uncommitted changes do not apply to the merge of the pull request: {}; commit them, or leave them out with --clean", .0.join(", "))]
    Overlay(Vec<String>),
    #[error("the commit {0} is not in the local repository")]
    UnknownCommit(String),
    #[error("{} is not a git repository, so the ref '{git_ref}' cannot be checked out", root.display())]
    NoGit { root: PathBuf, git_ref: String },
    #[error(
        "submodule '{path}' is not here at commit {commit}; run: git submodule update --init --recursive"
    )]
    SubmoduleMissing { path: String, commit: String },
    #[error("the LFS object of '{path}' is not here; run: git lfs pull")]
    LfsMissing { path: String },
    #[error(
        "the workspace is bound to the user's own tree at commit {here}; it is never switched to '{git_ref}' ({commit})"
    )]
    BoundElsewhere {
        here: String,
        git_ref: String,
        commit: String,
    },
    #[error("{} holds files that no checkout of lrun made; it is never overwritten in a bound workspace", path.display())]
    BoundOccupied { path: PathBuf },
}

pub(crate) type Result<T> = std::result::Result<T, WorkspaceError>;

/// Names the action and the path of an I/O error.
fn io<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> WorkspaceError + 'a {
    move |source| WorkspaceError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Names the repository of a git error.
fn git(path: &Path) -> impl FnOnce(git2::Error) -> WorkspaceError + '_ {
    move |source| WorkspaceError::Git {
        path: path.to_owned(),
        source,
    }
}
