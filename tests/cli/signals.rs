//! What ends a run from outside, and what it leaves: nothing.

use std::fs;
use std::thread;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lrun::Lrun;
use crate::running::{Alive, PATIENCE, Running};

/// A repository with two fifos: one that nobody writes to, one that tells who lives.
fn repository(steps: &str) -> (Lrun, Alive) {
    let lrun = Lrun::new()
        .workflow(
            "ci.yml",
            &format!(
                "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n{steps}"
            ),
        )
        .commit()
        .args(["push"]);
    for name in ["never", "alive"] {
        let path = lrun.scratch().join(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let alive = Alive::watch(&lrun.scratch().join("alive"));
    (lrun, alive)
}

const WAIT: &str = "      - name: Wait
        run: |
          exec 9> {SCRATCH}/alive
          cat {SCRATCH}/never &
          echo $RUNNER_TRACKING_ID
          echo ready
          cat {SCRATCH}/never
      - run: echo never
      - if: cancelled()
        run: echo was cancelled
      - if: always()
        run: echo always
";

#[cfg(target_os = "linux")]
fn assert_no_process_of(tracking: &str) {
    for entry in fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        let environ = fs::read(path.join("environ")).unwrap_or_default();
        let environ = String::from_utf8_lossy(&environ);
        assert!(!environ.contains(tracking), "{} lives on", path.display());
    }
}

#[cfg(not(target_os = "linux"))]
fn assert_no_process_of(_: &str) {}

fn cancelled_by(signal: Signal) -> Option<i32> {
    let (lrun, alive) = repository(WAIT);
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(signal);
    let code = run.end();
    for text in ["] was cancelled", "] always"] {
        assert!(run.said(text), "{text}: {:#?}", run.seen);
    }
    assert!(!run.said("] never"), "{:#?}", run.seen);
    assert!(
        run.seen.iter().any(|line| line.contains("cancelled in")),
        "{:#?}",
        run.seen
    );
    let end = format!("(exit code {})", code.unwrap());
    assert!(
        run.seen.iter().any(|line| line.ends_with(&end)),
        "{:#?}",
        run.seen
    );
    alive.all_gone();
    assert_no_process_of(&run.tracking());
    code
}

#[test]
fn an_interrupt_cancels_and_tidies_up() {
    assert_eq!(cancelled_by(Signal::SIGINT), Some(130));
}

#[test]
fn a_request_to_end_does_too() {
    assert_eq!(cancelled_by(Signal::SIGTERM), Some(143));
}

#[test]
fn the_second_interrupt_kills() {
    let steps = "      - run: echo ready; cat {SCRATCH}/never
      - if: always()
        run: |
          exec 9> {SCRATCH}/alive
          trap '' INT TERM
          echo $RUNNER_TRACKING_ID
          echo holding
          until cat {SCRATCH}/never; do :; done
      - if: always()
        run: echo too late
";
    let (lrun, alive) = repository(steps);
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(Signal::SIGINT);
    run.wait_for("] holding");
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    assert!(!run.said("] too late"), "{:#?}", run.seen);
    alive.all_gone();
    assert_no_process_of(&run.tracking());
}

#[test]
fn a_job_that_waits_for_its_turn_is_told() {
    let (lrun, alive) = repository(&format!(
        "{WAIT}  b:\n    needs: a\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo b runs\n  c:\n    needs: a\n    if: always()\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo c runs\n"
    ));
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    // SPEC E-68: conditions of jobs that did not start still count.
    assert!(
        !run.said("] b runs") && run.said("] c runs"),
        "{:#?}",
        run.seen
    );
    alive.all_gone();
}

#[test]
fn a_running_job_whose_condition_still_holds_goes_on() {
    // SPEC X-4.
    let (lrun, _alive) = repository(
        "  b:
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo b ready
          cat {SCRATCH}/go
          echo b goes on
      - run: echo and on
",
    );
    let go = lrun.scratch().join("go");
    nix::unistd::mkfifo(&go, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let lrun = lrun.args(["push", "-j", "b"]);
    let mut run = Running::start(&lrun);
    run.wait_for("] b ready");
    run.signal(Signal::SIGINT);
    fs::write(go, "").unwrap();
    assert_eq!(run.end(), Some(130));
    assert!(
        run.said("] b goes on") && run.said("] and on"),
        "{:#?}",
        run.seen
    );
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_outlives_lrun_when_it_is_killed() {
    let steps = "      - run: |
          exec 9> {SCRATCH}/alive
          cat {SCRATCH}/never &
          setsid cat {SCRATCH}/never &
          echo $RUNNER_TRACKING_ID
          echo ready
          cat {SCRATCH}/never
";
    let (lrun, alive) = repository(steps);
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(Signal::SIGKILL);
    alive.all_gone();
    assert_no_process_of(&run.tracking());
    assert_eq!(run.end(), None);
    // The watchdog removes the folders last.
    let work = lrun.scratch().join("home/cache/lrun/work");
    let started = Instant::now();
    while fs::read_dir(&work).unwrap().next().is_some() {
        assert!(started.elapsed() < PATIENCE, "the run's folder stays");
        thread::yield_now();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn orphans_end_with_the_job_but_for_those_that_opt_out() {
    // SPEC H-5.
    let steps = "      - run: |
          echo $RUNNER_TRACKING_ID
          cat {SCRATCH}/never > /dev/null 2>&1 9> {SCRATCH}/alive &
          RUNNER_TRACKING_ID= cat {SCRATCH}/never > /dev/null 2>&1 &
          echo $! > {SCRATCH}/server
          # Until it is cat, it is a shell with the id of the job.
          until grep -qzx RUNNER_TRACKING_ID= /proc/$!/environ; do :; done
";
    let (lrun, alive) = repository(steps);
    let mut run = Running::start(&lrun);
    assert_eq!(run.end(), Some(0));
    alive.all_gone();
    assert_no_process_of(&run.tracking());
    let server = fs::read_to_string(lrun.scratch().join("server")).unwrap();
    let server = Pid::from_raw(server.trim().parse().unwrap());
    kill(server, Signal::SIGKILL).expect("the server lives on");
}

#[test]
fn nothing_stays_in_the_temporary_folder() {
    let (lrun, _alive) = repository("      - run: echo 1 > $RUNNER_TEMP/file\n");
    let mut run = Running::start(&lrun);
    assert_eq!(run.end(), Some(0));
    let left: Vec<_> = fs::read_dir(lrun.scratch().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    // Release the watcher of a fifo that this run never opened.
    drop(
        fs::OpenOptions::new()
            .write(true)
            .open(lrun.scratch().join("alive")),
    );
}

#[test]
fn a_call_that_goes_on_in_a_cancelled_run_asks_each_of_its_jobs() {
    // SPEC E-66, E-68, X-4: cancelled() is of the run, also in a workflow that it calls.
    let called = "on: workflow_call
jobs:
  plain: {runs-on: ubuntu-latest, steps: [run: echo plain]}
  unless: {if: '!cancelled()', runs-on: ubuntu-latest, steps: [run: echo unless]}
  clean: {if: cancelled(), runs-on: ubuntu-latest, steps: [run: echo cleaned up]}
";
    let (lrun, alive) = repository(&format!(
        "{WAIT}  callee: {{needs: a, if: always(), uses: ./.github/workflows/called.yml}}\n"
    ));
    let lrun = lrun.workflow("called.yml", called).commit_as("called");
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    assert!(run.said("] cleaned up"), "{:#?}", run.seen);
    assert!(
        !run.said("] plain") && !run.said("] unless"),
        "{:#?}",
        run.seen
    );
    alive.all_gone();
}

#[test]
fn steps_of_an_action_are_asked_one_by_one_when_the_run_is_cancelled() {
    // SPEC X-2, E-64: the step that runs the action has no condition, its clean-up has.
    let action = "runs:
  using: composite
  steps:
    - shell: bash
      run: |
        exec 9> $PLACE/alive
        echo ready
        cat $PLACE/never
    - {shell: bash, run: echo not this}
    - {shell: bash, if: always(), run: sleep 0.1; echo inner always}
    - {shell: bash, if: cancelled(), run: sleep 0.1; echo inner cancelled}
";
    let (lrun, alive) = repository(
        "      - uses: ./act\n        env: {PLACE: '{SCRATCH}'}\n      - if: cancelled()\n        run: echo outer\n",
    );
    let lrun = lrun.file("act/action.yml", action).commit_as("act");
    let mut run = Running::start(&lrun);
    run.wait_for("]   ready");
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    for text in ["]   inner always", "]   inner cancelled", "] outer"] {
        assert!(run.said(text), "{text}: {:#?}", run.seen);
    }
    assert!(!run.said("]   not this"), "{:#?}", run.seen);
    alive.all_gone();
}
