//! The merge of two commits, made in a repository of lrun's own: the user's is only read.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use git2::{Commit, Index, MergeOptions, Oid, Repository, RepositoryInitOptions, Signature};
use sha2::{Digest as _, Sha256};

use super::{Repo, RepoError};

/// Settings that decide what a file is to git; the merge reads none of the user's others.
const SETTINGS: [&str; 5] = [
    "core.autocrlf",
    "core.eol",
    "core.filemode",
    "core.symlinks",
    "core.ignorecase",
];

/// A merge commit, and the bare repository that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    pub commit: Oid,
    pub store: PathBuf,
}

/// How two commits may be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merging {
    Done(Merged),
    /// They share no ancestor that is here.
    Unrelated,
}

impl Repo {
    /// Merges `head` into `base` as GitHub does for a pull request. The same two commits give the same commit.
    ///
    /// `cache` is the folder for repositories of lrun's own; a conflict is an error that names the files.
    pub fn merge(&self, cache: &Path, base: Oid, head: Oid) -> Result<Merging, RepoError> {
        if self.merge_base(base, head).is_none() {
            return Ok(Merging::Unrelated);
        }
        let store = self.open_store(cache)?;
        let doing = "can not merge the pull request";
        let find = |id| store.find_commit(id).map_err(RepoError::git(doing));
        let (base, head) = (find(base)?, find(head)?);
        let mut index = store
            .merge_commits(&base, &head, Some(&MergeOptions::new()))
            .map_err(RepoError::git(doing))?;
        if index.has_conflicts() {
            return Err(RepoError::Conflict {
                base: base.id().to_string(),
                head: head.id().to_string(),
                files: conflicts(&index),
            });
        }
        let commit = index
            .write_tree_to(&store)
            .and_then(|tree| store.find_tree(tree))
            .and_then(|tree| {
                let (author, committer) = people(&head)?;
                let message = format!("Merge {} into {}", head.id(), base.id());
                store.commit(None, &author, &committer, &message, &tree, &[&base, &head])
            })
            .map_err(RepoError::git(doing))?;
        Ok(Merging::Done(Merged {
            commit,
            store: store.path().to_path_buf(),
        }))
    }

    /// The bare repository for merges of this one: objects borrowed, the border of a shallow clone and the rules for
    /// files copied.
    fn open_store(&self, cache: &Path) -> Result<Repository, RepoError> {
        let common = self.common_dir();
        let common = common
            .canonicalize()
            .unwrap_or_else(|_| common.to_path_buf());
        let digest = Sha256::digest(common.as_os_str().as_encoded_bytes());
        let folder = cache.join("merges").join(hex::encode(&digest[..16]));
        // Two runs at once make it once.
        let _lock = lock(&folder)?;
        let put = |name: &str, text: &[u8]| write(&folder.join(name), text);
        let mut objects = common.join("objects").into_os_string().into_encoded_bytes();
        objects.push(b'\n');
        put("objects/info/alternates", &objects)?;
        for name in ["shallow", "info/attributes"] {
            match fs::read(common.join(name)) {
                Ok(text) => put(name, &text)?,
                Err(_) => remove(&folder.join(name))?,
            }
        }
        let doing = "can not make the repository for merges";
        let mut init = RepositoryInitOptions::new();
        init.bare(true).external_template(false);
        let store = Repository::open_bare(&folder)
            .or_else(|_| Repository::init_opts(&folder, &init))
            .map_err(RepoError::git(doing))?;
        self.copy_settings(&store).map_err(RepoError::git(doing))?;
        Ok(store)
    }

    fn copy_settings(&self, store: &Repository) -> Result<(), git2::Error> {
        let mut config = store.config()?.open_level(git2::ConfigLevel::Local)?;
        for name in SETTINGS {
            let wanted = self.config(name);
            if let Some(value) = wanted
                && config.get_string(name).ok().as_ref() != Some(&value)
            {
                config.set_str(name, &value)?;
            }
        }
        Ok(())
    }
}

/// Holds a folder, which is made, for one lrun.
fn lock(folder: &Path) -> Result<File, RepoError> {
    let path = folder.join("lock");
    let locked = || {
        fs::create_dir_all(folder)?;
        let mut options = File::options();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        file.lock()?;
        Ok(file)
    };
    locked().map_err(|source| RepoError::Write {
        path: path.clone(),
        source,
    })
}

/// Author and committer: those of the head, at its time, so that the commit is always the same.
fn people(head: &Commit<'_>) -> Result<(Signature<'static>, Signature<'static>), git2::Error> {
    let time = head.committer().when();
    let author = head.author();
    let name = String::from_utf8_lossy(author.name_bytes()).into_owned();
    let email = String::from_utf8_lossy(author.email_bytes()).into_owned();
    let committer = Signature::new("GitHub", "noreply@github.com", &time)?;
    // git takes no empty name, though old commits have some.
    let author = Signature::new(&name, &email, &time).unwrap_or_else(|_| committer.to_owned());
    Ok((author, committer))
}

fn conflicts(index: &Index) -> Vec<String> {
    let mut files = BTreeSet::new();
    for conflict in index.conflicts().into_iter().flatten().flatten() {
        let sides = [conflict.our, conflict.their, conflict.ancestor];
        if let Some(side) = sides.into_iter().flatten().next() {
            files.insert(String::from_utf8_lossy(&side.path).into_owned());
        }
    }
    files.into_iter().collect()
}

/// Writes a file whole or not at all, and only where it says something else: others may be reading.
fn write(path: &Path, text: &[u8]) -> Result<(), RepoError> {
    if fs::read(path).is_ok_and(|known| known == text) {
        return Ok(());
    }
    let failed = |source| RepoError::Write {
        path: path.to_path_buf(),
        source,
    };
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut half = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut half, text).map_err(failed)?;
    half.persist(path)
        .map(drop)
        .map_err(|error| failed(error.error))
}

fn remove(path: &Path) -> Result<(), RepoError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(RepoError::Write {
            path: path.to_path_buf(),
            source,
        }),
        _ => Ok(()),
    }
}
