//! The part of GitHub's REST API by which clients get artifacts of an earlier run
//! (docs.github.com, "REST API endpoints for GitHub Actions artifacts").

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::blob::blocking;
use super::super::fault::{Code, Fault, answer};
use super::super::grant::Grant;
use super::super::{Asked, Shared};
use super::store::{Artifact, RunFolder};

/// Which page, of which artifacts.
#[derive(Debug, Deserialize)]
pub(in crate::server) struct Page {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "per_page")]
    size: Option<usize>,
    #[serde(default, rename = "page")]
    number: Option<usize>,
}

fn admitted(shared: &Shared, headers: &HeaderMap, repository: &str) -> Result<Arc<Grant>, Fault> {
    let grant = shared.grants.of(headers)?;
    if grant.repository.eq_ignore_ascii_case(repository) {
        return Ok(grant);
    }
    Err(Fault::new(
        Code::NotFound,
        format!(
            "lrun has runs of {} only, not of {repository}",
            grant.repository
        ),
    ))
}

/// `GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts`
pub async fn of_run(
    (State(shared), headers): Asked,
    Path((owner, repo, run)): Path<(String, String, String)>,
    Query(page): Query<Page>,
) -> Response {
    let base = shared.base(&headers);
    let listed = match admitted(&shared, &headers, &format!("{owner}/{repo}")) {
        Ok(_) => {
            blocking(move || {
                let runs = shared.artifacts.runs();
                let of_run: Vec<&RunFolder> = runs.iter().filter(|it| it.info.id == run).collect();
                if of_run.is_empty() {
                    return Err(Fault::missing(format!(
                        "lrun has no run {run} with artifacts; `lrun artifacts` lists them"
                    )));
                }
                let mut all: Vec<(Artifact, &RunFolder)> = of_run
                    .into_iter()
                    .flat_map(|run| run.artifacts().into_iter().map(move |it| (it, run)))
                    .filter(|(it, _)| page.name.as_ref().is_none_or(|name| *name == it.name))
                    .collect();
                // The newest first, as GitHub has it.
                all.sort_by_key(|(artifact, _)| std::cmp::Reverse(artifact.id));
                let size = page.size.unwrap_or(30).clamp(1, 100);
                let skipped = page
                    .number
                    .unwrap_or(1)
                    .saturating_sub(1)
                    .saturating_mul(size);
                let shown: Vec<Value> = all
                    .iter()
                    .skip(skipped)
                    .take(size)
                    .map(|(artifact, run)| described(&base, artifact, run))
                    .collect();
                Ok(json!({"total_count": all.len(), "artifacts": shown}))
            })
            .await
        }
        Err(fault) => Err(fault),
    };
    answer(listed.map(|listed| Json(listed).into_response()))
}

fn described(base: &str, artifact: &Artifact, run: &RunFolder) -> Value {
    let info = &run.info;
    let url = format!(
        "{base}/repos/{}/actions/artifacts/{}",
        info.repository, artifact.id
    );
    json!({
        "id": artifact.id,
        "name": artifact.name,
        "size_in_bytes": artifact.size,
        "url": url,
        "archive_download_url": format!("{url}/zip"),
        "expired": false,
        "created_at": artifact.created,
        "updated_at": artifact.created,
        "expires_at": artifact.expires,
        "digest": artifact.digest,
        "workflow_run": {"id": info.id.parse::<u64>().ok()},
    })
}

type One = Path<(String, String, u64)>;

async fn found(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    (owner, repo, id): (String, String, u64),
) -> Result<(Arc<Grant>, Artifact, RunFolder), Fault> {
    let grant = admitted(shared, headers, &format!("{owner}/{repo}"))?;
    let shared = Arc::clone(shared);
    let (artifact, run) = blocking(move || {
        let runs = shared.artifacts.runs().into_iter();
        let mut all = runs.flat_map(|run| {
            let artifacts = run.artifacts();
            artifacts
                .into_iter()
                .map(move |artifact| (artifact, run.clone()))
        });
        all.find(|(artifact, _)| artifact.id == id)
            .ok_or_else(|| Fault::missing(format!("lrun has no artifact {id}")))
    })
    .await?;
    Ok((grant, artifact, run))
}

/// `GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}`
pub async fn one((State(shared), headers): Asked, Path(which): One) -> Response {
    let base = shared.base(&headers);
    let found = found(&shared, &headers, which).await;
    answer(found.map(|(_, artifact, run)| Json(described(&base, &artifact, &run)).into_response()))
}

/// `GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/zip`
pub async fn zip(
    (State(shared), headers): Asked,
    Path((owner, repo, id, format)): Path<(String, String, u64, String)>,
) -> Response {
    let base = shared.base(&headers);
    let found = found(&shared, &headers, (owner, repo, id)).await;
    answer(found.and_then(|(grant, artifact, _)| {
        if format != "zip" {
            return Err(Fault::invalid(format!("`{format}`: expected zip")));
        }
        let url = shared.artifact_url(&grant.job, &base, &artifact)?;
        Ok((StatusCode::FOUND, [(header::LOCATION, url)]).into_response())
    }))
}
