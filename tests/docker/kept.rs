//! What stays when it is asked for: `--keep`, `-r`, and how it goes again.

use std::process::Command;

use nix::sys::signal::Signal;

use crate::Test;
use crate::events::Events;
use crate::lrun::Lrun;
use crate::running::Running;
use crate::world::{base, left, nothing_left, on_this_engine, tiny, turn, web};

pub const TESTS: &[Test] = &[
    ("kept::a_failed_job_is_kept_to_look_into", failed),
    ("kept::a_green_job_is_kept_when_all_are", always),
    ("kept::the_next_run_goes_on_in_a_green_machine", reused),
    ("kept::another_image_or_leg_has_another_machine", not_reused),
    ("kept::a_machine_is_one_runs_at_a_time", held),
    ("kept::a_killed_run_leaves_no_machine_to_go_on_in", killed),
];

fn repository(workflow: &str) -> Lrun {
    let text = workflow
        .replace("BASE", &base())
        .replace("TINY", &tiny())
        .replace("WEB", &web());
    Lrun::new().workflow("ci.yml", &text).commit()
}

fn with(lrun: Lrun, more: &[&str]) -> Lrun {
    let mut words: Vec<String> = ["push", "-P"].map(str::to_owned).into();
    words.push(format!("ubuntu-latest={}", base()));
    words.extend(more.iter().map(|word| (*word).to_owned()));
    on_this_engine(lrun.words(words))
}

#[track_caller]
fn ends(lrun: &Lrun, code: i32) -> Events {
    let events = lrun.events();
    assert_eq!(
        events.code,
        Some(code),
        "{}{}",
        events.stderr,
        events.text()
    );
    events
}

fn notes(events: &Events) -> Vec<String> {
    let kept = |note: &&str| note.starts_with("kept: ");
    events
        .notes()
        .into_iter()
        .filter(kept)
        .map(str::to_owned)
        .collect()
}

/// Removes what was kept.
#[track_caller]
fn cleans(lrun: Lrun) {
    let lrun = on_this_engine(lrun.words(vec!["clean".to_owned()]));
    let ended = lrun.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    nothing_left(&lrun.root());
    let work = lrun.scratch().join("home/cache/lrun/work");
    assert!(work.is_dir());
    let folders = std::fs::read_dir(&work).into_iter().flatten().flatten();
    let folders: Vec<_> = folders.map(|entry| entry.path()).collect();
    assert!(folders.is_empty(), "{folders:?}");
}

fn failed() {
    let _turn = turn();
    let lrun = repository(
        "on: push
jobs:
  good: {runs-on: ubuntu-latest, steps: [run: 'true']}
  bad:
    runs-on: ubuntu-latest
    services: {web: {image: WEB, ports: [80]}}
    steps: [{uses: actions/checkout@v4}, {run: 'echo found > it; exit 1'}]
  here: {runs-on: self-hosted, steps: [run: 'exit 1']}
",
    );
    let lrun = with(lrun, &["--keep", "failed"]);
    let events = ends(&lrun, 1);
    let kept = notes(&events);
    assert_eq!(kept.len(), 3, "{kept:?}");
    let way_in = kept
        .iter()
        .find(|note| note.contains(" exec -it "))
        .unwrap();
    let words = way_in
        .trim_start_matches("kept: ")
        .split(';')
        .next()
        .unwrap();
    let words: Vec<&str> = words.split(' ').filter(|word| *word != "-it").collect();
    let (program, words) = words.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(words).args(["-c", "cat it; pwd"]);
    if let Ok(output) = command.output() {
        // The engine's own client may not be there.
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, "found\n/home/runner/work/demo/demo\n", "{output:?}");
    }
    assert!(
        kept.iter().any(|note| note.contains("the service web")),
        "{kept:?}"
    );
    let folder = kept
        .iter()
        .find(|note| note.starts_with("kept: /"))
        .unwrap();
    let folder = folder
        .trim_start_matches("kept: ")
        .split(';')
        .next()
        .unwrap();
    assert!(std::path::Path::new(folder).is_dir(), "{folder}");
    // Another run leaves it alone.
    assert_eq!(left(&lrun.root()), 4);
    let lrun = with(lrun, &["-j", "good"]);
    ends(&lrun, 0);
    assert_eq!(left(&lrun.root()), 4);
    cleans(lrun);
}

fn always() {
    let _turn = turn();
    let lrun = repository(
        "on: push
jobs:
  a: {runs-on: ubuntu-latest, container: TINY, steps: [run: 'true']}
",
    );
    let lrun = with(lrun, &["--keep", "failed"]);
    assert!(notes(&ends(&lrun, 0)).is_empty());
    nothing_left(&lrun.root());
    let lrun = with(lrun, &["--keep", "always"]);
    let kept = notes(&ends(&lrun, 0));
    assert!(
        kept[0].contains(" exec -it -w /__w/demo/demo ") && kept[0].contains(" sh;"),
        "{kept:?}"
    );
    cleans(lrun);
}

const GOING_ON: &str = "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    strategy: {matrix: {n: [1, 2]}}
    services: {web: {image: WEB, ports: ['8080:80']}}
    steps:
      - run: curl -sSf localhost:8080 > /dev/null
      - uses: actions/checkout@v4
        with: {clean: false}
      - run: cat /installed ../../own $PWD/made 2>/dev/null || echo fresh; echo $N > /installed; echo x > $RUNNER_TEMP/left
        env: {N: '${{ matrix.n }}'}
      - run: echo made > made; exit ${FAIL:-0}
  b:
    runs-on: ubuntu-latest
    container: TINY
    services: {web: {image: WEB}}
    steps:
      - run: cat /installed 2>/dev/null || echo fresh; echo b > /installed; wget -qO- http://web > /dev/null && ls $RUNNER_TEMP | grep -c left || true
";

fn reused() {
    let _turn = turn();
    // DESIGN 7: the next -r run of the same file, job and leg.
    let lrun = with(repository(GOING_ON), &["-r"]);
    let events = ends(&lrun, 0);
    assert!(
        events
            .notes()
            .iter()
            .any(|note| note.contains("GitHub starts fresh"))
    );
    let seen = |events: &Events| {
        let of = |job: &str| events.lines(job).join(" ");
        [of("a (1)"), of("a (2)"), of("b")]
    };
    assert_eq!(seen(&events), ["fresh", "fresh", "fresh 0"]);
    let again = ends(&lrun, 0);
    assert_eq!(
        seen(&again),
        ["1 made", "2 made", "b 0"].map(|it| {
            // Of `cat`, which misses one file of three.
            if it.starts_with('b') {
                it.to_owned()
            } else {
                format!("{it} fresh")
            }
        })
    );
    // A red job's machine goes.
    let red = with(lrun, &["-r", "--env", "FAIL=1", "-j", "a"]);
    ends(&red, 1);
    let fresh = with(red, &["-r", "-j", "a"]);
    assert_eq!(ends(&fresh, 0).lines("a (1)"), ["fresh"]);
    // Without -r nothing is taken up, and nothing is taken away.
    let plain = with(fresh, &["-j", "a"]);
    assert_eq!(ends(&plain, 0).lines("a (1)"), ["fresh"]);
    let last = with(plain, &["-r", "-j", "a"]);
    assert_eq!(ends(&last, 0).lines("a (1)"), ["1", "made", "fresh"]);
    cleans(last);
}

fn not_reused() {
    let _turn = turn();
    let workflow = "on: push
jobs:
  a: {runs-on: ubuntu-latest, steps: [run: 'cat /installed || echo fresh; echo x > /installed']}
";
    let lrun = with(repository(workflow), &["-r"]);
    ends(&lrun, 0);
    assert_eq!(ends(&lrun, 0).lines("a"), ["x"]);
    let other = with(lrun, &["-r", "--container-options", "--hostname other"]);
    assert!(ends(&other, 0).lines("a").contains(&"fresh"));
    let renamed = with(
        other
            .workflow("ci.yml", &workflow.replace("a:", "b:"))
            .commit_as("renamed"),
        &["-r"],
    );
    assert!(ends(&renamed, 0).lines("b").contains(&"fresh"));
    cleans(renamed);
}

fn waiting() -> Lrun {
    repository(
        "on: push
jobs:
  a: {runs-on: ubuntu-latest, steps: [run: 'cat /installed || echo fresh; echo x > /installed; echo ready; sleep ${WAIT:-0}']}
",
    )
}

fn held() {
    let _turn = turn();
    let lrun = with(waiting(), &["-r", "--env", "WAIT=1000"]);
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    let second = with(lrun, &["-r"]);
    let events = ends(&second, 0);
    assert!(
        events
            .notes()
            .iter()
            .any(|note| note.contains("another run has"))
    );
    assert!(events.lines("a").contains(&"fresh"));
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    nothing_left(&second.root());
}

fn killed() {
    let _turn = turn();
    let lrun = with(waiting(), &["-r"]);
    ends(&lrun, 0);
    let lrun = with(lrun, &["-r", "--env", "WAIT=1000"]);
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(Signal::SIGKILL);
    run.end();
    let lrun = with(lrun, &["-r"]);
    let events = ends(&lrun, 0);
    assert!(events.lines("a").contains(&"fresh"), "{}", events.text());
    cleans(lrun);
}
