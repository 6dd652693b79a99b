//! The agent's own side: the first process of a container.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::super::super::files::{Disk, Files as _, empty, own};
use super::super::super::{Command, Ending, ExecError, find};
use super::forward;
use super::wire::{Failure, Hello, Refusal, Reply, Request, receive, send};

/// Runs what it is told over the socket at this path until that closes.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    match work(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // It is the last that the container says; its log has it.
            drop(writeln!(io::stderr(), "lrun's agent: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn work(mut args: impl Iterator<Item = OsString>) -> io::Result<()> {
    let socket = args
        .next()
        .ok_or_else(|| io::Error::other("the agent needs the path of its socket"))?;
    // Of every thread: a signal that one of them takes is lost.
    ends().thread_block()?;
    let server = Arc::new(Server {
        stream: UnixStream::connect(socket)?,
        sending: Mutex::new(()),
        children: Mutex::default(),
        groups: Mutex::default(),
        stays: AtomicBool::new(false),
        listeners: Mutex::default(),
    });
    server.reply(&Reply::Hello(hello()))?;
    let reaper = Arc::clone(&server);
    let reaping = std::thread::spawn(move || reaper.reap());
    server.serve()?;
    if server.stays.load(Ordering::Relaxed) {
        // The container is somebody's still; its first process collects what ends in it.
        return reaping.join().map_err(|_| io::ErrorKind::Other.into());
    }
    Ok(())
}

/// The signal that a child has ended. Processes that are started get an empty mask again.
fn ends() -> SigSet {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set
}

fn hello() -> Hello {
    Hello {
        env: std::env::vars_os().collect(),
        alpine: is_alpine(),
        user: nix::unistd::geteuid().as_raw(),
    }
}

/// As the runner finds out: any release file whose `ID` mentions it.
fn is_alpine() -> bool {
    std::fs::read_to_string("/etc/os-release").is_ok_and(|text| {
        text.lines()
            .any(|line| line.starts_with("ID") && line.to_ascii_lowercase().contains("alpine"))
    })
}

struct Server {
    stream: UnixStream,
    sending: Mutex<()>,
    /// By process id. Held while a process is started, so that the reaper knows whose end it sees.
    children: Mutex<HashMap<i32, u32>>,
    /// Process groups by request; one may outlive the process that it is named after.
    groups: Mutex<HashMap<u32, i32>>,
    /// It goes on when nobody asks any more.
    stays: AtomicBool,
    listeners: Mutex<Vec<forward::Listening>>,
}

impl Server {
    fn serve(&self) -> io::Result<()> {
        while let Some((message, descriptors)) = receive(&self.stream)? {
            match Request::decode(&message) {
                Some(Request::Spawn { id, command }) => self.start(id, &command, descriptors)?,
                Some(Request::Signal { id, number }) => self.signal(id, number),
                Some(Request::Which {
                    id,
                    program,
                    search_path,
                    cwd,
                }) => {
                    let path = find::which(&program, &search_path, &cwd);
                    self.reply(&Reply::Found { id, path })?;
                }
                Some(Request::Forward { id, port, to }) => {
                    let started = forward::start(port, &to);
                    self.done(id, started.map(|more| self.listeners().extend(more)))?;
                }
                Some(Request::Empty { id, folder, spared }) => {
                    self.done(id, empty(&folder, spared))?;
                }
                Some(Request::Own {
                    id,
                    folder,
                    user,
                    group,
                }) => self.done(id, own(&folder, user, group))?,
                Some(Request::Files { id, ops }) => {
                    let outcomes = Disk.perform(ops).into_iter();
                    let outcomes = outcomes
                        .map(|outcome| outcome.map_err(|error| Failure::of(&error)))
                        .collect();
                    self.reply(&Reply::Outcomes { id, outcomes })?;
                }
                Some(Request::Stay { id }) => {
                    forward::stop(std::mem::take(&mut *self.listeners()));
                    self.stays.store(true, Ordering::Relaxed);
                    self.done(id, Ok(()))?;
                }
                Some(Request::Listen { id }) => self.listen(id)?,
                None => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        // Nobody is left to run anything for. Where this is not the first process of its own PID namespace, its end
        // would not take them along.
        for group in self.groups().values() {
            killpg(Pid::from_raw(*group), Signal::SIGKILL).ok();
        }
        Ok(())
    }

    fn children(&self) -> MutexGuard<'_, HashMap<i32, u32>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<forward::Listening>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<u32, i32>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, reply: &Reply) -> io::Result<()> {
        let _turn = self.sending.lock();
        send(&self.stream, &reply.encode(), &[])
    }

    fn done(&self, id: u32, result: io::Result<()>) -> io::Result<()> {
        let error = result.err().map(|error| error.to_string());
        self.reply(&Reply::Done {
            id,
            error: error.unwrap_or_default(),
        })
    }

    /// The listener goes to lrun and to nobody else: connections to it are lrun's own.
    fn listen(&self, id: u32) -> io::Result<()> {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) {
            Ok(listener) => {
                let reply = Reply::Done {
                    id,
                    error: String::new(),
                };
                let _turn = self.sending.lock();
                send(&self.stream, &reply.encode(), &[listener.as_fd()])
            }
            Err(error) => self.done(id, Err(error)),
        }
    }

    fn start(&self, id: u32, command: &Command, pipes: Vec<OwnedFd>) -> io::Result<()> {
        let reply = {
            let mut children = self.children();
            match spawn(command, pipes) {
                Ok(process) => {
                    children.insert(process, id);
                    self.groups().insert(id, process);
                    Reply::Started { id }
                }
                Err(error) => Reply::Refused {
                    id,
                    refusal: Refusal::of(&error),
                },
            }
        };
        self.reply(&reply)
    }

    fn signal(&self, id: u32, number: i32) {
        if let (Some(group), Ok(signal)) = (self.groups().get(&id), Signal::try_from(number)) {
            // A group that is gone needs no signal.
            killpg(Pid::from_raw(*group), signal).ok();
        }
    }

    /// Collects every process that ends, those that others left behind too.
    fn reap(&self) {
        let ends = ends();
        loop {
            let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            match waitid(Id::All, peek) {
                Ok(status) => {
                    let Some(process) = status.pid() else {
                        continue;
                    };
                    let mut children = self.children();
                    let ended = waitpid(process, Some(WaitPidFlag::WNOHANG));
                    let Some(id) = children.remove(&process.as_raw()) else {
                        continue;
                    };
                    drop(children);
                    let ending = match ended {
                        Ok(WaitStatus::Exited(_, code)) => Ending::Exited(code),
                        Ok(WaitStatus::Signaled(_, signal, _)) => Ending::Signalled(signal as i32),
                        _ => Ending::Exited(-1),
                    };
                    let told = self.reply(&Reply::Exited { id, ending });
                    if told.is_err() && !self.stays.load(Ordering::Relaxed) {
                        return;
                    }
                }
                Err(Errno::EINTR) => {}
                // No child, its own or an orphan's: the next one's end is a signal, kept for whoever waits.
                Err(_) => drop(ends.wait()),
            }
        }
    }
}

fn spawn(command: &Command, pipes: Vec<OwnedFd>) -> Result<i32, ExecError> {
    let mut pipes = pipes.into_iter();
    let (Some(stdout), Some(stderr)) = (pipes.next(), pipes.next()) else {
        return Err(io::Error::other("no pipes came with the command").into());
    };
    let mut process = std::process::Command::new(&command.program);
    process
        .args(&command.args)
        .env_clear()
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&command.cwd)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .process_group(0);
    let child = process
        .spawn()
        .map_err(|source| ExecError::of_start(command, source))?;
    // The reaper collects it; dropping a child does not end it.
    i32::try_from(child.id()).map_err(|error| io::Error::other(error).into())
}
