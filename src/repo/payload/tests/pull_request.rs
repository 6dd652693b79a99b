//! Pull requests that run on their merge (SPEC T-25), with git itself as the judge.

use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::repo::RepoError;
use crate::repo::payload::Made;

const LINES: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

fn git(scratch: &Scratch, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(&scratch.path)
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// `topic`, with HEAD on it, and `main` each changed since they parted; `origin/main` is `main`.
fn parted() -> (Scratch, Oid, Oid) {
    let scratch = Scratch::with_remote();
    scratch.commit("both", LINES);
    scratch.commit("moved", "the file that moves\nwith a line\nand another\n");
    scratch.switch_to_new("topic");
    scratch.commit("both", &LINES.replace('9', "nine"));
    let head = scratch.commit("topic-only", "1");
    scratch.switch_to("main");
    scratch.commit("both", &LINES.replace('1', "one"));
    let base = scratch.commit("main-only", "1");
    scratch.set_ref("refs/remotes/origin/main", base);
    scratch.switch_to("topic");
    (scratch, base, head)
}

fn try_make(
    scratch: &Scratch,
    cache: &TempDir,
    name: &str,
    payload: Value,
) -> Result<Made, RepoError> {
    let repo = scratch.repo();
    let identity = scratch.identity();
    let request = PayloadRequest {
        merge: Some(map(payload)),
        merges: Some(cache.path().to_path_buf()),
        ..PayloadRequest::new(name, &identity)
    };
    make(Some(&repo), &request)
}

fn made(scratch: &Scratch, cache: &TempDir, payload: Value) -> Made {
    try_make(scratch, cache, "pull_request", payload).unwrap()
}

#[test]
fn the_merge_is_the_one_that_git_makes() {
    let (scratch, base, head) = parted();
    let cache = TempDir::new().unwrap();
    let objects = || git(&scratch, &["count-objects", "-v"]);
    let before = objects();
    let Made { event, merge } = made(&scratch, &cache, json!({}));
    assert_eq!(objects(), before, "the user's repository is only read");
    let merge = merge.unwrap();
    assert!(merge.of_head);
    assert_eq!(event.sha, merge.commit);
    assert_eq!(event.git_ref, "refs/pull/1/merge");
    assert_eq!(event.payload["pull_request"]["merge_commit_sha"], event.sha);
    assert_eq!(event.payload["pull_request"]["mergeable"], true);
    assert_eq!(
        event.payload["pull_request"]["base"]["sha"],
        base.to_string()
    );
    assert_eq!(
        event.payload["pull_request"]["head"]["sha"],
        head.to_string()
    );
    assert_eq!(event.payload["pull_request"]["additions"], 2);
    assert_eq!(event.payload["pull_request"]["deletions"], 1);
    assert_eq!(changed(&event), ["both", "topic-only"]);
    assert!(event.notes.is_empty(), "{:?}", event.notes);

    let store = git2::Repository::open_bare(&merge.store).unwrap();
    let commit = store
        .find_commit(Oid::from_str(&merge.commit).unwrap())
        .unwrap();
    assert_eq!(commit.parent_ids().collect::<Vec<_>>(), [base, head]);
    let tree = git(&scratch, &["merge-tree", "--write-tree", "main", "topic"]);
    assert_eq!(commit.tree_id().to_string(), tree);
    assert_eq!(
        commit.message(),
        Ok(format!("Merge {head} into {base}").as_str())
    );
    let again = made(&scratch, &TempDir::new().unwrap(), json!({}));
    assert_eq!(again.event.sha, event.sha, "the same commit in every cache");
}

#[test]
fn a_renamed_file_takes_the_changes_of_the_other_side() {
    let (scratch, _, _) = parted();
    std::fs::rename(scratch.path.join("moved"), scratch.path.join("elsewhere")).unwrap();
    let mut index = scratch.git.index().unwrap();
    index.remove_path(std::path::Path::new("moved")).unwrap();
    index.write().unwrap();
    scratch.stage("elsewhere");
    scratch.commit_index("move");
    scratch.switch_to("main");
    let base = scratch.commit(
        "moved",
        "the file that moves\nwith a line\nand another\nmore\n",
    );
    scratch.set_ref("refs/remotes/origin/main", base);
    scratch.switch_to("topic");
    let cache = TempDir::new().unwrap();
    let merge = made(&scratch, &cache, json!({})).merge.unwrap();
    let store = git2::Repository::open_bare(&merge.store).unwrap();
    let commit = store
        .find_commit(Oid::from_str(&merge.commit).unwrap())
        .unwrap();
    let tree = git(&scratch, &["merge-tree", "--write-tree", "main", "topic"]);
    assert_eq!(commit.tree_id().to_string(), tree);
}

#[test]
fn a_conflict_is_an_error_that_names_the_files() {
    let (scratch, _, _) = parted();
    scratch.commit("both", &LINES.replace('1', "un"));
    scratch.commit("main-only", "2");
    let cache = TempDir::new().unwrap();
    let error = try_make(&scratch, &cache, "pull_request", json!({})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "topic can not be merged into main: conflict in both, main-only"
    );
    // Only what runs on the merge needs it.
    try_make(&scratch, &cache, "pull_request_target", json!({})).unwrap();
    try_make(&scratch, &cache, "push", json!({})).unwrap();
    try_make(&scratch, &cache, "pull_request_review", json!({})).unwrap_err();
}

#[test]
fn what_is_not_here_leaves_head_unmerged() {
    let (scratch, _, head) = parted();
    let cache = TempDir::new().unwrap();
    let absent = "1".repeat(40);
    for payload in [
        json!({"pull_request": {"base": {"ref": "gone"}}}),
        json!({"pull_request": {"head": {"ref": "gone"}}}),
        json!({"pull_request": {"head": {"sha": absent}}}),
    ] {
        let Made { event, merge } = made(&scratch, &cache, payload.clone());
        assert_eq!(merge, None, "{payload}");
        assert_eq!(event.sha, head.to_string(), "{payload}");
        assert!(has_note(&event, "is not here"), "{:?}", event.notes);
        assert!(has_note(&event, "HEAD runs unmerged"), "{:?}", event.notes);
    }
    scratch.set_ref("refs/remotes/origin/main", head);
    let Made { event, merge } = made(&scratch, &cache, json!({}));
    assert_eq!(merge, None);
    assert!(has_note(&event, "it is the base"), "{:?}", event.notes);
    let folder = TempDir::new().unwrap();
    let identity = scratch.identity();
    let request = PayloadRequest {
        merges: Some(folder.path().to_path_buf()),
        ..PayloadRequest::new("pull_request", &identity)
    };
    assert_eq!(make(None, &request).unwrap().merge, None);
}

#[test]
fn the_payload_names_base_and_head() {
    let (scratch, base, head) = parted();
    scratch.set_ref("refs/heads/release", base);
    let tip = scratch.commit("later", "1");
    let cache = TempDir::new().unwrap();
    let of_head = made(
        &scratch,
        &cache,
        json!({"number": 7, "pull_request": {"base": {"ref": "release"}}}),
    );
    assert_eq!(of_head.event.git_ref, "refs/pull/7/merge");
    let parents = |made: &Made| {
        let merge = made.merge.as_ref().unwrap();
        let store = git2::Repository::open_bare(&merge.store).unwrap();
        let id = Oid::from_str(&merge.commit).unwrap();
        let parents = store.find_commit(id).unwrap().parent_ids().collect();
        let parents: Vec<Oid> = parents;
        parents
    };
    assert_eq!(parents(&of_head), [base, tip]);
    let older = made(
        &scratch,
        &cache,
        json!({"pull_request": {"head": {"sha": head.to_string(), "ref": "x"}}}),
    );
    assert_eq!(parents(&older), [base, head]);
    assert!(!older.merge.as_ref().unwrap().of_head);
    assert!(has_note(&older.event, "no part of the merge"));
}

#[test]
fn a_merged_pull_request_runs_on_its_base() {
    // SPEC 14.2
    let (scratch, base, _) = parted();
    let cache = TempDir::new().unwrap();
    let closed = |merged: Value| {
        made(
            &scratch,
            &cache,
            json!({"action": "closed", "pull_request": merged}),
        )
    };
    let computed = closed(json!({"merged": true}));
    assert_eq!(computed.event.git_ref, "refs/heads/main");
    assert_eq!(computed.event.ref_name, "main");
    assert_eq!(computed.event.sha, computed.merge.unwrap().commit);
    let known = closed(json!({"merged": true, "merge_commit_sha": base.to_string()}));
    assert_eq!((known.event.sha, known.merge), (base.to_string(), None));
    let refused = closed(json!({"merged": false}));
    assert_eq!(refused.event.git_ref, "refs/pull/1/merge");
    assert_eq!(refused.event.payload["pull_request"]["state"], "closed");
}

#[test]
fn a_clone_that_is_too_shallow_runs_head_unmerged() {
    let (origin, base, head) = parted();
    let folder = TempDir::new().unwrap();
    let path = folder.path().canonicalize().unwrap().join("clone");
    let url = format!("file://{}", origin.path.display());
    let clone = |depth: &str| {
        git(
            &origin,
            &[
                "clone",
                "-q",
                "--depth",
                depth,
                "--no-single-branch",
                "--branch",
                "topic",
                &url,
                path.to_str().unwrap(),
            ],
        );
        let found = Repo::discover(&path, &crate::repo::GitEnv::default());
        let repo = found.unwrap().unwrap();
        let identity = origin.identity();
        let request = PayloadRequest {
            merges: Some(folder.path().join("cache")),
            ..PayloadRequest::new("pull_request", &identity)
        };
        let made = make(Some(&repo), &request).unwrap();
        std::fs::remove_dir_all(&path).unwrap();
        made
    };
    let shallow = clone("1");
    assert_eq!(shallow.merge, None);
    assert_eq!(shallow.event.sha, head.to_string());
    assert!(
        has_note(&shallow.event, "too shallow"),
        "{:?}",
        shallow.event.notes
    );
    let deep = clone("4");
    assert_eq!(
        deep.event.payload["pull_request"]["base"]["sha"],
        base.to_string()
    );
    let whole = made(&origin, &folder, json!({}));
    assert_eq!(deep.event.sha, whole.event.sha);
    assert!(deep.merge.is_some());
}

#[test]
fn a_linked_worktree_merges_its_own_head() {
    let (scratch, base, head) = parted();
    let path = scratch.path.parent().unwrap().join("linked");
    git(
        &scratch,
        &[
            "worktree",
            "add",
            "-q",
            "-b",
            "other",
            path.to_str().unwrap(),
            "main~1",
        ],
    );
    let found = Repo::discover(&path, &crate::repo::GitEnv::default());
    let repo = found.unwrap().unwrap();
    let identity = scratch.identity();
    let cache = TempDir::new().unwrap();
    let request = PayloadRequest {
        merges: Some(cache.path().to_path_buf()),
        ..PayloadRequest::new("pull_request", &identity)
    };
    let made = make(Some(&repo), &request).unwrap();
    let other = git(&scratch, &["rev-parse", "other"]);
    assert_eq!(made.event.payload["pull_request"]["head"]["sha"], other);
    assert_eq!(made.event.head_ref, "other");
    assert!(made.merge.unwrap().of_head);
    assert_ne!(base, head);
}

#[test]
fn activities_add_their_fields() {
    // SPEC T-3
    let (scratch, _, head) = parted();
    let of = |action: &str| given(&scratch, "pull_request", json!({"action": action})).payload;
    assert_eq!(of("labeled")["label"]["name"], "bug");
    assert_eq!(of("labeled")["pull_request"]["labels"][0]["name"], "bug");
    assert_eq!(of("unlabeled")["pull_request"]["labels"], json!([]));
    assert_eq!(of("assigned")["assignee"]["login"], "mona");
    assert_eq!(
        of("review_requested")["requested_reviewer"]["login"],
        "mona"
    );
    assert_eq!(of("edited")["changes"], json!({}));
    assert_eq!(of("synchronize")["after"], head.to_string());
    assert_eq!(of("converted_to_draft")["pull_request"]["draft"], true);
    assert_eq!(of("opened").get("before"), None);
}
