//! Which state of the user's tree jobs see (DESIGN 4): a word that repository, workspace and door share.

use std::path::PathBuf;

/// What of the repository is the workspace, and counts as changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Content {
    /// Tracked files as they stand in the working tree, and untracked ones that are not ignored.
    #[default]
    WorkingTree,
    /// The index, as a pre-commit hook judges it.
    Staged,
    /// Exactly the commit.
    Clean,
}

/// The merge of a pull request: a commit that only lrun has (SPEC T-25).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    pub commit: String,
    /// A bare repository of lrun's own that borrows the user's objects and holds the merge.
    pub store: PathBuf,
    /// HEAD is the head, so that uncommitted changes are laid over the merge.
    pub of_head: bool,
}
