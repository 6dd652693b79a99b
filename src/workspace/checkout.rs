//! The checkout of the own repository: what `actions/checkout` does, from the local tree and without a network.

use std::path::Path;

use super::destination::{clear, destination, make_way};
use super::entry::Entry;
use super::git_folder::Plan;
use super::head::History;
use super::refs::{self, Wanted};
use super::request::{CheckoutRequest, Submodules};
use super::snapshot::{Snapshot, bring_commit, commit_entries};
use super::source::Source;
use super::sparse::Sparse;
use super::submodule::{self, Brought};
use super::{Content, Options, Result, WorkspaceError, lfs};

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
    spare_own_tree(options, &dest)?;
    let sparse = Sparse::of(request);
    let source = Source::open(options)?;
    let asked = request.ref_.as_deref();
    let found = match &source {
        Some(source) if asked.is_some() || target.has_commit() => {
            Some((source, refs::wanted(source, asked, target)?))
        }
        _ => None,
    };
    if let (Some(git_ref), None) = (asked, &found) {
        return Err(WorkspaceError::NoGit {
            root: options.root.clone(),
            git_ref: git_ref.to_owned(),
        });
    }
    clear(&dest, request)?;
    let Some((source, wanted)) = found else {
        return without_commit(snapshot, &sparse, target, &dest);
    };
    let mut log = Vec::new();
    let stands = asked.is_none() && snapshot.head() == Some(wanted.commit);
    let entries = if stands {
        as_it_is(snapshot, options, &sparse, &dest, &mut log)?
    } else {
        exactly(source, &wanted, &sparse, &dest, &mut log)?
    };
    let placed = Placed {
        source,
        options,
        request,
        sparse: &sparse,
        dest: &dest,
        files: &dest,
        entries: &entries,
        as_it_stands: stands,
    };
    placed.finish(&wanted, target, &mut log)?;
    Ok(Checkout {
        commit: wanted.commit.to_string(),
        ref_: wanted.output,
        log,
    })
}

/// Prepares the checkout as a layer over the snapshot, whose files are not copied: `upper` gets what the snapshot has
/// not. Nothing comes of it where the request asks for another tree than the snapshot's.
pub fn lay(
    snapshot: &Snapshot,
    options: &Options,
    request: &CheckoutRequest,
    target: &Target,
    (at, upper): (&Path, &Path),
) -> Result<Option<Checkout>> {
    let sparse = Sparse::of(request);
    if !request.is_plain() || !sparse.is_all() {
        return Ok(None);
    }
    spare_own_tree(options, at)?;
    let source = Source::open(options)?;
    let Some(source) = source.filter(|_| target.has_commit()) else {
        return Ok(Some(commitless(target)));
    };
    let wanted = refs::wanted(&source, None, target)?;
    if snapshot.head() != Some(wanted.commit) {
        return Ok(None);
    }
    let mut log = vec![as_it_stands(snapshot, options, snapshot.entries().len())];
    let placed = Placed {
        source: &source,
        options,
        request,
        sparse: &sparse,
        dest: upper,
        files: snapshot.path(),
        entries: snapshot.entries(),
        as_it_stands: true,
    };
    placed.finish(&wanted, target, &mut log)?;
    let checkout = Checkout {
        commit: wanted.commit.to_string(),
        ref_: wanted.output,
        log,
    };
    Ok(Some(checkout))
}

/// A checkout whose files are in place.
struct Placed<'a> {
    source: &'a Source,
    options: &'a Options,
    request: &'a CheckoutRequest,
    sparse: &'a Sparse,
    dest: &'a Path,
    /// Where the files lie.
    files: &'a Path,
    entries: &'a [Entry],
    as_it_stands: bool,
}

impl Placed<'_> {
    /// Adds LFS content, `.git` and submodules.
    fn finish(&self, wanted: &Wanted, target: &Target, log: &mut Vec<String>) -> Result<()> {
        let Self {
            source,
            options,
            request,
            sparse,
            dest,
            files: lying,
            entries,
            as_it_stands,
        } = *self;
        if request.lfs {
            let here = entries.iter().filter(|entry| sparse.includes(&entry.path));
            let filled = lfs::fill(here, dest, source.repo.commondir(), &options.root)?;
            log.push(format!("{} from LFS", files(filled)));
        }
        let git_folder = (!options.below_top_level).then(|| dest.join(".git"));
        if let Some(folder) = &git_folder {
            let depth = request.depth();
            let history = History::of(source, wanted, target, depth, request.fetch_tags)?;
            if depth == 0 && !history.shallow.is_empty() {
                log.push("the local clone is shallow: its history is all there is".to_owned());
            }
            Plan {
                source,
                history: &history,
                entries,
                sparse,
                remote_url: target.remote_url.as_deref(),
                tree: dest,
                files: lying,
                folder: folder.clone(),
            }
            .make()?;
        }
        if request.submodules == Submodules::No {
            return Ok(());
        }
        let tree = Brought {
            source,
            root: &options.root,
            dest,
            entries,
            git_folder,
            as_it_stands: as_it_stands && options.content == Content::WorkingTree,
            depth: request.depth(),
            recursive: request.submodules == Submodules::Recursive,
            lfs: request.lfs,
        };
        submodule::bring(&tree, sparse, log)
    }
}

/// A destination is emptied: it may not be, or hold, the tree that all comes from.
fn spare_own_tree(options: &Options, dest: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if options.root.starts_with(dest) || real(&options.root).starts_with(real(dest)) {
        return Err(WorkspaceError::OwnTree(dest.to_owned()));
    }
    Ok(())
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
    Ok(commitless(target))
}

fn commitless(target: &Target) -> Checkout {
    Checkout {
        commit: target.sha.clone(),
        ref_: target.git_ref.clone(),
        log: vec!["there is no commit here, so the workspace has no .git".to_owned()],
    }
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
    log.push(as_it_stands(snapshot, options, chosen.len() - gone.len()));
    let placed = chosen
        .into_iter()
        .filter(|entry| !gone.contains(&entry.path));
    Ok(placed.cloned().collect())
}

/// What a checkout of the tree as it stands says of it.
fn as_it_stands(snapshot: &Snapshot, options: &Options, count: usize) -> String {
    let of_head = options.merge.as_ref().map(|merge| merge.of_head);
    let what = match (options.content, of_head) {
        (Content::WorkingTree, None) => "the working tree",
        (Content::WorkingTree, Some(true)) => "the merge with the working tree",
        (Content::Staged, None) => "the index",
        (Content::Staged, Some(true)) => "the merge with the index",
        (Content::Clean, None) => "the commit",
        (Content::Clean, _) | (_, Some(false)) => "the merge",
    };
    let changes = snapshot.changes();
    let uncommitted = if changes.is_empty() {
        String::new()
    } else {
        format!(" (uncommitted: {changes})")
    };
    format!("{} of {what}{uncommitted}", files(count))
}

/// `1 file`, `2 files`.
fn files(count: usize) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
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
        "{} of commit {commit}, without uncommitted changes",
        files(chosen.len())
    ));
    Ok(entries)
}
