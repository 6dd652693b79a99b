//! git as a program: its environment, its end, and what its complaints mean.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What belongs to the repository of a hook that started lrun, not to the ones that it fetches (DESIGN 4).
pub(super) const HOOK_VARIABLES: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_QUARANTINE_PATH",
    "GIT_EXEC_PATH",
    "GIT_EDITOR",
    "GIT_NAMESPACE",
    "GIT_SHALLOW_FILE",
    "GIT_ATTR_SOURCE",
    "GIT_INTERNAL_SUPER_PREFIX",
];

/// Nobody is there to answer, and answers are read by a program.
const FORCED: &[(&str, &str)] = &[
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("GCM_INTERACTIVE", "never"),
    ("GIT_LFS_SKIP_SMUDGE", "1"),
    ("GIT_DEFAULT_HASH", "sha1"),
    ("LC_ALL", "C"),
    ("LANGUAGE", ""),
];

/// What holds for every call, whatever the user's configuration says.
const SETTINGS: &[&str] = &[
    "protocol.version=2",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "core.eol=lf",
    "core.fsmonitor=false",
    "filter.lfs.smudge=",
    "filter.lfs.process=",
    "filter.lfs.required=false",
    "tar.umask=0022",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.writeCommitGraph=false",
    "fetch.prune=false",
    "fetch.recurseSubmodules=false",
    // A server that says nothing for a minute is gone.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
];

/// What is kept of a complaint.
const MAX_COMPLAINT: usize = 64 * 1024;

/// The git that fetches.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

/// One call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call<'a> {
    pub arguments: &'a [&'a OsStr],
    pub git_dir: Option<&'a Path>,
    pub credential: Option<&'a Credential>,
    /// Held by git as long as it lives, even where lrun dies before it.
    pub lock: Option<&'a File>,
    pub limit: Option<Duration>,
}

/// A token for one server.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    server: String,
    token: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({})", self.server)
    }
}

impl Credential {
    pub fn new(server: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            token: token.into(),
        }
    }

    /// As git takes it: a header that goes to this server only.
    fn setting(&self) -> (String, String) {
        let name = format!("http.{}/.extraheader", self.server.trim_end_matches('/'));
        let pair = STANDARD.encode(format!("x-access-token:{}", self.token));
        (name, format!("AUTHORIZATION: basic {pair}"))
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git can not be started: {0}")]
    Start(#[source] io::Error),
    #[error("git did not end within {} minutes", .0.as_secs() / 60)]
    TimedOut(Duration),
    #[error("{complaint}")]
    Failed {
        complaint: String,
        meaning: Complaint,
    },
    #[error("what git gave can not be kept: {0}")]
    Output(#[source] io::Error),
}

/// What git complains of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaint {
    /// There is no such repository, or not for us.
    NoRepository,
    /// The server wants to know who asks, or refuses who asks.
    Refused,
    /// The server does not give that commit.
    NoCommit,
    /// There is no such ref.
    NoRef,
    /// Anything else: worth another try.
    Other,
}

impl Complaint {
    fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if any(&["not our ref", "unadvertised object", "no such remote ref"]) {
            Self::NoCommit
        } else if any(&["couldn't find remote ref"]) {
            Self::NoRef
        } else if any(&[
            "could not read username",
            "could not read password",
            "terminal prompts disabled",
            "authentication failed",
            "invalid username or",
            "returned error: 401",
            "returned error: 403",
            "permission denied",
        ]) {
            Self::Refused
        } else if any(&[
            "repository not found",
            "does not appear to be a git repository",
            "returned error: 404",
        ]) || (text.contains("repository '") && any(&["' not found", "' does not exist"]))
        {
            Self::NoRepository
        } else {
            Self::Other
        }
    }
}

impl Git {
    /// `environment` is all that git gets; what belongs to a hook is taken out.
    pub fn new(
        program: impl Into<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let hook = |name: &OsStr| HOOK_VARIABLES.iter().any(|hook| name == *hook);
        Self {
            program: program.into(),
            environment: environment
                .into_iter()
                .filter(|(name, _)| !hook(name))
                .collect(),
        }
    }

    /// Gives what git says.
    pub fn output(&self, call: Call<'_>) -> Result<Vec<u8>, GitError> {
        self.stream(call, |output| {
            let mut text = Vec::new();
            output.read_to_end(&mut text)?;
            Ok(text)
        })
    }

    /// Gives what `consume` makes of git's output.
    pub fn stream<T>(
        &self,
        call: Call<'_>,
        consume: impl FnOnce(&mut ChildStdout) -> io::Result<T>,
    ) -> Result<T, GitError> {
        let mut child = self.command(call)?.spawn().map_err(GitError::Start)?;
        let (Some(mut output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(GitError::Start(io::ErrorKind::BrokenPipe.into()));
        };
        let complaint = collect(errors);
        let timer = call.limit.map(|limit| Timer::start(&child, limit));
        let consumed = consume(&mut output);
        // What was not read makes git end.
        drop(output);
        let timed_out = timer.is_some_and(Timer::stop);
        let status = child.wait().map_err(GitError::Output)?;
        // A helper that lives on may hold the pipe open.
        let complaint = complaint
            .recv_timeout(Duration::from_secs(1))
            .unwrap_or_default();
        if let (true, Some(limit)) = (timed_out, call.limit) {
            return Err(GitError::TimedOut(limit));
        }
        match consumed {
            Ok(made) if status.success() => Ok(made),
            // A stream that breaks off is git's failure where git says so.
            Err(error) if status.success() || complaint.is_empty() => Err(GitError::Output(error)),
            _ => Err(GitError::Failed {
                meaning: Complaint::of(&complaint),
                complaint: tidy(&complaint, status.code()),
            }),
        }
    }

    fn command(&self, call: Call<'_>) -> Result<Command, GitError> {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().cloned());
        command.envs(FORCED.iter().copied());
        if let Some(credential) = call.credential {
            self.add_setting(&mut command, credential.setting());
        }
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        if let Some(folder) = call.git_dir {
            command.arg("--git-dir").arg(folder);
        }
        command.args(call.arguments);
        command.stdin(match call.lock {
            Some(lock) => Stdio::from(lock.try_clone().map_err(GitError::Start)?),
            None => Stdio::null(),
        });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// In the environment, since arguments are for all to see.
    fn add_setting(&self, command: &mut Command, (name, value): (String, String)) {
        let mut pairs = self.environment.iter().rev();
        let count: usize = pairs
            .find(|(name, _)| name == "GIT_CONFIG_COUNT")
            .and_then(|(_, count)| count.to_str()?.parse().ok())
            .unwrap_or_default();
        command.env("GIT_CONFIG_COUNT", (count + 1).to_string());
        command.env(format!("GIT_CONFIG_KEY_{count}"), name);
        command.env(format!("GIT_CONFIG_VALUE_{count}"), value);
    }
}

/// Ends git when its time is over.
struct Timer {
    done: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<bool>,
}

impl Timer {
    fn start(child: &Child, limit: Duration) -> Self {
        let id = child.id();
        let (done, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let late = stopped.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if late {
                terminate(id);
            }
            late
        });
        Self { done, thread }
    }

    /// Whether it was late. The process is not waited for yet, so its number is still its own.
    fn stop(self) -> bool {
        drop(self.done);
        self.thread.join().unwrap_or_default()
    }
}

#[cfg(unix)]
fn terminate(id: u32) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    if let Ok(id) = i32::try_from(id) {
        // git passes it on to its helpers; one that is gone needs none.
        let _gone = kill(Pid::from_raw(id), Signal::SIGTERM);
    }
}

#[cfg(not(unix))]
fn terminate(_id: u32) {}

/// Reads a complaint to its end; keeps its last part.
fn collect(mut errors: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = errors.read(&mut part) {
            kept.extend_from_slice(&part[..length]);
            if kept.len() > 2 * MAX_COMPLAINT {
                kept.drain(..kept.len() - MAX_COMPLAINT);
            }
        }
        drop(sender.send(String::from_utf8_lossy(&kept).into_owned()));
    });
    receiver
}

/// The lines that say what is wrong, without progress.
fn tidy(complaint: &str, code: Option<i32>) -> String {
    let lines = complaint.lines().filter_map(|line| {
        let last = line.rsplit('\r').next().unwrap_or_default().trim();
        let wanted = ["fatal: ", "error: ", "remote: error: ", "ssh: "]
            .iter()
            .find_map(|start| last.strip_prefix(start));
        wanted.filter(|text| !text.is_empty())
    });
    let mut texts: Vec<&str> = lines.collect();
    texts.dedup();
    if texts.is_empty() {
        let last = complaint.lines().rev().find(|line| !line.trim().is_empty());
        return match (last, code) {
            (Some(line), _) => line.trim().to_owned(),
            (None, Some(code)) => format!("git ended with exit code {code}"),
            (None, None) => "git was killed".to_owned(),
        };
    }
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_understood() {
        for (text, meaning) in [
            (
                "remote: Repository not found.\nfatal: repository 'https://x/o/r/' not found",
                Complaint::NoRepository,
            ),
            (
                "fatal: '/x/o/r' does not appear to be a git repository",
                Complaint::NoRepository,
            ),
            (
                "fatal: repository '/x' does not exist",
                Complaint::NoRepository,
            ),
            (
                "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
                Complaint::Refused,
            ),
            (
                "fatal: Authentication failed for 'https://x/'",
                Complaint::Refused,
            ),
            (
                "fatal: unable to access 'https://x/': The requested URL returned error: 403",
                Complaint::Refused,
            ),
            (
                "fatal: remote error: upload-pack: not our ref 1234",
                Complaint::NoCommit,
            ),
            (
                "error: Server does not allow request for unadvertised object 1234",
                Complaint::NoCommit,
            ),
            (
                "fatal: couldn't find remote ref refs/tags/v9",
                Complaint::NoRef,
            ),
            (
                "fatal: unable to access 'https://x/': Could not resolve host: x",
                Complaint::Other,
            ),
        ] {
            assert_eq!(Complaint::of(text), meaning, "{text}");
        }
    }

    #[test]
    fn a_complaint_is_shown_without_progress() {
        let text = "remote: Counting objects: 1%\rremote: Counting objects: 100%\nfatal: the end\nfatal: the end\n";
        assert_eq!(tidy(text, Some(128)), "the end");
        assert_eq!(tidy("\nodd\n", Some(1)), "odd");
        assert_eq!(tidy("", Some(3)), "git ended with exit code 3");
    }

    #[test]
    fn a_token_goes_to_its_server_only_and_is_never_shown() {
        let credential = Credential::new("https://git.test/", "secret");
        let (name, value) = credential.setting();
        assert_eq!(name, "http.https://git.test/.extraheader");
        assert_eq!(value, "AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46c2VjcmV0");
        assert!(!format!("{credential:?}").contains("secret"));
    }
}
