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
    use std::fs::{self, File};
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::{FileExt as _, MetadataExt as _};
    use std::path::Path;
    use std::time::{Duration, Instant, SystemTime};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::{Pid, Uid};

    /// A process that no signal reaches (in the kernel, asleep on a dead disk) can not hold the run.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// The kernel's clock for files runs behind the one that programs read.
    const CLOCK: Duration = Duration::from_secs(1);

    /// How long a process may take to become another program before it counts as none of ours.
    const EXEC: Duration = Duration::from_millis(500);

    /// More looks after a doubtful one.
    const MORE_LOOKS: u32 = 3;

    /// What one look through all processes gave.
    #[derive(Default)]
    struct Look {
        carriers: Vec<(i32, String)>,
        /// Some process is becoming another program, and has no environment meanwhile.
        execs: bool,
        /// Some process may have been one of ours, or may have left a child that the list did not have yet.
        doubtful: bool,
    }

    enum Sight {
        Carrier(i32, String),
        Other,
        Execs,
        /// It ended before its turn came, or has no environment.
        Doubtful,
    }

    pub(super) fn kill_all(id: &str, since: Option<SystemTime>) -> Vec<String> {
        let entry = format!("RUNNER_TRACKING_ID={id}");
        let since = since.and_then(|since| since.checked_sub(CLOCK));
        let started = Instant::now();
        let mut settled = Instant::now();
        let mut more_looks = MORE_LOOKS;
        let mut killed: Vec<(i32, String)> = Vec::new();
        loop {
            let look = look(entry.as_bytes(), since);
            if look.carriers.is_empty() {
                let undecided = look.execs && settled.elapsed() < EXEC;
                if !undecided && (!look.doubtful || more_looks == 0) {
                    break;
                }
                more_looks = more_looks.saturating_sub(u32::from(!undecided));
            } else {
                settled = Instant::now();
                more_looks = MORE_LOOKS;
            }
            if started.elapsed() > PATIENCE {
                break;
            }
            for (pid, name) in look.carriers {
                if kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok()
                    && !killed.iter().any(|(known, _)| *known == pid)
                {
                    killed.push((pid, name));
                }
            }
            // The kernel needs a moment to tear them down; looking again at once would only burn time.
            std::thread::sleep(Duration::from_micros(500));
        }
        killed.into_iter().map(|(_, name)| name).collect()
    }

    fn look(entry: &[u8], since: Option<SystemTime>) -> Look {
        let (me, user) = (std::process::id(), Uid::effective().as_raw());
        let mut look = Look::default();
        let mut buffer = vec![0; 64 * 1024];
        let Ok(processes) = fs::read_dir("/proc") else {
            return look;
        };
        for process in processes.flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|it| it.parse().ok()) else {
                continue;
            };
            if pid == me {
                continue;
            }
            match sight(&process, pid, user, entry, since, &mut buffer) {
                Sight::Carrier(pid, name) => look.carriers.push((pid, name)),
                Sight::Execs => look.execs = true,
                Sight::Doubtful => look.doubtful = true,
                Sight::Other => {}
            }
        }
        look
    }

    fn sight(
        process: &fs::DirEntry,
        pid: u32,
        user: u32,
        entry: &[u8],
        since: Option<SystemTime>,
        buffer: &mut Vec<u8>,
    ) -> Sight {
        let Ok(entry_of) = process.metadata() else {
            return Sight::Doubtful;
        };
        // The kernel makes this entry when someone first looks at the process: the process is no younger.
        // To read an environment takes far longer, and most processes were there before the job.
        let is_older = |since| entry_of.modified().is_ok_and(|made| made < since);
        if entry_of.uid() != user || since.is_some_and(is_older) {
            return Sight::Other;
        }
        match environment(&process.path(), buffer) {
            Ok([]) => without_environment(&process.path()),
            Ok(environment) => {
                let mut variables = environment.split(|byte| *byte == 0);
                match i32::try_from(pid) {
                    Ok(number) if variables.any(|variable| variable == entry) => {
                        let name = fs::read_to_string(process.path().join("comm"));
                        let name = name.map_or_else(|_| pid.to_string(), |n| n.trim().to_owned());
                        Sight::Carrier(number, name)
                    }
                    _ => Sight::Other,
                }
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Sight::Other,
            Err(_) => Sight::Doubtful,
        }
    }

    /// The environment in one piece: between two reads it may become another's, and end there.
    fn environment<'b>(process: &Path, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        let file = File::open(process.join("environ"))?;
        loop {
            let length = file.read_at(buffer, 0)?;
            if length < buffer.len() {
                return Ok(&buffer[..length]);
            }
            buffer.resize(2 * length, 0);
        }
    }

    /// A kernel thread is none of ours; an exec that is under way may be.
    fn without_environment(process: &Path) -> Sight {
        const KERNEL_THREAD: u64 = 0x0020_0000;
        let Ok(text) = fs::read_to_string(process.join("stat")) else {
            return Sight::Doubtful;
        };
        // proc(5): the state is the third field, the flags are the 9th, the environment's bounds are the 50th and 51st.
        let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        if matches!(fields.first(), Some(&("Z" | "X"))) {
            return Sight::Doubtful;
        }
        match (number(9), number(50), number(51)) {
            (Some(flags), ..) if flags & KERNEL_THREAD != 0 => Sight::Other,
            // Without bounds it is still under way; with something between them it has just come.
            (_, Some(start), Some(end)) if end == 0 || start < end => Sight::Execs,
            // A program without variables, or one whose variables the kernel is counting.
            _ => Sight::Doubtful,
        }
    }

    #[cfg(test)]
    mod tests {
        use std::os::unix::fs::PermissionsExt as _;
        use std::process::{Command, Stdio};

        use super::*;

        #[test]
        fn processes_that_become_others_all_the_time_are_found() {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("again");
            fs::write(&program, "#!/bin/sh\nexec \"$0\"\n").unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            for round in 0..200 {
                let id = format!("github_exec_{}_{round}", std::process::id());
                let mut child = Command::new(&program)
                    .env("RUNNER_TRACKING_ID", &id)
                    .stdin(Stdio::null())
                    .spawn()
                    .unwrap();
                let killed = kill_all(&id, Some(SystemTime::now()));
                // Where it is missed, it must not stay.
                child.kill().ok();
                child.wait().unwrap();
                assert_eq!(killed.len(), 1, "SPEC H-5, round {round}");
            }
        }
    }
}
