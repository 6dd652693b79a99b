//! Services beside a job: network, start, health, ports, logs, end (SPEC 5.3).

use std::ffi::OsString;
use std::time::Duration;

use bollard::models::{HealthStatusEnum, NetworkCreateRequest};
use indexmap::IndexMap;

use super::create::Network;
use super::health::{Check, Health};
use super::{DockerError, Engine, Spec};

/// First and longest pause between two looks at the health (SPEC J-30).
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(32));

/// A service that is to run.
#[derive(Debug, Clone)]
pub struct ServiceSpec {
    pub name: String,
    pub spec: Spec,
}

/// A service that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    pub id: String,
    /// Host ports by container port, `5432` → `32768` (SPEC J-29).
    pub ports: IndexMap<String, String>,
    /// Its address on the engine's default bridge, for a machine that is not in its network.
    pub address: Option<String>,
}

/// A network and the services in it.
#[derive(Debug)]
pub struct Services {
    engine: Engine,
    pub network: String,
    pub running: Vec<Service>,
}

/// Names and logs of services that are not as they should be.
#[derive(Debug, Default)]
pub struct Waited {
    pub sick: Vec<(String, String)>,
    pub gone: Vec<(String, String)>,
}

/// What is told while services start.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);

impl Services {
    /// Makes the network.
    pub async fn open(
        engine: &Engine,
        name: String,
        labels: &[(String, String)],
    ) -> Result<Self, DockerError> {
        let request = NetworkCreateRequest {
            name: name.clone(),
            labels: Some(labels.iter().cloned().collect()),
            ..NetworkCreateRequest::default()
        };
        engine.docker.create_network(request).await?;
        Ok(Self {
            engine: engine.clone(),
            network: name,
            running: Vec::new(),
        })
    }

    /// Starts one; `beside`, it has an address in that network too.
    pub async fn start(
        &mut self,
        service: ServiceSpec,
        env: &IndexMap<OsString, OsString>,
        beside: Option<String>,
    ) -> Result<(), DockerError> {
        let mut spec = service.spec;
        spec.network = Network::Own {
            name: self.network.clone(),
            aliases: vec![service.name.clone()],
        };
        let id = self.engine.create(&spec, env).await?;
        // From now on it is removed at the end, whatever comes.
        self.running.push(Service {
            name: service.name,
            id: id.clone(),
            ports: IndexMap::new(),
            address: None,
        });
        let docker = &self.engine.docker;
        if let Some(network) = &beside {
            let request = bollard::models::NetworkConnectRequest {
                container: id.clone(),
                ..bollard::models::NetworkConnectRequest::default()
            };
            docker.connect_network(network, request).await?;
        }
        docker.start_container(&id, None).await?;
        let about = docker.inspect_container(&id, None).await?;
        let settings = about.network_settings.unwrap_or_default();
        let mut ports = IndexMap::new();
        for (port, bound) in settings.ports.unwrap_or_default() {
            let host = bound.unwrap_or_default().into_iter().next_back();
            if let Some(host) = host.and_then(|bound| bound.host_port) {
                let port = port.split('/').next().unwrap_or_default().to_owned();
                ports.insert(port, host);
            }
        }
        ports.sort_keys();
        let bridge = settings
            .networks
            .and_then(|mut networks| networks.remove(&beside?))
            .and_then(|bridge| bridge.ip_address);
        if let Some(last) = self.running.last_mut() {
            last.ports = ports;
            last.address = bridge.filter(|address| !address.is_empty());
        }
        Ok(())
    }

    /// Waits until all that have a health check are healthy; gives the names and logs of those that are not, and of those
    /// without one that do not run any more.
    pub async fn wait_for_health(&self, say: Say<'_>) -> Result<Waited, DockerError> {
        let mut waited = Waited::default();
        for service in &self.running {
            let mut look = Look::new(&self.engine, &service.id);
            let mut pause = PAUSES.0;
            loop {
                let (running, health) = look.now().await?;
                match health {
                    Some(Health::Starting) if running => {
                        say(&format!(
                            "{} service is starting, waiting {} seconds before checking again.",
                            service.name,
                            pause.as_secs()
                        ));
                        look.pause(pause).await;
                        pause = (pause * 2).min(PAUSES.1);
                        continue;
                    }
                    Some(Health::Unhealthy | Health::Starting) => {
                        let log = self.engine.log(&service.id).await;
                        waited.sick.push((service.name.clone(), log));
                    }
                    Some(Health::Healthy) => {
                        say(&format!("{} service is healthy.", service.name));
                    }
                    // Without a check it is only said, with its log, that it is gone (SPEC J-28).
                    None if !running => {
                        let log = self.engine.log(&service.id).await;
                        waited.gone.push((service.name.clone(), log));
                    }
                    None => {}
                }
                break;
            }
        }
        Ok(waited)
    }

    /// Stops and removes everything; gives the logs of the services and what went wrong (SPEC J-31).
    pub async fn close(self) -> (Vec<(String, String)>, Vec<DockerError>) {
        let mut logs = Vec::new();
        let mut errors = Vec::new();
        for service in &self.running {
            logs.push((service.name.clone(), self.engine.log(&service.id).await));
            errors.extend(self.engine.remove_container(&service.id).await.err());
        }
        errors.extend(self.engine.remove_network(&self.network).await.err());
        (logs, errors)
    }
}

/// Looks at the health of one container.
struct Look<'a> {
    engine: &'a Engine,
    id: &'a str,
    /// Where lrun runs the check.
    check: Option<Check>,
    /// What that check said last.
    said: Health,
}

impl<'a> Look<'a> {
    fn new(engine: &'a Engine, id: &'a str) -> Self {
        Self {
            engine,
            id,
            check: None,
            said: Health::Starting,
        }
    }

    /// Whether it runs, and how it is, if it has a check.
    async fn now(&mut self) -> Result<(bool, Option<Health>), DockerError> {
        let about = self.engine.docker.inspect_container(self.id, None).await?;
        let state = about.state.unwrap_or_default();
        let running = state.running.unwrap_or_default();
        let health = match state.health.and_then(|health| health.status) {
            Some(HealthStatusEnum::STARTING) => Health::Starting,
            Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
            Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
            _ => return Ok((running, None)),
        };
        if health != Health::Starting || !running || !self.engine.leaves_checks() {
            return Ok((running, Some(health)));
        }
        let config = about.config.and_then(|config| config.healthcheck);
        if self.check.is_none() {
            let now = tokio::time::Instant::now();
            self.check = config.and_then(|config| Check::of(&config, now));
        }
        if let (Some(check), Health::Starting) = (&mut self.check, self.said) {
            self.said = check.look(self.engine, self.id).await?;
        }
        Ok((running, Some(self.said)))
    }

    /// Pauses, but no longer than until the health is known: GitHub's steps are the longest that is waited.
    async fn pause(&mut self, longest: Duration) {
        let deadline = tokio::time::Instant::now() + longest;
        while tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(100)).await;
            // What can not be asked now shows at the next look.
            if !matches!(self.now().await, Ok((true, Some(Health::Starting)))) {
                return;
            }
        }
    }
}
