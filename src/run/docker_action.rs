//! Docker actions and `uses: docker://` steps (SPEC 6.8).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::composite::Frame;
use super::engine::Found;
use super::environment::Layers as EnvironmentLayers;
use super::inputs::input_variables;
use super::inside::Inside;
use super::job::{Job, Place};
use super::layers::Layers;
use super::node_action::state_variables;
use super::paths::Paths;
use super::post::PostWork;
use super::process::{Failing, Stage};
use super::step::{Prepared, Worked};
use super::toolkit::{Caller, spare_proxies};
use super::uses::Resolved;
use crate::action::node_download::Libc;
use crate::action::{DockerRuns, NodeVersion, node_download};
use crate::event::{EventKind, Level, StepKey, Stream};
use crate::executor::docker::{Bind, Container, Engine, Network, Recipe, Skeleton, Spec, Start};
use crate::executor::files::{Files, Op};
use crate::executor::{Command, Ending, Machine as _, Output, Stop, node};
use crate::expr::{Object, Value};
use crate::plan::container::{ContainerOptions, ImageName, words};
use crate::workflow::evaluate::{EvalError, Evaluator};

/// Where a Docker action has the workspace.
const WORKSPACE: &str = "/github/workspace";

/// One stage of a Docker action.
#[derive(Debug, Clone)]
pub(super) struct DockerRun {
    pub image: DockerImage,
    pub entrypoint: Option<String>,
    pub args: Vec<String>,
    /// `runs.env`: fills what nobody set (SPEC V-10).
    pub own_env: IndexMap<String, String>,
    /// `INPUT_*` and `STATE_*`.
    pub variables: Vec<(String, String)>,
}

/// Where the image of an action is from.
#[derive(Debug, Clone)]
pub(super) enum DockerImage {
    Named(String),
    Built(Recipe),
}

impl DockerImage {
    /// Reads `image` of a manifest (SPEC A-50).
    pub fn of(
        image: &str,
        folder: &Path,
        (files, paths): (&dyn Files, &Paths),
    ) -> Result<Self, String> {
        if let Some(name) = image.strip_prefix("docker://") {
            return Ok(Self::Named(name.to_owned()));
        }
        let path = folder.join(image);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_dockerfile = name.to_lowercase().ends_with("dockerfile")
            || name.to_lowercase().starts_with("dockerfile.");
        if !is_dockerfile {
            return Err(format!(
                "'{image}' should be either '[path]/Dockerfile' or 'docker://image[:tag]'."
            ));
        }
        if !files.is_file(&path) {
            return Err(format!(
                "File not found: '{}'",
                paths.shown(&path).display()
            ));
        }
        Ok(Self::Built(Recipe {
            dockerfile: name.into_owned(),
            folder: path.parent().unwrap_or(folder).to_owned(),
            platform: None,
        }))
    }
}

impl Job {
    /// Runs the main stage of a Docker action and registers its post.
    pub async fn run_docker_action(
        &mut self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        action: &Resolved,
        runs: &DockerRuns,
        inputs: &IndexMap<String, String>,
    ) -> Worked {
        let run = match self.docker_run(action, runs, inputs) {
            Ok(run) => run,
            Err(problem) => {
                self.explain_docker(&prepared.key, &problem);
                return Worked::failed();
            }
        };
        if let Some(post) = &runs.post_entrypoint {
            let condition = runs.post_if.as_ref().map(|it| it.expr.clone());
            let work = PostWork::Docker(Box::new(DockerRun {
                entrypoint: Some(post.clone()),
                ..run.clone()
            }));
            self.register_post(frame, prepared, condition, work);
        }
        self.run_docker_prepared(frame, prepared, run).await
    }

    /// The pre stage, which is the main one with another entrypoint.
    pub async fn run_docker_pre(
        &mut self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        action: &Resolved,
        runs: &DockerRuns,
        inputs: &IndexMap<String, String>,
    ) -> Worked {
        let run = match self.docker_run(action, runs, inputs) {
            Ok(run) => run,
            Err(problem) => {
                self.explain_docker(&prepared.key, &problem);
                return Worked::failed();
            }
        };
        if let Some(post) = &runs.post_entrypoint {
            let condition = runs.post_if.as_ref().map(|it| it.expr.clone());
            let work = PostWork::Docker(Box::new(DockerRun {
                entrypoint: Some(post.clone()),
                ..run.clone()
            }));
            self.register_post(frame, prepared, condition, work);
        }
        let run = DockerRun {
            entrypoint: runs.pre_entrypoint.clone(),
            ..run
        };
        self.run_docker_prepared(frame, prepared, run).await
    }

    /// `uses: docker://image` (SPEC A-51).
    pub async fn run_image(
        &mut self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        image: &str,
        given: &IndexMap<String, String>,
    ) -> Worked {
        let find = |name: &str| {
            let found = given.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found
                .map(|(_, value)| value.clone())
                .filter(|value| !value.is_empty())
        };
        let run = DockerRun {
            image: DockerImage::Named(image.to_owned()),
            entrypoint: find("entrypoint"),
            args: find("args").map(|args| words(&args)).unwrap_or_default(),
            own_env: IndexMap::new(),
            variables: input_variables(given),
        };
        self.run_docker_prepared(frame, prepared, run).await
    }

    async fn run_docker_prepared(
        &mut self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        mut run: DockerRun,
    ) -> Worked {
        if let Some(state) = self.saved.get(&frame.path_of(prepared.place)) {
            run.variables.extend(state_variables(state));
        }
        let survives = |job: &Self| job.survives(frame, prepared);
        let stage = Stage {
            key: &prepared.key,
            files: &prepared.files,
            env: &prepared.env,
            deadline: prepared.deadline,
            survives: &survives,
            place: Place::Machine,
        };
        Box::pin(self.run_docker(&stage, &run, &prepared.github, &prepared.env)).await
    }

    fn explain_docker(&self, key: &StepKey, problem: &Problem) {
        match problem {
            Problem::Evaluation(error) => self.annotate(Some(key), error),
            Problem::Message(message) => self.say(Some(key), Level::Error, message),
        }
    }

    /// What a manifest and its inputs give.
    fn docker_run(
        &self,
        action: &Resolved,
        runs: &DockerRuns,
        inputs: &IndexMap<String, String>,
    ) -> Result<DockerRun, Problem> {
        let values = inputs
            .iter()
            .map(|(name, value)| (name.as_str(), Value::string(value.as_str())));
        let contexts = super::Contexts::default().with("inputs", Value::object(values));
        let evaluator = Evaluator {
            context: &contexts,
            source: &action.source,
        };
        let given = |name: &str| {
            let found = inputs
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            found
                .map(|(_, value)| value.clone())
                .filter(|value| !value.is_empty())
        };
        let args = match &runs.args {
            Some(token) => evaluator.texts(token).map_err(Problem::Evaluation)?,
            None => given("args").map(|args| words(&args)).unwrap_or_default(),
        };
        let own_env = match &runs.env {
            Some(token) => evaluator.string_map(token).map_err(Problem::Evaluation)?,
            None => IndexMap::new(),
        };
        Ok(DockerRun {
            image: DockerImage::of(&runs.image, &action.directory, (&self.files, &self.paths))
                .map_err(Problem::Message)?,
            entrypoint: runs.entrypoint.clone().or_else(|| given("entrypoint")),
            args,
            own_env,
            variables: input_variables(inputs),
        })
    }

    /// Runs one stage in a container of its own.
    pub async fn run_docker(
        &mut self,
        stage: &Stage<'_>,
        run: &DockerRun,
        github: &Object,
        env: &IndexMap<String, String>,
    ) -> Worked {
        let started = tokio::select! {
            biased;
            started = Box::pin(self.start_docker(stage, run)) => started,
            () = self.kill.cancelled() => return Worked::ended(crate::event::Conclusion::Cancelled),
        };
        let (engine, machine, paths, line) = match started {
            Ok(started) => started,
            Err(message) => {
                self.say(Some(stage.key), Level::Error, &message);
                return Worked::failed();
            }
        };
        let base: IndexMap<_, _> = machine.env().iter().cloned().collect();
        let mut env = env.clone();
        for (name, value) in &run.own_env {
            env.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let mut variables = self.process_variables(github);
        let services = self.service_variables(Caller::Docker, Some(&machine)).await;
        variables.extend(services.iter().cloned());
        let layers = EnvironmentLayers {
            host: &base,
            env: &env,
            action: &run.variables,
            runner: &variables,
            path: &[],
        };
        let search_path = layers.search_path();
        let (first, rest) = line
            .split_first()
            .map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let program = machine
            .which(Path::new(first), &search_path, Path::new(WORKSPACE))
            .await
            .unwrap_or_else(|| PathBuf::from(first));
        let mut env = layers.build();
        spare_proxies(&mut env, &services);
        let command = Command {
            program,
            args: rest.iter().map(Into::into).collect(),
            env,
            cwd: WORKSPACE.into(),
        };
        let inside = Inside::new(Arc::new(machine), paths, &self.directories);
        let stage = Stage {
            place: Place::Action(&inside),
            ..*stage
        };
        let worked = self.run_process(&stage, &command, Failing::Silent).await;
        self.end_docker(stage.key, &engine, &inside.machine).await;
        worked
    }

    async fn start_docker(
        &self,
        stage: &Stage<'_>,
        run: &DockerRun,
    ) -> Result<(Engine, Container, Paths, Vec<String>), String> {
        let found = match &self.containers {
            Some(containers) => containers.found.clone(),
            None => self.run.engine().await?,
        };
        let docker = &self.run.options.docker;
        let name = self.docker_image(stage, run, &found).await?;
        let about = found
            .engine
            .image(&name)
            .await
            .map_err(|error| error.to_string())?
            .ok_or_else(|| format!("the image {name} is not here"))?;
        let line = match &run.entrypoint {
            // SPEC A-52: in quotes, so one word.
            Some(entrypoint) => [vec![entrypoint.clone()], run.args.clone()].concat(),
            None if run.args.is_empty() => [about.entrypoint, about.cmd].concat(),
            None => [about.entrypoint, run.args.clone()].concat(),
        };
        if line.is_empty() {
            return Err(format!(
                "the image {name} says no command, and the step gives none"
            ));
        }
        let mut options = ContainerOptions::default();
        docker.rights.grant(&mut options);
        options.platform.clone_from(&docker.platform);
        let paths = Paths::of_action(&self.directories, &self.paths);
        // In a container they are the job's own by now, links included.
        if self.boxed().is_none() {
            self.directories.open().map_err(|error| error.to_string())?;
        }
        let mut skeleton = Skeleton::default();
        let (mut binds, mut volumes) = self.mounts_of_action();
        if found.far {
            let work = self.containers.as_ref().and_then(|it| it.work.as_ref());
            let work = work.ok_or_else(|| {
                format!(
                    "{} shares no files with this machine, and this job runs here: its Docker actions would see none of them",
                    found.engine.address
                )
            })?;
            binds.retain(|bind| bind.target == "/var/run/docker.sock");
            volumes.push(format!("{work}:{}:nocopy", self.base_inside().display()));
            skeleton = self.skeleton_of_action();
        }
        let network = match self.network() {
            Some(name) => Network::Own {
                name,
                aliases: Vec::new(),
            },
            None => match &docker.network {
                Some(name) => Network::Named(name.clone()),
                None => Network::Default,
            },
        };
        let number = uuid::Uuid::new_v4().simple().to_string();
        let spec = Spec {
            image: name.clone(),
            name: format!("lrun_action_{}_{}", name.sanitised(), &number[..6]),
            labels: self.run.labels(),
            workdir: Some(WORKSPACE.to_owned()),
            network,
            ports: Vec::new(),
            options,
            env: [
                ("HOME", "/github/home"),
                ("GITHUB_ACTIONS", "true"),
                ("CI", "true"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            binds,
            volumes,
            entrypoint: None,
            command: None,
            skeleton,
        };
        let folder = self
            .directories
            .root
            .with_extension(format!("action-{}", &number[..8]));
        std::fs::create_dir_all(&folder)
            .and_then(|()| super::containers::open_to_all(&folder))
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let start = Start {
            engine: &found.engine,
            spec,
            env: &self.run.options.runner_env,
            parts: found.parts.as_ref(),
            far: found.far,
            folder: &folder,
        };
        let started = start.start().await.map_err(|error| error.to_string());
        // The socket in it is open by now.
        drop(std::fs::remove_dir_all(&folder));
        let (machine, _) = started?;
        Ok((found.engine, machine.of_one_command(), paths, line))
    }

    /// The image of a stage: pulled, or built once for its content.
    async fn docker_image(
        &self,
        stage: &Stage<'_>,
        run: &DockerRun,
        found: &Found,
    ) -> Result<ImageName, String> {
        let docker = &self.run.options.docker;
        let recipe = match &run.image {
            DockerImage::Named(name) => {
                let name = ImageName::new(name);
                self.run
                    .provide(&found.engine, &name, docker.platform.as_deref(), None)
                    .await?;
                return Ok(name);
            }
            DockerImage::Built(recipe) => self.recipe(recipe).await?,
        };
        let mut bases = Vec::new();
        for base in recipe.bases() {
            // One that is not here is brought by the build.
            let found = found.engine.image(&base).await;
            bases.extend(found.ok().flatten().map(|image| image.id));
        }
        let image = recipe.image(&bases).map_err(|error| error.to_string())?;
        let is_here = found
            .engine
            .image(&image)
            .await
            .map_err(|error| error.to_string())?
            .is_some();
        if is_here && !(docker.rebuild && self.run.is_first_build(&image)) {
            return Ok(image);
        }
        let title = format!("Build container for action use: '{}'.", recipe.dockerfile);
        self.emit(Some(stage.key), EventKind::GroupStarted { title });
        let say = |text: &str| {
            for line in text.lines() {
                self.emit(
                    Some(stage.key),
                    EventKind::StepOutput {
                        stream: Stream::Log,
                        text: self.masker.mask(line).into_owned(),
                    },
                );
            }
        };
        let env = &self.run.options.runner_env;
        let built = found.engine.build(&recipe, &image, env, &say).await;
        self.emit(Some(stage.key), EventKind::GroupEnded);
        // The folder may be a copy that nobody else knows.
        let own = match &run.image {
            DockerImage::Built(own) => self.paths.shown(&own.folder).display().to_string(),
            DockerImage::Named(_) => String::new(),
        };
        let copied = recipe.folder.display().to_string();
        built.map_err(|error| error.to_string().replace(&copied, &own))?;
        self.run.is_first_build(&image);
        Ok(image)
    }

    /// What a Docker action sees of the job (SPEC A-53).
    fn mounts_of_action(&self) -> (Vec<Bind>, Vec<String>) {
        let bind = |source: &Path, target: &str| Bind {
            source: source.to_owned(),
            target: target.to_owned(),
            read_only: false,
        };
        let directories = &self.directories;
        let mut binds = vec![
            bind(&directories.temp, "/github/runner_temp"),
            bind(&directories.temp.join("_github_home"), "/github/home"),
            bind(
                &directories.temp.join("_github_workflow"),
                "/github/workflow",
            ),
            bind(&directories.file_commands, "/github/file_commands"),
        ];
        let mut volumes = Vec::new();
        match self.layers() {
            Some(layers) => volumes.push(layers.volume_at(Path::new(WORKSPACE))),
            None => binds.push(bind(&directories.workspace, WORKSPACE)),
        }
        for folder in crate::workspace::borrowed(&self.run.options.workspace) {
            binds.push(Bind {
                read_only: true,
                ..bind(&folder, &folder.display().to_string())
            });
        }
        if let Some(socket) = &self.run.options.docker.socket {
            binds.push(bind(socket, "/var/run/docker.sock"));
        }
        (binds, volumes)
    }

    /// The recipe with its files where the engine's client finds them.
    async fn recipe(&self, recipe: &Recipe) -> Result<Recipe, String> {
        let mut recipe = Recipe {
            platform: self.run.options.docker.platform.clone(),
            ..recipe.clone()
        };
        let own = &self.directories;
        let is_the_jobs =
            recipe.folder.starts_with(&own.workspace) || recipe.folder.starts_with(&own.root);
        if !is_the_jobs || !self.is_seen_from_inside_only() {
            return Ok(recipe);
        }
        // Only the job's own container sees all of it.
        let number = uuid::Uuid::new_v4().simple().to_string();
        let copy = Op::Copy {
            from: recipe.folder.clone(),
            to: own.root.join(format!("_context_{number}")),
            user: nix::unistd::geteuid().as_raw(),
            group: nix::unistd::getegid().as_raw(),
        };
        let folder = own.root.join(format!("_context_{number}"));
        let files = self.files.clone();
        let copied = tokio::task::spawn_blocking(move || files.one(copy)).await;
        let copied = copied.map_err(|error| error.to_string())?;
        copied
            .map_err(|error| format!("{}: {error}", self.paths.shown(&recipe.folder).display()))?;
        recipe.folder = folder;
        Ok(recipe)
    }

    /// What the workspace is made of, where it is no folder of this machine.
    fn layers(&self) -> Option<&Layers> {
        self.containers.as_ref()?.layers.as_ref()
    }

    async fn end_docker(&self, key: &StepKey, engine: &Engine, machine: &Container) {
        // Steps of a container go on whoever made the files; those of this machine are of lrun's own user.
        let is_outside = self.boxed().is_none() || self.run.options.bind;
        if is_outside && machine.user() != nix::unistd::geteuid().as_raw() {
            let directories = &self.directories;
            for (folder, inside) in [
                (&directories.workspace, WORKSPACE),
                (&directories.temp, "/github/runner_temp"),
            ] {
                let places = (folder.as_path(), Path::new(inside));
                if let Err(error) = self.own(engine, machine, places).await {
                    let text = format!("files that the action made in {inside}: {error}");
                    self.say(Some(key), Level::Warning, &text);
                }
            }
        }
        if let Err(error) = machine.close().await {
            self.say(Some(key), Level::Warning, &error.to_string());
        }
    }

    /// The job's own container, if it has one.
    pub fn boxed(&self) -> Option<Arc<Container>> {
        self.containers.as_ref()?.machine.clone()
    }

    /// The node for JavaScript actions in the job's container: the image's own, else one of lrun's (SPEC J-42).
    pub async fn node_inside(
        &self,
        machine: &Container,
        version: NodeVersion,
        search_path: &std::ffi::OsStr,
    ) -> Result<PathBuf, String> {
        let mut known = self.nodes.lock().await;
        if let Some(found) = known.get(&version) {
            return Ok(found.clone());
        }
        let needed = if version.major() >= 24 { 24 } else { 20 };
        let own = machine
            .which(Path::new("node"), search_path, Path::new("/"))
            .await;
        if let Some(own) = own
            && version_of(machine, &own)
                .await
                .is_some_and(|found| found.0 >= needed)
        {
            known.insert(version, own.clone());
            return Ok(own);
        }
        let tools = self.run.tool_cache();
        let libc = if machine.is_alpine() {
            Libc::Musl
        } else {
            Libc::Native
        };
        let ours = |tools: &Path| {
            node::unpacked(&tools.join(libc.folder()))
                .into_iter()
                .filter(|found| found.version.0 >= needed)
                .max_by_key(|found| found.version)
                .map(|found| found.path)
        };
        let mut found = ours(&tools);
        if found.is_none() && !machine.is_far() {
            let download = node_download::NodeDownload {
                address: libc.address(),
                tool_cache: tools.clone(),
                offline: self.run.options.offline,
                libc,
            };
            let run = Arc::clone(&self.run);
            let say = move |text: &str| run.emitter.note(Level::Notice, text.to_owned());
            let done = tokio::task::spawn_blocking(move || {
                download
                    .provide(24, &say)
                    .map_err(|error| error.to_string())
            });
            let help = format!(
                "the image has no Node.js {needed} or newer: name one that has, or unpack a build as {}/{}/VERSION/x64",
                tools.display(),
                libc.folder()
            );
            done.await
                .map_err(|error| error.to_string())?
                .map_err(|error| format!("{error}\n{help}"))?;
            found = ours(&tools);
        }
        if machine.is_far() {
            return Err(format!(
                "the image has no Node.js {needed} or newer, and its engine shares no files with this machine: name an image that has"
            ));
        }
        let found = found.ok_or_else(|| {
            format!(
                "what was downloaded is no Node.js {needed}: see {}",
                tools.display()
            )
        })?;
        known.insert(version, found.clone());
        Ok(found)
    }

    /// The network of lrun's own that the job is in.
    fn network(&self) -> Option<String> {
        self.containers.as_ref()?.network()
    }
}

/// Why a stage can not be made.
enum Problem {
    Evaluation(EvalError),
    Message(String),
}

/// Keeps the little that a command prints.
#[derive(Default)]
struct Short(String);

impl Output for Short {
    fn chunk(&mut self, _stream: Stream, bytes: &[u8]) {
        self.0.push_str(&String::from_utf8_lossy(bytes));
    }
}

async fn version_of(machine: &Container, program: &Path) -> Option<node::Version> {
    let command = Command {
        program: program.to_owned(),
        args: vec!["--version".into()],
        env: machine.env().to_vec(),
        cwd: "/".into(),
    };
    let mut said = Short::default();
    let finished = machine
        .exec(&command, &mut said, &Stop::default())
        .await
        .ok()?;
    (finished.ending == Ending::Exited(0)).then(|| node::Version::parse(&said.0))?
}
