//! A scratch repository and a run of lrun in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::events::Events;
use crate::redactor::Redactor;

/// Builds a repository, says how lrun is called, and compares what it did.
///
/// What is not asked for is empty: no arguments, no output.
#[derive(Debug)]
pub struct Lrun {
    scratch: TempDir,
    folder: PathBuf,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    stdin: Option<String>,
    stdout: String,
    stderr: Option<String>,
}

/// What a finished lrun left.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Lrun {
    /// A git repository without commits, a clone of `octo/demo` by its remote.
    pub fn new() -> Self {
        let it = Self::without_git();
        it.git(&["init", "--quiet", "--initial-branch=main"]);
        it.git(&[
            "remote",
            "add",
            "origin",
            "https://github.com/octo/demo.git",
        ]);
        it
    }

    /// A folder that is no repository.
    pub fn without_git() -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("lrun-test-")
            .tempdir()
            .unwrap();
        for folder in ["demo", "home", "tmp"] {
            fs::create_dir(scratch.path().join(folder)).unwrap();
        }
        let config =
            "[user]\n\tname = Mona\n\temail = mona@example.com\n[init]\n\tdefaultBranch = main\n";
        fs::write(scratch.path().join("home/.gitconfig"), config).unwrap();
        Self {
            folder: scratch.path().join("demo"),
            scratch,
            args: Vec::new(),
            env: BTreeMap::new(),
            stdin: None,
            stdout: String::new(),
            stderr: None,
        }
    }

    /// The repository's folder.
    pub fn root(&self) -> PathBuf {
        self.scratch.path().join("demo")
    }

    /// The folder that holds all: the repository, the home, what a test puts beside.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    pub fn workflow(self, name: &str, yaml: &str) -> Self {
        self.file(&format!(".github/workflows/{name}"), yaml)
    }

    /// Writes a file of the repository; `{SCRATCH}` in it is the folder that holds all.
    pub fn file(self, path: &str, content: &str) -> Self {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let content = content.replace("{SCRATCH}", self.scratch.path().to_str().unwrap());
        fs::write(path, content).unwrap();
        self
    }

    /// Commits all that is there.
    pub fn commit(self) -> Self {
        self.commit_as("Say hello")
    }

    pub fn commit_as(self, message: &str) -> Self {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self
    }

    /// Runs git in the repository and gives what it printed.
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root(), args)
    }

    pub fn git_in(&self, folder: &Path, args: &[&str]) -> String {
        let output = self.command("git", folder).args(args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {stderr}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// The folder that lrun is called in, from the repository's.
    pub fn folder(mut self, path: &str) -> Self {
        self.folder = self.root().join(path);
        self
    }

    pub fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.args = args.map(str::to_owned).to_vec();
        self
    }

    pub fn words(mut self, words: Vec<String>) -> Self {
        self.args = words;
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        let value = value.replace("{SCRATCH}", self.scratch.path().to_str().unwrap());
        self.env.insert(name.to_owned(), value);
        self
    }

    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// The whole standard output, redacted; empty where a test says nothing.
    pub fn stdout(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdout);
        self
    }

    /// The whole standard error, redacted; any where a test says nothing.
    pub fn stderr(mut self, text: &str) -> Self {
        self.stderr = Some(text.to_owned());
        self
    }

    #[track_caller]
    pub fn success(self) -> Self {
        self.failure(0)
    }

    /// Runs, and compares exit code and outputs.
    #[track_caller]
    pub fn failure(self, code: i32) -> Self {
        let ended = self.run();
        assert_eq!(ended.code, Some(code), "{ended}");
        pretty_eq(&ended.stdout, &self.stdout, &ended);
        if let Some(stderr) = &self.stderr {
            pretty_eq(&ended.stderr, stderr, &ended);
        }
        self
    }

    /// Runs with `--json` and reads the events.
    #[track_caller]
    pub fn events(&self) -> Events {
        let mut lrun = self.lrun();
        let raw = self.wait(lrun.arg("--json").args(&self.args));
        Events::read(&raw)
    }

    /// Runs, and gives what came out, redacted.
    pub fn run(&self) -> Ended {
        let raw = self.run_raw();
        let redactor = Redactor::new(self.scratch.path());
        Ended {
            code: raw.code,
            stdout: redactor.redact(&raw.stdout),
            stderr: redactor.redact(&raw.stderr),
        }
    }

    pub fn run_raw(&self) -> Ended {
        self.wait(self.lrun().args(&self.args))
    }

    /// Starts lrun and leaves it running, its outputs piped.
    pub fn start(&self) -> Child {
        let mut lrun = self.lrun();
        lrun.args(&self.args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        lrun.spawn().unwrap()
    }

    fn wait(&self, command: &mut Command) -> Ended {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.stdin.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().unwrap();
        if let (Some(text), Some(mut stdin)) = (&self.stdin, child.stdin.take()) {
            stdin.write_all(text.as_bytes()).unwrap();
        }
        Ended::of(child)
    }

    fn lrun(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_lrun"), &self.folder)
    }

    /// A command in the scrubbed environment, which knows lrun by its name.
    pub fn command(&self, program: &str, folder: &Path) -> Command {
        let at = |name: &str| self.scratch.path().join(name);
        let lrun = Path::new(env!("CARGO_BIN_EXE_lrun")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", format!("{}:{path}", lrun.display()))
            .env("HOME", at("home"))
            .env("XDG_CONFIG_HOME", at("home/config"))
            .env("XDG_CACHE_HOME", at("home/cache"))
            .env("XDG_DATA_HOME", at("home/data"))
            .env("XDG_STATE_HOME", at("home/state"))
            .env("TMPDIR", at("tmp"))
            .env("LANG", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            // Tests of containers say so; the others are the same where an engine answers.
            .env("LRUN_BACKEND", "host")
            .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
            .envs(&self.env);
        command
    }
}

impl Ended {
    /// Waits for the end.
    pub fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit {:?}\n--- stdout\n{}--- stderr\n{}---",
            self.code, self.stdout, self.stderr
        )
    }
}

#[track_caller]
fn pretty_eq(found: &str, expected: &str, ended: &Ended) {
    assert!(
        found == expected,
        "\n--- expected\n{expected}--- found\n{found}---\nof {ended}"
    );
}
