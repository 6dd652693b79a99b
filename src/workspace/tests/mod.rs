//! Scratch repositories, with the real git as the judge.

#![cfg(unix)]

mod bound;
mod checked_out;
mod history;
mod mechanisms;
mod merge;
mod request;
mod rule;
mod store;
mod submodule;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{
    Checkout, CheckoutRequest, Content, Options, Snapshot, Target, WorkspaceError, checkout,
};

/// A repository with a cache and a workspace beside it.
struct Scratch {
    dir: tempfile::TempDir,
}

/// Runs git in a folder, away from the settings of this machine.
fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args([
            "-c",
            "protocol.file.allow=always",
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@example.com",
        ])
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

impl Scratch {
    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("repo")).unwrap();
        let scratch = Self { dir };
        scratch.git(&["init", "-q"]);
        scratch
    }

    /// One commit with files of every kind.
    fn new() -> Self {
        let scratch = Self::empty();
        scratch.write("a.txt", "a\n");
        scratch.write("run.sh", "#!/bin/sh\n");
        scratch.executable("run.sh");
        scratch.write("dir/b.txt", "b\n");
        scratch.write("dir/ünïcode ☃.txt", "snow\n");
        scratch.write("gone.txt", "gone\n");
        scratch.write(".gitignore", "*.log\n/target/\n");
        scratch.write("kept.log", "tracked although ignored\n");
        std::os::unix::fs::symlink("a.txt", scratch.repo().join("link")).unwrap();
        scratch.git(&["add", "-A"]);
        scratch.git(&["add", "-f", "kept.log"]);
        scratch.commit("first");
        scratch
    }

    /// … and a working tree with every kind of change.
    fn dirty() -> Self {
        let scratch = Self::new();
        scratch.write("a.txt", "changed\n");
        scratch.write("new.txt", "new\n");
        scratch.write("sub/deep/new.txt", "new\n");
        scratch.write("noise.log", "ignored\n");
        scratch.write("target/out", "ignored\n");
        scratch.write(".secrets", "TOKEN=x\n");
        fs::remove_file(scratch.repo().join("gone.txt")).unwrap();
        fs::create_dir(scratch.repo().join("hollow")).unwrap();
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.repo(), args)
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        write(&self.repo().join(name), text);
    }

    fn executable(&self, name: &str) {
        fs::set_permissions(self.repo().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn options(&self) -> Options {
        Options {
            root: self.repo(),
            git_dir: Some(self.repo().join(".git")),
            cache: self.path("cache"),
            ..Options::default()
        }
    }

    fn with(&self, content: Content) -> Options {
        Options {
            content,
            ..self.options()
        }
    }

    /// What `lrun push` on main says.
    fn target(&self) -> Target {
        Target {
            sha: self.head(),
            git_ref: "refs/heads/main".to_owned(),
            ref_name: "main".to_owned(),
            remote_url: Some("https://github.com/octo/demo".to_owned()),
            remote_name: "origin".to_owned(),
        }
    }

    fn workspace(&self) -> PathBuf {
        let path = self.path("work");
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn try_checkout(
        &self,
        options: &Options,
        request: &CheckoutRequest,
    ) -> Result<Checkout, WorkspaceError> {
        let snapshot = Snapshot::prepare(options)?;
        checkout(
            &snapshot,
            options,
            request,
            &self.target(),
            &self.workspace(),
        )
    }

    /// Checks out; gives the workspace.
    fn checkout(&self, request: &CheckoutRequest) -> PathBuf {
        self.try_checkout(&self.options(), request).unwrap();
        self.workspace()
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Everything in a folder but `.git`: mode, and content or link target; folders only where empty.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(root, root, &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    let mut children = 0;
    for child in fs::read_dir(folder).unwrap() {
        let path = child.unwrap().path();
        if path.file_name().is_some_and(|name| name == ".git") {
            continue;
        }
        children += 1;
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            collect(root, &path, found);
        } else if metadata.is_symlink() {
            found.insert(
                name,
                format!("-> {}", fs::read_link(&path).unwrap().display()),
            );
        } else {
            let mode = metadata.permissions().mode() & 0o777;
            found.insert(
                name,
                format!(
                    "{mode:o} {}",
                    String::from_utf8_lossy(&fs::read(&path).unwrap())
                ),
            );
        }
    }
    if children == 0 && folder != root {
        let name = folder
            .strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        found.insert(name, "empty folder".to_owned());
    }
}

fn names(root: &Path) -> Vec<String> {
    tree(root).into_keys().collect()
}
