//! The snapshots on disk: one store for each root and way of seeing it, with one generation for each state.
//!
//! ```text
//! <root and way>/lock        held by the lrun that brings the store up to date
//! <root and way>/7/tree      the files        7/manifest   what they are
//!                7/lock      held shared by every run that reads the generation
//!                half-…      being made, or left by a crash
//! ```

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::entry::{Entry, Stat};
use super::manifest::Manifest;
use super::place::{self, How};
use super::snapshot::bring;
use super::{Content, Options, Result, io};

/// A state of the tree, complete on disk and locked by us.
pub(super) struct Generation {
    pub number: u64,
    pub folder: PathBuf,
    pub manifest: Manifest,
    pub lock: File,
}

impl Generation {
    fn manifest_file(&self) -> PathBuf {
        self.folder.join("manifest")
    }

    /// There while the generation is brought up to date in place: a crash leaves it, and the state is void.
    fn updating_file(&self) -> PathBuf {
        self.folder.join("updating")
    }
}

/// The generations of one root, seen in one way.
pub(super) struct Store {
    folder: PathBuf,
    /// One lrun at a time brings the snapshot up to date.
    _lock: File,
}

impl Store {
    pub(super) fn lock(options: &Options) -> Result<Self> {
        let folder = folder_of(options);
        fs::create_dir_all(&folder).map_err(io("make", &folder))?;
        place::keep_private(&folder).map_err(io("protect", &folder))?;
        let path = folder.join("lock");
        let lock = open_lock(&path)?;
        lock.lock().map_err(io("lock", &path))?;
        let store = Self {
            folder,
            _lock: lock,
        };
        store.remove_halves()?;
        Ok(store)
    }

    /// The time that the file system would give to a file written now.
    pub(super) fn clock(&self) -> Result<i64> {
        let path = self.folder.join("clock");
        fs::write(&path, b"").map_err(io("write", &path))?;
        let metadata = fs::metadata(&path).map_err(io("read", &path))?;
        Ok(Stat::of(&metadata).mtime)
    }

    fn children(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut children = Vec::new();
        for child in fs::read_dir(&self.folder).map_err(io("read", &self.folder))? {
            let child = child.map_err(io("read", &self.folder))?;
            children.push((
                child.file_name().to_string_lossy().into_owned(),
                child.path(),
            ));
        }
        Ok(children)
    }

    /// Removes what an interrupted build left; we hold the lock, so nobody is building.
    fn remove_halves(&self) -> Result<()> {
        for (name, path) in self.children()? {
            if name.starts_with("half-") {
                place::remove(&path)?;
            }
        }
        Ok(())
    }

    fn numbers(&self) -> Result<Vec<u64>> {
        let mut numbers: Vec<u64> = self
            .children()?
            .iter()
            .filter_map(|(name, _)| name.parse().ok())
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The newest generation that is whole.
    pub(super) fn newest(&self) -> Result<Option<Generation>> {
        for number in self.numbers()?.into_iter().rev() {
            let folder = self.folder.join(number.to_string());
            let Some(manifest) = Manifest::read(&folder.join("manifest")) else {
                continue;
            };
            let generation = Generation {
                number,
                manifest,
                lock: open_lock(&folder.join("lock"))?,
                folder,
            };
            if !generation.updating_file().exists() {
                return Ok(Some(generation));
            }
        }
        Ok(None)
    }

    pub(super) fn update(
        &self,
        options: &Options,
        newest: Option<Generation>,
        manifest: Manifest,
    ) -> Result<Generation> {
        let Some(mut last) = newest else {
            let number = self.numbers()?.last().map_or(1, |number| number + 1);
            return self.build(options, number, None, manifest);
        };
        let change = Change::between(&last.manifest, &manifest);
        if change.is_empty() {
            if last.manifest.entries != manifest.entries {
                manifest.write(&last.manifest_file())?;
            }
            last.manifest = manifest;
            return Ok(last);
        }
        if last.lock.try_lock().is_ok() {
            let updating = last.updating_file();
            fs::write(&updating, b"").map_err(io("write", &updating))?;
            let folder = last.folder.join("tree");
            change.clear(&folder)?;
            let gone = bring(options, &manifest.entries, &change.fresh, &folder)?;
            drop(change);
            let manifest = without(manifest, &gone);
            manifest.write(&last.manifest_file())?;
            fs::remove_file(&updating).map_err(io("remove", &updating))?;
            last.manifest = manifest;
            return Ok(last);
        }
        drop(change);
        self.build(options, last.number + 1, Some(&last), manifest)
    }

    /// Makes a generation under a name that nobody takes for whole, then gives it its number.
    fn build(
        &self,
        options: &Options,
        number: u64,
        last: Option<&Generation>,
        manifest: Manifest,
    ) -> Result<Generation> {
        let half = self.folder.join(format!("half-{number}"));
        let folder = half.join("tree");
        fs::create_dir_all(&folder).map_err(io("make", &folder))?;
        let nothing = Manifest::default();
        let (old, kept) = match last {
            Some(last) => (last.folder.join("tree"), &last.manifest),
            None => (PathBuf::new(), &nothing),
        };
        let change = Change::between(kept, &manifest);
        place::place(&change.same, &old, &folder, How::HardLink, false)?;
        let gone = bring(options, &manifest.entries, &change.fresh, &folder)?;
        drop(change);
        let manifest = without(manifest, &gone);
        manifest.write(&half.join("manifest"))?;
        let lock = open_lock(&half.join("lock"))?;
        let whole = self.folder.join(number.to_string());
        place::remove(&whole)?;
        fs::rename(&half, &whole).map_err(io("rename", &half))?;
        Ok(Generation {
            number,
            folder: whole,
            manifest,
            lock,
        })
    }

    /// Removes the generations that no run uses any more; what fails now succeeds later.
    pub(super) fn sweep(&self, newest: u64) {
        for number in self.numbers().unwrap_or_default() {
            let folder = self.folder.join(number.to_string());
            if number == newest
                || !open_lock(&folder.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok())
            {
                continue;
            }
            let half = self.folder.join(format!("half-old-{number}"));
            if fs::rename(&folder, &half).is_ok() {
                // What cannot be removed now is a half build to the next run.
                place::remove(&half).ok();
            }
        }
    }
}

fn open_lock(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(io("open", path))
}

fn without(mut manifest: Manifest, gone: &[Vec<u8>]) -> Manifest {
    if !gone.is_empty() {
        manifest.entries.retain(|entry| !gone.contains(&entry.path));
    }
    manifest
}

/// What leads from one state to the next.
struct Change<'m> {
    same: Vec<&'m Entry>,
    fresh: Vec<&'m Entry>,
    /// Of the old state: changed or gone.
    stale: Vec<Entry>,
}

impl<'m> Change<'m> {
    fn between(old: &Manifest, new: &'m Manifest) -> Self {
        let mut change = Self {
            same: Vec::with_capacity(new.entries.len()),
            fresh: Vec::new(),
            stale: Vec::new(),
        };
        let filters = old.filters == new.filters;
        // Both are sorted: one walk through both.
        let mut before = old.entries.iter().peekable();
        for entry in &new.entries {
            while let Some(gone) = before.next_if(|known| known.path < entry.path) {
                change.stale.push(gone.clone());
            }
            let known = before.next_if(|known| known.path == entry.path);
            if known.is_some_and(|known| {
                known.same_content(entry) && old.trusts(known) && (filters || !entry.from_git)
            }) {
                change.same.push(entry);
            } else {
                change.stale.extend(known.cloned());
                change.fresh.push(entry);
            }
        }
        change.stale.extend(before.cloned());
        change
    }

    fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.stale.is_empty()
    }

    /// Removes what is stale, and the folders that it leaves empty.
    fn clear(&self, folder: &Path) -> Result<()> {
        for entry in &self.stale {
            let path = entry.file_path(folder);
            place::remove(&path)?;
            let mut parent = path.parent();
            while let Some(at) = parent.filter(|at| *at != folder) {
                if fs::remove_dir(at).is_err() {
                    break;
                }
                parent = at.parent();
            }
        }
        Ok(())
    }
}

/// Where the snapshots of a tree lie, and nothing else.
pub fn folder_of(options: &Options) -> PathBuf {
    options.cache.join(name_of(options))
}

/// One name for each root and way of seeing it.
fn name_of(options: &Options) -> String {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    let path = |path: &Path| path.as_os_str().as_encoded_bytes().to_vec();
    part(&path(&options.root));
    part(&path(
        options.git_dir.as_deref().unwrap_or_else(|| Path::new("")),
    ));
    let content: &[u8] = match (options.content, options.with_ignored) {
        (Content::WorkingTree, false) => b"tree",
        (Content::WorkingTree, true) => b"all",
        (Content::Staged, _) => b"staged",
        (Content::Clean, _) => b"clean",
    };
    part(content);
    for excluded in &options.exclude {
        part(&path(excluded));
    }
    hex::encode(&hasher.finalize()[..16])
}
