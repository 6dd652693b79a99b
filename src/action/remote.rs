//! The remote actions and workflows of a run: fetched before it, and one by one where they turn up later.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;

use super::cache::{Cache, Repository};
use super::fetch::{Announce, Counts, FetchOptions, Fetched, Fetcher, Network, Once};
use super::fetch_error::FetchError;
use super::git_command::{Credential, Git};
use super::local::LocalRepository;
use super::remote_copy;
use super::remote_walk;
use super::{NodeVersion, Reference};
use crate::diagnostic::Diagnostic;
use crate::workflow::{ReadOptions, Reading, Token, Workflow};

const GITHUB: &str = "https://github.com";

/// Fetches at once: more hardly help, and servers dislike them.
const AT_ONCE: usize = 8;

/// What is known of the world before the run.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// The folder of the cache of repositories.
    pub cache: PathBuf,
    pub network: Network,
    /// Where `owner/repo` is: `https://github.com`, or what `--github-instance` says.
    pub server: String,
    /// `GITHUB_TOKEN`, for that server alone.
    pub token: Option<String>,
    /// `owner/repo` that come from github.com whatever the server is.
    pub from_github: Vec<String>,
    /// For those.
    pub github_token: Option<String>,
    /// Folders in the place of repositories; relative ones have been made absolute.
    pub local: Vec<LocalRepository>,
    /// The own repository, for `./` and `$/`.
    pub root: PathBuf,
    /// How files of the own repository are read.
    pub read: ReadOptions,
    /// `git`, or where it is.
    pub git: PathBuf,
    /// All that git gets of the environment; hooks' variables are taken out.
    pub environment: Vec<(OsString, OsString)>,
    /// Before the second try of three.
    pub back_off: Duration,
    pub announce: Announce,
}

impl RemoteOptions {
    pub fn new(cache: impl Into<PathBuf>, root: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            network: Network::Ask,
            server: GITHUB.to_owned(),
            token: None,
            from_github: Vec::new(),
            github_token: None,
            local: Vec::new(),
            root: root.into(),
            read: ReadOptions::default(),
            git: "git".into(),
            environment: std::env::vars_os().collect(),
            back_off: Duration::from_secs(2),
            announce: Announce::default(),
        }
    }
}

/// `owner/repo@ref`, the name in lower case, → commit, as a lock file says.
pub type Pins = Arc<IndexMap<String, String>>;

/// A workflow that is going to run.
#[derive(Debug, Clone)]
pub struct Root<'a> {
    pub workflow: &'a Workflow,
    /// The jobs that count; `None` is all.
    pub jobs: Option<&'a [String]>,
    pub pins: Option<Pins>,
}

/// Which repository a file comes from, if it is not the own one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    pub owner: String,
    pub repo: String,
    pub git_ref: String,
}

impl Origin {
    /// With the commit in the place of the ref, if it is pinned.
    pub fn pinned(owner: &str, repo: &str, git_ref: &str, pins: Option<&Pins>) -> Self {
        let name = format!("{owner}/{repo}").to_ascii_lowercase();
        let pinned = pins.and_then(|pins| pins.get(&format!("{name}@{git_ref}")));
        Self {
            owner: owner.to_owned(),
            repo: repo.to_owned(),
            git_ref: pinned.map_or(git_ref, String::as_str).to_owned(),
        }
    }
}

/// Whether lrun serves a `uses` by itself, so that nothing is to be fetched for it; gets its `with`.
pub type Served<'a> = &'a dyn Fn(&Reference, Option<&Token>) -> bool;

/// The remote actions and workflows of a run.
#[derive(Debug)]
pub struct RemoteActions {
    options: RemoteOptions,
    fetcher: Fetcher,
    workflows: Mutex<IndexMap<String, Arc<Reading>>>,
    nodes: Mutex<BTreeSet<NodeVersion>>,
    copies: Once<PathBuf, Result<(), FetchError>>,
}

impl RemoteActions {
    pub fn new(options: RemoteOptions) -> Self {
        let mut credentials = Vec::new();
        let pairs = [
            (options.server.as_str(), &options.token),
            (GITHUB, &options.github_token),
        ];
        for (server, token) in pairs {
            if let Some(token) = token.as_ref().filter(|token| !token.is_empty()) {
                credentials.push((server.to_owned(), Credential::new(server, token)));
            }
        }
        let fetcher = Fetcher::new(FetchOptions {
            git: Git::new(&options.git, options.environment.iter().cloned()),
            cache: Cache::new(&options.cache),
            network: options.network,
            credentials,
            back_off: options.back_off,
            announce: options.announce.clone(),
        });
        Self {
            options,
            fetcher,
            workflows: Mutex::default(),
            nodes: Mutex::default(),
            copies: Once::default(),
        }
    }

    /// Fetches all that these workflows use, and what that uses, several at once; says what is not to be had, each at
    /// the `uses` that asks for it.
    pub fn prepare(&self, roots: &[Root<'_>], served: Served<'_>) -> Vec<Diagnostic> {
        remote_walk::walk(self, roots, served)
    }

    /// A repository at a ref, fetched now if it was not before; blocks. The answer stays the same all through the run.
    pub fn fetch(&self, owner: &str, repo: &str, git_ref: &str) -> Result<Fetched, FetchError> {
        if let Some(folder) = self.stand_in(owner, repo, git_ref) {
            return Ok(Fetched {
                folder: folder.to_owned(),
                commit: String::new(),
            });
        }
        self.fetcher.fetch(&self.repository(owner, repo)?, git_ref)
    }

    /// The folders that stand in for repositories.
    pub fn stand_ins(&self) -> Vec<PathBuf> {
        let local = self.options.local.iter();
        local.map(|one| one.directory.clone()).collect()
    }

    /// Whether the user named a folder for this repository at this ref.
    pub fn stands_in(&self, owner: &str, repo: &str, git_ref: &str) -> bool {
        self.stand_in(owner, repo, git_ref).is_some()
    }

    /// What [`Self::fetch`] gave, if anybody asked before; never blocks for long.
    pub fn known(
        &self,
        owner: &str,
        repo: &str,
        git_ref: &str,
    ) -> Option<Result<Fetched, FetchError>> {
        if self.stand_in(owner, repo, git_ref).is_some() {
            return Some(self.fetch(owner, repo, git_ref));
        }
        match self.repository(owner, repo) {
            Ok(repository) => self.fetcher.known(&repository, git_ref),
            Err(error) => Some(Err(error)),
        }
    }

    /// The files of a repository at a ref, if they are here.
    pub fn folder(&self, owner: &str, repo: &str, git_ref: &str) -> Option<PathBuf> {
        Some(self.known(owner, repo, git_ref)?.ok()?.folder)
    }

    /// A copy of a repository for one job, below its `_actions` folder: an action may write beside itself, and the cache
    /// is everybody's. Made once; blocks. A folder that stands in is used as it is.
    pub fn copy(
        &self,
        owner: &str,
        repo: &str,
        git_ref: &str,
        actions: &Path,
    ) -> Result<PathBuf, FetchError> {
        let fetched = self.fetch(owner, repo, git_ref)?;
        if self.stand_in(owner, repo, git_ref).is_some() {
            return Ok(fetched.folder);
        }
        let place = remote_copy::place(actions, owner, repo, git_ref);
        let copied = self.copies.get(place.clone(), || {
            Ok(remote_copy::copy_tree(&fetched.folder, &place)?)
        });
        copied.map(|()| place)
    }

    /// Which commit a ref is in this run; empty for a folder that stands in.
    pub fn commit(&self, owner: &str, repo: &str, git_ref: &str) -> Option<String> {
        Some(self.known(owner, repo, git_ref)?.ok()?.commit)
    }

    /// The called workflow that a job of a file of `origin` names, and the origin of that workflow's own `uses`; those
    /// of the own repository are not here.
    pub fn workflow(
        &self,
        origin: Option<&Origin>,
        pins: Option<&Pins>,
        uses: &str,
    ) -> Option<(Origin, Arc<Reading>)> {
        let (origin, path) = remote_walk::called_workflow(origin, pins, uses)?;
        let workflows = self
            .workflows
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let reading = Arc::clone(workflows.get(&remote_walk::key(&origin, &path))?);
        Some((origin, reading))
    }

    /// All of these, by `owner/repo/path@ref`.
    pub fn workflows(&self) -> IndexMap<String, Arc<Reading>> {
        let workflows = self
            .workflows
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        workflows.clone()
    }

    /// The Node.js versions that the actions ask for, those of the own repository included.
    pub fn node_versions(&self) -> BTreeSet<NodeVersion> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.clone()
    }

    /// What is worth saying.
    pub fn notes(&self) -> Vec<String> {
        self.fetcher.notes()
    }

    pub fn counts(&self) -> Counts {
        self.fetcher.counts()
    }

    pub(super) fn options(&self) -> &RemoteOptions {
        &self.options
    }

    pub(super) fn add_workflow(&self, key: String, reading: Arc<Reading>) {
        let mut workflows = self
            .workflows
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        workflows.insert(key, reading);
    }

    pub(super) fn add_node(&self, version: NodeVersion) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.insert(version);
    }

    /// Fetches several at once.
    pub(super) fn fetch_all(&self, wanted: &[Origin]) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..wanted.len().min(AT_ONCE) {
                scope.spawn(|| {
                    while let Some(one) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                        // What came of it is asked for at each place that uses it.
                        drop(self.fetch(&one.owner, &one.repo, &one.git_ref));
                    }
                });
            }
        });
    }

    fn server(&self, owner: &str, repo: &str) -> &str {
        let name = format!("{owner}/{repo}");
        let mut from_github = self.options.from_github.iter();
        if from_github.any(|other| other.eq_ignore_ascii_case(&name)) {
            GITHUB
        } else {
            &self.options.server
        }
    }

    fn repository(&self, owner: &str, repo: &str) -> Result<Repository, FetchError> {
        Repository::new(self.server(owner, repo), owner, repo).ok_or(FetchError::NoRepository {
            token: super::fetch_error::TokenFate::None,
        })
    }

    fn stand_in(&self, owner: &str, repo: &str, git_ref: &str) -> Option<&Path> {
        let server = self.server(owner, repo);
        let host = server.split_once("://").map_or(server, |(_, host)| host);
        let name = format!("{owner}/{repo}");
        LocalRepository::find(&self.options.local, host, &name, git_ref)
    }
}
