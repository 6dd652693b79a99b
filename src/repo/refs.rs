//! Branches and tags: which one HEAD stands for, and which commits they are.

use git2::{BranchType, Oid};

use super::{Repo, ZEROS};

impl Repo {
    /// The ref that a run of HEAD is about: HEAD's own branch, else the branch, then the tag that points at the commit,
    /// else the default branch (DESIGN 7).
    pub fn current_ref(&self, remote: Option<&str>, default_branch: &str) -> String {
        let fallback = format!("refs/heads/{default_branch}");
        if let Some(symbolic) = self.head().symbolic {
            return symbolic;
        }
        let Some(head) = self.head_id() else {
            return fallback;
        };
        let branches = self.branches_at(head, remote);
        if branches.iter().any(|branch| branch == default_branch) {
            return fallback;
        }
        if let Some(branch) = branches.first() {
            return format!("refs/heads/{branch}");
        }
        match self.tags_at(head).first() {
            Some(tag) => format!("refs/tags/{tag}"),
            None => fallback,
        }
    }

    /// Branches at a commit by name: local ones, then those of the remote.
    fn branches_at(&self, commit: Oid, remote: Option<&str>) -> Vec<String> {
        let mut found = Vec::new();
        for kind in [BranchType::Local, BranchType::Remote] {
            let mut names: Vec<String> = self
                .git
                .branches(Some(kind))
                .into_iter()
                .flatten()
                .filter_map(Result::ok)
                .filter(|(branch, _)| branch.get().target() == Some(commit))
                .filter_map(|(branch, _)| {
                    let name = branch.name().ok().flatten()?;
                    match kind {
                        BranchType::Local => Some(name.to_owned()),
                        BranchType::Remote => {
                            Some(name.strip_prefix(remote?)?.strip_prefix('/')?.to_owned())
                        }
                    }
                })
                .collect();
            names.sort();
            found.append(&mut names);
        }
        found
    }

    /// Tags at a commit, annotated or not, by name.
    pub(super) fn tags_at(&self, commit: Oid) -> Vec<String> {
        let mut tags: Vec<String> = self
            .git
            .references_glob("refs/tags/*")
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .filter(|tag| tag.peel_to_commit().is_ok_and(|c| c.id() == commit))
            .filter_map(|tag| Some(tag.name().ok()?.strip_prefix("refs/tags/")?.to_owned()))
            .collect();
        tags.sort();
        tags
    }

    /// The commit that a full ref stands for, tags peeled.
    pub(super) fn commit_at_ref(&self, full_ref: &str) -> Option<Oid> {
        let reference = self.git.find_reference(full_ref).ok()?;
        reference.peel_to_commit().ok().map(|commit| commit.id())
    }

    /// The commit of a branch: as it stands here, else as the remote was last seen to have it.
    pub(super) fn branch_tip(&self, branch: &str, remote: Option<&str>) -> Option<Oid> {
        self.commit_at_ref(&format!("refs/heads/{branch}"))
            .or_else(|| self.remote_tip(branch, remote))
    }

    /// The commit of a branch as the remote was last seen to have it.
    pub(super) fn remote_tip(&self, branch: &str, remote: Option<&str>) -> Option<Oid> {
        self.commit_at_ref(&format!("refs/remotes/{}/{branch}", remote?))
    }

    /// The commit with this full sha, if it is here.
    pub(super) fn commit_id(&self, sha: &str) -> Option<Oid> {
        if sha.len() != ZEROS.len() {
            return None;
        }
        let commit = self.git.find_commit(Oid::from_str(sha).ok()?).ok()?;
        Some(commit.id())
    }

    /// The remote branch that the current one follows, as a full ref, if one is configured.
    pub fn upstream(&self) -> Option<String> {
        let branch = self.head().symbolic?;
        let name = self.git.branch_upstream_name(&branch).ok()?;
        name.as_str().ok().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use crate::repo::scratch::Scratch;

    #[test]
    fn a_detached_head_is_the_branch_then_the_tag_then_the_default_branch() {
        // DESIGN 7
        let scratch = Scratch::with_remote();
        let first = scratch.commit("a", "1");
        let second = scratch.commit("b", "1");
        scratch.git.set_head_detached(first).unwrap();
        let repo = scratch.repo();
        let current = || repo.current_ref(Some("origin"), "main");
        assert_eq!(repo.head().symbolic, None);
        assert_eq!(repo.head().sha, Some(first.to_string()));
        assert_eq!(current(), "refs/heads/main");
        let tag = scratch.git.find_object(first, None).unwrap();
        let by = scratch.git.signature().unwrap();
        scratch.git.tag("v1", &tag, &by, "one", false).unwrap();
        assert_eq!(current(), "refs/tags/v1");
        scratch.set_ref("refs/remotes/origin/next", first);
        scratch.set_ref("refs/remotes/upstream/other", first);
        assert_eq!(current(), "refs/heads/next");
        scratch.set_ref("refs/heads/topic", first);
        assert_eq!(current(), "refs/heads/topic");
        scratch.git.set_head_detached(second).unwrap();
        assert_eq!(current(), "refs/heads/main");
    }

    #[test]
    fn the_upstream_is_the_configured_one() {
        let scratch = Scratch::with_remote();
        let first = scratch.commit("a", "1");
        assert_eq!(scratch.repo().upstream(), None);
        scratch.set_ref("refs/remotes/origin/main", first);
        scratch.set("branch.main.remote", "origin");
        scratch.set("branch.main.merge", "refs/heads/main");
        assert_eq!(
            scratch.repo().upstream().as_deref(),
            Some("refs/remotes/origin/main")
        );
    }
}
