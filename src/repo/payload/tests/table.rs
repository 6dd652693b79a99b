//! Every event that a workflow can name: ref and commit (SPEC 14.2), fields (SPEC 14.1), and that it passes its own
//! trigger (SPEC W-54).

use tempfile::TempDir;

use super::*;
use crate::diagnostic::SourceFile;
use crate::plan::trigger;
use crate::repo::merge::Merging;
use crate::repo::payload::SourceRun;
use crate::workflow::{EVENTS, ReadOptions, read_workflow};

/// Which ref and commit an event runs on.
#[derive(Clone, Copy)]
enum On {
    /// HEAD and its branch.
    Here,
    /// The default branch.
    Default,
    Merge,
    Tag,
    Queue,
}

/// Events that are not named run on the default branch and have nothing of their own.
const TABLE: &[(&str, On, &[&str])] = &[
    (
        "push",
        On::Here,
        &[
            "/before",
            "/after",
            "/ref",
            "/base_ref",
            "/created",
            "/deleted",
            "/forced",
            "/compare",
            "/commits/0/id",
            "/head_commit/tree_id",
            "/head_commit/author/email",
            "/head_commit/added",
            "/pusher/name",
        ],
    ),
    ("pull_request", On::Merge, PULL_REQUEST),
    ("pull_request_review", On::Merge, PULL_REQUEST),
    ("pull_request_review_comment", On::Merge, PULL_REQUEST),
    ("pull_request_target", On::Default, PULL_REQUEST),
    ("workflow_dispatch", On::Here, &["/ref", "/inputs"]),
    ("workflow_call", On::Here, &["/ref", "/inputs"]),
    (
        "repository_dispatch",
        On::Default,
        &["/action", "/branch", "/client_payload"],
    ),
    ("schedule", On::Default, &["/schedule"]),
    (
        "release",
        On::Tag,
        &[
            "/action",
            "/release/tag_name",
            "/release/target_commitish",
            "/release/name",
            "/release/body",
            "/release/draft",
            "/release/prerelease",
            "/release/id",
            "/release/upload_url",
            "/release/html_url",
            "/release/created_at",
            "/release/published_at",
            "/release/author/login",
            "/release/assets",
        ],
    ),
    ("issues", On::Default, ISSUE),
    ("issue_comment", On::Default, COMMENT),
    (
        "pull_request_comment",
        On::Default,
        &["/issue/pull_request/html_url", "/comment/body"],
    ),
    (
        "workflow_run",
        On::Default,
        &[
            "/action",
            "/workflow/name",
            "/workflow_run/id",
            "/workflow_run/name",
            "/workflow_run/head_branch",
            "/workflow_run/head_sha",
            "/workflow_run/event",
            "/workflow_run/status",
            "/workflow_run/conclusion",
            "/workflow_run/run_number",
            "/workflow_run/pull_requests",
            "/workflow_run/head_commit/id",
            "/workflow_run/head_repository/full_name",
            "/workflow_run/artifacts_url",
        ],
    ),
    (
        "merge_group",
        On::Queue,
        &[
            "/action",
            "/merge_group/head_sha",
            "/merge_group/head_ref",
            "/merge_group/base_sha",
            "/merge_group/base_ref",
            "/merge_group/head_commit/id",
        ],
    ),
    ("create", On::Here, &["/ref", "/ref_type", "/master_branch"]),
    ("delete", On::Default, &["/ref", "/ref_type"]),
    ("deployment", On::Here, DEPLOYMENT),
    (
        "deployment_status",
        On::Here,
        &[
            "/deployment/sha",
            "/deployment_status/state",
            "/deployment_status/environment_url",
        ],
    ),
    (
        "registry_package",
        On::Here,
        &["/action", "/registry_package/name"],
    ),
    (
        "check_run",
        On::Default,
        &[
            "/action",
            "/check_run/head_sha",
            "/check_run/check_suite/id",
        ],
    ),
    (
        "check_suite",
        On::Default,
        &["/action", "/check_suite/conclusion"],
    ),
    ("status", On::Default, &["/sha", "/state", "/context"]),
    ("fork", On::Default, &["/forkee/full_name"]),
    ("gollum", On::Default, &["/pages"]),
    ("label", On::Default, &["/action", "/label/name"]),
    ("milestone", On::Default, &["/action", "/milestone/title"]),
    (
        "discussion",
        On::Default,
        &["/action", "/discussion/category/name"],
    ),
    (
        "discussion_comment",
        On::Default,
        &["/action", "/discussion/number", "/comment/id"],
    ),
    ("page_build", On::Default, &["/id", "/build/status"]),
    (
        "branch_protection_rule",
        On::Default,
        &["/action", "/rule/name"],
    ),
    ("watch", On::Default, &["/action"]),
];
const PULL_REQUEST: &[&str] = &[
    "/action",
    "/number",
    "/pull_request/number",
    "/pull_request/id",
    "/pull_request/title",
    "/pull_request/body",
    "/pull_request/state",
    "/pull_request/draft",
    "/pull_request/merged",
    "/pull_request/mergeable",
    "/pull_request/merge_commit_sha",
    "/pull_request/user/login",
    "/pull_request/labels",
    "/pull_request/head/ref",
    "/pull_request/head/sha",
    "/pull_request/head/label",
    "/pull_request/head/repo/full_name",
    "/pull_request/head/repo/fork",
    "/pull_request/head/repo/clone_url",
    "/pull_request/base/ref",
    "/pull_request/base/sha",
    "/pull_request/base/repo/full_name",
    "/pull_request/html_url",
    "/pull_request/commits",
    "/pull_request/changed_files",
    "/pull_request/additions",
    "/pull_request/deletions",
    "/pull_request/author_association",
    "/pull_request/milestone",
    "/pull_request/assignees",
    "/pull_request/requested_reviewers",
    "/pull_request/auto_merge",
];
const ISSUE: &[&str] = &[
    "/action",
    "/issue/number",
    "/issue/title",
    "/issue/body",
    "/issue/state",
    "/issue/user/login",
    "/issue/labels",
    "/issue/assignees",
    "/issue/milestone",
];
const COMMENT: &[&str] = &[
    "/action",
    "/issue/number",
    "/comment/id",
    "/comment/body",
    "/comment/user/login",
    "/comment/author_association",
    "/comment/html_url",
];
const DEPLOYMENT: &[&str] = &[
    "/deployment/sha",
    "/deployment/ref",
    "/deployment/environment",
    "/deployment/payload",
];
const ALL: &[&str] = &[
    "/repository/id",
    "/repository/name",
    "/repository/full_name",
    "/repository/owner/login",
    "/repository/owner/id",
    "/repository/default_branch",
    "/repository/private",
    "/repository/html_url",
    "/repository/clone_url",
    "/repository/ssh_url",
    "/repository/fork",
    "/sender/login",
    "/sender/id",
    "/sender/type",
];

#[test]
fn every_event_has_its_ref_commit_and_fields_and_passes_its_trigger() {
    let scratch = Scratch::with_remote();
    scratch.commit("a", "1");
    scratch.switch_to_new("topic");
    let head = scratch.commit("b", "1");
    scratch.switch_to("main");
    let main = scratch.commit("c", "1");
    scratch.set_ref("refs/remotes/origin/main", main);
    scratch.switch_to("topic");
    scratch.set_ref("refs/tags/v1", head);
    let cache = TempDir::new().unwrap();
    let merges = cache.path().to_path_buf();
    let repo = scratch.repo();
    let Merging::Done(merge) = repo.merge(&merges, main, head).unwrap() else {
        panic!("the two have a common ancestor");
    };
    for name in EVENTS {
        let event = event_with(&scratch, name, |request| {
            request.merges = Some(merges.clone());
            request.source = SourceRun {
                name: Some("CI".to_owned()),
                ..SourceRun::default()
            };
        });
        let row = TABLE.iter().find(|(event, _, _)| event == name);
        let (_, on, fields) = *row.unwrap_or(&("", On::Default, &[]));
        let queue = format!("refs/heads/gh-readonly-queue/main/pr-1-{main}");
        let (git_ref, sha) = match on {
            On::Here => ("refs/heads/topic", head),
            On::Default => ("refs/heads/main", main),
            On::Merge => ("refs/pull/1/merge", merge.commit),
            On::Tag => ("refs/tags/v1", head),
            On::Queue => (queue.as_str(), head),
        };
        assert_eq!(event.git_ref, git_ref, "{name}");
        assert_eq!(event.sha, sha.to_string(), "{name}");
        let payload = Value::Object(event.payload.clone());
        for field in fields.iter().chain(ALL) {
            assert!(payload.pointer(field).is_some(), "{name} has no {field}");
        }
        let config = match *name {
            "workflow_run" => " {workflows: [CI]}",
            "schedule" => " [{cron: '0 0 * * *'}]",
            _ => "",
        };
        let text = format!(
            "on:\n  {name}:{config}\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: echo\n"
        );
        let reading = read_workflow(SourceFile::new("a.yml", text), &ReadOptions::default());
        let workflow = reading.workflow.unwrap_or_else(|| panic!("{name}"));
        let stops = trigger::stops(&workflow.on.events[*name], &event, Some("message"));
        assert_eq!(stops, [], "{name}");
    }
}

#[test]
fn a_workflow_run_tells_of_its_source() {
    // SPEC T-9
    let (scratch, first, _) = ahead_of_origin();
    let event = event_with(&scratch, "workflow_run", |request| {
        request.source = SourceRun {
            name: Some("CI".to_owned()),
            path: Some(".github/workflows/ci.yml".to_owned()),
            event: Some("pull_request".to_owned()),
            conclusion: Some("failure".to_owned()),
            id: Some(77),
            number: Some(5),
            head_branch: Some("topic".to_owned()),
            head_sha: Some(first.to_string()),
        };
    });
    let run = &event.payload["workflow_run"];
    assert_eq!(event.action(), Some("completed"));
    assert_eq!(run["name"], "CI");
    assert_eq!(run["path"], ".github/workflows/ci.yml");
    assert_eq!(run["event"], "pull_request");
    assert_eq!(run["status"], "completed");
    assert_eq!(run["conclusion"], "failure");
    assert_eq!((&run["id"], &run["run_number"]), (&json!(77), &json!(5)));
    assert_eq!(run["head_branch"], "topic");
    assert_eq!(run["head_sha"], first.to_string());
    assert_eq!(run["head_commit"]["id"], first.to_string());
    let requested = event_with(&scratch, "workflow_run", |request| {
        request.action = Some("requested".to_owned());
    });
    assert_eq!(requested.payload["workflow_run"]["status"], "queued");
    assert_eq!(requested.payload["workflow_run"]["conclusion"], Value::Null);
}

#[test]
fn activities_of_issues_add_their_fields() {
    // SPEC T-8
    let (scratch, _, _) = ahead_of_origin();
    let of = |action: &str| given(&scratch, "issues", json!({"action": action})).payload;
    assert_eq!(of("labeled")["label"]["name"], "bug");
    assert_eq!(of("labeled")["issue"]["labels"][0]["name"], "bug");
    assert_eq!(of("assigned")["assignee"]["login"], "mona");
    assert_eq!(of("closed")["issue"]["state"], "closed");
    assert_eq!(of("opened").get("label"), None);
}
