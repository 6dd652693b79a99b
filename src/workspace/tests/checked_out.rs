//! What `actions/checkout` leaves in the workspace (SPEC J-10, J-11, P-90).

use super::*;

fn request(set: impl FnOnce(&mut CheckoutRequest)) -> CheckoutRequest {
    let mut request = CheckoutRequest::default();
    set(&mut request);
    request
}

#[test]
fn git_status_shows_exactly_the_uncommitted_changes() {
    let scratch = Scratch::dirty();
    let theirs = scratch.git(&["status", "--porcelain", "-uall"]);
    let work = scratch.checkout(&CheckoutRequest::default());
    let expected: Vec<&str> = theirs
        .lines()
        .filter(|line| !line.contains(".secrets"))
        .collect();
    let seen = git(&work, &["status", "--porcelain", "-uall"]);
    assert_eq!(seen.lines().collect::<Vec<_>>(), expected);
    git(&work, &["fsck"]);
}

#[test]
fn an_unchanged_tree_has_nothing_for_git_status_to_read() {
    let scratch = Scratch::new();
    let work = scratch.checkout(&CheckoutRequest::default());
    assert_eq!(git(&work, &["status", "--porcelain"]), "");
    assert_eq!(
        git(&work, &["diff-files", "--name-only"]),
        "",
        "stat alone says so"
    );
}

#[test]
fn staged_changes_are_modifications() {
    let scratch = Scratch::new();
    scratch.write("a.txt", "staged\n");
    scratch.git(&["add", "a.txt"]);
    scratch.write("a.txt", "working\n");
    scratch
        .try_checkout(&scratch.with(Content::Staged), &CheckoutRequest::default())
        .unwrap();
    let work = scratch.workspace();
    assert_eq!(fs::read_to_string(work.join("a.txt")).unwrap(), "staged\n");
    assert_eq!(git(&work, &["status", "--porcelain"]), " M a.txt\n");
}

#[test]
fn an_explicit_ref_is_exactly_that_commit() {
    let scratch = Scratch::new();
    let first = scratch.head();
    scratch.git(&["tag", "-a", "v1", "-m", "one"]);
    scratch.git(&["branch", "side"]);
    scratch.write("a.txt", "second\n");
    scratch.git(&["add", "-A"]);
    scratch.commit("second");
    scratch.write("a.txt", "dirty\n");
    for (asked, output, head) in [
        ("v1", "v1", ""),
        ("refs/tags/v1", "refs/tags/v1", ""),
        ("side", "side", "side"),
        ("refs/heads/side", "refs/heads/side", "side"),
        (first.as_str(), "", ""),
    ] {
        let done = scratch
            .try_checkout(
                &scratch.options(),
                &request(|r| r.ref_ = Some(asked.to_owned())),
            )
            .unwrap();
        let work = scratch.workspace();
        assert_eq!(
            (done.commit.as_str(), done.ref_.as_str()),
            (first.as_str(), output)
        );
        assert_eq!(
            fs::read_to_string(work.join("a.txt")).unwrap(),
            "a\n",
            "{asked}"
        );
        assert_eq!(git(&work, &["status", "--porcelain"]), "", "{asked}");
        assert_eq!(git(&work, &["branch", "--show-current"]).trim(), head);
    }
    let missing = scratch.try_checkout(
        &scratch.options(),
        &request(|r| r.ref_ = Some("nope".to_owned())),
    );
    assert_eq!(
        missing.unwrap_err().to_string(),
        "A branch or tag with the name 'nope' could not be found"
    );
    let gone = "0123456789012345678901234567890123456789".to_owned();
    let missing = scratch.try_checkout(&scratch.options(), &request(|r| r.ref_ = Some(gone)));
    assert!(matches!(missing, Err(WorkspaceError::UnknownCommit(_))));
}

#[test]
fn a_path_is_checked_out_there_and_only_inside_the_workspace() {
    let scratch = Scratch::new();
    let work = scratch.workspace();
    write(&work.join("made by a step"), "x");
    scratch.checkout(&request(|r| r.path = Some("inner/place".to_owned())));
    assert!(work.join("inner/place/.git").is_dir() && work.join("made by a step").exists());
    assert!(!work.join(".git").exists());
    let elsewhere = scratch.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    write(&elsewhere.join("precious"), "x");
    std::os::unix::fs::symlink(&elsewhere, work.join("way-out")).unwrap();
    for path in ["..", "/etc", "a/../../b", "way-out", "way-out/x"] {
        let result = scratch.try_checkout(
            &scratch.options(),
            &request(|r| r.path = Some(path.to_owned())),
        );
        assert!(
            matches!(result, Err(WorkspaceError::OutsideWorkspace { .. })),
            "{path}"
        );
    }
    assert!(elsewhere.join("precious").exists());
}

#[test]
fn a_repeated_checkout_resets_unless_it_is_told_not_to_clean() {
    let scratch = Scratch::new();
    let work = scratch.checkout(&CheckoutRequest::default());
    let soil = || {
        write(&work.join("made"), "x");
        write(&work.join("a.txt"), "by a step\n");
        fs::remove_file(work.join("dir/b.txt")).unwrap();
    };
    soil();
    scratch.checkout(&request(|r| r.clean = false));
    assert!(work.join("made").exists());
    assert_eq!(git(&work, &["status", "--porcelain"]), "?? made\n");
    soil();
    scratch.checkout(&CheckoutRequest::default());
    assert_eq!(git(&work, &["status", "--porcelain"]), "");
}

#[test]
fn an_unclean_checkout_does_not_write_through_links_of_a_step() {
    let scratch = Scratch::new();
    let work = scratch.checkout(&CheckoutRequest::default());
    let outside = scratch.path("outside");
    write(&outside.join("b.txt"), "precious\n");
    write(&outside.join("file"), "precious\n");
    fs::remove_dir_all(work.join("dir")).unwrap();
    std::os::unix::fs::symlink(&outside, work.join("dir")).unwrap();
    fs::remove_file(work.join("a.txt")).unwrap();
    std::os::unix::fs::symlink(outside.join("file"), work.join("a.txt")).unwrap();
    scratch.checkout(&request(|r| r.clean = false));
    assert_eq!(git(&work, &["status", "--porcelain"]), "");
    for name in ["b.txt", "file"] {
        assert_eq!(
            fs::read_to_string(outside.join(name)).unwrap(),
            "precious\n"
        );
    }
}

#[test]
fn write_protected_folders_are_cleaned_too() {
    let scratch = Scratch::new();
    let work = scratch.checkout(&CheckoutRequest::default());
    write(&work.join("mod/cache/file"), "x");
    fs::set_permissions(work.join("mod/cache"), fs::Permissions::from_mode(0o555)).unwrap();
    scratch.checkout(&CheckoutRequest::default());
    assert!(!work.join("mod").exists());
}

#[test]
fn sparse_checkouts_bring_what_they_name() {
    let scratch = Scratch::new();
    scratch.write("x/y/z/deep", "1\n");
    scratch.write("x/y/near", "1\n");
    scratch.write("x/w/other", "1\n");
    scratch.git(&["add", "-A"]);
    scratch.commit("deep");
    for (cone, lines) in [
        (true, vec!["x/y/z"]),
        (true, vec!["dir", "x/y"]),
        (false, vec!["/x/*", "!/x/w/"]),
        (false, vec!["*.txt", "!a.txt"]),
    ] {
        let work = scratch.checkout(&request(|r| {
            r.sparse_cone = cone;
            r.sparse_checkout = lines.iter().map(|line| (*line).to_owned()).collect();
        }));
        // git's own judgement of the same wish.
        let judge = scratch.path("judge");
        let source = scratch.repo();
        git(
            &scratch.path(""),
            &[
                "clone",
                "-q",
                "--no-checkout",
                source.to_str().unwrap(),
                "judge",
            ],
        );
        let mode = if cone { "--cone" } else { "--no-cone" };
        git(
            &judge,
            &[&["sparse-checkout", "set", mode], lines.as_slice()].concat(),
        );
        git(&judge, &["checkout", "-q"]);
        assert_eq!(tree(&work), tree(&judge), "{lines:?}");
        assert_eq!(git(&work, &["status", "--porcelain"]), "");
        git(&work, &["sparse-checkout", "reapply"]);
        assert_eq!(tree(&work), tree(&judge), "{lines:?} applied again");
        fs::remove_dir_all(judge).unwrap();
    }
}

#[test]
fn a_repository_without_a_commit_has_no_git_in_the_workspace() {
    let scratch = Scratch::empty();
    scratch.write("a.txt", "a\n");
    let options = scratch.options();
    let snapshot = Snapshot::prepare(&options).unwrap();
    let target = Target {
        sha: "0".repeat(40),
        ..Target::default()
    };
    let done = checkout(
        &snapshot,
        &options,
        &CheckoutRequest::default(),
        &target,
        &scratch.workspace(),
    )
    .unwrap();
    assert_eq!(done.log.len(), 1);
    assert_eq!(names(&scratch.workspace()), ["a.txt"]);
    assert!(!scratch.workspace().join(".git").exists());
}

#[test]
fn lfs_files_are_pointers_unless_asked_for() {
    let scratch = Scratch::new();
    scratch.write(
        ".gitattributes",
        "*.bin filter=lfs diff=lfs merge=lfs -text\n",
    );
    let content = "big content\n";
    let oid = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(content));
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12\n");
    scratch.write("x.bin", &pointer);
    scratch.git(&["add", "-A"]);
    scratch.commit("lfs");
    // As git-lfs leaves the working tree.
    scratch.write("x.bin", content);
    let work = scratch.checkout(&CheckoutRequest::default());
    assert_eq!(fs::read_to_string(work.join("x.bin")).unwrap(), pointer);
    assert_eq!(git(&work, &["status", "--porcelain"]), "");
    scratch.checkout(&request(|r| r.lfs = true));
    assert_eq!(fs::read_to_string(work.join("x.bin")).unwrap(), content);
    scratch.write("x.bin", &pointer);
    let missing = scratch.try_checkout(&scratch.options(), &request(|r| r.lfs = true));
    assert!(matches!(missing, Err(WorkspaceError::LfsMissing { .. })));
    scratch.write(
        &format!(".git/lfs/objects/{}/{}/{oid}", &oid[..2], &oid[2..4]),
        content,
    );
    scratch.checkout(&request(|r| r.lfs = true));
    assert_eq!(fs::read_to_string(work.join("x.bin")).unwrap(), content);
}

#[test]
fn a_checkout_never_replaces_the_users_own_tree() {
    let scratch = Scratch::dirty();
    let options = scratch.options();
    let snapshot = Snapshot::prepare(&options).unwrap();
    let before = tree(&scratch.repo());
    for workspace in [scratch.repo(), scratch.path("")] {
        let result = checkout(
            &snapshot,
            &options,
            &CheckoutRequest::default(),
            &scratch.target(),
            &workspace,
        );
        assert!(matches!(result, Err(WorkspaceError::OwnTree(_))));
    }
    assert_eq!(tree(&scratch.repo()), before);
}

#[test]
fn a_target_that_is_not_head_is_exactly_its_commit() {
    let scratch = Scratch::new();
    let first = scratch.head();
    scratch.commit("second");
    scratch.write("a.txt", "dirty\n");
    let options = scratch.options();
    let snapshot = Snapshot::prepare(&options).unwrap();
    let target = Target {
        sha: first.clone(),
        ..scratch.target()
    };
    let done = checkout(
        &snapshot,
        &options,
        &CheckoutRequest::default(),
        &target,
        &scratch.workspace(),
    )
    .unwrap();
    assert_eq!(done.commit, first);
    assert_eq!(git(&scratch.workspace(), &["status", "--porcelain"]), "");
}

#[test]
fn the_hook_of_the_first_commit_is_judged_by_its_index() {
    let scratch = Scratch::empty();
    scratch.write("a.txt", "staged\n");
    scratch.git(&["add", "a.txt"]);
    scratch.write("a.txt", "working\n");
    let options = scratch.with(Content::Staged);
    let snapshot = Snapshot::prepare(&options).unwrap();
    assert_eq!(snapshot.changes().to_string(), "1 new");
    let target = Target {
        sha: "0".repeat(40),
        ..Target::default()
    };
    checkout(
        &snapshot,
        &options,
        &CheckoutRequest::default(),
        &target,
        &scratch.workspace(),
    )
    .unwrap();
    assert_eq!(tree(&scratch.workspace())["a.txt"], "644 staged\n");
}
