//! Fetched repositories on disk: one folder a commit, whole or not there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Says that an entry is whole; written last, removed first.
const COMPLETE: &str = "complete";
const TREE: &str = "tree";

/// `<cache>/<host>/<owner>/<repo>/<commit>/tree`.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// A repository of a server.
#[derive(Debug, Clone)]
pub struct Repository {
    /// `https://github.com`.
    pub server: String,
    pub owner: String,
    pub repo: String,
    key: String,
}

impl PartialEq for Repository {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Repository {}

impl std::hash::Hash for Repository {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl Repository {
    /// `None` for names that no repository can have.
    pub fn new(server: &str, owner: &str, repo: &str) -> Option<Self> {
        let sound = |name: &str| {
            !name.is_empty()
                && !name.starts_with(['.', '-'])
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        // `.github` is a repository that many owners have.
        let sound_repo = |name: &str| sound(name.strip_prefix('.').unwrap_or(name));
        if !sound(owner) || !sound_repo(repo) {
            return None;
        }
        let server = server.trim_end_matches('/');
        let place = server.split_once("://").map_or(server, |(_, place)| place);
        let host: String = place
            .chars()
            .map(|c| match c {
                'a'..='z' | '0'..='9' | '-' | '.' => c,
                'A'..='Z' => c.to_ascii_lowercase(),
                _ => '_',
            })
            .collect();
        let host = host.trim_start_matches('.');
        Some(Self {
            key: format!("{host}/{owner}/{repo}").to_ascii_lowercase(),
            server: server.to_owned(),
            owner: owner.to_owned(),
            repo: repo.to_owned(),
        })
    }

    pub fn url(&self) -> String {
        format!("{}/{}/{}", self.server, self.owner, self.repo)
    }

    /// `owner/repo`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.owner, self.repo)
    }
}

/// Whether a ref is a commit's full name.
pub fn is_commit(git_ref: &str) -> bool {
    git_ref.len() == 40 && git_ref.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Cache {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    fn of(&self, repository: &Repository) -> PathBuf {
        self.folder.join(&repository.key)
    }

    /// The files of a commit, if it is here.
    pub fn tree(&self, repository: &Repository, commit: &str) -> Option<PathBuf> {
        complete(&self.of(repository).join(commit.to_ascii_lowercase())).then(|| {
            let folder = self.of(repository).join(commit.to_ascii_lowercase());
            folder.join(TREE)
        })
    }

    /// The files of a commit; where they are not here, `make` brings them into an empty folder that it is given, or
    /// nothing comes to be.
    ///
    /// Only one process at a time makes an entry; `make` passes the lock on to the programs that it starts, since
    /// these may outlive it.
    pub fn fill<E: From<io::Error>>(
        &self,
        repository: &Repository,
        commit: &str,
        make: impl FnOnce(&Making<'_>) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        let commit = commit.to_ascii_lowercase();
        if let Some(tree) = self.tree(repository, &commit) {
            return Ok(tree);
        }
        let folder = self.of(repository);
        fill(&folder, &commit, make)?;
        Ok(folder.join(commit).join(TREE))
    }

    /// Notes which commit a ref was, for when nobody can be asked.
    pub fn remember(&self, repository: &Repository, git_ref: &str, commit: &str) -> io::Result<()> {
        let file = self.note(repository, git_ref);
        let text = format!("{commit} {git_ref}\n");
        if fs::read_to_string(&file).is_ok_and(|known| known == text) {
            return Ok(());
        }
        let folder = file.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        let new = tempfile::NamedTempFile::new_in(folder)?;
        fs::write(new.path(), text)?;
        new.persist(&file).map_err(|error| error.error)?;
        Ok(())
    }

    /// Which commit a ref was when it was fetched last.
    pub fn remembered(&self, repository: &Repository, git_ref: &str) -> Option<String> {
        let text = fs::read_to_string(self.note(repository, git_ref)).ok()?;
        let (commit, name) = text.trim_end().split_once(' ')?;
        (is_commit(commit) && name == git_ref).then(|| commit.to_owned())
    }

    /// A ref may be longer than a file's name, and hold `/`.
    fn note(&self, repository: &Repository, git_ref: &str) -> PathBuf {
        let name = hex::encode(Sha256::digest(git_ref.as_bytes()));
        self.of(repository).join("refs").join(&name[..32])
    }
}

/// An entry while it is made.
#[derive(Debug)]
pub struct Making<'a> {
    /// For what is needed on the way.
    pub scratch: PathBuf,
    /// What stays.
    pub tree: PathBuf,
    pub lock: &'a File,
}

fn complete(entry: &Path) -> bool {
    entry.join(COMPLETE).is_file()
}

/// Makes `folder/name` under a lock, by a rename.
pub(super) fn fill<E: From<io::Error>>(
    folder: &Path,
    name: &str,
    make: impl FnOnce(&Making<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let entry = folder.join(name);
    let locks = folder.join("locks");
    fs::create_dir_all(&locks)?;
    // A lock file is never removed: another process may wait for it.
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(locks.join(name))?;
    lock.lock()?;
    if complete(&entry) {
        return Ok(());
    }
    let part = folder.join(format!("{name}.part"));
    remove(&part)?;
    remove(&entry)?;
    let making = Making {
        scratch: part.join("scratch"),
        tree: part.join(TREE),
        lock: &lock,
    };
    let result = fs::create_dir_all(&making.scratch)
        .and_then(|()| fs::create_dir(&making.tree))
        .map_err(E::from)
        .and_then(|()| make(&making));
    if let Err(error) = result {
        // The next one removes what can not be removed now.
        drop(remove(&part));
        return Err(error);
    }
    remove(&making.scratch)?;
    File::create(part.join(COMPLETE))?.sync_all()?;
    fs::rename(&part, &entry)?;
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn repository() -> Repository {
        Repository::new("https://github.com", "Owner", "repo").unwrap()
    }

    fn put(making: &Making<'_>) -> io::Result<()> {
        fs::write(making.tree.join("a"), "a")
    }

    #[test]
    fn names_that_lead_elsewhere_are_no_repositories() {
        for (owner, repo) in [
            ("..", "r"),
            ("o", ".."),
            ("o", "."),
            ("-o", "r"),
            ("o", ""),
            ("o", "a b"),
            ("o", "a/b"),
        ] {
            assert!(
                Repository::new("https://h", owner, repo).is_none(),
                "{owner}/{repo}"
            );
        }
        assert!(Repository::new("https://h", "o", ".github").is_some());
        let lower = Repository::new("https://GITHUB.com/", "owner", "REPO").unwrap();
        assert_eq!(lower, repository());
        assert_ne!(
            Repository::new("https://h:1", "owner", "repo").unwrap(),
            repository()
        );
    }

    #[test]
    fn an_entry_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let repository = repository();
        let failed = cache.fill(&repository, COMMIT, |making| {
            put(making)?;
            Err(io::Error::other("no"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert_eq!(cache.tree(&repository, COMMIT), None);
        // What a killed process leaves.
        let home = folder.path().join("github.com/owner/repo");
        fs::create_dir_all(home.join(format!("{COMMIT}.part/tree"))).unwrap();
        fs::write(home.join(format!("{COMMIT}.part/tree/b")), "b").unwrap();
        fs::create_dir_all(home.join(COMMIT)).unwrap();
        assert_eq!(cache.tree(&repository, COMMIT), None);
        let tree = cache.fill(&repository, COMMIT, put).unwrap();
        let names: Vec<_> = fs::read_dir(&tree)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["a"]);
        assert_eq!(cache.tree(&repository, &COMMIT.to_uppercase()), Some(tree));
        cache
            .fill(&repository, COMMIT, |_| Err(io::Error::other("made twice")))
            .unwrap();
    }

    #[test]
    fn an_entry_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let made = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    Cache::new(folder.path()).fill(&repository(), COMMIT, |making| {
                        made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        put(making)
                    })
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn refs_are_remembered_by_their_whole_name() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let repository = repository();
        let other = COMMIT.replace('0', "f");
        cache.remember(&repository, "feat/../x", COMMIT).unwrap();
        cache.remember(&repository, "feat/../X", &other).unwrap();
        assert_eq!(
            cache.remembered(&repository, "feat/../x").as_deref(),
            Some(COMMIT)
        );
        assert_eq!(
            cache.remembered(&repository, "feat/../X"),
            Some(other.clone())
        );
        assert_eq!(cache.remembered(&repository, "feat"), None);
        cache.remember(&repository, "feat/../x", &other).unwrap();
        assert_eq!(cache.remembered(&repository, "feat/../x"), Some(other));
    }
}
