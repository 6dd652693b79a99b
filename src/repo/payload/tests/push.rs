//! Pushes.

use super::*;

#[test]
fn a_push_goes_from_what_the_remote_has_to_head() {
    // SPEC T-2, T-25
    let (scratch, first, second) = ahead_of_origin();
    let third = scratch.commit("c", "1");
    let event = event(&scratch, "push");
    assert_eq!(event.git_ref, "refs/heads/main");
    assert_eq!(
        (event.ref_name.as_str(), event.ref_type.as_str()),
        ("main", "branch")
    );
    assert_eq!((event.head_ref.as_str(), event.base_ref.as_str()), ("", ""));
    assert_eq!(event.sha, third.to_string());
    assert_eq!(event.notes, [] as [String; 0]);
    assert_eq!(changed(&event), ["b", "c"]);
    let payload = &event.payload;
    assert_eq!(payload["ref"], "refs/heads/main");
    assert_eq!(payload["before"], first.to_string());
    assert_eq!(payload["after"], third.to_string());
    assert_eq!(
        [&payload["created"], &payload["deleted"], &payload["forced"]],
        [&json!(false), &json!(false), &json!(false)]
    );
    assert_eq!(
        payload["compare"],
        format!(
            "https://github.com/acme/widget/compare/{}...{}",
            &first.to_string()[..12],
            &third.to_string()[..12]
        )
    );
    assert_eq!(payload["commits"][0]["id"], second.to_string());
    assert_eq!(payload["commits"][1]["id"], third.to_string());
    assert_eq!(payload["commits"][1].get("added"), None);
    assert_eq!(
        payload["pusher"],
        json!({"name": "mona", "email": "mona@example.com"})
    );
}

#[test]
fn head_commit_tells_who_when_and_what() {
    // SPEC T-2
    let (scratch, _, second) = ahead_of_origin();
    let event = event(&scratch, "push");
    let head = &event.payload["head_commit"];
    let tree = scratch
        .git
        .find_commit(second)
        .unwrap()
        .tree_id()
        .to_string();
    assert_eq!(
        head,
        &json!({
            "author": {"email": "mona@example.com", "name": "Mona Lisa", "username": "mona"},
            "committer": {"email": "7+hub@users.noreply.github.com", "name": "Hub", "username": "hub"},
            "distinct": true,
            "id": second.to_string(),
            "message": "change b\n\nmore",
            "timestamp": "2023-11-15T00:13:20+02:00",
            "tree_id": tree,
            "url": format!("https://github.com/acme/widget/commit/{second}"),
            "added": ["b"],
            "removed": [],
            "modified": [],
        })
    );
}

#[test]
fn a_push_of_a_new_branch_starts_where_it_left_the_default_branch() {
    // SPEC T-25
    let (scratch, _, _) = ahead_of_origin();
    scratch.set_ref(
        "refs/remotes/origin/main",
        scratch.repo().head_id().unwrap(),
    );
    let fork = scratch.repo().head_id().unwrap();
    scratch.switch_to_new("feature/x");
    scratch.commit("c", "1");
    scratch.commit("d", "1");
    let event = event(&scratch, "push");
    assert_eq!(event.ref_name, "feature/x");
    assert_eq!(event.payload["before"], fork.to_string());
    assert_eq!(changed(&event), ["c", "d"]);
}

#[test]
fn a_push_without_a_useful_remote_branch_starts_at_the_parent() {
    // SPEC T-25: no remote, up to date, diverged
    let scratch = Scratch::new();
    let first = scratch.commit("a", "1");
    let second = scratch.commit("b", "1");
    let no_remote = event(&scratch, "push");
    assert_eq!(no_remote.payload["before"], first.to_string());
    assert_eq!(
        no_remote.payload["repository"]["full_name"],
        "local/project"
    );

    let scratch_two = Scratch::with_remote();
    let one = scratch_two.commit("a", "1");
    let two = scratch_two.commit("b", "1");
    scratch_two.set_ref("refs/remotes/origin/main", two);
    assert_eq!(
        event(&scratch_two, "push").payload["before"],
        one.to_string()
    );
    scratch_two.switch_to_new("other");
    let side = scratch_two.commit("side", "1");
    scratch_two.switch_to("main");
    scratch_two.set_ref("refs/remotes/origin/main", side);
    let three = scratch_two.commit("c", "1");
    let diverged = event(&scratch_two, "push");
    assert_eq!(diverged.payload["before"], two.to_string());
    assert_eq!(diverged.sha, three.to_string());
    assert_eq!(changed(&diverged), ["c"]);
    assert_ne!(second, side);
}

#[test]
fn the_first_commit_is_pushed_from_the_empty_tree() {
    let scratch = Scratch::new();
    let first = scratch.commit("a", "1");
    let event = event(&scratch, "push");
    assert_eq!(event.payload["before"], ZEROS);
    assert_eq!(event.payload["created"], true);
    assert_eq!(event.payload["after"], first.to_string());
    assert_eq!(changed(&event), ["a"]);
}

#[test]
fn uncommitted_changes_that_the_job_sees_count_as_changed() {
    // SPEC T-25, DESIGN 4
    let (scratch, _, _) = ahead_of_origin();
    scratch.write(".gitignore", "ignored\n");
    scratch.stage(".gitignore");
    scratch.write("a", "2");
    scratch.write("deep/er/untracked", "1");
    scratch.write("ignored", "1");
    scratch.write(".secrets", "X=1");
    let with = |content| {
        event_with(&scratch, "push", |request| {
            request.view.content = content;
            request.view.withheld = vec![".secrets".to_owned()];
        })
    };
    assert_eq!(
        changed(&with(Content::WorkingTree)),
        [".gitignore", "a", "b", "deep/er/untracked"]
    );
    assert_eq!(changed(&with(Content::Staged)), [".gitignore", "b"]);
    assert_eq!(changed(&with(Content::Clean)), ["b"]);
}

#[test]
fn before_and_after_of_the_payload_are_the_whole_diff() {
    // SPEC T-25
    let (scratch, first, second) = ahead_of_origin();
    scratch.commit("c", "1");
    scratch.write("untracked", "1");
    let event = given(
        &scratch,
        "push",
        json!({"before": first.to_string(), "after": second.to_string()}),
    );
    assert_eq!(event.sha, second.to_string());
    assert_eq!(event.payload["head_commit"]["id"], second.to_string());
    assert_eq!(changed(&event), ["b"]);
    let from_nothing = given(
        &scratch,
        "push",
        json!({"before": ZEROS, "after": first.to_string()}),
    );
    assert_eq!(changed(&from_nothing), ["a"]);
}

#[test]
fn shas_that_are_not_here_are_named() {
    // DESIGN 7: sha follows if that commit is here, else HEAD with a line; SPEC W-59
    let (scratch, _, second) = ahead_of_origin();
    let stranger = "1".repeat(40);
    let after = given(&scratch, "push", json!({"after": stranger}));
    assert_eq!(after.sha, second.to_string());
    assert_eq!(after.payload["after"], stranger);
    assert!(has_note(&after, "github.sha is HEAD's"));
    let before = given(&scratch, "push", json!({"before": stranger}));
    assert_eq!(before.changed_files, None);
    assert!(has_note(&before, "path filters"));
    for odd in ["zz", "", "HEAD", "é"] {
        let event = given(
            &scratch,
            "push",
            json!({"before": odd, "after": odd, "ref": odd}),
        );
        assert_eq!(event.sha, second.to_string(), "{odd}");
    }
}

#[test]
fn the_ref_of_the_payload_makes_a_tag_push() {
    // ACT-HABITS 5
    let (scratch, first, second) = ahead_of_origin();
    let annotate = scratch.git.signature().unwrap();
    let object = scratch.git.find_object(first, None).unwrap();
    scratch
        .git
        .tag("v1", &object, &annotate, "one", false)
        .unwrap();
    let event = given(&scratch, "push", json!({"ref": "refs/tags/v1"}));
    assert_eq!(
        (
            event.git_ref.as_str(),
            event.ref_name.as_str(),
            event.ref_type.as_str()
        ),
        ("refs/tags/v1", "v1", "tag")
    );
    assert_eq!(event.sha, first.to_string());
    assert_eq!(event.payload["before"], ZEROS);
    assert_eq!(event.payload["created"], true);
    assert_eq!(event.payload["commits"], json!([]));
    assert!(event.notes.is_empty());
    let absent = given(&scratch, "push", json!({"ref": "refs/tags/v9"}));
    assert_eq!(absent.ref_name, "v9");
    assert_eq!(absent.sha, second.to_string());
    assert!(has_note(&absent, "refs/tags/v9 is not here"));
}

#[test]
fn a_push_lists_the_newest_twenty_commits_and_all_its_files() {
    let scratch = Scratch::with_remote();
    let first = scratch.commit("base", "1");
    scratch.set_ref("refs/remotes/origin/main", first);
    let mut last = first;
    for number in 0..25 {
        last = scratch.commit(&format!("f{number:02}"), "1");
    }
    for number in 0..320 {
        scratch.write(&format!("many/{number}"), "1");
    }
    let event = event(&scratch, "push");
    let commits = event.payload["commits"].as_array().unwrap();
    assert_eq!(commits.len(), 20);
    assert_eq!(commits[19]["id"], last.to_string());
    assert_eq!(changed(&event).len(), 345);
}

#[test]
fn a_repo_is_shared_by_events_without_a_change_to_it() {
    let (scratch, _, _) = ahead_of_origin();
    let repo: Repo = scratch.repo();
    let identity = scratch.identity();
    let request = PayloadRequest::new("push", &identity);
    assert_eq!(
        make(Some(&repo), &request).unwrap(),
        make(Some(&repo), &request).unwrap()
    );
}

#[test]
fn below_the_top_level_changed_files_count_from_the_root() {
    let (scratch, first, _) = ahead_of_origin();
    scratch.commit("sub/c", "1");
    scratch.write("sub/d", "1");
    scratch.write("e", "1");
    let event = event_with(&scratch, "push", |request| {
        request.view.within = Some("sub".to_owned());
    });
    assert_eq!(changed(&event), ["c", "d"]);
    assert_eq!(event.payload["before"], first.to_string());
}
