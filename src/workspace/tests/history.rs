//! Refs and depth as the action's fetch leaves them, judged by real clones.

use super::*;

fn depth(depth: u32) -> CheckoutRequest {
    CheckoutRequest {
        fetch_depth: Some(depth),
        ..CheckoutRequest::default()
    }
}

/// Five commits and a merge, with tags.
fn history() -> Scratch {
    let scratch = Scratch::new();
    scratch.commit("second");
    scratch.git(&["tag", "-a", "v1.0", "-m", "one"]);
    scratch.git(&["checkout", "-q", "-b", "feature"]);
    scratch.commit("on feature");
    scratch.git(&["checkout", "-q", "main"]);
    scratch.commit("on main");
    scratch.git(&["merge", "-q", "--no-ff", "-m", "merge", "feature"]);
    scratch.commit("last");
    scratch
}

#[test]
fn git_log_shows_exactly_the_depth() {
    let scratch = history();
    let url = format!("file://{}", scratch.repo().display());
    for n in [1, 2, 3, 4, 100] {
        let work = scratch.checkout(&depth(n));
        let judge = scratch.path("judge");
        git(
            &scratch.path(""),
            &["clone", "-q", "--depth", &n.to_string(), &url, "judge"],
        );
        for args in [
            ["log", "--format=%H %s"],
            ["rev-parse", "--is-shallow-repository"],
        ] {
            assert_eq!(git(&work, &args), git(&judge, &args), "depth {n}");
        }
        git(&work, &["fsck"]);
        fs::remove_dir_all(judge).unwrap();
    }
}

#[test]
fn a_branch_push_leaves_a_branch_that_tracks_origin() {
    let scratch = history();
    let work = scratch.checkout(&depth(1));
    assert_eq!(git(&work, &["status", "-sb"]), "## main...origin/main\n");
    let refs = git(&work, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/main\nrefs/remotes/origin/main\n");
    assert_eq!(
        git(&work, &["remote", "get-url", "origin"]),
        "https://github.com/octo/demo\n"
    );
}

#[test]
fn all_history_has_every_branch_and_tag_and_describes() {
    let scratch = history();
    scratch.git(&["update-ref", "refs/remotes/origin/old", "HEAD~3"]);
    let work = scratch.checkout(&depth(0));
    let refs = git(&work, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(
        refs,
        "refs/heads/main\nrefs/remotes/origin/feature\nrefs/remotes/origin/main\nrefs/remotes/origin/old\nrefs/tags/v1.0\n"
    );
    let describe = ["describe", "--tags", "--always"];
    assert_eq!(git(&work, &describe), scratch.git(&describe));
    assert_eq!(
        git(&work, &["rev-parse", "--is-shallow-repository"]),
        "false\n"
    );
    let shallow = scratch.checkout(&depth(1));
    let short = scratch.git(&["rev-parse", "--short", "HEAD"]);
    assert_eq!(
        git(&shallow, &describe),
        short,
        "GitHub knows no tag at depth 1 either"
    );
}

#[test]
fn fetch_tags_brings_tags_at_depth_one() {
    let scratch = history();
    scratch.git(&["tag", "here"]);
    let request = CheckoutRequest {
        fetch_tags: true,
        ..depth(1)
    };
    let work = scratch.checkout(&request);
    assert_eq!(git(&work, &["tag"]), "here\nv1.0\n");
    assert_eq!(git(&work, &["describe", "--tags"]), "here\n");
    assert_eq!(git(&work, &["log", "--format=%s"]), "last\n");
}

#[test]
fn tags_and_pull_requests_leave_a_detached_head() {
    let scratch = history();
    scratch.git(&["tag", "-a", "v2", "-m", "two"]);
    for (git_ref, expected) in [
        ("refs/tags/v2", "refs/tags/v2"),
        ("refs/pull/7/merge", "refs/remotes/pull/7/merge"),
    ] {
        let options = scratch.options();
        let snapshot = Snapshot::prepare(&options).unwrap();
        let target = Target {
            git_ref: git_ref.to_owned(),
            ..scratch.target()
        };
        let done = checkout(
            &snapshot,
            &options,
            &depth(1),
            &target,
            &scratch.workspace(),
        )
        .unwrap();
        let work = scratch.workspace();
        assert_eq!(done.ref_, git_ref);
        assert_eq!(git(&work, &["branch", "--show-current"]), "");
        assert_eq!(
            git(&work, &["for-each-ref", "--format=%(refname)"]).trim(),
            expected
        );
        assert_eq!(
            git(&work, &["rev-parse", &format!("{expected}^{{commit}}")]).trim(),
            scratch.head()
        );
    }
}

#[test]
fn a_pushed_tag_describes_itself() {
    let scratch = history();
    scratch.git(&["tag", "-a", "v2", "-m", "two"]);
    let options = scratch.options();
    let snapshot = Snapshot::prepare(&options).unwrap();
    let target = Target {
        git_ref: "refs/tags/v2".to_owned(),
        ..scratch.target()
    };
    checkout(
        &snapshot,
        &options,
        &depth(1),
        &target,
        &scratch.workspace(),
    )
    .unwrap();
    assert_eq!(git(&scratch.workspace(), &["describe"]), "v2\n");
}

#[test]
fn a_branch_stands_where_the_remote_has_it_or_where_the_next_push_brings_it() {
    let scratch = history();
    let sha = |name: &str| scratch.git(&["rev-parse", name]).trim().to_owned();
    // Stale here, ahead here, and the head of the pull request at hand.
    scratch.git(&["branch", "stale", "HEAD~2"]);
    scratch.git(&["update-ref", "refs/remotes/origin/stale", "HEAD"]);
    scratch.git(&["branch", "ahead", "HEAD"]);
    scratch.git(&["update-ref", "refs/remotes/origin/ahead", "HEAD~2"]);
    scratch.git(&["update-ref", "refs/remotes/origin/main", "v1.0^{commit}"]);
    let options = scratch.options();
    let snapshot = Snapshot::prepare(&options).unwrap();
    let target = Target {
        git_ref: "refs/pull/7/merge".to_owned(),
        ..scratch.target()
    };
    for asked in ["stale", "ahead", "main", "refs/pull/7/head"] {
        let request = CheckoutRequest {
            ref_: Some(asked.to_owned()),
            ..depth(0)
        };
        let done = checkout(&snapshot, &options, &request, &target, &scratch.workspace()).unwrap();
        assert_eq!(done.commit, sha("HEAD"), "{asked}");
    }
    let work = scratch.workspace();
    for name in ["stale", "ahead", "main"] {
        assert_eq!(
            git(&work, &["rev-parse", &format!("origin/{name}")]).trim(),
            sha("HEAD"),
            "{name}"
        );
    }
}

#[test]
fn a_shallow_clone_of_the_user_stays_honest() {
    let scratch = history();
    let url = format!("file://{}", scratch.repo().display());
    git(
        &scratch.path(""),
        &["clone", "-q", "--depth", "2", &url, "shallow"],
    );
    let options = Options {
        root: scratch.path("shallow"),
        git_dir: Some(scratch.path("shallow/.git")),
        ..scratch.options()
    };
    for n in [0, 1, 50] {
        scratch.try_checkout(&options, &depth(n)).unwrap();
        let log = git(&scratch.workspace(), &["log", "--format=%s"]);
        let expected = if n == 1 {
            "last\n".to_owned()
        } else {
            git(&options.root, &["log", "--format=%s"])
        };
        assert_eq!(log, expected, "depth {n}");
    }
}

#[test]
fn a_clone_that_borrows_objects_itself_works() {
    let scratch = history();
    let source = scratch.repo();
    git(
        &scratch.path(""),
        &[
            "clone",
            "-q",
            "--shared",
            source.to_str().unwrap(),
            "shared",
        ],
    );
    let options = Options {
        root: scratch.path("shared"),
        git_dir: Some(scratch.path("shared/.git")),
        ..scratch.options()
    };
    scratch.try_checkout(&options, &depth(0)).unwrap();
    git(&scratch.workspace(), &["fsck"]);
    scratch
        .try_checkout(
            &Options {
                content: Content::Clean,
                ..options
            },
            &depth(1),
        )
        .unwrap();
}

#[test]
fn a_job_can_commit_and_the_users_repository_knows_nothing_of_it() {
    let scratch = history();
    let before = scratch.git(&["count-objects", "-v"]);
    let work = scratch.checkout(&depth(1));
    git(&work, &["commit", "-q", "--allow-empty", "-m", "by a job"]);
    git(&work, &["tag", "made-here"]);
    assert_eq!(scratch.git(&["count-objects", "-v"]), before);
    assert_eq!(scratch.git(&["tag"]), "v1.0\n");
}

#[test]
fn a_ref_that_git_would_refuse_is_never_written() {
    let scratch = history();
    let options = scratch.options();
    let snapshot = Snapshot::prepare(&options).unwrap();
    for git_ref in [
        "refs/heads/../../../escaped",
        "refs/tags/a b",
        "refs/heads/x.lock",
        "",
    ] {
        let target = Target {
            git_ref: git_ref.to_owned(),
            ..scratch.target()
        };
        checkout(
            &snapshot,
            &options,
            &depth(1),
            &target,
            &scratch.workspace(),
        )
        .unwrap();
        assert_eq!(git(&scratch.workspace(), &["branch", "--show-current"]), "");
        assert!(!scratch.workspace().join("escaped").exists());
    }
}
