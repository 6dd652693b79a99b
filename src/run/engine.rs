//! The container engine of a run: found when the first job needs it, its images provided once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::Run;
use crate::event::{EventKind, Level};
use crate::executor::docker::agent::Parts;
use crate::executor::docker::{
    DockerError, Engine, Image, LABEL_HOST, LABEL_REPO, LABEL_RUN, LABEL_TOOLS, Mark, Pull, Seek,
    Wanted, here, is_dead,
};
use crate::plan::container::{ContainerOptions, ImageName};
use crate::workflow::container::Credentials;

/// What the user says of containers.
#[derive(Debug, Clone, Default)]
pub struct DockerOptions {
    pub pull: Pull,
    /// `--network`: of jobs without `container`.
    pub network: Option<String>,
    /// `--container-architecture`.
    pub platform: Option<String>,
    /// `--container-options`: for jobs without `container`.
    pub options: ContainerOptions,
    /// `--docker-socket`: what jobs see as /var/run/docker.sock.
    pub socket: Option<PathBuf>,
    /// `--privileged`, `--container-cap-add`, `--container-cap-drop`, `--userns`: for every container.
    pub rights: Rights,
    /// `--rebuild`.
    pub rebuild: bool,
}

/// Kernel rights of every container of a run.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    pub privileged: bool,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub userns: Option<String>,
}

impl Rights {
    /// Adds them to what a container asks for itself.
    pub fn grant(&self, options: &mut ContainerOptions) {
        options.privileged |= self.privileged;
        options.cap_add.extend(self.cap_add.iter().cloned());
        options.cap_drop.extend(self.cap_drop.iter().cloned());
        if options.userns.is_none() {
            options.userns.clone_from(&self.userns);
        }
    }
}

/// An image, or why it is not to be had.
type Provided = OnceCell<Result<Image, String>>;

/// What a run knows of its engine.
#[derive(Debug, Default)]
pub(super) struct Engines {
    found: OnceCell<Result<Found, String>>,
    images: Mutex<HashMap<String, Arc<Provided>>>,
    /// Held as long as the run lives: others see by it that what carries its name is in use.
    lock: Mutex<Option<Mark>>,
    /// It takes no workspace in layers.
    no_layers: AtomicBool,
}

/// An engine, and what an agent needs in it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub engine: Engine,
    pub parts: Option<Parts>,
    /// It shares no files with this machine: they go over its archive API (DESIGN 4).
    pub far: bool,
}

impl Run {
    /// The engine, looked for once; the text says why there is none.
    pub(super) async fn engine(&self) -> Result<Found, String> {
        let found = self.engines.found.get_or_init(|| self.find_engine()).await;
        found.clone()
    }

    async fn find_engine(&self) -> Result<Found, String> {
        let home = self.home();
        let seek = Seek {
            env: &self.options.runner_env,
            home: home.as_deref(),
        };
        let engine = seek.find().await.map_err(|error| error.to_string())?;
        self.mark_alive()
            .map_err(|error| format!("can not mark this run as alive: {error}"))?;
        match engine.sweep(&is_dead).await {
            Ok(swept) if swept.total() > 0 => {
                let text = format!(
                    "removed what a killed run left: {} containers, {} networks, {} volumes",
                    swept.containers, swept.networks, swept.volumes
                );
                self.emitter.note(Level::Notice, text);
            }
            Ok(_) => {}
            Err(error) => {
                let text = format!("can not look for what killed runs left: {error}");
                self.emitter.note(Level::Warning, text);
            }
        }
        let parts = if engine.is_local() && cfg!(target_os = "linux") {
            match Parts::of(&self.options.program, &self.options.cache) {
                Ok(parts) => Some(parts),
                Err(error) => {
                    let text = format!("steps in containers take an exec each: {error}");
                    self.emitter.note(Level::Notice, text);
                    None
                }
            }
        } else {
            None
        };
        let told = self
            .watchdog()
            .sweep_on_death(&engine.address, &self.mark());
        if let Err(error) = told {
            let text = format!("no watchdog for containers: {error}");
            self.emitter.note(Level::Warning, text);
        }
        Ok(Found {
            far: !engine.is_local(),
            engine,
            parts,
        })
    }

    /// A volume of tools. The first container that has it fills it from its image, and nobody else may meanwhile: two at
    /// once would be in each other's way. Whoever fills it has what comes back until that is done.
    pub(super) async fn tools_volume(
        &self,
        engine: &Engine,
        name: &str,
    ) -> Result<Option<std::fs::File>, DockerError> {
        let path = self.options.cache.join(format!("{name}.lock"));
        let lock = move |exclusive: bool| {
            let path = path.clone();
            tokio::task::spawn_blocking(move || {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                let file = std::fs::File::create(&path)?;
                if exclusive {
                    file.lock()?;
                } else {
                    file.lock_shared()?;
                }
                Ok(file)
            })
        };
        let told = |lock: Result<std::io::Result<std::fs::File>, tokio::task::JoinError>| {
            let lock = lock.map_err(std::io::Error::other).and_then(|lock| lock);
            lock.map_err(DockerError::Agent)
        };
        if engine.has_volume(name).await? {
            told(lock(false).await)?;
            return Ok(None);
        }
        let held = told(lock(true).await)?;
        if engine.has_volume(name).await? {
            return Ok(None);
        }
        let labels = [(LABEL_TOOLS.to_owned(), "true".to_owned())];
        engine.make_volume(name, &labels).await?;
        Ok(Some(held))
    }

    /// Whether a workspace may be tried in layers.
    pub(super) fn lays_workspaces(&self) -> bool {
        !self.engines.no_layers.load(Ordering::Relaxed)
    }

    /// No other job needs to try; said once.
    pub(super) fn lays_no_workspaces(&self, why: &str) {
        if !self.engines.no_layers.swap(true, Ordering::Relaxed) {
            let text = format!("workspaces in containers are copied: {why}");
            self.emitter.note(Level::Debug, text);
        }
    }

    /// The file whose lock says that this run lives.
    pub(super) fn mark(&self) -> PathBuf {
        self.options.directory.with_extension("alive")
    }

    fn mark_alive(&self) -> std::io::Result<()> {
        let taken = Mark::take(&self.mark())?;
        let (mark, _) = taken.ok_or_else(|| std::io::Error::other("somebody else holds it"))?;
        let mut lock = self
            .engines
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *lock = Some(mark);
        Ok(())
    }

    /// Takes the mark away: what is left of the run is nobody's. Or leaves it, with what the user wants to find again.
    pub(super) fn mark_over(&self) {
        let held = self
            .engines
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if !self.keeps_something() {
            if let Some(mark) = held {
                mark.end();
            }
            return;
        }
        let kept = match held {
            Some(mark) => mark.keep(""),
            // A run without an engine has only folders.
            None => self.mark_alive().and_then(|()| {
                let held = self.engines.lock.lock();
                let held = held.unwrap_or_else(PoisonError::into_inner).take();
                held.map_or(Ok(()), |mark| mark.keep(""))
            }),
        };
        if let Err(error) = kept {
            let text = format!("can not mark what is kept: {error}");
            self.emitter.note(Level::Warning, text);
        }
    }

    /// What all that this run makes is known by.
    pub(super) fn labels(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.display().to_string();
        vec![
            (LABEL_RUN.to_owned(), text(&self.mark())),
            (LABEL_HOST.to_owned(), here()),
            (LABEL_REPO.to_owned(), text(&self.options.root)),
        ]
    }

    pub(super) fn home(&self) -> Option<PathBuf> {
        let home = self.options.runner_env.get(std::ffi::OsStr::new("HOME"))?;
        Some(PathBuf::from(home))
    }

    /// An image, brought here if need be, once for a run.
    pub(super) async fn provide(
        &self,
        engine: &Engine,
        name: &ImageName,
        platform: Option<&str>,
        credentials: Option<&Credentials>,
    ) -> Result<Image, String> {
        let key = format!("{name} {}", platform.unwrap_or_default());
        let cell = {
            let mut images = self
                .engines
                .images
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(images.entry(key).or_default())
        };
        let provided = cell.get_or_init(|| async {
            let home = self.home();
            let seek = Seek {
                env: &self.options.runner_env,
                home: home.as_deref(),
            };
            let config = seek.config_folder();
            let docker = &self.options.docker;
            let wanted = Wanted {
                name,
                platform,
                pull: if self.options.offline {
                    Pull::Never
                } else {
                    docker.pull
                },
                credentials,
                config: config.as_deref(),
            };
            let began = AtomicBool::new(false);
            let layers = |layer: &crate::executor::docker::Layer| {
                if !began.swap(true, Ordering::Relaxed) {
                    self.emitter
                        .note(Level::Notice, format!("pulling the image {name}"));
                }
                self.emitter.run(EventKind::ImageLayer {
                    image: name.to_string(),
                    layer: layer.id.clone(),
                    status: layer.status.clone(),
                    done: layer.done,
                    total: layer.total,
                });
            };
            engine
                .provide(wanted, &layers)
                .await
                .map_err(|error| error.to_string())
        });
        provided.await.clone()
    }
}
