//! The GitHub event that a run simulates: its name, payload, and what `github.*` says of it.

use serde_json::{Map, Value};

/// One event as every workflow of the run sees it. `repo` makes it from git; tests and `-e` shape it.
#[derive(Debug, Clone, PartialEq)]
pub struct GithubEvent {
    /// `push`, `pull_request`, …
    pub name: String,
    /// The webhook payload: `github.event`.
    pub payload: Map<String, Value>,
    /// `github.sha`: 40 hex digits, zeros without a commit.
    pub sha: String,
    /// `github.ref`: `refs/heads/main`, `refs/tags/v1`, `refs/pull/7/merge`.
    pub git_ref: String,
    /// `github.ref_name` (SPEC T-20).
    pub ref_name: String,
    /// `branch` or `tag`.
    pub ref_type: String,
    /// Branch names, pull request events only (SPEC T-21); else empty.
    pub head_ref: String,
    pub base_ref: String,
    /// The changed files that path filters see; `None` where the diff can not be made (the workflow runs, SPEC W-59).
    pub changed_files: Option<Vec<String>>,
    /// Lines that tell the user what was invented or left out.
    pub notes: Vec<String>,
}

impl GithubEvent {
    /// The activity type (`opened`, `published` …), if the payload has one.
    pub fn action(&self) -> Option<&str> {
        self.payload.get("action")?.as_str()
    }
}
