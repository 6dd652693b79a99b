//! Concurrency groups between processes: this test binary starts itself as the others (SPEC X-10).

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use jiff::Timestamp;
use lrun::run::concurrency::{GroupRequest, Groups, Holder, Lost, Queue, Terms};
use tokio_util::sync::CancellationToken;

const FOLDER: &str = "LRUN_TEST_FOLDER";
const JOB: &str = "LRUN_TEST_JOB";
const MODE: &str = "LRUN_TEST_MODE";

/// Longer than any step of these tests takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one of the others does: it asks for the group, tells what happens, and ends when it is told or asked.
#[test]
fn another_process() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let request = request(&env::var(JOB).unwrap(), &env::var(MODE).unwrap());
    let groups = Groups::new(folder, "octo/hello");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let told_to_end = CancellationToken::new();
    let told = told_to_end.clone();
    std::thread::spawn(move || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        told.cancel();
    });
    let never = CancellationToken::new();
    runtime.block_on(async {
        let mut waiting = |holder: &Holder| tell(&format!("waits for {}", name(holder)));
        match groups.acquire(&request, &never, &mut waiting).await {
            Ok(permit) => {
                tell("runs");
                tokio::select! {
                    by = permit.cancelled() => tell(&format!("asked by {}", name(&by))),
                    () = told_to_end.cancelled() => {}
                }
            }
            Err(Lost::Replaced { by, .. }) => tell(&format!("replaced by {}", name(&by))),
            Err(lost) => tell(&lost.to_string()),
        }
    });
}

fn name(holder: &Holder) -> String {
    holder.job.clone().unwrap_or_default()
}

fn tell(what: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "\n> {what}").unwrap();
    out.flush().unwrap();
}

fn request(job: &str, mode: &str) -> GroupRequest {
    GroupRequest {
        terms: Terms {
            group: "deploy".to_owned(),
            cancel_in_progress: mode == "cancel",
            queue: if mode == "max" {
                Queue::Max
            } else {
                Queue::Single
            },
        },
        holder: Holder {
            pid: std::process::id(),
            run: "1".to_owned(),
            workflow: "CI".to_owned(),
            job: Some(job.to_owned()),
            since: Timestamp::now(),
        },
        within: Vec::new(),
    }
}

struct Other {
    child: Child,
    stdin: Option<ChildStdin>,
    told: Receiver<String>,
}

impl Other {
    fn start(folder: &Path, job: &str, mode: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["another_process", "--exact", "--nocapture"])
            .env(FOLDER, folder)
            .env(JOB, job)
            .env(MODE, mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, told) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(what) = line.strip_prefix("> ")
                    && send.send(what.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Self {
            stdin: child.stdin.take(),
            child,
            told,
        }
    }

    fn hear(&self) -> String {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    fn expect(&self, what: &str) {
        assert_eq!(self.hear(), what);
    }

    fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn the_second_waits_for_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = Other::start(folder.path(), "a", "single");
    first.expect("runs");
    let second = Other::start(folder.path(), "b", "single");
    second.expect("waits for a");
    first.end();
    second.expect("runs");
    second.end();
}

#[test]
fn a_killed_holder_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let first = Other::start(folder.path(), "a", "single");
    first.expect("runs");
    let second = Other::start(folder.path(), "b", "single");
    second.expect("waits for a");
    first.kill();
    second.expect("runs");
    second.kill();
    let third = Other::start(folder.path(), "c", "single");
    third.expect("runs");
    third.end();
}

#[test]
fn the_third_replaces_the_second() {
    // SPEC W-110
    let folder = tempfile::tempdir().unwrap();
    let first = Other::start(folder.path(), "a", "single");
    first.expect("runs");
    let second = Other::start(folder.path(), "b", "single");
    second.expect("waits for a");
    let third = Other::start(folder.path(), "c", "single");
    third.expect("waits for a");
    second.expect("replaced by c");
    second.end();
    first.end();
    third.expect("runs");
    third.end();
}

#[test]
fn the_holder_is_asked_to_end() {
    // SPEC W-111
    let folder = tempfile::tempdir().unwrap();
    let first = Other::start(folder.path(), "a", "single");
    first.expect("runs");
    let second = Other::start(folder.path(), "b", "cancel");
    first.expect("asked by b");
    loop {
        match second.hear().as_str() {
            "waits for a" => {}
            other => break assert_eq!(other, "runs"),
        }
    }
    first.end();
    second.end();
}

#[test]
fn the_queue_keeps_its_order_though_some_are_killed() {
    // SPEC W-110
    let folder = tempfile::tempdir().unwrap();
    let first = Other::start(folder.path(), "a", "max");
    first.expect("runs");
    let waiting: Vec<Other> = ["b", "c", "d"]
        .into_iter()
        .map(|job| {
            let other = Other::start(folder.path(), job, "max");
            other.expect("waits for a");
            other
        })
        .collect();
    let [second, third, fourth]: [Other; 3] = waiting.try_into().ok().unwrap();
    third.kill();
    first.end();
    second.expect("runs");
    fourth.expect("waits for b");
    second.end();
    fourth.expect("runs");
    fourth.end();
}
