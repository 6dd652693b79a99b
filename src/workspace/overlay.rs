//! Uncommitted changes laid over the merge of a pull request: a three-way merge of every file (SPEC T-25).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use git2::{IndexEntry, Oid, Repository};

use super::entry::{Entry, Kind, bytes_of, path_of};
use super::scan::Scan;
use super::source::Source;
use super::{Content, Merge, Options, Result, WorkspaceError, git, io, lfs, tree};

/// Fails where uncommitted changes do not apply to the merge: to be asked before anything runs.
pub fn confirm_overlay(options: &Options) -> Result<()> {
    match &options.merge {
        Some(merge) if merge.of_head && options.content != Content::Clean => {
            let source = Source::open(options)?;
            match source {
                Some(source) if adds_nothing(&source, merge) => Ok(()),
                _ => Scan::take(options, None).map(drop),
            }
        }
        _ => Ok(()),
    }
}

/// Whether the merge has the very files of HEAD, as where HEAD already holds the base.
pub(super) fn adds_nothing(source: &Source, merge: &Merge) -> bool {
    let merged = Oid::from_str(&merge.commit).and_then(|id| source.repo.find_commit(id));
    match (source.head(), merged) {
        (Some(head), Ok(merged)) => head.tree_id() == merged.tree_id(),
        _ => false,
    }
}

/// What stands at one path, seen from three sides; HEAD is what both others come from.
#[derive(Clone, Copy, Default)]
struct Sides<'e> {
    head: Option<&'e Entry>,
    merged: Option<&'e Entry>,
    here: Option<&'e Entry>,
}

/// The merge with what differs from HEAD put over it; entries are sorted by path.
pub(super) fn lay_over(
    source: &Source,
    merge: &Merge,
    merged: &[Entry],
    here: &[Entry],
) -> Result<Vec<Entry>> {
    let head = match source.head() {
        Some(head) => match source.tree_of(&head)? {
            Some(tree) => tree::entries(source, &tree)?,
            None => Vec::new(),
        },
        None => Vec::new(),
    };
    let mut paths: BTreeMap<&[u8], Sides<'_>> = BTreeMap::new();
    for entry in &head {
        paths.entry(&entry.path).or_default().head = Some(entry);
    }
    for entry in merged {
        paths.entry(&entry.path).or_default().merged = Some(entry);
    }
    for entry in here {
        paths.entry(&entry.path).or_default().here = Some(entry);
    }
    let mut layer = Layer {
        source,
        merge,
        store: None,
        conflicts: BTreeSet::new(),
    };
    let mut entries = Vec::with_capacity(here.len());
    for (path, sides) in paths {
        entries.extend(layer.one(path, sides)?);
    }
    layer.no_file_is_a_folder(&entries);
    if layer.conflicts.is_empty() {
        Ok(entries)
    } else {
        Err(WorkspaceError::Overlay(
            layer.conflicts.into_iter().collect(),
        ))
    }
}

struct Layer<'a> {
    source: &'a Source,
    merge: &'a Merge,
    /// lrun's own repository, opened when a file is to be merged.
    store: Option<Repository>,
    conflicts: BTreeSet<String>,
}

impl Layer<'_> {
    /// What comes of one path.
    fn one(&mut self, path: &[u8], sides: Sides<'_>) -> Result<Option<Entry>> {
        let Sides { head, merged, here } = sides;
        if same(head, merged) {
            return Ok(here.cloned());
        }
        let Some(here) = here else {
            if head.is_some() && merged.is_some() {
                self.conflict(path);
            }
            return Ok(merged.filter(|_| head.is_none()).cloned());
        };
        let here = self.with_blob(here.clone())?;
        if same(head, Some(&here)) || same(merged, Some(&here)) {
            return Ok(merged.cloned());
        }
        let (Some(head), Some(merged)) = (head, merged) else {
            self.conflict(path);
            return Ok(None);
        };
        let result = self.three_way(head, merged, &here)?;
        if result.is_none() {
            self.conflict(path);
        }
        Ok(result)
    }

    fn conflict(&mut self, path: &[u8]) {
        let path = String::from_utf8_lossy(path).into_owned();
        self.conflicts.insert(path);
    }

    /// The entry with the blob that git would store for it.
    fn with_blob(&mut self, mut entry: Entry) -> Result<Entry> {
        if !entry.blob.is_zero() || entry.kind == Kind::Submodule {
            return Ok(entry);
        }
        let root = self.source.top.join(path_of(&self.source.prefix));
        let file = entry.file_path(&root);
        let store = self.store()?;
        let stored = match entry.kind {
            Kind::Symlink => {
                let target = fs::read_link(&file).map_err(io("read", &file))?;
                store.blob(bytes_of(target.as_os_str()))
            }
            _ if entry.lfs => store.blob(&lfs::pointer_of(&file).map_err(io("read", &file))?),
            _ => store.blob_path(&file),
        };
        entry.blob = stored.map_err(git(&file))?;
        Ok(entry)
    }

    /// The change from HEAD to what is here, made to the merged file; `None` where both changed the same place.
    fn three_way(&mut self, head: &Entry, merged: &Entry, here: &Entry) -> Result<Option<Entry>> {
        let is_file = |entry: &&Entry| matches!(entry.kind, Kind::File | Kind::Executable);
        if ![head, merged, here].iter().all(is_file) {
            return Ok(None);
        }
        let mode = if here.kind == head.kind {
            merged.kind
        } else {
            here.kind
        };
        let blob = if here.blob == head.blob {
            merged.blob
        } else if merged.blob == head.blob || merged.blob == here.blob {
            here.blob
        } else {
            match self.merge_text(head, merged, here)? {
                Some(blob) => blob,
                None => return Ok(None),
            }
        };
        Ok(Some(tree::entry(here.path.clone(), mode.git_mode(), blob)))
    }

    fn merge_text(&mut self, head: &Entry, merged: &Entry, here: &Entry) -> Result<Option<Oid>> {
        let at = self.merge.store.clone();
        let store = self.store()?;
        let failed = git(&at);
        let text = |entry: &Entry| -> std::result::Result<Option<IndexEntry>, git2::Error> {
            let blob = store.find_blob(entry.blob)?;
            Ok((!blob.is_binary()).then(|| tree::index_entry(entry)))
        };
        let done = || {
            let (Some(head), Some(merged), Some(here)) = (text(head)?, text(merged)?, text(here)?)
            else {
                return Ok(None);
            };
            let result = store.merge_file_from_index(&head, &merged, &here, None)?;
            if !result.is_automergeable() {
                return Ok(None);
            }
            store.blob(result.content()).map(Some)
        };
        done().map_err(failed)
    }

    /// lrun's own repository, which sees the user's files as git does.
    fn store(&mut self) -> Result<&Repository> {
        if self.store.is_none() {
            let at = &self.merge.store;
            let open = || {
                let store = Repository::open_bare(at)?;
                // The user's attributes decide how a file is stored.
                store.set_workdir(&self.source.top, false)?;
                Ok(store)
            };
            self.store = Some(open().map_err(git(at))?);
        }
        self.store
            .as_ref()
            .ok_or_else(|| WorkspaceError::UnknownCommit(self.merge.commit.clone()))
    }

    /// A file of one side where the other has a folder.
    fn no_file_is_a_folder(&mut self, entries: &[Entry]) {
        let paths: BTreeSet<&[u8]> = entries.iter().map(|entry| entry.path.as_slice()).collect();
        for path in &paths {
            let mut end = path.len();
            while let Some(slash) = memchr::memrchr(b'/', &path[..end]) {
                if paths.contains(&path[..slash]) {
                    let path = String::from_utf8_lossy(path).into_owned();
                    self.conflicts.insert(path);
                    break;
                }
                end = slash;
            }
        }
    }
}

/// The same file to git, or none on both sides.
fn same(one: Option<&Entry>, other: Option<&Entry>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            one.blob == other.blob && !one.blob.is_zero() && one.kind == other.kind
        }
        (None, None) => true,
        _ => false,
    }
}
