//! Every exit code of lrun, and which wins.

use crate::lrun::Lrun;

const GREEN: &str = "
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: echo built
";
const RED: &str = "
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: exit 7
";
const MARS: &str = "
on: push
jobs:
  far:
    runs-on: mars-latest
    steps:
      - run: echo never
  after:
    needs: far
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: echo never
  near:
    runs-on: ubuntu-latest
    steps:
      - run: echo here
";

#[test]
fn zero_when_all_passed() {
    Lrun::new()
        .workflow("ci.yml", GREEN)
        .commit()
        .args(["push"])
        .stdout(
            "\
push (typed): octo/demo refs/heads/main [SHA], .github/workflows/ci.yml, 1 job
[build] ▶ started on ubuntu-latest
[build] ▶ Run echo built
[build] built
[build] ✓ Run echo built [T]
[build] ✓ success in [T]

Summary
  ✓ [T] build

✓ success in [T]
",
        )
        .success();
}

#[test]
fn zero_when_filters_leave_nothing() {
    let yaml = GREEN.replace("on: push", "on:\n  push:\n    branches: [release]");
    let ended = Lrun::new()
        .workflow("ci.yml", &yaml)
        .commit()
        .args(["push"])
        .run();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(!ended.stdout.contains("built"), "{ended}");
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("release") && said.contains("-W"), "{ended}");
}

#[test]
fn zero_when_every_condition_is_false() {
    let yaml = GREEN.replace("    runs-on", "    if: false\n    runs-on");
    let events = Lrun::new()
        .workflow("ci.yml", &yaml)
        .commit()
        .args(["push"])
        .events();
    assert_eq!(events.code, Some(0));
    assert_eq!(events.job("build"), "skipped");
}

#[test]
fn one_when_a_job_failed() {
    Lrun::new()
        .workflow("ci.yml", RED)
        .commit()
        .args(["push"])
        .stdout(
            "\
push (typed): octo/demo refs/heads/main [SHA], .github/workflows/ci.yml, 1 job
[build] ▶ started on ubuntu-latest
[build] ▶ Run exit 7
[build] error: Process completed with exit code 7.
[build] ✗ Run exit 7 [T]: failure, exit code 7
[build] ✗ failure in [T]

Summary
  ✗ [T] build: failure

✗ build › Run exit 7: exit code 7
  error: Process completed with exit code 7.

✗ failure in [T] (exit code 1)
↻ run again: lrun push -j build
",
        )
        .failure(1);
}

#[test]
fn two_for_wrong_arguments() {
    let it = || Lrun::new().workflow("ci.yml", GREEN).commit();
    let wrong: [&[&str]; 12] = [
        &["pusch"],
        &["push", "pull_request"],
        &["--no-such-flag"],
        &["-j", "no-such-job"],
        &["-W", "no-such-file.yml"],
        &["pull_request"],
        &["push", "--input", "a=b"],
        &["push", "-e", "no-such-file.json"],
        &["push", "--matrix", "os:linux"],
        &["-l", "-n"],
        &["push", "--workspace", "bind", "--staged"],
        &["push", "--backend", "moon"],
    ];
    for args in wrong {
        let words = args.iter().map(|word| (*word).to_owned()).collect();
        let ended = it().words(words).run();
        assert_eq!(ended.code, Some(2), "{args:?}: {ended}");
        assert_eq!(ended.stdout, "", "{args:?}: {ended}");
        assert!(ended.stderr.contains("error"), "{args:?}: {ended}");
    }
}

#[test]
fn two_without_any_workflow() {
    let ended = Lrun::new().commit().args(["push"]).run();
    assert_eq!(ended.code, Some(2), "{ended}");
}

#[test]
fn two_for_an_invalid_workflow_and_nothing_runs() {
    let ended = Lrun::new()
        .workflow(
            "bad.yml",
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    stepps: []\n",
        )
        .workflow("good.yml", GREEN)
        .commit()
        .args(["push"])
        .run();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.contains("bad.yml:5:5"), "{ended}");
    assert!(!ended.stdout.contains("built"), "{ended}");
}

#[test]
fn an_invalid_workflow_that_is_not_selected_is_a_warning() {
    let ended = Lrun::new()
        .workflow(
            "bad.yml",
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    stepps: []\n",
        )
        .workflow("good.yml", GREEN)
        .commit()
        .args(["push", "-W", "good.yml"])
        .run();
    assert_eq!(ended.code, Some(0), "{ended}");
}

#[test]
fn two_for_missing_inputs() {
    let yaml = GREEN.replace(
        "on: push",
        "on:\n  workflow_dispatch:\n    inputs:\n      word:\n        required: true\n",
    );
    let ended = Lrun::new()
        .workflow("ci.yml", &yaml)
        .commit()
        .args(["workflow_dispatch"])
        .run();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.contains("word"), "{ended}");
}

#[test]
fn three_when_a_leg_was_unavailable() {
    let it = Lrun::new().workflow("ci.yml", MARS).commit().args(["push"]);
    let events = it.events();
    assert_eq!(events.code, Some(3), "{}", events.text());
    assert_eq!(events.job("far"), "unavailable");
    // Its dependants are skipped whatever their `if`.
    assert_eq!(events.job("after"), "skipped");
    assert_eq!(events.job("near"), "success");
    let ended = it.run();
    assert!(
        ended.stdout.contains(".github/workflows/ci.yml:5:14"),
        "{ended}"
    );
    assert!(
        ended
            .stdout
            .contains("\n! incomplete in [T], 1 leg unavailable (exit code 3)"),
        "{ended}"
    );
}

#[test]
fn an_unavailable_leg_may_count_as_absent() {
    let events = Lrun::new()
        .workflow("ci.yml", MARS)
        .commit()
        .args(["push", "--skip-unavailable"])
        .events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.job("after"), "success");
}

#[test]
fn a_failure_beats_an_unavailable_leg() {
    let yaml = MARS.replace("echo here", "exit 1");
    let events = Lrun::new()
        .workflow("ci.yml", &yaml)
        .commit()
        .args(["push"])
        .events();
    assert_eq!(events.code, Some(1));
    assert_eq!(events.job("far"), "unavailable");
}

#[test]
fn a_selected_job_that_needs_docker_is_unavailable_on_the_host() {
    for more in [
        "container: alpine",
        "services:\n      db:\n        image: postgres",
    ] {
        let yaml = GREEN.replace("    steps", &format!("    {more}\n    steps"));
        let events = Lrun::new()
            .workflow("ci.yml", &yaml)
            .commit()
            .args(["push"])
            .events();
        assert_eq!(events.code, Some(3), "{more}: {}", events.text());
    }
}
