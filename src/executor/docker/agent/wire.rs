//! What lrun and its agent say to each other: messages with a length before them, pipes beside them.

use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::super::super::files::Op;
use super::super::super::{Command, Ending, ExecError};

/// Both ends are the same program, so this only keeps a broken stream from eating memory.
const LONGEST: usize = 64 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// With the pipes for standard output and standard error.
    Spawn { id: u32, command: Command },
    /// To the process's group.
    Signal { id: u32, number: i32 },
    Which {
        id: u32,
        program: PathBuf,
        search_path: OsString,
        cwd: PathBuf,
    },
    /// Connections to this port of the container's own loopback go to an address.
    Forward { id: u32, port: u16, to: String },
    /// Empties a folder, but for some places in it.
    Empty {
        id: u32,
        folder: PathBuf,
        spared: Vec<PathBuf>,
    },
    /// Gives everything below a folder to a user.
    Own {
        id: u32,
        folder: PathBuf,
        user: u32,
        group: u32,
    },
    /// Does things with files, in this order.
    Files { id: u32, ops: Vec<Op> },
    /// The container outlives the connection.
    Stay { id: u32 },
    /// Listens at a free port of the container's own loopback; whoever asked accepts what comes.
    Listen { id: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Hello(Hello),
    Started {
        id: u32,
    },
    Refused {
        id: u32,
        refusal: Refusal,
    },
    Exited {
        id: u32,
        ending: Ending,
    },
    Found {
        id: u32,
        path: Option<PathBuf>,
    },
    /// What was asked for is done; a text says why not.
    Done {
        id: u32,
        error: String,
    },
    /// Of each operation.
    Outcomes {
        id: u32,
        outcomes: Vec<Result<Vec<u8>, Failure>>,
    },
}

/// Why something could not be done with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    kind: u8,
    text: String,
}

/// The kinds of error that lrun looks at.
const KINDS: [io::ErrorKind; 5] = [
    io::ErrorKind::Other,
    io::ErrorKind::NotFound,
    io::ErrorKind::PermissionDenied,
    io::ErrorKind::IsADirectory,
    io::ErrorKind::InvalidInput,
];

impl Failure {
    pub fn of(error: &io::Error) -> Self {
        let kind = KINDS.iter().position(|kind| *kind == error.kind());
        Self {
            kind: kind.and_then(|kind| u8::try_from(kind).ok()).unwrap_or(0),
            text: error.to_string(),
        }
    }

    pub fn into_error(self) -> io::Error {
        let kind = KINDS.get(usize::from(self.kind)).copied();
        io::Error::new(kind.unwrap_or(io::ErrorKind::Other), self.text)
    }
}

/// What a container is like, seen from inside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// What the engine gave its first process.
    pub env: Vec<(OsString, OsString)>,
    /// It calls itself Alpine (SPEC J-42).
    pub alpine: bool,
    /// The number of its user.
    pub user: u32,
}

/// Why a command was not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    kind: u8,
    text: String,
}

impl Refusal {
    pub fn of(error: &ExecError) -> Self {
        let (kind, text) = match error {
            ExecError::NoDirectory(_) => (1, String::new()),
            ExecError::NoProgram(_) => (2, String::new()),
            ExecError::NoInterpreter(_) => (3, String::new()),
            ExecError::NotExecutable(_) => (4, String::new()),
            ExecError::Busy(_) => (5, String::new()),
            ExecError::Start { source, .. } => (0, source.to_string()),
            other @ (ExecError::Wait(_) | ExecError::Gone(_)) => (0, other.to_string()),
        };
        Self { kind, text }
    }

    pub fn into_error(self, command: &Command) -> ExecError {
        let program = command.program.clone();
        match self.kind {
            1 => ExecError::NoDirectory(command.cwd.clone()),
            2 => ExecError::NoProgram(program),
            3 => ExecError::NoInterpreter(program),
            4 => ExecError::NotExecutable(program),
            5 => ExecError::Busy(program),
            _ => ExecError::Start {
                program,
                source: io::Error::other(self.text),
            },
        }
    }
}

/// Sends one message and the descriptors that belong to it.
pub(super) fn send(
    mut stream: &UnixStream,
    message: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let length = u32::try_from(message.len())
        .map_err(io::Error::other)?
        .to_be_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let sent = sendmsg(
        stream,
        &[IoSlice::new(&length)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    stream.write_all(&length[sent..])?;
    stream.write_all(message)
}

/// The next message; nothing at the end of the stream.
pub(super) fn receive(mut stream: &UnixStream) -> io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    let mut length = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut into = [IoSliceMut::new(&mut length)];
        match recvmsg(stream, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?.bytes,
        }
    };
    if received == 0 {
        return Ok(None);
    }
    let descriptors = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        })
        .flatten()
        .collect();
    stream.read_exact(&mut length[received..])?;
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message)?;
    Ok(Some((message, descriptors)))
}

impl Request {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match self {
            Self::Spawn { id, command } => {
                out.number(1)
                    .number(*id)
                    .text(&command.program)
                    .text(&command.cwd);
                out.count(command.args.len());
                for arg in &command.args {
                    out.text(arg);
                }
                out.pairs(&command.env);
            }
            Self::Signal { id, number } => {
                out.number(2).number(*id).number(number.cast_unsigned());
            }
            Self::Which {
                id,
                program,
                search_path,
                cwd,
            } => {
                out.number(3)
                    .number(*id)
                    .text(program)
                    .text(search_path)
                    .text(cwd);
            }
            Self::Forward { id, port, to } => {
                out.number(4).number(*id).number(u32::from(*port)).text(to);
            }
            Self::Empty { id, folder, spared } => {
                out.number(5).number(*id).text(folder).texts(spared);
            }
            Self::Own {
                id,
                folder,
                user,
                group,
            } => {
                out.number(6)
                    .number(*id)
                    .text(folder)
                    .number(*user)
                    .number(*group);
            }
            Self::Files { id, ops } => {
                out.number(7).number(*id).count(ops.len());
                for op in ops {
                    out.op(op);
                }
            }
            Self::Stay { id } => {
                out.number(8).number(*id);
            }
            Self::Listen { id } => {
                out.number(9).number(*id);
            }
        }
        out.0
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let (kind, id) = (from.number()?, from.number()?);
        Some(match kind {
            1 => {
                let (program, cwd) = (from.text()?.into(), from.text()?.into());
                let count = from.number()?;
                let args = (0..count).map(|_| from.text()).collect::<Option<_>>()?;
                let command = Command {
                    program,
                    args,
                    env: from.pairs()?,
                    cwd,
                };
                Self::Spawn { id, command }
            }
            2 => Self::Signal {
                id,
                number: from.number()?.cast_signed(),
            },
            3 => Self::Which {
                id,
                program: from.text()?.into(),
                search_path: from.text()?,
                cwd: from.text()?.into(),
            },
            4 => Self::Forward {
                id,
                port: u16::try_from(from.number()?).ok()?,
                to: from.text()?.into_string().ok()?,
            },
            5 => Self::Empty {
                id,
                folder: from.text()?.into(),
                spared: from.texts(|text| Some(text.into()))?,
            },
            6 => Self::Own {
                id,
                folder: from.text()?.into(),
                user: from.number()?,
                group: from.number()?,
            },
            7 => {
                let count = from.number()?;
                let ops = (0..count).map(|_| from.op()).collect::<Option<_>>()?;
                Self::Files { id, ops }
            }
            8 => Self::Stay { id },
            9 => Self::Listen { id },
            _ => return None,
        })
    }
}

impl Reply {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match self {
            Self::Hello(hello) => {
                out.number(1)
                    .number(u32::from(hello.alpine))
                    .pairs(&hello.env)
                    .number(hello.user);
            }
            Self::Started { id } => {
                out.number(2).number(*id);
            }
            Self::Refused { id, refusal } => {
                out.number(3).number(*id).number(u32::from(refusal.kind));
                out.text(&refusal.text);
            }
            Self::Exited { id, ending } => {
                let (how, code) = match ending {
                    Ending::Exited(code) => (0, *code),
                    Ending::Signalled(signal) => (1, *signal),
                };
                out.number(4)
                    .number(*id)
                    .number(how)
                    .number(code.cast_unsigned());
            }
            Self::Found { id, path } => {
                out.number(5).number(*id);
                if let Some(path) = path {
                    out.text(path);
                }
            }
            Self::Done { id, error } => {
                out.number(6).number(*id).text(error);
            }
            Self::Outcomes { id, outcomes } => {
                out.number(7).number(*id).count(outcomes.len());
                for outcome in outcomes {
                    match outcome {
                        Ok(bytes) => out.number(0).bytes(bytes),
                        Err(failure) => {
                            out.number(1).number(u32::from(failure.kind));
                            out.text(&failure.text)
                        }
                    };
                }
            }
        }
        out.0
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let (kind, id) = (from.number()?, from.number()?);
        Some(match kind {
            1 => Self::Hello(Hello {
                alpine: id != 0,
                env: from.pairs()?,
                user: from.number()?,
            }),
            2 => Self::Started { id },
            3 => Self::Refused {
                id,
                refusal: Refusal {
                    kind: u8::try_from(from.number()?).ok()?,
                    text: from.text()?.into_string().ok()?,
                },
            },
            4 => {
                let (how, code) = (from.number()?, from.number()?.cast_signed());
                let ending = match how {
                    0 => Ending::Exited(code),
                    _ => Ending::Signalled(code),
                };
                Self::Exited { id, ending }
            }
            5 => Self::Found {
                id,
                path: from.text().map(PathBuf::from),
            },
            6 => Self::Done {
                id,
                error: from.text()?.into_string().ok()?,
            },
            7 => {
                let count = from.number()?;
                let outcome = |from: &mut Reader<'_>| match from.number()? {
                    0 => Some(Ok(from.bytes()?)),
                    _ => Some(Err(Failure {
                        kind: u8::try_from(from.number()?).ok()?,
                        text: from.text()?.into_string().ok()?,
                    })),
                };
                let outcomes = (0..count).map(|_| outcome(&mut from));
                Self::Outcomes {
                    id,
                    outcomes: outcomes.collect::<Option<_>>()?,
                }
            }
            _ => return None,
        })
    }
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u32) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    /// Lists longer than this do not fit into a process either.
    fn count(&mut self, count: usize) -> &mut Self {
        self.number(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len());
        self.0.extend(bytes);
        self
    }

    fn text(&mut self, text: impl AsRef<OsStr>) -> &mut Self {
        self.bytes(text.as_ref().as_bytes())
    }

    fn texts<T: AsRef<OsStr>>(&mut self, texts: &[T]) -> &mut Self {
        self.count(texts.len());
        for text in texts {
            self.text(text);
        }
        self
    }

    fn op(&mut self, op: &Op) -> &mut Self {
        match op {
            Op::Read(path) => self.number(1).text(path),
            Op::Take(path) => self.number(2).text(path),
            Op::Write { path, mode, bytes } => self.number(3).text(path).number(*mode).bytes(bytes),
            Op::Look(path) => self.number(4).text(path),
            Op::Hash { workspace, args } => self.number(5).text(workspace).texts(args),
            Op::Copy {
                from,
                to,
                user,
                group,
            } => {
                self.number(6).text(from).text(to);
                self.number(*user).number(*group)
            }
            Op::Bring {
                from,
                within,
                to,
                replaced,
                anew,
            } => {
                self.number(7).text(from).text(within).text(to);
                self.number(u32::from(*anew));
                match replaced {
                    None => self.number(0),
                    Some(names) => self.number(1).texts(names),
                }
            }
        }
    }

    fn pairs(&mut self, pairs: &[(OsString, OsString)]) -> &mut Self {
        self.count(pairs.len());
        for (name, value) in pairs {
            self.text(name).text(value);
        }
        self
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = self.number()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes.to_vec())
    }

    fn text(&mut self) -> Option<OsString> {
        self.bytes().map(OsString::from_vec)
    }

    fn texts<T>(&mut self, of: impl Fn(OsString) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| of(self.text()?)).collect()
    }

    fn op(&mut self) -> Option<Op> {
        Some(match self.number()? {
            1 => Op::Read(self.text()?.into()),
            2 => Op::Take(self.text()?.into()),
            3 => Op::Write {
                path: self.text()?.into(),
                mode: self.number()?,
                bytes: self.bytes()?,
            },
            4 => Op::Look(self.text()?.into()),
            5 => Op::Hash {
                workspace: self.text()?.into(),
                args: self.texts(|text| text.into_string().ok())?,
            },
            6 => Op::Copy {
                from: self.text()?.into(),
                to: self.text()?.into(),
                user: self.number()?,
                group: self.number()?,
            },
            7 => Op::Bring {
                from: self.text()?.into(),
                within: self.text()?.into(),
                to: self.text()?.into(),
                anew: self.number()? != 0,
                replaced: match self.number()? {
                    0 => None,
                    _ => Some(self.texts(|text| Some(text.into()))?),
                },
            },
            _ => return None,
        })
    }

    fn pairs(&mut self) -> Option<Vec<(OsString, OsString)>> {
        let count = self.number()?;
        (0..count)
            .map(|_| Some((self.text()?, self.text()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    fn command() -> Command {
        Command {
            program: "/bin/sh".into(),
            args: vec!["-e".into(), OsString::from_vec(vec![b'x', 0xff])],
            env: vec![("INPUT_A-B".into(), "1\n2".into()), ("E".into(), "".into())],
            cwd: "/w w".into(),
        }
    }

    fn ops() -> Vec<Op> {
        let path = || PathBuf::from("/w w/x");
        let bring = |replaced: Option<Vec<PathBuf>>| Op::Bring {
            from: path(),
            within: "/w w".into(),
            to: path(),
            anew: replaced.is_none(),
            replaced,
        };
        vec![
            Op::Read(path()),
            Op::Take(path()),
            Op::Write {
                path: path(),
                mode: 0o644,
                bytes: vec![0, 0xff],
            },
            Op::Look(path()),
            Op::Hash {
                workspace: path(),
                args: vec!["**/*.lock".to_owned(), String::new()],
            },
            Op::Copy {
                from: path(),
                to: path(),
                user: 1,
                group: 2,
            },
            bring(None),
            bring(Some(vec![path(), "a".into()])),
        ]
    }

    #[test]
    fn what_went_wrong_comes_out_as_its_kind() {
        for kind in KINDS {
            let failure = Failure::of(&io::Error::new(kind, "text"));
            let error = failure.into_error();
            assert_eq!((error.kind(), error.to_string()), (kind, "text".to_owned()));
        }
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let requests = [
            Request::Spawn {
                id: 7,
                command: command(),
            },
            Request::Signal { id: 7, number: 15 },
            Request::Which {
                id: 1,
                program: "bash".into(),
                search_path: "/a:/b".into(),
                cwd: "/".into(),
            },
            Request::Forward {
                id: 2,
                port: 5432,
                to: "10.0.0.2:5432".to_owned(),
            },
            Request::Empty {
                id: 3,
                folder: "/w".into(),
                spared: vec!["/w/a".into()],
            },
            Request::Own {
                id: 4,
                folder: "/w".into(),
                user: 1000,
                group: 100,
            },
            Request::Files { id: 5, ops: ops() },
            Request::Stay { id: 6 },
            Request::Listen { id: 7 },
        ];
        for request in requests {
            let bytes = request.encode();
            assert_eq!(Request::decode(&bytes), Some(request));
            for cut in 0..bytes.len() {
                assert_eq!(Request::decode(&bytes[..cut]), None);
            }
        }
        let refusal = Refusal::of(&ExecError::NoDirectory("/w w".into()));
        let replies = [
            Reply::Hello(Hello {
                env: command().env,
                alpine: true,
                user: 1001,
            }),
            Reply::Started { id: 1 },
            Reply::Refused { id: 2, refusal },
            Reply::Exited {
                id: 3,
                ending: Ending::Exited(-1),
            },
            Reply::Exited {
                id: 3,
                ending: Ending::Signalled(9),
            },
            Reply::Found {
                id: 4,
                path: Some("/bin/sh".into()),
            },
            Reply::Found { id: 4, path: None },
            Reply::Done {
                id: 5,
                error: "no".to_owned(),
            },
            Reply::Outcomes {
                id: 6,
                outcomes: vec![
                    Ok(vec![0, 1, 0xff]),
                    Err(Failure::of(&io::ErrorKind::NotFound.into())),
                ],
            },
        ];
        for reply in replies {
            assert_eq!(Reply::decode(&reply.encode()), Some(reply));
        }
    }

    #[test]
    fn a_pipe_goes_with_its_message() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        send(&here, b"first", &[]).unwrap();
        send(&here, b"second", &[writer.as_fd()]).unwrap();
        drop((here, writer));
        assert_eq!(receive(&there).unwrap().unwrap().0, b"first");
        let (message, descriptors) = receive(&there).unwrap().unwrap();
        assert_eq!((message.as_slice(), descriptors.len()), (&b"second"[..], 1));
        let mut pipe = std::fs::File::from(descriptors.into_iter().next().unwrap());
        pipe.write_all(b"through").unwrap();
        drop(pipe);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        assert!(receive(&there).unwrap().is_none());
    }
}
