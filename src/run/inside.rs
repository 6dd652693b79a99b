//! A container of a job and its files, by the paths that lrun has for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directories::Directories;
use super::paths::Paths;
use crate::executor::docker::Container;
use crate::executor::files::{Disk, Files, Op, Outcome};

/// A container as a place where a job's files are.
#[derive(Debug)]
pub(super) struct Inside {
    pub machine: Arc<Container>,
    pub paths: Paths,
    /// What is the job's.
    root: PathBuf,
    workspace: PathBuf,
}

impl Inside {
    pub fn new(machine: Arc<Container>, paths: Paths, directories: &Directories) -> Self {
        Self {
            machine,
            paths,
            root: directories.root.clone(),
            workspace: directories.workspace.clone(),
        }
    }

    /// Anything else is lrun's own, or the user's: no job has a say in it.
    fn is_the_jobs(&self, path: &Path) -> bool {
        path.starts_with(&self.root) || path.starts_with(&self.workspace)
    }

    fn enter(&self, op: &Op) -> Option<Op> {
        // There this machine's folders are only this machine's.
        let far = self.machine.is_far();
        let inside = |path: &Path| self.is_the_jobs(path).then(|| self.paths.inside(path));
        Some(match op {
            Op::Read(path) => Op::Read(inside(path)?),
            Op::Take(path) => Op::Take(inside(path)?),
            Op::Write { path, mode, bytes } => Op::Write {
                path: inside(path)?,
                mode: *mode,
                bytes: bytes.clone(),
            },
            Op::Look(path) => Op::Look(inside(path)?),
            Op::Hash { workspace, args } => Op::Hash {
                workspace: inside(workspace)?,
                args: args.clone(),
            },
            Op::Copy {
                from,
                to,
                user,
                group,
            } => Op::Copy {
                from: inside(from)?,
                to: if far { to.clone() } else { inside(to)? },
                user: *user,
                group: *group,
            },
            Op::Bring {
                from,
                within,
                to,
                replaced,
                anew,
            } => Op::Bring {
                from: if far { from.clone() } else { inside(from)? },
                within: inside(within)?,
                to: self.paths.inside(to),
                replaced: replaced.clone(),
                anew: *anew,
            },
        })
    }
}

impl Files for Inside {
    fn perform(&self, ops: Vec<Op>) -> Vec<Outcome> {
        let entered: Option<Vec<Op>> = ops.iter().map(|op| self.enter(op)).collect();
        // Lists are all of one place.
        match entered.and_then(|entered| self.machine.perform(entered)) {
            Some(outcomes) => outcomes,
            None => Disk.perform(ops),
        }
    }
}
