//! The rule: which files the workspace holds. Everything else only carries out what this list says.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use git2::{Delta, DiffOptions, IndexEntry, ObjectType, Oid};

use super::entry::{Entry, Kind, Stat, bytes_of, join, path_of};
use super::ignores::Ignores;
use super::manifest::Manifest;
use super::source::{Source, is_intent_to_add, is_skip_worktree, stage};
use super::{Content, Options, Result, SECRET_FILES, WorkspaceError, io, lfs, tree};

/// How the workspace differs from the commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub modified: usize,
    pub added: usize,
    pub deleted: usize,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.modified, "modified"),
            (self.added, "new"),
            (self.deleted, "deleted"),
        ];
        let mut said = false;
        for (count, word) in parts.into_iter().filter(|(count, _)| *count > 0) {
            let comma = if said { ", " } else { "" };
            write!(f, "{comma}{count} {word}")?;
            said = true;
        }
        Ok(())
    }
}

/// The content of a workspace, listed.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Sorted by path.
    pub entries: Vec<Entry>,
    pub changes: Changes,
    /// The commit that HEAD names.
    pub head: Option<Oid>,
    pub filters: Vec<u8>,
}

impl Scan {
    /// Lists the workspace; what `known` still knows is not read again.
    pub(super) fn take(options: &Options, known: Option<&Manifest>) -> Result<Self> {
        let source = Source::open(options)?;
        let source = source.as_ref();
        match (options.content, source) {
            (Content::WorkingTree, _) => working_tree(options, source, known),
            (_, None) => Err(WorkspaceError::NoGit {
                root: options.root.clone(),
                git_ref: "HEAD".to_owned(),
            }),
            (Content::Clean, Some(source)) => clean(source),
            (Content::Staged, Some(source)) => staged(source),
        }
    }
}

fn clean(source: &Source) -> Result<Scan> {
    let Some(head) = source.head() else {
        return Err(WorkspaceError::UnknownCommit("HEAD".to_owned()));
    };
    let entries = match source.tree_of(&head)? {
        Some(tree) => tree::entries(source, &tree)?,
        None => Vec::new(),
    };
    Ok(Scan {
        filters: tree::filters_key(source, &entries),
        entries,
        changes: Changes::default(),
        head: Some(head.id()),
    })
}

fn staged(source: &Source) -> Result<Scan> {
    let index = source.index()?;
    let mut entries: Vec<Entry> = index
        .iter()
        .filter(|entry| matches!(stage(entry), 0 | 2) && !is_intent_to_add(entry))
        .filter_map(|entry| {
            let path = source.below(&entry.path)?.to_vec();
            Some(tree::entry(path, entry.mode, entry.id))
        })
        .collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut changes = Changes::default();
    for delta in staged_deltas(source, &index)?.values() {
        match delta {
            Delta::Added => changes.added += 1,
            Delta::Deleted => changes.deleted += 1,
            _ => changes.modified += 1,
        }
    }
    Ok(Scan {
        filters: tree::filters_key(source, &entries),
        entries,
        changes,
        head: source.head().map(|head| head.id()),
    })
}

/// How the index differs from HEAD, by path below the root.
fn staged_deltas(source: &Source, index: &git2::Index) -> Result<HashMap<Vec<u8>, Delta>> {
    let head = source.head();
    let tree = match &head {
        Some(head) => Some(head.tree().map_err(source.error())?),
        None => None,
    };
    let diff = source
        .repo
        .diff_tree_to_index(tree.as_ref(), Some(index), None)
        .map_err(source.error())?;
    let deltas = diff.deltas().filter_map(|delta| {
        let file = if delta.status() == Delta::Deleted {
            delta.old_file()
        } else {
            delta.new_file()
        };
        let path = source.below(file.path_bytes()?)?.to_vec();
        Some((path, delta.status()))
    });
    Ok(deltas.collect())
}

fn working_tree(
    options: &Options,
    source: Option<&Source>,
    known: Option<&Manifest>,
) -> Result<Scan> {
    let tracked = match source {
        Some(source) => Tracked::read(source)?,
        None => Tracked::default(),
    };
    let mut walk = Walk::new(options, source, &tracked);
    let ignores = walk.rules_at_root(source);
    walk.folder(&options.root, &[], &ignores, false)?;
    let Walk { mut found, .. } = walk;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let Some(source) = source else {
        return Ok(Scan {
            entries: found,
            ..Scan::default()
        });
    };
    let mut deleted = Vec::new();
    tracked.complete(&mut found, &mut deleted);
    judge(source, &tracked, &mut found, known);
    let changes = count(source, &tracked, &found, &deleted)?;
    Ok(Scan {
        entries: found,
        changes,
        head: source.head().map(|head| head.id()),
        filters: Vec::new(),
    })
}

/// The index, by path below the root.
#[derive(Default)]
struct Tracked {
    entries: HashMap<Vec<u8>, IndexEntry>,
    /// Every folder with a tracked file in it.
    folders: HashSet<Vec<u8>>,
    index: Option<git2::Index>,
    /// When the index was written: entries touched since prove nothing.
    written: i64,
    file_modes: bool,
}

impl Tracked {
    fn read(source: &Source) -> Result<Self> {
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

    fn is_submodule(&self, path: &[u8]) -> bool {
        self.entries
            .get(path)
            .is_some_and(|entry| Kind::of_mode(entry.mode) == Kind::Submodule)
    }

    /// Adds what a sparse checkout left out of the working tree; names what is deleted.
    fn complete(&self, found: &mut Vec<Entry>, deleted: &mut Vec<Vec<u8>>) {
        let mut sparse = Vec::new();
        for (path, entry) in &self.entries {
            if found
                .binary_search_by(|e| e.path.as_slice().cmp(path))
                .is_ok()
            {
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
    fn proves(&self, known: &IndexEntry, kind: Kind, stat: &Stat) -> bool {
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

struct Walk<'a> {
    root: &'a Path,
    with_ignored: bool,
    in_git: bool,
    tracked: &'a Tracked,
    /// Paths that stay out unless tracked; whole folders as well.
    excluded: HashSet<PathBuf>,
    cache: PathBuf,
    found: Vec<Entry>,
}

impl<'a> Walk<'a> {
    fn new(options: &'a Options, source: Option<&'a Source>, tracked: &'a Tracked) -> Self {
        let root = &options.root;
        let named = options.exclude.iter().flat_map(|path| {
            let path = root.join(path);
            let real = path.canonicalize().ok().and_then(|real| {
                let below = real
                    .strip_prefix(root.canonicalize().ok()?)
                    .ok()?
                    .to_owned();
                Some(root.join(below))
            });
            [Some(path), real]
        });
        let excluded = SECRET_FILES
            .iter()
            .map(|name| root.join(name))
            .chain(named.flatten())
            .collect();
        Self {
            root,
            with_ignored: options.with_ignored,
            in_git: source.is_some(),
            tracked,
            excluded,
            cache: options.cache.clone(),
            found: Vec::with_capacity(tracked.entries.len() + 16),
        }
    }

    /// The ignore rules that hold in the root already.
    fn rules_at_root(&self, source: Option<&Source>) -> Ignores {
        let Some(source) = source else {
            return Ignores::new(self.root, &[], false).enter(self.root);
        };
        let ignore_case = source.flag("core.ignorecase", false);
        // The matchers compare paths as the walk spells them.
        let depth = path_of(&source.prefix).components().count();
        let top = self.root.ancestors().nth(depth).unwrap_or(self.root);
        let mut ignores = Ignores::new(top, &source.exclude_files(), ignore_case);
        let between: Vec<&Path> = self.root.ancestors().take(depth + 1).collect();
        for folder in between.into_iter().rev() {
            ignores = ignores.enter(folder);
        }
        ignores
    }

    fn folder(
        &mut self,
        folder: &Path,
        path: &[u8],
        ignores: &Ignores,
        ignored: bool,
    ) -> Result<()> {
        let children = match fs::read_dir(folder) {
            Ok(children) => children,
            // A folder that vanished meanwhile, or one that git could not read either.
            Err(_) if folder != self.root => return Ok(()),
            Err(error) => return Err(io("read", folder)(error)),
        };
        for child in children.flatten() {
            let name = child.file_name();
            if name == ".git" {
                continue;
            }
            let Ok(kind) = child.file_type() else {
                continue;
            };
            let file = child.path();
            let path = join(path, bytes_of(&name));
            if kind.is_dir() {
                self.enter(&file, path, ignores, ignored)?;
            } else if kind.is_file() || kind.is_symlink() {
                self.file(&file, path, ignores, ignored);
            }
        }
        Ok(())
    }

    fn enter(
        &mut self,
        folder: &Path,
        path: Vec<u8>,
        ignores: &Ignores,
        ignored: bool,
    ) -> Result<()> {
        if self.tracked.is_submodule(&path) {
            self.found.push(Entry {
                path,
                kind: Kind::Submodule,
                stat: Stat::default(),
                blob: Oid::ZERO_SHA1,
                lfs: false,
                from_git: false,
            });
            return Ok(());
        }
        let tracked = self.tracked.folders.contains(&path);
        let ignored = ignored || ignores.ignores(folder, true);
        if !tracked {
            let left_out = ignored && !self.with_ignored
                || self.excluded.contains(folder)
                || folder == self.cache
                // A repository of its own: git would not look into it either.
                || (self.in_git && !self.with_ignored && folder.join(".git").exists());
            if left_out {
                return Ok(());
            }
        }
        if ignored {
            return self.folder(folder, &path, ignores, true);
        }
        let ignores = ignores.enter(folder);
        self.folder(folder, &path, &ignores, false)
    }

    fn file(&mut self, file: &Path, path: Vec<u8>, ignores: &Ignores, ignored: bool) {
        let known = self.tracked.entries.get(&path);
        if known.is_none() {
            let left_out = !self.with_ignored && (ignored || ignores.ignores(file, false));
            if left_out || self.excluded.contains(file) {
                return;
            }
        }
        let Ok(metadata) = fs::symlink_metadata(file) else {
            return;
        };
        let stat = Stat::of(&metadata);
        let mut kind = Kind::of_mode(stat.mode);
        if let Some(known) = known
            && !self.tracked.file_modes
            && matches!(kind, Kind::File | Kind::Executable)
            && matches!(Kind::of_mode(known.mode), Kind::File | Kind::Executable)
        {
            kind = Kind::of_mode(known.mode);
        }
        self.found.push(Entry {
            path,
            kind,
            stat,
            blob: Oid::ZERO_SHA1,
            lfs: false,
            from_git: false,
        });
    }
}

/// Finds out for every tracked file whether it equals its blob in the index, reading as few as possible.
fn judge(source: &Source, tracked: &Tracked, found: &mut [Entry], known: Option<&Manifest>) {
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
        let remembered = known
            .and_then(|known| known.find(&entry.path).filter(|old| known.trusts(old)))
            .filter(|old| old.same_content(entry));
        if tracked.proves(indexed, entry.kind, &entry.stat)
            || remembered.is_some_and(|old| old.blob == indexed.id)
        {
            entry.blob = indexed.id;
        } else if equals_raw(source, indexed, entry) {
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

fn count(
    source: &Source,
    tracked: &Tracked,
    found: &[Entry],
    deleted: &[Vec<u8>],
) -> Result<Changes> {
    let staged = match &tracked.index {
        Some(index) => staged_deltas(source, index)?,
        None => HashMap::new(),
    };
    let mut changes = Changes::default();
    for entry in found {
        match (tracked.entries.get(&entry.path), staged.get(&entry.path)) {
            (None, Some(Delta::Deleted)) => changes.modified += 1,
            (None, _) | (Some(_), Some(Delta::Added)) => changes.added += 1,
            (Some(_), Some(_)) => changes.modified += 1,
            (Some(_), None) => changes.modified += usize::from(entry.blob.is_zero()),
        }
    }
    changes.deleted = deleted
        .iter()
        .filter(|path| staged.get(*path) != Some(&Delta::Added))
        .count();
    changes.deleted += staged
        .iter()
        .filter(|(path, delta)| {
            **delta == Delta::Deleted
                && found
                    .binary_search_by(|e| e.path.as_slice().cmp(path))
                    .is_err()
        })
        .count();
    Ok(changes)
}
