//! Where commands run: the trait [`Machine`] and what it is told.
//!
//! To add a machine: implement [`Machine`] in a file of its own; nothing else knows what kinds there are.

pub mod docker;
pub mod fake;
pub mod files;
pub mod find;
mod follow;
mod group;
pub mod host;
mod lines;
pub mod node;
pub mod removal;
pub mod tracking;
pub mod watchdog;

use std::ffi::{OsStr, OsString};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use tokio_util::sync::CancellationToken;

use crate::event::Stream;

/// A process to start, completely described: nothing is inherited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// The whole environment of the process.
    pub env: Vec<(OsString, OsString)>,
    pub cwd: PathBuf,
}

/// Takes what a process prints, as it comes.
pub trait Output: Send {
    /// Bytes of one stream that end at a line break, or at the end of the stream, or (a very long line) somewhere.
    fn chunk(&mut self, stream: Stream, bytes: &[u8]);
}

/// How a process is asked to end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Ends it politely: SIGINT, SIGTERM after 7.5 s, SIGKILL 2.5 s later, to the whole group (SPEC X-1).
    pub cancel: CancellationToken,
    /// Ends it at once.
    pub kill: CancellationToken,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Exited(i32),
    /// By a signal.
    Signalled(i32),
}

/// The end of a process, and if it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    pub ending: Ending,
    /// A [`Stop`] was in force before the process ended.
    pub stopped: bool,
}

/// A boxed future, as a trait object needs it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A place where commands run: this host, a container.
pub trait Machine: Send + Sync + std::fmt::Debug {
    /// Runs a command to its end and hands its output on.
    fn exec<'a>(
        &'a self,
        command: &'a Command,
        output: &'a mut dyn Output,
        stop: &'a Stop,
    ) -> BoxFuture<'a, Result<Finished, ExecError>>;

    /// The program of this name there, looked for in a PATH; one with a folder in its name is counted from `cwd`.
    fn which<'a>(
        &'a self,
        program: &'a Path,
        search_path: &'a OsStr,
        cwd: &'a Path,
    ) -> BoxFuture<'a, Option<PathBuf>> {
        Box::pin(async move { find::which(program, search_path, cwd) })
    }

    /// Ends what the job left running and gives the machine back.
    fn close(&self) -> BoxFuture<'_, Result<(), ExecError>>;
}

/// Why a command could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    #[error("working directory '{}' does not exist", .0.display())]
    NoDirectory(PathBuf),
    #[error("program '{}' not found", .0.display())]
    NoProgram(PathBuf),
    #[error("'{}' can not be started: the interpreter or the loader that it names is not there", .0.display())]
    NoInterpreter(PathBuf),
    #[error("'{}' is not executable: permission denied", .0.display())]
    NotExecutable(PathBuf),
    #[error("'{}' is being written to by another process and can not be executed: text file busy", .0.display())]
    Busy(PathBuf),
    #[error("can not start '{}': {source}", program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("can not follow a process: {0}")]
    Wait(#[from] io::Error),
    /// What happened to the machine.
    #[error("{0}")]
    Gone(String),
}

impl ExecError {
    /// The system says ENOENT for a missing program, interpreter and directory alike.
    fn of_start(command: &Command, source: io::Error) -> Self {
        let program = command.program.clone();
        if !command.cwd.is_dir() {
            return Self::NoDirectory(command.cwd.clone());
        }
        let exists = || program.components().count() > 1 && command.cwd.join(&program).exists();
        match source.kind() {
            io::ErrorKind::NotFound if exists() => Self::NoInterpreter(program),
            io::ErrorKind::NotFound => Self::NoProgram(program),
            io::ErrorKind::PermissionDenied => Self::NotExecutable(program),
            io::ErrorKind::ExecutableFileBusy => Self::Busy(program),
            _ => Self::Start { program, source },
        }
    }
}
