//! The cache service of older clients (SPEC 12.4).

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::blob::{blocking, length_of};
use super::super::fault::{Code, Fault, answer};
use super::super::grant::Grant;
use super::super::{Asked, Shared};
use super::{Saved, of, store::Entry};

#[derive(Debug, Deserialize)]
pub(in crate::server) struct Lookup {
    #[serde(default)]
    keys: String,
    #[serde(default)]
    version: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::server) struct Listed {
    #[serde(default)]
    key: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::server) struct Reserve {
    key: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    cache_size: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(in crate::server) struct Commit {
    size: i64,
}

type Body1<T> = Result<Json<T>, JsonRejection>;

async fn with_grant<T: Send + 'static>(
    shared: Arc<Shared>,
    headers: &HeaderMap,
    work: impl FnOnce(&Shared, &Grant) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let grant = shared.grants.of(headers)?;
    blocking(move || work(&shared, &grant)).await
}

fn described(entry: &Entry) -> Value {
    json!({
        "cacheKey": entry.key,
        "scope": entry.scope,
        "cacheVersion": entry.version,
        "creationTime": entry.created,
    })
}

/// `GET cache?keys=…&version=…`
pub async fn find((State(shared), headers): Asked, Query(query): Query<Lookup>) -> Response {
    let base = shared.base(&headers);
    let found = with_grant(shared, &headers, move |shared, grant| {
        let caches = of(shared)?;
        let keys: Vec<String> = query
            .keys
            .split(',')
            .map(|key| key.trim().to_owned())
            .collect();
        let found = caches.find(grant, &keys, &query.version)?;
        Ok(found.map(|entry| {
            let mut value = described(&entry);
            let target = caches.target(&entry);
            let url = shared.signed.open(&base, &grant.job, "cache", target);
            value["archiveLocation"] = json!(url);
            value
        }))
    })
    .await;
    answer(found.map(|found| match found {
        Some(value) => Json(value).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }))
}

/// `GET caches?key=…`: what there is, for the log of a miss.
pub async fn list((State(shared), headers): Asked, Query(query): Query<Listed>) -> Response {
    let listed = with_grant(shared, &headers, move |shared, grant| {
        let caches = of(shared)?;
        let scopes: Vec<&str> = grant.caches.readable().collect();
        let all: Vec<Value> = caches
            .store
            .entries(&caches.project)
            .iter()
            .filter(|it| it.key.starts_with(&query.key) && scopes.contains(&it.scope.as_str()))
            .map(described)
            .collect();
        Ok(json!({"totalCount": all.len(), "artifactCaches": all}))
    })
    .await;
    answer(listed.map(|listed| Json(listed).into_response()))
}

/// `POST caches`
pub async fn reserve((State(shared), headers): Asked, request: Body1<Reserve>) -> Response {
    let request = match request {
        Ok(Json(request)) => request,
        Err(refused) => return Fault::from(refused).rest(),
    };
    let reserved = with_grant(shared, &headers, move |shared, grant| {
        let size = request.cache_size.and_then(|size| u64::try_from(size).ok());
        let begun = of(shared)?.begin(grant, &request.key, &request.version, size)?;
        begun
            .map(|(id, _)| id)
            .map_err(|why| Fault::new(Code::AlreadyExists, why))
    })
    .await;
    answer(reserved.map(|id| (StatusCode::CREATED, Json(json!({"cacheId": id}))).into_response()))
}

/// `PATCH caches/<id>`
pub async fn upload(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<u64>,
    request: Request,
) -> Response {
    let stored = async {
        let grant = shared.grants.of(request.headers())?;
        let start = start_of(request.headers())?;
        let length = length_of(request.headers())
            .or_else(|| end_of(request.headers()).map(|end| end - start))
            .ok_or_else(|| Fault::invalid("neither `Content-Length` nor a whole range"))?;
        let begun = of(&shared)?.begun(&grant.job, |own, _| own == id);
        let (_, incoming) = begun.ok_or_else(|| Fault::missing(format!("no upload {id}")))?;
        incoming
            .take_range(start, length, request.into_body())
            .await
    };
    answer(
        stored
            .await
            .map(|()| StatusCode::NO_CONTENT.into_response()),
    )
}

/// `bytes 0-99/*`
fn range_of(headers: &HeaderMap) -> Option<(&str, &str)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes ")?
        .split_once('/')?
        .0
        .split_once('-')
}

fn start_of(headers: &HeaderMap) -> Result<u64, Fault> {
    range_of(headers)
        .and_then(|(start, _)| start.parse().ok())
        .ok_or_else(|| Fault::invalid("`Content-Range`: expected `bytes FIRST-LAST/*`"))
}

fn end_of(headers: &HeaderMap) -> Option<u64> {
    let (start, end) = range_of(headers)?;
    let end = end.parse::<u64>().ok()?.checked_add(1)?;
    (start.parse::<u64>().ok()? <= end).then_some(end)
}

/// `POST caches/<id>`
pub async fn commit(
    (State(shared), headers): Asked,
    Path(id): Path<u64>,
    request: Body1<Commit>,
) -> Response {
    let request = match request {
        Ok(Json(request)) => request,
        Err(refused) => return Fault::from(refused).rest(),
    };
    let committed = with_grant(shared, &headers, move |shared, grant| {
        let caches = of(shared)?;
        let size = u64::try_from(request.size).map_err(|_| Fault::invalid("`size` is negative"))?;
        let Some((_, incoming)) = caches.begun(&grant.job, |own, _| own == id) else {
            let again = caches.ended(grant, |entry| entry.id == id && entry.size == size);
            return again
                .map(drop)
                .ok_or_else(|| Fault::missing(format!("no upload {id}")));
        };
        incoming.assemble_ranges(size)?;
        match caches.end(id, size)? {
            Saved::Entry(_) => Ok(()),
            Saved::Exists(why) => Err(Fault::new(Code::AlreadyExists, why)),
        }
    })
    .await;
    answer(committed.map(|()| StatusCode::NO_CONTENT.into_response()))
}
