//! Refs looked up and commits fetched, each once a run, with git (SPEC A-2).

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::hash::{BuildHasher as _, Hash};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::cache::{Cache, Making, Repository, is_commit};
use super::fetch_error::{FetchError, TokenFate};
use super::git_command::{Call, Complaint, Credential, Git, GitError};
use super::remote_refs::RemoteRefs;

/// SPEC A-2.
const TRIES: u32 = 3;
const LIMIT: Duration = Duration::from_mins(20);

/// What may go over the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Network {
    /// A ref may have moved, so the server is asked.
    #[default]
    Ask,
    /// What is cached counts, without asking whether it moved (`--action-offline-mode`).
    Missing,
    /// Nothing (`--offline`).
    Never,
}

/// A repository at a commit, here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub folder: PathBuf,
    pub commit: String,
}

/// How often the network was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Repositories whose refs were asked for.
    pub lookups: usize,
    /// Commits that were fetched.
    pub fetches: usize,
}

/// What a fetcher is told.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    pub git: Git,
    pub cache: Cache,
    pub network: Network,
    /// Tokens by server.
    pub credentials: Vec<(String, Credential)>,
    /// Before the second try; twice that before the third.
    pub back_off: Duration,
    pub announce: Announce,
}

/// Hears what is about to be fetched.
#[derive(Clone)]
pub struct Announce(Arc<dyn Fn(&str) + Send + Sync>);

impl Announce {
    pub fn new(hear: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }
}

impl Default for Announce {
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl std::fmt::Debug for Announce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Announce")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values by key, each made once, other askers waiting for it.
#[derive(Debug)]
pub(super) struct Once<K, V>(Mutex<HashMap<K, Arc<OnceLock<V>>>>);

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Once<K, V> {
    fn cell(&self, key: K) -> Arc<OnceLock<V>> {
        Arc::clone(lock(&self.0).entry(key).or_default())
    }

    pub(super) fn get(&self, key: K, make: impl FnOnce() -> V) -> V {
        self.cell(key).get_or_init(make).clone()
    }

    fn known(&self, key: K) -> Option<V> {
        self.cell(key).get().cloned()
    }
}

/// Fetches for one run.
#[derive(Debug)]
pub struct Fetcher {
    options: FetchOptions,
    refs: Once<Repository, Result<Arc<RemoteRefs>, FetchError>>,
    fetched: Once<(Repository, String), Result<Fetched, FetchError>>,
    lookups: AtomicUsize,
    fetches: AtomicUsize,
    /// Repositories that are to be had without the token only.
    refused: Mutex<HashSet<Repository>>,
    notes: Mutex<Vec<String>>,
}

/// What a ref is.
struct Target {
    commit: String,
    /// Its full name, unless it is a commit.
    name: Option<String>,
}

impl Fetcher {
    pub fn new(options: FetchOptions) -> Self {
        Self {
            options,
            refs: Once::default(),
            fetched: Once::default(),
            lookups: AtomicUsize::new(0),
            fetches: AtomicUsize::new(0),
            refused: Mutex::default(),
            notes: Mutex::default(),
        }
    }

    pub fn counts(&self) -> Counts {
        Counts {
            lookups: self.lookups.load(Ordering::Relaxed),
            fetches: self.fetches.load(Ordering::Relaxed),
        }
    }

    /// What is worth saying, so far.
    pub fn notes(&self) -> Vec<String> {
        lock(&self.notes).clone()
    }

    /// What [`Self::fetch`] gave, if it was asked before.
    pub fn known(
        &self,
        repository: &Repository,
        git_ref: &str,
    ) -> Option<Result<Fetched, FetchError>> {
        self.fetched.known((repository.clone(), git_ref.to_owned()))
    }

    /// A repository at a ref; the same all through the run.
    pub fn fetch(&self, repository: &Repository, git_ref: &str) -> Result<Fetched, FetchError> {
        let key = (repository.clone(), git_ref.to_owned());
        self.fetched
            .get(key, || self.fetch_now(repository, git_ref))
    }

    fn fetch_now(&self, repository: &Repository, git_ref: &str) -> Result<Fetched, FetchError> {
        let cache = &self.options.cache;
        let cached = |commit: &str| {
            let folder = cache.tree(repository, commit)?;
            Some(Fetched {
                folder,
                commit: commit.to_ascii_lowercase(),
            })
        };
        let remembered = || {
            let commit = cache.remembered(repository, git_ref)?;
            cached(&commit)
        };
        if is_commit(git_ref) {
            if let Some(found) = cached(git_ref) {
                return Ok(found);
            }
        } else if self.options.network != Network::Ask
            && let Some(found) = remembered()
        {
            return Ok(found);
        }
        if self.options.network == Network::Never {
            return Err(FetchError::NotCached);
        }
        let target = self
            .target(repository, git_ref)
            .map_err(|error| match error {
                FetchError::Transport { text, .. } => FetchError::Transport {
                    text,
                    cached: remembered().map(|found| found.commit),
                },
                other => other,
            })?;
        let folder = self.bring(repository, git_ref, &target)?;
        if target.name.is_some() {
            cache.remember(repository, git_ref, &target.commit)?;
        }
        Ok(Fetched {
            folder,
            commit: target.commit,
        })
    }

    fn target(&self, repository: &Repository, git_ref: &str) -> Result<Target, FetchError> {
        if is_commit(git_ref) {
            return Ok(Target {
                commit: git_ref.to_ascii_lowercase(),
                name: None,
            });
        }
        let refs = self.refs.get(repository.clone(), || {
            self.look_up(repository).map(Arc::new)
        })?;
        let found = |refs: &RemoteRefs| {
            let (name, commit) = refs.find(git_ref)?;
            Some(Target {
                commit: commit.to_owned(),
                name: Some(name.to_owned()),
            })
        };
        if let Some(target) = found(&refs) {
            return Ok(target);
        }
        // Neither a branch nor a tag: worth asking only where it may be the whole name of something else.
        let whole =
            git_ref == "HEAD" || git_ref.starts_with("refs/") || git_ref.starts_with("pull/");
        if whole && let Some(target) = found(&self.look_up_one(repository, git_ref)?) {
            return Ok(target);
        }
        let short = (7..40).contains(&git_ref.len())
            && git_ref.bytes().all(|byte| byte.is_ascii_hexdigit());
        if short {
            return Err(FetchError::ShortCommit {
                commit: refs.commit_starting(git_ref).map(str::to_owned),
            });
        }
        Err(FetchError::NoRef {
            near: refs.near(git_ref),
        })
    }

    fn look_up(&self, repository: &Repository) -> Result<RemoteRefs, FetchError> {
        let url = repository.url();
        self.list(repository, &["ls-remote", "--heads", "--tags", "--", &url])
    }

    fn look_up_one(
        &self,
        repository: &Repository,
        git_ref: &str,
    ) -> Result<RemoteRefs, FetchError> {
        let (url, below) = (repository.url(), format!("refs/{git_ref}"));
        self.list(repository, &["ls-remote", "--", &url, git_ref, &below])
    }

    fn list(&self, repository: &Repository, words: &[&str]) -> Result<RemoteRefs, FetchError> {
        let output = self.with_tries(repository, |credential| {
            self.lookups.fetch_add(1, Ordering::Relaxed);
            let arguments: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
            self.options.git.output(Call {
                arguments: &arguments,
                credential,
                limit: Some(LIMIT),
                ..Call::default()
            })
        })?;
        Ok(RemoteRefs::parse(&String::from_utf8_lossy(&output)))
    }

    /// Brings the files of a commit into the cache.
    fn bring(
        &self,
        repository: &Repository,
        git_ref: &str,
        target: &Target,
    ) -> Result<PathBuf, FetchError> {
        let cache = &self.options.cache;
        cache.fill(repository, &target.commit, |making| {
            (self.options.announce.0)(&format!("fetching {}@{git_ref}", repository.name()));
            self.init(making)?;
            self.fetch_commit(repository, target, making)?;
            self.unpack(&target.commit, making)
        })
    }

    fn fetch_commit(
        &self,
        repository: &Repository,
        target: &Target,
        making: &Making<'_>,
    ) -> Result<(), FetchError> {
        let url = repository.url();
        let fetch = |what: &[&str]| {
            let words = [
                &[
                    "fetch",
                    "--progress",
                    "--no-tags",
                    "--no-recurse-submodules",
                ],
                what,
            ]
            .concat();
            self.with_tries(repository, |credential| {
                self.fetches.fetch_add(1, Ordering::Relaxed);
                let arguments: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
                self.options.git.output(Call {
                    arguments: &arguments,
                    git_dir: Some(&making.scratch),
                    credential,
                    lock: Some(making.lock),
                    limit: Some(LIMIT),
                })
            })
            .map(drop)
        };
        let refused = match fetch(&["--depth=1", "--", &url, &target.commit]) {
            Err(FetchError::NoCommit) => target,
            other => return other,
        };
        // A server that gives no bare commits may give the ref that it belongs to.
        match &refused.name {
            Some(name) => fetch(&["--depth=1", "--", &url, name])?,
            None => fetch(&[
                "--",
                &url,
                "+refs/heads/*:refs/heads/*",
                "+refs/tags/*:refs/tags/*",
            ])?,
        }
        let commit = format!("{}^{{commit}}", target.commit);
        let words = ["cat-file", "-e", &commit].map(OsStr::new);
        self.options
            .git
            .output(Call {
                arguments: &words,
                git_dir: Some(&making.scratch),
                ..Call::default()
            })
            .map_or(Err(FetchError::NoCommit), |_| Ok(()))
    }

    /// As GitHub's archives are made: `export-ignore` and `export-subst` count.
    fn unpack(&self, commit: &str, making: &Making<'_>) -> Result<(), FetchError> {
        let words = ["archive", "--format=tar", commit].map(OsStr::new);
        let call = Call {
            arguments: &words,
            git_dir: Some(&making.scratch),
            lock: Some(making.lock),
            ..Call::default()
        };
        let unpacked = self
            .options
            .git
            .stream(call, |output| unpack_tar(output, &making.tree));
        Ok(unpacked?)
    }

    fn init(&self, making: &Making<'_>) -> Result<(), FetchError> {
        // The user's template may not get in.
        let words = ["init", "--quiet", "--bare", "--template=", "--"];
        let mut arguments: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        arguments.push(making.scratch.as_os_str());
        self.options.git.output(Call {
            arguments: &arguments,
            lock: Some(making.lock),
            ..Call::default()
        })?;
        Ok(())
    }

    /// Tries again after errors on the way, and without the token where the server does not like it.
    fn with_tries<T>(
        &self,
        repository: &Repository,
        mut attempt: impl FnMut(Option<&Credential>) -> Result<T, GitError>,
    ) -> Result<T, FetchError> {
        let mut credential = self.credential(repository);
        let mut token = TokenFate::None;
        let mut tries = 1;
        loop {
            let error = match attempt(credential) {
                Ok(done) => {
                    if token == TokenFate::Refused {
                        self.note_refusal(repository);
                    }
                    return Ok(done);
                }
                Err(error) => error,
            };
            match complaint(&error) {
                Some(Complaint::Refused | Complaint::NoRepository) if credential.is_some() => {
                    credential = None;
                    token = match self.led_elsewhere(repository) {
                        Some(url) => TokenFate::Kept(url),
                        None => TokenFate::Refused,
                    };
                }
                Some(Complaint::Other) if tries < TRIES => {
                    std::thread::sleep(self.pause(tries));
                    tries += 1;
                }
                _ => return Err(FetchError::of(error, token)),
            }
        }
    }

    fn credential(&self, repository: &Repository) -> Option<&Credential> {
        if lock(&self.refused).contains(repository) {
            return None;
        }
        let mut all = self.options.credentials.iter();
        let found = all.find(|(server, _)| server.trim_end_matches('/') == repository.server)?;
        Some(&found.1)
    }

    /// The address that git's configuration puts in place of the repository's, if it is another server's.
    fn led_elsewhere(&self, repository: &Repository) -> Option<String> {
        let url = repository.url();
        let words = ["ls-remote", "--get-url", "--", &url].map(OsStr::new);
        let said = self.options.git.output(Call {
            arguments: &words,
            ..Call::default()
        });
        let real = String::from_utf8(said.ok()?).ok()?.trim().to_owned();
        (!real.starts_with(&repository.server)).then_some(real)
    }

    fn note_refusal(&self, repository: &Repository) {
        lock(&self.refused).insert(repository.clone());
        let note = format!(
            "{} refuses GITHUB_TOKEN (is it expired?): fetching without it, which is enough for public repositories",
            repository.server
        );
        let mut notes = lock(&self.notes);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Twice as long each time, and up to half of that more, so that many do not come back at once.
    fn pause(&self, tries: u32) -> Duration {
        let base = self.options.back_off * tries;
        let random = std::hash::RandomState::new().hash_one(tries) % 512;
        base + base * u32::try_from(random).unwrap_or_default() / 1024
    }
}

fn complaint(error: &GitError) -> Option<Complaint> {
    match error {
        GitError::Failed { meaning, .. } => Some(*meaning),
        GitError::TimedOut(_) => Some(Complaint::Other),
        GitError::Start(_) | GitError::Output(_) => None,
    }
}

fn unpack_tar(output: &mut dyn io::Read, tree: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(&mut *output);
    archive.set_preserve_mtime(false);
    archive.unpack(tree)?;
    // git is not to be cut off before its last padding.
    io::copy(output, &mut io::sink())?;
    Ok(())
}
