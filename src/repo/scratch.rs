//! Repositories made for a test.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{Oid, Repository, RepositoryInitOptions, Signature, Time};
use tempfile::TempDir;

use super::{GitEnv, Identity, IdentityRequest, Repo};

/// A repository on branch `main` in a folder of its own; its configuration hides the user's.
pub(super) struct Scratch {
    _folder: TempDir,
    pub(super) path: PathBuf,
    pub(super) git: Repository,
}

impl Scratch {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().canonicalize().unwrap().join("project");
        let mut options = RepositoryInitOptions::new();
        options.initial_head("main").mkpath(true);
        let git = Repository::init_opts(&path, &options).unwrap();
        let scratch = Self {
            _folder: folder,
            path,
            git,
        };
        scratch.set("user.name", "Mona Lisa");
        scratch.set("user.email", "mona@example.com");
        scratch.set("github.user", "mona");
        scratch.set("init.defaultBranch", "main");
        scratch
    }

    /// With a remote `origin` that is `acme/widget`.
    pub(super) fn with_remote() -> Self {
        let scratch = Self::new();
        scratch.set("remote.origin.url", "git@github.com:acme/widget.git");
        scratch.set("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*");
        scratch
    }

    pub(super) fn set(&self, key: &str, value: &str) {
        let mut config = self.git.config().unwrap();
        config.set_str(key, value).unwrap();
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn stage(&self, path: &str) {
        let mut index = self.git.index().unwrap();
        index.read(false).unwrap();
        index.add_path(Path::new(path)).unwrap();
        index.write().unwrap();
    }

    /// Writes a file and commits it.
    pub(super) fn commit(&self, path: &str, text: &str) -> Oid {
        self.write(path, text);
        self.stage(path);
        self.commit_index(&format!("change {path}\n\nmore\n"))
    }

    pub(super) fn commit_index(&self, message: &str) -> Oid {
        let mut index = self.git.index().unwrap();
        let tree = self.git.find_tree(index.write_tree().unwrap()).unwrap();
        let parent = self.git.head().ok().map(|h| h.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        let time = Time::new(1_700_000_000, 120);
        let author = Signature::new("Mona Lisa", "mona@example.com", &time).unwrap();
        let committer =
            Signature::new("Hub", "7+hub@users.noreply.github.com", &Time::new(0, 0)).unwrap();
        self.git
            .commit(Some("HEAD"), &author, &committer, message, &tree, &parents)
            .unwrap()
    }

    /// Makes a branch at HEAD and switches to it.
    pub(super) fn switch_to_new(&self, branch: &str) {
        let head = self.git.head().unwrap().peel_to_commit().unwrap();
        self.git.branch(branch, &head, false).unwrap();
        self.switch_to(branch);
    }

    pub(super) fn switch_to(&self, branch: &str) {
        self.git.set_head(&format!("refs/heads/{branch}")).unwrap();
        let mut force = git2::build::CheckoutBuilder::new();
        self.git.checkout_head(Some(force.force())).unwrap();
    }

    pub(super) fn set_ref(&self, name: &str, commit: Oid) {
        self.git.reference(name, commit, true, "test").unwrap();
    }

    pub(super) fn repo(&self) -> Repo {
        Repo::discover(&self.path, &GitEnv::default())
            .unwrap()
            .unwrap()
    }

    pub(super) fn identity(&self) -> Identity {
        Identity::of(Some(&self.repo()), &IdentityRequest::default())
    }
}
