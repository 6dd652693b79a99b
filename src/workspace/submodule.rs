//! Submodules of a checkout, from the user's own checked-out ones or what git keeps of them.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{Config, Oid, Repository};

use super::entry::{Entry, Kind, path_of};
use super::git_folder::{self, Plan};
use super::head::History;
use super::snapshot::{Snapshot, bring_commit, commit_entries};
use super::source::Source;
use super::sparse::Sparse;
use super::{Options, Result, WorkspaceError, io, lfs, place};

/// A tree that has been brought, whose submodules follow.
pub(super) struct Brought<'a> {
    pub source: &'a Source,
    /// The user's tree.
    pub root: &'a Path,
    pub dest: &'a Path,
    pub entries: &'a [Entry],
    /// The git dir of the tree, if it has one.
    pub git_folder: Option<PathBuf>,
    /// Submodules as they stand in the working tree, too; else exactly the recorded commit.
    pub as_it_stands: bool,
    pub depth: u32,
    pub recursive: bool,
    pub lfs: bool,
}

struct Module {
    name: String,
    url: Option<String>,
}

pub(super) fn bring(tree: &Brought<'_>, sparse: &Sparse, log: &mut Vec<String>) -> Result<()> {
    let modules = modules(tree.dest);
    for entry in tree.entries {
        if entry.kind != Kind::Submodule || !sparse.includes(&entry.path) {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        let Some(module) = modules
            .iter()
            .find(|(at, _)| *at == path)
            .map(|(_, module)| module)
        else {
            return Err(missing(path, entry.blob));
        };
        bring_one(tree, entry, module, log)?;
    }
    Ok(())
}

fn missing(path: String, commit: Oid) -> WorkspaceError {
    WorkspaceError::SubmoduleMissing {
        path,
        commit: commit.to_string(),
    }
}

fn bring_one(
    tree: &Brought<'_>,
    entry: &Entry,
    module: &Module,
    log: &mut Vec<String>,
) -> Result<()> {
    let path = String::from_utf8_lossy(&entry.path).into_owned();
    let root = entry.file_path(tree.root);
    let dest = entry.file_path(tree.dest);
    let here = root
        .join(".git")
        .exists()
        .then(|| Repository::open(&root).ok())
        .flatten();
    let kept = tree
        .source
        .repo
        .commondir()
        .join("modules")
        .join(&module.name);
    // One that a merge moved is not the one that stands here.
    let as_it_stands = tree.as_it_stands && !entry.from_git && here.is_some();
    let repo = here
        .or_else(|| Repository::open(kept).ok())
        .ok_or_else(|| missing(path.clone(), entry.blob))?;
    let options = Options {
        root: root.clone(),
        git_dir: Some(repo.path().to_owned()),
        ..Options::default()
    };
    let source = Source::open(&options)?.ok_or_else(|| missing(path.clone(), entry.blob))?;
    place::empty(&dest)?;
    let head = source.head().map(|head| head.id()).filter(|_| as_it_stands);
    let (commit, entries) = if let Some(commit) = head {
        let snapshot = Snapshot::direct(&options)?;
        snapshot.materialize(&dest)?;
        (commit, snapshot.entries().to_vec())
    } else {
        let entries = commit_entries(&source, entry.blob).map_err(|error| match error {
            WorkspaceError::UnknownCommit(_) => missing(path.clone(), entry.blob),
            other => other,
        })?;
        let all: Vec<&Entry> = entries.iter().collect();
        bring_commit(&source, &entries, &all, &dest)?;
        (entry.blob, entries)
    };
    if tree.lfs {
        lfs::fill(entries.iter(), &dest, source.repo.commondir(), &root)?;
    }
    let git_folder = match &tree.git_folder {
        Some(above) => Some(make_git(
            tree, &source, module, above, &dest, commit, &entries,
        )?),
        None => None,
    };
    log.push(format!("submodule {path} at {commit}"));
    if tree.recursive {
        let below = Brought {
            source: &source,
            root: &root,
            dest: &dest,
            entries: &entries,
            git_folder,
            as_it_stands,
            depth: tree.depth,
            recursive: true,
            lfs: tree.lfs,
        };
        bring(&below, &Sparse::All, log)?;
    }
    Ok(())
}

fn make_git(
    tree: &Brought<'_>,
    source: &Source,
    module: &Module,
    above: &Path,
    dest: &Path,
    commit: Oid,
    entries: &[Entry],
) -> Result<PathBuf> {
    let folder = above.join("modules").join(&module.name);
    Plan {
        source,
        history: &History::detached(source, commit, tree.depth),
        entries,
        sparse: &Sparse::All,
        remote_url: module.url.as_deref(),
        tree: dest,
        files: dest,
        folder: folder.clone(),
    }
    .make()?;
    let link = dest.join(".git");
    let way = git_folder::relative(dest, &folder).unwrap_or_else(|| folder.display().to_string());
    fs::write(&link, format!("gitdir: {way}\n")).map_err(io("write", &link))?;
    let config = above.join("config");
    let mut settings = Config::open(&config).map_err(super::git(&config))?;
    let name = &module.name;
    settings
        .set_bool(&format!("submodule.{name}.active"), true)
        .map_err(super::git(&config))?;
    if let Some(url) = &module.url {
        settings
            .set_str(&format!("submodule.{name}.url"), url)
            .map_err(super::git(&config))?;
    }
    Ok(folder)
}

/// What `.gitmodules` says, by path; names that lead out of the git dir are not taken.
fn modules(tree: &Path) -> Vec<(String, Module)> {
    let Ok(config) = Config::open(&tree.join(".gitmodules")) else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    let Ok(entries) = config.entries(Some("submodule\\..*\\.path")) else {
        return paths;
    };
    let mut found = Vec::new();
    // The iterator lends its entries.
    let walked = entries.for_each(|entry| {
        if let (Ok(name), Ok(value)) = (entry.name(), entry.value()) {
            found.push((name.to_owned(), value.to_owned()));
        }
    });
    if walked.is_err() {
        return paths;
    }
    for (key, path) in found {
        let Some(name) = key
            .strip_prefix("submodule.")
            .and_then(|key| key.strip_suffix(".path"))
        else {
            continue;
        };
        let safe = !name.is_empty()
            && path_of(name.as_bytes())
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
        if safe {
            let url = config.get_string(&format!("submodule.{name}.url")).ok();
            let name = name.to_owned();
            paths.push((path.trim_end_matches('/').to_owned(), Module { name, url }));
        }
    }
    paths
}
