//! list, plan, graph, check, eval and the rest that runs nothing.

use serde_json::{Value, json};

use crate::lrun::Lrun;

const CI: &str = "name: CI
on: [push, workflow_dispatch]
jobs:
  build:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        n: [1, 2]
    steps:
      - run: touch {SCRATCH}/ran
  deploy:
    name: To production
    needs: build
    if: github.ref == 'refs/heads/release'
    runs-on: [self-hosted, linux]
    steps:
      - run: touch {SCRATCH}/ran
";
const NIGHTLY: &str = "on:
  schedule:
    - cron: '0 3 * * *'
jobs:
  night:
    runs-on: ubuntu-latest
    steps:
      - run: touch {SCRATCH}/ran
";

fn it() -> Lrun {
    Lrun::new()
        .workflow("ci.yml", CI)
        .workflow("nightly.yml", NIGHTLY)
        .commit()
}

#[track_caller]
fn json<const N: usize>(args: [&str; N]) -> Value {
    let it = it().args(args);
    let ended = it.run();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(!it.scratch().join("ran").exists(), "{args:?} ran a step");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended}"))
}

#[test]
fn list_names_every_job() {
    let jobs = json(["list", "--json"]);
    assert_eq!(
        jobs,
        json!([
            {
                "workflow": "CI", "file": ".github/workflows/ci.yml", "job": "build",
                "name": "build", "needs": [], "stage": 0, "legs": 2,
                "events": ["push", "workflow_dispatch"], "runs_on": jobs[0]["runs_on"],
            },
            {
                "workflow": "CI", "file": ".github/workflows/ci.yml", "job": "deploy",
                "name": "To production", "needs": ["build"], "stage": 1, "legs": 1,
                "events": ["push", "workflow_dispatch"], "runs_on": jobs[1]["runs_on"],
            },
            {
                "workflow": ".github/workflows/nightly.yml", "file": ".github/workflows/nightly.yml",
                "job": "night", "name": "night", "needs": [], "stage": 0, "legs": 1,
                "events": ["schedule"], "runs_on": jobs[2]["runs_on"],
            },
        ])
    );
    assert_eq!(json(["-l", "--json"]), jobs);
    assert_eq!(
        json(["list", "schedule", "--json"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn list_is_a_table_for_people() {
    let ended = it().args(["list"]).run();
    assert_eq!(ended.code, Some(0), "{ended}");
    for word in [
        "build",
        "deploy",
        "To production",
        "night",
        "schedule",
        "ci.yml",
    ] {
        assert!(ended.stdout.contains(word), "{word}: {ended}");
    }
}

#[test]
fn plan_says_what_would_run_and_what_not() {
    let plan = json(["plan", "push", "--json"]);
    assert_eq!(plan["event"], "push");
    let workflows = plan["workflows"].as_array().unwrap();
    assert_eq!(workflows.len(), 2);
    assert_eq!(workflows[0]["triggered"], true);
    assert_eq!(workflows[0]["jobs"][0]["legs"][1]["name"], "build (2)");
    assert_eq!(
        workflows[0]["jobs"][0]["legs"][1]["matrix"],
        json!({"n": 2})
    );
    assert_eq!(workflows[0]["jobs"][1]["needs"], json!(["build"]));
    assert_eq!(workflows[1]["triggered"], false);
    assert!(workflows[1]["reason"].as_str().unwrap().contains("push"));
    assert_eq!(json(["-n", "push", "--json"]), plan);
}

#[test]
fn plan_runs_nothing_and_asks_nothing() {
    let it = it().args(["push", "-n", "-s", "MISSING"]);
    let ended = it.run();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stdout.contains("build (1)"), "{ended}");
    assert!(!it.scratch().join("ran").exists());
}

#[test]
fn why_explains_one_job() {
    let ended = it().args(["plan", "push", "--why", "deploy"]).run();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stdout.contains("refs/heads/release"), "{ended}");
}

#[test]
fn graph_draws_the_needs() {
    let text = it().args(["graph"]).run();
    assert!(
        text.stdout.contains("build") && text.stdout.contains("To production"),
        "{text}"
    );
    let mermaid = it().args(["graph", "push", "--format", "mermaid"]).run();
    assert!(mermaid.stdout.contains("-->"), "{mermaid}");
    let dot = it().args(["graph", "push", "--format", "dot"]).run();
    assert!(
        dot.stdout.contains("->") && dot.stdout.contains("digraph"),
        "{dot}"
    );
}

#[test]
fn check_is_silent_on_good_files() {
    let ended = it().args(["check"]).run();
    assert_eq!(ended.code, Some(0), "{ended}");
}

#[test]
fn check_points_at_each_mistake() {
    let bad = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - runn: echo\n      - run: echo ${{ github.ref == }}";
    let it = Lrun::new().workflow("bad.yml", bad).commit();
    let ended = it.args(["check", "--format", "json"]).run();
    assert_eq!(ended.code, Some(2), "{ended}");
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    let lines: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["line"].as_u64().unwrap())
        .collect();
    for line in [6, 7] {
        assert!(lines.contains(&line), "{line}: {ended}");
    }
    let first = &found[0];
    for key in [
        "file",
        "line",
        "column",
        "end_line",
        "end_column",
        "severity",
        "code",
        "message",
    ] {
        assert!(!first[key].is_null(), "{key}: {first}");
    }
}

#[test]
fn check_speaks_sarif_and_github() {
    let it = || {
        Lrun::new()
            .workflow("bad.yml", "on: push\njobs: {}\n")
            .commit()
    };
    let sarif = it().args(["check", "--format", "sarif"]).run();
    let parsed: Value = serde_json::from_str(&sarif.stdout).unwrap();
    assert_eq!(parsed["version"], "2.1.0");
    let github = it().args(["check", "--format", "github"]).run();
    assert!(
        github
            .stdout
            .starts_with("::error file=.github/workflows/bad.yml,line="),
        "{github}"
    );
}

#[test]
fn check_takes_paths_of_its_own() {
    let it = Lrun::without_git().file("one.yml", "on: push\njobs: {}\n");
    let ended = it.args(["check", "one.yml"]).run();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.contains("one.yml:2"), "{ended}");
}

#[test]
fn eval_answers() {
    Lrun::without_git()
        .file("context.json", "{\"github\": {\"ref\": \"refs/heads/main\"}}")
        .args(["eval", "startsWith(github.ref, 'refs/heads/')", "--context", "context.json"])
        .stdout("true\n")
        .success()
        .args(["eval", "github.ref", "--context", "context.json", "--json"])
        .stdout("{\"kind\":\"String\",\"value\":\"refs/heads/main\"}\n")
        .success()
        .args(["eval", "secrets.x", "--context", "context.json", "--json"])
        .stdout("{\"error\":{\"stage\":\"parsing\",\"message\":\"Unrecognized named-value: 'secrets'. Located at position 1 within expression: secrets.x\"}}\n")
        .failure(2);
}

#[test]
fn eval_knows_the_repository() {
    it().args(["eval", "github.repository"])
        .stdout("octo/demo\n")
        .success();
}

#[test]
fn version_and_help() {
    Lrun::without_git()
        .args(["--version"])
        .stdout(&format!("lrun {}\n", env!("CARGO_PKG_VERSION")))
        .success();
    let help = Lrun::without_git().args(["--help"]).run();
    assert_eq!(help.code, Some(0));
    for word in [
        "--job",
        "--workflows",
        "--secret",
        "--staged",
        "list",
        "plan",
    ] {
        assert!(help.stdout.contains(word), "{word}: {help}");
    }
}

#[test]
fn options_and_man_page_are_made_from_the_flags() {
    let ended = Lrun::without_git().args(["--list-options"]).run();
    let options: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(
        options
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["name"] == "job"),
        "{ended}"
    );
    let ended = Lrun::without_git().args(["--man-page"]).run();
    assert!(ended.stdout.contains(".TH"), "{ended}");
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = Lrun::without_git().args(["completions", shell]).run();
        assert_eq!(ended.code, Some(0), "{shell}: {ended}");
        assert!(ended.stdout.contains("lrun"), "{shell}: {ended}");
    }
}

#[test]
fn a_list_of_an_event_stands_although_a_file_is_broken() {
    let ended = Lrun::new()
        .workflow(
            "good.yml",
            "on: push\njobs: {a: {runs-on: \"${{ 'x' }}\", steps: [{run: a}]}}\n",
        )
        .workflow("bad.yml", "on: push\njobs: {b: {runs-on: x, step: []}}\n")
        .args(["list", "push", "--json"])
        .run();
    assert_eq!(ended.code, Some(0), "{ended}");
    let jobs: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(jobs.as_array().unwrap().len(), 1, "{ended}");
    assert_eq!(jobs[0]["runs_on"], "x");
    assert!(ended.stderr.contains("bad.yml:2:24"), "{ended}");
}

#[test]
fn why_keeps_the_form_of_a_plan() {
    let lrun = Lrun::new().workflow(
        "two.yml",
        "on: push\njobs:\n  a: {runs-on: self-hosted, steps: [{run: a}]}\n  b: {runs-on: self-hosted, steps: [{run: b}]}\n",
    );
    let ended = lrun.args(["plan", "push", "--why", "b", "--json"]).run();
    let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
    let jobs = plan["workflows"][0]["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 1, "{ended}");
    assert_eq!(jobs[0]["id"], "b");
}

#[test]
fn a_plan_names_the_jobs_that_fail_at_once() {
    let lrun = Lrun::new().workflow(
        "bad.yml",
        "on: push\njobs:\n  a: {runs-on: self-hosted, strategy: {matrix: \"${{ fromJSON('3') }}\"}, steps: [{run: a}]}\n  b: {runs-on: \"${{ vars.NONE }}\", steps: [{run: b}]}\n",
    );
    let ended = lrun.args(["plan", "push"]).run();
    for line in [
        "a  fails: Expected a mapping for matrix, found Number",
        "b  fails: Unexpected value ''",
        "0 jobs would run, 2 would fail at once",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {ended}");
    }
}

#[test]
fn why_names_the_steps_that_would_not_run_and_conditions_that_fail() {
    let lrun = Lrun::new()
        .workflow(
            "ci.yml",
            "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: echo a
      - {name: Publish, run: echo b, if: github.event_name == 'release'}
",
        )
        .commit();
    let ended = lrun.args(["plan", "push", "--why", "a"]).run();
    let expected = "  a would run
  its step 'Publish' would not run
  if: github.event_name == 'release' → false
";
    assert!(ended.stdout.contains(expected), "{ended}");
    assert!(
        ended.stdout.contains("github.event_name → \"push\""),
        "{ended}"
    );
    let lrun = Lrun::new()
        .workflow(
            "ci.yml",
            "on: push\njobs:\n  f: {if: \"fromJSON('{')\", runs-on: ubuntu-latest, steps: [run: echo f]}\n",
        )
        .commit();
    let ended = lrun.args(["plan", "push", "--why", "f"]).run();
    assert!(
        ended
            .stdout
            .contains("it fails at once: .github/workflows/ci.yml:3:11: "),
        "{ended}"
    );
}

#[test]
fn why_in_json_has_the_parts_of_a_condition_also_where_filters_leave_the_workflow_out() {
    let lrun = Lrun::new()
        .workflow(
            "ci.yml",
            "on: {push: {branches: [other]}}\njobs:\n  a: {if: vars.X, runs-on: ubuntu-latest, steps: [run: a]}\n",
        )
        .commit();
    let ended = lrun.args(["plan", "push", "--why", "a", "--json"]).run();
    let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
    let job = &plan["workflows"][0]["jobs"][0];
    assert_eq!(job["condition"]["verdict"], "false", "{ended}");
    assert!(
        job["condition"]["trace"]
            .as_str()
            .unwrap()
            .contains("vars.X → "),
        "{ended}"
    );
}

#[test]
fn a_run_with_a_blank_name_is_called_by_its_commit() {
    // SPEC W-41
    let lrun = Lrun::new()
        .workflow(
            "ci.yml",
            "on: push\nrun-name: ' ${{ vars.NONE }} '\njobs: {a: {runs-on: ubuntu-latest, steps: [run: a=1]}}\n",
        )
        .commit_as("fix the thing\n\nbecause");
    let ended = lrun.args(["push"]).run();
    assert!(
        ended.stdout.contains("ci.yml \"fix the thing\", 1 job"),
        "{ended}"
    );
}

#[test]
fn flags_of_another_server_say_where_they_have_no_effect() {
    for (words, code, text) in [
        (
            ["push", "--replace-ghe-action-with-github-com", "o/r@v1"],
            2,
            "is OWNER/REPO, without a path or a ref",
        ),
        (
            ["push", "--github-instance", "bad host/x"],
            2,
            "is the name of a server",
        ),
        (
            ["push", "--replace-ghe-action-with-github-com", "o/r"],
            0,
            "no effect without --github-instance",
        ),
    ] {
        let words: Vec<String> = words.map(str::to_owned).into();
        let ended = Lrun::new()
            .workflow(
                "ci.yml",
                "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [run: a=1]}}\n",
            )
            .commit()
            .words(words)
            .run();
        assert_eq!(ended.code, Some(code), "{ended}");
        assert!(ended.stderr.contains(text), "{ended}");
    }
}
