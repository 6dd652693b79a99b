//! The place of a checkout: inside the workspace, and freed of what stands in its way.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::entry::{Entry, path_of};
use super::request::CheckoutRequest;
use super::{Result, WorkspaceError, place};

/// Where the checkout goes; only ever inside the workspace, links followed.
pub(super) fn destination(workspace: &Path, path: Option<&str>) -> Result<PathBuf> {
    let dest = plain_destination(workspace, path)?;
    let real = dest.ancestors().find_map(|at| at.canonicalize().ok());
    if let (Some(real), Ok(home)) = (real, workspace.canonicalize())
        && !real.starts_with(&home)
    {
        return Err(WorkspaceError::OutsideWorkspace {
            path: dest,
            workspace: workspace.to_owned(),
        });
    }
    Ok(dest)
}

/// The same as it is written: where links lead, somebody else has to see.
pub fn plain_destination(workspace: &Path, path: Option<&str>) -> Result<PathBuf> {
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
    Ok(dest)
}

/// Empties the place, as the action does; an unclean checkout into a checkout only makes way for what comes.
pub(super) fn clear(dest: &Path, request: &CheckoutRequest) -> Result<()> {
    if request.clean || !dest.join(".git").is_dir() {
        return place::empty_around(dest, &request.spare);
    }
    if let Ok(index) = git2::Index::open(&dest.join(".git/index")) {
        let mut way = Way::new(dest);
        for entry in index.iter() {
            way.clear(&entry.path)?;
        }
    }
    place::remove(&dest.join(".git"))
}

/// The files that an index names, below its tree.
pub fn tracked_by(index: &[u8]) -> Result<Vec<PathBuf>> {
    let place = tempfile::tempdir().map_err(super::io("make", Path::new("a folder")))?;
    let file = place.path().join("index");
    fs::write(&file, index).map_err(super::io("write", &file))?;
    let index = git2::Index::open(&file).map_err(super::git(&file))?;
    let paths = index.iter().map(|entry| path_of(&entry.path).to_owned());
    Ok(paths.collect())
}

/// Removes what stands where files are about to come.
pub(super) fn make_way(dest: &Path, entries: &[&Entry]) -> Result<()> {
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
