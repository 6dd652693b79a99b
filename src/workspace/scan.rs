//! The rule: which files the workspace holds. Everything else only carries out what this list says.

use std::collections::HashMap;
use std::fmt;

use git2::{Delta, Oid};

use super::entry::Entry;
use super::judge::judge;
use super::manifest::Manifest;
use super::snapshot::commit_entries;
use super::source::{Source, is_intent_to_add, stage};
use super::tracked::Tracked;
use super::walk::Walk;
use super::{Content, Merge, Options, Result, WorkspaceError, overlay, tree};

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
        if let (Some(source), Some(merge)) = (source, &options.merge) {
            return merged(options, source, merge, known);
        }
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

/// The merge of a pull request, with what is uncommitted laid over it.
fn merged(
    options: &Options,
    source: &Source,
    merge: &Merge,
    known: Option<&Manifest>,
) -> Result<Scan> {
    let commit = Oid::from_str(&merge.commit).map_err(source.error())?;
    let of_merge = commit_entries(source, commit)?;
    let mut scan = match options.content {
        Content::WorkingTree if merge.of_head => working_tree(options, Some(source), known)?,
        Content::Staged if merge.of_head => staged(source)?,
        _ => Scan {
            entries: of_merge.clone(),
            ..Scan::default()
        },
    };
    let lays_over = options.content != Content::Clean && merge.of_head;
    if lays_over && !overlay::adds_nothing(source, merge) {
        scan.entries = overlay::lay_over(source, merge, &of_merge, &scan.entries)?;
    }
    scan.filters = tree::filters_key(source, &scan.entries);
    scan.head = Some(commit);
    Ok(scan)
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
    walk.walk(source)?;
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
