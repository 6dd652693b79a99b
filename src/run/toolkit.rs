//! The services that actions call, as a job has them: their server, the job's token, the variables that name both
//! (SPEC 4.2).

use std::ffi::{OsStr, OsString};
use std::net::{SocketAddr, TcpListener};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::OnceCell;

use super::Run;
use super::job::Job;
use crate::event::{EventKind, Level};
use crate::executor::BoxFuture;
use crate::executor::docker::{Container, Reach};
use crate::server::artifact::store::{Artifact, Form, RunInfo};
use crate::server::cache::store::Store;
use crate::server::grant::{CacheMode, CacheScopes, Grant};
use crate::server::oidc::Subject;
use crate::server::{Oidc, Server, Settings};

/// What the user says of these services.
#[derive(Debug, Clone)]
pub struct ServiceOptions {
    /// Where runs are kept.
    pub runs: PathBuf,
    /// None: no cache service.
    pub caches: Option<Store>,
    /// Tells repositories of one name apart.
    pub project: String,
    /// `--cache-server-external-url`: the cache service that jobs are told of.
    pub external_cache: Option<String>,
    /// `--oidc`.
    pub oidc: Option<Oidc>,
    /// `--artifact-server-path`: where artifacts are laid when the run is over.
    pub laid: Option<PathBuf>,
}

/// Who asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    JavaScript,
    Docker,
    Script,
}

/// What a job has of them.
#[derive(Debug, Default)]
pub(super) struct Toolkit {
    /// It may ask for tokens of identity (SPEC W-102).
    identifies: bool,
    token: OnceLock<String>,
    /// The server, as the job's container sees it.
    inside: OnceCell<Option<String>>,
    /// It was said that they can not be reached.
    missed: AtomicBool,
}

/// Variables that `--env` may give in lrun's place (ACT-HABITS 7).
const GIVEN: [&str; 8] = [
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_RUNTIME_URL",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_RESULTS_URL",
    "ACTIONS_CACHE_URL",
    "ACTIONS_CACHE_SERVICE_V2",
    "ACTIONS_CACHE_MODE",
];

impl Toolkit {
    pub fn new(identifies: bool) -> Self {
        Self {
            identifies,
            ..Self::default()
        }
    }
}

impl Run {
    /// The server, started for the first who needs it.
    fn server(&self) -> Result<&Server, String> {
        let started = self.server.get_or_init(|| {
            let services = &self.options.services;
            let identity = &self.options.identity;
            let name = self.options.directory.file_name().unwrap_or_default();
            let server = Server::start(Settings {
                runs: services.runs.clone(),
                name: name.to_string_lossy().into_owned(),
                info: RunInfo {
                    id: identity.run_id.clone(),
                    repository: identity.repository.clone(),
                    project: services.project.clone(),
                    event: self.event.clone(),
                    started: jiff::Timestamp::now(),
                },
                retention_days: identity.retention_days.parse().ok(),
                caches: services.caches.clone().filter(|_| self.serves_caches()),
                oidc: services.oidc.clone(),
            })
            .map_err(|error| error.to_string())?;
            if let Err(error) = server.listen_as_issuer() {
                let text = format!(
                    "the documents of the issuer are not served at its address, perhaps another lrun does: {error}"
                );
                self.emitter.note(Level::Warning, text);
            }
            Ok(server)
        });
        started.as_ref().map_err(Clone::clone)
    }

    /// Whether a run with this id left artifacts here.
    pub(super) fn has_recorded(&self, id: &str) -> bool {
        self.server().is_ok_and(|server| server.has_run(id))
    }

    /// A variable that `--env` gives.
    fn given(&self, name: &str) -> Option<&str> {
        let given = self.options.env.iter().rev();
        let mut given = given.filter(|(key, _)| key == name);
        given.next().map(|(_, value)| value.as_str())
    }

    /// Jobs are told of lrun's own cache service.
    fn serves_caches(&self) -> bool {
        let services = &self.options.services;
        services.caches.is_some()
            && services.external_cache.is_none()
            && self.given("ACTIONS_CACHE_URL").is_none()
    }

    /// Says what artifacts there are, and lays them where the user wants them. Nobody asks for more by now.
    pub(super) fn end_services(&self) {
        let Some(Ok(server)) = self.server.get() else {
            return;
        };
        let artifacts = server.artifacts();
        if artifacts.is_empty() {
            return;
        }
        let names: Vec<String> = artifacts
            .iter()
            .map(|it| format!("{} ({})", it.name, indicatif::DecimalBytes(it.size)))
            .collect();
        let text = format!(
            "artifacts: {}; `lrun artifacts {}` opens them",
            names.join(", "),
            self.options.identity.run_id
        );
        let text = self.masker.mask(&text).into_owned();
        self.emitter.note(Level::Notice, text);
        if let Some(folder) = &self.options.services.laid {
            let mut names = std::collections::HashSet::new();
            for artifact in &artifacts {
                if !names.insert(&artifact.name) {
                    let text = format!(
                        "two workflows left an artifact {}: below {} lies the later one's",
                        artifact.name,
                        folder.display()
                    );
                    self.emitter.note(Level::Warning, text);
                }
                if let Err(error) = lay(folder, artifact) {
                    let text = format!(
                        "can not lay the artifact {} below {}: {error}",
                        artifact.name,
                        folder.display()
                    );
                    // It was asked for.
                    self.broken(&text);
                }
            }
        }
    }
}

/// Copies an artifact to where act has it: `1/NAME/NAME.zip`, 1 in the place of the run's number.
fn lay(folder: &Path, artifact: &Artifact) -> std::io::Result<()> {
    let folder = folder.join("1").join(&artifact.name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    if artifact.form == Form::Folder {
        let content = artifact.content();
        let mut all = Vec::new();
        crate::server::artifact::walk(&content, "", &mut |path, size| {
            all.push((path.to_owned(), size.is_some()));
        })?;
        for (path, is_file) in all {
            if is_file {
                reflink_copy::reflink_or_copy(content.join(&path), folder.join(&path))?;
            } else {
                std::fs::create_dir_all(folder.join(&path))?;
            }
        }
        return Ok(());
    }
    let place = folder.join(artifact.shown_name());
    reflink_copy::reflink_or_copy(artifact.content(), place).map(drop)
}

impl Job {
    /// The variables by which a process finds the services. `container` is the action's own, where it has one.
    pub(super) fn service_variables<'a>(
        &'a self,
        caller: Caller,
        container: Option<&'a Container>,
    ) -> BoxFuture<'a, Vec<(String, String)>> {
        Box::pin(self.variables_for(caller, container))
    }

    async fn variables_for(
        &self,
        caller: Caller,
        container: Option<&Container>,
    ) -> Vec<(String, String)> {
        let wants_identity = self.run.options.services.oidc.is_some() && self.toolkit.identifies;
        if caller == Caller::Script && !wants_identity {
            return Vec::new();
        }
        let Some((base, token)) = self.services(container).await else {
            return Vec::new();
        };
        let mut variables = Vec::new();
        let mut set = |name: &str, value: &str| variables.push((name.to_owned(), value.to_owned()));
        if caller != Caller::Script {
            let url = format!("{base}/");
            set("ACTIONS_RUNTIME_URL", &url);
            set("ACTIONS_RUNTIME_TOKEN", &token);
            set("ACTIONS_RESULTS_URL", &url);
            let services = &self.run.options.services;
            if self.run.serves_caches() {
                set("ACTIONS_CACHE_URL", &url);
                // SPEC 4.2
                if caller == Caller::JavaScript {
                    set("ACTIONS_CACHE_SERVICE_V2", "True");
                }
            } else if let Some(external) = &services.external_cache {
                // Of such a server only the older protocol is known.
                set("ACTIONS_CACHE_URL", external);
            }
        }
        if wants_identity {
            let url = format!("{base}/oidc/token?api-version=2.0");
            set("ACTIONS_ID_TOKEN_REQUEST_URL", &url);
            set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", &token);
        }
        variables.retain(|(name, _)| self.run.given(name).is_none());
        if caller != Caller::Script {
            let given = GIVEN.iter().filter_map(|name| {
                let value = self.run.given(name)?;
                Some(((*name).to_owned(), value.to_owned()))
            });
            variables.extend(given);
        }
        variables
    }

    /// The server as a process of the job sees it, and the job's token.
    pub(super) async fn services(&self, container: Option<&Container>) -> Option<(String, String)> {
        let server = match self.run.server() {
            Ok(server) => server,
            Err(error) => {
                self.miss(&format!("artifacts and caches can not be served: {error}"));
                return None;
            }
        };
        let boxed = self.boxed();
        let base = match (container, &boxed) {
            (Some(container), _) => self.reached(server, container).await,
            (None, Some(machine)) => {
                let toolkit = Arc::clone(&self.toolkit);
                let found = toolkit.inside.get_or_init(|| self.reached(server, machine));
                found.await.clone()
            }
            (None, None) => Some(format!("http://{}", server.address())),
        };
        let token = self.toolkit.token.get_or_init(|| {
            let token = server.admit(self.service_grant());
            self.masker.add(&token);
            token
        });
        Some((base?, token.clone()))
    }

    /// Makes the server reachable from a container.
    async fn reached(&self, server: &Server, container: &Container) -> Option<String> {
        let port = server.address().port();
        let found = match container.reach().await {
            Ok(Reach::Listener(listener)) => open(server, listener).map(|it| it.to_string()),
            Ok(Reach::Name(name)) => Ok(format!("{name}:{port}")),
            Ok(Reach::Address(address)) if address.is_loopback() => Ok(format!("{address}:{port}")),
            Ok(Reach::Address(address)) => TcpListener::bind((address, 0))
                .and_then(|listener| open(server, listener))
                .map(|it| it.to_string()),
            Err(error) => Err(std::io::Error::other(error.to_string())),
        };
        match found {
            Ok(host) => Some(format!("http://{host}")),
            Err(error) => {
                self.miss(&format!(
                    "actions in containers of {} reach neither artifacts nor caches: {error}",
                    self.key.id
                ));
                None
            }
        }
    }

    fn miss(&self, text: &str) {
        if !self.toolkit.missed.swap(true, Ordering::Relaxed) {
            let text = self.masker.mask(text).into_owned();
            let level = Level::Warning;
            self.emit(None, EventKind::Note { level, text });
        }
    }

    /// The job is over.
    pub(super) fn end_job_services(&self) {
        if let (Some(token), Some(Ok(server))) = (self.toolkit.token.get(), self.run.server.get()) {
            server.dismiss(token);
        }
    }

    fn service_grant(&self) -> Grant {
        let event = &self.invocation.event;
        let branch = |name: &str| format!("refs/heads/{name}");
        let default = event
            .payload
            .get("repository")
            .and_then(|repository| repository.get("default_branch"))
            .and_then(serde_json::Value::as_str);
        let base = (!event.base_ref.is_empty()).then(|| branch(&event.base_ref));
        // Pull requests that are made up all have one number; on GitHub each branch's has its own.
        let own = if event.head_ref.is_empty() {
            event.git_ref.clone()
        } else {
            format!("{}:{}", event.git_ref, event.head_ref)
        };
        Grant {
            run: self.invocation.backend_id.to_string(),
            job: uuid::Uuid::new_v4().to_string(),
            workflow: self.invocation.entry.to_string(),
            repository: self.run.options.identity.repository.clone(),
            caches: CacheScopes {
                own,
                others: base.into_iter().chain(default.map(branch)).collect(),
                layout: self.layout(),
                mode: CacheMode::of(self.run.given("ACTIONS_CACHE_MODE").unwrap_or_default()),
            },
            subject: self.toolkit.identifies.then(|| self.subject()),
        }
    }

    /// Of a job's folders on this machine: the way from its workspace to the user's home. In containers it is as on GitHub.
    fn layout(&self) -> String {
        if self.boxed().is_some() {
            return String::new();
        }
        let home = self.run.options.host_env.get(OsStr::new("HOME"));
        let home = home.map_or_else(PathBuf::new, PathBuf::from);
        way(&self.directories.workspace, &home)
    }

    /// What tokens of identity say of this job (SPEC P-81, as documented).
    fn subject(&self) -> Subject {
        let event = &self.invocation.event;
        let github = |name: &str| {
            self.github
                .get(name)
                .map(|value| value.to_text().to_string())
        };
        let identity = &self.run.options.identity;
        let environment = self.environment.as_ref().map(|it| it.name.as_str());
        let repository = &identity.repository;
        let sub = match environment {
            Some(name) => format!("repo:{repository}:environment:{name}"),
            None if event.name.starts_with("pull_request") => {
                format!("repo:{repository}:pull_request")
            }
            None => format!("repo:{repository}:ref:{}", event.git_ref),
        };
        let fields = [
            "ref",
            "sha",
            "repository",
            "repository_id",
            "repository_owner",
            "repository_owner_id",
            "run_id",
            "run_number",
            "run_attempt",
            "actor_id",
            "actor",
            "workflow",
            "head_ref",
            "base_ref",
            "event_name",
            "ref_type",
            "workflow_ref",
            "workflow_sha",
        ];
        let mut claims: Vec<(&'static str, String)> = fields
            .into_iter()
            .filter_map(|name| Some((name, github(name)?)))
            .collect();
        let defined = self.defined();
        let job_workflow = format!(
            "{}/{}@{}",
            defined.repository, defined.file, defined.git_ref
        );
        claims.push(("job_workflow_ref", job_workflow));
        claims.push(("job_workflow_sha", defined.sha));
        if let Some(kind) = self.runner.get("environment") {
            claims.push(("runner_environment", kind.to_text().to_string()));
        }
        let private = event
            .payload
            .get("repository")
            .and_then(|repository| repository.get("private"))
            .and_then(serde_json::Value::as_bool);
        let visibility = if private == Some(false) {
            "public"
        } else {
            "private"
        };
        claims.push(("repository_visibility", visibility.to_owned()));
        claims.push(("ref_protected", "false".to_owned()));
        if let Some(name) = environment {
            claims.push(("environment", name.to_owned()));
        }
        Subject {
            sub,
            audience: format!("{}/{}", identity.server_url, identity.owner),
            claims,
        }
    }
}

/// The way from one folder to another, both absolute.
fn way(from: &Path, to: &Path) -> String {
    let common = from
        .components()
        .zip(to.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = from.components().skip(common).map(|_| OsStr::new(".."));
    let down = to.components().skip(common).map(Component::as_os_str);
    let parts: PathBuf = up.chain(down).collect();
    parts.display().to_string()
}

/// Lets the server listen there; gives the address.
fn open(server: &Server, listener: TcpListener) -> std::io::Result<SocketAddr> {
    let address = listener.local_addr()?;
    server.listen(listener)?;
    Ok(address)
}

/// A proxy is not asked for what is on this machine.
pub(super) fn spare_proxies(env: &mut Vec<(OsString, OsString)>, variables: &[(String, String)]) {
    let Some(host) = variables
        .iter()
        .find(|(name, _)| name == "ACTIONS_RESULTS_URL" || name == "ACTIONS_ID_TOKEN_REQUEST_URL")
        .and_then(|(_, url)| url.strip_prefix("http://")?.split(['/', ':']).next())
    else {
        return;
    };
    let is_proxy = |name: &OsString| {
        ["http_proxy", "https_proxy", "all_proxy"]
            .iter()
            .any(|proxy| name.eq_ignore_ascii_case(OsStr::new(proxy)))
    };
    if !env
        .iter()
        .any(|(name, value)| is_proxy(name) && !value.is_empty())
    {
        return;
    }
    let spellings = ["no_proxy", "NO_PROXY"];
    let of = |env: &[(OsString, OsString)], spelling: &str| {
        let mut found = env.iter().filter(|(name, _)| name == spelling);
        found.next().map(|(_, value)| value.clone())
    };
    let values = spellings.map(|spelling| of(env, spelling));
    for (at, spelling) in spellings.into_iter().enumerate() {
        // Whoever reads one spelling alone still finds what the other says.
        let other = values[1 - at].clone();
        let mut value = values[at].clone().or(other).unwrap_or_default();
        if !value.is_empty() {
            value.push(",");
        }
        value.push(host);
        env.retain(|(name, _)| name != spelling);
        env.push((spelling.into(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spared(pairs: &[(&str, &str)]) -> Vec<String> {
        let mut env: Vec<(OsString, OsString)> = pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let url = "http://127.0.0.1:4321/".to_owned();
        spare_proxies(&mut env, &[("ACTIONS_RESULTS_URL".to_owned(), url)]);
        env.iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect()
    }

    #[test]
    fn runs_of_one_kind_have_one_layout() {
        let to_home = |from: &str| way(Path::new(from), Path::new("/home/me"));
        assert_eq!(to_home("/home/me/.cache/1/app"), "../../..");
        assert_eq!(to_home("/home/me/.cache/2/app"), "../../..");
        assert_eq!(to_home("/srv/app"), "../../home/me");
    }

    #[test]
    fn a_proxy_is_not_asked_for_this_machine() {
        assert_eq!(spared(&[("A", "1")]), ["A=1"]);
        assert_eq!(
            spared(&[("HTTP_PROXY", "http://p"), ("no_proxy", "x")]),
            [
                "HTTP_PROXY=http://p",
                "no_proxy=x,127.0.0.1",
                "NO_PROXY=x,127.0.0.1"
            ]
        );
    }
}
