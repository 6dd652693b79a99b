//! This host as a machine: each command is a process in a group of its own.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::process::Child;

pub use super::follow::Graces;
use super::follow::{Follower, Process};
use super::group::{Group, Signal};
use super::watchdog::Watchdog;
use super::{BoxFuture, Command, Ending, ExecError, Finished, Machine, Output, Stop, tracking};

/// Runs commands as processes of this host.
#[derive(Debug, Default)]
pub struct Host {
    graces: Graces,
    tracking_id: Option<String>,
    /// Before the first process of the job.
    since: Option<SystemTime>,
    groups: tracking::Groups,
    watchdog: Option<Arc<Watchdog>>,
}

impl Host {
    /// A host whose [`close`](Machine::close) ends every process that carries this `RUNNER_TRACKING_ID`.
    pub fn new(tracking_id: impl Into<String>) -> Self {
        Self {
            tracking_id: Some(tracking_id.into()),
            since: Some(SystemTime::now()),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn with_graces(mut self, graces: Graces) -> Self {
        self.graces = graces;
        self
    }

    /// Lets the watchdog end this job's processes when the run dies before [`close`](Machine::close).
    pub fn guarded_by(mut self, watchdog: Arc<Watchdog>) -> io::Result<Self> {
        if let Some(id) = &self.tracking_id {
            watchdog.track(id)?;
        }
        self.watchdog = Some(watchdog);
        Ok(self)
    }

    /// Ends what the job left running (SPEC H-5) and names it.
    pub async fn end_orphans(&self) -> Vec<String> {
        if !tracking::BY_ENVIRONMENT {
            let groups = self.groups.take();
            if let Some(watchdog) = &self.watchdog {
                // A watchdog that is gone kills nothing either.
                for id in &groups {
                    drop(watchdog.forget_group(*id));
                }
            }
            return tracking::kill_groups(groups);
        }
        let Some(id) = self.tracking_id.clone() else {
            return Vec::new();
        };
        let since = self.since;
        let killed = tokio::task::spawn_blocking(move || tracking::kill_all(&id, since));
        killed.await.unwrap_or_default()
    }

    /// Keeps the group where processes can not be found by their environment.
    fn record(&self, group: &Group) -> io::Result<()> {
        let (false, Some(id)) = (tracking::BY_ENVIRONMENT, group.id()) else {
            return Ok(());
        };
        self.groups.record(id);
        match &self.watchdog {
            Some(watchdog) => watchdog.track_group(id),
            None => Ok(()),
        }
    }

    /// Tells the watchdog that nothing is left to end.
    fn forget(&self) -> io::Result<()> {
        match (&self.watchdog, &self.tracking_id) {
            (Some(watchdog), Some(id)) => watchdog.forget(id),
            _ => Ok(()),
        }
    }

    async fn run(
        &self,
        command: &Command,
        output: &mut dyn Output,
        stop: &Stop,
    ) -> Result<Finished, ExecError> {
        if stop.cancel.is_cancelled() || stop.kill.is_cancelled() {
            return Ok(Finished {
                ending: Ending::Signalled(Signal::Interrupt.number()),
                stopped: true,
            });
        }
        let mut child = spawn(command)?;
        let group = Group::of(&child);
        self.record(&group)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let process = Own { child, group };
        let follower = Follower::new(process, stdout, stderr, self.graces);
        Ok(follower.follow(output, stop).await?)
    }
}

impl Machine for Host {
    fn exec<'a>(
        &'a self,
        command: &'a Command,
        output: &'a mut dyn Output,
        stop: &'a Stop,
    ) -> BoxFuture<'a, Result<Finished, ExecError>> {
        Box::pin(self.run(command, output, stop))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ExecError>> {
        Box::pin(async {
            self.end_orphans().await;
            Ok(self.forget()?)
        })
    }
}

/// A child of lrun's own.
struct Own {
    child: Child,
    group: Group,
}

impl Process for Own {
    async fn wait(&mut self) -> io::Result<Ending> {
        self.child.wait().await.map(ending)
    }

    fn signal(&self, signal: Signal) {
        self.group.signal(signal);
    }

    fn release(&mut self) {
        self.group.release();
    }
}

fn spawn(command: &Command) -> Result<Child, ExecError> {
    let mut process = tokio::process::Command::new(&command.program);
    process
        .args(&command.args)
        .env_clear()
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&command.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    #[cfg(unix)]
    process.process_group(0);
    process
        .spawn()
        .map_err(|source| ExecError::of_start(command, source))
}

#[cfg(unix)]
fn ending(status: ExitStatus) -> Ending {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, signal) => Ending::Signalled(signal.unwrap_or_default()),
    }
}

#[cfg(not(unix))]
fn ending(status: ExitStatus) -> Ending {
    Ending::Exited(status.code().unwrap_or(-1))
}
