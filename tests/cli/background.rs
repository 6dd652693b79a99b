//! Background steps as real processes, which meet at fifos (SPEC 6.3).

use nix::sys::signal::Signal;

use crate::lrun::Lrun;
use crate::running::{Alive, Running};

fn push(steps: &str) -> Lrun {
    let text = format!("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n{steps}");
    let lrun = Lrun::new()
        .workflow("ci.yml", &text)
        .commit()
        .args(["push"]);
    for name in ["one", "two", "never", "alive"] {
        let path = lrun.scratch().join(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    lrun
}

#[test]
fn steps_that_need_each_other_run_at_once() {
    // SPEC S-40, S-49: each blocks until the other has come.
    let events = push(
        "      - id: ping
        background: true
        run: |
          echo ping > {SCRATCH}/one
          cat {SCRATCH}/two
      - run: |
          cat {SCRATCH}/one
          echo pong > {SCRATCH}/two
      - wait: ping
      - parallel:
          - run: echo left > {SCRATCH}/one
          - run: cat {SCRATCH}/one
",
    )
    .events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    let mut lines = events.lines("a");
    lines.sort_unstable();
    assert_eq!(lines, ["left", "ping", "pong"]);
}

#[test]
fn each_has_command_files_of_its_own() {
    // SPEC S-41: both write while the other one runs.
    let step = |id: &str, mine: &str, other: &str| {
        format!(
            "      - id: {id}
        background: true
        run: |
          echo me={id} >> \"$GITHUB_OUTPUT\"
          echo {mine}=1 >> \"$GITHUB_ENV\"
          {other}
          echo then={id} >> \"$GITHUB_OUTPUT\"
"
        )
    };
    let steps = step("a", "A", "echo go > {SCRATCH}/one; cat {SCRATCH}/two")
        + &step("b", "B", "cat {SCRATCH}/one; echo go > {SCRATCH}/two")
        + "      - run: echo \"[$A$B${{ steps.a.outputs.me }}]\"
      - wait: [b]
      - run: echo \"[${{ steps.b.outputs.me }} ${{ steps.b.outputs.then }} $B]\"
      - wait-all:
      - run: echo \"[${{ steps.a.outputs.me }} ${{ steps.a.outputs.then }} $A]\"
";
    let events = push(&steps).events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    let lines = events.lines("a");
    let said: Vec<_> = lines.iter().filter(|line| line.starts_with('[')).collect();
    assert_eq!(said, [&"[]", &"[b b 1]", &"[a a 1]"]);
}

#[test]
fn a_server_is_cancelled_and_leaves_nobody() {
    // SPEC S-43
    let lrun = push(
        "      - id: server
        background: true
        run: |
          exec 9> {SCRATCH}/alive
          cat {SCRATCH}/never &
          echo up > {SCRATCH}/one
          cat {SCRATCH}/never
      - run: cat {SCRATCH}/one
      - cancel: server
      - run: echo ${{ steps.server.outcome }} ${{ job.status }}
",
    );
    let alive = Alive::watch(&lrun.scratch().join("alive"));
    let events = lrun.events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.lines("a"), ["up", "cancelled success"]);
    alive.all_gone();
}

#[test]
fn a_failure_in_the_background_is_never_a_success() {
    // SPEC S-46
    let events =
        push("      - {id: x, run: exit 3, background: true}\n      - run: echo on\n").events();
    assert_eq!(events.code, Some(1));
    assert_eq!(events.job("a"), "failure");
    let steps = events.steps("a");
    assert!(
        steps.contains(&"Wait for all background steps: failure".to_owned()),
        "{steps:?}"
    );
}

#[test]
fn a_signal_ends_background_steps_too() {
    // SPEC S-48
    let lrun = push(
        "      - id: server
        if: always()
        background: true
        run: |
          exec 9> {SCRATCH}/alive
          echo up > {SCRATCH}/one
          cat {SCRATCH}/never
      - run: |
          cat {SCRATCH}/one
          echo ready
          cat {SCRATCH}/never
      - if: always()
        run: echo last
",
    );
    let alive = Alive::watch(&lrun.scratch().join("alive"));
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    assert!(run.said("last"), "{:#?}", run.seen);
    alive.all_gone();
}

#[test]
fn lines_of_steps_that_run_at_once_name_their_step() {
    let ended = push(
        "      - name: Server
        id: s
        background: true
        run: |
          cat {SCRATCH}/one
          echo from the server
          echo > {SCRATCH}/two
      - name: Client
        run: |
          echo > {SCRATCH}/one
          cat {SCRATCH}/two
          echo from the client
      - wait: s
      - name: Alone
        run: echo alone
",
    )
    .run();
    for line in ["[a › Server] from the server", "[a] alone"] {
        let found = ended.stdout.lines().any(|found| found == line);
        assert!(found, "{line}\n{ended}");
    }
}
