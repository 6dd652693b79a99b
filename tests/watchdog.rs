//! The watchdog ends what a run left, however the run died.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lrun::executor::Machine as _;
use lrun::executor::host::Host;
use lrun::executor::watchdog::{COMMAND, Watchdog};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LRUN: &str = env!("CARGO_BIN_EXE_lrun");

/// A place with a named pipe, whose reader sees the end when the last process that holds it is gone.
struct Scene {
    place: tempfile::TempDir,
    ended: JoinHandle<()>,
    id: String,
}

impl Scene {
    fn new(name: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let fifo = place.path().join("lifeline");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        let ended = std::thread::spawn(move || {
            let mut nothing = String::new();
            fs::File::open(fifo)
                .unwrap()
                .read_to_string(&mut nothing)
                .unwrap();
        });
        fs::create_dir_all(place.path().join("job/deep")).unwrap();
        Self {
            id: format!("github_{name}_{}", std::process::id()),
            ended,
            place,
        }
    }

    fn job(&self) -> PathBuf {
        self.place.path().join("job")
    }

    fn wait(&self) {
        let started = Instant::now();
        while self.job().exists() {
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "the directory goes"
            );
            std::thread::yield_now();
        }
    }
}

fn start_tracked(place: &Path, id: &str) -> Child {
    let script = format!(
        "exec 3>{}/lifeline; trap '' INT TERM HUP; echo up; exec sleep 3600 >/dev/null",
        place.display()
    );
    let mut child = Command::new("setsid")
        .args(["bash", "-c", &script])
        .env("RUNNER_TRACKING_ID", id)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(first_line(&mut child), "up\n");
    child
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    line
}

/// Not a test of its own: the run that is killed in `a_killed_run_leaves_nothing`.
#[test]
#[ignore = "the run that another test kills"]
fn run_that_gets_killed() {
    let Some(place) = std::env::var_os("WATCHDOG_TEST_PLACE") else {
        return;
    };
    let (place, id) = (
        Path::new(&place),
        std::env::var("WATCHDOG_TEST_ID").unwrap(),
    );
    let watchdog = Watchdog::start(LRUN.into(), place.to_owned());
    watchdog.track(&id).unwrap();
    watchdog.remove_on_death(&place.join("job")).unwrap();
    let mut child = start_tracked(place, &id);
    std::io::stdout().write_all(b"ready\n").unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_run_leaves_nothing() {
    let scene = Scene::new("killed");
    let mut run = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "run_that_gets_killed",
            "--ignored",
            "--nocapture",
        ])
        .env("WATCHDOG_TEST_PLACE", scene.place.path())
        .env("WATCHDOG_TEST_ID", &scene.id)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(run.stdout.take().unwrap()).lines();
    assert!(output.any(|line| line.unwrap().contains("ready")));
    assert!(!scene.ended.is_finished() && scene.job().exists());
    run.kill().unwrap();
    run.wait().unwrap();
    scene.wait();
    scene.ended.join().unwrap();
}

fn watchdog(root: &Path) -> Child {
    Command::new(LRUN)
        .arg(COMMAND)
        .arg(root)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

fn tell(watchdog: &mut Child, verb: &str, value: &str) {
    let line = format!("{verb} {}\n", hex::encode(value));
    watchdog
        .stdin
        .as_mut()
        .unwrap()
        .write_all(line.as_bytes())
        .unwrap();
}

#[test]
fn polite_signals_do_not_end_it() {
    let scene = Scene::new("polite");
    let mut dog = watchdog(scene.place.path());
    tell(&mut dog, "track", &scene.id);
    // Its mask shows that it has read nothing yet or is deaf already; only then signals prove something.
    let status = format!("/proc/{}/status", dog.id());
    let deaf = || {
        let text = fs::read_to_string(&status).unwrap();
        let mask = text
            .lines()
            .find_map(|line| line.strip_prefix("SigBlk:"))
            .unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap() & 0x4003 == 0x4003
    };
    while !deaf() {
        std::thread::yield_now();
    }
    let pid = Pid::from_raw(dog.id().try_into().unwrap());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        kill(pid, signal).unwrap();
    }
    let mut tracked = start_tracked(scene.place.path(), &scene.id);
    drop(dog.stdin.take());
    assert!(dog.wait().unwrap().success());
    scene.ended.join().unwrap();
    tracked.wait().unwrap();
}

#[test]
fn what_was_forgotten_lives_and_what_lies_outside_stays() {
    let scene = Scene::new("forgotten");
    let mut dog = watchdog(&scene.job());
    let mut tracked = start_tracked(scene.place.path(), &scene.id);
    tell(&mut dog, "track", &scene.id);
    tell(&mut dog, "forget", &scene.id);
    let job = scene.job();
    let names = [
        job.join("deep"),
        job.clone(),
        scene.place.path().join("job/../lifeline"),
    ];
    for path in &names {
        tell(&mut dog, "remove", path.to_str().unwrap());
    }
    // A line without its end is not obeyed.
    let half = format!("track {}", hex::encode(&scene.id));
    dog.stdin
        .as_mut()
        .unwrap()
        .write_all(half.as_bytes())
        .unwrap();
    drop(dog.stdin.take());
    assert!(dog.wait().unwrap().success());
    assert!(tracked.try_wait().unwrap().is_none(), "H-5");
    assert!(job.exists() && !job.join("deep").exists());
    assert!(scene.place.path().join("lifeline").exists());
    tracked.kill().unwrap();
    tracked.wait().unwrap();
    scene.ended.join().unwrap();
}

#[test]
fn a_missing_executable_is_an_error_when_it_is_needed() {
    let watchdog = Watchdog::start("/no/such/lrun".into(), "/".into());
    assert!(watchdog.track("x").is_err());
    assert!(watchdog.track("x").is_err());
}

#[tokio::test]
async fn a_guarded_machine_is_forgotten_when_it_closes() {
    let place = tempfile::tempdir().unwrap();
    let watchdog = Arc::new(Watchdog::start(LRUN.into(), place.path().into()));
    let id = format!("github_guarded_{}", std::process::id());
    let host = Host::new(id).guarded_by(Arc::clone(&watchdog)).unwrap();
    host.close().await.unwrap();
    let none = Arc::new(Watchdog::start("/no/such/lrun".into(), "/".into()));
    assert!(Host::new("x").guarded_by(none).is_err());
}
