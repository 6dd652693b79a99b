//! Which state of the user's tree jobs see (DESIGN 4): a word that repository, workspace and door share.

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
