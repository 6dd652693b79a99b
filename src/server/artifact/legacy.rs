//! The artifact service of clients before version 4: single files in containers (SPEC 12.5, which is not certain).
//!
//! GitHub itself has turned it off; workflows that pin an old action still find it here.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_http::services::ServeFile;

use super::super::blob::blocking;
use super::super::fault::{Code, Fault, answer};
use super::super::grant::Grant;
use super::super::incoming::Incoming;
use super::super::signed::encoded;
use super::super::{Asked, Shared};
use super::service::{Coming, Pending, described, files_key};
use super::store::Form;
use super::unzip::{MOST_PACKED, room};
use super::{check_name, check_path};

/// Files of one artifact.
const MOST_FILES: usize = 200_000;

/// The files of an artifact that have come so far, by their paths below it.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Files(BTreeMap<String, Arc<Part>>);

#[derive(Debug)]
struct Part {
    incoming: Incoming,
    /// Bytes on the way.
    total: u64,
    /// It comes packed by gzip, and had so many bytes before.
    unpacked: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(in crate::server) struct Create {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "RetentionDays", default)]
    retention_days: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(in crate::server) struct Query3 {
    #[serde(rename = "artifactName", default)]
    artifact_name: Option<String>,
    #[serde(rename = "itemPath", default)]
    item_path: Option<String>,
}

type Body3<T> = Result<Json<T>, JsonRejection>;

/// `POST …/artifacts`
pub async fn create((State(shared), headers): Asked, request: Body3<Create>) -> Response {
    let request = request.map_err(Fault::from);
    answer(request.and_then(|Json(request)| created(&shared, &headers, &request)))
}

fn created(shared: &Shared, headers: &HeaderMap, request: &Create) -> Result<Response, Fault> {
    let grant = shared.grants.of(headers)?;
    check_name(&request.name)?;
    let expires = request
        .retention_days
        .filter(|days| *days > 0)
        .map(|days| Timestamp::now() + jiff::SignedDuration::from_hours(days.min(400) * 24));
    shared
        .artifacts
        .begin_files(&grant, &request.name, expires)?;
    let base = shared.base(headers);
    Ok(Json(container(&base, &request.name)).into_response())
}

fn container(base: &str, name: &str) -> Value {
    json!({
        "containerId": 1,
        "size": -1,
        "signedContent": null,
        "fileContainerResourceUrl": format!("{base}/_apis/resources/Containers/{}", encoded(name)),
        "type": "actions_storage",
        "name": name,
        "url": format!("{base}/_apis/pipelines/1/runs/1/artifacts?artifactName={}", encoded(name)),
    })
}

/// `PUT <container>?itemPath=<name>/<path>`
pub async fn upload(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(query): Query<Query3>,
    request: Request,
) -> Response {
    let stored = store_part(&shared, &name, &query, request).await;
    answer(stored.map(|()| Json(json!({})).into_response()))
}

async fn store_part(
    shared: &Arc<Shared>,
    name: &str,
    query: &Query3,
    request: Request,
) -> Result<(), Fault> {
    let headers = request.headers();
    let grant = shared.grants.of(headers)?;
    let path = query.item_path.as_deref().unwrap_or_default();
    let path = path.replace('\\', "/");
    let path = path
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('/'))
        .ok_or_else(|| Fault::invalid(format!("`itemPath` does not begin with {name:?}")))?;
    check_path(path)?;
    let range = range_of(headers)?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let unpacked = match text("content-encoding") {
        Some("gzip") => Some(
            text("x-tfs-filelength")
                .and_then(|length| length.parse().ok())
                .ok_or_else(|| Fault::invalid("`x-tfs-filelength` does not say how long it is"))?,
        ),
        _ => None,
    };
    let part = part(shared, &grant, name, path, (range.total, unpacked))?;
    let length = range.end - range.start;
    part.incoming
        .take_range(range.start, length, request.into_body())
        .await
}

fn part(
    shared: &Shared,
    grant: &Grant,
    name: &str,
    path: &str,
    (total, unpacked): (u64, Option<u64>),
) -> Result<Arc<Part>, Fault> {
    let opened = shared.artifacts.opened()?;
    let mut pending = shared.artifacts.pending();
    let key = files_key(grant, name);
    let Some(Pending {
        content: Coming::Files(files),
        ..
    }) = pending.get_mut(&key)
    else {
        return Err(Fault::missing(format!(
            "no upload of the artifact {name:?} was begun in this run"
        )));
    };
    if let Some(part) = files.0.get(path)
        && (part.total, part.unpacked) == (total, unpacked)
    {
        return Ok(Arc::clone(part));
    }
    let is_folder = |other: &str| {
        other
            .strip_prefix(path)
            .is_some_and(|it| it.starts_with('/'))
    };
    let below = files.0.range(format!("{path}/")..).next();
    let above = path.match_indices('/').map(|(at, _)| &path[..at]);
    let clash = below
        .map(|(other, _)| other.as_str())
        .filter(|other| is_folder(other))
        .or_else(|| {
            above
                .into_iter()
                .find(|folder| files.0.contains_key(*folder))
        });
    if let Some(other) = clash {
        return Err(Fault::invalid(format!(
            "{path:?} and {other:?} can not both be files of one artifact"
        )));
    }
    if files.0.len() >= MOST_FILES {
        return Err(Fault::new(
            Code::TooLarge,
            format!("an artifact has no more than {MOST_FILES} files"),
        ));
    }
    if total.max(unpacked.unwrap_or(0)) > shared.most_artifact {
        return Err(Fault::new(Code::TooLarge, format!("{path} is too large")));
    }
    let part = Arc::new(Part {
        incoming: opened.inbox.receive(total)?,
        total,
        unpacked,
    });
    files.0.insert(path.to_owned(), Arc::clone(&part));
    Ok(part)
}

struct Range {
    start: u64,
    /// Past the last byte.
    end: u64,
    total: u64,
}

/// `bytes 0-99/100`; an empty file has `bytes 0--1/0`.
fn range_of(headers: &HeaderMap) -> Result<Range, Fault> {
    let text = headers.get(header::CONTENT_RANGE);
    let text = text.and_then(|text| text.to_str().ok()).unwrap_or_default();
    let read = || {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (start, end) = range.split_once('-')?;
        let (start, total): (u64, u64) = (start.parse().ok()?, total.parse().ok()?);
        let end = u64::try_from(end.parse::<i64>().ok()?.checked_add(1)?).ok()?;
        (start <= end && end <= total).then_some(Range { start, end, total })
    };
    read().ok_or_else(|| {
        Fault::invalid(format!(
            "`Content-Range: {text}`: expected `bytes FIRST-LAST/ALL`"
        ))
    })
}

/// `PATCH …/artifacts?artifactName=<name>`
pub async fn finish((State(shared), headers): Asked, Query(query): Query<Query3>) -> Response {
    let name = query.artifact_name.unwrap_or_default();
    let finished = match shared.grants.of(&headers) {
        Ok(grant) => blocking(move || finished(&shared, &grant, &name)).await,
        Err(fault) => Err(fault),
    };
    answer(finished.map(|size| Json(json!({"size": size})).into_response()))
}

fn finished(shared: &Shared, grant: &Grant, name: &str) -> Result<u64, Fault> {
    let artifacts = &shared.artifacts;
    let key = files_key(grant, name);
    let begun = match artifacts.pending().get(&key) {
        Some(Pending {
            content: Coming::Files(files),
            expires,
            ..
        }) => Some((files.clone(), *expires)),
        _ => None,
    };
    let Some((files, expires)) = begun else {
        // A client that missed the answer asks again.
        let known = artifacts.find(&grant.run, name).ok();
        let same = known.filter(|it| it.form == Form::Folder && it.job_backend_id == grant.job);
        return same.map(|it| it.size).ok_or_else(|| {
            Fault::missing(format!(
                "no upload of the artifact {name:?} was begun in this run"
            ))
        });
    };
    let opened = artifacts.opened()?;
    let room = opened.inbox.room()?;
    let mut artifact = described(grant, name, Form::Folder, expires);
    let top = room.join(&artifact.file);
    fs::create_dir(&top)?;
    for (path, part) in &files.0 {
        let content = part.incoming.assemble_ranges(part.total)?;
        let place = top.join(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        artifact.size += match part.unpacked {
            None => fs::rename(&content.path, &place).map(|()| content.size)?,
            Some(length) => unpack(&content.path, &place, length)?,
        };
    }
    // One at a time joins what was there, and that stays until both are in one.
    let mut pending = artifacts.pending();
    let before = artifacts.find(&grant.run, name).ok();
    if let Some(before) = &before {
        artifact.size += join(&before.content(), &top)?;
    }
    let artifact = opened.run.publish(&room, artifact)?;
    if let Some(before) = &before {
        artifacts.remove(before)?;
    }
    pending.remove(&key);
    Ok(artifact.size)
}

/// Takes over the files that an earlier upload left and this one did not send; gives their size.
fn join(before: &FilePath, top: &FilePath) -> Result<u64, Fault> {
    let mut all = Vec::new();
    walk(before, "", &mut |path, size| {
        all.extend(size.map(|size| (path.to_owned(), size)));
    })?;
    let mut joined = 0;
    for (path, size) in all {
        let place = top.join(&path);
        match fs::symlink_metadata(&place) {
            // The later one counts.
            Ok(about) if about.is_file() => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(folder) = place.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::hard_link(before.join(&path), &place)?;
                joined += size;
            }
            _ => {
                return Err(Fault::invalid(format!(
                    "{path:?} is a file in one upload of this artifact and a folder in another"
                )));
            }
        }
    }
    Ok(joined)
}

/// Unpacks no more than was announced.
fn unpack(packed: &FilePath, place: &FilePath, length: u64) -> Result<u64, Fault> {
    let most = fs::metadata(packed)?.len().saturating_mul(MOST_PACKED);
    if length > most {
        return Err(Fault::invalid(format!(
            "a file says that it unpacks to {length} bytes, more than it can hold"
        )));
    }
    room(place.parent().unwrap_or(place), length)
        .map_err(|error| Fault::new(Code::TooLarge, error.to_string()))?;
    let packed = flate2::read::MultiGzDecoder::new(File::open(packed)?);
    let mut file = File::options().write(true).create_new(true).open(place)?;
    let written = io::copy(&mut packed.take(length.saturating_add(1)), &mut file)
        .map_err(|error| Fault::invalid(format!("a file is no gzip: {error}")))?;
    if written != length {
        return Err(Fault::invalid(format!(
            "a file has not the {length} bytes that were announced"
        )));
    }
    Ok(written)
}

/// `GET …/artifacts`
pub async fn list((State(shared), headers): Asked, Query(query): Query<Query3>) -> Response {
    let base = shared.base(&headers);
    let listed = shared.grants.of(&headers).map(|grant| {
        let all = shared.artifacts.of_run(&grant.run);
        let value: Vec<Value> = all
            .iter()
            .filter(|it| it.form == Form::Folder)
            .filter(|it| {
                query
                    .artifact_name
                    .as_ref()
                    .is_none_or(|name| *name == it.name)
            })
            .map(|it| container(&base, &it.name))
            .collect();
        Json(json!({"count": value.len(), "value": value})).into_response()
    });
    answer(listed)
}

/// `GET <container>?itemPath=<name>`
pub async fn items((State(shared), headers): Asked, Path(name): Path<String>) -> Response {
    let base = shared.base(&headers);
    let items = match shared.grants.of(&headers) {
        Ok(grant) => {
            blocking(move || {
                let artifact = shared.artifacts.find(&grant.run, &name)?;
                let mut value = Vec::new();
                walk(&artifact.content(), "", &mut |path, length| {
                    let place = format!("{name}/{path}");
                    let mut item = json!({
                        "containerId": 1,
                        "path": place,
                        "itemType": if length.is_some() { "file" } else { "folder" },
                        "status": "created",
                        "contentId": "",
                        "contentLocation": format!(
                            "{base}/_apis/resources/Files/{}?itemPath={}",
                            encoded(&name),
                            encoded(path)
                        ),
                    });
                    if let Some(length) = length {
                        item["fileLength"] = json!(length);
                    }
                    value.push(item);
                })?;
                Ok(json!({"count": value.len(), "value": value}))
            })
            .await
        }
        Err(fault) => Err(fault),
    };
    answer(items.map(|items| Json(items).into_response()))
}

/// Every file and folder below, folders first; files with their length.
pub fn walk(
    folder: &FilePath,
    below: &str,
    each: &mut dyn FnMut(&str, Option<u64>),
) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            each(&path, None);
            walk(&entry.path(), &path, each)?;
        } else if kind.is_file() {
            each(&path, Some(entry.metadata()?.len()));
        }
    }
    Ok(())
}

/// `GET` of one file's `contentLocation`
pub async fn file(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    request: Request,
) -> Response {
    let path = query.get("itemPath").cloned().unwrap_or_default();
    let found = shared.grants.of(request.headers()).and_then(|grant| {
        check_path(&path)?;
        let artifact = shared.artifacts.find(&grant.run, &name)?;
        let place = artifact.content().join(&path);
        let is_file = fs::symlink_metadata(&place).is_ok_and(|about| about.is_file());
        if is_file {
            Ok(place)
        } else {
            Err(Fault::missing(format!("{name:?} has no file {path:?}")))
        }
    });
    let place = match found {
        Ok(place) => place,
        Err(fault) => return fault.rest(),
    };
    match ServeFile::new(place).try_call(request).await {
        Ok(served) => {
            let mut served = served.map(Body::new);
            let kind = HeaderValue::from_static("application/octet-stream");
            served.headers_mut().insert(header::CONTENT_TYPE, kind);
            served
        }
        Err(error) => Fault::from(error).rest(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_client_writes_them() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_RANGE, text.parse().unwrap());
            range_of(&headers)
                .ok()
                .map(|range| (range.start, range.end, range.total))
        };
        assert_eq!(read("bytes 0-99/100"), Some((0, 100, 100)));
        assert_eq!(read("bytes 0--1/0"), Some((0, 0, 0)));
        for bad in [
            "bytes 5-3/9",
            "bytes 0-9/5",
            "bytes -/1",
            "0-1/2",
            "bytes 0-*/5",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_more_is_unpacked_than_was_announced() {
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("packed");
        let mut encoder = flate2::write::GzEncoder::new(
            File::create(&packed).unwrap(),
            flate2::Compression::default(),
        );
        io::copy(&mut io::repeat(0).take(1 << 20), &mut encoder).unwrap();
        encoder.finish().unwrap();
        let to = |name: &str| folder.path().join(name);
        assert_eq!(unpack(&packed, &to("a"), 1 << 20).unwrap(), 1 << 20);
        assert!(unpack(&packed, &to("b"), 1000).is_err());
        assert!(fs::metadata(to("b")).unwrap().len() <= 1001);
    }
}
