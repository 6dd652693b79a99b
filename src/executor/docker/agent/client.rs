//! lrun's own side of the agent: the socket, the requests, and each process as lrun follows it.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use super::super::super::files::{Op, Outcome};
use super::super::super::follow::{Follower, Graces, Process};
use super::super::super::group::Signal;
use super::super::super::{Command, Ending, ExecError, Finished, Output, Stop};
use super::wire::{Failure, Hello, Reply, Request, receive, send};

/// How long an answer about files may take: hashing has two minutes (SPEC 2.6).
const ANSWER: Duration = Duration::from_secs(150);

/// Where an agent will report.
#[derive(Debug)]
pub struct Post {
    listener: UnixListener,
}

impl Post {
    /// Listens in a folder that the container sees.
    pub fn open(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join("agent.sock");
        // Of the run before, in a machine that is used again.
        drop(std::fs::remove_file(&path));
        let listener = UnixListener::bind(&path)?;
        // The container's user is seldom this one.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
        Ok(Self { listener })
    }

    /// Waits for the agent; the caller limits how long.
    pub async fn accept(&self) -> io::Result<Agent> {
        let (stream, _) = self.listener.accept().await?;
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        let hearing = stream.try_clone()?;
        let (told, hello) = oneshot::channel();
        let shared = Arc::new(Shared {
            stream,
            sending: Mutex::new(()),
            waiting: Mutex::default(),
            next: AtomicU32::new(1),
        });
        let listener = Arc::clone(&shared);
        std::thread::spawn(move || listener.hear(&hearing, told));
        let hello = tokio::time::timeout(Duration::from_secs(10), hello)
            .await
            .map_err(io::Error::other)?
            .map_err(|_| Lost::error())?;
        Ok(Agent { shared, hello })
    }
}

/// An agent at work.
#[derive(Debug)]
pub struct Agent {
    shared: Arc<Shared>,
    pub hello: Hello,
}

#[derive(Debug)]
struct Shared {
    stream: UnixStream,
    sending: Mutex<()>,
    waiting: Mutex<Waiting>,
    next: AtomicU32,
}

#[derive(Debug, Default)]
struct Waiting {
    /// The container is gone.
    over: bool,
    answers: HashMap<u32, Answer>,
    /// What came with an answer.
    descriptors: HashMap<u32, OwnedFd>,
    ends: HashMap<u32, oneshot::Sender<Ending>>,
}

/// Who waits for an answer.
#[derive(Debug)]
enum Answer {
    Later(oneshot::Sender<Reply>),
    Now(mpsc::Sender<Reply>),
}

impl Answer {
    /// Nobody may wait any more.
    fn give(self, reply: Reply) {
        match self {
            Self::Later(to) => drop(to.send(reply)),
            Self::Now(to) => drop(to.send(reply)),
        }
    }
}

/// The agent is gone, and its container with it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the container is gone: it was stopped from outside, or ran out of memory")]
pub struct Lost;

impl Lost {
    fn error() -> io::Error {
        io::Error::new(io::ErrorKind::BrokenPipe, Self)
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, stream: &UnixStream, told: oneshot::Sender<Hello>) {
        let mut told = Some(told);
        while let Ok(Some((message, descriptors))) = receive(stream) {
            let mut waiting = self.waiting();
            match Reply::decode(&message) {
                Some(Reply::Hello(hello)) => {
                    // Nobody asks any more where the start was given up.
                    drop(told.take().map(|told| told.send(hello)));
                }
                Some(Reply::Exited { id, ending }) => {
                    // Nobody waits for the end of a process that was let go.
                    waiting.ends.remove(&id).map(|end| end.send(ending).ok());
                }
                Some(
                    reply @ (Reply::Started { id }
                    | Reply::Refused { id, .. }
                    | Reply::Found { id, .. }
                    | Reply::Done { id, .. }
                    | Reply::Outcomes { id, .. }),
                ) => {
                    if let Some(answer) = waiting.answers.remove(&id) {
                        let descriptor = descriptors.into_iter().next();
                        waiting.descriptors.extend(descriptor.map(|it| (id, it)));
                        answer.give(reply);
                    }
                }
                None => break,
            }
        }
        let mut waiting = self.waiting();
        *waiting = Waiting {
            over: true,
            ..Waiting::default()
        };
    }

    fn tell(&self, request: &Request, pipes: &[BorrowedFd<'_>]) -> io::Result<()> {
        let _turn = self.sending.lock();
        send(&self.stream, &request.encode(), pipes)
    }

    /// Sends a request and waits for its answer.
    async fn ask(
        &self,
        id: u32,
        request: &Request,
        pipes: &[BorrowedFd<'_>],
    ) -> io::Result<(Reply, oneshot::Receiver<Ending>)> {
        let (answer, answered) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        {
            let mut waiting = self.waiting();
            if waiting.over {
                return Err(Lost::error());
            }
            waiting.answers.insert(id, Answer::Later(answer));
            if matches!(request, Request::Spawn { .. }) {
                waiting.ends.insert(id, end);
            }
        }
        self.tell(request, pipes).map_err(|_| Lost::error())?;
        let reply = answered.await.map_err(|_| Lost::error())?;
        Ok((reply, ended))
    }
}

impl Agent {
    fn next(&self) -> u32 {
        self.shared.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The program of this name in the container.
    pub async fn which(
        &self,
        program: &Path,
        search_path: &OsStr,
        cwd: &Path,
    ) -> io::Result<Option<PathBuf>> {
        let id = self.next();
        let request = Request::Which {
            id,
            program: program.to_owned(),
            search_path: OsString::from(search_path),
            cwd: cwd.to_owned(),
        };
        match self.shared.ask(id, &request, &[]).await? {
            (Reply::Found { path, .. }, _) => Ok(path),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Lets a port of the container's loopback lead to an address.
    pub async fn forward(&self, port: u16, to: String) -> io::Result<()> {
        let id = self.next();
        self.order(id, &Request::Forward { id, port, to }).await
    }

    /// Listens at a free port of the container's loopback: what connects there comes here.
    pub async fn listen(&self) -> io::Result<TcpListener> {
        let id = self.next();
        let listening = self.order(id, &Request::Listen { id }).await;
        let descriptor = self.shared.waiting().descriptors.remove(&id);
        listening?;
        let descriptor = descriptor.ok_or(io::ErrorKind::InvalidData)?;
        Ok(TcpListener::from(descriptor))
    }

    /// Empties a folder, whoever made what is in it.
    pub async fn empty(&self, folder: &Path, spared: Vec<PathBuf>) -> io::Result<()> {
        let id = self.next();
        let folder = folder.to_owned();
        self.order(id, &Request::Empty { id, folder, spared }).await
    }

    /// Gives everything below a folder to a user.
    pub async fn own(&self, folder: &Path, user: u32, group: u32) -> io::Result<()> {
        let id = self.next();
        let request = Request::Own {
            id,
            folder: folder.to_owned(),
            user,
            group,
        };
        self.order(id, &request).await
    }

    /// Does things with files. Whoever asks waits for it, as for files of this machine.
    pub fn perform(&self, ops: Vec<Op>) -> io::Result<Vec<Outcome>> {
        let id = self.next();
        let (answer, answered) = mpsc::channel();
        {
            let mut waiting = self.shared.waiting();
            if waiting.over {
                return Err(Lost::error());
            }
            waiting.answers.insert(id, Answer::Now(answer));
        }
        let told = self.shared.tell(&Request::Files { id, ops }, &[]);
        told.map_err(|_| Lost::error())?;
        match answered.recv_timeout(ANSWER).map_err(|_| Lost::error())? {
            Reply::Outcomes { outcomes, .. } => Ok(outcomes
                .into_iter()
                .map(|outcome| outcome.map_err(Failure::into_error))
                .collect()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Lets the container go on when this connection ends.
    pub async fn stay(&self) -> io::Result<()> {
        let id = self.next();
        self.order(id, &Request::Stay { id }).await
    }

    async fn order(&self, id: u32, request: &Request) -> io::Result<()> {
        match self.shared.ask(id, request, &[]).await? {
            (Reply::Done { error, .. }, _) if error.is_empty() => Ok(()),
            (Reply::Done { error, .. }, _) => Err(io::Error::other(error)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Runs a command to its end.
    pub async fn exec(
        &self,
        command: &Command,
        output: &mut dyn Output,
        stop: &Stop,
        graces: Graces,
    ) -> Result<Finished, ExecError> {
        let id = self.next();
        let (stdout, here_out) = pipe::pipe()?;
        let (stderr, here_err) = pipe::pipe()?;
        // A process expects pipes that wait.
        let (stdout, stderr) = (stdout.into_blocking_fd()?, stderr.into_blocking_fd()?);
        let request = Request::Spawn {
            id,
            command: command.clone(),
        };
        let asked = self
            .shared
            .ask(id, &request, &[stdout.as_fd(), stderr.as_fd()])
            .await;
        // The process has its own now; the end of the output shows only when these are gone.
        drop((stdout, stderr));
        let ended = match asked.map_err(told)? {
            (Reply::Started { .. }, ended) => ended,
            (Reply::Refused { refusal, .. }, _) => return Err(refusal.into_error(command)),
            _ => return Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        };
        let process = Remote {
            shared: Arc::clone(&self.shared),
            id,
            ended,
            over: None,
            released: false,
        };
        let follower = Follower::new(process, Some(here_out), Some(here_err), graces);
        follower.follow(output, stop).await.map_err(told)
    }
}

/// A container that is gone is no trouble of following a process.
fn told(error: io::Error) -> ExecError {
    match error.get_ref() {
        Some(inner) if inner.is::<Lost>() => ExecError::Gone(Lost.to_string()),
        _ => error.into(),
    }
}

/// A process that the agent started.
struct Remote {
    shared: Arc<Shared>,
    id: u32,
    ended: oneshot::Receiver<Ending>,
    over: Option<Ending>,
    released: bool,
}

impl Process for Remote {
    async fn wait(&mut self) -> io::Result<Ending> {
        if let Some(ending) = self.over {
            return Ok(ending);
        }
        let ending = (&mut self.ended).await.map_err(|_| Lost::error())?;
        self.over = Some(ending);
        Ok(ending)
    }

    fn signal(&self, signal: Signal) {
        let request = Request::Signal {
            id: self.id,
            number: signal.number(),
        };
        // A container that is gone has nothing left to signal.
        drop(self.shared.tell(&request, &[]));
    }

    fn give_up(&mut self) {
        // Whoever asks from now on hears at once that nobody answers.
        *self.shared.waiting() = Waiting {
            over: true,
            ..Waiting::default()
        };
    }

    fn release(&mut self) {
        self.released = true;
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if !self.released {
            self.signal(Signal::Kill);
        }
    }
}
