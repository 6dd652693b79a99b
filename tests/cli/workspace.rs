//! What a job sees of the tree: the rule of it, in each mode.

use std::fs;

use crate::lrun::Lrun;

const LIST: &str = "
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: test -z \"$(ls -A)\" || echo 'not empty before checkout'
      - uses: actions/checkout@v4
      - run: |
          for file in *.txt; do echo \"$file $(cat \"$file\")\"; done
          git status --porcelain -- '*.txt'
";

/// A file of every state.
fn tree() -> Lrun {
    let it = Lrun::new()
        .workflow("ci.yml", LIST)
        .file(".gitignore", "ignored.txt\n")
        .file("tracked.txt", "committed")
        .file("staged.txt", "committed")
        .file("deleted.txt", "committed")
        .commit()
        .file("tracked.txt", "changed")
        .file("staged.txt", "staged")
        .file("untracked.txt", "new")
        .file("ignored.txt", "ignored");
    it.git(&["add", "staged.txt"]);
    fs::remove_file(it.root().join("deleted.txt")).unwrap();
    it.file("staged.txt", "staged, then changed")
}

#[track_caller]
fn seen<const N: usize>(args: [&str; N]) -> Vec<String> {
    let events = tree().args(args).events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    events
        .lines("a")
        .into_iter()
        .filter(|line| line.contains(".txt ") && !line.starts_with(['?', ' ', 'M', 'D']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_job_sees_the_working_tree_without_ignored_files() {
    assert_eq!(
        seen(["push"]),
        [
            "staged.txt staged, then changed",
            "tracked.txt changed",
            "untracked.txt new"
        ]
    );
}

#[test]
fn uncommitted_changes_are_modifications_and_are_told() {
    let events = tree().args(["push"]).events();
    let lines = events.lines("a");
    for change in [" M tracked.txt", " D deleted.txt", "?? untracked.txt"] {
        assert!(lines.contains(&change), "{change}: {lines:?}");
    }
    let told = events
        .of("step.output")
        .any(|event| event["text"].as_str().unwrap().contains("uncommitted: "));
    assert!(told, "{}", events.text());
}

#[test]
fn clean_is_the_commit() {
    assert_eq!(
        seen(["push", "--clean"]),
        [
            "deleted.txt committed",
            "staged.txt committed",
            "tracked.txt committed"
        ]
    );
}

#[test]
fn staged_is_the_index() {
    assert_eq!(
        seen(["push", "--staged"]),
        [
            "deleted.txt committed",
            "staged.txt staged",
            "tracked.txt committed"
        ]
    );
}

#[test]
fn ignored_files_come_when_asked() {
    assert_eq!(
        seen(["push", "--with-ignored"]),
        [
            "ignored.txt ignored",
            "staged.txt staged, then changed",
            "tracked.txt changed",
            "untracked.txt new"
        ]
    );
}

#[test]
fn a_second_run_sees_what_changed() {
    let it = tree().args(["push"]);
    assert!(it.events().lines("a").contains(&"tracked.txt changed"));
    let it = it
        .file("tracked.txt", "changed")
        .file("tracked.txt", "changed again");
    fs::remove_file(it.root().join("untracked.txt")).unwrap();
    let events = it.events();
    let lines = events.lines("a");
    assert!(lines.contains(&"tracked.txt changed again"), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains("untracked")),
        "{lines:?}"
    );
}

#[test]
fn secret_files_stay_out_unless_tracked() {
    let yaml = LIST.replace(
        "for file in *.txt; do echo",
        "ls -A | grep -v git; for file in none; do :",
    );
    let yaml = yaml.replace(" \"$file $(cat \"$file\")\"; done", "; done");
    let it = Lrun::new()
        .workflow("ci.yml", &yaml)
        .file(".vars", "A=1\n")
        .commit()
        .file(".secrets", "TOKEN=hunter-2\n")
        .file("more.secrets", "OTHER=hunter-3\n")
        .args(["push", "--secret-file", "more.secrets"]);
    let events = it.events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.lines("a"), [".vars"]);
}

#[test]
fn a_job_without_checkout_has_an_empty_workspace() {
    let yaml = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: ls -A; echo done\n";
    let events = Lrun::new()
        .workflow("ci.yml", yaml)
        .commit()
        .args(["push"])
        .events();
    assert_eq!(events.lines("a"), ["done"]);
}

#[test]
fn jobs_do_not_share_a_workspace() {
    let yaml = "
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: touch left-behind
  b:
    needs: a
    runs-on: ubuntu-latest
    steps:
      - run: ls -A; echo done
";
    let events = Lrun::new()
        .workflow("ci.yml", yaml)
        .commit()
        .args(["push"])
        .events();
    assert_eq!(events.lines("b"), ["done"]);
}

#[test]
fn the_asked_depth_and_refs_are_there() {
    let yaml = |with: &str| {
        format!(
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n        with: {{ {with} }}\n      - run: git rev-list --count HEAD\n      - run: git tag; git describe --tags --always --abbrev=4 | grep -c v1 || true\n"
        )
    };
    let run = |with: &str| {
        let it = Lrun::new().workflow("ci.yml", &yaml(with)).commit();
        it.git(&["tag", "v1"]);
        let it = it.commit_as("Two").commit_as("Three").args(["push"]);
        let events = it.events();
        assert_eq!(events.code, Some(0), "{with}: {}", events.text());
        events.lines("a").join(" ")
    };
    assert_eq!(run(""), "1 0");
    assert_eq!(run("fetch-depth: 2"), "2 0");
    assert_eq!(run("fetch-depth: 0"), "3 v1 1");
}

#[test]
fn checkout_honours_path_and_gives_outputs() {
    let yaml = "
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        id: it
        with: { path: sub/tree }
      - run: |
          ls -A
          ls sub/tree
          test '${{ steps.it.outputs.commit }}' = \"$GITHUB_SHA\" && echo '${{ steps.it.outputs.ref }}'
";
    let it = Lrun::new()
        .workflow("ci.yml", yaml)
        .file("a.txt", "a")
        .commit();
    let events = it.args(["push"]).events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.lines("a"), ["sub", "a.txt", "refs/heads/main"]);
}

#[test]
fn an_explicit_ref_is_exactly_that_commit() {
    let yaml = LIST.replace("checkout@v4", "checkout@v4\n        with: { ref: v1 }");
    let it = Lrun::new()
        .workflow("ci.yml", &yaml)
        .file("a.txt", "old")
        .commit();
    it.git(&["tag", "v1"]);
    let it = it
        .file("a.txt", "newer")
        .commit_as("Newer")
        .file("a.txt", "newest");
    let events = it.args(["push"]).events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.lines("a"), ["a.txt old"]);
}

#[test]
fn bind_runs_in_the_tree_itself_and_takes_nothing_away() {
    let yaml = LIST.replace(
        "      - run: |",
        "      - run: echo made > made.txt\n      - run: |",
    );
    let it = tree()
        .workflow("ci.yml", &yaml)
        .args(["push", "--workspace", "bind"]);
    let events = it.events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    let lines = events.lines("a");
    for line in [
        "not empty before checkout",
        "ignored.txt ignored",
        "tracked.txt changed",
        "made.txt made",
    ] {
        assert!(lines.contains(&line), "{line}: {lines:?}");
    }
    assert_eq!(
        fs::read_to_string(it.root().join("made.txt")).unwrap(),
        "made\n"
    );
    assert_eq!(
        fs::read_to_string(it.root().join("tracked.txt")).unwrap(),
        "changed"
    );
    assert_eq!(
        fs::read_to_string(it.root().join("ignored.txt")).unwrap(),
        "ignored"
    );
    assert!(!it.root().join("deleted.txt").exists());
    assert_eq!(it.args(["push", "-b"]).events().code, Some(0));
}

#[test]
fn a_worktree_is_a_repository() {
    let it = Lrun::new()
        .workflow("ci.yml", LIST)
        .file("a.txt", "main")
        .commit();
    it.git(&["worktree", "add", "--quiet", "-b", "topic", "../tree"]);
    fs::write(it.scratch().join("tree/a.txt"), "topic").unwrap();
    let events = it.folder("../tree").args(["push"]).events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    assert!(
        events.lines("a").contains(&"a.txt topic"),
        "{:?}",
        events.lines("a")
    );
    assert_eq!(events.all[0]["ref"], "refs/heads/topic");
}

#[test]
fn a_run_from_a_subfolder_is_the_repositorys() {
    let it = Lrun::new()
        .workflow("ci.yml", LIST)
        .file("a.txt", "a")
        .file("sub/b.txt", "b")
        .commit();
    let events = it.folder("sub").args(["push"]).events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.lines("a"), ["a.txt a"]);
}

#[test]
fn a_folder_without_git_is_the_workspace() {
    let yaml = LIST.replace(
        "          git status --porcelain -- '*.txt'\n",
        "          echo $GITHUB_SHA $GITHUB_REPOSITORY\n",
    );
    let it = Lrun::without_git()
        .workflow("ci.yml", &yaml)
        .file("a.txt", "a");
    let events = it.args(["push"]).events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    let zeros = "0".repeat(40);
    assert_eq!(
        events.lines("a"),
        ["a.txt a", &*format!("{zeros} local/demo")]
    );
}

#[test]
fn a_root_below_the_top_is_the_whole_workspace() {
    let it = Lrun::new()
        .file(
            "part/.github/workflows/ci.yml",
            &LIST.replace("git status", "ls -A; : git status"),
        )
        .file("part/a.txt", "part")
        .file("b.txt", "top")
        .commit();
    let events = it.folder("part").args(["push"]).events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    assert_eq!(events.lines("a"), ["a.txt part", ".github", "a.txt"]);
}

/// DESIGN 4: the checkout of the own repository comes from the local tree, and needs no git program either.
#[test]
fn the_own_checkout_never_asks_the_network() {
    use std::os::unix::fs::PermissionsExt as _;
    let it = Lrun::new()
        .workflow(
            "ci.yml",
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: cat here.txt\n",
        )
        .file("here.txt", "here")
        .file("bin/git", "#!/bin/sh\necho \"$@\" >> \"$0.calls\"\nexit 1\n")
        .commit();
    let git = it.root().join("bin/git");
    fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}",
        it.root().join("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let calls = it.root().join("bin/git.calls");
    let events = it.args(["push"]).env("PATH", &path).events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    assert!(!calls.exists(), "{:?}", fs::read_to_string(&calls));
}

#[test]
fn runs_that_are_told_one_id_have_folders_of_their_own() {
    let workflow = r#"
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: test "$GITHUB_RUN_ID" = 5 && [[ "$PWD" != */work/5/* ]]
"#;
    let it = Lrun::new().workflow("ci.yml", workflow).commit();
    let events = it.args(["push", "--env", "GITHUB_RUN_ID=5"]).events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
}
