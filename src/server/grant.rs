//! What one job may do: its token opens its own run and the scopes of its ref, nothing else (SPEC P-1, P-23).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::fault::{Code, Fault};
use super::oidc::Subject;

/// One job, as the services know it.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Names the workflow's run to clients; all its jobs have one.
    pub run: String,
    /// Names the job.
    pub job: String,
    /// The workflow file, for people.
    pub workflow: String,
    /// `owner/name`.
    pub repository: String,
    pub caches: CacheScopes,
    /// What tokens of identity say, where the job may ask for them.
    pub subject: Option<Subject>,
}

/// Which branches' caches a job sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheScopes {
    /// The ref of the run: what is saved belongs to it. Looked at first.
    pub own: String,
    /// The base of a pull request, the default branch.
    pub others: Vec<String>,
    /// Where the job's folders lie to each other: clients pack paths relative to the workspace, so what was packed in another
    /// layout would be unpacked somewhere else. Empty: GitHub's own.
    pub layout: String,
    pub mode: CacheMode,
}

impl CacheScopes {
    /// In the order in which they are looked at (SPEC P-22).
    pub fn readable(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.own)
            .chain(self.others.iter().filter(|other| **other != self.own))
            .map(String::as_str)
    }
}

/// `ACTIONS_CACHE_MODE` (SPEC P-25).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheMode {
    None,
    Read,
    WriteOnly,
    #[default]
    Any,
}

impl CacheMode {
    /// Unknown and empty ones restrict nothing.
    pub fn of(text: &str) -> Self {
        match text.trim().to_lowercase().as_str() {
            "none" => Self::None,
            "read" => Self::Read,
            "write-only" => Self::WriteOnly,
            _ => Self::Any,
        }
    }

    pub fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Any)
    }

    pub fn writes(self) -> bool {
        matches!(self, Self::WriteOnly | Self::Any)
    }
}

/// All tokens that count now.
#[derive(Debug, Default)]
pub struct Grants(RwLock<HashMap<String, Arc<Grant>>>);

impl Grants {
    /// Makes the token of a job.
    pub fn admit(&self, grant: Grant) -> String {
        let token = token_of(&grant);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(token.clone(), Arc::new(grant));
        token
    }

    /// The job is over.
    pub fn dismiss(&self, token: &str) -> Option<Arc<Grant>> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(token)
    }

    /// Whose request this is.
    pub fn of(&self, headers: &HeaderMap) -> Result<Arc<Grant>, Fault> {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        // The REST API takes `token`, too.
        let token = given.and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            ["bearer", "token"]
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known))
                .then(|| token.trim())
        });
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        token
            .and_then(|token| all.get(token).cloned())
            .ok_or_else(|| {
                let text = match token {
                    None => "no bearer token came with the request",
                    Some(_) => {
                        "the token is of no job that runs: each job's own counts until it ends"
                    }
                };
                Fault::new(Code::Unauthenticated, text)
            })
    }
}

/// A token that clients can read. What makes it count is that lrun knows it, so its signature only has to be one that
/// nobody can guess.
fn token_of(grant: &Grant) -> String {
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let now = jiff::Timestamp::now().as_second();
    // Permissions of a scope: 1 reads, 2 writes. Clients outside of the toolkit read them.
    let scopes: Vec<_> = grant
        .caches
        .readable()
        .map(|scope| {
            let own = scope == grant.caches.own;
            let bits = u8::from(grant.caches.mode.reads())
                + 2 * u8::from(own && grant.caches.mode.writes());
            json!({"Scope": scope, "Permission": bits})
        })
        .collect();
    let payload = json!({
        "iss": "lrun",
        "aud": "lrun",
        "nbf": now - 60,
        // Longer than any job may take (SPEC 15): lrun itself ends it with the job.
        "exp": now + 6 * 24 * 3600,
        "scp": format!("Actions.Results:{}:{}", grant.run, grant.job),
        "ac": serde_json::to_string(&scopes).unwrap_or_default(),
        "repository": grant.repository,
    });
    let head = encode(&json!({"typ": "JWT", "alg": "HS256"}));
    format!("{head}.{}.{}", encode(&payload), secret())
}

/// 244 random bits.
pub fn secret() -> String {
    let mut digest = Sha256::new();
    digest.update(uuid::Uuid::new_v4().as_bytes());
    digest.update(uuid::Uuid::new_v4().as_bytes());
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn grant() -> Grant {
        Grant {
            run: "run-guid".to_owned(),
            job: "job-guid".to_owned(),
            workflow: ".github/workflows/ci.yml".to_owned(),
            repository: "octo/app".to_owned(),
            caches: CacheScopes {
                own: "refs/heads/feature".to_owned(),
                others: vec!["refs/heads/main".to_owned()],
                layout: String::new(),
                mode: CacheMode::Any,
            },
            subject: None,
        }
    }

    fn header(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, text.parse().unwrap());
        headers
    }

    #[test]
    fn clients_find_their_run_in_the_token() {
        // SPEC P-1
        let grants = Grants::default();
        let token = grants.admit(grant());
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        let payload = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
        let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(payload["scp"], "Actions.Results:run-guid:job-guid");
        assert_eq!(
            payload["ac"],
            r#"[{"Scope":"refs/heads/feature","Permission":3},{"Scope":"refs/heads/main","Permission":1}]"#
        );
    }

    #[test]
    fn a_token_counts_until_its_job_ends() {
        let grants = Grants::default();
        let (one, other) = (grants.admit(grant()), grants.admit(grant()));
        assert_ne!(one, other);
        assert!(grants.of(&header(&format!("Bearer {one}"))).is_ok());
        assert!(grants.of(&header(&format!("token {one}"))).is_ok());
        assert!(grants.of(&header(&format!("Basic {one}"))).is_err());
        assert!(grants.of(&HeaderMap::new()).is_err());
        grants.dismiss(&one);
        assert!(grants.of(&header(&format!("Bearer {one}"))).is_err());
        assert!(grants.of(&header(&format!("Bearer {other}"))).is_ok());
        // What it says can not be changed.
        let end = other.rfind('.').unwrap();
        assert!(
            grants
                .of(&header(&format!("Bearer {}.x", &other[..end])))
                .is_err()
        );
    }

    #[test]
    fn modes_say_what_they_allow() {
        // SPEC P-25
        for (text, reads, writes) in [
            ("none", false, false),
            (" Read ", true, false),
            ("write", true, true),
            ("write-only", false, true),
            ("", true, true),
            ("other", true, true),
        ] {
            let mode = CacheMode::of(text);
            assert_eq!((mode.reads(), mode.writes()), (reads, writes), "{text}");
        }
    }
}
