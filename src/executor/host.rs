//! This host as a machine: each command is a process in a group of its own.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::time::Instant;

use super::group::{Group, Signal};
use super::lines::Pipe;
use super::watchdog::Watchdog;
use super::{BoxFuture, Command, Ending, ExecError, Finished, Machine, Output, Stop, tracking};
use crate::event::Stream;

/// How long a process is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graces {
    /// From SIGINT to SIGTERM.
    pub interrupt: Duration,
    /// From SIGTERM to SIGKILL.
    pub terminate: Duration,
    /// From the exit of the process to the end of the step, while another process holds its output (SPEC S-12).
    pub drain: Duration,
}

impl Default for Graces {
    fn default() -> Self {
        Self {
            interrupt: Duration::from_millis(7500),
            terminate: Duration::from_millis(2500),
            drain: Duration::from_secs(5),
        }
    }
}

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
        let follower = Follower {
            stdout: Pipe::new(child.stdout.take(), Stream::Stdout),
            stderr: Pipe::new(child.stderr.take(), Stream::Stderr),
            child,
            group,
            graces: self.graces,
            next: Next::Nothing,
            deadline: None,
            exited: None,
            stopped: false,
        };
        follower.follow(output, stop).await
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
    process.spawn().map_err(|source| explain(command, source))
}

/// The system says ENOENT for a missing program, interpreter and directory alike.
fn explain(command: &Command, source: io::Error) -> ExecError {
    let program = command.program.clone();
    if !command.cwd.is_dir() {
        return ExecError::NoDirectory(command.cwd.clone());
    }
    match source.kind() {
        io::ErrorKind::NotFound if exists(&program, &command.cwd) => {
            ExecError::NoInterpreter(program)
        }
        io::ErrorKind::NotFound => ExecError::NoProgram(program),
        io::ErrorKind::PermissionDenied => ExecError::NotExecutable(program),
        io::ErrorKind::ExecutableFileBusy => ExecError::Busy(program),
        _ => ExecError::Start { program, source },
    }
}

fn exists(program: &Path, cwd: &Path) -> bool {
    program.components().count() > 1 && cwd.join(program).exists()
}

/// What happens when the deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    Terminate,
    Kill,
    /// The process has exited, somebody else holds its output.
    GiveUp,
}

struct Follower {
    child: Child,
    group: Group,
    stdout: Pipe<ChildStdout>,
    stderr: Pipe<ChildStderr>,
    graces: Graces,
    next: Next,
    deadline: Option<Instant>,
    exited: Option<ExitStatus>,
    stopped: bool,
}

impl Follower {
    async fn follow(mut self, output: &mut dyn Output, stop: &Stop) -> Result<Finished, ExecError> {
        let cancelled = stop.cancel.cancelled();
        let killed = stop.kill.cancelled();
        tokio::pin!(cancelled, killed);
        let (mut may_cancel, mut may_kill) = (true, true);
        let mut ends_late = false;
        while !self.is_over() && !ends_late {
            tokio::select! {
                read = self.stdout.read(), if self.stdout.is_open() => self.stdout.deliver(read, output),
                read = self.stderr.read(), if self.stderr.is_open() => self.stderr.deliver(read, output),
                status = self.child.wait(), if self.exited.is_none() => self.exit(status?),
                () = &mut cancelled, if may_cancel => {
                    may_cancel = false;
                    self.cancel();
                }
                () = &mut killed, if may_kill => {
                    (may_kill, may_cancel) = (false, false);
                    self.kill();
                }
                () = sleep_until(self.deadline), if self.deadline.is_some() => ends_late = self.escalate(),
            }
        }
        self.stdout.finish(output);
        self.stderr.finish(output);
        if may_cancel {
            self.group.release();
        } else {
            // Nothing of a cancelled step lives on.
            self.group.signal(Signal::Kill);
        }
        let status = match self.exited {
            Some(status) => status,
            None => self.child.wait().await?,
        };
        Ok(Finished {
            ending: ending(status),
            stopped: self.stopped,
        })
    }

    fn is_over(&self) -> bool {
        self.exited.is_some() && !self.stdout.is_open() && !self.stderr.is_open()
    }

    fn exit(&mut self, status: ExitStatus) {
        self.exited = Some(status);
        if self.stopped && self.next != Next::Nothing {
            self.group.signal(Signal::Terminate);
        }
        let grace = if self.stopped {
            self.graces.terminate.min(self.graces.drain)
        } else {
            self.graces.drain
        };
        self.wait_for(Next::GiveUp, grace);
    }

    fn cancel(&mut self) {
        if self.exited.is_some() {
            self.group.signal(Signal::Terminate);
            self.wait_for(Next::GiveUp, self.graces.terminate);
            return;
        }
        self.stopped = true;
        self.group.signal(Signal::Interrupt);
        self.wait_for(Next::Terminate, self.graces.interrupt);
    }

    fn kill(&mut self) {
        self.group.signal(Signal::Kill);
        if self.exited.is_some() {
            self.wait_for(Next::GiveUp, Duration::ZERO);
        } else {
            self.stopped = true;
            self.next = Next::Nothing;
            self.deadline = None;
        }
    }

    /// Takes the step that is due; true ends the wait for output.
    fn escalate(&mut self) -> bool {
        self.deadline = None;
        match self.next {
            Next::Terminate => {
                self.group.signal(Signal::Terminate);
                self.wait_for(Next::Kill, self.graces.terminate);
            }
            Next::Kill => {
                self.group.signal(Signal::Kill);
                self.next = Next::Nothing;
            }
            Next::GiveUp => return true,
            Next::Nothing => {}
        }
        false
    }

    fn wait_for(&mut self, next: Next, grace: Duration) {
        self.next = next;
        self.deadline = Some(Instant::now() + grace);
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline).await;
    }
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
