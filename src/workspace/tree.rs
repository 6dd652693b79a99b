//! Content out of git's object database: listed, and written with git's checkout filters.

use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{Index, IndexEntry, IndexTime, Oid, Repository, RepositoryInitOptions, Tree};

use super::entry::{Entry, Kind, Stat, path_of};
use super::source::Source;
use super::{Result, git, io, place};

/// Settings that decide how git writes files.
pub(super) const FILTER_SETTINGS: [&str; 5] = [
    "core.autocrlf",
    "core.eol",
    "core.filemode",
    "core.symlinks",
    "core.ignorecase",
];

pub(super) fn entry(path: Vec<u8>, mode: u32, blob: Oid) -> Entry {
    Entry {
        path,
        kind: Kind::of_mode(mode),
        stat: Stat::default(),
        blob,
        lfs: false,
        from_git: true,
    }
}

/// The files of a tree, sorted by path.
pub(super) fn entries(source: &Source, tree: &Tree<'_>) -> Result<Vec<Entry>> {
    let mut index = Index::new().map_err(source.error())?;
    index.read_tree(tree).map_err(source.error())?;
    let mut entries: Vec<Entry> = index
        .iter()
        .map(|indexed| entry(indexed.path, indexed.mode, indexed.id))
        .collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// Everything besides the blobs that decides what `write` writes.
pub(super) fn filters_key(source: &Source, entries: &[Entry]) -> Vec<u8> {
    let mut key = Vec::new();
    for name in FILTER_SETTINGS {
        key.extend_from_slice(
            source
                .config
                .get_string(name)
                .unwrap_or_default()
                .as_bytes(),
        );
        key.push(0);
    }
    let own = source.repo.commondir().join("info/attributes");
    key.extend(std::fs::read(own).unwrap_or_default());
    for entry in entries
        .iter()
        .filter(|entry| entry.path.ends_with(b".gitattributes"))
    {
        key.extend_from_slice(&entry.path);
        key.extend_from_slice(entry.blob.as_bytes());
    }
    key
}

pub(super) fn index_entry(entry: &Entry) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: entry.kind.git_mode(),
        uid: 0,
        gid: 0,
        file_size: 0,
        id: entry.blob,
        flags: 0,
        flags_extended: 0,
        path: entry.path.clone(),
    }
}

/// Writes some of the entries, all of which say how the attributes read, as `git checkout` would.
pub(super) fn write(source: &Source, all: &[Entry], some: &[&Entry], dest: &Path) -> Result<()> {
    std::fs::create_dir_all(dest).map_err(io("make", dest))?;
    if some.is_empty() {
        return Ok(());
    }
    let scratch = tempfile::tempdir().map_err(io("make", dest))?;
    let mut index = Index::new().map_err(source.error())?;
    // Attributes count also where their own file is not from git.
    let counts = |entry: &&Entry| {
        entry.from_git || entry.path.ends_with(b".gitattributes") && !entry.blob.is_zero()
    };
    for entry in all.iter().filter(counts) {
        index.add(&index_entry(entry)).map_err(source.error())?;
    }
    checkout(source, scratch.path(), &mut index, some, dest).map_err(git(dest))?;
    for entry in some {
        if matches!(entry.kind, Kind::File | Kind::Executable) {
            let file = entry.file_path(dest);
            place::set_mode(&file, entry.kind).map_err(io("write", &file))?;
        }
    }
    Ok(())
}

/// A scratch repository borrows the objects, so nothing of the user's is touched.
fn checkout(
    source: &Source,
    scratch: &Path,
    index: &mut Index,
    some: &[&Entry],
    dest: &Path,
) -> std::result::Result<(), git2::Error> {
    let mut init = RepositoryInitOptions::new();
    init.bare(true).external_template(false);
    let repo = Repository::init_opts(scratch, &init)?;
    let mut config = repo.config()?.open_level(git2::ConfigLevel::Local)?;
    for name in FILTER_SETTINGS {
        if let Ok(value) = source.config.get_string(name) {
            config.set_str(name, &value)?;
        }
    }
    let attributes = source.repo.commondir().join("info/attributes");
    if attributes.exists() {
        let info = scratch.join("info");
        let copied = std::fs::create_dir_all(&info)
            .and_then(|()| std::fs::copy(attributes, info.join("attributes")));
        copied.map_err(|error| git2::Error::from_str(&error.to_string()))?;
    }
    for objects in source.objects() {
        repo.odb()?.add_disk_alternate(&objects.to_string_lossy())?;
    }
    repo.set_workdir(dest, false)?;
    repo.set_index(index)?;
    let mut options = CheckoutBuilder::new();
    options
        .force()
        .update_index(false)
        .refresh(false)
        .disable_pathspec_match(true);
    if some.len() < index.len() {
        for entry in some {
            options.path(path_of(&entry.path));
        }
    }
    repo.checkout_index(Some(index), Some(&mut options))
}
