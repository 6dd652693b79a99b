//! What other tools let pass, and lrun does not.

use crate::lrun::Lrun;

fn job(steps: &str) -> String {
    format!("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n{steps}")
}

fn push(yaml: &str) -> Lrun {
    Lrun::new().workflow("ci.yml", yaml).commit().args(["push"])
}

#[test]
fn a_job_whose_need_failed_does_not_run() {
    let events = push(
        "
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: exit 1
  b:
    needs: a
    runs-on: ubuntu-latest
    steps:
      - run: echo never
  c:
    needs: b
    runs-on: ubuntu-latest
    steps:
      - run: echo never
  d:
    needs: [a, b]
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: echo '${{ needs.a.result }} ${{ needs.b.result }}'
",
    )
    .events();
    assert_eq!(events.code, Some(1));
    assert_eq!(events.job("b"), "skipped");
    assert_eq!(events.job("c"), "skipped");
    assert_eq!(events.lines("d"), ["failure skipped"]);
}

#[test]
fn failure_and_always_steps_run_after_a_failure() {
    let events = push(&job("      - run: exit 1
      - run: echo never
      - if: failure()
        run: echo failed
      - if: always()
        run: echo always
      - if: ${{ !cancelled() }}
        run: echo not cancelled
"))
    .events();
    assert_eq!(events.code, Some(1));
    assert_eq!(events.lines("a"), ["failed", "always", "not cancelled"]);
}

#[test]
fn fail_fast_cancels_the_other_legs() {
    // The second leg can only end by being cancelled: it waits for a writer that never comes.
    let events = push(
        "
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        leg: [fails, waits]
    env:
      READY: '{SCRATCH}/ready'
    steps:
      - if: matrix.leg == 'waits'
        run: |
          mkfifo \"$READY.never\"
          mkfifo \"$READY\"
          echo > \"$READY\"
          cat \"$READY.never\"
      - if: matrix.leg == 'fails'
        run: |
          until test -p \"$READY\"; do :; done
          cat \"$READY\"
          exit 1
      - if: cancelled()
        run: echo cancelled
",
    )
    .args(["push", "--concurrent-jobs", "2"])
    .events();
    assert_eq!(events.code, Some(1), "{}", events.text());
    assert_eq!(events.job("a (fails)"), "failure");
    assert_eq!(events.job("a (waits)"), "cancelled");
    assert_eq!(events.lines("a (waits)"), ["cancelled"]);
}

#[test]
fn without_fail_fast_every_leg_ends_by_itself() {
    let events = push(
        "
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix:
        leg: [1, 2, 3]
    steps:
      - run: test ${{ matrix.leg }} != 1
",
    )
    .events();
    assert_eq!(events.code, Some(1));
    assert_eq!(events.job("a (1)"), "failure");
    assert_eq!(events.job("a (2)"), "success");
    assert_eq!(events.job("a (3)"), "success");
}

#[test]
fn runs_on_is_evaluated_per_leg() {
    let events = push(
        "
on: push
jobs:
  a:
    strategy:
      matrix:
        os: [ubuntu-latest, self-hosted, mars-latest]
    runs-on: ${{ matrix.os }}
    steps:
      - run: echo '${{ matrix.os }} is ${{ runner.environment }}'
",
    )
    .events();
    assert_eq!(events.code, Some(3));
    assert_eq!(events.job("a (mars-latest)"), "unavailable");
    assert_eq!(events.job("a (ubuntu-latest)"), "success");
    assert_eq!(events.job("a (self-hosted)"), "success");
    let labels: Vec<_> = events
        .of("job.started")
        .map(|event| event["runs_on"][0].clone())
        .collect();
    assert!(labels.contains(&"ubuntu-latest".into()) && labels.contains(&"self-hosted".into()));
}

#[test]
fn a_label_of_another_system_does_not_pass() {
    let other = if cfg!(windows) {
        "macos-latest"
    } else {
        "windows-latest"
    };
    let yaml = job("      - run: echo never\n").replace("ubuntu-latest", other);
    let events = push(&yaml).events();
    assert_eq!(events.code, Some(3));
    assert_eq!(events.lines("a"), [""; 0]);
}

#[test]
fn comparisons_are_githubs() {
    let events = push(&job("      - run: echo '${{ null != null }} ${{ null == 0 }} ${{ 'A' == 'a' }} ${{ true == 'true' }}'
      - if: github.event.none != github.event.nothing
        run: echo never
"))
    .events();
    assert_eq!(events.lines("a"), ["false true true false"]);
}

#[test]
fn true_of_an_event_file_stays_true() {
    let yaml = job("      - if: github.event.flag == true
        run: echo '${{ toJSON(github.event.flag) }}'
      - if: github.event.flag
        run: echo truthy
      - run: echo '${{ toJSON(inputs.sure) }} ${{ toJSON(github.event.inputs.sure) }}'
")
    .replace(
        "on: push",
        "on:\n  workflow_dispatch:\n    inputs:\n      sure:\n        type: boolean",
    );
    let events = Lrun::new()
        .workflow("ci.yml", &yaml)
        .file(
            "event.json",
            "{\"flag\": true, \"inputs\": {\"sure\": true}}",
        )
        .commit()
        .args(["workflow_dispatch", "-e", "event.json"])
        .events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    let lines = events.lines("a");
    assert_eq!(&lines[..2], ["true", "truthy"]);
    assert!(lines[2].starts_with("true "), "{lines:?}");
}

#[test]
fn branch_filters_apply() {
    let yaml =
        job("      - run: echo ran\n").replace("on: push", "on:\n  push:\n    branches: [main]");
    let it = Lrun::new()
        .workflow("ci.yml", &yaml)
        .commit()
        .args(["push"]);
    assert_eq!(it.events().lines("a"), ["ran"]);
    it.git(&["switch", "--quiet", "--create", "topic"]);
    let events = it.events();
    assert_eq!(events.code, Some(0));
    assert_eq!(events.started(), [""; 0]);
    // Naming the job lifts the filter.
    let events = it.args(["push", "-j", "a"]).events();
    assert_eq!(events.lines("a"), ["ran"]);
}

#[test]
fn path_and_tag_filters_apply() {
    let yaml = |filter: &str| job("      - run: echo ran\n").replace("on: push", filter);
    let it = Lrun::new()
        .workflow("docs.yml", &yaml("on:\n  push:\n    paths: ['docs/**']"))
        .workflow("tags.yml", &yaml("on:\n  push:\n    tags: ['v*']"))
        .workflow("code.yml", &yaml("on:\n  push:\n    paths: ['src/**']"))
        .commit()
        .file("src/a.txt", "a")
        .commit_as("Change the code")
        .args(["push"]);
    let events = it.events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.started().len(), 1, "{}", events.text());
    let skipped: Vec<_> = events
        .of("workflow.skipped")
        .map(|event| event["file"].as_str().unwrap())
        .collect();
    assert_eq!(
        skipped,
        [".github/workflows/docs.yml", ".github/workflows/tags.yml"]
    );
}

#[test]
fn an_undefined_secret_is_empty() {
    let events = push(&job("      - env:
          TOKEN: ${{ secrets.NO_SUCH }}
        run: echo \"[$TOKEN]\"
      - run: echo '[${{ secrets.NO_SUCH }}] [${{ vars.NO_SUCH }}] [${{ secrets.GITHUB_TOKEN }}]'
"))
    .events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.lines("a"), ["[]", "[] [] []"]);
}

#[test]
fn a_secret_of_several_lines_is_masked_line_by_line() {
    let events = push(&job("      - env:
          KEY: ${{ secrets.KEY }}
        run: |
          echo \"$KEY\"
          echo \"$KEY\" | tac
"))
    .args(["push", "--secret-file", "secrets.yml"])
    .file(
        "secrets.yml",
        "KEY: |\n  first-line-of-it\n  second-line-of-it\n",
    )
    .events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert!(!events.text().contains("line-of-it"), "{}", events.text());
    assert!(
        events
            .lines("a")
            .iter()
            .all(|line| line.is_empty() || *line == "***")
    );
}

#[test]
fn a_failed_interpolation_fails_the_step() {
    let events = push(&job("      - run: echo never ${{ fromJSON('{') }}
      - if: failure()
        run: echo it failed
      - if: always() && fromJSON('{')
        run: echo never
"))
    .events();
    assert_eq!(events.code, Some(1));
    assert_eq!(events.lines("a"), ["it failed"]);
    // SPEC E-62: a condition that can not be evaluated fails its step.
    assert!(
        events.steps("a")[2].ends_with(": failure"),
        "{:?}",
        events.steps("a")
    );
}

#[test]
fn twenty_jobs_run_at_once() {
    // A word goes round the twenty twice: for its second round all must still be there.
    let pass = |from: usize, to: usize| match from {
        0 => "echo word > 1; cat 0".to_owned(),
        _ => format!("cat {from}; echo word > {to}"),
    };
    let jobs = (0..20).map(|n| {
        let pass = pass(n, (n + 1) % 20);
        let script = format!("cd {{SCRATCH}}; {pass}; {pass}");
        format!("  job{n}:\n    runs-on: ubuntu-latest\n    steps:\n      - run: {script}\n")
    });
    let yaml: String = std::iter::once("on: push\njobs:\n".to_owned())
        .chain(jobs)
        .collect();
    let it = push(&yaml).args(["push", "--concurrent-jobs", "20"]);
    for n in 0..20 {
        let fifo = it.scratch().join(n.to_string());
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let events = it.events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.started().len(), 20);
}

#[test]
fn the_limit_of_jobs_at_once_holds() {
    // Each job fails if another one is there; with a limit of one none ever is.
    let step = "mkdir {SCRATCH}/alone && rmdir {SCRATCH}/alone";
    let jobs = (0..4).map(|n| {
        format!("  job{n}:\n    runs-on: ubuntu-latest\n    steps:\n      - run: {step}\n")
    });
    let yaml: String = std::iter::once("on: push\njobs:\n".to_owned())
        .chain(jobs)
        .collect();
    let events = push(&yaml)
        .args(["push", "--concurrent-jobs", "1"])
        .events();
    assert_eq!(events.code, Some(0), "{}", events.text());
}

#[test]
fn a_matrix_output_is_the_last_one_that_is_not_empty() {
    // SPEC R-4: legs run in order here, and the last writes nothing.
    let events = push(
        "
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    strategy:
      max-parallel: 1
      matrix:
        n: [1, 2, 3]
    outputs:
      value: ${{ steps.it.outputs.value }}
    steps:
      - id: it
        if: matrix.n != 3
        run: echo \"value=${{ matrix.n }}\" >> \"$GITHUB_OUTPUT\"
  b:
    needs: a
    runs-on: ubuntu-latest
    steps:
      - run: echo '${{ needs.a.outputs.value }}'
",
    )
    .events();
    assert_eq!(events.lines("b"), ["2"]);
}

#[test]
fn an_output_that_holds_a_secret_does_not_travel() {
    let events = push(
        "
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    outputs:
      token: ${{ steps.it.outputs.token }}
      plain: ${{ steps.it.outputs.plain }}
    steps:
      - id: it
        run: |
          echo 'token=${{ secrets.TOKEN }}' >> \"$GITHUB_OUTPUT\"
          echo 'plain=text' >> \"$GITHUB_OUTPUT\"
  b:
    needs: a
    runs-on: ubuntu-latest
    steps:
      - run: echo '[${{ needs.a.outputs.token }}] ${{ needs.a.outputs.plain }}'
",
    )
    .args(["push", "-s", "TOKEN=hunter-2"])
    .events();
    assert_eq!(events.lines("b"), ["[] text"]);
}

#[test]
fn a_misspelled_context_is_an_error_before_anything_runs() {
    let ended = push(&job("      - run: echo never ${{ secret.TOKEN }}\n")).run();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(
        ended.stderr.contains("Unrecognized named-value: 'secret'"),
        "{ended}"
    );
}
