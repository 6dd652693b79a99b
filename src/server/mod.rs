//! The services that actions call, as GitHub's own clients know them: artifacts, caches, tokens of identity (SPEC 12).
//!
//! One server for a run, on loopback. A job's token opens that job's run and the caches of its ref; blobs are read and
//! written at addresses that open one blob each. Nothing is visible before it is whole.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, header};
use axum::routing::{any, get, post, put};
use tokio::runtime::Runtime;

pub mod artifact;
mod blob;
pub mod cache;
pub mod fault;
pub mod grant;
mod incoming;
pub mod number;
pub mod oidc;
mod signed;
mod twirp;

use artifact::service::Artifacts;
use artifact::store::RunInfo;
use cache::Caches;
use cache::store::Store;
use fault::{Code, Fault};
use grant::{Grant, Grants};
use oidc::Issuer;
use signed::Signed;

/// Bytes of a request that is not the content of something.
const REQUEST: usize = 1 << 20;
/// The largest artifact: Azure's largest blob (Microsoft Learn, "Scalability targets for Blob storage").
const MOST_ARTIFACT: u64 = 190 << 40;

/// What a run's server offers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where runs are kept.
    pub runs: PathBuf,
    /// This run's folder there.
    pub name: String,
    pub info: RunInfo,
    /// Of artifacts whose client says nothing.
    pub retention_days: Option<u32>,
    /// None: no cache service.
    pub caches: Option<Store>,
    pub oidc: Option<Oidc>,
}

/// Where tokens of identity come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oidc {
    /// The folder of the key.
    pub folder: PathBuf,
    /// The issuer that tokens name; none: this server.
    pub issuer: Option<String>,
    /// An address at which the documents are to be had, too.
    pub listen: Option<SocketAddr>,
}

/// What most handlers are given.
type Asked = (State<Arc<Shared>>, HeaderMap);

/// What all requests see.
#[derive(Debug)]
struct Shared {
    grants: Grants,
    signed: Signed,
    artifacts: Artifacts,
    most_artifact: u64,
    caches: Option<Caches>,
    oidc: Option<Oidc>,
    issuer: OnceLock<Result<Issuer, String>>,
    address: SocketAddr,
}

impl Shared {
    /// This server, as the client calls it.
    fn base(&self, headers: &HeaderMap) -> String {
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let is_host = |host: &&str| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
        };
        match host.filter(is_host) {
            Some(host) => format!("http://{host}"),
            None => self.own_base(),
        }
    }

    /// This server as it calls itself, whatever a client says.
    fn own_base(&self) -> String {
        format!("http://{}", self.address)
    }

    fn issuer(&self) -> Result<&Issuer, Fault> {
        let oidc = self
            .oidc
            .as_ref()
            .ok_or_else(|| Fault::missing("tokens of identity need `--oidc`"))?;
        let opened = self.issuer.get_or_init(|| {
            Issuer::open(&oidc.folder, oidc.issuer.clone()).map_err(|error| error.to_string())
        });
        opened
            .as_ref()
            .map_err(|error| Fault::new(Code::Internal, format!("no key to sign with: {error}")))
    }
}

/// The server of one run.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    router: Router,
    /// Own threads: an upload keeps nobody waiting who follows a step.
    runtime: Option<Runtime>,
}

impl Server {
    /// Starts it on a free port of loopback.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(64)
            .thread_name("lrun-server")
            .enable_all()
            .build()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let info = settings.info.clone();
        let shared = Arc::new(Shared {
            grants: Grants::default(),
            signed: Signed::default(),
            artifacts: Artifacts::new(
                settings.runs,
                settings.name,
                settings.info,
                settings.retention_days,
            ),
            most_artifact: MOST_ARTIFACT,
            caches: settings.caches.map(|store| {
                let most = store.limits().bytes;
                Caches::new(store, info.project, most)
            }),
            oidc: settings.oidc,
            issuer: OnceLock::new(),
            address: listener.local_addr()?,
        });
        let server = Self {
            router: router(&shared),
            shared,
            runtime: Some(runtime),
        };
        server.listen(listener)?;
        server.tidy();
        Ok(server)
    }

    /// Serves at the issuer's own address, where that is one of this machine.
    pub fn listen_as_issuer(&self) -> io::Result<()> {
        match self.shared.oidc.as_ref().and_then(|oidc| oidc.listen) {
            Some(address) => self.listen(TcpListener::bind(address)?),
            None => Ok(()),
        }
    }

    /// Removes, beside everything else, what is too old.
    fn tidy(&self) {
        let shared = Arc::clone(&self.shared);
        let Some(runtime) = &self.runtime else {
            return;
        };
        drop(runtime.spawn_blocking(move || {
            shared.artifacts.clear();
            if let Some(caches) = &shared.caches {
                // The next run tries again.
                drop(caches.tidy());
            }
        }));
    }

    /// Serves whoever comes there, too.
    pub fn listen(&self, listener: TcpListener) -> io::Result<()> {
        let Some(runtime) = &self.runtime else {
            return Ok(());
        };
        listener.set_nonblocking(true)?;
        let router = self.router.clone();
        let _inside = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        drop(runtime.spawn(async move {
            // It ends with the runtime only.
            drop(axum::serve(listener, router).await);
        }));
        Ok(())
    }

    /// Where it is on this machine.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// A job begins; gives its token.
    pub fn admit(&self, grant: Grant) -> String {
        self.shared.grants.admit(grant)
    }

    /// A job is over: its token counts no more, and what it did not end is nothing.
    pub fn dismiss(&self, token: &str) {
        let Some(grant) = self.shared.grants.dismiss(token) else {
            return;
        };
        self.shared.signed.dismiss(&grant.job);
        self.shared.artifacts.dismiss(&grant.job);
        if let Some(caches) = &self.shared.caches {
            caches.dismiss(&grant.job);
        }
    }

    /// Whether there is an earlier run of this repository with that id.
    pub fn has_run(&self, id: &str) -> bool {
        let runs = self.shared.artifacts.runs();
        runs.iter().any(|run| run.info.id == id)
    }

    /// The artifacts that the run has so far.
    pub fn artifacts(&self) -> Vec<artifact::store::Artifact> {
        self.shared.artifacts.all()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        // Whoever is still in the middle of something gets no answer any more. A runtime can not end inside another.
        let ending = std::thread::spawn(move || {
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        });
        drop(ending.join());
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    use artifact::{legacy, rest as artifacts};
    use cache::rest as caches;
    let contents = Router::new()
        .route("/blobs/{id}/{name}", any(blob::serve))
        .route(
            "/_apis/artifactcache/caches/{id}",
            axum::routing::patch(caches::upload),
        )
        .route("/_apis/resources/Containers/{name}", put(legacy::upload))
        .layer(DefaultBodyLimit::disable());
    let requests = Router::new()
        .route("/twirp/{service}/{method}", post(twirp::serve))
        .route("/_apis/artifactcache/cache", get(caches::find))
        .route(
            "/_apis/artifactcache/caches",
            get(caches::list).post(caches::reserve),
        )
        .route("/_apis/artifactcache/caches/{id}", post(caches::commit))
        .route(
            "/_apis/pipelines/workflows/{run}/artifacts",
            get(legacy::list).post(legacy::create).patch(legacy::finish),
        )
        .route("/_apis/resources/Containers/{name}", get(legacy::items))
        .route("/_apis/resources/Files/{name}", get(legacy::file))
        .route(
            "/repos/{owner}/{repo}/actions/runs/{run}/artifacts",
            get(artifacts::of_run),
        )
        .route(
            "/repos/{owner}/{repo}/actions/artifacts/{id}",
            get(artifacts::one),
        )
        .route(
            "/repos/{owner}/{repo}/actions/artifacts/{id}/{format}",
            get(artifacts::zip),
        )
        .route("/oidc/token", get(oidc::token))
        .route(
            "/.well-known/openid-configuration",
            get(oidc::configuration),
        )
        .route("/.well-known/jwks", get(oidc::keys))
        // More is read than is taken: who is cut off in the middle of sending hears no reason.
        .layer(DefaultBodyLimit::max(16 * REQUEST));
    contents
        .merge(requests)
        .fallback(|uri: axum::http::Uri| async move {
            let text = format!("lrun's services have nothing at {}", uri.path());
            Fault::new(Code::BadRoute, text).rest()
        })
        .with_state(Arc::clone(shared))
}
