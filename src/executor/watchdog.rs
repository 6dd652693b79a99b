//! A second process that ends what a run left when the first one dies, however it dies.
//!
//! It holds the read end of a pipe from its parent: when the pipe closes, it kills all that is still tracked and
//! removes the directories that are still named. A parent that ends normally has forgotten everything before.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{docker, removal, tracking};

/// The hidden command that runs [`main`].
pub const COMMAND: &str = "__watchdog";

/// A process that its dying parent had just started may not carry its environment yet.
const SECOND_LOOK: Duration = Duration::from_millis(20);

/// The parent's end: one serves all jobs of a run.
#[derive(Debug)]
pub struct Watchdog(Mutex<Line>);

#[derive(Debug)]
enum Line {
    Starting(Receiver<io::Result<ChildStdin>>),
    Open(ChildStdin),
    Broken,
}

impl Watchdog {
    /// Starts `exe` as a watchdog that may remove directories below `root`; does not wait for it.
    pub fn start(exe: PathBuf, root: PathBuf) -> Self {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let child = spawn(&exe, &root).and_then(|mut child| {
                let line = child.stdin.take();
                let line = line.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
                Ok((child, line))
            });
            match child {
                Ok((mut child, line)) => {
                    // Nobody receives where the run is over already; then the pipe closes here.
                    drop(sender.send(Ok(line)));
                    drop(child.wait());
                }
                Err(error) => drop(sender.send(Err(error))),
            }
        });
        Self(Mutex::new(Line::Starting(receiver)))
    }

    /// Ends the processes that carry this `RUNNER_TRACKING_ID` when the run dies. Comes before the first of them.
    pub fn track(&self, id: &str) -> io::Result<()> {
        self.send("track", id.as_bytes())
    }

    /// The job with this id is over, and its processes are gone.
    pub fn forget(&self, id: &str) -> io::Result<()> {
        self.send("forget", id.as_bytes())
    }

    /// Kills this process group when the run dies; for systems that hide environments.
    pub fn track_group(&self, group: i32) -> io::Result<()> {
        self.send("group", group.to_string().as_bytes())
    }

    /// The group is gone: its number may soon be another's.
    pub fn forget_group(&self, group: i32) -> io::Result<()> {
        self.send("ungroup", group.to_string().as_bytes())
    }

    /// Removes a directory below the root when the run dies.
    pub fn remove_on_death(&self, directory: &Path) -> io::Result<()> {
        self.send("remove", directory.as_os_str().as_encoded_bytes())
    }

    /// The directory stays, or is gone already.
    pub fn keep(&self, directory: &Path) -> io::Result<()> {
        self.send("keep", directory.as_os_str().as_encoded_bytes())
    }

    /// Removes from an engine what carries a run's mark when the run dies.
    pub fn sweep_on_death(&self, engine: &str, mark: &Path) -> io::Result<()> {
        let mut value = engine.as_bytes().to_vec();
        value.push(0);
        value.extend_from_slice(mark.as_os_str().as_encoded_bytes());
        self.send("sweep", &value)
    }

    fn send(&self, verb: &str, value: &[u8]) -> io::Result<()> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Line::Starting(receiver) = &*line {
            *line = match receiver.recv() {
                Ok(Ok(pipe)) => Line::Open(pipe),
                Ok(Err(error)) => {
                    *line = Line::Broken;
                    return Err(error);
                }
                Err(_) => Line::Broken,
            };
        }
        let Line::Open(pipe) = &mut *line else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        pipe.write_all(format!("{verb} {}\n", hex::encode(value)).as_bytes())
    }
}

fn spawn(exe: &Path, root: &Path) -> io::Result<Child> {
    let mut command = Command::new(exe);
    command
        .arg(COMMAND)
        .arg(root)
        // An lrun inside a step of another lrun: the outer one must not take this watchdog for an orphan.
        .env_clear()
        // A process without any looks like one that is being started, and is looked at again.
        .env("LRUN_WATCHDOG", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0).current_dir("/");
    }
    command.spawn()
}

/// The watchdog itself: reads its standard input to the end, then cleans up. The arguments are its roots.
pub fn main(roots: impl Iterator<Item = OsString>) {
    ignore_signals();
    let roots: Vec<PathBuf> = roots.map(PathBuf::from).collect();
    let mut charge = Charge::default();
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    // A line that its writer could not finish may name something else.
    while matches!(input.read_until(b'\n', &mut line), Ok(1..)) && line.ends_with(b"\n") {
        charge.hear(&line);
        line.clear();
    }
    charge.clean(&roots);
}

/// What ends with the run.
#[derive(Debug, Default)]
struct Charge {
    ids: BTreeSet<String>,
    groups: BTreeSet<i32>,
    directories: BTreeSet<OsString>,
    /// Engine and mark.
    engines: BTreeSet<(String, OsString)>,
}

impl Charge {
    fn hear(&mut self, line: &[u8]) {
        let Some((verb, value)) = read(line) else {
            return;
        };
        let text = || String::from_utf8_lossy(value.as_encoded_bytes()).into_owned();
        match verb.as_str() {
            "track" if !value.is_empty() => drop(self.ids.insert(text())),
            "forget" => drop(self.ids.remove(&text())),
            // 0 and 1 mean whole systems to kill(2).
            "group" => self
                .groups
                .extend(text().parse::<i32>().ok().filter(|id| *id > 1)),
            "ungroup" => self.groups.retain(|id| id.to_string() != text()),
            "sweep" => {
                let mut parts = value.as_encoded_bytes().splitn(2, |byte| *byte == 0);
                if let (Some(engine), Some(mark)) = (parts.next(), parts.next()) {
                    let engine = String::from_utf8_lossy(engine).into_owned();
                    self.engines
                        .extend(os_string(mark.to_vec()).map(|mark| (engine, mark)));
                }
            }
            "remove" => drop(self.directories.insert(value)),
            "keep" => drop(self.directories.remove(&value)),
            _ => {}
        }
    }

    fn clean(self, roots: &[PathBuf]) {
        for id in &self.ids {
            tracking::kill_all(id, None);
        }
        if !self.ids.is_empty() {
            std::thread::sleep(SECOND_LOOK);
            for id in &self.ids {
                tracking::kill_all(id, None);
            }
        }
        tracking::kill_groups(self.groups);
        for (engine, mark) in &self.engines {
            docker::sweep_after(engine, Path::new(mark));
        }
        for directory in &self.directories {
            // Nobody is left to hear of a failure.
            drop(removal::remove_below(roots, Path::new(directory)));
        }
    }
}

fn read(line: &[u8]) -> Option<(String, OsString)> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let (verb, value) = line.split_once(' ')?;
    Some((verb.to_owned(), os_string(hex::decode(value).ok()?)?))
}

#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "other systems know bytes that are no name"
)]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(OsString::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

/// Ctrl-C, a closing terminal and a polite kill are for the run; the watchdog outlives it.
#[cfg(unix)]
fn ignore_signals() {
    // Not being able to block them only makes it as mortal as any process.
    nix::sys::signal::SigSet::all().thread_block().ok();
}

#[cfg(not(unix))]
fn ignore_signals() {}

/// This executable was asked to be the watchdog.
pub fn is_asked(first_argument: &OsStr) -> bool {
    first_argument == COMMAND
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(charge: &mut Charge, verb: &str, value: &str) {
        charge.hear(format!("{verb} {}\n", hex::encode(value)).as_bytes());
    }

    #[test]
    fn keeps_account_of_what_is_tracked() {
        let mut charge = Charge::default();
        hear(&mut charge, "track", "a");
        hear(&mut charge, "track", "b");
        hear(&mut charge, "forget", "a");
        hear(&mut charge, "group", "12");
        hear(&mut charge, "group", "x");
        hear(&mut charge, "group", "0");
        hear(&mut charge, "group", "13");
        hear(&mut charge, "ungroup", "13");
        hear(&mut charge, "remove", "/r/line\nbreak");
        hear(&mut charge, "remove", "/r/x");
        hear(&mut charge, "keep", "/r/x");
        charge.hear(b"track zz\n");
        charge.hear(b"\xff\n");
        assert_eq!(charge.ids, BTreeSet::from(["b".to_owned()]));
        assert_eq!(charge.groups, BTreeSet::from([12]));
        assert_eq!(
            charge.directories,
            BTreeSet::from(["/r/line\nbreak".into()])
        );
    }
}
