//! How runs in containers end, and that nothing stays.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;

use nix::sys::signal::Signal;

use crate::Test;
use crate::lrun::Lrun;
use crate::running::Running;
use crate::world::{base, block_on, engine, left, nothing_left, on_this_engine, web};

pub const TESTS: &[Test] = &[
    (
        "ends::an_interrupt_reaches_the_step_and_tidies_up",
        interrupt,
    ),
    ("ends::the_second_interrupt_leaves_nothing", twice),
    ("ends::what_a_killed_run_left_is_removed", killed),
    ("ends::an_image_on_its_way_holds_nobody_up", pulling),
    (
        "ends::a_container_that_does_not_react_holds_nobody_up",
        paused,
    ),
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

fn paused() {
    // SPEC X-1; after the last signal there is an end.
    let lrun = waiting();
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    block_on(async {
        let engine = engine().await;
        for id in engine.containers_of(&lrun.root()).await.unwrap() {
            engine.pause(&id).await.unwrap();
        }
    });
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    wait_until_nothing_is_left(&lrun);
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

/// An engine that has no image, and whose registry never answers.
fn serve(listener: &UnixListener) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        std::thread::spawn(move || {
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") {
                if stream.read_exact(&mut byte).is_err() {
                    return;
                }
                request.push(byte[0]);
            }
            let request = String::from_utf8(request).unwrap();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let (status, body) = match path {
                path if path.ends_with("/version") => (
                    "200 OK",
                    r#"{"ApiVersion": "1.41", "MinAPIVersion": "1.12"}"#,
                ),
                path if path.contains("/volumes") => ("200 OK", "{}"),
                path if path.contains("/json") && path.contains("/images/") => {
                    ("404 Not Found", r#"{"message": "no"}"#)
                }
                path if path.contains("/images/create") => {
                    // Held until lrun lets go.
                    drop(stream.read(&mut byte));
                    return;
                }
                _ => ("200 OK", "[]"),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            drop(stream.write_all(answer.as_bytes()));
        });
    }
}

fn pulling() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("d.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || serve(&listener));
    let lrun = Lrun::new()
        .workflow(
            "ci.yml",
            "on: push
jobs:
  first: {runs-on: self-hosted, steps: [run: echo ready]}
  a: {runs-on: ubuntu-latest, steps: [run: echo never]}
",
        )
        .commit()
        .args(["push"])
        .env("LRUN_BACKEND", "auto")
        .env("DOCKER_HOST", &format!("unix://{}", socket.display()));
    let mut run = Running::start(&lrun);
    run.wait_for("] ready");
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    assert!(!run.said("never"), "{:#?}", run.seen);
}
