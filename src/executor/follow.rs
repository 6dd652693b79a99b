//! Follows a process: hands on its output, and ends it when it is told to.

use std::io;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::Instant;

use super::group::Signal;
use super::lines::Pipe;
use super::{Ending, Finished, Output, Stop};
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
    /// Its machine ends with the process, and all that it started too.
    pub alone: bool,
}

impl Default for Graces {
    fn default() -> Self {
        Self {
            interrupt: Duration::from_millis(7500),
            terminate: Duration::from_millis(2500),
            drain: Duration::from_secs(5),
            alone: false,
        }
    }
}

/// A process with its group, wherever it runs. Whoever drops it before [`release`](Self::release) kills it.
pub(super) trait Process: Send {
    /// Safe to drop halfway.
    fn wait(&mut self) -> impl Future<Output = io::Result<Ending>> + Send;

    /// Signals the whole group; one that is gone needs none.
    fn signal(&self, signal: Signal);

    /// Lets live what is left of it.
    fn release(&mut self);

    /// Not even a kill ended it: nothing there is waited for any more.
    fn give_up(&mut self) {}
}

/// From SIGKILL to the end of all patience: nothing that can react takes so long.
const LOST: Duration = Duration::from_secs(10);

/// What happens when the deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    Terminate,
    Kill,
    /// The process has exited, somebody else holds its output.
    GiveUp,
    /// It was killed; a machine that does not react is none.
    Lose,
}

pub(super) struct Follower<P, O, E> {
    process: P,
    stdout: Pipe<O>,
    stderr: Pipe<E>,
    graces: Graces,
    next: Next,
    deadline: Option<Instant>,
    exited: Option<Ending>,
    stopped: bool,
    killed: bool,
}

impl<P: Process, O: AsyncRead + Unpin, E: AsyncRead + Unpin> Follower<P, O, E> {
    pub(super) fn new(process: P, stdout: Option<O>, stderr: Option<E>, graces: Graces) -> Self {
        Self {
            process,
            stdout: Pipe::new(stdout, Stream::Stdout),
            stderr: Pipe::new(stderr, Stream::Stderr),
            graces,
            next: Next::Nothing,
            deadline: None,
            exited: None,
            stopped: false,
            killed: false,
        }
    }

    /// Until the process is over and its output is closed.
    pub(super) async fn follow(
        mut self,
        output: &mut dyn Output,
        stop: &Stop,
    ) -> io::Result<Finished> {
        let cancelled = stop.cancel.cancelled();
        let killed = stop.kill.cancelled();
        tokio::pin!(cancelled, killed);
        let (mut may_cancel, mut may_kill) = (true, true);
        let mut ends_late = false;
        while !self.is_over() && !ends_late {
            tokio::select! {
                read = self.stdout.read(), if self.stdout.is_open() => self.stdout.deliver(read, output),
                read = self.stderr.read(), if self.stderr.is_open() => self.stderr.deliver(read, output),
                ending = self.process.wait(), if self.exited.is_none() => self.exit(ending?),
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
            self.process.release();
        } else {
            // Nothing of a cancelled step lives on.
            self.process.signal(Signal::Kill);
        }
        let ending = match self.exited {
            Some(ending) => ending,
            None => self.process.wait().await?,
        };
        Ok(Finished {
            ending,
            stopped: self.stopped,
        })
    }

    fn is_over(&self) -> bool {
        self.exited.is_some() && !self.stdout.is_open() && !self.stderr.is_open()
    }

    fn exit(&mut self, ending: Ending) {
        self.exited = Some(ending);
        if self.graces.alone {
            self.process.signal(Signal::Kill);
        } else if self.stopped && self.next != Next::Nothing {
            self.process.signal(Signal::Terminate);
        }
        let grace = if self.killed {
            // SPEC X-9: at once, whoever still holds the output.
            Duration::ZERO
        } else if self.stopped {
            self.graces.terminate.min(self.graces.drain)
        } else {
            self.graces.drain
        };
        self.wait_for(Next::GiveUp, grace);
    }

    fn cancel(&mut self) {
        if self.exited.is_some() {
            self.process.signal(Signal::Terminate);
            self.wait_for(Next::GiveUp, self.graces.terminate);
            return;
        }
        self.stopped = true;
        self.process.signal(Signal::Interrupt);
        self.wait_for(Next::Terminate, self.graces.interrupt);
    }

    fn kill(&mut self) {
        self.process.signal(Signal::Kill);
        if self.exited.is_some() {
            self.wait_for(Next::GiveUp, Duration::ZERO);
        } else {
            (self.stopped, self.killed) = (true, true);
            self.wait_for(Next::Lose, LOST);
        }
    }

    /// Takes the step that is due; true ends the wait for output.
    fn escalate(&mut self) -> bool {
        self.deadline = None;
        match self.next {
            Next::Terminate => {
                self.process.signal(Signal::Terminate);
                self.wait_for(Next::Kill, self.graces.terminate);
            }
            Next::Kill => {
                self.process.signal(Signal::Kill);
                self.wait_for(Next::Lose, LOST);
            }
            Next::Lose => {
                self.process.give_up();
                self.exited = Some(Ending::Signalled(Signal::Kill.number()));
                return true;
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
