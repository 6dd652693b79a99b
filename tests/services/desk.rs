//! A server, and a client that can say anything.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lrun::server::artifact::store::RunInfo;
use lrun::server::cache::store::{Limits, Store};
use lrun::server::grant::{CacheMode, CacheScopes, Grant};
use lrun::server::{Oidc, Server, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;
use ureq::http::{Request, Response};

pub const ARTIFACTS: &str = "github.actions.results.api.v1.ArtifactService";
pub const CACHES: &str = "github.actions.results.api.v1.CacheService";

/// A server with its folders.
pub struct Desk {
    pub place: TempDir,
    pub server: Server,
}

impl Desk {
    pub fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let server = serve(place.path(), "1", |_| ());
        Self { place, server }
    }

    /// A job of the run `run` on the branch `branch`.
    pub fn job(&self, run: &str, branch: &str) -> Job {
        self.job_with(run, branch, |_| ())
    }

    pub fn job_with(&self, run: &str, branch: &str, change: impl FnOnce(&mut Grant)) -> Job {
        admit(&self.server, run, branch, change)
    }
}

/// A server whose files lie in `place`.
pub fn serve(place: &Path, name: &str, change: impl FnOnce(&mut Settings)) -> Server {
    let mut settings = Settings {
        runs: place.join("runs"),
        name: name.to_owned(),
        info: RunInfo {
            id: name.to_owned(),
            repository: "octo/app".to_owned(),
            project: "octo/app".to_owned(),
            event: "push".to_owned(),
            started: jiff::Timestamp::now(),
        },
        retention_days: Some(90),
        caches: Some(Store::new(place.join("caches"), Limits::default())),
        oidc: Some(Oidc {
            folder: place.join("oidc"),
            ..Oidc::default()
        }),
    };
    change(&mut settings);
    Server::start(settings).unwrap()
}

pub fn admit(server: &Server, run: &str, branch: &str, change: impl FnOnce(&mut Grant)) -> Job {
    let id = uuid::Uuid::new_v4().to_string();
    let mut grant = Grant {
        run: run.to_owned(),
        job: id.clone(),
        workflow: ".github/workflows/ci.yml".to_owned(),
        repository: "octo/app".to_owned(),
        caches: CacheScopes {
            own: format!("refs/heads/{branch}"),
            others: vec!["refs/heads/main".to_owned()],
            layout: String::new(),
            mode: CacheMode::Any,
        },
        subject: None,
    };
    change(&mut grant);
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0);
    Job {
        base: format!("http://{}", server.address()),
        token: server.admit(grant),
        run: run.to_owned(),
        id,
        agent: config.build().into(),
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        let text = String::from_utf8_lossy(&self.body);
        assert!((200..300).contains(&self.status), "{}: {text}", self.status);
        self
    }

    /// Refused with this status, in Twirp's form with this code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let json = self.json();
        assert_eq!(
            (self.status, json["code"].as_str()),
            (status, Some(code)),
            "{json}"
        );
        assert!(!json["msg"].as_str().unwrap().is_empty());
    }
}

/// A job as the server sees it.
#[derive(Debug, Clone)]
pub struct Job {
    pub base: String,
    pub token: String,
    pub run: String,
    pub id: String,
    agent: Agent,
}

impl Job {
    pub fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let url = if url.starts_with("http") {
            url.to_owned()
        } else {
            format!("{}{url}", self.base)
        };
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer: Response<ureq::Body> = self.agent.run(request.body(body).unwrap()).unwrap();
        let (parts, mut body) = answer.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.with_config().limit(1 << 30).read_to_vec().unwrap(),
        }
    }

    /// With the job's token.
    pub fn ask(&self, method: &str, url: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        self.send(method, url, &headers, &body)
    }

    pub fn twirp(&self, service: &str, method: &str, request: &Value) -> Answer {
        self.ask("POST", &format!("/twirp/{service}/{method}"), request)
    }

    /// A request of the artifact service, with the job's ids.
    pub fn artifact(&self, method: &str, mut request: Value) -> Answer {
        request["workflow_run_backend_id"] = json!(self.run);
        request["workflow_job_run_backend_id"] = json!(self.id);
        self.twirp(ARTIFACTS, method, &request)
    }

    /// Begins an artifact; gives the address of its content.
    pub fn begin(&self, name: &str) -> String {
        let made = self.artifact("CreateArtifact", json!({"name": name, "version": 4}));
        made.ok().json()["signed_upload_url"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub fn put(&self, url: &str, content: &[u8]) -> Answer {
        self.send("PUT", url, &[("x-ms-blob-type", "BlockBlob")], content)
    }

    pub fn put_block(&self, url: &str, number: usize, content: &[u8]) -> Answer {
        let url = format!("{url}&comp=block&blockid={}", block_id(number));
        self.send("PUT", &url, &[], content)
    }

    pub fn put_list(&self, url: &str, numbers: &[usize]) -> Answer {
        let latest = |number: &usize| format!("<Latest>{}</Latest>", block_id(*number));
        let list: String = numbers.iter().map(latest).collect();
        let list =
            format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{list}</BlockList>");
        self.send(
            "PUT",
            &format!("{url}&comp=blocklist"),
            &[],
            list.as_bytes(),
        )
    }

    pub fn finalize(&self, name: &str, size: usize) -> Answer {
        self.artifact(
            "FinalizeArtifact",
            json!({"name": name, "size": size.to_string()}),
        )
    }

    /// A whole artifact; gives its id.
    #[track_caller]
    pub fn leave(&self, name: &str, content: &[u8]) -> String {
        self.put(&self.begin(name), content).ok();
        let made = self.finalize(name, content.len()).ok().json();
        made["artifact_id"].as_str().unwrap().to_owned()
    }

    pub fn address(&self, name: &str) -> String {
        let signed = self.artifact("GetSignedArtifactURL", json!({"name": name}));
        signed.ok().json()["signed_url"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub fn listed(&self) -> Vec<String> {
        let listed = self.artifact("ListArtifacts", json!({})).ok().json();
        let all = listed["artifacts"].as_array().unwrap().iter();
        all.map(|it| it["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Saves a cache entry; false where there is one already.
    #[track_caller]
    pub fn save(&self, key: &str, content: &[u8]) -> bool {
        let made = self.twirp(
            CACHES,
            "CreateCacheEntry",
            &json!({"key": key, "version": "v"}),
        );
        let made = made.ok().json();
        if made["ok"] != true {
            return false;
        }
        self.put(made["signed_upload_url"].as_str().unwrap(), content)
            .ok();
        let request = json!({"key": key, "version": "v", "size_bytes": content.len().to_string()});
        let saved = self
            .twirp(CACHES, "FinalizeCacheEntryUpload", &request)
            .ok()
            .json();
        saved["ok"] == true
    }

    /// What a look-up finds: the key, and the content.
    #[track_caller]
    pub fn restore(&self, keys: &[&str]) -> Option<(String, Vec<u8>)> {
        let request = json!({"key": keys[0], "restore_keys": keys[1..], "version": "v"});
        let found = self
            .twirp(CACHES, "GetCacheEntryDownloadURL", &request)
            .ok()
            .json();
        if found["ok"] != true {
            return None;
        }
        let content = self.send(
            "GET",
            found["signed_download_url"].as_str().unwrap(),
            &[],
            b"",
        );
        Some((
            found["matched_key"].as_str().unwrap().to_owned(),
            content.ok().body,
        ))
    }
}

/// As the JavaScript client names blocks: an id, then the number.
fn block_id(number: usize) -> String {
    STANDARD.encode(format!("6c1a5e6a-3b0c-4a61-9a55-aaaaaaaaaa99{number:012}"))
}
