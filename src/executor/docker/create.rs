//! What a container is made of, in the engine's words.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, EndpointSettings, HealthConfig, HostConfig,
    Mount, MountBindOptions, MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig,
    PortBinding, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use indexmap::IndexMap;

use super::DockerError;
use super::archive::Skeleton;
use crate::plan::container::{self as plan, ContainerOptions, Gpus, ImageName, MountKind, Port};

/// A container that is to be made.
#[derive(Debug, Clone)]
pub struct Spec {
    pub image: ImageName,
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub workdir: Option<String>,
    pub network: Network,
    pub ports: Vec<Port>,
    pub options: ContainerOptions,
    pub env: Vec<(String, String)>,
    /// Folders and files of this machine.
    pub binds: Vec<Bind>,
    /// As a workflow writes them (SPEC J-26).
    pub volumes: Vec<String>,
    pub entrypoint: Option<Vec<String>>,
    pub command: Option<Vec<String>>,
    /// What it has before it starts.
    pub skeleton: Skeleton,
}

/// Something of this machine inside the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    pub source: PathBuf,
    pub target: String,
    pub read_only: bool,
}

/// Which network a container is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Network {
    /// The engine's own.
    #[default]
    Default,
    /// `host`, `none`, or one that is there.
    Named(String),
    /// One of lrun's, with the names that the container goes by in it.
    Own { name: String, aliases: Vec<String> },
}

impl Spec {
    /// In the engine's words; `env` is lrun's own environment.
    pub(super) fn body(
        &self,
        env: &IndexMap<OsString, OsString>,
    ) -> Result<ContainerCreateBody, DockerError> {
        let options = &self.options;
        let mut labels: HashMap<String, String> = self.labels.iter().cloned().collect();
        labels.extend(options.label.iter().cloned());
        let (anonymous, binds): (Vec<_>, Vec<_>) = self
            .volumes
            .iter()
            .chain(&options.volume)
            .cloned()
            .partition(|volume| {
                !volume.contains(':') || volume.ends_with(":ro") && volume.matches(':').count() == 1
            });
        let mut ports = self.ports.clone();
        ports.extend(options.publish.iter().cloned());
        let mut exposed: Vec<String> = ports.iter().map(|port| port.container.clone()).collect();
        exposed.extend(options.expose.iter().cloned());
        exposed.dedup();
        Ok(ContainerCreateBody {
            image: Some(self.image.to_string()),
            hostname: options.hostname.clone(),
            user: options.user.clone(),
            env: Some(self.environment(env)?),
            labels: Some(labels),
            // `dst:ro` without a source is an anonymous volume, too.
            volumes: some(
                anonymous
                    .into_iter()
                    .map(|volume| volume.trim_end_matches(":ro").to_owned())
                    .collect(),
            ),
            working_dir: options.workdir.clone().or_else(|| self.workdir.clone()),
            entrypoint: self
                .entrypoint
                .clone()
                .or_else(|| options.entrypoint.clone().map(|program| vec![program])),
            cmd: self.command.clone(),
            healthcheck: health(options),
            exposed_ports: some(exposed),
            stop_signal: options.stop_signal.clone(),
            stop_timeout: options.stop_timeout,
            networking_config: self.endpoints(),
            host_config: Some(HostConfig {
                binds: some(binds),
                mounts: some(self.mounts()),
                port_bindings: bindings(&ports),
                network_mode: match &self.network {
                    Network::Default => None,
                    Network::Named(name) | Network::Own { name, .. } => Some(name.clone()),
                },
                security_opt: some(self.security()?),
                ..limits(options)
            }),
            ..ContainerCreateBody::default()
        })
    }

    /// A value that is empty means that the variable of that name is inherited (SPEC J-24).
    fn environment(&self, own: &IndexMap<OsString, OsString>) -> Result<Vec<String>, DockerError> {
        let inherited = |name: &str| {
            let value = own.get(OsStr::new(name))?.to_str()?;
            Some(format!("{name}={value}"))
        };
        let mut env = Vec::new();
        for file in &self.options.env_file {
            let text = std::fs::read_to_string(file).map_err(|source| DockerError::File {
                path: file.clone(),
                source,
            })?;
            let lines = text.lines().map(str::trim_start);
            for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
                if line.contains('=') {
                    env.push(line.to_owned());
                } else {
                    env.push(inherited(line).unwrap_or_else(|| line.to_owned()));
                }
            }
        }
        for (name, value) in &self.options.env {
            match value {
                Some(value) => env.push(format!("{name}={value}")),
                None => env.push(inherited(name).unwrap_or_else(|| name.clone())),
            }
        }
        // A name alone takes the image's variable away.
        env.extend(self.env.iter().map(|(name, value)| match value.as_str() {
            "" => inherited(name).unwrap_or_else(|| name.clone()),
            value => format!("{name}={value}"),
        }));
        Ok(env)
    }

    fn endpoints(&self) -> Option<NetworkingConfig> {
        let Network::Own { name, aliases } = &self.network else {
            return None;
        };
        let mut aliases = aliases.clone();
        aliases.extend(self.options.network_alias.iter().cloned());
        let endpoint = EndpointSettings {
            aliases: Some(aliases),
            ..EndpointSettings::default()
        };
        Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(name.clone(), endpoint)])),
        })
    }

    /// A seccomp profile is a file to the client, and its content to the engine.
    fn security(&self) -> Result<Vec<String>, DockerError> {
        let read = |option: &String| {
            let profile = option
                .strip_prefix("seccomp=")
                .or(option.strip_prefix("seccomp:"));
            let file = profile.filter(|it| !["unconfined", "builtin"].contains(it));
            let Some(path) = file.filter(|it| !it.starts_with('{')) else {
                return Ok(option.clone());
            };
            let text = std::fs::read_to_string(path).map_err(|source| DockerError::File {
                path: path.to_owned(),
                source,
            })?;
            Ok(format!("seccomp={text}"))
        };
        self.options.security_opt.iter().map(read).collect()
    }

    fn mounts(&self) -> Vec<Mount> {
        // One that is not there is an error, not a new folder of root's.
        let own = self.binds.iter().map(|bind| Mount {
            typ: Some(MountType::BIND),
            source: Some(bind.source.display().to_string()),
            target: Some(bind.target.clone()),
            read_only: Some(bind.read_only),
            ..Mount::default()
        });
        own.chain(self.options.mount.iter().map(mount)).collect()
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn mount(mount: &plan::Mount) -> Mount {
    let typ = match mount.kind {
        MountKind::Bind => MountType::BIND,
        MountKind::Volume => MountType::VOLUME,
        MountKind::Tmpfs => MountType::TMPFS,
    };
    Mount {
        typ: Some(typ),
        source: mount.source.clone(),
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        bind_options: mount
            .propagation
            .as_ref()
            .map(|propagation| MountBindOptions {
                propagation: propagation.parse().ok(),
                ..MountBindOptions::default()
            }),
        volume_options: mount.no_copy.then(|| MountVolumeOptions {
            no_copy: Some(true),
            ..MountVolumeOptions::default()
        }),
        tmpfs_options: (mount.kind == MountKind::Tmpfs).then(|| MountTmpfsOptions {
            size_bytes: mount.tmpfs_size,
            mode: mount.tmpfs_mode.map(i64::from),
            ..MountTmpfsOptions::default()
        }),
        ..Mount::default()
    }
}

fn bindings(ports: &[Port]) -> Option<HashMap<String, Option<Vec<PortBinding>>>> {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in ports {
        let binding = PortBinding {
            host_ip: port.host_ip.clone(),
            host_port: Some(port.host.clone()),
        };
        bindings
            .entry(port.container.clone())
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    (!bindings.is_empty()).then_some(bindings)
}

fn health(options: &ContainerOptions) -> Option<HealthConfig> {
    let health = &options.health;
    if health.none {
        return Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        });
    }
    if *health == plan::Health::default() {
        return None;
    }
    Some(HealthConfig {
        test: health
            .cmd
            .as_ref()
            .map(|cmd| vec!["CMD-SHELL".to_owned(), cmd.clone()]),
        interval: health.interval,
        timeout: health.timeout,
        retries: health.retries,
        start_period: health.start_period,
        start_interval: health.start_interval,
    })
}

/// What `options` say of the container's rights and limits.
fn limits(options: &ContainerOptions) -> HostConfig {
    let list = |list: &[String]| some(list.to_vec());
    let map = |pairs: &[(String, String)]| {
        let map: HashMap<String, String> = pairs.iter().cloned().collect();
        (!map.is_empty()).then_some(map)
    };
    let ulimits = options.ulimit.iter().map(|limit| ResourcesUlimits {
        name: Some(limit.name.clone()),
        soft: Some(limit.soft),
        hard: Some(limit.hard),
    });
    let devices = options.device.iter().map(|device| DeviceMapping {
        path_on_host: Some(device.host.clone()),
        path_in_container: Some(device.container.clone()),
        cgroup_permissions: Some(device.permissions.clone()),
    });
    let gpus = options.gpus.iter().map(|gpus| DeviceRequest {
        count: match gpus {
            Gpus::All => Some(-1),
            Gpus::Count(count) => Some(*count),
            Gpus::Ids(_) => None,
        },
        device_ids: match gpus {
            Gpus::Ids(ids) => Some(ids.clone()),
            _ => None,
        },
        capabilities: Some(vec![vec!["gpu".to_owned()]]),
        ..DeviceRequest::default()
    });
    HostConfig {
        nano_cpus: options.nano_cpus,
        memory: options.memory,
        memory_swap: options.memory_swap,
        shm_size: options.shm_size,
        ulimits: some(ulimits.collect()),
        tmpfs: map(&options.tmpfs),
        extra_hosts: list(&options.add_host),
        dns: list(&options.dns),
        init: options.init,
        privileged: options.privileged.then_some(true),
        cap_add: list(&options.cap_add),
        cap_drop: list(&options.cap_drop),
        devices: some(devices.collect()),
        device_requests: some(gpus.collect()),
        group_add: list(&options.group_add),
        ipc_mode: options.ipc.clone(),
        pid_mode: options.pid.clone(),
        readonly_rootfs: options.read_only.then_some(true),
        restart_policy: options.restart.as_ref().map(|restart| RestartPolicy {
            name: Some(match restart.name.as_str() {
                "always" => RestartPolicyNameEnum::ALWAYS,
                "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
                "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
                _ => RestartPolicyNameEnum::NO,
            }),
            maximum_retry_count: restart.retries,
        }),
        sysctls: map(&options.sysctl),
        userns_mode: options.userns.clone(),
        ..HostConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(options: &str) -> Spec {
        Spec {
            image: ImageName::new("node"),
            name: "n".to_owned(),
            labels: vec![("lrun.run".to_owned(), "1".to_owned())],
            workdir: Some("/__w/r/r".to_owned()),
            network: Network::Own {
                name: "net".to_owned(),
                aliases: vec!["db".to_owned()],
            },
            ports: Port::parse("8080:80").unwrap(),
            options: ContainerOptions::parse(options).unwrap(),
            env: vec![("A".to_owned(), "b".to_owned())],
            binds: Vec::new(),
            volumes: vec![
                "data:/d".to_owned(),
                "/anonymous".to_owned(),
                "/x:ro".to_owned(),
            ],
            entrypoint: None,
            command: None,
            skeleton: Skeleton::default(),
        }
    }

    #[test]
    fn options_stand_beside_what_the_job_gives() {
        let own = IndexMap::from([("HOME".into(), "/h".into())]);
        let body =
            spec("-e HOME -e NONE -w /w --network-alias more -p 90 --label a=b --no-healthcheck")
                .body(&own)
                .unwrap();
        assert_eq!(body.env.unwrap(), ["HOME=/h", "NONE", "A=b"]);
        assert_eq!(body.working_dir.as_deref(), Some("/w"));
        assert_eq!(body.labels.unwrap().len(), 2);
        assert_eq!(body.healthcheck.unwrap().test.unwrap(), ["NONE"]);
        assert_eq!(body.exposed_ports.unwrap(), ["80/tcp", "90/tcp"]);
        assert_eq!(body.volumes.unwrap(), ["/anonymous", "/x"]);
        let host = body.host_config.unwrap();
        assert_eq!(host.binds.unwrap(), ["data:/d"]);
        assert_eq!(host.port_bindings.unwrap().len(), 2);
        assert_eq!(host.network_mode.as_deref(), Some("net"));
        let endpoints = body.networking_config.unwrap().endpoints_config.unwrap();
        let aliases = endpoints["net"].aliases.clone().unwrap();
        assert_eq!(aliases, ["db", "more"]);
    }

    #[test]
    fn a_file_of_variables_that_is_not_there_is_named() {
        let error = spec("--env-file /nowhere/env").body(&IndexMap::new());
        assert!(error.unwrap_err().to_string().starts_with("/nowhere/env: "));
    }
}
