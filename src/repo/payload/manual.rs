//! Events that people and clocks send: `workflow_dispatch`, `repository_dispatch`, `schedule` (SPEC T-4, T-5).

use serde_json::json;

use super::other;
use super::scene::{Draft, Scene};

pub(super) fn workflow_dispatch(scene: &Scene<'_>) -> Draft {
    let mut notes = Vec::new();
    let git_ref = dispatched_ref(scene);
    let sha = scene.commit_or_head(&git_ref, &mut notes);
    let mut draft = scene.draft(git_ref, sha);
    draft.notes = notes;
    let mut fields = json!({ "inputs": null, "ref": draft.git_ref });
    if let Some(workflow) = &scene.request.workflow {
        fields["workflow"] = json!(workflow);
    }
    draft.put(fields);
    draft
}

/// The ref of `-e`, where a bare name is a branch or tag that is here, else the current one.
fn dispatched_ref(scene: &Scene<'_>) -> String {
    match scene.given_text(&["ref"]) {
        Some(name) => other::full_ref(scene, name),
        None => scene.current_ref.clone(),
    }
}

pub(super) fn repository_dispatch(scene: &Scene<'_>) -> Draft {
    let mut draft = scene.on_default_branch();
    draft.put(json!({
        "action": other::action(scene),
        "branch": scene.default_branch(),
        "client_payload": {},
    }));
    draft
}

pub(super) fn schedule(scene: &Scene<'_>) -> Draft {
    let cron = scene.request.cron.as_deref().unwrap_or("0 0 * * *");
    let mut fields = json!({ "schedule": cron });
    if let Some(workflow) = &scene.request.workflow {
        fields["workflow"] = json!(workflow);
    }
    let mut draft = scene.on_default_branch();
    draft.put(fields);
    draft
}
