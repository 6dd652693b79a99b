//! The snapshot of the user's tree in lrun's cache: brought up to date by stat, one generation for each state.
//!
//! A generation is never written to while a run uses it. One that nobody uses is brought up to date in place;
//! otherwise the next is made beside it, and what did not change is hard-linked from the last.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::Oid;

use super::entry::{Entry, Kind};
use super::manifest::Manifest;
use super::place::{self, How};
use super::scan::{Changes, Scan};
use super::source::Source;
use super::store::Store;
use super::{Options, Result, WorkspaceError, io, tree};

/// The workspace's content, fixed for a run.
#[derive(Debug, Clone)]
pub struct Snapshot(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    entries: Vec<Entry>,
    changes: Changes,
    head: Option<Oid>,
    /// Set where the files are still the user's own: then it says how to read them.
    direct: Option<Options>,
    /// Held shared for as long as somebody may read the generation.
    _generation: Option<File>,
}

impl Snapshot {
    /// Brings the snapshot in the cache up to date.
    pub fn prepare(options: &Options) -> Result<Self> {
        let store = Store::lock(options)?;
        let stamp = store.clock()?;
        let newest = store.newest()?;
        let scan = Scan::take(options, newest.as_ref().map(|g| &g.manifest))?;
        let manifest = Manifest {
            stamp,
            filters: scan.filters,
            entries: scan.entries,
        };
        let generation = store.update(options, newest, manifest)?;
        store.sweep(generation.number);
        generation
            .lock
            .lock_shared()
            .map_err(io("lock", &generation.folder))?;
        Ok(Self(Arc::new(Inner {
            folder: generation.folder.join("tree"),
            entries: generation.manifest.entries,
            changes: scan.changes,
            head: scan.head,
            direct: None,
            _generation: Some(generation.lock),
        })))
    }

    /// Lists the user's tree only: the cheapest way where a run has one checkout and copies it at once.
    pub fn direct(options: &Options) -> Result<Self> {
        let scan = Scan::take(options, None)?;
        Ok(Self(Arc::new(Inner {
            folder: options.root.clone(),
            entries: scan.entries,
            changes: scan.changes,
            head: scan.head,
            direct: Some(options.clone()),
            _generation: None,
        })))
    }

    /// The folder that holds the content; to be read only. A direct snapshot's is the user's root.
    pub fn path(&self) -> &Path {
        &self.0.folder
    }

    /// What the workspace holds beyond the commit, counted.
    pub fn changes(&self) -> &Changes {
        &self.0.changes
    }

    /// Brings the content into a folder, by reflink or copy.
    pub fn materialize(&self, dest: &Path) -> Result<()> {
        let entries: Vec<&Entry> = self.0.entries.iter().collect();
        self.place(&entries, dest).map(drop)
    }

    /// Brings some of the entries into a folder; gives those that vanished from the user's tree meanwhile.
    pub(super) fn place(&self, entries: &[&Entry], dest: &Path) -> Result<Vec<Vec<u8>>> {
        let Some(options) = &self.0.direct else {
            return place::place(entries, &self.0.folder, dest, How::Copy, false);
        };
        bring(options, &self.0.entries, entries, dest)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.0.entries
    }

    /// The commit that the content was compared with.
    pub(super) fn head(&self) -> Option<Oid> {
        self.0.head
    }
}

/// Brings entries from where they come from: the user's tree or the object database.
pub(super) fn bring(
    options: &Options,
    all: &[Entry],
    some: &[&Entry],
    dest: &Path,
) -> Result<Vec<Vec<u8>>> {
    // Files first: an attributes file among them decides how the others are written.
    let (stored, files): (Vec<&Entry>, Vec<&Entry>) =
        some.iter().copied().partition(|e| e.from_git);
    let gone = place::place(&files, &options.root, dest, How::Copy, true)?;
    if !stored.is_empty()
        && let Some(source) = Source::open(options)?
    {
        tree::write(&source, all, &stored, dest)?;
    }
    Ok(gone)
}

/// The files of a commit.
pub(super) fn commit_entries(source: &Source, commit: Oid) -> Result<Vec<Entry>> {
    let found = source
        .repo
        .find_commit(commit)
        .map_err(|_| WorkspaceError::UnknownCommit(commit.to_string()))?;
    match source.tree_of(&found)? {
        Some(tree) => tree::entries(source, &tree),
        None => Ok(Vec::new()),
    }
}

/// Brings some files of a commit into a folder.
pub(super) fn bring_commit(
    source: &Source,
    all: &[Entry],
    some: &[&Entry],
    dest: &Path,
) -> Result<()> {
    tree::write(source, all, some, dest)?;
    for entry in some.iter().filter(|entry| entry.kind == Kind::Submodule) {
        let folder = entry.file_path(dest);
        fs::create_dir_all(&folder).map_err(io("make", &folder))?;
    }
    Ok(())
}
