//! The event that git would cause: payload, ref, sha and changed files (SPEC 14).
//!
//! Everything that git does not know is invented, and stays the same from run to run:
//! - ids are taken from the SHA-256 of the name of the thing (`owner/name`, a login, `owner/name/pull/1`);
//! - a repository is public and no fork; people are of type `User`; a pull request, issue or discussion has number 1;
//! - activity types are those of `other::default_action`: ones that default filters let through;
//! - times are those of the commit that the event is about;
//! - a release without a tag at HEAD is of `v0.0.0`; a schedule without a cron text is of `0 0 * * *`.
//!
//! To add an event: give it a draft in the file of its group, and a line in `draft_of`.

mod commit;
mod common;
mod manual;
mod merge;
mod other;
mod pull_request;
mod push;
mod release;
mod request;
mod scene;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{Repo, RepoError, ZEROS};
use crate::plan::{GithubEvent, Merge};
pub use other::default_action;
pub use request::{ContextOverrides, PayloadRequest, SourceRun};
use scene::{Draft, Scene};

/// An event, and the merge that it runs on.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    pub event: GithubEvent,
    /// Of a pull request, where it could be made; then `event.sha` is its commit.
    pub merge: Option<Merge>,
}

/// Makes the event, with `-e` and `--input` merged over it.
pub fn make(repo: Option<&Repo>, request: &PayloadRequest<'_>) -> Result<Made, RepoError> {
    let scene = Scene::new(repo, request);
    let mut draft = draft_of(&scene)?;
    let mut notes = scene.notes_of_place();
    notes.append(&mut draft.notes);
    let mut payload = draft.payload;
    if let Some(given) = &request.merge {
        merge::merge(&mut payload, given);
    }
    if let Some(inputs) = &request.inputs
        && (!inputs.is_empty() || request.event == "workflow_dispatch")
    {
        merge::merge_inputs(&mut payload, inputs);
    }
    let mut event = GithubEvent {
        name: request.event.to_owned(),
        ref_name: ref_name(&draft.git_ref).to_owned(),
        ref_type: ref_type(&draft.git_ref).to_owned(),
        head_ref: String::new(),
        base_ref: String::new(),
        sha: draft
            .sha
            .map_or_else(|| ZEROS.to_owned(), |id| id.to_string()),
        git_ref: draft.git_ref,
        changed_files: draft.changed_files.map(|files| from_root(request, &files)),
        payload,
        notes,
    };
    if matches!(request.event, "pull_request" | "pull_request_target") {
        event.head_ref = branch_of(&event.payload, "head");
        event.base_ref = branch_of(&event.payload, "base");
    }
    request.overrides.apply(&mut event);
    Ok(Made {
        event,
        merge: draft.merge,
    })
}

/// Changed files as the workflows of the root name them.
fn from_root(request: &PayloadRequest<'_>, files: &[String]) -> Vec<String> {
    files
        .iter()
        .filter_map(|file| request.view.inside(file).map(str::to_owned))
        .collect()
}

fn draft_of(scene: &Scene<'_>) -> Result<Draft, RepoError> {
    match scene.request.event {
        "push" => push::draft(scene),
        "pull_request"
        | "pull_request_target"
        | "pull_request_review"
        | "pull_request_review_comment" => pull_request::draft(scene),
        "workflow_dispatch" | "workflow_call" => Ok(manual::workflow_dispatch(scene)),
        "repository_dispatch" => Ok(manual::repository_dispatch(scene)),
        "schedule" => Ok(manual::schedule(scene)),
        "release" => Ok(release::draft(scene)),
        _ => Ok(other::draft(scene)),
    }
}

/// `github.ref_name` (SPEC T-20).
pub fn ref_name(git_ref: &str) -> &str {
    ["refs/heads/", "refs/tags/", "refs/pull/"]
        .iter()
        .find_map(|prefix| git_ref.strip_prefix(prefix))
        .unwrap_or(git_ref)
}

/// `github.ref_type` (SPEC T-20).
pub fn ref_type(git_ref: &str) -> &'static str {
    if git_ref.starts_with("refs/tags/") {
        "tag"
    } else {
        "branch"
    }
}

fn branch_of(payload: &Map<String, Value>, side: &str) -> String {
    merge::text_at(payload, &["pull_request", side, "ref"])
        .unwrap_or_default()
        .to_owned()
}
