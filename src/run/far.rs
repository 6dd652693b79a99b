//! Jobs in an engine that shares no files with this machine: their folders are a volume there, and what they need is
//! brought over the archive API (DESIGN 4).

use std::path::{Path, PathBuf};
use std::process::Command;

use super::containers::Containers;
use super::job::Job;
use super::paths::Kind;
use crate::executor::docker::Skeleton;
use crate::executor::files::Op;

impl Job {
    /// Where the job's folders are in its container.
    pub fn base_inside(&self) -> PathBuf {
        self.paths.inside(&self.directories.root)
    }

    /// A job's folders in an empty container.
    pub fn skeleton(&self, kind: Kind) -> Skeleton {
        let directories = &self.directories;
        let base = self.base_inside();
        let inside = |real: &Path| match real.strip_prefix(&directories.root) {
            Ok(below) => base.join(below),
            Err(_) => self.paths.inside(real),
        };
        let home = directories.temp.join("_github_home");
        let workflow = directories.temp.join("_github_workflow");
        let folders = [
            &directories.temp,
            &directories.file_commands,
            &home,
            &workflow,
            &directories.pipeline,
            &directories.workspace,
        ];
        let mut skeleton = Skeleton {
            folders: folders.map(|folder| inside(folder)).into(),
            links: Vec::new(),
        };
        if kind != Kind::Hosted {
            skeleton.folders.push("/github".into());
            skeleton.links = vec![
                ("/github/home".into(), inside(&home)),
                ("/github/workflow".into(), inside(&workflow)),
            ];
        }
        skeleton
    }

    /// What a Docker action sees of the job, by the paths that it is used to.
    pub fn skeleton_of_action(&self) -> Skeleton {
        let directories = &self.directories;
        let base = self.base_inside();
        let inside = |real: &Path| match real.strip_prefix(&directories.root) {
            Ok(below) => base.join(below),
            Err(_) => real.to_owned(),
        };
        Skeleton {
            folders: vec!["/github".into()],
            links: vec![
                ("/github/workspace".into(), inside(&directories.workspace)),
                ("/github/runner_temp".into(), inside(&directories.temp)),
                (
                    "/github/file_commands".into(),
                    inside(&directories.file_commands),
                ),
                (
                    "/github/home".into(),
                    inside(&directories.temp.join("_github_home")),
                ),
                (
                    "/github/workflow".into(),
                    inside(&directories.temp.join("_github_workflow")),
                ),
            ],
        }
    }

    /// Whether the job's container is on an engine that shares no files.
    pub fn is_far(&self) -> bool {
        self.containers.as_ref().is_some_and(|it| it.found.far) && self.boxed().is_some()
    }

    /// Brings the files of an action into the job's container, once.
    pub fn push(&self, root: &Path) -> Result<(), String> {
        let Some(containers) = self.containers.as_ref().filter(|_| self.is_far()) else {
            return Ok(());
        };
        if !containers.is_new(root) {
            return Ok(());
        }
        let Some(machine) = &containers.machine else {
            return Ok(());
        };
        let to = self.paths.inside(root);
        let bring = Op::Bring {
            from: root.to_owned(),
            within: "/".into(),
            to: to.clone(),
            replaced: Some(Vec::new()),
            anew: false,
        };
        let outcome = machine.perform(vec![bring]).and_then(|mut it| it.pop());
        match outcome {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(format!("{} can not be brought: {error}", to.display())),
            None => Err(format!("{} can not be brought", to.display())),
        }
    }

    /// Files of the job, as they are now, on this machine; for an engine's client.
    pub fn is_seen_from_inside_only(&self) -> bool {
        self.boxed()
            .is_some_and(|machine| machine.has_agent() || machine.is_far())
    }
}

impl Containers {
    fn is_new(&self, root: &Path) -> bool {
        let pushed = self.pushed.lock();
        let mut pushed = pushed.unwrap_or_else(std::sync::PoisonError::into_inner);
        pushed.insert(root.to_owned())
    }
}

/// Makes the repositories of a checkout whole: objects that they borrow are not there where they go.
pub(super) fn embed_objects(tree: &Path) -> Result<(), String> {
    let mut found = Vec::new();
    repositories(&tree.join(".git"), &mut found);
    for repository in found {
        let alternates = repository.join("objects/info/alternates");
        if !alternates.is_file() {
            continue;
        }
        let output = Command::new("git")
            .args(["-c", "safe.directory=*", "--git-dir"])
            .arg(&repository)
            .args(["repack", "-a", "-d", "-q"])
            .output()
            .map_err(|error| format!("git can not be started: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(format!(
                "the objects of the checkout can not be packed: {said}"
            ));
        }
        std::fs::remove_file(&alternates)
            .map_err(|error| format!("{}: {error}", alternates.display()))?;
    }
    Ok(())
}

/// A git dir and those of its submodules.
fn repositories(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join("objects").is_dir() {
        found.push(folder.to_owned());
    }
    let modules = std::fs::read_dir(folder.join("modules"));
    for module in modules.into_iter().flatten().flatten() {
        repositories(&module.path(), found);
    }
}
