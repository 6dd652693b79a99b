//! What a draft of an event starts from: the repository, the wishes, and what `-e` says.

use git2::Oid;
use serde_json::{Map, Value};

use super::request::PayloadRequest;
use super::{common, merge};
use crate::plan::Merge;
use crate::repo::{Identity, Repo, RepoError};

/// One event in the making.
pub(super) struct Scene<'a> {
    pub(super) repo: Option<&'a Repo>,
    pub(super) request: &'a PayloadRequest<'a>,
    pub(super) head: Option<Oid>,
    /// The ref that HEAD stands for.
    pub(super) current_ref: String,
    /// The object of `-e`, empty without one.
    given: Map<String, Value>,
}

/// What a group of events makes of a scene; `-e` is not yet merged over the payload.
pub(super) struct Draft {
    pub(super) payload: Map<String, Value>,
    pub(super) git_ref: String,
    pub(super) sha: Option<Oid>,
    pub(super) changed_files: Option<Vec<String>>,
    pub(super) notes: Vec<String>,
    /// The merge that `sha` is.
    pub(super) merge: Option<Merge>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(repo: Option<&'a Repo>, request: &'a PayloadRequest<'a>) -> Self {
        let identity = request.identity;
        let current_ref = repo.map_or_else(
            || format!("refs/heads/{}", identity.default_branch),
            |repo| repo.current_ref(identity.remote.as_deref(), &identity.default_branch),
        );
        Self {
            repo,
            request,
            head: repo.and_then(Repo::head_id),
            current_ref,
            given: request.merge.clone().unwrap_or_default(),
        }
    }

    pub(super) fn notes_of_place(&self) -> Vec<String> {
        let reason = match (self.repo, self.head) {
            (None, _) => "there is no git repository here",
            (Some(_), None) => "the repository has no commit",
            _ => return Vec::new(),
        };
        vec![format!("{reason}: github.sha is all zeros")]
    }

    pub(super) fn identity(&self) -> &Identity {
        self.request.identity
    }

    pub(super) fn remote(&self) -> Option<&str> {
        self.identity().remote.as_deref()
    }

    pub(super) fn default_branch(&self) -> &str {
        &self.identity().default_branch
    }

    pub(super) fn default_ref(&self) -> String {
        format!("refs/heads/{}", self.default_branch())
    }

    /// The branch or tag of HEAD, short.
    pub(super) fn current_name(&self) -> &str {
        super::ref_name(&self.current_ref)
    }

    /// A text that `-e` gives.
    pub(super) fn given_text(&self, path: &[&str]) -> Option<&str> {
        merge::text_at(&self.given, path)
    }

    /// A value that `-e` gives.
    pub(super) fn given(&self, path: &[&str]) -> Option<&Value> {
        merge::at(&self.given, path)
    }

    /// Number of the pull request, issue or discussion: of `-e`, asked for, else 1.
    pub(super) fn number(&self, of: &str) -> u64 {
        [&["number"][..], &[of, "number"]]
            .iter()
            .find_map(|path| self.given(path)?.as_u64())
            .or(self.request.number)
            .unwrap_or(1)
    }

    /// The commit of a ref: HEAD's where it is the current one.
    pub(super) fn commit_of_ref(&self, git_ref: &str) -> Option<Oid> {
        if git_ref == self.current_ref {
            return self.head;
        }
        let repo = self.repo?;
        if let Some(branch) = git_ref.strip_prefix("refs/heads/") {
            return repo.branch_tip(branch, self.remote());
        }
        repo.commit_at_ref(git_ref)
    }

    /// The commit of a ref, else HEAD with a line that says so.
    pub(super) fn commit_or_head(&self, git_ref: &str, notes: &mut Vec<String>) -> Option<Oid> {
        let found = self.commit_of_ref(git_ref);
        if found.is_none() && self.head.is_some() {
            notes.push(format!("{git_ref} is not here: github.sha is HEAD's"));
        }
        found.or(self.head)
    }

    /// The commit with a sha that `-e` gives, else HEAD with a line that says so.
    pub(super) fn sha_or_head(&self, sha: &str, notes: &mut Vec<String>) -> Option<Oid> {
        let found = self.repo.and_then(|repo| repo.commit_id(sha));
        if found.is_none() {
            notes.push(format!("commit {sha} is not here: github.sha is HEAD's"));
        }
        found.or(self.head)
    }

    /// Ref and commit of the many events that run on the default branch (SPEC 14.2).
    pub(super) fn on_default_branch(&self) -> Draft {
        let git_ref = self.default_ref();
        let mut notes = Vec::new();
        let sha = self.commit_or_head(&git_ref, &mut notes);
        if sha != self.head {
            notes.push(format!(
                "{} runs on {}: ref, sha and what a checkout gives are those of {}, the workflows are those that are here",
                self.request.event,
                self.default_branch(),
                self.default_branch(),
            ));
        }
        Draft {
            notes,
            ..self.draft(git_ref, sha)
        }
    }

    /// Ref and commit of events about what stands here.
    pub(super) fn on_current_ref(&self) -> Draft {
        self.draft(self.current_ref.clone(), self.head)
    }

    /// A draft with the fields of every event.
    pub(super) fn draft(&self, git_ref: String, sha: Option<Oid>) -> Draft {
        Draft {
            payload: common::payload(self),
            git_ref,
            sha,
            changed_files: None,
            notes: Vec::new(),
            merge: None,
        }
    }

    /// What the job sees beyond HEAD.
    pub(super) fn uncommitted(&self) -> Result<std::collections::BTreeSet<String>, RepoError> {
        self.repo.map_or_else(
            || Ok(std::collections::BTreeSet::new()),
            |repo| repo.uncommitted(&self.request.view),
        )
    }
}

impl Draft {
    /// Puts the fields of an object into the payload, ahead of the common ones.
    pub(super) fn put(&mut self, fields: Value) {
        if let Value::Object(mut fields) = fields {
            fields.append(&mut self.payload);
            self.payload = fields;
        }
    }
}
