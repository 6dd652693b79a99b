//! Which tracked files equal their blob in the index: the index's stat and the manifest spare the reading.

use std::collections::HashSet;
use std::fs;

use git2::{DiffOptions, IndexEntry, ObjectType, Oid};

use super::entry::{Entry, Kind, bytes_of, path_of};
use super::lfs;
use super::manifest::Manifest;
use super::source::{Source, is_intent_to_add};
use super::tracked::Tracked;

/// Finds out for every tracked file whether it equals its blob in the index, reading as few as possible.
pub(super) fn judge(
    source: &Source,
    tracked: &Tracked,
    found: &mut [Entry],
    known: Option<&Manifest>,
) {
    let attributes = lfs::Attributes::new(
        &source.repo,
        &source.top,
        tracked.entries.values().map(|entry| entry.path.as_slice()),
    );
    let mut doubtful = HashSet::new();
    for entry in found.iter_mut() {
        let Some(indexed) = tracked.entries.get(&entry.path) else {
            continue;
        };
        if entry.from_git || is_intent_to_add(indexed) {
            continue;
        }
        if entry.kind == Kind::Submodule {
            entry.blob = indexed.id;
            continue;
        }
        entry.lfs = entry.kind != Kind::Symlink && attributes.is_lfs(&indexed.path);
        let remembered = || {
            known.is_some_and(|known| {
                known.find(&entry.path).is_some_and(|old| {
                    known.trusts(old) && old.same_content(entry) && old.blob == indexed.id
                })
            })
        };
        if tracked.proves(indexed, entry.kind, &entry.stat)
            || remembered()
            || equals_raw(source, indexed, entry)
        {
            entry.blob = indexed.id;
        } else if entry.kind != Kind::Symlink && !entry.lfs && entry.kind.git_mode() == indexed.mode
        {
            doubtful.insert(indexed.path.clone());
        }
    }
    if doubtful.is_empty() || !converts(source, tracked) {
        return;
    }
    let changed = changed_after_filters(source, tracked, &doubtful);
    for entry in found.iter_mut() {
        if let Some(indexed) = tracked.entries.get(&entry.path)
            && doubtful.contains(&indexed.path)
            && !changed.contains(&indexed.path)
        {
            entry.blob = indexed.id;
        }
    }
}

/// Whether the content as it stands, or its LFS pointer, is the blob.
fn equals_raw(source: &Source, indexed: &IndexEntry, entry: &Entry) -> bool {
    if entry.kind.git_mode() != indexed.mode {
        return false;
    }
    let file = source.top.join(path_of(&indexed.path));
    let hashed = match entry.kind {
        Kind::Symlink => fs::read_link(&file).ok().and_then(|target| {
            Oid::hash_object(ObjectType::Blob, bytes_of(target.as_os_str())).ok()
        }),
        _ if entry.lfs => lfs::pointer_of(&file)
            .ok()
            .and_then(|pointer| Oid::hash_object(ObjectType::Blob, &pointer).ok()),
        _ => Oid::hash_file(ObjectType::Blob, &file).ok(),
    };
    hashed == Some(indexed.id)
}

/// Whether git may store something else than what stands in the files.
fn converts(source: &Source, tracked: &Tracked) -> bool {
    let autocrlf = source
        .config
        .get_string("core.autocrlf")
        .unwrap_or_default();
    matches!(autocrlf.as_str(), "true" | "input")
        || source.repo.commondir().join("info/attributes").exists()
        || tracked
            .entries
            .values()
            .any(|entry| entry.path.ends_with(b".gitattributes"))
}

fn changed_after_filters(
    source: &Source,
    tracked: &Tracked,
    paths: &HashSet<Vec<u8>>,
) -> HashSet<Vec<u8>> {
    let mut options = DiffOptions::new();
    options.disable_pathspec_match(true);
    for path in paths {
        options.pathspec(path_of(path));
    }
    let diff = source
        .repo
        .diff_index_to_workdir(tracked.index.as_ref(), Some(&mut options));
    match diff {
        Ok(diff) => diff
            .deltas()
            .filter_map(|delta| delta.old_file().path_bytes().map(<[u8]>::to_vec))
            .collect(),
        // Then they count as changed, which costs git status a look at them.
        Err(_) => paths.clone(),
    }
}
