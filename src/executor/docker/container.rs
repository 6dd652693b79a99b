//! A container as a machine.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::StartExecOptions;
use bollard::models::{ExecConfig, NetworkConnectRequest, NetworkDisconnectRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, LogsOptionsBuilder, UploadToContainerOptionsBuilder,
    WaitContainerOptionsBuilder,
};
use futures_util::StreamExt as _;
use indexmap::IndexMap;

use super::super::files::{Op, Outcome};
use super::super::follow::Graces;
use super::super::{BoxFuture, Command, ExecError, Finished, Machine, Output, Stop};
use super::agent::{Agent, FOLDER, Parts, Post};
use super::archive::{Archive, Skeleton};
use super::create::Bind;
use super::exec::Execs;
use super::{DockerError, Engine, Spec};

/// How long an agent may take to report; a machine under load is slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// What starts a machine in a container.
#[derive(Debug)]
pub struct Start<'a> {
    pub engine: &'a Engine,
    pub spec: Spec,
    /// lrun's own environment.
    pub env: &'a IndexMap<OsString, OsString>,
    /// The agent's, where the engine sees this machine's files.
    pub parts: Option<&'a Parts>,
    /// The engine shares no files with this machine.
    pub far: bool,
    /// A folder of this machine for the agent's socket.
    pub folder: &'a Path,
}

/// A container in which commands run.
#[derive(Debug)]
pub struct Container {
    engine: Engine,
    id: String,
    name: String,
    image: String,
    hand: Hand,
    /// Where it shares no files with this machine.
    far: Option<Archive>,
    env: Vec<(OsString, OsString)>,
    alpine: bool,
    user: u32,
    graces: Graces,
}

/// How a server of this machine is reached from a container.
#[derive(Debug)]
pub enum Reach {
    /// It has a listener of its own there, on loopback.
    Listener(TcpListener),
    /// This machine's address in the container's network.
    Address(IpAddr),
    /// The engine's name for this machine, whose loopback it is.
    Name(&'static str),
}

/// How commands are run in it.
#[derive(Debug)]
enum Hand {
    Agent(Agent),
    Execs(Box<Execs>),
}

impl Start<'_> {
    /// Starts the container; the text says why steps take an exec each, if they do.
    pub async fn start(self) -> Result<(Container, Option<String>), DockerError> {
        let Some(parts) = self.parts else {
            let why = format!(
                "{} does not share this machine's files",
                self.engine.address
            );
            return Ok((self.plainly().await?, Some(why)));
        };
        match self.with_agent(parts).await {
            Ok(container) => Ok((container, None)),
            Err(Trouble::Agent(why)) => Ok((self.plainly().await?, Some(why))),
            Err(Trouble::Engine(error)) => Err(error),
        }
    }

    async fn with_agent(&self, parts: &Parts) -> Result<Container, Trouble> {
        let post = Post::open(self.folder).map_err(|error| Trouble::Agent(error.to_string()))?;
        let mut spec = self.spec.clone();
        for (source, target) in &parts.mounts {
            spec.binds.push(Bind {
                source: source.clone(),
                target: target.clone(),
                read_only: true,
            });
        }
        spec.binds.push(Bind {
            source: self.folder.to_owned(),
            target: format!("{FOLDER}/run"),
            read_only: false,
        });
        let mut command = parts.command.clone();
        command.push(format!("{FOLDER}/run/agent.sock"));
        spec.entrypoint = Some(command);
        spec.command = Some(Vec::new());
        let id = self.engine.create(&spec, self.env).await?;
        if let Err(error) = self.engine.docker.start_container(&id, None).await {
            let reason = super::reason(&error);
            self.engine.remove_container(&id).await?;
            // The loader can not run there: another architecture, or no files of this machine.
            return Err(
                if reason.contains(FOLDER) || reason.contains("bind source path") {
                    Trouble::Agent(reason)
                } else {
                    Trouble::Engine(error.into())
                },
            );
        }
        let reported = tokio::select! {
            biased;
            agent = tokio::time::timeout(PATIENCE, post.accept()) => match agent {
                Ok(Ok(agent)) => Ok(agent),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the agent does not report".to_owned()),
            },
            () = self.engine.ended(&id) => Err(self.engine.log(&id).await),
        };
        match reported {
            Ok(agent) => Ok(self.container(agent, id, self.spec.name.clone())),
            Err(why) => {
                self.engine.remove_container(&id).await?;
                Err(Trouble::Agent(why))
            }
        }
    }

    fn container(&self, agent: Agent, id: String, name: String) -> Container {
        Container {
            engine: self.engine.clone(),
            id,
            name,
            image: self.spec.image.to_string(),
            env: agent.hello.env.clone(),
            alpine: agent.hello.alpine,
            user: agent.hello.user,
            hand: Hand::Agent(agent),
            far: None,
            graces: Graces::default(),
        }
    }

    /// Goes on in a container that stayed and runs: another agent is started beside its first process.
    pub async fn resume(&self, id: &str) -> Result<Option<Container>, DockerError> {
        let Some(parts) = self.parts else {
            return Ok(None);
        };
        let docker = &self.engine.docker;
        let about = match docker.inspect_container(id, None).await {
            Err(error) if super::is_missing(&error) => return Ok(None),
            about => about?,
        };
        if !about
            .state
            .and_then(|state| state.running)
            .unwrap_or_default()
        {
            return Ok(None);
        }
        let post = Post::open(self.folder).map_err(DockerError::Agent)?;
        let mut command = parts.command.clone();
        command.push(format!("{FOLDER}/run/agent.sock"));
        let config = ExecConfig {
            cmd: Some(command),
            ..ExecConfig::default()
        };
        let exec = docker.create_exec(id, config).await?;
        let detached = StartExecOptions {
            detach: true,
            ..StartExecOptions::default()
        };
        docker.start_exec(&exec.id, Some(detached)).await?;
        let agent = tokio::time::timeout(PATIENCE, post.accept())
            .await
            .map_err(|_| DockerError::NoAnswer)?
            .map_err(DockerError::Agent)?;
        let name = about.name.unwrap_or_default();
        let name = name.trim_start_matches('/').to_owned();
        Ok(Some(self.container(agent, id.to_owned(), name)))
    }

    /// Gives a container what it is to have, and starts it.
    async fn furnish(&self, id: &str) -> Result<(), DockerError> {
        let docker = &self.engine.docker;
        if self.spec.skeleton != Skeleton::default() {
            let archive = self.spec.skeleton.archive().map_err(DockerError::Agent)?;
            let options = UploadToContainerOptionsBuilder::new().path("/").build();
            let body = bollard::body_full(bytes::Bytes::from(archive));
            docker.upload_to_container(id, Some(options), body).await?;
        }
        Ok(docker.start_container(id, None).await?)
    }

    /// A container that only waits, as the runner starts it (SPEC J-24).
    async fn plainly(&self) -> Result<Container, DockerError> {
        let mut spec = self.spec.clone();
        spec.entrypoint = Some(vec!["tail".to_owned()]);
        spec.command = Some(vec!["-f".to_owned(), "/dev/null".to_owned()]);
        let id = self.engine.create(&spec, self.env).await?;
        let started = self.furnish(&id).await;
        if let Err(error) = started {
            self.engine.remove_container(&id).await?;
            return Err(error);
        }
        let execs = Execs::new(self.engine.clone(), id.clone());
        let about = execs.look().await;
        let (env, alpine, user) = match about {
            Ok(about) => about,
            Err(error) => {
                self.engine.remove_container(&id).await?;
                return Err(error);
            }
        };
        Ok(Container {
            far: self.far.then(|| Archive::open(self.engine, &id, user)),
            engine: self.engine.clone(),
            id,
            name: self.spec.name.clone(),
            image: self.spec.image.to_string(),
            env,
            alpine,
            user,
            hand: Hand::Execs(Box::new(execs)),
            graces: Graces::default(),
        })
    }
}

/// Why a container with an agent did not come up.
enum Trouble {
    /// Without one it may.
    Agent(String),
    Engine(DockerError),
}

impl From<DockerError> for Trouble {
    fn from(error: DockerError) -> Self {
        let text = error.to_string();
        if text.contains("bind source path does not exist") {
            Self::Agent(text)
        } else {
            Self::Engine(error)
        }
    }
}

impl Container {
    /// As `job.container.id` has it.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn image(&self) -> &str {
        &self.image
    }

    /// What the engine, and not a job, gives every process.
    pub fn env(&self) -> &[(OsString, OsString)] {
        &self.env
    }

    /// Its commands take no exec each.
    pub fn has_agent(&self) -> bool {
        matches!(self.hand, Hand::Agent(_))
    }

    /// It shares no files with this machine.
    pub fn is_far(&self) -> bool {
        self.far.is_some()
    }

    pub fn is_alpine(&self) -> bool {
        self.alpine
    }

    /// The number of the user that its commands run as.
    pub fn user(&self) -> u32 {
        self.user
    }

    /// It is there for one command, and ends with it.
    #[must_use]
    pub fn of_one_command(mut self) -> Self {
        self.graces.alone = true;
        self
    }

    /// Lets it run on when this run ends.
    pub async fn stay(&self) -> Result<(), DockerError> {
        match &self.hand {
            Hand::Agent(agent) => agent.stay().await.map_err(DockerError::Agent),
            Hand::Execs(_) => Ok(()),
        }
    }

    /// Puts it into a network, and takes it out of all others of lrun's.
    pub async fn move_to(&self, network: &str) -> Result<(), DockerError> {
        let docker = &self.engine.docker;
        let about = docker.inspect_container(&self.id, None).await?;
        let networks = about
            .network_settings
            .and_then(|settings| settings.networks);
        for name in networks.unwrap_or_default().into_keys() {
            if name.starts_with("github_network_") {
                let request = NetworkDisconnectRequest {
                    container: self.id.clone(),
                    force: Some(true),
                };
                docker.disconnect_network(&name, request).await?;
            }
        }
        let request = NetworkConnectRequest {
            container: self.id.clone(),
            ..NetworkConnectRequest::default()
        };
        Ok(docker.connect_network(network, request).await?)
    }

    /// Takes it out of a network that is to go.
    pub async fn leave(&self, network: &str) -> Result<(), DockerError> {
        let request = NetworkDisconnectRequest {
            container: self.id.clone(),
            force: Some(true),
        };
        Ok(self
            .engine
            .docker
            .disconnect_network(network, request)
            .await?)
    }

    /// Lets a port of its loopback lead to an address.
    pub async fn forward(&self, port: u16, to: String) -> Result<(), DockerError> {
        match &self.hand {
            Hand::Agent(agent) => agent.forward(port, to).await.map_err(DockerError::Agent),
            Hand::Execs(_) => Err(DockerError::Agent(io::Error::other(
                "ports of services need the agent",
            ))),
        }
    }

    /// How a server of this machine is reached from inside.
    pub async fn reach(&self) -> Result<Reach, DockerError> {
        if let Hand::Agent(agent) = &self.hand {
            let listener = agent.listen().await.map_err(DockerError::Agent)?;
            return Ok(Reach::Listener(listener));
        }
        let docker = &self.engine.docker;
        let about = docker.inspect_container(&self.id, None).await?;
        let networks = about.network_settings.and_then(|it| it.networks);
        let networks = networks.unwrap_or_default();
        if networks.contains_key("host") {
            return Ok(Reach::Address(Ipv4Addr::LOCALHOST.into()));
        }
        let system = docker.info().await?.operating_system.unwrap_or_default();
        if system.contains("Docker Desktop") {
            return Ok(Reach::Name("host.docker.internal"));
        }
        networks
            .values()
            .find_map(|network| network.gateway.as_deref()?.parse().ok())
            .map(Reach::Address)
            .ok_or_else(|| {
                DockerError::Agent(io::Error::other(
                    "its network has no gateway to this machine",
                ))
            })
    }

    /// Empties a folder inside, whoever made what is in it, but for some places.
    pub async fn empty(&self, folder: &Path, spared: Vec<PathBuf>) -> Result<(), DockerError> {
        match &self.hand {
            Hand::Agent(agent) => agent
                .empty(folder, spared)
                .await
                .map_err(DockerError::Agent),
            // It can not tell what is mounted there; what its user made may stay behind.
            Hand::Execs(_) => Ok(()),
        }
    }

    /// Does things with its files; nothing where nobody inside can be asked.
    pub fn perform(&self, ops: Vec<Op>) -> Option<Vec<Outcome>> {
        if let Some(far) = &self.far {
            return Some(far.perform(ops));
        }
        let Hand::Agent(agent) = &self.hand else {
            return None;
        };
        let count = ops.len();
        Some(agent.perform(ops).unwrap_or_else(|error| {
            let same = || Err(io::Error::new(error.kind(), error.to_string()));
            (0..count).map(|_| same()).collect()
        }))
    }

    /// Gives everything below a folder inside to a user.
    pub async fn own(&self, folder: &Path, user: u32, group: u32) -> Result<(), DockerError> {
        match &self.hand {
            Hand::Agent(agent) => agent
                .own(folder, user, group)
                .await
                .map_err(DockerError::Agent),
            Hand::Execs(execs) => execs.own(folder, user, group).await,
        }
    }
}

impl Machine for Container {
    fn exec<'a>(
        &'a self,
        command: &'a Command,
        output: &'a mut dyn Output,
        stop: &'a Stop,
    ) -> BoxFuture<'a, Result<Finished, ExecError>> {
        Box::pin(async move {
            match &self.hand {
                Hand::Agent(agent) => agent.exec(command, output, stop, self.graces).await,
                Hand::Execs(execs) => execs.exec(command, output, stop, self.graces).await,
            }
        })
    }

    fn which<'a>(
        &'a self,
        program: &'a Path,
        search_path: &'a OsStr,
        cwd: &'a Path,
    ) -> BoxFuture<'a, Option<PathBuf>> {
        Box::pin(async move {
            match &self.hand {
                // A container that is gone says so when the command is to run.
                Hand::Agent(agent) => agent
                    .which(program, search_path, cwd)
                    .await
                    .unwrap_or_else(|_| Some(program.to_owned())),
                Hand::Execs(execs) => execs.which(program, search_path, cwd).await,
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ExecError>> {
        Box::pin(async {
            let removed = self.engine.remove_container(&self.id).await;
            removed.map_err(|error| io::Error::other(error).into())
        })
    }
}

impl Engine {
    /// Whether a container runs.
    pub async fn runs(&self, id: &str) -> bool {
        let about = self.docker.inspect_container(id, None).await;
        about
            .ok()
            .and_then(|about| about.state)
            .and_then(|state| state.running)
            .unwrap_or_default()
    }

    /// Makes a container; gives its id.
    pub(super) async fn create(
        &self,
        spec: &Spec,
        env: &IndexMap<OsString, OsString>,
    ) -> Result<String, DockerError> {
        let body = spec.body(env)?;
        let mut options = CreateContainerOptionsBuilder::new().name(&spec.name);
        if let Some(platform) = &spec.options.platform {
            options = options.platform(platform);
        }
        let made = self
            .docker
            .create_container(Some(options.build()), body)
            .await?;
        Ok(made.id)
    }

    /// Returns when the container has ended.
    pub(super) async fn ended(&self, id: &str) {
        let options = WaitContainerOptionsBuilder::new().condition("not-running");
        let mut ends = self.docker.wait_container(id, Some(options.build()));
        while let Some(Ok(_)) = ends.next().await {}
    }

    /// What it printed, both streams in one.
    pub(super) async fn log(&self, id: &str) -> String {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true);
        let mut log = self.docker.logs(id, Some(options.build()));
        let mut text = Vec::new();
        while let Some(Ok(piece)) = log.next().await {
            let (LogOutput::StdOut { message }
            | LogOutput::StdErr { message }
            | LogOutput::StdIn { message }
            | LogOutput::Console { message }) = piece;
            text.extend_from_slice(&message);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}
