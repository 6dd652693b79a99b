//! Which files a workspace holds (DESIGN 4).

use super::*;

fn seen(options: &Options) -> BTreeMap<String, String> {
    tree(Snapshot::prepare(options).unwrap().path())
}

#[test]
fn the_working_tree_is_tracked_files_as_they_stand_and_untracked_ones_that_are_not_ignored() {
    let scratch = Scratch::dirty();
    let snapshot = Snapshot::prepare(&scratch.options()).unwrap();
    let seen = tree(snapshot.path());
    let expected = [
        (".gitignore", "644 *.log\n/target/\n"),
        ("a.txt", "644 changed\n"),
        ("dir/b.txt", "644 b\n"),
        ("dir/ünïcode ☃.txt", "644 snow\n"),
        ("kept.log", "644 tracked although ignored\n"),
        ("link", "-> a.txt"),
        ("new.txt", "644 new\n"),
        ("run.sh", "755 #!/bin/sh\n"),
        ("sub/deep/new.txt", "644 new\n"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(seen, expected);
    assert_eq!(
        snapshot.changes().to_string(),
        "1 modified, 2 new, 1 deleted"
    );
}

#[test]
fn with_ignored_adds_the_rest_but_no_secrets() {
    let scratch = Scratch::dirty();
    scratch.write("my.keys", "x\n");
    let options = Options {
        with_ignored: true,
        exclude: vec![scratch.repo().join("my.keys")],
        ..scratch.options()
    };
    let seen = seen(&options);
    assert!(seen.contains_key("noise.log") && seen.contains_key("target/out"));
    assert!(!seen.contains_key(".secrets") && !seen.contains_key("my.keys"));
}

#[test]
fn a_secret_file_that_git_tracks_is_there() {
    let scratch = Scratch::new();
    scratch.write(".env", "A=1\n");
    assert!(!seen(&scratch.options()).contains_key(".env"));
    scratch.git(&["add", ".env"]);
    assert!(seen(&scratch.options()).contains_key(".env"));
}

#[test]
fn clean_is_exactly_the_commit_and_staged_exactly_the_index() {
    let scratch = Scratch::dirty();
    scratch.git(&["add", "new.txt"]);
    scratch.write("new.txt", "newer\n");
    let clean = seen(&scratch.with(Content::Clean));
    assert_eq!(clean["a.txt"], "644 a\n");
    assert_eq!(clean["run.sh"], "755 #!/bin/sh\n");
    assert_eq!(clean["link"], "-> a.txt");
    assert!(clean.contains_key("gone.txt") && !clean.contains_key("new.txt"));
    let staged = Snapshot::prepare(&scratch.with(Content::Staged)).unwrap();
    assert_eq!(tree(staged.path())["new.txt"], "644 new\n");
    assert_eq!(tree(staged.path())["a.txt"], "644 a\n");
    assert_eq!(staged.changes().to_string(), "1 new");
}

#[test]
fn a_hook_with_an_index_of_its_own_is_judged_by_that() {
    let scratch = Scratch::new();
    scratch.write("a.txt", "committed by name\n");
    scratch.write("dir/b.txt", "staged only\n");
    scratch.git(&["add", "dir/b.txt"]);
    let hook = scratch.repo().join(".git/hooks/pre-commit");
    write(&hook, "#!/bin/sh\ncp \"$GIT_INDEX_FILE\" .git/seen-index\n");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    scratch.git(&["commit", "-q", "-m", "one file", "a.txt"]);
    scratch.git(&["reset", "-q", "--soft", "HEAD~"]);
    let options = Options {
        index_file: Some(scratch.repo().join(".git/seen-index")),
        ..scratch.with(Content::Staged)
    };
    let seen = seen(&options);
    assert_eq!(seen["a.txt"], "644 committed by name\n");
    assert_eq!(seen["dir/b.txt"], "644 b\n");
}

#[test]
fn a_linked_worktree_is_seen_with_its_own_index() {
    let scratch = Scratch::new();
    let other = scratch.path("other");
    scratch.git(&[
        "worktree",
        "add",
        "-q",
        "-b",
        "side",
        other.to_str().unwrap(),
    ]);
    write(&other.join("side.txt"), "side\n");
    git(&other, &["add", "side.txt"]);
    let options = Options {
        root: other.clone(),
        git_dir: Some(scratch.repo().join(".git/worktrees/other")),
        content: Content::Staged,
        cache: scratch.path("cache"),
        ..Options::default()
    };
    assert!(seen(&options).contains_key("side.txt"));
    let snapshot = Snapshot::prepare(&options).unwrap();
    let target = Target {
        git_ref: "refs/heads/side".to_owned(),
        ..scratch.target()
    };
    checkout(
        &snapshot,
        &options,
        &CheckoutRequest::default(),
        &target,
        &scratch.workspace(),
    )
    .unwrap();
    assert_eq!(
        git(&scratch.workspace(), &["status", "--porcelain"]),
        "?? side.txt\n"
    );
    assert_eq!(
        git(&scratch.workspace(), &["branch", "--show-current"]),
        "side\n"
    );
}

#[test]
fn ignore_rules_of_every_place_hold() {
    let scratch = Scratch::new();
    scratch.write(".git/info/exclude", "private\n");
    scratch.write("user-ignores", "*.bak\n");
    let file = scratch.repo().join("user-ignores");
    scratch.git(&["config", "core.excludesFile", file.to_str().unwrap()]);
    scratch.write("dir/.gitignore", "!loud.log\nquiet\n");
    for name in [
        "private",
        "x.bak",
        "dir/loud.log",
        "dir/other.log",
        "dir/quiet/x",
        "quiet",
    ] {
        scratch.write(name, "x\n");
    }
    let ours = names(Snapshot::prepare(&scratch.options()).unwrap().path());
    let theirs = scratch.git(&[
        "-c",
        "core.quotePath=false",
        "ls-files",
        "-co",
        "--exclude-standard",
    ]);
    let mut theirs: Vec<String> = theirs.lines().map(str::to_owned).collect();
    theirs.sort();
    assert_eq!(ours, theirs);
}

#[test]
fn a_root_below_the_top_level_is_the_whole_workspace_without_git() {
    let scratch = Scratch::dirty();
    scratch.write("dir/c.log", "ignored by the top\n");
    let options = Options {
        root: scratch.repo().join("dir"),
        below_top_level: true,
        ..scratch.options()
    };
    scratch
        .try_checkout(&options, &CheckoutRequest::default())
        .unwrap();
    assert_eq!(names(&scratch.workspace()), ["b.txt", "ünïcode ☃.txt"]);
    assert!(!scratch.workspace().join(".git").exists());
    let clean = Options {
        content: Content::Clean,
        ..options
    };
    assert_eq!(seen(&clean).len(), 2);
}

#[test]
fn a_folder_without_git_is_the_workspace() {
    let scratch = Scratch::dirty();
    fs::remove_dir_all(scratch.repo().join(".git")).unwrap();
    let options = Options {
        git_dir: None,
        ..scratch.options()
    };
    let seen = seen(&options);
    assert!(seen.contains_key("new.txt") && !seen.contains_key("noise.log"));
    let clean = Options {
        content: Content::Clean,
        ..options
    };
    assert!(matches!(
        Snapshot::prepare(&clean),
        Err(WorkspaceError::NoGit { .. })
    ));
}

#[test]
fn a_folder_that_became_a_link_does_not_lead_out_of_the_tree() {
    let scratch = Scratch::new();
    fs::rename(scratch.repo().join("dir"), scratch.path("outside")).unwrap();
    std::os::unix::fs::symlink(scratch.path("outside"), scratch.repo().join("dir")).unwrap();
    let seen = seen(&scratch.options());
    assert!(seen["dir"].starts_with("-> "));
    assert!(!seen.contains_key("dir/b.txt"));
}

#[test]
fn what_a_sparse_checkout_left_out_is_not_deleted() {
    let scratch = Scratch::new();
    scratch.git(&["sparse-checkout", "set", "nothing"]);
    assert!(!scratch.repo().join("dir").exists());
    let snapshot = Snapshot::prepare(&scratch.options()).unwrap();
    assert_eq!(tree(snapshot.path())["dir/b.txt"], "644 b\n");
    assert!(snapshot.changes().is_empty(), "{}", snapshot.changes());
}

#[test]
fn special_files_and_nested_repositories_stay_out() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.repo().join("nested")).unwrap();
    git(&scratch.repo().join("nested"), &["init", "-q"]);
    scratch.write("nested/x", "x");
    let status = Command::new("mkfifo")
        .arg(scratch.repo().join("pipe"))
        .status()
        .unwrap();
    assert!(status.success());
    let names = names(Snapshot::prepare(&scratch.options()).unwrap().path());
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("nested") || name == "pipe")
    );
}

#[test]
fn checkout_filters_are_applied_to_what_comes_from_git() {
    let scratch = Scratch::new();
    scratch.write(".gitattributes", "*.bat text eol=crlf\n");
    scratch.write("x.bat", "one\r\ntwo\r\n");
    scratch.git(&["add", "-A"]);
    scratch.commit("crlf");
    assert_eq!(
        scratch.git(&["cat-file", "blob", "HEAD:x.bat"]),
        "one\ntwo\n"
    );
    for content in [Content::Clean, Content::Staged, Content::WorkingTree] {
        assert_eq!(
            seen(&scratch.with(content))["x.bat"],
            "644 one\r\ntwo\r\n",
            "{content:?}"
        );
    }
}

#[test]
fn split_and_sparse_indexes_are_read() {
    let scratch = Scratch::dirty();
    let expected = seen(&scratch.options());
    scratch.git(&["update-index", "--split-index"]);
    assert_eq!(seen(&scratch.options()), expected);
    scratch.git(&["update-index", "--no-split-index"]);
    scratch.git(&["checkout", "-q", "--", "a.txt", "gone.txt"]);
    scratch.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "sub"]);
    let sparse = seen(&scratch.options());
    assert_eq!(sparse["dir/b.txt"], "644 b\n");
    assert_eq!(sparse["gone.txt"], "644 gone\n");
}

#[test]
fn a_root_that_is_reached_through_a_link_is_the_same() {
    let scratch = Scratch::dirty();
    scratch.write("dir/c.log", "ignored by the top\n");
    scratch.write("dir/my.keys", "x\n");
    for (folder, below_top_level) in [("", false), ("dir", true)] {
        let root = scratch.repo().join(folder);
        let link = scratch.path(&format!("link-{folder}"));
        std::os::unix::fs::symlink(&root, &link).unwrap();
        for secret in [root.join("my.keys"), link.join("my.keys")] {
            let options = Options {
                below_top_level,
                exclude: vec![secret],
                ..scratch.options()
            };
            let direct = seen(&Options {
                root: root.clone(),
                ..options.clone()
            });
            let linked = seen(&Options {
                root: link.clone(),
                ..options
            });
            assert_eq!(direct, linked);
            for name in ["my.keys", "c.log", "dir/c.log"] {
                assert!(!linked.contains_key(name), "{name}");
            }
        }
    }
}
