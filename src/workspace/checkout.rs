//! The checkout of the own repository: what `actions/checkout` does, from the local tree and without a network.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::entry::{Entry, path_of};
use super::git_folder::Plan;
use super::head::History;
use super::refs::{self, Wanted};
use super::request::{CheckoutRequest, Submodules};
use super::snapshot::{Snapshot, bring_commit, commit_entries};
use super::source::Source;
use super::sparse::Sparse;
use super::submodule::{self, Brought};
use super::{Content, Options, Result, WorkspaceError, lfs, place};

/// What `github.sha` and `github.ref` say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    pub sha: String,
    /// `refs/heads/main`, `refs/tags/v1`, `refs/pull/7/merge`.
    pub git_ref: String,
    pub ref_name: String,
    pub remote_url: Option<String>,
    /// How the user's repository calls the remote; in the workspace it is `origin`.
    pub remote_name: String,
}

impl Target {
    fn has_commit(&self) -> bool {
        self.sha.bytes().any(|b| b != b'0')
    }
}

/// What a checkout did: the action's outputs and the lines of its log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkout {
    pub commit: String,
    pub ref_: String,
    pub log: Vec<String>,
}

/// Brings the tree that the request asks for into the workspace.
pub fn checkout(
    snapshot: &Snapshot,
    options: &Options,
    request: &CheckoutRequest,
    target: &Target,
    workspace: &Path,
) -> Result<Checkout> {
    let dest = destination(workspace, request.path.as_deref())?;
    let source = Source::open(options)?;
    let sparse = Sparse::of(request);
    let asked = request.ref_.as_deref();
    let wanted = match &source {
        Some(source) if asked.is_some() || target.has_commit() => {
            Some(refs::wanted(source, asked, target)?)
        }
        _ => None,
    };
    if let (Some(git_ref), None) = (asked, &wanted) {
        return Err(WorkspaceError::NoGit {
            root: options.root.clone(),
            git_ref: git_ref.to_owned(),
        });
    }
    clear(&dest, request.clean)?;
    let (Some(source), Some(wanted)) = (&source, &wanted) else {
        return without_commit(snapshot, &sparse, target, &dest);
    };
    let mut log = Vec::new();
    let as_it_stands = asked.is_none() && snapshot.head() == Some(wanted.commit);
    let entries = if as_it_stands {
        as_it_is(snapshot, options, &sparse, &dest, &mut log)?
    } else {
        exactly(source, wanted, &sparse, &dest, &mut log)?
    };
    if request.lfs {
        let here = entries.iter().filter(|entry| sparse.includes(&entry.path));
        let filled = lfs::fill(here, &dest, source.repo.commondir(), &options.root)?;
        log.push(format!("LFS: {filled} files"));
    }
    if !options.below_top_level {
        let history = History::of(source, wanted, target, request.depth(), request.fetch_tags)?;
        Plan {
            source,
            history: &history,
            entries: &entries,
            sparse: &sparse,
            remote_url: target.remote_url.as_deref(),
            tree: &dest,
            folder: dest.join(".git"),
        }
        .make()?;
    }
    if request.submodules != Submodules::No {
        let brought = Brought {
            source,
            root: &options.root,
            dest: &dest,
            entries: &entries,
            git_folder: (!options.below_top_level).then(|| dest.join(".git")),
            as_it_stands: as_it_stands && options.content == Content::WorkingTree,
            depth: request.depth(),
            recursive: request.submodules == Submodules::Recursive,
            lfs: request.lfs,
        };
        submodule::bring(&brought, &sparse, &mut log)?;
    }
    Ok(Checkout {
        commit: wanted.commit.to_string(),
        ref_: wanted.output.clone(),
        log,
    })
}

/// A folder without git, or a repository without a commit: its files are all there is.
fn without_commit(
    snapshot: &Snapshot,
    sparse: &Sparse,
    target: &Target,
    dest: &Path,
) -> Result<Checkout> {
    let chosen: Vec<&Entry> = snapshot
        .entries()
        .iter()
        .filter(|entry| sparse.includes(&entry.path))
        .collect();
    snapshot.place(&chosen, dest)?;
    Ok(Checkout {
        commit: target.sha.clone(),
        ref_: target.git_ref.clone(),
        log: vec!["there is no commit here, so the workspace has no .git".to_owned()],
    })
}

fn as_it_is(
    snapshot: &Snapshot,
    options: &Options,
    sparse: &Sparse,
    dest: &Path,
    log: &mut Vec<String>,
) -> Result<Vec<Entry>> {
    let chosen: Vec<&Entry> = snapshot
        .entries()
        .iter()
        .filter(|entry| sparse.includes(&entry.path))
        .collect();
    make_way(dest, &chosen)?;
    let gone = snapshot.place(&chosen, dest)?;
    let what = match options.content {
        Content::WorkingTree => "the working tree",
        Content::Staged => "the index",
        Content::Clean => "the commit",
    };
    let changes = snapshot.changes();
    let uncommitted = if changes.is_empty() {
        String::new()
    } else {
        format!(" (uncommitted: {changes})")
    };
    log.push(format!(
        "{} files of {what}{uncommitted}",
        chosen.len() - gone.len()
    ));
    let placed = chosen
        .into_iter()
        .filter(|entry| !gone.contains(&entry.path));
    Ok(placed.cloned().collect())
}

fn exactly(
    source: &Source,
    wanted: &Wanted,
    sparse: &Sparse,
    dest: &Path,
    log: &mut Vec<String>,
) -> Result<Vec<Entry>> {
    let commit = wanted.commit;
    let entries = commit_entries(source, commit)?;
    let chosen: Vec<&Entry> = entries
        .iter()
        .filter(|entry| sparse.includes(&entry.path))
        .collect();
    make_way(dest, &chosen)?;
    bring_commit(source, &entries, &chosen, dest)?;
    log.push(format!(
        "{} files of commit {commit}, without uncommitted changes",
        chosen.len()
    ));
    Ok(entries)
}

/// Where the checkout goes; only ever inside the workspace, links followed.
pub(super) fn destination(workspace: &Path, path: Option<&str>) -> Result<PathBuf> {
    let mut dest = PathBuf::new();
    for part in workspace.join(path.unwrap_or(".")).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                dest.pop();
            }
            other => dest.push(other),
        }
    }
    let outside = || WorkspaceError::OutsideWorkspace {
        path: dest.clone(),
        workspace: workspace.to_owned(),
    };
    if !dest.starts_with(workspace) {
        return Err(outside());
    }
    let real = dest.ancestors().find_map(|at| at.canonicalize().ok());
    if let (Some(real), Ok(home)) = (real, workspace.canonicalize())
        && !real.starts_with(&home)
    {
        return Err(outside());
    }
    Ok(dest)
}

/// Empties the place, as the action does; an unclean checkout into a checkout only makes way for what comes.
fn clear(dest: &Path, clean: bool) -> Result<()> {
    if clean || !dest.join(".git").is_dir() {
        return place::empty(dest);
    }
    if let Ok(index) = git2::Index::open(&dest.join(".git/index")) {
        let mut way = Way::new(dest);
        for entry in index.iter() {
            way.clear(&entry.path)?;
        }
    }
    place::remove(&dest.join(".git"))
}

/// Removes what stands where files are about to come.
fn make_way(dest: &Path, entries: &[&Entry]) -> Result<()> {
    if fs::read_dir(dest).map_or(true, |mut children| children.next().is_none()) {
        return Ok(());
    }
    let mut way = Way::new(dest);
    for entry in entries {
        way.clear(&entry.path)?;
    }
    Ok(())
}

/// The way to files in a folder: a link that a step put there must not lead out of the workspace.
struct Way<'a> {
    dest: &'a Path,
    /// Real folders, or nothing at all.
    open: HashSet<PathBuf>,
}

impl<'a> Way<'a> {
    fn new(dest: &'a Path) -> Self {
        Self {
            dest,
            open: HashSet::new(),
        }
    }

    fn clear(&mut self, path: &[u8]) -> Result<()> {
        let path = path_of(path);
        let mut parents: Vec<&Path> = path
            .ancestors()
            .skip(1)
            .filter(|at| !at.as_os_str().is_empty())
            .collect();
        while let Some(parent) = parents.pop() {
            if self.open.contains(parent) {
                continue;
            }
            let folder = self.dest.join(parent);
            if fs::symlink_metadata(&folder).is_ok_and(|metadata| !metadata.is_dir()) {
                place::remove(&folder)?;
            }
            self.open.insert(parent.to_owned());
        }
        place::remove(&self.dest.join(path))
    }
}
