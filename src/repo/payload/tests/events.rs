//! What all events have, and those that are no push.

use super::super::common;
use super::*;

#[test]
fn every_payload_knows_repository_and_sender() {
    // SPEC T-1
    let (scratch, _, _) = ahead_of_origin();
    for name in [
        "push",
        "pull_request",
        "schedule",
        "issues",
        "no_such_event",
    ] {
        let event = event(&scratch, name);
        let repository = &event.payload["repository"];
        assert_eq!(repository["full_name"], "acme/widget");
        assert_eq!(repository["name"], "widget");
        assert_eq!(repository["owner"]["login"], "acme");
        assert_eq!(repository["default_branch"], "main");
        assert_eq!(repository["private"], false);
        assert_eq!(repository["fork"], false);
        assert_eq!(repository["html_url"], "https://github.com/acme/widget");
        assert_eq!(
            repository["clone_url"],
            "https://github.com/acme/widget.git"
        );
        assert_eq!(repository["ssh_url"], "git@github.com:acme/widget.git");
        assert!(repository["id"].as_u64().unwrap() > 0);
        assert_eq!(event.payload["sender"]["login"], "mona");
        assert_eq!(event.payload["sender"]["type"], "User");
        assert_eq!(event.payload["sender"]["id"], common::stable_id("mona"));
    }
}

#[test]
fn without_a_commit_or_a_repository_shas_are_zeros() {
    let scratch = Scratch::new();
    scratch.write("new", "1");
    let unborn = event(&scratch, "push");
    assert_eq!(unborn.sha, ZEROS);
    assert_eq!(unborn.git_ref, "refs/heads/main");
    assert_eq!(unborn.payload["head_commit"], Value::Null);
    assert_eq!(changed(&unborn), ["new"]);
    assert!(has_note(&unborn, "no commit"));

    let folder = tempfile::TempDir::new().unwrap();
    let identity = Identity::of(
        None,
        &IdentityRequest {
            root: Some(folder.path()),
            default_branch: Some("trunk"),
            actor: Some("mona"),
            ..IdentityRequest::default()
        },
    );
    for name in [
        "push",
        "pull_request",
        "workflow_dispatch",
        "schedule",
        "release",
        "repository_dispatch",
        "merge_group",
        "deployment",
        "workflow_run",
        "issue_comment",
    ] {
        let event = make(None, &PayloadRequest::new(name, &identity))
            .unwrap()
            .event;
        assert_eq!(event.sha, ZEROS, "{name}");
        assert!(has_note(&event, "no git repository"), "{name}");
        assert_eq!(event.payload["repository"]["owner"]["login"], "local");
    }
}

#[test]
fn the_given_payload_merges_key_by_key_and_never_moves_repository_or_actor() {
    // DESIGN 7
    let (scratch, _, _) = ahead_of_origin();
    let event = given(
        &scratch,
        "push",
        json!({
            "act": true,
            "repository": {"full_name": "x/y", "custom": 1},
            "commits": [],
            "pusher": "nobody",
            "head_commit": {"message": "[skip ci]"},
        }),
    );
    assert_eq!(event.payload["act"], true);
    assert_eq!(event.payload["repository"]["full_name"], "x/y");
    assert_eq!(event.payload["repository"]["name"], "widget");
    assert_eq!(event.payload["repository"]["custom"], 1);
    assert_eq!(event.payload["commits"], json!([]));
    assert_eq!(event.payload["pusher"], "nobody");
    assert_eq!(event.payload["head_commit"]["message"], "[skip ci]");
    assert_eq!(event.payload["head_commit"]["author"]["name"], "Mona Lisa");
}

#[test]
fn inputs_go_over_those_of_the_payload() {
    // DESIGN 7; SPEC T-4
    let (scratch, _, second) = ahead_of_origin();
    let plain = event(&scratch, "workflow_dispatch");
    assert_eq!(plain.payload["inputs"], Value::Null);
    assert_eq!(plain.payload["ref"], "refs/heads/main");
    let event = event_with(&scratch, "workflow_dispatch", |request| {
        request.merge = Some(map(json!({"inputs": {"a": "file", "b": true}})));
        request.inputs = Some(map(json!({"a": "flag", "c": "new"})));
        request.workflow = Some(".github/workflows/cd.yml".to_owned());
    });
    assert_eq!(
        event.payload["inputs"],
        json!({"a": "flag", "b": true, "c": "new"})
    );
    assert_eq!(event.payload["workflow"], ".github/workflows/cd.yml");
    assert_eq!(event.sha, second.to_string());
    let on_other = given(&scratch, "workflow_dispatch", json!({"ref": "elsewhere"}));
    assert_eq!(on_other.git_ref, "refs/heads/elsewhere");
    assert!(has_note(&on_other, "is not here"));
}

#[test]
fn a_pull_request_runs_head_unmerged_against_the_default_branch() {
    // SPEC T-3, T-20, T-21, T-25
    let (scratch, first, _) = ahead_of_origin();
    scratch.switch_to_new("topic");
    let head = scratch.commit("c", "1");
    scratch.switch_to("main");
    let moved = scratch.commit("on-main", "1");
    scratch.set_ref("refs/remotes/origin/main", moved);
    scratch.switch_to("topic");
    scratch.write("untracked", "1");
    let event = event(&scratch, "pull_request");
    assert_eq!(event.action(), Some("opened"));
    assert_eq!(event.git_ref, "refs/pull/1/merge");
    assert_eq!(event.ref_name, "1/merge");
    assert_eq!(event.ref_type, "branch");
    assert_eq!(
        (event.head_ref.as_str(), event.base_ref.as_str()),
        ("topic", "main")
    );
    assert_eq!(event.sha, head.to_string());
    assert!(has_note(&event, "HEAD runs unmerged"));
    assert_eq!(changed(&event), ["c", "untracked"]);
    let request = &event.payload["pull_request"];
    assert_eq!(event.payload["number"], 1);
    assert_eq!(request["number"], 1);
    assert_eq!(request["title"], "change c");
    assert_eq!(request["head"]["sha"], head.to_string());
    assert_eq!(request["head"]["label"], "acme:topic");
    assert_eq!(request["base"]["sha"], moved.to_string());
    assert_eq!(request["base"]["repo"]["full_name"], "acme/widget");
    assert_eq!(request["commits"], 1);
    assert_ne!(first, moved);
}

#[test]
fn the_payload_shapes_a_pull_request() {
    // DESIGN 7, SPEC 14.2, T-25
    let (scratch, first, second) = ahead_of_origin();
    scratch.set_ref("refs/heads/release", first);
    let event = given(
        &scratch,
        "pull_request",
        json!({"number": 7, "pull_request": {"base": {"ref": "release"}, "head": {"ref": "feature"}}}),
    );
    assert_eq!(event.git_ref, "refs/pull/7/merge");
    assert_eq!(event.payload["pull_request"]["number"], 7);
    assert_eq!(
        (event.head_ref.as_str(), event.base_ref.as_str()),
        ("feature", "release")
    );
    assert_eq!(
        event.payload["pull_request"]["base"]["sha"],
        first.to_string()
    );
    assert_eq!(event.sha, second.to_string());
    assert_eq!(changed(&event), ["b"]);
    assert!(has_note(&event, "the head feature is not here"));

    let lost = given(
        &scratch,
        "pull_request",
        json!({"pull_request": {"base": {"ref": "gone"}}}),
    );
    assert_eq!(lost.changed_files, None);
    assert!(has_note(&lost, "the base gone is not here"));
    assert_eq!(lost.sha, second.to_string());

    let merged = given(
        &scratch,
        "pull_request",
        json!({"action": "closed", "pull_request": {"merged": true}}),
    );
    assert_eq!(merged.git_ref, "refs/heads/main");
    let synchronize = given(&scratch, "pull_request", json!({"action": "synchronize"}));
    assert_eq!(synchronize.payload["after"], second.to_string());
}

#[test]
fn events_of_the_default_branch_take_its_ref_and_tip() {
    // SPEC 14.2
    let (scratch, _, main) = ahead_of_origin();
    scratch.switch_to_new("topic");
    scratch.commit("c", "1");
    for name in [
        "schedule",
        "repository_dispatch",
        "pull_request_target",
        "issues",
        "issue_comment",
        "workflow_run",
        "delete",
        "watch",
        "fork",
        "status",
    ] {
        let event = event(&scratch, name);
        assert_eq!(event.git_ref, "refs/heads/main", "{name}");
        assert_eq!(event.sha, main.to_string(), "{name}");
        assert!(has_note(&event, "runs on main"), "{name}");
    }
    let target = event(&scratch, "pull_request_target");
    assert_eq!(
        (target.head_ref.as_str(), target.base_ref.as_str()),
        ("topic", "main")
    );
    assert_eq!(event(&scratch, "schedule").payload["schedule"], "0 0 * * *");
    let timed = event_with(&scratch, "schedule", |r| {
        r.cron = Some("5 4 * * 1".to_owned());
    });
    assert_eq!(timed.payload["schedule"], "5 4 * * 1");
    let dispatch = given(
        &scratch,
        "repository_dispatch",
        json!({"action": "deploy", "client_payload": {"x": 1}}),
    );
    assert_eq!(dispatch.action(), Some("deploy"));
    assert_eq!(dispatch.payload["branch"], "main");
    assert_eq!(dispatch.payload["client_payload"]["x"], 1);
}

#[test]
fn a_release_is_of_a_tag() {
    // SPEC T-7, 14.2
    let (scratch, first, second) = ahead_of_origin();
    let invented = event(&scratch, "release");
    assert_eq!(invented.git_ref, "refs/tags/v0.0.0");
    assert_eq!(invented.sha, second.to_string());
    assert!(has_note(&invented, "no tag points at HEAD"));
    scratch.set_ref("refs/tags/v2", second);
    scratch.set_ref("refs/tags/v1", first);
    let here = event(&scratch, "release");
    assert_eq!(here.action(), Some("published"));
    assert_eq!(here.payload["release"]["tag_name"], "v2");
    assert_eq!(
        (here.ref_name.as_str(), here.ref_type.as_str()),
        ("v2", "tag")
    );
    let older = given(
        &scratch,
        "release",
        json!({"release": {"tag_name": "v1", "name": "One"}}),
    );
    assert_eq!(older.sha, first.to_string());
    assert_eq!(older.git_ref, "refs/tags/v1");
    assert_eq!(older.payload["release"]["name"], "One");
}

#[test]
fn other_events_carry_their_object_and_ref() {
    // SPEC T-8 … T-10, 14.2
    let (scratch, first, second) = ahead_of_origin();
    scratch.set_ref("refs/tags/v1", first);
    let created = given(&scratch, "create", json!({"ref": "v1", "ref_type": "tag"}));
    assert_eq!(
        (created.git_ref.as_str(), created.sha.clone()),
        ("refs/tags/v1", first.to_string())
    );
    assert_eq!(created.action(), None);
    let comment = given(
        &scratch,
        "issue_comment",
        json!({"comment": {"body": "/deploy"}}),
    );
    assert_eq!(comment.action(), Some("created"));
    assert_eq!(comment.payload["comment"]["body"], "/deploy");
    assert_eq!(comment.payload["comment"]["user"]["login"], "mona");
    let group = event(&scratch, "merge_group");
    assert!(
        group
            .git_ref
            .starts_with("refs/heads/gh-readonly-queue/main/pr-1-")
    );
    assert_eq!(group.payload["merge_group"]["head_sha"], second.to_string());
    let by_sha = given(
        &scratch,
        "deployment",
        json!({"deployment": {"ref": first.to_string()}}),
    );
    assert_eq!(
        (by_sha.git_ref.as_str(), by_sha.sha),
        ("", first.to_string())
    );
    let by_tag = given(
        &scratch,
        "deployment_status",
        json!({"deployment": {"ref": "v1"}}),
    );
    assert_eq!(by_tag.git_ref, "refs/tags/v1");
    assert_eq!(by_tag.payload["deployment_status"]["state"], "success");
    let listed = event_with(&scratch, "issues", |r| {
        r.action = Some("labeled".to_owned());
    });
    assert_eq!(listed.action(), Some("labeled"));
}

#[test]
fn variables_set_the_context_and_leave_the_payload() {
    // ACT-HABITS 5
    let (scratch, _, second) = ahead_of_origin();
    let overrides = ContextOverrides::from_env(|name| match name {
        "GITHUB_REF" => Some("refs/tags/v3".to_owned()),
        "SHA_REF" => Some("abc".to_owned()),
        "GITHUB_HEAD_REF" => Some("h".to_owned()),
        "GITHUB_BASE_REF" => Some(String::new()),
        _ => None,
    });
    let event = event_with(&scratch, "push", |request| request.overrides = overrides);
    assert_eq!(event.git_ref, "refs/tags/v3");
    assert_eq!(
        (event.ref_name.as_str(), event.ref_type.as_str()),
        ("v3", "tag")
    );
    assert_eq!((event.sha.as_str(), event.head_ref.as_str()), ("abc", "h"));
    assert_eq!(event.base_ref, "");
    assert_eq!(event.payload["after"], second.to_string());
}
