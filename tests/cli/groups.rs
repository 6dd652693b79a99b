//! Two runs of one repository and a concurrency group (SPEC X-10, W-111).

use crate::lrun::Lrun;
use crate::running::Running;

/// A workflow whose step waits at a fifo, and one whose job wants the same group.
fn repository(keys: &str) -> Lrun {
    let job = |keys: &str, script: &str| {
        format!(
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    concurrency: {{ group: deploy{keys} }}\n    steps:\n      - run: {script}\n"
        )
    };
    let lrun = Lrun::new()
        .workflow("first.yml", &job("", "echo ready; cat {SCRATCH}/gate"))
        .workflow("second.yml", &job(keys, "echo mine"))
        .commit();
    let gate = lrun.scratch().join("gate");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    lrun
}

fn start(lrun: Lrun, workflow: &str) -> (Lrun, Running) {
    let lrun = lrun.args(["push", "-W", workflow]);
    let running = Running::start(&lrun);
    (lrun, running)
}

#[test]
fn a_job_waits_for_the_job_of_another_run() {
    let (lrun, mut first) = start(repository(""), ".github/workflows/first.yml");
    first.wait_for("ready");
    let (lrun, mut second) = start(lrun, ".github/workflows/second.yml");
    second.wait_for(") has");
    let said = second.seen.last().unwrap();
    assert!(
        said.contains("job 'a' of '.github/workflows/first.yml'"),
        "{said}"
    );
    std::fs::write(lrun.scratch().join("gate"), "").unwrap();
    assert_eq!(first.end(), Some(0));
    assert_eq!(second.end(), Some(0));
    assert!(second.said("mine"), "{:?}", second.seen);
}

#[test]
fn a_job_that_another_run_cancels_ends_with_one() {
    let keys = ", cancel-in-progress: true";
    let (lrun, mut first) = start(repository(keys), ".github/workflows/first.yml");
    first.wait_for("ready");
    let (_lrun, mut second) = start(lrun, ".github/workflows/second.yml");
    assert_eq!(first.end(), Some(1));
    assert_eq!(second.end(), Some(0));
    let text = "Canceling since a higher priority waiting request for 'deploy' exists";
    assert!(
        first.seen.iter().any(|line| line.contains(text)),
        "{:?}",
        first.seen
    );
}

#[test]
fn a_call_that_waited_for_its_group_is_no_row_of_its_own() {
    // SPEC U-10
    let lrun = Lrun::new()
        .workflow(
            "called.yml",
            "on: workflow_call\njobs: {x: {runs-on: ubuntu-latest, steps: [run: a=1]}}\n",
        )
        .workflow(
            "ci.yml",
            "on: push
jobs:
  c1: {uses: ./.github/workflows/called.yml, concurrency: zz}
  c2: {uses: ./.github/workflows/called.yml, concurrency: {group: zz, queue: max}}
",
        )
        .commit()
        .args(["push"]);
    let ended = lrun.run();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stdout.contains("waits for"), "{ended}");
    assert!(!ended.stdout.contains("unfinished"), "{ended}");
}
