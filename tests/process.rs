//! Real processes on the host machine: output, endings, signals.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use lrun::event::Stream;
use lrun::executor::host::{Graces, Host};
use lrun::executor::{Command, Ending, ExecError, Finished, Machine as _, Output, Stop, tracking};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const NEVER: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_millis(30);

/// A test that takes longer has waited for a grace that it should not.
const PATIENCE: Duration = Duration::from_mins(1);

const PATIENT: Graces = Graces {
    alone: false,
    interrupt: NEVER,
    terminate: NEVER,
    drain: NEVER,
};

/// Keeps what is printed, and fires a token when a word comes.
#[derive(Default)]
struct Recorder {
    chunks: Vec<(Stream, Vec<u8>)>,
    signal: Option<(&'static str, CancellationToken)>,
}

impl Output for Recorder {
    fn chunk(&mut self, stream: Stream, bytes: &[u8]) {
        self.chunks.push((stream, bytes.to_vec()));
        if let Some((word, token)) = &self.signal
            && String::from_utf8_lossy(bytes).contains(word)
        {
            token.cancel();
        }
    }
}

impl Recorder {
    fn on(stream: &CancellationToken) -> Self {
        Self {
            signal: Some(("ready", stream.clone())),
            ..Self::default()
        }
    }

    fn text(&self, wanted: Stream) -> String {
        let bytes = self.chunks.iter().filter(|(stream, _)| *stream == wanted);
        let bytes: Vec<u8> = bytes.flat_map(|(_, bytes)| bytes.clone()).collect();
        String::from_utf8(bytes).unwrap()
    }
}

fn bash(script: &str) -> Command {
    Command {
        program: "/bin/bash".into(),
        args: vec!["-c".into(), script.into()],
        env: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        cwd: std::env::temp_dir(),
    }
}

async fn exec(host: &Host, command: &Command, output: &mut Recorder, stop: &Stop) -> Finished {
    let finished = tokio::time::timeout(PATIENCE, host.exec(command, output, stop));
    finished.await.expect("the step ends").unwrap()
}

async fn cancelled(script: &str, graces: Graces) -> (Finished, String) {
    let stop = Stop::default();
    let mut output = Recorder::on(&stop.cancel);
    let host = Host::default().with_graces(graces);
    let finished = exec(&host, &bash(script), &mut output, &stop).await;
    (finished, output.text(Stream::Stdout))
}

/// A named pipe; its reader sees the end when the last process that holds it is gone.
struct Lifeline {
    path: PathBuf,
    ended: JoinHandle<String>,
    _place: TempDir,
}

impl Lifeline {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("lifeline");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        let reader = path.clone();
        let ended = std::thread::spawn(move || {
            let mut text = String::new();
            fs::File::open(reader)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            text
        });
        Self {
            path,
            ended,
            _place: place,
        }
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn wait(self) -> String {
        self.ended.join().unwrap()
    }
}

#[tokio::test]
async fn hands_on_output_exit_code_environment_and_directory() {
    let place = tempfile::tempdir().unwrap();
    let mut command = bash("pwd; echo \"$A-$B\" >&2; cat; env | wc -l; exit 7");
    command.cwd = place.path().canonicalize().unwrap();
    command.env.push(("A".into(), "1".into()));
    let mut output = Recorder::default();
    let host = Host::default().with_graces(PATIENT);
    let finished = exec(&host, &command, &mut output, &Stop::default()).await;
    let ending = Ending::Exited(7);
    assert_eq!(
        finished,
        Finished {
            ending,
            stopped: false
        }
    );
    let pwd = command.cwd.to_str().unwrap();
    // PATH and A, and what bash adds itself: PWD, SHLVL, _.
    assert_eq!(
        output.text(Stream::Stdout),
        format!("{pwd}\n5\n"),
        "S-12: stdin is empty"
    );
    assert_eq!(output.text(Stream::Stderr), "1-\n");
}

#[tokio::test]
async fn a_death_by_signal_is_told() {
    let mut output = Recorder::default();
    let finished = exec(
        &Host::default(),
        &bash("kill -9 $$"),
        &mut output,
        &Stop::default(),
    )
    .await;
    assert_eq!(finished.ending, Ending::Signalled(9));
    assert!(!finished.stopped);
}

#[tokio::test]
async fn chunks_end_at_line_breaks() {
    let mut output = Recorder::default();
    let script =
        "printf 'a\\rb\\r\\nc\\nd'; for i in {1..20000}; do echo line $i; done; printf end";
    exec(
        &Host::default(),
        &bash(script),
        &mut output,
        &Stop::default(),
    )
    .await;
    let (last, others) = output.chunks.split_last().unwrap();
    assert!(
        others
            .iter()
            .all(|(_, bytes)| bytes.ends_with(b"\n") || bytes.ends_with(b"\r"))
    );
    assert_eq!(last.1, b"end");
    let text = output.text(Stream::Stdout);
    assert!(text.starts_with("a\rb\r\nc\ndline 1\n"));
    assert_eq!(text.lines().count(), 20_003);
}

#[tokio::test]
async fn very_long_lines_are_cut() {
    let mut output = Recorder::default();
    let script = "head -c 3000000 /dev/zero | tr '\\0' x; echo";
    exec(
        &Host::default(),
        &bash(script),
        &mut output,
        &Stop::default(),
    )
    .await;
    assert_eq!(output.text(Stream::Stdout).len(), 3_000_001);
    assert!(
        output
            .chunks
            .iter()
            .all(|(_, bytes)| bytes.len() <= 1024 * 1024 + 1)
    );
    assert!(output.chunks.len() >= 3);
}

#[tokio::test]
async fn a_grandchild_that_holds_stdout_does_not_hang_the_step() {
    let lifeline = Lifeline::new();
    let script = format!("(exec 3>{}; sleep 3600) & echo $!; exit 3", lifeline.name());
    let host = Host::default().with_graces(Graces {
        drain: SHORT,
        ..PATIENT
    });
    let mut output = Recorder::default();
    let finished = exec(&host, &bash(&script), &mut output, &Stop::default()).await;
    assert_eq!(finished.ending, Ending::Exited(3), "S-12");
    let pid: i32 = output.text(Stream::Stdout).trim().parse().unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, None).expect("S-12: the grandchild lives on");
    assert!(!lifeline.ended.is_finished(), "S-12");
    nix::sys::signal::killpg(
        nix::unistd::getpgid(Some(pid)).unwrap(),
        nix::sys::signal::SIGKILL,
    )
    .unwrap();
    lifeline.wait();
}

#[tokio::test]
async fn what_a_grandchild_prints_before_the_time_is_up_counts() {
    let mut output = Recorder::default();
    let host = Host::default().with_graces(PATIENT);
    let script = "(read -r _ < <(sleep 0.05); echo late) & exit 0";
    exec(&host, &bash(script), &mut output, &Stop::default()).await;
    assert_eq!(output.text(Stream::Stdout), "late\n", "S-12");
}

#[tokio::test]
async fn a_cancelled_step_is_interrupted_first() {
    let script = "trap 'echo interrupted; exit 7' INT; echo ready; sleep 3600";
    let (finished, text) = cancelled(script, PATIENT).await;
    let ending = Ending::Exited(7);
    assert_eq!(
        finished,
        Finished {
            ending,
            stopped: true
        },
        "X-1"
    );
    assert_eq!(text, "ready\ninterrupted\n", "X-1");
}

#[tokio::test]
async fn a_plain_sleep_ends_at_the_interrupt() {
    let (finished, _) = cancelled("echo ready; sleep 3600", PATIENT).await;
    assert_eq!(
        finished.ending,
        Ending::Signalled(2),
        "X-1: the whole group"
    );
}

#[tokio::test]
async fn one_that_ignores_the_interrupt_is_terminated() {
    let script = "trap '' INT; trap 'echo terminated; exit 8' TERM; echo ready; sleep 3600";
    let graces = Graces {
        interrupt: SHORT,
        ..PATIENT
    };
    let (finished, text) = cancelled(script, graces).await;
    assert_eq!(finished.ending, Ending::Exited(8), "X-1");
    assert_eq!(text, "ready\nterminated\n", "X-1");
}

#[tokio::test]
async fn one_that_ignores_everything_is_killed() {
    let script = "trap '' INT TERM; echo ready; sleep 3600";
    let graces = Graces {
        interrupt: SHORT,
        terminate: SHORT,
        ..PATIENT
    };
    let (finished, _) = cancelled(script, graces).await;
    assert_eq!(finished.ending, Ending::Signalled(9), "X-1");
    assert!(finished.stopped);
}

#[tokio::test]
async fn a_kill_waits_for_nothing() {
    let stop = Stop::default();
    let mut output = Recorder::on(&stop.kill);
    let host = Host::default().with_graces(PATIENT);
    let script = "trap '' INT TERM; echo ready; sleep 3600";
    let finished = exec(&host, &bash(script), &mut output, &stop).await;
    let ending = Ending::Signalled(9);
    assert_eq!(
        finished,
        Finished {
            ending,
            stopped: true
        },
        "X-9"
    );
}

#[tokio::test]
async fn nothing_of_a_cancelled_step_lives() {
    let lifeline = Lifeline::new();
    // The background process ignores both polite signals and holds the output too.
    let script = format!(
        "(trap '' INT TERM; exec 3>{}; echo ready; sleep 3600) & wait",
        lifeline.name()
    );
    let graces = Graces {
        terminate: SHORT,
        ..PATIENT
    };
    let (finished, _) = cancelled(&script, graces).await;
    assert_eq!(finished.ending, Ending::Signalled(2), "X-1");
    lifeline.wait();
}

#[tokio::test]
async fn a_step_cancelled_before_its_start_does_not_run() {
    let stop = Stop::default();
    stop.cancel.cancel();
    let mut output = Recorder::default();
    let finished = exec(&Host::default(), &bash("echo ran"), &mut output, &stop).await;
    assert!(finished.stopped);
    assert!(output.chunks.is_empty());
}

#[tokio::test]
async fn a_step_that_nobody_waits_for_any_more_is_killed() {
    let lifeline = Lifeline::new();
    let script = format!("exec 3>{}; echo ready; sleep 3600 & wait", lifeline.name());
    let ready = CancellationToken::new();
    let mut output = Recorder::on(&ready);
    let (host, command, stop) = (Host::default(), bash(&script), Stop::default());
    tokio::select! {
        _ = host.exec(&command, &mut output, &stop) => panic!("the step does not end by itself"),
        () = ready.cancelled() => {}
    }
    lifeline.wait();
}

fn failure(command: &Command) -> ExecError {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (host, mut output, stop) = (Host::default(), Recorder::default(), Stop::default());
    runtime
        .block_on(host.exec(command, &mut output, &stop))
        .unwrap_err()
}

/// A process that another test is starting may hold the file open for writing a moment longer.
fn failure_when_free(command: &Command) -> ExecError {
    loop {
        match failure(command) {
            ExecError::Busy(_) => std::thread::yield_now(),
            other => return other,
        }
    }
}

fn program(place: &Path, name: &str, text: &str, mode: u32) -> Command {
    let path = place.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    Command {
        program: path,
        args: Vec::new(),
        ..bash("")
    }
}

#[test]
fn says_why_a_program_does_not_start() {
    let place = tempfile::tempdir().unwrap();
    let missing = Command {
        program: place.path().join("none"),
        ..bash("")
    };
    assert!(matches!(failure(&missing), ExecError::NoProgram(_)));
    let nowhere = Command {
        cwd: place.path().join("none"),
        ..bash("")
    };
    assert!(
        matches!(failure(&nowhere), ExecError::NoDirectory(_)),
        "S-25"
    );
    let text = "#!/no/such/interpreter\n";
    let no_interpreter = program(place.path(), "a", text, 0o700);
    assert!(matches!(
        failure_when_free(&no_interpreter),
        ExecError::NoInterpreter(_)
    ));
    let not_executable = program(place.path(), "b", "#!/bin/sh\n", 0o600);
    assert!(matches!(
        failure_when_free(&not_executable),
        ExecError::NotExecutable(_)
    ));
    let busy = program(place.path(), "c", "#!/bin/sh\n", 0o700);
    let held = fs::OpenOptions::new()
        .write(true)
        .open(&busy.program)
        .unwrap();
    assert!(matches!(failure(&busy), ExecError::Busy(_)));
    drop(held);
    for command in [missing, nowhere, no_interpreter, not_executable] {
        assert!(!failure(&command).to_string().is_empty());
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn closing_ends_what_carries_the_tracking_id_and_spares_the_rest() {
    let (orphan, spared) = (Lifeline::new(), Lifeline::new());
    let id = format!("github_test_{}", std::process::id());
    let host = Host::new(&id).with_graces(PATIENT);
    let mut command = bash(&format!(
        "setsid sleep 3600 3>{} >/dev/null 2>&1 & a=$!
        RUNNER_TRACKING_ID=0 setsid sleep 3600 3>{} >/dev/null 2>&1 & b=$!
        for p in $a $b; do while [[ $(</proc/$p/comm) != sleep ]]; do :; done; done
        echo $b",
        orphan.name(),
        spared.name(),
    ));
    command
        .env
        .push(("RUNNER_TRACKING_ID".into(), id.as_str().into()));
    let mut output = Recorder::default();
    exec(&host, &command, &mut output, &Stop::default()).await;
    let later = SystemTime::now() + NEVER;
    let young = tracking::kill_all(&id, Some(later));
    assert!(young.is_empty(), "the processes are older than that");
    let started = Instant::now();
    assert_eq!(host.end_orphans().await, ["sleep"], "H-5");
    assert!(started.elapsed() < PATIENCE);
    orphan.wait();
    let pid = output.text(Stream::Stdout).trim().parse().unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).expect("H-5: it chose to live on");
    spared.wait();
    host.close().await.unwrap();
}
