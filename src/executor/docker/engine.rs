//! Which container engine there is: `DOCKER_HOST`, the current docker context, the usual sockets.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};
use indexmap::IndexMap;
use serde::Deserialize;

use super::DockerError;
use crate::plan::container::ContainerOptions;

/// An engine that does not answer within this is none.
const PATIENCE: Duration = Duration::from_secs(5);
/// For one request, in seconds; streams take as long as they do.
const REQUEST: u64 = 120;

/// An engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) docker: Docker,
    /// `unix:///var/run/docker.sock`.
    pub address: String,
    /// Where the address is from.
    pub source: String,
    /// `Docker` or `Podman`.
    pub name: String,
    pub version: String,
    pub api: String,
    /// The engine's own, as Docker names it: `amd64`.
    pub arch: String,
}

/// Where engines are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Seek<'a> {
    /// lrun's own environment.
    pub env: &'a IndexMap<OsString, OsString>,
    pub home: Option<&'a Path>,
}

/// What was tried, and why it is no engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoEngine {
    pub tried: Vec<(String, String)>,
}

impl std::fmt::Display for NoEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = "no container engine answers".to_owned();
        for (number, (address, reason)) in self.tried.iter().enumerate() {
            let mark = if number == 0 { ": " } else { "; " };
            write!(text, "{mark}{address}: {reason}")?;
        }
        if self.tried.is_empty() {
            text.push_str(
                ": DOCKER_HOST is not set, there is no docker context and no known socket",
            );
        }
        f.write_str(&text)
    }
}

impl std::error::Error for NoEngine {}

/// An address, and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    address: String,
    source: String,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem`.
    certificates: Option<PathBuf>,
}

/// Docker's own configuration, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    current_context: String,
}

impl Seek<'_> {
    fn var(&self, name: &str) -> Option<String> {
        let value = self.env.get(std::ffi::OsStr::new(name))?.to_str()?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The folder of Docker's own configuration.
    pub fn config_folder(&self) -> Option<PathBuf> {
        match self.var("DOCKER_CONFIG") {
            Some(folder) => Some(folder.into()),
            None => Some(self.home?.join(".docker")),
        }
    }

    /// The first engine that answers. An address that the user named is the only one that is tried.
    pub async fn find(&self) -> Result<Engine, NoEngine> {
        let mut tried = Vec::new();
        for candidate in self.candidates(&mut tried) {
            match connect(&candidate).await {
                Ok(engine) => return Ok(engine),
                Err(error) => tried.push((candidate.address, error.to_string())),
            }
        }
        Err(NoEngine { tried })
    }

    fn candidates(&self, tried: &mut Vec<(String, String)>) -> Vec<Candidate> {
        if let Some(address) = self.var("DOCKER_HOST") {
            let verify = self.var("DOCKER_TLS_VERIFY").is_some();
            let certificates = self.var("DOCKER_CERT_PATH").map(PathBuf::from);
            return vec![Candidate {
                address,
                source: "DOCKER_HOST".to_owned(),
                certificates: certificates
                    .filter(|_| verify)
                    .or_else(|| self.config_folder().filter(|_| verify)),
            }];
        }
        match self.context() {
            Ok(Some(candidate)) => return vec![candidate],
            Ok(None) => {}
            Err((context, reason)) => {
                tried.push((format!("docker context '{context}'"), reason));
                return Vec::new();
            }
        }
        let runtime = self.var("XDG_RUNTIME_DIR").map(PathBuf::from);
        let in_runtime = |name: &str| runtime.as_ref().map(|folder| folder.join(name));
        let in_home = |name: &str| self.home.map(|home| home.join(name));
        let sockets = [
            Some(PathBuf::from("/var/run/docker.sock")),
            in_runtime("docker.sock"),
            in_home(".docker/run/docker.sock"),
            in_home(".docker/desktop/docker.sock"),
            in_home(".colima/default/docker.sock"),
            in_runtime("podman/podman.sock"),
            Some(PathBuf::from("/run/podman/podman.sock")),
        ];
        sockets
            .into_iter()
            .flatten()
            .filter(|socket| socket.exists())
            .map(|socket| Candidate {
                address: format!("unix://{}", socket.display()),
                source: "a usual socket".to_owned(),
                certificates: None,
            })
            .collect()
    }

    /// The context that docker itself would use; the default one is no address of its own.
    fn context(&self) -> Result<Option<Candidate>, (String, String)> {
        let Some(folder) = self.config_folder() else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(folder.join("config.json")).unwrap_or_default();
        let config: Config = serde_json::from_str(&text).unwrap_or_default();
        let name = self.var("DOCKER_CONTEXT").unwrap_or(config.current_context);
        if name.is_empty() || name == "default" {
            return Ok(None);
        }
        let id = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(name.as_bytes()));
        let meta = folder.join("contexts/meta").join(&id).join("meta.json");
        let fail = |reason: String| (name.clone(), reason);
        let text = std::fs::read_to_string(&meta)
            .map_err(|error| fail(format!("{}: {error}", meta.display())))?;
        let meta: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
        let address = meta["Endpoints"]["docker"]["Host"]
            .as_str()
            .ok_or_else(|| fail("it names no docker endpoint".to_owned()))?;
        let certificates = folder.join("contexts/tls").join(&id).join("docker");
        Ok(Some(Candidate {
            address: address.to_owned(),
            source: format!("docker context '{name}'"),
            certificates: certificates.is_dir().then_some(certificates),
        }))
    }
}

async fn connect(candidate: &Candidate) -> Result<Engine, DockerError> {
    let docker = open(candidate)?;
    let asked = async {
        let docker = docker.negotiate_version().await?;
        let version = docker.version().await?;
        Ok::<_, bollard::errors::Error>((docker, version))
    };
    let (docker, version) = tokio::time::timeout(PATIENCE, asked)
        .await
        .map_err(|_| DockerError::NoAnswer)??;
    let mut components = version.components.unwrap_or_default().into_iter();
    let is_podman = components.any(|component| component.name.starts_with("Podman"));
    Ok(Engine {
        docker,
        address: candidate.address.clone(),
        source: candidate.source.clone(),
        name: if is_podman { "Podman" } else { "Docker" }.to_owned(),
        version: version.version.unwrap_or_default(),
        api: version.api_version.unwrap_or_default(),
        arch: version.arch.unwrap_or_default(),
    })
}

fn open(candidate: &Candidate) -> Result<Docker, DockerError> {
    let address = candidate.address.as_str();
    let (scheme, rest) = address
        .split_once("://")
        .ok_or_else(|| DockerError::Address(address.to_owned()))?;
    Ok(match scheme {
        "unix" => Docker::connect_with_unix(rest, REQUEST, API_DEFAULT_VERSION)?,
        "tcp" | "http" | "https" => match &candidate.certificates {
            Some(folder) => Docker::connect_with_ssl(
                address,
                &folder.join("key.pem"),
                &folder.join("cert.pem"),
                &folder.join("ca.pem"),
                REQUEST,
                API_DEFAULT_VERSION,
            )?,
            None => Docker::connect_with_http(address, REQUEST, API_DEFAULT_VERSION)?,
        },
        "ssh" => Docker::connect_with_ssh(address, REQUEST, API_DEFAULT_VERSION, None)?,
        _ => return Err(DockerError::Address(address.to_owned())),
    })
}

impl Engine {
    /// The engine at an address that answered before.
    pub(super) async fn at(address: &str) -> Result<Self, DockerError> {
        connect(&Candidate {
            address: address.to_owned(),
            source: String::new(),
            certificates: std::env::var_os("DOCKER_CERT_PATH").map(PathBuf::from),
        })
        .await
    }

    /// An option that this engine would take and forget.
    pub fn forgets(&self, options: &ContainerOptions) -> Option<&'static str> {
        // Docker: API version history, v1.44.
        let is_old = self.name == "Docker" && !is_at_least(&self.api, 44);
        (is_old && options.health.start_interval.is_some())
            .then_some("--health-start-interval takes an engine with API 1.44 or newer")
    }

    /// Nobody but lrun may run the health checks of its containers.
    pub(super) fn leaves_checks(&self) -> bool {
        self.name == "Podman"
    }

    /// Where a container is that names no network.
    pub fn default_network(&self) -> &'static str {
        if self.name == "Podman" {
            "podman"
        } else {
            "bridge"
        }
    }

    /// Whether it may see this machine's files: what is mounted is looked up where the engine runs.
    pub fn is_local(&self) -> bool {
        self.address.starts_with("unix://")
    }
}

/// Whether a version of the API, `1.41`, has this second number or a later one.
fn is_at_least(api: &str, minor: u32) -> bool {
    let parts = api.split_once('.');
    parts.is_none_or(|(major, rest)| {
        major != "1" || rest.parse::<u32>().is_ok_and(|rest| rest >= minor)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> IndexMap<OsString, OsString> {
        pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    fn candidates(env: &IndexMap<OsString, OsString>, home: &Path) -> Vec<(String, String)> {
        let seek = Seek {
            env,
            home: Some(home),
        };
        let mut tried = Vec::new();
        let mut found: Vec<_> = seek
            .candidates(&mut tried)
            .into_iter()
            .map(|it| (it.address, it.source))
            .collect();
        found.extend(tried);
        found
    }

    #[test]
    fn what_the_user_names_is_the_only_one() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        let write = |path: &str, text: &str| {
            std::fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            std::fs::write(at(path), text).unwrap();
        };
        // The name of the folder is the SHA-256 of the context's name.
        let id = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"far"));
        write(".docker/config.json", r#"{"currentContext": "far"}"#);
        write(
            &format!(".docker/contexts/meta/{id}/meta.json"),
            r#"{"Name": "far", "Endpoints": {"docker": {"Host": "ssh://me@far"}}}"#,
        );
        let found = candidates(&env(&[]), home.path());
        assert_eq!(
            found,
            [("ssh://me@far".to_owned(), "docker context 'far'".to_owned())]
        );
        let found = candidates(&env(&[("DOCKER_HOST", "tcp://h:1")]), home.path());
        assert_eq!(found, [("tcp://h:1".to_owned(), "DOCKER_HOST".to_owned())]);
        let found = candidates(&env(&[("DOCKER_CONTEXT", "gone")]), home.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "docker context 'gone'");
    }

    #[tokio::test]
    async fn a_socket_that_nobody_serves_is_no_engine() {
        let home = tempfile::tempdir().unwrap();
        let env = env(&[("DOCKER_HOST", "unix:///nowhere/docker.sock")]);
        let seek = Seek {
            env: &env,
            home: Some(home.path()),
        };
        let error = seek.find().await.unwrap_err().to_string();
        assert!(
            error.starts_with("no container engine answers: unix:///nowhere/docker.sock: "),
            "{error}"
        );
    }
}
