//! What git tracks: the index of the user's repository, by path below the root.

use std::collections::{HashMap, HashSet};
use std::fs;

use git2::IndexEntry;

use super::entry::{Entry, Kind, Stat};
use super::source::{Source, is_skip_worktree};
use super::{Result, tree};

/// The index, by path below the root.
#[derive(Default)]
pub(super) struct Tracked {
    pub entries: HashMap<Vec<u8>, IndexEntry>,
    /// Every folder with a tracked file in it.
    pub folders: HashSet<Vec<u8>>,
    pub index: Option<git2::Index>,
    /// When the index was written: entries touched since prove nothing.
    pub written: i64,
    pub file_modes: bool,
}

impl Tracked {
    pub(super) fn read(source: &Source) -> Result<Self> {
        let index = source.index()?;
        let written = index
            .path()
            .and_then(|path| fs::metadata(path).ok())
            .map_or(0, |metadata| Stat::of(&metadata).mtime);
        let mut tracked = Self {
            entries: HashMap::with_capacity(index.len()),
            folders: HashSet::new(),
            index: None,
            written,
            file_modes: source.flag("core.filemode", true),
        };
        for entry in index.iter() {
            let Some(path) = source.below(&entry.path) else {
                continue;
            };
            let mut end = path.len();
            while let Some(slash) = memchr::memrchr(b'/', &path[..end]) {
                if !tracked.folders.insert(path[..slash].to_vec()) {
                    break;
                }
                end = slash;
            }
            tracked.entries.insert(path.to_vec(), entry);
        }
        tracked.index = Some(index);
        Ok(tracked)
    }

    pub(super) fn is_submodule(&self, path: &[u8]) -> bool {
        self.entries
            .get(path)
            .is_some_and(|entry| Kind::of_mode(entry.mode) == Kind::Submodule)
    }

    /// Adds what a sparse checkout left out of the working tree; names what is deleted.
    pub(super) fn complete(&self, found: &mut Vec<Entry>, deleted: &mut Vec<Vec<u8>>) {
        let here: HashSet<&[u8]> = found.iter().map(|entry| entry.path.as_slice()).collect();
        let mut sparse = Vec::new();
        for (path, entry) in &self.entries {
            if here.contains(path.as_slice()) {
                continue;
            }
            if is_skip_worktree(entry) {
                sparse.push(tree::entry(path.clone(), entry.mode, entry.id));
            } else {
                deleted.push(path.clone());
            }
        }
        if !sparse.is_empty() {
            found.append(&mut sparse);
            found.sort_by(|a, b| a.path.cmp(&b.path));
        }
    }

    /// Whether the stat that the index keeps proves the file unchanged.
    pub(super) fn proves(&self, known: &IndexEntry, kind: Kind, stat: &Stat) -> bool {
        let time = |index: git2::IndexTime, nanos: i64| {
            i64::from(index.seconds()) == nanos.div_euclid(1_000_000_000)
                && (index.nanoseconds() == 0
                    || i64::from(index.nanoseconds()) == nanos.rem_euclid(1_000_000_000))
        };
        // The index keeps the low 32 bits of both.
        let low = |value: u64| u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default();
        kind.git_mode() == known.mode
            && known.file_size == low(stat.size)
            && (known.ino == 0 || known.ino == low(stat.ino))
            && time(known.mtime, stat.mtime)
            && time(known.ctime, stat.ctime)
            && stat.mtime < self.written
    }
}
