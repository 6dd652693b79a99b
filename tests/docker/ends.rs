//! How runs in containers end, and that nothing stays.

use nix::sys::signal::Signal;

use crate::Test;
use crate::lrun::Lrun;
use crate::running::Running;
use crate::world::{base, left, nothing_left, on_this_engine, web};

pub const TESTS: &[Test] = &[
    (
        "ends::an_interrupt_reaches_the_step_and_tidies_up",
        interrupt,
    ),
    ("ends::the_second_interrupt_leaves_nothing", twice),
    ("ends::what_a_killed_run_left_is_removed", killed),
];

fn waiting() -> Lrun {
    let workflow = "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    services: {web: {image: WEB, ports: [80]}}
    steps:
      - run: |
          trap 'echo told; exit 1' INT
          echo ready
          sleep 1000 & wait
      - run: echo never
      - if: cancelled()
        run: echo was cancelled
";
    let lrun = Lrun::new()
        .workflow("ci.yml", &workflow.replace("WEB", &web()))
        .commit()
        .args(["push", "-P", &format!("ubuntu-latest={}", base())]);
    on_this_engine(lrun)
}

fn interrupt() {
    let lrun = waiting();
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    for text in ["] told", "] was cancelled"] {
        assert!(run.said(text), "{text}: {:#?}", run.seen);
    }
    assert!(!run.said("] never"), "{:#?}", run.seen);
    nothing_left(&lrun.root());
}

fn twice() {
    let lrun = waiting();
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(Signal::SIGINT);
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    wait_until_nothing_is_left(&lrun);
}

fn killed() {
    let lrun = waiting();
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(Signal::SIGKILL);
    run.end();
    // The watchdog does it, a moment later.
    wait_until_nothing_is_left(&lrun);
}

fn wait_until_nothing_is_left(lrun: &Lrun) {
    let patience = std::time::Instant::now() + crate::running::PATIENCE;
    while left(&lrun.root()) > 0 {
        assert!(std::time::Instant::now() < patience, "something is left");
        std::thread::yield_now();
    }
}
