//! Workflows and events for the tests of this room.

use std::sync::Arc;

use serde_json::Value;

use super::github_event::GithubEvent;
use crate::diagnostic::SourceFile;
use crate::workflow::{ReadOptions, Workflow, read_workflow};

/// Reads a workflow that has no errors.
pub fn workflow(path: &str, text: &str) -> Arc<Workflow> {
    let reading = read_workflow(SourceFile::new(path, text), &ReadOptions::default());
    let errors: Vec<String> = reading.errors().map(ToString::to_string).collect();
    reading
        .workflow
        .unwrap_or_else(|| panic!("{path}: {errors:?}"))
}

/// An event about a branch, with `main` as its base.
pub fn event(name: &str, branch: &str, payload: &Value) -> GithubEvent {
    GithubEvent {
        name: name.to_owned(),
        payload: payload.as_object().cloned().unwrap_or_default(),
        sha: "0".repeat(40),
        git_ref: format!("refs/heads/{branch}"),
        ref_name: branch.to_owned(),
        ref_type: "branch".to_owned(),
        head_ref: String::new(),
        base_ref: if name.starts_with("pull_request") {
            "main".to_owned()
        } else {
            String::new()
        },
        changed_files: None,
        notes: Vec::new(),
    }
}
