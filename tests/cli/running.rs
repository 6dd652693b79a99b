//! A run under way: its log as it comes, signals, and who outlives it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lrun::Lrun;

/// Long enough for any machine; reached only by a failure.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A run under way, its plain log read line by line.
pub struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    pub seen: Vec<String>,
}

impl Running {
    pub fn start(lrun: &Lrun) -> Self {
        let mut child = lrun.start();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        let seen = Vec::new();
        Self { child, lines, seen }
    }

    /// Waits for a line of the log that ends so.
    #[track_caller]
    pub fn wait_for(&mut self, end: &str) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            let found = line.ends_with(end);
            self.seen.push(line);
            if found {
                return;
            }
        }
        panic!("no line ends with {end:?}: {:#?}", self.seen);
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap());
        kill(pid, signal).unwrap();
    }

    /// The exit code, once the log is over.
    #[track_caller]
    pub fn end(&mut self) -> Option<i32> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("never ends: {:#?}", self.seen),
            }
        }
        self.child.wait().unwrap().code()
    }

    pub fn said(&self, text: &str) -> bool {
        self.seen.iter().any(|line| line.ends_with(text))
    }

    /// The tracking id that the step of a job printed.
    pub fn tracking(&self) -> String {
        let line = self
            .seen
            .iter()
            .find(|line| line.contains("github_"))
            .unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
    }
}

/// A fifo whose end tells that every process which wrote to it is gone.
pub struct Alive(mpsc::Receiver<()>);

impl Alive {
    pub fn watch(path: &Path) -> Self {
        let path = path.to_owned();
        let (sender, gone) = mpsc::channel();
        thread::spawn(move || {
            let mut fifo = fs::File::open(path).unwrap();
            fifo.read_to_end(&mut Vec::new()).unwrap();
            _ = sender.send(());
        });
        Self(gone)
    }

    #[track_caller]
    pub fn all_gone(&self) {
        self.0
            .recv_timeout(PATIENCE)
            .expect("a process outlives the run");
    }
}
