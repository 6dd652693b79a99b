//! A GitHub of bare repositories in a folder, and what fetches from it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lrun::action::{RemoteActions, RemoteOptions};
use lrun::diagnostic::SourceFile;
use lrun::workflow::{ReadOptions, Workflow, read_workflow};
use tempfile::TempDir;

pub struct World {
    folder: TempDir,
}

pub const NODE: &str = "runs: {using: node20, main: index.js}\n";

impl World {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["hub", "home", "root"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A repository in the hub with these files on `main`, and a tag.
    pub fn repository(&self, name: &str, tag: &str, files: &[(&str, &str)]) -> String {
        let bare = self.path(&format!("hub/{name}.git"));
        if !bare.exists() {
            fs::create_dir_all(&bare).unwrap();
            self.git(&bare, &["init", "-q", "--bare", "-b", "main", "."]);
        }
        let work = TempDir::new().unwrap();
        let at = |words: &[&str]| self.git(work.path(), words);
        at(&["init", "-q", "-b", "main", "."]);
        for (path, text) in files {
            let path = work.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        at(&["add", "-A"]);
        at(&["commit", "-q", "--allow-empty", "-m", "files"]);
        let bare = bare.to_str().unwrap();
        at(&["push", "-q", "-f", bare, "HEAD:refs/heads/main"]);
        at(&["tag", "-a", "-m", tag, tag]);
        at(&["push", "-q", "-f", bare, tag]);
        at(&["rev-parse", "HEAD"])
    }

    pub fn git(&self, folder: &Path, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(words)
            .current_dir(folder)
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// An environment in which github.com is the hub.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        self.environment_with(
            "https://github.com/",
            &format!("file://{}/", self.path("hub").display()),
        )
    }

    pub fn environment_with(&self, from: &str, to: &str) -> Vec<(OsString, OsString)> {
        let mut pairs: Vec<(OsString, OsString)> = [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "Mona"),
            ("GIT_AUTHOR_EMAIL", "mona@example.com"),
            ("GIT_COMMITTER_NAME", "Mona"),
            ("GIT_COMMITTER_EMAIL", "mona@example.com"),
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", &format!("url.{to}.insteadOf")),
            ("GIT_CONFIG_VALUE_0", from),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
        pairs.push(("HOME".into(), self.path("home").into()));
        pairs.push(("PATH".into(), std::env::var_os("PATH").unwrap()));
        pairs
    }

    /// A git that writes each of its calls to `calls`, and does `more` first.
    pub fn wrapper(&self, more: &str) -> PathBuf {
        let path = self.path("git-wrapper");
        let calls = self.path("calls");
        let text = format!(
            "#!/bin/sh\nfor word in \"$@\"; do case $word in fetch|ls-remote) command=$word; echo \"$word\" >>'{}';; esac; done\n{more}\nexec git \"$@\"\n",
            calls.display()
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        // A process that another test is starting may hold the script open for writing a moment longer.
        while Command::new(&path).arg("--version").output().is_err() {
            std::thread::yield_now();
        }
        path
    }

    /// Calls of git so far: `(ls-remote, fetch)`.
    pub fn calls(&self) -> (usize, usize) {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        let count = |word| text.lines().filter(|line| *line == word).count();
        (count("ls-remote"), count("fetch"))
    }

    pub fn options(&self) -> RemoteOptions {
        RemoteOptions {
            environment: self.environment(),
            back_off: Duration::ZERO,
            ..RemoteOptions::new(self.path("cache"), self.path("root"))
        }
    }

    pub fn remote(&self) -> RemoteActions {
        RemoteActions::new(self.options())
    }

    /// With a git that counts.
    pub fn counting(&self) -> RemoteOptions {
        RemoteOptions {
            git: self.wrapper(""),
            ..self.options()
        }
    }
}

pub fn workflow(text: &str) -> std::sync::Arc<Workflow> {
    let source = SourceFile::new(".github/workflows/ci.yml", text);
    let reading = read_workflow(source, &ReadOptions::default());
    reading
        .workflow
        .unwrap_or_else(|| panic!("{:?}", reading.diagnostics))
}

/// A workflow of one job with these `uses`.
pub fn using(uses: &[String]) -> std::sync::Arc<Workflow> {
    let steps: Vec<String> = uses
        .iter()
        .map(|uses| format!("      - uses: {uses}\n"))
        .collect();
    let steps = steps.concat();
    workflow(&format!(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n{steps}"
    ))
}
