//! What stays of a job: with `--keep`, to look into; with `-r`, for the next run to go on with (DESIGN 7).

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use sha2::{Digest as _, Sha256};

use super::Run;
use super::containers::Containers;
use super::directories::remove_tree;
use super::ground::{Boxed, Ground};
use super::job::Job;
use crate::event::{Conclusion, EventKind, JobKey, Level};
use crate::executor::Machine as _;
use crate::executor::docker::{Container, Engine, LABEL_REUSE, LABEL_RUN, Mark};

/// `--keep`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    #[default]
    Never,
    /// What did not end green.
    Failed,
    Always,
}

impl Keep {
    fn wants(self, green: bool) -> bool {
        match self {
            Self::Never => false,
            Self::Failed => !green,
            Self::Always => true,
        }
    }
}

/// The place of a machine that runs after this one may go on with.
#[derive(Debug)]
pub(super) struct Slot {
    mark: Mark,
    /// The container that is there.
    pub container: Option<String>,
    /// The job's folder in it.
    pub root: PathBuf,
}

impl Slot {
    pub fn mark(&self) -> &Path {
        self.mark.path()
    }

    /// Nothing of it stays.
    fn end(self) {
        let folder = self.root.parent().unwrap_or(&self.root);
        // A dead mark stays then, and the next start tries again.
        if remove_tree(folder).is_ok() {
            self.mark.end();
        }
    }
}

/// What becomes of a job's machine at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Goes,
    /// `--keep`.
    Stays,
    /// `-r`.
    IsUsedAgain,
}

impl Run {
    /// Something of this run is left where it is.
    pub(super) fn keeps_something(&self) -> bool {
        self.keeps.load(Ordering::Relaxed)
    }

    /// The place of a job's machine, if runs may share it and no other has it now.
    pub(super) async fn slot(&self, key: &JobKey, ground: &Ground) -> Option<Slot> {
        let boxed = ground.machine.as_ref().filter(|_| self.options.reuse)?;
        let found = ground.found.as_ref()?;
        if found.far {
            let text = format!(
                "-r: {} goes on in nothing: {} shares no files with this machine",
                key.key, found.engine.address
            );
            self.emitter.note(Level::Warning, text);
            return None;
        }
        let engine = &found.engine;
        let name = format!("reuse-{}", self.slot_name(key, boxed));
        let work = self.options.directory.parent()?;
        let root = work.join(&name).join("1");
        match Mark::take(&work.join(name).with_extension("alive")) {
            Ok(Some((mark, kept))) => {
                // One that can not be told is not there; that was said.
                drop(self.watchdog().sweep_on_death(&engine.address, mark.path()));
                let container = match kept {
                    Some(id) if root.is_dir() && engine.runs(&id).await => Some(id),
                    other => {
                        self.clear_slot(engine, other.as_deref(), &root).await;
                        None
                    }
                };
                Some(Slot {
                    mark,
                    container,
                    root,
                })
            }
            Ok(None) => {
                let text = format!(
                    "{}: another run has the kept machine; this one is new",
                    key.key
                );
                self.emitter.note(Level::Notice, text);
                None
            }
            Err(error) => {
                let text = format!("{}: no machine can be kept: {error}", key.key);
                self.emitter.note(Level::Warning, text);
                None
            }
        }
    }

    /// A machine that was stopped meanwhile goes, with its files: what would be left of it is no machine.
    async fn clear_slot(&self, engine: &Engine, container: Option<&str>, root: &Path) {
        if let Some(id) = container {
            // What can not be removed shows when the new one starts.
            drop(engine.remove_container(id).await);
        }
        let folder = root.to_owned();
        drop(tokio::task::spawn_blocking(move || remove_tree(&folder)).await);
    }

    /// The same for the same file, job and leg with the same image and options.
    fn slot_name(&self, key: &JobKey, boxed: &Boxed) -> String {
        let docker = &self.options.docker;
        let mut digest = Sha256::new();
        for part in [
            self.options.root.display().to_string(),
            key.workflow.as_deref().unwrap_or_default().to_owned(),
            key.key.to_string(),
            boxed.about.id.clone(),
            format!("{:?} {:?} {:?}", boxed.kind, boxed.container, boxed.options),
            format!(
                "{:?} {:?} {:?}",
                docker.network, docker.socket, self.options.bind
            ),
        ] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        hex::encode(&digest.finalize()[..8])
    }
}

impl Job {
    /// What all that the engine makes for its machine is known by.
    pub fn machine_labels(&self) -> Vec<(String, String)> {
        let mut labels = self.run.labels();
        if let Some(slot) = &self.slot {
            labels.retain(|(name, _)| name != LABEL_RUN);
            labels.push((LABEL_RUN.to_owned(), slot.mark().display().to_string()));
            labels.push((LABEL_REUSE.to_owned(), "true".to_owned()));
        }
        labels
    }

    pub fn fate(&self) -> Fate {
        let green = self.state.status == Conclusion::Success && !self.cancel.is_cancelled();
        if self.kill.is_cancelled() {
            Fate::Goes
        } else if self.run.options.keep.wants(green) {
            Fate::Stays
        } else if green && self.slot.is_some() {
            Fate::IsUsedAgain
        } else {
            Fate::Goes
        }
    }

    /// `--keep`: everything stays as it is, and the user is told the way in.
    pub async fn keep_containers(&mut self, containers: &Containers) -> Result<(), String> {
        self.keep();
        let engine = &containers.found.engine;
        let program = engine.name.to_lowercase();
        if let Some(machine) = &containers.machine {
            machine.stay().await.map_err(|error| error.to_string())?;
            let workspace = self.paths.inside(&self.directories.workspace);
            let path = machine.env().iter().find(|(name, _)| name == "PATH");
            let path = path.map(|(_, path)| path.clone()).unwrap_or_default();
            let bash = machine
                .which(Path::new("bash"), &path, Path::new("/"))
                .await;
            self.note(&format!(
                "kept: {program} exec -it -w {} {} {}",
                shell_words::quote(&workspace.to_string_lossy()),
                machine.name(),
                if bash.is_some() { "bash" } else { "sh" }
            ));
        }
        for (name, id) in containers.running() {
            let id: String = id.chars().take(12).collect();
            self.note(&format!("kept: the service {name}: {program} logs {id}"));
        }
        Ok(())
    }

    /// `--keep` of a job on this machine.
    pub fn keep_folder(&mut self) {
        self.keep();
        self.note(&format!("kept: {}", self.directories.root.display()));
    }

    fn keep(&mut self) {
        self.kept = true;
        self.run.keeps.store(true, Ordering::Relaxed);
        // One that is gone removes nothing; that was said.
        drop(self.run.watchdog().keep(&self.run.options.directory));
    }

    fn note(&self, text: &str) {
        let kind = EventKind::Note {
            level: Level::Notice,
            text: format!("{}; `lrun clean` removes it", self.masker.mask(text)),
        };
        self.emit(None, kind);
    }

    /// `-r`: the machine waits for the next run; only what belongs to this one goes.
    pub async fn leave_machine(
        &mut self,
        machine: &Container,
        network: Option<&str>,
    ) -> Result<(), String> {
        let Some(slot) = self.slot.take() else {
            return Ok(());
        };
        let said = |error: crate::executor::docker::DockerError| error.to_string();
        // As a runner does at the end of a job (SPEC 5.2). Where nobody inside can, the next job finds it.
        // What its mounts lie in stays, and the home folder with it.
        let own = &self.directories;
        let temp = self.paths.inside(&own.temp);
        let home = own.temp.join("_github_home");
        let spared = [
            &home,
            &own.temp.join("_github_workflow"),
            &own.file_commands,
        ];
        let spared = spared.map(|path| temp.join(path.file_name().unwrap_or_default()));
        drop(machine.empty(&temp, spared.into()).await);
        if let Some(network) = network {
            machine.leave(network).await.map_err(said)?;
        }
        machine.stay().await.map_err(said)?;
        self.kept = true;
        slot.mark
            .keep(machine.id())
            .map_err(|error| error.to_string())
    }

    /// The machine's place is free again.
    pub fn end_slot(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.end();
        }
    }
}
