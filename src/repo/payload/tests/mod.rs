//! Events made in scratch repositories.

mod events;
mod pull_request;
mod push;
mod table;

use git2::Oid;
use serde_json::{Map, Value, json};

use super::{ContextOverrides, PayloadRequest, make};
use crate::plan::GithubEvent;
use crate::repo::scratch::Scratch;
use crate::repo::{Content, Identity, IdentityRequest, Repo, ZEROS};

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

fn event_with(
    scratch: &Scratch,
    name: &str,
    shape: impl FnOnce(&mut PayloadRequest<'_>),
) -> GithubEvent {
    let repo = scratch.repo();
    let identity = scratch.identity();
    let mut request = PayloadRequest::new(name, &identity);
    shape(&mut request);
    make(Some(&repo), &request).unwrap().event
}

fn event(scratch: &Scratch, name: &str) -> GithubEvent {
    event_with(scratch, name, |_| {})
}

fn given(scratch: &Scratch, name: &str, payload: Value) -> GithubEvent {
    event_with(scratch, name, |request| request.merge = Some(map(payload)))
}

fn changed(event: &GithubEvent) -> Vec<&str> {
    let files = event.changed_files.as_ref().unwrap();
    files.iter().map(String::as_str).collect()
}

fn has_note(event: &GithubEvent, part: &str) -> bool {
    event.notes.iter().any(|note| note.contains(part))
}

/// main has a, then b; origin/main stands at a.
fn ahead_of_origin() -> (Scratch, Oid, Oid) {
    let scratch = Scratch::with_remote();
    let first = scratch.commit("a", "1");
    let second = scratch.commit("b", "1");
    scratch.set_ref("refs/remotes/origin/main", first);
    (scratch, first, second)
}
