//! The services of a job: started beside it, reached from it, waited for (SPEC J-22 to J-31).

use std::collections::BTreeSet;

use super::containers::{Containers, container_name, with_marks};
use super::ground::{Boxed, Ground};
use super::job::Job;
use super::paths::Kind;
use crate::event::{Level, StepKey};
use crate::executor::docker::{Container, Network, Service, ServiceSpec, Skeleton, Spec};
use crate::plan::container::{Port, words};

/// The first port that is given out where a workflow names none, as Docker would.
const FIRST_FREE_PORT: u16 = 32768;

impl Job {
    /// Starts them one after the other; the error is for the user.
    pub async fn start_services(
        &self,
        containers: &mut Containers,
        ground: &Ground,
        key: &StepKey,
    ) -> Result<(), Vec<String>> {
        let is_hosted = ground
            .machine
            .as_ref()
            .is_some_and(|it| it.kind == Kind::Hosted);
        // Their ports are this machine's where the job itself is, and where it shares its network.
        let on_host =
            ground.machine.is_none() || self.run.options.docker.network.as_deref() == Some("host");
        let mut given: BTreeSet<u16> = BTreeSet::new();
        let beside = (is_hosted && !on_host).then(|| self.job_network(containers));
        for (name, service) in &ground.services {
            self.tell(
                key,
                &format!("starting the service {name} ({})", service.image),
            );
            let ports = published(&service.container.ports).map_err(|it| vec![it])?;
            let mut spec = self.service_spec(containers, name, service, Vec::new());
            let mut forwarded = Vec::new();
            if is_hosted && !on_host {
                // Those of `options`, too: they are ports of the job's machine.
                let asked = ports
                    .into_iter()
                    .chain(std::mem::take(&mut spec.options.publish));
                forwarded = forwards(name, asked, &mut given).map_err(|it| vec![it])?;
            } else {
                spec.ports = ports;
            }
            let Some(services) = &mut containers.services else {
                continue;
            };
            let started = services
                .start(
                    ServiceSpec {
                        name: name.clone(),
                        spec,
                    },
                    &self.run.options.runner_env,
                    beside.clone(),
                )
                .await;
            started
                .map_err(|error| vec![format!("the service {name} can not be started: {error}")])?;
            let Some(running) = services.running.last() else {
                continue;
            };
            let mut ports = running.ports.clone();
            for (container, host) in forwarded {
                let host = if host == 0 {
                    free_port(&mut given)
                } else {
                    host
                };
                forward(containers.machine.as_deref(), running, (&container, host))
                    .await
                    .map_err(|error| vec![error])?;
                ports.insert(container, host.to_string());
            }
            containers.ports.insert(name.clone(), ports);
        }
        Ok(())
    }

    /// Waits until they are healthy, those that have a check.
    pub async fn wait_for_services(
        &self,
        containers: &Containers,
        key: &StepKey,
    ) -> Result<(), Vec<String>> {
        let say = |text: &str| self.tell(key, text);
        let Some(services) = &containers.services else {
            return Ok(());
        };
        let waited = tokio::select! {
            waited = services.wait_for_health(&say) => waited.map_err(|error| vec![error.to_string()])?,
            () = self.cancel.cancelled() => return Err(vec!["The operation was canceled.".to_owned()]),
        };
        // SPEC J-28
        for (name, log) in &waited.gone {
            let text = format!(
                "the service {name} is not running any more\n{}",
                log.trim_end()
            );
            self.say(Some(key), Level::Warning, text.trim_end());
        }
        if waited.sick.is_empty() {
            return Ok(());
        }
        let mut errors: Vec<String> = waited
            .sick
            .iter()
            .map(|(name, log)| format!("Service container {name} failed.\n{}", log.trim_end()))
            .collect();
        errors.push("One or more containers failed to start.".to_owned());
        Err(errors)
    }

    /// The network that a hosted job's machine is in.
    fn job_network(&self, containers: &Containers) -> String {
        let own = self.run.options.docker.network.clone();
        own.unwrap_or_else(|| containers.found.engine.default_network().to_owned())
    }

    fn service_spec(
        &self,
        containers: &Containers,
        name: &str,
        service: &Boxed,
        ports: Vec<Port>,
    ) -> Spec {
        let container = &service.container;
        let mut env = self.proxies(&container.env);
        env.extend(container.env.iter().map(|(k, v)| (k.clone(), v.clone())));
        Spec {
            image: service.image.clone(),
            name: container_name(name, service),
            labels: self.run.labels(),
            workdir: None,
            network: Network::Default,
            ports,
            options: self.placed_options(containers, &service.options),
            env: with_marks(env),
            binds: Vec::new(),
            volumes: self.placed(containers, &container.volumes),
            entrypoint: container
                .entrypoint
                .as_deref()
                .filter(|it| !it.is_empty())
                .map(|program| vec![program.to_owned()]),
            command: container
                .command
                .as_deref()
                .filter(|it| !it.is_empty())
                .map(words),
            skeleton: Skeleton::default(),
        }
    }
}

/// Ports as the engine publishes them.
pub(super) fn published(ports: &[String]) -> Result<Vec<Port>, String> {
    let mut all = Vec::new();
    for text in ports {
        all.extend(parsed(text)?);
    }
    Ok(all)
}

fn parsed(text: &str) -> Result<Vec<Port>, String> {
    Port::parse(text)
        .ok_or_else(|| format!("'{text}' is no port: expected [[IP:]PORT:]PORT[/PROTOCOL]"))
}

/// Container ports and the ports of `localhost` that lead to them; 0 is any.
fn forwards(
    service: &str,
    ports: impl Iterator<Item = Port>,
    given: &mut BTreeSet<u16>,
) -> Result<Vec<(String, u16)>, String> {
    let mut forwards = Vec::new();
    for port in ports {
        let (container, protocol) = port
            .container
            .split_once('/')
            .unwrap_or((&port.container, "tcp"));
        if protocol != "tcp" {
            return Err(format!(
                "port {} of the service {service}: a port of {protocol} can not be had in a job without `container`; name the job's container, or use tcp",
                port.container
            ));
        }
        let first = port.host.split('-').next().unwrap_or_default();
        let host = first.parse().unwrap_or(0);
        if host != 0 && !given.insert(host) {
            return Err(format!(
                "port {host} of the service {service} is given already, to it or to another"
            ));
        }
        forwards.push((container.to_owned(), host));
    }
    Ok(forwards)
}

/// One that nobody has in the job's machine.
fn free_port(given: &mut BTreeSet<u16>) -> u16 {
    let free = (FIRST_FREE_PORT..=u16::MAX).find(|port| !given.contains(port));
    let free = free.unwrap_or(FIRST_FREE_PORT);
    given.insert(free);
    free
}

/// Lets a port of the job's `localhost` lead to a service.
async fn forward(
    machine: Option<&Container>,
    service: &Service,
    (container, host): (&str, u16),
) -> Result<(), String> {
    let of = |why: &str| format!("port {host} of the service {}: {why}", service.name);
    let Some(machine) = machine else {
        return Err(of("the job has no machine"));
    };
    let Some(address) = &service.address else {
        return Err(of("the network of the job does not reach it"));
    };
    let forwarded = machine
        .forward(host, format!("{address}:{container}"))
        .await;
    forwarded.map_err(|error| of(&error.to_string()))
}
