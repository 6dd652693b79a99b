//! Events as whole runs see them: merges, clocks, chains.

use crate::lrun::Lrun;

const PULL: &str = "on: pull_request
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 2
      - run: |
          echo $(cat file) $(cat mine) $(cat theirs)
          echo $GITHUB_REF $GITHUB_BASE_REF $GITHUB_HEAD_REF
          test $(git rev-parse HEAD) = $GITHUB_SHA
          test $(git rev-parse HEAD^1) = ${{ github.event.pull_request.base.sha }}
          test $(git rev-parse HEAD^2) = ${{ github.event.pull_request.head.sha }}
          test ${{ github.event.pull_request.merge_commit_sha }} = $GITHUB_SHA
          git log -1 --format=%s | cut -c 1-5
          git status --porcelain
";

/// `topic`, with HEAD on it, and `main` have gone different ways.
fn parted() -> Lrun {
    let it = Lrun::new()
        .workflow("ci.yml", PULL)
        .file("file", "1\n2\n3\n4\n5\n6\n7\n")
        .commit();
    it.git(&["switch", "-q", "-c", "topic"]);
    let it = it
        .file("file", "1\n2\n3\n4\n5\n6\nseven\n")
        .file("mine", "mine\n")
        .commit_as("topic");
    it.git(&["switch", "-q", "main"]);
    let it = it
        .file("file", "one\n2\n3\n4\n5\n6\n7\n")
        .file("theirs", "theirs\n")
        .commit_as("main");
    it.git(&["switch", "-q", "topic"]);
    it.args(["pull_request"])
}

#[test]
fn a_pull_request_runs_on_its_merge_with_what_is_uncommitted() {
    // SPEC T-25
    let it = parted().file("mine", "changed\n");
    let head = it.git(&["rev-parse", "HEAD"]);
    let events = it.events();
    assert_eq!(
        events.lines("a"),
        [
            "one 2 3 4 5 6 seven changed theirs",
            "refs/pull/1/merge main topic",
            "Merge",
            " M mine",
        ],
        "{}",
        events.stderr
    );
    assert_eq!(events.code, Some(0));
    assert_eq!(it.git(&["rev-parse", "HEAD"]), head);
    assert_eq!(it.git(&["status", "--porcelain"]), " M mine");
    let clean = it.args(["pull_request", "--clean"]).events();
    assert_eq!(clean.lines("a")[0], "one 2 3 4 5 6 seven mine theirs");
}

#[test]
fn what_can_not_be_merged_is_exit_2_and_names_the_files() {
    let it = parted().file("file", "uno\n2\n3\n4\n5\n6\nseven\n");
    let ended = it.run();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.contains("do not apply"), "{ended}");
    assert!(ended.stderr.contains(": file;"), "{ended}");
    let it = it.commit_as("conflict");
    let ended = it.run();
    assert_eq!(ended.code, Some(2), "{ended}");
    let text = "topic can not be merged into main: conflict in file";
    assert!(ended.stderr.contains(text), "{ended}");
    let bound = it.args(["pull_request", "--workspace", "bind"]).run();
    assert!(bound.stderr.contains("HEAD runs unmerged"), "{bound}");
}

const CLOCKS: &str = "on:
  schedule:
    - cron: '0 3 * * *'
    - cron: '0 4 * * *'
jobs:
  JOB:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ github.event.schedule }}
";

#[test]
fn a_schedule_fires_the_first_entry_or_the_one_asked_for() {
    // SPEC T-5
    let it = Lrun::new()
        .workflow("a.yml", &CLOCKS.replace("JOB", "a"))
        .workflow("b.yml", &CLOCKS.replace("JOB", "b").replace("'0 3", "'5 3"))
        .commit();
    let plain = it.args(["schedule"]);
    let events = plain.events();
    assert_eq!(events.lines("a"), ["0 3 * * *"]);
    assert_eq!(events.lines("b"), ["5 3 * * *"]);
    let both = plain.args(["schedule", "--cron", "0 4 * * *"]);
    let events = both.events();
    assert_eq!(events.lines("a"), ["0 4 * * *"]);
    assert_eq!(events.lines("b"), ["0 4 * * *"]);
    let one = both.args(["schedule", "--cron", "5 3 * * *"]);
    let events = one.events();
    assert_eq!(events.job("a"), "");
    assert_eq!(events.lines("b"), ["5 3 * * *"]);
    for (args, said) in [
        (
            ["schedule", "--cron", "1 1 * * *"],
            "no chosen workflow has",
        ),
        (["push", "--cron", "0 4 * * *"], "--cron belongs to"),
    ] {
        let it = Lrun::new()
            .workflow("a.yml", &CLOCKS.replace("schedule:", "push:\n  schedule:"))
            .commit()
            .args(args);
        let ended = it.run();
        assert_eq!(ended.code, Some(2), "{ended}");
        assert!(ended.stderr.contains(said), "{ended}");
    }
}

#[test]
fn an_activity_type_that_is_listed_stands_in_for_the_default() {
    let it = Lrun::new()
        .workflow(
            "a.yml",
            "on:
  repository_dispatch:
    types: [deploy, rollback]
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ github.event.action }}
",
        )
        .commit()
        .args(["repository_dispatch"]);
    assert_eq!(it.events().lines("a"), ["deploy"]);
}

const CHAIN: &str = "name: NAME
on:
  workflow_run:
    workflows: [AFTER]
    types: [completed]
jobs:
  NAME:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ github.event.workflow_run.name }} ${{ github.event.workflow_run.conclusion }} $GITHUB_REF
";

#[test]
fn a_chain_runs_what_waits_for_what_ran() {
    // SPEC T-9
    let chain = |name: &str, after: &str| CHAIN.replace("NAME", name).replace("AFTER", after);
    let it = Lrun::new()
        .workflow(
            "ci.yml",
            "name: CI
on: push
jobs:
  ci:
    runs-on: ubuntu-latest
    steps:
      - run: echo green
",
        )
        .workflow("cd.yml", &chain("cd", "CI"))
        .workflow("tell.yml", &chain("tell", "cd"))
        .workflow("other.yml", &chain("other", "Other"))
        .commit()
        .args(["push"]);
    let alone = it.events();
    assert_eq!((alone.job("ci"), alone.job("cd")), ("success", ""));
    let it = it.args(["push", "--chain"]);
    let green = it.events();
    assert_eq!(green.code, Some(0), "{}", green.stderr);
    assert_eq!(green.lines("cd"), ["CI success refs/heads/main"]);
    assert_eq!(green.lines("tell"), ["cd success refs/heads/main"]);
    assert_eq!(green.job("other"), "");
    assert_eq!(green.of("run.finished").count(), 3);
    let it = it.workflow(
        "ci.yml",
        "name: CI
on: push
jobs:
  ci:
    runs-on: ubuntu-latest
    steps:
      - run: exit 1
",
    );
    let red = it.events();
    assert_eq!(red.code, Some(1));
    assert_eq!(red.lines("cd"), ["CI failure refs/heads/main"]);
    let it = it.args(["push", "--chain", "-W", ".github/workflows/ci.yml"]);
    assert_eq!(it.events().job("cd"), "success");
    let it = it.workflow(
        "ci.yml",
        "name: CI
on: push
jobs:
  ci:
    runs-on: ubuntu-latest
    steps:
      - run: echo green
  windows:
    runs-on: windows-latest
    steps:
      - run: echo never
",
    );
    let it = it.args(["push", "--chain"]);
    let lacking = it.events();
    assert_eq!(lacking.code, Some(3), "{}", lacking.stderr);
    assert_eq!(lacking.lines("cd"), ["CI failure refs/heads/main"]);
    let it = it.args(["push", "--chain", "--skip-unavailable"]);
    let skipped = it.events();
    assert_eq!(skipped.code, Some(0), "{}", skipped.stderr);
    assert_eq!(skipped.lines("cd"), ["CI success refs/heads/main"]);
}
