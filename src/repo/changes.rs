//! Which files changed: between commits, and in the tree that has not been committed.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use git2::{
    Delta, Diff, DiffOptions, IndexEntryExtendedFlag, Oid, Sort, Status, StatusOptions, Tree,
};

use super::{Content, Repo, RepoError};

/// Beyond this many commits GitHub makes no diff and runs the workflow (SPEC W-59).
pub const MOST_COMMITS: usize = 1000;

/// The lines of more files than this are not counted: that would take longer than the jobs.
const MOST_FILES_READ: usize = 300;

/// What jobs see of the user's tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobView {
    pub content: Content,
    /// Untracked files that jobs never get: `.secrets` and the like, relative to the top level.
    pub withheld: Vec<String>,
    /// The root relative to the top level, where it is below it ([`Repo::prefix_of`]).
    pub within: Option<String>,
}

impl JobView {
    fn hides(&self, path: &str, is_untracked: bool) -> bool {
        self.inside(path).is_none()
            || is_untracked && self.withheld.iter().any(|withheld| withheld == path)
    }

    /// The path from the root, if it is inside.
    pub(super) fn inside<'p>(&self, path: &'p str) -> Option<&'p str> {
        match &self.within {
            Some(root) => path.strip_prefix(root.as_str())?.strip_prefix('/'),
            None => Some(path),
        }
    }
}

/// How far the tree is from HEAD.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DirtyTree {
    pub modified: usize,
    pub added: usize,
    pub deleted: usize,
    pub renamed: usize,
    pub untracked: usize,
    pub conflicted: usize,
}

impl DirtyTree {
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for DirtyTree {
    /// `2 modified, 1 untracked`; nothing for a clean tree.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.conflicted, "conflicted"),
            (self.modified, "modified"),
            (self.added, "added"),
            (self.deleted, "deleted"),
            (self.renamed, "renamed"),
            (self.untracked, "untracked"),
        ];
        let mut separator = "";
        for (count, word) in parts {
            if count > 0 {
                write!(f, "{separator}{count} {word}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// One file of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChangedFile {
    pub(super) path: String,
    pub(super) kind: ChangeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Added,
    Removed,
    Modified,
    Untracked,
}

impl Repo {
    /// The two-dot diff by names, from the empty tree without a base; a renamed file counts under both names.
    pub fn changed_between(
        &self,
        base: Option<Oid>,
        head: Oid,
    ) -> Result<BTreeSet<String>, RepoError> {
        Ok(self
            .diff_commits(base, head)?
            .into_iter()
            .map(|file| file.path)
            .collect())
    }

    /// The three-dot diff: what `head` changed since it left `base`; `None` without a common ancestor.
    pub fn changed_since_merge_base(
        &self,
        base: Oid,
        head: Oid,
    ) -> Result<Option<BTreeSet<String>>, RepoError> {
        match self.merge_base(base, head) {
            Some(fork) => self.changed_between(Some(fork), head).map(Some),
            None => Ok(None),
        }
    }

    /// Lines that `head` added and removed since it left `base`.
    pub(super) fn lines_since_merge_base(
        &self,
        base: Oid,
        head: Oid,
    ) -> Result<(usize, usize), RepoError> {
        let Some(fork) = self.merge_base(base, head) else {
            return Ok((0, 0));
        };
        let tree = |id: Oid| self.git.find_commit(id).and_then(|commit| commit.tree());
        let failed = RepoError::git("can not compare two commits");
        let diff = tree(fork)
            .and_then(|old| Ok((old, tree(head)?)))
            .and_then(|(old, new)| self.git.diff_tree_to_tree(Some(&old), Some(&new), None));
        let counted = diff.and_then(|diff| {
            if diff.deltas().len() > MOST_FILES_READ {
                return Ok((0, 0));
            }
            let stats = diff.stats()?;
            Ok((stats.insertions(), stats.deletions()))
        });
        counted.map_err(failed)
    }

    /// What jobs see changed against HEAD, from the top level.
    pub fn uncommitted(&self, view: &JobView) -> Result<BTreeSet<String>, RepoError> {
        let failed = RepoError::git("can not compare the working tree with HEAD");
        let tree = self.head_tree();
        let mut options = DiffOptions::new();
        options
            .include_untracked(true)
            .recurse_untracked_dirs(true)
            .ignore_submodules(true);
        let diff = match view.content {
            Content::Clean => return Ok(BTreeSet::new()),
            Content::Staged => self
                .git
                .diff_tree_to_index(tree.as_ref(), None, Some(&mut options)),
            Content::WorkingTree => self
                .git
                .diff_tree_to_workdir_with_index(tree.as_ref(), Some(&mut options)),
        };
        let diff = diff.map_err(failed)?;
        Ok(files_of(&diff)
            .into_iter()
            .filter(|file| file.kind != ChangeKind::Removed || !self.is_left_out(&file.path))
            .filter(|file| !view.hides(&file.path, file.kind == ChangeKind::Untracked))
            .map(|file| file.path)
            .collect())
    }

    /// Counts what jobs see beyond HEAD, for the one line that announces it.
    pub fn dirty_tree(&self, view: &JobView) -> Result<DirtyTree, RepoError> {
        let mut dirty = DirtyTree::default();
        if view.content == Content::Clean {
            return Ok(dirty);
        }
        let staged = view.content == Content::Staged;
        let mut options = StatusOptions::new();
        options
            .include_untracked(!staged)
            .recurse_untracked_dirs(!staged)
            .exclude_submodules(true)
            .renames_head_to_index(true)
            .show(if staged {
                git2::StatusShow::Index
            } else {
                git2::StatusShow::IndexAndWorkdir
            });
        let statuses = self
            .git
            .statuses(Some(&mut options))
            .map_err(RepoError::git("can not read the state of the working tree"))?;
        for entry in &statuses {
            let path = String::from_utf8_lossy(entry.path_bytes());
            if view.hides(&path, entry.status() == Status::WT_NEW)
                || entry.status() == Status::WT_DELETED && self.is_left_out(&path)
            {
                continue;
            }
            if let Some(count) = dirty.counter(entry.status()) {
                *count += 1;
            }
        }
        Ok(dirty)
    }

    /// Whether a sparse checkout leaves a file out, so that its absence is no change.
    fn is_left_out(&self, path: &str) -> bool {
        let entry = self
            .git
            .index()
            .ok()
            .and_then(|index| index.get_path(Path::new(path), 0));
        entry.is_some_and(|entry| {
            IndexEntryExtendedFlag::from_bits_truncate(entry.flags_extended)
                .contains(IndexEntryExtendedFlag::SKIP_WORKTREE)
        })
    }

    pub(super) fn merge_base(&self, one: Oid, two: Oid) -> Option<Oid> {
        self.git.merge_base(one, two).ok()
    }

    pub(super) fn is_ancestor(&self, ancestor: Oid, of: Oid) -> bool {
        self.git
            .graph_descendant_of(of, ancestor)
            .unwrap_or_default()
    }

    /// Commits of `base..head`: the newest `most` of them, oldest first, and how many there are (at most one past
    /// [`MOST_COMMITS`]).
    pub(super) fn commits_between(
        &self,
        base: Option<Oid>,
        head: Oid,
        most: usize,
    ) -> Result<(Vec<Oid>, usize), RepoError> {
        let doing = "can not walk the history";
        let mut walk = self.git.revwalk().map_err(RepoError::git(doing))?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)
            .map_err(RepoError::git(doing))?;
        walk.push(head).map_err(RepoError::git(doing))?;
        if let Some(base) = base {
            walk.hide(base).map_err(RepoError::git(doing))?;
        }
        let mut newest = Vec::new();
        let mut count = 0;
        // A shallow clone ends somewhere: what is here is what counts.
        for commit in walk.map_while(Result::ok).take(MOST_COMMITS + 1) {
            count += 1;
            if newest.len() < most {
                newest.push(commit);
            }
        }
        newest.reverse();
        Ok((newest, count))
    }

    pub(super) fn diff_commits(
        &self,
        base: Option<Oid>,
        head: Oid,
    ) -> Result<Vec<ChangedFile>, RepoError> {
        let doing = "can not compare two commits";
        let tree = |id: Oid| self.git.find_commit(id).and_then(|commit| commit.tree());
        let old = base.map(tree).transpose().map_err(RepoError::git(doing))?;
        let new = tree(head).map_err(RepoError::git(doing))?;
        let diff = self
            .git
            .diff_tree_to_tree(old.as_ref(), Some(&new), None)
            .map_err(RepoError::git(doing))?;
        Ok(files_of(&diff))
    }

    fn head_tree(&self) -> Option<Tree<'_>> {
        self.git.head().ok()?.peel_to_tree().ok()
    }
}

impl DirtyTree {
    /// The one counter that a file belongs to.
    fn counter(&mut self, status: Status) -> Option<&mut usize> {
        let has = |any: Status| status.intersects(any);
        if has(Status::CONFLICTED) {
            Some(&mut self.conflicted)
        } else if has(Status::WT_NEW) && !has(Status::INDEX_DELETED) {
            Some(&mut self.untracked)
        } else if has(Status::INDEX_RENAMED | Status::WT_RENAMED) {
            Some(&mut self.renamed)
        } else if has(Status::WT_DELETED) && has(Status::INDEX_NEW) {
            None
        } else if has(Status::INDEX_NEW) {
            Some(&mut self.added)
        } else if has(Status::WT_DELETED) || has(Status::INDEX_DELETED) && !has(Status::WT_NEW) {
            Some(&mut self.deleted)
        } else if has(Status::INDEX_MODIFIED
            | Status::WT_MODIFIED
            | Status::INDEX_TYPECHANGE
            | Status::WT_TYPECHANGE
            | Status::INDEX_DELETED)
        {
            Some(&mut self.modified)
        } else {
            None
        }
    }
}

/// Without a search for renames one shows as its two halves, and so counts under both names.
fn files_of(diff: &Diff<'_>) -> Vec<ChangedFile> {
    let mut files = Vec::new();
    for delta in diff.deltas() {
        let kind = match delta.status() {
            Delta::Added => ChangeKind::Added,
            Delta::Deleted => ChangeKind::Removed,
            Delta::Untracked => ChangeKind::Untracked,
            Delta::Unmodified | Delta::Ignored => continue,
            _ => ChangeKind::Modified,
        };
        let side = match kind {
            ChangeKind::Removed => delta.old_file(),
            _ => delta.new_file(),
        };
        if let Some(path) = side.path_bytes() {
            let path = String::from_utf8_lossy(path).into_owned();
            files.push(ChangedFile { path, kind });
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::repo::scratch::Scratch;

    fn view(content: Content) -> JobView {
        JobView {
            content,
            ..JobView::default()
        }
    }

    #[test]
    fn what_jobs_do_not_see_does_not_count() {
        let scratch = Scratch::new();
        scratch.commit("a", "1");
        for file in ["a", ".secrets", "sub/.secrets", "sub/x", "subway"] {
            scratch.write(file, "22");
        }
        let repo = scratch.repo();
        let mut view = JobView {
            withheld: vec![".secrets".to_owned()],
            ..JobView::default()
        };
        assert_eq!(
            Vec::from_iter(repo.uncommitted(&view).unwrap()),
            ["a", "sub/.secrets", "sub/x", "subway"]
        );
        assert_eq!(
            repo.dirty_tree(&view).unwrap().to_string(),
            "1 modified, 3 untracked"
        );
        view.within = repo.prefix_of(&scratch.path.join("sub"));
        assert_eq!(
            Vec::from_iter(repo.uncommitted(&view).unwrap()),
            ["sub/.secrets", "sub/x"]
        );
        assert_eq!(repo.dirty_tree(&view).unwrap().untracked, 2);
    }

    #[test]
    fn a_dirty_tree_is_counted_by_kind() {
        let scratch = Scratch::new();
        for file in ["a", "b", "c", "d"] {
            scratch.commit(file, "1");
        }
        let repo = scratch.repo();
        assert!(
            repo.dirty_tree(&view(Content::WorkingTree))
                .unwrap()
                .is_clean()
        );
        scratch.write("a", "22");
        scratch.write("b", "22");
        fs::remove_file(scratch.path.join("c")).unwrap();
        scratch.write("new", "1");
        scratch.stage("new");
        scratch.write("x/1", "1");
        scratch.write("x/2", "1");
        let tree = repo.dirty_tree(&view(Content::WorkingTree)).unwrap();
        assert_eq!(
            tree.to_string(),
            "2 modified, 1 added, 1 deleted, 2 untracked"
        );
        let staged = repo.dirty_tree(&view(Content::Staged)).unwrap();
        assert_eq!(staged.to_string(), "1 added");
        assert!(repo.dirty_tree(&view(Content::Clean)).unwrap().is_clean());
    }

    #[test]
    fn a_file_outside_a_sparse_checkout_is_no_change() {
        let scratch = Scratch::new();
        scratch.commit("a", "1");
        scratch.commit("b", "1");
        let mut index = scratch.git.index().unwrap();
        let mut entry = index.get_path(Path::new("a"), 0).unwrap();
        entry.flags_extended |= IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
        index.add(&entry).unwrap();
        index.write().unwrap();
        fs::remove_file(scratch.path.join("a")).unwrap();
        let repo = scratch.repo();
        let view = view(Content::WorkingTree);
        assert!(repo.uncommitted(&view).unwrap().is_empty());
        assert!(repo.dirty_tree(&view).unwrap().is_clean());
        fs::remove_file(scratch.path.join("b")).unwrap();
        assert_eq!(Vec::from_iter(repo.uncommitted(&view).unwrap()), ["b"]);
    }

    #[test]
    fn a_rename_counts_under_both_names() {
        let scratch = Scratch::new();
        let before = scratch.commit("old", "the same text\n");
        fs::rename(scratch.path.join("old"), scratch.path.join("new")).unwrap();
        let mut index = scratch.git.index().unwrap();
        index.remove_path(Path::new("old")).unwrap();
        index.add_path(Path::new("new")).unwrap();
        index.write().unwrap();
        let repo = scratch.repo();
        let staged = repo.uncommitted(&view(Content::Staged)).unwrap();
        assert_eq!(Vec::from_iter(staged), ["new", "old"]);
        let after = scratch.commit_index("rename");
        let changed = repo.changed_between(Some(before), after).unwrap();
        assert_eq!(Vec::from_iter(changed), ["new", "old"]);
    }

    #[test]
    fn histories_without_a_common_commit_have_no_three_dot_diff() {
        let scratch = Scratch::new();
        let main = scratch.commit("a", "1");
        scratch.git.set_head("refs/heads/orphan").unwrap();
        let orphan = scratch.commit("b", "1");
        let repo = scratch.repo();
        assert_eq!(repo.changed_since_merge_base(main, orphan).unwrap(), None);
        assert_eq!(
            repo.changed_since_merge_base(main, main).unwrap(),
            Some(BTreeSet::new())
        );
    }
}
