//! All other events: the common fields, an activity type, and the object that each is about (SPEC T-8 … T-10).

use git2::Oid;
use serde_json::{Value, json};

use super::scene::{Draft, Scene};
use super::{commit, common};
use crate::repo::ZEROS;

pub(super) fn draft(scene: &Scene<'_>) -> Draft {
    let mut draft = match scene.request.event {
        "create" => created(scene),
        "merge_group" => merge_group(scene),
        "deployment" | "deployment_status" => deployment(scene),
        "registry_package" => scene.on_current_ref(),
        _ => scene.on_default_branch(),
    };
    let fields = object_of(scene);
    draft.put(fields);
    if !action(scene).is_empty() {
        draft.put(json!({ "action": action(scene) }));
    }
    draft
}

/// The activity type: of `-e`, asked for, else the default one; empty for events that have none.
pub(super) fn action<'a>(scene: &'a Scene<'_>) -> &'a str {
    scene
        .given_text(&["action"])
        .or(scene.request.action.as_deref())
        .unwrap_or_else(|| default_action(scene.request.event))
}

/// An activity type that an event without `types` lets through (SPEC W-54, W-55).
pub fn default_action(event: &str) -> &'static str {
    match event {
        "pull_request" | "pull_request_target" | "issues" => "opened",
        "pull_request_review" => "submitted",
        "release" | "registry_package" => "published",
        "watch" => "started",
        "merge_group" => "checks_requested",
        "check_suite" | "check_run" | "workflow_run" => "completed",
        "repository_dispatch" => "dispatch",
        "branch_protection_rule"
        | "deployment"
        | "deployment_status"
        | "discussion"
        | "discussion_comment"
        | "image_version"
        | "issue_comment"
        | "label"
        | "milestone"
        | "project"
        | "project_card"
        | "project_column"
        | "pull_request_comment"
        | "pull_request_review_comment" => "created",
        _ => "",
    }
}

/// A full ref of a name: as it is, else the branch, the tag that is here, else a branch.
pub(super) fn full_ref(scene: &Scene<'_>, name: &str) -> String {
    if name.starts_with("refs/") {
        return name.to_owned();
    }
    let branch = format!("refs/heads/{name}");
    let tag = format!("refs/tags/{name}");
    let is_tag = scene.commit_of_ref(&branch).is_none() && scene.commit_of_ref(&tag).is_some();
    if is_tag { tag } else { branch }
}

fn created(scene: &Scene<'_>) -> Draft {
    let mut notes = Vec::new();
    let git_ref = match scene.given_text(&["ref"]) {
        None => scene.current_ref.clone(),
        Some(name) if name.starts_with("refs/") => name.to_owned(),
        Some(name) => match scene.given_text(&["ref_type"]) {
            Some("tag") => format!("refs/tags/{name}"),
            Some(_) => format!("refs/heads/{name}"),
            None => full_ref(scene, name),
        },
    };
    let sha = scene.commit_or_head(&git_ref, &mut notes);
    let mut draft = scene.draft(git_ref, sha);
    draft.put(json!({
        "ref": super::ref_name(&draft.git_ref),
        "ref_type": super::ref_type(&draft.git_ref),
    }));
    draft.notes = notes;
    draft
}

fn merge_group(scene: &Scene<'_>) -> Draft {
    let mut notes = Vec::new();
    let sha = match scene.given_text(&["merge_group", "head_sha"]) {
        Some(sha) => scene.sha_or_head(sha, &mut notes),
        None => scene.head,
    };
    let default = scene.default_branch();
    let base = match scene.given_text(&["merge_group", "base_ref"]) {
        Some(base) => full_ref(scene, base),
        None => scene.default_ref(),
    };
    let base_sha = scene.commit_of_ref(&base);
    let git_ref = match scene.given_text(&["merge_group", "head_ref"]) {
        Some(head) => full_ref(scene, head),
        None => format!(
            "refs/heads/gh-readonly-queue/{default}/pr-{}-{}",
            scene.number("pull_request"),
            text_of(base_sha)
        ),
    };
    let mut draft = scene.draft(git_ref, sha);
    draft.put(json!({
        "merge_group": {
            "head_sha": text_of(sha),
            "head_ref": draft.git_ref,
            "base_sha": text_of(base_sha),
            "base_ref": base,
            "head_commit": sha.and_then(|id| commit::listed(scene, id)),
        },
    }));
    draft.notes = notes;
    draft
}

/// A deployment of the current ref; one by sha has no ref (SPEC 14.2).
fn deployment(scene: &Scene<'_>) -> Draft {
    let mut notes = Vec::new();
    let name = scene.given_text(&["deployment", "ref"]);
    let by_sha = name.is_some_and(|name| {
        name.len() == ZEROS.len() && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    let git_ref = match name {
        Some(_) if by_sha => String::new(),
        Some(name) => full_ref(scene, name),
        None => scene.current_ref.clone(),
    };
    let wanted = scene.given_text(&["deployment", "sha"]);
    let sha = match wanted.or(name.filter(|_| by_sha)) {
        Some(sha) => scene.sha_or_head(sha, &mut notes),
        None => scene.commit_or_head(&git_ref, &mut notes),
    };
    let mut draft = scene.draft(git_ref, sha);
    draft.put(json!({
        "deployment": {
            "id": common::id_within(scene, "deployments/1"),
            "sha": text_of(sha),
            "ref": super::ref_name(&draft.git_ref),
            "task": "deploy",
            "environment": "production",
            "description": null,
            "payload": {},
            "creator": common::user(&scene.identity().actor),
        },
    }));
    if scene.request.event == "deployment_status" {
        draft.put(json!({
            "deployment_status": {
                "id": common::id_within(scene, "deployments/1/statuses/1"),
                "state": "success",
                "environment": "production",
                "environment_url": "",
                "description": "",
                "creator": common::user(&scene.identity().actor),
            },
        }));
    }
    draft.notes = notes;
    draft
}

/// What the event is about.
fn object_of(scene: &Scene<'_>) -> Value {
    match scene.request.event {
        "issues" => issues(scene),
        "issue_comment" => {
            json!({ "issue": issue(scene), "comment": comment(scene, "comment") })
        }
        "pull_request_comment" => {
            let mut issue = issue(scene);
            let url = format!("{}/pull/{}", common::html_url(scene), issue["number"]);
            issue["pull_request"] = json!({ "html_url": url });
            json!({ "issue": issue, "comment": comment(scene, "comment") })
        }
        "discussion" => json!({ "discussion": discussion(scene) }),
        "discussion_comment" => {
            json!({ "discussion": discussion(scene), "comment": comment(scene, "comment") })
        }
        "delete" => json!({
            "ref": scene.current_name(), "ref_type": "branch", "pusher_type": "user",
        }),
        "label" => json!({ "label": label(scene) }),
        "milestone" => json!({ "milestone": {
            "id": common::id_within(scene, "milestones/1"), "number": 1, "title": "", "state": "open",
        } }),
        "check_run" | "check_suite" => check(scene),
        "status" => json!({
            "sha": text_of(scene.head), "state": "success", "context": "default", "description": null, "target_url": null,
            "commit": {
                "sha": text_of(scene.head),
                "commit": scene.head.and_then(|id| commit::listed(scene, id)),
            },
            "branches": [{ "name": scene.default_branch(), "commit": { "sha": text_of(scene.head) } }],
        }),
        "workflow_run" => workflow_run(scene),
        "fork" => json!({ "forkee": common::repository(scene) }),
        "gollum" => json!({ "pages": [] }),
        "create" => json!({
            "master_branch": scene.default_branch(), "description": null, "pusher_type": "user",
        }),
        "page_build" => json!({
            "id": common::id_within(scene, "pages/builds/1"),
            "build": {
                "status": "built",
                "error": { "message": null },
                "commit": text_of(scene.head),
                "pusher": common::user(&scene.identity().actor),
            },
        }),
        "branch_protection_rule" => json!({ "rule": {
            "id": common::id_within(scene, "rules/1"), "name": scene.default_branch(),
        } }),
        "member" => json!({ "member": common::user(&scene.identity().actor) }),
        "registry_package" => json!({ "registry_package": {
            "id": common::id_within(scene, "packages/1"),
            "name": scene.identity().name(),
            "package_type": "CONTAINER",
            "package_version": { "version": scene.current_name(), "target_oid": text_of(scene.head) },
        } }),
        "project" | "project_card" | "project_column" => json!({ scene.request.event: {
            "id": common::id_within(scene, "projects/1"), "name": "",
        } }),
        _ => json!({}),
    }
}

pub(super) fn label(scene: &Scene<'_>) -> Value {
    json!({
        "id": common::id_within(scene, "labels/bug"),
        "name": "bug",
        "color": "d73a4a",
        "default": true,
        "description": null,
    })
}

fn issue(scene: &Scene<'_>) -> Value {
    let number = scene.number("issue");
    let time = commit::time_of(scene, scene.head);
    json!({
        "id": common::id_within(scene, &format!("issues/{number}")),
        "number": number,
        "title": "",
        "body": null,
        "state": "open",
        "locked": false,
        "user": common::user(&scene.identity().actor),
        "author_association": "OWNER",
        "labels": [],
        "assignee": null,
        "assignees": [],
        "milestone": null,
        "comments": 0,
        "created_at": time,
        "updated_at": time,
        "html_url": format!("{}/issues/{number}", common::html_url(scene)),
    })
}

/// An issue, with what its activity type adds (SPEC T-8).
fn issues(scene: &Scene<'_>) -> Value {
    let mut fields = json!({ "issue": issue(scene) });
    let actor = || common::user(&scene.identity().actor);
    match action(scene) {
        "labeled" => {
            fields["label"] = label(scene);
            fields["issue"]["labels"] = json!([label(scene)]);
        }
        "unlabeled" => fields["label"] = label(scene),
        "assigned" => {
            fields["assignee"] = actor();
            fields["issue"]["assignee"] = actor();
            fields["issue"]["assignees"] = json!([actor()]);
        }
        "unassigned" => fields["assignee"] = actor(),
        "edited" => fields["changes"] = json!({}),
        "closed" => fields["issue"]["state"] = json!("closed"),
        _ => {}
    }
    fields
}

fn discussion(scene: &Scene<'_>) -> Value {
    let number = scene.number("discussion");
    json!({
        "id": common::id_within(scene, &format!("discussions/{number}")),
        "number": number,
        "title": "",
        "body": "",
        "state": "open",
        "user": common::user(&scene.identity().actor),
        "category": { "name": "General", "slug": "general" },
        "html_url": format!("{}/discussions/{number}", common::html_url(scene)),
    })
}

/// A comment or review.
pub(super) fn comment(scene: &Scene<'_>, kind: &str) -> Value {
    let time = commit::time_of(scene, scene.head);
    json!({
        "id": common::id_within(scene, &format!("{kind}/1")),
        "body": "",
        "user": common::user(&scene.identity().actor),
        "author_association": "OWNER",
        "created_at": time,
        "updated_at": time,
        "html_url": common::html_url(scene),
    })
}

fn check(scene: &Scene<'_>) -> Value {
    let event = scene.request.event;
    let suite = json!({
        "id": common::id_within(scene, "check_suite/1"),
        "head_branch": scene.current_name(),
        "head_sha": text_of(scene.head),
        "status": "completed",
        "conclusion": "success",
        "pull_requests": [],
    });
    if event == "check_suite" {
        return json!({ "check_suite": suite });
    }
    json!({ "check_run": {
        "id": common::id_within(scene, "check_run/1"),
        "name": "check",
        "head_sha": text_of(scene.head),
        "status": "completed",
        "conclusion": "success",
        "check_suite": suite,
        "pull_requests": [],
    } })
}

/// The run that ended: the one asked for, else a green one of a push to the current branch (SPEC T-9).
fn workflow_run(scene: &Scene<'_>) -> Value {
    let source = &scene.request.source;
    let id = source
        .id
        .unwrap_or_else(|| common::id_within(scene, "runs/1").into());
    let url = format!("{}/actions/runs/{id}", common::html_url(scene));
    let sha = source
        .head_sha
        .as_deref()
        .and_then(|sha| scene.repo?.commit_id(sha))
        .or(scene.head);
    let name = source.name.as_deref().unwrap_or_default();
    let path = source.path.as_deref().unwrap_or_default();
    let workflow_id = common::id_within(scene, &format!("workflows/{name}"));
    let event = source.event.as_deref().unwrap_or("push");
    let status = match action(scene) {
        "requested" => "queued",
        "in_progress" => "in_progress",
        _ => "completed",
    };
    let conclusion = source.conclusion.as_deref().unwrap_or("success");
    let head_branch = source.head_branch.as_deref();
    let time = commit::time_of(scene, sha);
    json!({
        "workflow": { "id": workflow_id, "name": name, "path": path, "state": "active" },
        "workflow_run": {
            "id": id,
            "name": name,
            "display_title": name,
            "path": path,
            "workflow_id": workflow_id,
            "head_branch": head_branch.unwrap_or(scene.current_name()),
            "head_sha": source.head_sha.clone().unwrap_or_else(|| text_of(sha)),
            "event": event,
            "status": status,
            "conclusion": (status == "completed").then_some(conclusion),
            "run_number": source.number.unwrap_or(1),
            "run_attempt": 1,
            "pull_requests": [],
            "actor": common::user(&scene.identity().actor),
            "triggering_actor": common::user(&scene.identity().actor),
            "head_commit": sha.and_then(|id| commit::listed(scene, id)),
            "head_repository": common::repository(scene),
            "repository": common::repository(scene),
            "created_at": time,
            "updated_at": time,
            "run_started_at": time,
            "html_url": url,
            "artifacts_url": format!("{url}/artifacts"),
            "jobs_url": format!("{url}/jobs"),
            "logs_url": format!("{url}/logs"),
        },
    })
}

fn text_of(id: Option<Oid>) -> String {
    id.map_or_else(|| ZEROS.to_owned(), |id| id.to_string())
}
