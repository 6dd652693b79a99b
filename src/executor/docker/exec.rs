//! Commands in a container by the engine's own exec: slower, and always there.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt as _;
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

use super::super::follow::{Follower, Graces, Process};
use super::super::group::Signal;
use super::super::{Command, Ending, ExecError, Finished, Output, Stop};
use super::{DockerError, Engine};

/// Looks for `$1` in the PATH `$3`, counted from `$2`: `command -v` may name what a shell has built in.
const WHICH: &str = r#"cd "$2" 2>/dev/null
case $1 in */*) [ -f "$1" ] && [ -x "$1" ] && echo "$1"; exit;; esac
IFS=:
for folder in $3; do
  if [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then echo "$folder/$1"; exit; fi
done"#;

/// Bytes of output that wait for their reader.
const BUFFER: usize = 256 * 1024;

/// Runs each command by an exec. Its process leads a group of its own, named by a file in the container's `/tmp`.
#[derive(Debug)]
pub(super) struct Execs {
    engine: Engine,
    container: String,
    next: AtomicUsize,
}

impl Execs {
    pub(super) fn new(engine: Engine, container: String) -> Self {
        Self {
            engine,
            container,
            next: AtomicUsize::new(1),
        }
    }

    /// The environment of every process, whether it is an Alpine (SPEC J-42), and its user.
    pub(super) async fn look(&self) -> Result<(Vec<(OsString, OsString)>, bool, u32), DockerError> {
        let environment = self.output(&["cat", "/proc/self/environ"]).await?;
        let env = environment
            .split(|byte| *byte == 0)
            .filter_map(|pair| {
                let at = pair.iter().position(|byte| *byte == b'=')?;
                Some((os(&pair[..at]), os(&pair[at + 1..])))
            })
            .collect();
        let release = self
            .output(&["sh", "-c", "cat /etc/*release | grep ^ID"])
            .await?;
        let release = String::from_utf8_lossy(&release).to_ascii_lowercase();
        let user = self.output(&["id", "-u"]).await?;
        let user = String::from_utf8_lossy(&user).trim().parse().unwrap_or(0);
        Ok((env, release.contains("alpine"), user))
    }

    pub(super) async fn which(
        &self,
        program: &Path,
        search_path: &OsStr,
        cwd: &Path,
    ) -> Option<PathBuf> {
        let words = [
            "sh",
            "-c",
            WHICH,
            "sh",
            program.to_str()?,
            cwd.to_str()?,
            search_path.to_str()?,
        ];
        let found = self.output(&words).await.ok()?;
        let found = String::from_utf8(found).ok()?;
        let found = found.trim_end();
        found.starts_with('/').then(|| PathBuf::from(found))
    }

    pub(super) async fn own(
        &self,
        folder: &Path,
        user: u32,
        group: u32,
    ) -> Result<(), DockerError> {
        let owner = format!("{user}:{group}");
        let folder = folder.to_string_lossy();
        self.output(&["chown", "-hR", &owner, folder.as_ref()])
            .await
            .map(drop)
    }

    /// What a short command prints on its standard output.
    async fn output(&self, words: &[&str]) -> Result<Vec<u8>, DockerError> {
        let config = ExecConfig {
            cmd: Some(words.iter().map(|word| (*word).to_owned()).collect()),
            attach_stdout: Some(true),
            ..ExecConfig::default()
        };
        let exec = self
            .engine
            .docker
            .create_exec(&self.container, config)
            .await?;
        let started = self.engine.docker.start_exec(&exec.id, None).await?;
        let mut text = Vec::new();
        if let StartExecResults::Attached { mut output, .. } = started {
            while let Some(piece) = output.next().await {
                if let LogOutput::StdOut { message } = piece? {
                    text.extend_from_slice(&message);
                }
            }
        }
        Ok(text)
    }

    /// Runs a command to its end.
    pub(super) async fn exec(
        &self,
        command: &Command,
        output: &mut dyn Output,
        stop: &Stop,
        graces: Graces,
    ) -> Result<Finished, ExecError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let group = format!("/tmp/.lrun-{number}");
        let docker = &self.engine.docker;
        let fail = |error: bollard::errors::Error| {
            ExecError::from(io::Error::other(super::reason(&error)))
        };
        let exec = docker
            .create_exec(&self.container, config(command, &group))
            .await
            .map_err(fail)?;
        let options = StartExecOptions {
            detach: false,
            tty: false,
            output_capacity: None,
        };
        let started = docker
            .start_exec(&exec.id, Some(options))
            .await
            .map_err(fail)?;
        let StartExecResults::Attached { output: pieces, .. } = started else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        };
        let (mut out, stdout) = tokio::io::duplex(BUFFER);
        let (mut err, stderr) = tokio::io::duplex(BUFFER);
        let engine = self.engine.clone();
        let id = exec.id.clone();
        let end = tokio::spawn(async move {
            let mut pieces = pieces;
            while let Some(piece) = pieces.next().await {
                match piece.map_err(io::Error::other)? {
                    LogOutput::StdErr { message } => hand(&mut err, &message).await,
                    LogOutput::StdOut { message } | LogOutput::Console { message } => {
                        hand(&mut out, &message).await;
                    }
                    LogOutput::StdIn { .. } => {}
                }
            }
            let ended = engine.docker.inspect_exec(&id).await;
            let code = ended.map_err(io::Error::other)?.exit_code.unwrap_or(-1);
            Ok(match i32::try_from(code).unwrap_or(-1) {
                code @ 129..=192 => Ending::Signalled(code - 128),
                code => Ending::Exited(code),
            })
        });
        let process = Exec {
            engine: self.engine.clone(),
            container: self.container.clone(),
            group,
            end,
            over: None,
            released: false,
        };
        let follower = Follower::new(process, Some(stdout), Some(stderr), graces);
        Ok(follower.follow(output, stop).await?)
    }
}

/// A reader that is gone needs nothing more.
async fn hand(to: &mut DuplexStream, bytes: &[u8]) {
    drop(to.write_all(bytes).await);
}

fn os(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

fn text(text: &OsStr) -> String {
    String::from_utf8_lossy(text.as_bytes()).into_owned()
}

/// A name that every shell keeps (POSIX.1-2024, 8.1).
fn is_plain(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(|first| !first.is_ascii_digit())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn config(command: &Command, group: &str) -> ExecConfig {
    let mut words = vec![
        "sh".to_owned(),
        "-c".to_owned(),
        "echo $$ > \"$0\"; exec \"$@\"".to_owned(),
        group.to_owned(),
    ];
    let pair = |(name, value): &(OsString, OsString)| format!("{}={}", text(name), text(value));
    // A shell may drop variables that it could not name (`INPUT_A-B`); what it starts gets them all the same.
    let (plain, odd): (Vec<_>, Vec<_>) = command.env.iter().partition(|(name, _)| is_plain(name));
    if !odd.is_empty() {
        words.push("env".to_owned());
        words.extend(odd.into_iter().map(pair));
    }
    words.push(text(command.program.as_os_str()));
    words.extend(command.args.iter().map(|arg| text(arg)));
    ExecConfig {
        cmd: Some(words),
        env: Some(plain.into_iter().map(pair).collect()),
        working_dir: Some(text(command.cwd.as_os_str())),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..ExecConfig::default()
    }
}

/// A process that an exec started.
struct Exec {
    engine: Engine,
    container: String,
    group: String,
    end: JoinHandle<io::Result<Ending>>,
    over: Option<Ending>,
    released: bool,
}

impl Process for Exec {
    async fn wait(&mut self) -> io::Result<Ending> {
        if let Some(ending) = self.over {
            return Ok(ending);
        }
        let ending = (&mut self.end).await.map_err(io::Error::other)??;
        self.over = Some(ending);
        Ok(ending)
    }

    fn signal(&self, signal: Signal) {
        let engine = self.engine.clone();
        let container = self.container.clone();
        // Not all shells take a `--` here.
        let script = format!("kill -{} -$(cat {})", signal.number(), self.group);
        // The process is followed meanwhile; a group that is gone needs no signal.
        drop(tokio::spawn(async move {
            let config = ExecConfig {
                cmd: Some(vec!["sh".to_owned(), "-c".to_owned(), script]),
                ..ExecConfig::default()
            };
            let exec = engine.docker.create_exec(&container, config).await?;
            let detached = StartExecOptions {
                detach: true,
                tty: false,
                output_capacity: None,
            };
            engine.docker.start_exec(&exec.id, Some(detached)).await
        }));
    }

    fn release(&mut self) {
        self.released = true;
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        if !self.released && self.over.is_none() {
            self.signal(Signal::Kill);
        }
    }
}
