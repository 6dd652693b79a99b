//! Ids of repositories from GitHub's REST API.

use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::source::{IdSource, Ids, Repository, SourceError};

/// A REST API.
pub struct Api {
    url: String,
    token: Option<String>,
    agent: Agent,
}

impl std::fmt::Debug for Api {
    /// Leaves the token out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// `url` is like `https://api.github.com`.
    pub fn new(url: &str, token: Option<&str>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A repository that moved has to be named anew (SPEC A-7).
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_mins(1)))
            .user_agent(concat!("lrun/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            url: url.trim_end_matches('/').to_owned(),
            token: token
                .filter(|token| !token.is_empty())
                .map(|token| format!("Bearer {token}")),
            agent: config.into(),
        }
    }

    fn get(&self, url: &str, token: Option<&str>) -> Result<Response<Body>, ureq::Error> {
        let mut request = self
            .agent
            .get(url)
            .header("Accept", "application/vnd.github+json");
        if let Some(token) = token {
            request = request.header("Authorization", token);
        }
        request.call()
    }
}

impl IdSource for Api {
    fn ids(&self, repository: &Repository) -> Result<Ids, SourceError> {
        let url = format!("{}/repos/{repository}", self.url);
        let failed = |message: String| SourceError::Api {
            url: url.clone(),
            message,
        };
        let mut response = self
            .get(&url, self.token.as_deref())
            .map_err(|error| failed(error.to_string()))?;
        // An expired token is no reason not to read what anyone may read.
        if response.status().as_u16() == 401 && self.token.is_some() {
            response = self
                .get(&url, None)
                .map_err(|error| failed(error.to_string()))?;
        }
        let status = response.status().as_u16();
        let text = response
            .body_mut()
            .read_to_string()
            .map_err(|error| failed(error.to_string()))?;
        match status {
            200 => ids(&text, repository).map_err(failed),
            301 | 302 | 307 | 308 => Err(failed("the repository has moved; name it anew".into())),
            401 => Err(failed("a token is needed; give GITHUB_TOKEN".into())),
            403 | 429 => Err(failed(format!(
                "refused ({status}), perhaps for too many requests; a GITHUB_TOKEN allows more"
            ))),
            404 => Err(failed(
                "no such repository, or one that needs a GITHUB_TOKEN".into(),
            )),
            other => Err(failed(format!("answered with status {other}"))),
        }
    }
}

fn ids(text: &str, repository: &Repository) -> Result<Ids, String> {
    let answer: Value =
        serde_json::from_str(text).map_err(|_| "the answer is no JSON".to_owned())?;
    if let Some(name) = answer.get("full_name").and_then(Value::as_str)
        && !name.eq_ignore_ascii_case(&repository.to_string())
    {
        return Err(format!("the repository is now {name}; name it anew"));
    }
    let id = |value: Option<&Value>| value?.get("id")?.as_u64().filter(|id| *id > 0);
    match (id(answer.get("owner")), id(Some(&answer))) {
        (Some(owner), Some(repo)) => Ok(Ids { owner, repo }),
        _ => Err("the answer has no ids".into()),
    }
}
