//! What lrun shows: the stream for machines, quiet, verbose, colours, the summary.

use crate::lrun::Lrun;

const TWO: &str = "
name: Two
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - id: say
        name: Say it
        run: |
          echo hello
          echo '::warning file=a.txt,line=3::mind the gap'
      - if: false
        run: echo never
  two:
    needs: one
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo first line
          exit 3
";

fn two() -> Lrun {
    Lrun::new().workflow("two.yml", TWO).commit().args(["push"])
}

#[test]
fn the_stream_has_its_stable_form() {
    let events = two().events();
    assert_eq!(events.code, Some(1));
    assert_eq!(events.all[0]["version"], 1);
    assert_eq!(events.all[0]["kind"], "run.started");
    let run = events.all[0]["run"].as_str().unwrap();
    for (n, event) in events.all.iter().enumerate() {
        assert_eq!(event["seq"], n + 1, "{event}");
        assert_eq!(event["run"], run, "{event}");
        let time = event["time"].as_str().unwrap();
        assert!(
            time.len() >= 20 && &time[10..11] == "T" && time.ends_with('Z'),
            "{time}"
        );
        assert_eq!(n > 0, event.get("version").is_none(), "{event}");
    }
    let output = events
        .of("step.output")
        .find(|it| it["text"] == "hello")
        .unwrap();
    assert_eq!(output["stream"], "stdout");
    assert_eq!(output["job"]["key"], "one");
    assert_eq!(output["job"]["id"], "one");
    assert_eq!(output["step"]["index"], 1);
    assert_eq!(output["step"]["id"], "say");
    assert_eq!(output["step"]["name"], "Say it");
    let finished = events
        .of("step.finished")
        .find(|it| it["job"]["id"] == "two")
        .unwrap();
    assert_eq!(finished["outcome"], "failure");
    assert_eq!(finished["conclusion"], "failure");
    assert_eq!(finished["exit_code"], 3);
    assert!(finished["duration_ms"].is_u64());
    let annotation = events.of("annotation").next().unwrap();
    assert_eq!(annotation["file"], "a.txt");
    assert_eq!(annotation["line"], 3);
    let last = events.all.last().unwrap();
    assert_eq!(last["kind"], "run.finished");
    assert_eq!(last["exit_code"], 1);
    assert_eq!(last["conclusion"], "failure");
    assert_eq!(last["rerun"], "lrun push -j two");
    assert_eq!(events.of("job.started").count(), 2);
    assert_eq!(events.of("step.skipped").count(), 1);
}

#[test]
fn the_log_ends_with_a_summary() {
    two()
        .stdout(
            "\
push (typed): octo/demo refs/heads/main [SHA], .github/workflows/two.yml, 2 jobs
[one] ▶ started on ubuntu-latest
[one] ▶ Say it
[one] hello
[one] warning: mind the gap (a.txt:3)
[one] ✓ Say it [T]
[one] - Run echo never skipped: if: false
[one] ✓ success in [T]
[two] ▶ started on ubuntu-latest
[two] ▶ Run echo first line
[two] first line
[two] error: Process completed with exit code 3.
[two] ✗ Run echo first line [T]: failure, exit code 3
[two] ✗ failure in [T]

Summary
  ✓ [T] one
  ✗ [T] two: failure

✗ two › Run echo first line: exit code 3
  error: Process completed with exit code 3.
    first line

Annotations
  one: warning: mind the gap (a.txt:3)

✗ failure in [T] (exit code 1)
↻ run again: lrun push -j two
",
        )
        .failure(1);
}

#[test]
fn quiet_says_only_what_failed() {
    two()
        .args(["push", "-q"])
        .stdout(
            "\
✗ two › Run echo first line: exit code 3
  error: Process completed with exit code 3.
    first line

✗ failure in [T] (exit code 1)
↻ run again: lrun push -j two
",
        )
        .stderr("")
        .failure(1);
}

#[test]
fn quiet_and_green_is_silent() {
    two().args(["push", "-q", "-j", "one"]).stderr("").success();
}

#[test]
fn colours_follow_the_environment() {
    let coloured = |name: &str| two().env(name, "1").run_raw().stdout.contains('\u{1b}');
    assert!(coloured("CLICOLOR_FORCE"));
    assert!(!coloured("NO_COLOR"));
    assert!(
        !two().run_raw().stdout.contains('\u{1b}'),
        "a pipe has no colours"
    );
}

#[test]
fn the_prefix_can_be_the_job_id() {
    let it = Lrun::new()
        .workflow("ci.yml", "on: push\njobs:\n  a:\n    name: Long name\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo hi\n")
        .commit();
    let ended = it.args(["push", "--log-prefix-job-id"]).run();
    assert!(ended.stdout.contains("\n[a] hi\n"), "{ended}");
}

#[test]
fn json_holds_errors_too() {
    let ended = two().args(["push", "--json", "-j", "three"]).run();
    assert_eq!(ended.code, Some(2), "{ended}");
    for line in ended.stdout.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn the_command_that_runs_again_is_the_one_that_was_typed() {
    let events = two()
        .args([
            "push",
            "--env",
            "A=b c",
            "--matrix",
            "os:x",
            "--skip-unavailable",
            "-s",
            "TOKEN=hush",
            "--var",
            "V=is hush",
            "-j",
            "two",
        ])
        .workflow(
            "two.yml",
            &TWO.replace("  one:\n", "  one:\n    strategy: {matrix: {os: [x, y]}}\n"),
        )
        .events();
    assert_eq!(events.code, Some(1));
    assert_eq!(
        events.all.last().unwrap()["rerun"],
        "lrun push --env 'A=b c' --matrix os:x --skip-unavailable -s TOKEN --var 'V=is ***' -j two"
    );
}

#[test]
fn json_holds_the_errors_too() {
    let refused = Lrun::new()
        .workflow("two.yml", TWO)
        .args(["release"])
        .events();
    assert_eq!(refused.code, Some(2));
    assert_eq!(refused.all.len(), 1);
    let event = &refused.all[0];
    assert_eq!(event["kind"], "run.refused");
    assert_eq!(event["exit_code"], 2);
    assert_eq!(
        event["message"],
        "no workflow lists the event 'release'; listed: push"
    );

    let broken = Lrun::new()
        .workflow(
            "broken.yml",
            "on: push\njobs: {x: {runs-on: a, step: []}}\n",
        )
        .args(["push"])
        .events();
    assert_eq!(broken.code, Some(2));
    let diagnostic = &broken.all[0]["diagnostics"][0];
    assert_eq!(diagnostic["file"], ".github/workflows/broken.yml");
    assert_eq!(
        (&diagnostic["line"], &diagnostic["column"]),
        (&2.into(), &24.into())
    );

    for command in ["list", "plan", "graph"] {
        let ended = Lrun::new()
            .workflow("two.yml", TWO)
            .args([command, "--json", "-j", "absent"])
            .run();
        assert_eq!(ended.code, Some(2), "{command}");
        let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(
            document["error"]["message"], "no workflow has a job 'absent'",
            "{command}"
        );
        assert!(ended.stderr.contains("no workflow has a job"), "{command}");
    }
}

#[test]
fn a_called_workflow_is_not_said_to_be_left_out() {
    let ended = Lrun::new()
        .workflow(
            "top.yml",
            "on: push\njobs: {a: {uses: $/.github/workflows/called.yml}}\n",
        )
        .workflow(
            "called.yml",
            "on: workflow_call\njobs: {b: {runs-on: self-hosted, steps: [{run: echo called}]}}\n",
        )
        .workflow(
            "other.yml",
            "on: workflow_call\njobs: {c: {runs-on: self-hosted, steps: [{run: echo}]}}\n",
        )
        .commit()
        .args(["push"])
        .run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("[a / b] called"), "{}", ended.stdout);
    assert!(ended.stderr.contains("other.yml is skipped"));
    assert!(!ended.stderr.contains("called.yml is skipped"));
}

#[test]
fn check_says_everything_once() {
    let call = |event: &str, next: &str| {
        format!("on: {event}\njobs: {{a: {{uses: ./.github/workflows/{next}.yml}}}}\n")
    };
    let ended = Lrun::new()
        .workflow("a.yml", &call("push", "b"))
        .workflow("b.yml", &call("workflow_call", "absent"))
        .args(["check", "--format", "json"])
        .run();
    let list: Vec<serde_json::Value> = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(list.len(), 1, "{list:#?}");
    assert_eq!(list[0]["file"], ".github/workflows/b.yml");
}

#[test]
fn a_root_below_the_top_level_is_announced() {
    let push = |folder: &str| {
        Lrun::new()
            .workflow("two.yml", TWO)
            .file("part/.github/workflows/two.yml", TWO)
            .commit()
            .folder(folder)
            .args(["push", "-j", "one"])
            .run()
            .stderr
    };
    assert!(push("part").contains("part alone, without .git"));
    assert!(!push(".").contains("without .git"));
}

#[test]
fn what_a_found_env_file_adds_is_said_once() {
    let ended = two()
        .file(".env", "FOUND=1\n")
        .args(["push", "-j", "one"])
        .run();
    assert_eq!(ended.stderr.matches("FOUND").count(), 1, "{}", ended.stderr);
}
