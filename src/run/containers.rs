//! The containers of one job: "Initialize containers" and "Stop containers" (SPEC J-21 to J-33).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use indexmap::IndexMap;

use super::engine::Found;
use super::ground::{Boxed, Ground};
use super::inside::Inside;
use super::job::Job;
use super::keep::Fate;
use super::layers::{Laid, Layers};
use super::paths::{HOSTED_TOOLS, Kind};
use super::services::published;
use super::step::millis;
use crate::event::{Conclusion, EventKind, Level, Phase, StepKey, Stream};
use crate::executor::docker::{Bind, Container, DockerError, Network, Services, Spec, Start};
use crate::executor::docker::{Engine, Skeleton};
use crate::executor::files;
use crate::executor::{BoxFuture, Command, ExecError, Finished, Machine, Output, Stop};
use crate::expr::Value;
use crate::plan::container::ContainerOptions;
use crate::workflow::StepsJob;

/// What runs for a job beside its steps.
#[derive(Debug)]
pub(super) struct Containers {
    pub found: Found,
    pub machine: Option<Arc<Container>>,
    pub kind: Kind,
    /// The volume with the job's folders, where the engine sees none of this machine.
    pub work: Option<String>,
    /// What was brought there so far.
    pub(super) pushed: std::sync::Mutex<std::collections::HashSet<PathBuf>>,
    /// What the workspace is made of, where it is not a folder of this machine.
    pub layers: Option<Layers>,
    pub(super) services: Option<Services>,
    /// Volumes of the job's container, as it sees them.
    volumes: Vec<PathBuf>,
    /// `job.services.<id>.ports`.
    pub(super) ports: IndexMap<String, IndexMap<String, String>>,
}

impl Containers {
    /// Names and ids.
    pub fn running(&self) -> impl Iterator<Item = (&str, &str)> {
        let running = self.services.iter().flat_map(|services| &services.running);
        running.map(|service| (service.name.as_str(), service.id.as_str()))
    }

    /// The network of lrun's own.
    pub fn network(&self) -> Option<String> {
        self.services
            .as_ref()
            .map(|services| services.network.clone())
    }
}

/// Stands for a container that did not come up: later steps follow their `if` and fail (SPEC J-4).
#[derive(Debug)]
struct NoMachine;

impl Machine for NoMachine {
    fn exec<'a>(
        &'a self,
        _command: &'a Command,
        _output: &'a mut dyn Output,
        _stop: &'a Stop,
    ) -> BoxFuture<'a, Result<Finished, ExecError>> {
        Box::pin(async {
            let text = "the container of the job did not start; see \"Initialize containers\"";
            Err(ExecError::Gone(text.to_owned()))
        })
    }

    fn which<'a>(
        &'a self,
        program: &'a Path,
        _search_path: &'a std::ffi::OsStr,
        _cwd: &'a Path,
    ) -> BoxFuture<'a, Option<PathBuf>> {
        Box::pin(async { Some(program.to_owned()) })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ExecError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Job {
    /// Starts what the job runs in and what it runs beside. A machine that only imitates a hosted one is part of the
    /// set-up, which is silent; the rest is a step.
    pub async fn initialize_containers(&mut self, definition: &StepsJob, ground: &Ground) {
        let Some(found) = ground.found.clone() else {
            return;
        };
        let is_step = !ground.services.is_empty()
            || ground
                .machine
                .as_ref()
                .is_some_and(|it| it.kind != Kind::Hosted);
        let key = self.step_key(0, None, "Initialize containers", Phase::Setup);
        let started = Instant::now();
        if is_step {
            self.emit(Some(&key), EventKind::StepStarted);
        }
        let mut containers = Containers {
            found,
            machine: None,
            kind: ground.machine.as_ref().map_or(Kind::OnHost, |it| it.kind),
            work: None,
            pushed: std::sync::Mutex::default(),
            layers: None,
            services: None,
            volumes: ground.machine.as_ref().map(targets).unwrap_or_default(),
            ports: IndexMap::new(),
        };
        let kill = self.kill.clone();
        let result = tokio::select! {
            biased;
            result = self.start_containers(&mut containers, definition, ground, &key) => result,
            () = kill.cancelled() => Err(vec!["The operation was canceled.".to_owned()]),
        };
        if let Some(machine) = &containers.machine {
            self.machine = Arc::clone(machine) as Arc<dyn Machine>;
            let inside = Inside::new(Arc::clone(machine), self.paths.clone(), &self.directories);
            self.files.show(Arc::new(inside));
            self.base_env = Arc::new(machine.env().iter().cloned().collect());
        } else if ground.machine.is_some() {
            self.machine = Arc::new(NoMachine);
        }
        self.containers = Some(Arc::new(containers));
        let outcome = match result {
            Ok(()) => Conclusion::Success,
            Err(errors) => {
                let step = is_step.then_some(&key);
                for error in errors {
                    self.say(step, Level::Error, &error);
                }
                if self.cancel.is_cancelled() {
                    Conclusion::Cancelled
                } else {
                    Conclusion::Failure
                }
            }
        };
        self.note_cancel();
        self.state.conclude(outcome);
        if is_step {
            self.end_step(&key, outcome, started);
        }
    }

    /// Where volumes of the job's container lie in its folders, on this machine: only places to mount at.
    pub fn mounted(&self) -> Vec<PathBuf> {
        let containers = self.containers.iter();
        let volumes = containers.flat_map(|containers| &containers.volumes);
        volumes.map(|volume| self.paths.real(volume)).collect()
    }

    fn end_step(&self, key: &StepKey, outcome: Conclusion, started: Instant) {
        self.emit(
            Some(key),
            EventKind::StepFinished {
                outcome,
                conclusion: outcome,
                duration_ms: millis(started),
                exit_code: None,
            },
        );
    }

    pub fn tell(&self, key: &StepKey, text: &str) {
        for line in text.lines() {
            self.emit(
                Some(key),
                EventKind::StepOutput {
                    stream: Stream::Log,
                    text: self.masker.mask(line).into_owned(),
                },
            );
        }
    }

    async fn start_containers(
        &mut self,
        containers: &mut Containers,
        definition: &StepsJob,
        ground: &Ground,
        key: &StepKey,
    ) -> Result<(), Vec<String>> {
        let one = |error: DockerError| vec![error.to_string()];
        let own_network = !ground.services.is_empty() || containers.kind != Kind::Hosted;
        let engine = containers.found.engine.clone();
        if own_network {
            let name = format!("github_network_{}", uuid::Uuid::new_v4().simple());
            let services = Services::open(&engine, name, &self.run.labels()).await;
            containers.services = Some(services.map_err(one)?);
        }
        if let Some(boxed) = &ground.machine {
            if containers.found.far {
                self.make_work(containers).await.map_err(one)?;
            }
            let mut machine = match self.lay_workspace(containers, definition, ground).await {
                Some((layers, laid)) => self.start_in_layers(containers, boxed, layers, laid).await,
                None => self.start_machine(containers, boxed).await,
            };
            if let Err(error) = &machine
                && !containers.found.far
                && error.is_about_sharing()
            {
                let text = format!("files of {} go over the archive API: {error}", self.key.id);
                self.run.emitter.note(Level::Debug, text);
                containers.found.far = true;
                containers.found.parts = None;
                self.make_work(containers).await.map_err(one)?;
                machine = self.start_machine(containers, boxed).await;
            }
            containers.machine = Some(Arc::new(machine.map_err(one)?));
        }
        if ground.services.is_empty() {
            return Ok(());
        }
        self.start_services(containers, ground, key).await?;
        self.wait_for_services(containers, key).await
    }

    /// A volume for the job's folders.
    async fn make_work(&self, containers: &mut Containers) -> Result<(), DockerError> {
        let name = format!("lrun-work-{}", uuid::Uuid::new_v4().simple());
        let engine = &containers.found.engine;
        engine.make_volume(&name, &self.machine_labels()).await?;
        containers.work = Some(name);
        Ok(())
    }

    /// Where the engine does not take the layers, or nobody inside could care for them, the job starts without.
    async fn start_in_layers(
        &mut self,
        containers: &mut Containers,
        boxed: &Boxed,
        layers: Layers,
        laid: Laid,
    ) -> Result<Container, DockerError> {
        containers.layers = Some(layers);
        let started = self.start_machine(containers, boxed).await;
        let why = match started {
            Ok(machine) if machine.has_agent() => {
                self.laid = Some(laid);
                return Ok(machine);
            }
            Ok(machine) => {
                // Its error is the engine's, and that shows when the next one starts.
                drop(machine.close().await);
                None
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(layers) = containers.layers.take() {
            self.drop_layers(containers, &layers).await;
        }
        let machine = self.start_machine(containers, boxed).await?;
        if let Some(why) = why {
            self.run.lays_no_workspaces(&why);
        }
        Ok(machine)
    }

    async fn start_machine(
        &self,
        containers: &Containers,
        boxed: &Boxed,
    ) -> Result<Container, DockerError> {
        let options = &self.run.options;
        let container = &boxed.container;
        let mut env = self.proxies(&container.env);
        env.extend(container.env.iter().map(|(k, v)| (k.clone(), v.clone())));
        let mut env = with_marks(env);
        let network = match (&containers.services, &options.docker.network) {
            (_, Some(name)) if boxed.kind == Kind::Hosted => Network::Named(name.clone()),
            (Some(services), _) if boxed.kind != Kind::Hosted => Network::Own {
                name: services.network.clone(),
                aliases: Vec::new(),
            },
            _ => Network::Default,
        };
        let mut volumes = self.placed(containers, &container.volumes);
        let (mut binds, tools) = (self.binds(boxed.kind), tools_volume(boxed));
        let mut skeleton = Skeleton::default();
        if let Some(work) = &containers.work {
            binds.retain(|bind| bind.target == "/var/run/docker.sock");
            volumes.push(format!("{work}:{}:nocopy", self.base_inside().display()));
            skeleton = self.skeleton(boxed.kind);
        }
        if let Some(layers) = &containers.layers {
            let inside = self.paths.inside(&self.directories.workspace);
            volumes.push(layers.volume_at(&inside));
            if !nix::unistd::geteuid().is_root() {
                let (source, target) = layers.bind();
                binds.push(Bind {
                    source: source.to_owned(),
                    target: target.to_owned(),
                    read_only: false,
                });
            }
        }
        if boxed.kind == Kind::Hosted {
            volumes.push(format!("{tools}:{HOSTED_TOOLS}"));
        } else {
            volumes.push(format!("{tools}:/__t"));
            env.retain(|(name, _)| name != "HOME");
            env.push(("HOME".to_owned(), "/github/home".to_owned()));
        }
        // Until the machine has started.
        let _filling = self
            .run
            .tools_volume(&containers.found.engine, &tools)
            .await?;
        let workspace = self.paths.inside(&self.directories.workspace);
        let spec = Spec {
            image: boxed.image.clone(),
            name: container_name(&self.key.id, boxed),
            labels: self.machine_labels(),
            workdir: Some(workspace.display().to_string()),
            network,
            ports: published(&container.ports)
                .map_err(|text| DockerError::Agent(std::io::Error::other(text)))?,
            options: self.placed_options(containers, &boxed.options),
            env,
            binds,
            volumes,
            entrypoint: None,
            command: None,
            skeleton,
        };
        let folder = self.agent_folder().map_err(DockerError::Agent)?;
        let start = Start {
            engine: &containers.found.engine,
            spec,
            env: &options.runner_env,
            parts: containers.found.parts.as_ref(),
            far: containers.found.far,
            folder: &folder,
        };
        if let Some(machine) = self.resume(&start).await? {
            return Ok(machine);
        }
        let (machine, why) = start.start().await?;
        if let Some(why) = why {
            let text = format!("steps of {} take an exec each: {why}", self.key.id);
            self.run
                .emitter
                .note(Level::Debug, self.masker.mask(&text).into_owned());
        }
        self.trust_workspace(&machine).await;
        Ok(machine)
    }

    /// Volumes whose sources are the job's own folders, as the engine knows those.
    pub fn placed(&self, containers: &Containers, volumes: &[String]) -> Vec<String> {
        let place = |volume: &String| {
            let Some((source, rest)) = volume.split_once(':').filter(|(it, _)| it.starts_with('/'))
            else {
                return volume.clone();
            };
            let real = self.paths.real(Path::new(source));
            match &containers.layers {
                Some(layers) if real == self.directories.workspace => {
                    format!("{}:{rest}", layers.volume)
                }
                _ => format!("{}:{rest}", real.display()),
            }
        };
        volumes.iter().map(place).collect()
    }

    pub fn placed_options(
        &self,
        containers: &Containers,
        options: &ContainerOptions,
    ) -> ContainerOptions {
        let mut options = options.clone();
        options.volume = self.placed(containers, &options.volume);
        for mount in &mut options.mount {
            if let Some(source) = mount.source.as_mut().filter(|it| it.starts_with('/')) {
                *source = self.paths.real(Path::new(source)).display().to_string();
            }
        }
        options
    }

    /// The machine that an earlier run left.
    async fn resume(&self, start: &Start<'_>) -> Result<Option<Container>, DockerError> {
        let left = self
            .slot
            .as_ref()
            .and_then(|slot| slot.container.as_deref());
        let Some(left) = left else {
            return Ok(None);
        };
        let Some(machine) = start.resume(left).await? else {
            return Ok(None);
        };
        if let Network::Own { name, .. } = &start.spec.network {
            machine.move_to(name).await?;
        }
        self.run.emitter.note(
            Level::Notice,
            format!(
                "{} goes on in the machine that the last run with -r left",
                self.key.key
            ),
        );
        Ok(Some(machine))
    }

    /// Folders of this machine that the job's container sees.
    fn binds(&self, kind: Kind) -> Vec<Bind> {
        let bind = |source: &Path, target: PathBuf, read_only: bool| Bind {
            source: source.to_owned(),
            target: target.display().to_string(),
            read_only,
        };
        let directories = &self.directories;
        let root = self.paths.inside(&directories.root);
        let mut binds = vec![bind(&directories.root, root, false)];
        if self.run.options.bind {
            let inside = self.paths.inside(&directories.workspace);
            binds.push(bind(&directories.workspace, inside, false));
        }
        if kind != Kind::Hosted {
            for (below, inside) in [
                ("_temp/_github_workflow", "/github/workflow"),
                ("_temp/_github_home", "/github/home"),
            ] {
                binds.push(bind(&directories.root.join(below), inside.into(), false));
            }
        }
        // Read by their own names: git's objects, actions of the own repository and of folders that stand in.
        let options = &self.run.options;
        let borrowed = crate::workspace::borrowed(&options.workspace);
        let stand_ins = options.remote.stand_ins();
        let tools = self.run.tool_cache();
        let snapshots = crate::workspace::snapshots(&options.workspace);
        // The first job may be the one that makes them.
        drop(std::fs::create_dir_all(&snapshots));
        for folder in borrowed
            .into_iter()
            .chain(stand_ins)
            .chain([tools, snapshots])
        {
            if folder.is_dir() && !binds.iter().any(|it| Path::new(&it.target) == folder) {
                binds.push(bind(&folder, folder.clone(), true));
            }
        }
        if let Some(socket) = &options.docker.socket {
            binds.push(bind(socket, "/var/run/docker.sock".into(), false));
        }
        binds
    }

    /// Beside the job's folder: nothing of the job sees it but the agent.
    fn agent_folder(&self) -> std::io::Result<PathBuf> {
        let folder = self.directories.root.with_extension("agent");
        std::fs::create_dir_all(&folder)?;
        open_to_all(&folder)?;
        Ok(folder)
    }

    /// git refuses folders of another user; a checkout of GitHub's tells it to trust the workspace.
    async fn trust_workspace(&self, machine: &Container) {
        let path = machine
            .env()
            .iter()
            .find(|(name, _)| name == "PATH")
            .map(|(_, path)| path.clone())
            .unwrap_or_default();
        let root = Path::new("/");
        if nix::unistd::geteuid().as_raw() == machine.user() {
            return;
        }
        let Some(git) = machine.which(Path::new("git"), &path, root).await else {
            return;
        };
        let workspace = self.paths.inside(&self.directories.workspace);
        let words = ["config", "--global", "--add", "safe.directory"];
        let mut args: Vec<_> = words.iter().map(std::ffi::OsString::from).collect();
        args.push(workspace.into_os_string());
        let command = Command {
            program: git,
            args,
            env: machine.env().to_vec(),
            cwd: root.to_owned(),
        };
        // An image may have no place for it; then git says what it misses.
        drop(machine.exec(&command, &mut Silent, &Stop::default()).await);
    }

    /// Both spellings of the proxy variables, unless the container sets them (SPEC J-27).
    pub fn proxies(&self, own: &IndexMap<String, String>) -> Vec<(String, String)> {
        ["http_proxy", "https_proxy", "no_proxy"]
            .into_iter()
            .flat_map(|name| [name.to_owned(), name.to_uppercase()])
            .filter(|name| !own.contains_key(name))
            .filter_map(|name| {
                let value = self.run.options.host_env.get(std::ffi::OsStr::new(&name))?;
                Some((name, value.to_str()?.to_owned()))
            })
            .collect()
    }

    /// "Stop containers".
    pub async fn stop_containers(&mut self, index: usize) {
        let Some(containers) = self.containers.take() else {
            return;
        };
        let is_step = containers.services.is_some();
        let key = self.step_key(index, None, "Stop containers", Phase::Complete);
        let started = Instant::now();
        if is_step {
            self.emit(Some(&key), EventKind::StepStarted);
        }
        let errors = match (Arc::try_unwrap(containers), self.fate()) {
            (Ok(containers), Fate::Stays) => self
                .keep_containers(&containers)
                .await
                .err()
                .into_iter()
                .collect(),
            (Ok(containers), fate) => self.close_containers(containers, fate, &key).await,
            // A step in the background still holds it; the next start removes it.
            (Err(_), _) => vec!["a step still runs in the containers".to_owned()],
        };
        for error in errors {
            self.say(is_step.then_some(&key), Level::Warning, &error);
        }
        if is_step {
            self.end_step(&key, Conclusion::Success, started);
        }
    }

    async fn close_containers(
        &mut self,
        containers: Containers,
        fate: Fate,
        key: &StepKey,
    ) -> Vec<String> {
        let mut errors = Vec::new();
        match &containers.machine {
            Some(machine) if fate == Fate::IsUsedAgain && machine.has_agent() => {
                let network = containers
                    .network()
                    .filter(|_| containers.kind != Kind::Hosted);
                errors.extend(self.leave_machine(machine, network.as_deref()).await.err());
            }
            Some(machine) => {
                if let Err(error) = self.reclaim(machine, &containers).await {
                    errors.push(format!("files that the container made: {error}"));
                }
                errors.extend(machine.close().await.err().map(|error| error.to_string()));
                errors.extend(self.reclaim_without_agent(&containers).await);
            }
            None => {}
        }
        if let Some(layers) = &containers.layers {
            errors.extend(self.drop_layers(&containers, layers).await);
        }
        if let Some(work) = &containers.work {
            let removed = containers.found.engine.remove_volume(work).await;
            errors.extend(removed.err().map(|error| error.to_string()));
        }
        if let Some(services) = containers.services {
            let (logs, failed) = services.close().await;
            for (name, log) in logs {
                self.tell(key, &format!("log of the service {name}:"));
                self.tell(key, &log);
            }
            errors.extend(failed.iter().map(ToString::to_string));
        }
        errors
    }

    /// What the container's user made and nobody inside could remove.
    async fn reclaim_without_agent(&self, containers: &Containers) -> Option<String> {
        let machine = containers.machine.as_ref()?;
        if machine.has_agent() || nix::unistd::geteuid().is_root() {
            return None;
        }
        let engine = &containers.found.engine;
        let removed = engine
            .reclaim(machine.image(), &self.directories.root)
            .await;
        removed.err().map(|error| error.to_string())
    }

    /// Gives a folder to the user, by whoever may: lrun, the container's user, or another container's.
    pub async fn own(
        &self,
        engine: &Engine,
        machine: &Container,
        (folder, inside): (&Path, &Path),
    ) -> Result<(), DockerError> {
        let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
        if user.is_root() {
            let folder = folder.to_owned();
            let owned = tokio::task::spawn_blocking(move || files::own(&folder, 0, group.as_raw()));
            let owned = owned.await.map_err(std::io::Error::other);
            return owned.and_then(|owned| owned).map_err(DockerError::Agent);
        }
        if machine.user() == 0 {
            return machine.own(inside, user.as_raw(), group.as_raw()).await;
        }
        engine.own(machine.image(), folder, &self.run.mark()).await
    }

    /// What the container's user made: removed where it is the job's, given to the user where it is the user's tree.
    async fn reclaim(
        &self,
        machine: &Container,
        containers: &Containers,
    ) -> Result<(), DockerError> {
        let user = nix::unistd::geteuid();
        if user.as_raw() == machine.user() {
            return Ok(());
        }
        if self.run.options.bind {
            let tree = &self.directories.workspace;
            self.own(
                &containers.found.engine,
                machine,
                (tree, &self.paths.inside(tree)),
            )
            .await?;
        }
        if user.is_root() {
            return Ok(());
        }
        let mut folders = vec![self.paths.inside(&self.directories.root)];
        if containers.layers.is_some() {
            folders.push(Layers::inside().to_owned());
        }
        if containers.kind != Kind::Hosted {
            folders.extend(["/github/home".into(), "/github/workflow".into()]);
        }
        for folder in folders {
            machine.empty(&folder, Vec::new()).await?;
        }
        Ok(())
    }

    /// `job.container` and `job.services` (SPEC C-13).
    pub fn containers_value(&self) -> (Value, Value) {
        let empty = || Value::object::<&str>([]);
        let Some(containers) = &self.containers else {
            return (empty(), empty());
        };
        let text = |text: &str| Value::string(text);
        let network = containers.services.as_ref().map(|it| it.network.as_str());
        let mut container = Vec::new();
        if let (Some(machine), true) = (&containers.machine, containers.kind != Kind::Hosted) {
            container.push(("id", text(machine.id())));
        }
        container.extend(network.map(|network| ("network", text(network))));
        let services = containers.services.iter().flat_map(|services| {
            services.running.iter().map(|service| {
                let ports = containers.ports.get(&service.name);
                let ports = ports.into_iter().flatten();
                let ports = Value::object(ports.map(|(port, host)| (port.as_str(), text(host))));
                let about = [
                    ("id", text(&service.id)),
                    ("network", text(&services.network)),
                    ("ports", ports),
                ];
                (service.name.as_str(), Value::object(about))
            })
        });
        (Value::object(container), Value::object(services))
    }
}

/// Takes output and forgets it.
struct Silent;

impl Output for Silent {
    fn chunk(&mut self, _stream: Stream, _bytes: &[u8]) {}
}

/// Every user of a container may go on with a job's folders.
pub(super) fn open_to_all(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777))
}

/// SPEC J-24: said last, but a `CI` of the workflow counts.
pub(super) fn with_marks(mut env: Vec<(String, String)>) -> Vec<(String, String)> {
    env.push(("GITHUB_ACTIONS".to_owned(), "true".to_owned()));
    if !env.iter().any(|(name, _)| name == "CI") {
        env.push(("CI".to_owned(), "true".to_owned()));
    }
    env
}

pub(super) fn container_name(alias: &str, boxed: &Boxed) -> String {
    let plain: String = alias
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let number = uuid::Uuid::new_v4().simple().to_string();
    format!("lrun_{plain}_{}_{}", boxed.image.sanitised(), &number[..6])
}

/// The tools that stay from run to run; each image has its own, since it fills them first.
fn tools_volume(boxed: &Boxed) -> String {
    let id: String = boxed
        .about
        .id
        .trim_start_matches("sha256:")
        .chars()
        .take(12)
        .collect();
    match boxed.kind {
        Kind::Hosted => format!("lrun-tools-{id}"),
        Kind::OnHosted | Kind::OnHost => "lrun-tools".to_owned(),
    }
}

/// Where a container has its volumes and mounts.
fn targets(boxed: &Boxed) -> Vec<PathBuf> {
    let volumes = boxed.container.volumes.iter().chain(&boxed.options.volume);
    let target = |volume: &String| {
        let mut parts = volume.split(':');
        let first = parts.next().unwrap_or_default();
        // `dst`, `dst:ro`, `src:dst`, `src:dst:ro`
        let second = parts.next().filter(|part| part.starts_with('/'));
        PathBuf::from(second.unwrap_or(first))
    };
    let mounts = boxed
        .options
        .mount
        .iter()
        .map(|mount| PathBuf::from(&mount.target));
    let tmpfs = boxed
        .options
        .tmpfs
        .iter()
        .map(|(path, _)| PathBuf::from(path));
    volumes.map(target).chain(mounts).chain(tmpfs).collect()
}
