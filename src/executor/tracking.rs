//! Finds and ends the processes that a job left behind (SPEC H-5).

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::group::{self, Signal};

/// This system shows the environment of its processes; elsewhere recorded groups must do.
pub const BY_ENVIRONMENT: bool = cfg!(target_os = "linux");

/// The groups that a job started, for systems that hide environments.
#[derive(Debug, Default)]
pub struct Groups(Mutex<Vec<i32>>);

impl Groups {
    pub(super) fn record(&self, group: i32) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.push(group);
    }

    /// The groups so far; they are not kept any longer.
    pub(super) fn take(&self) -> Vec<i32> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Kills the process groups that still live; names them by number.
pub fn kill_groups(groups: impl IntoIterator<Item = i32>) -> Vec<String> {
    groups
        .into_iter()
        .filter(|id| group::send(*id, Signal::Kill))
        .map(|id| format!("process group {id}"))
        .collect()
}

/// Kills all processes of this user that carry `RUNNER_TRACKING_ID=<id>`, until none is left; gives their names.
///
/// A process with another id lives: that is how a deployment leaves its server running. One that was there before
/// `since` is not looked at.
#[cfg(target_os = "linux")]
pub fn kill_all(id: &str, since: Option<SystemTime>) -> Vec<String> {
    linux::kill_all(id, since)
}

#[cfg(not(target_os = "linux"))]
pub fn kill_all(_id: &str, _since: Option<SystemTime>) -> Vec<String> {
    Vec::new()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::time::{Duration, Instant, SystemTime};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::{Pid, Uid};

    /// A process that no signal reaches (in the kernel, asleep on a dead disk) can not hold the run.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// The kernel's clock for files runs behind the one that programs read.
    const CLOCK: Duration = Duration::from_secs(1);

    pub(super) fn kill_all(id: &str, since: Option<SystemTime>) -> Vec<String> {
        let entry = format!("RUNNER_TRACKING_ID={id}");
        let since = since.and_then(|since| since.checked_sub(CLOCK));
        let started = Instant::now();
        let mut killed: Vec<(i32, String)> = Vec::new();
        loop {
            let alive = carriers(entry.as_bytes(), since);
            if alive.is_empty() || started.elapsed() > PATIENCE {
                return killed.into_iter().map(|(_, name)| name).collect();
            }
            for (pid, name) in alive {
                if kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok()
                    && !killed.iter().any(|(known, _)| *known == pid)
                {
                    killed.push((pid, name));
                }
            }
            // The kernel needs a moment to tear them down; looking again at once would only burn time.
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    fn carriers(entry: &[u8], since: Option<SystemTime>) -> Vec<(i32, String)> {
        let (me, user) = (std::process::id(), Uid::effective().as_raw());
        let Ok(processes) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        processes
            .filter_map(|process| {
                let process = process.ok()?;
                let pid: u32 = process.file_name().to_str()?.parse().ok()?;
                let entry_of = process.metadata().ok()?;
                if pid == me || entry_of.uid() != user {
                    return None;
                }
                // The kernel makes this entry when someone first looks at the process: the process is no younger.
                // To read an environment takes far longer, and most processes were there before the job.
                let is_older = |since| entry_of.modified().is_ok_and(|made| made < since);
                if since.is_some_and(is_older) {
                    return None;
                }
                let environment = fs::read(process.path().join("environ")).ok()?;
                environment
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == entry)
                    .then(|| {
                        let name = fs::read_to_string(process.path().join("comm"));
                        let name = name.map_or_else(|_| pid.to_string(), |n| n.trim().to_owned());
                        i32::try_from(pid).ok().map(|pid| (pid, name))
                    })?
            })
            .collect()
    }
}
