//! `CacheService` (SPEC 12.3), in JSON and in protobuf.

use std::sync::Arc;

use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::super::Shared;
use super::super::blob::blocking;
use super::super::fault::{Code, Fault};
use super::super::grant::Grant;
use super::super::signed::Target;
use super::super::twirp::{Call, number, unknown};
use super::store::Entry;
use super::{Saved, of};

#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
struct Create {
    #[prost(string, tag = "2")]
    key: String,
    #[prost(string, tag = "3")]
    version: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Created {
    #[prost(bool, tag = "1")]
    ok: bool,
    #[prost(string, tag = "2")]
    signed_upload_url: String,
    #[prost(string, tag = "3")]
    message: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
struct Finalize {
    #[prost(string, tag = "2")]
    key: String,
    #[prost(int64, tag = "3")]
    #[serde(alias = "sizeBytes", deserialize_with = "number")]
    size_bytes: i64,
    #[prost(string, tag = "4")]
    version: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Finalized {
    #[prost(bool, tag = "1")]
    ok: bool,
    #[prost(int64, tag = "2")]
    entry_id: i64,
    #[prost(string, tag = "3")]
    message: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
struct Get {
    #[prost(string, tag = "2")]
    key: String,
    #[prost(string, repeated, tag = "3")]
    #[serde(alias = "restoreKeys")]
    restore_keys: Vec<String>,
    #[prost(string, tag = "4")]
    version: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Got {
    #[prost(bool, tag = "1")]
    ok: bool,
    #[prost(string, tag = "2")]
    signed_download_url: String,
    #[prost(string, tag = "3")]
    matched_key: String,
}

/// Runs one method.
pub async fn call(
    shared: Arc<Shared>,
    grant: Arc<Grant>,
    method: &str,
    call: Call,
) -> Result<Response, Fault> {
    match method {
        "CreateCacheEntry" => {
            let request: Create = call.read()?;
            let base = call.base.clone();
            let created = blocking(move || create(&shared, &grant, &base, &request)).await?;
            let json = json!({
                "ok": created.ok,
                "signed_upload_url": created.signed_upload_url,
                "message": created.message,
            });
            Ok(call.answer(&created, json))
        }
        "FinalizeCacheEntryUpload" => {
            let request: Finalize = call.read()?;
            let finalized = blocking(move || finalize(&shared, &grant, &request)).await?;
            let json = json!({
                "ok": finalized.ok,
                "entry_id": finalized.entry_id.to_string(),
                "message": finalized.message,
            });
            Ok(call.answer(&finalized, json))
        }
        "GetCacheEntryDownloadURL" => {
            let request: Get = call.read()?;
            let base = call.base.clone();
            let got = blocking(move || get(&shared, &grant, &base, request)).await?;
            let json = json!({
                "ok": got.ok,
                "signed_download_url": got.signed_download_url,
                "matched_key": got.matched_key,
            });
            Ok(call.answer(&got, json))
        }
        _ => Err(unknown("CacheService", method)),
    }
}

fn create(shared: &Shared, grant: &Grant, base: &str, request: &Create) -> Result<Created, Fault> {
    let begun = of(shared)?.begin(grant, &request.key, &request.version, None);
    let begun = match begun {
        // Clients look for it in the answer.
        Err(fault) if fault.code == Code::PermissionDenied => {
            return Ok(Created {
                message: fault.message,
                ..Created::default()
            });
        }
        other => other?,
    };
    Ok(match begun {
        Ok((_, incoming)) => Created {
            ok: true,
            signed_upload_url: shared.signed.open(
                base,
                &grant.job,
                "cache",
                Target::Upload(incoming),
            ),
            message: String::new(),
        },
        // SPEC P-20. A message would be a warning in the log of every run whose key exists.
        Err(_) => Created::default(),
    })
}

fn finalize(shared: &Shared, grant: &Grant, request: &Finalize) -> Result<Finalized, Fault> {
    let caches = of(shared)?;
    let size = u64::try_from(request.size_bytes)
        .map_err(|_| Fault::new(Code::InvalidArgument, "`size_bytes` is negative"))?;
    let (key, version) = (&request.key, &request.version);
    let begun = caches.begun(&grant.job, |_, it| it.key == *key && it.version == *version);
    let Some((id, incoming)) = begun else {
        let same =
            |entry: &Entry| entry.key == *key && entry.version == *version && entry.size == size;
        let id = caches.ended(grant, same).ok_or_else(|| {
            Fault::missing(format!(
                "no upload of the key {key:?} was begun by this job"
            ))
        })?;
        return Ok(Finalized {
            ok: true,
            entry_id: i64::try_from(id).unwrap_or_default(),
            message: String::new(),
        });
    };
    let saved = caches.end(id, size)?;
    shared.signed.close_upload(&incoming);
    Ok(match saved {
        Saved::Entry(id) => Finalized {
            ok: true,
            entry_id: i64::try_from(id).unwrap_or_default(),
            message: String::new(),
        },
        Saved::Exists(message) => Finalized {
            message,
            ..Finalized::default()
        },
    })
}

fn get(shared: &Shared, grant: &Grant, base: &str, request: Get) -> Result<Got, Fault> {
    let caches = of(shared)?;
    let keys = [vec![request.key], request.restore_keys].concat();
    let found = caches.find(grant, &keys, &request.version)?;
    // SPEC P-20
    Ok(found.map_or_else(Got::default, |entry| Got {
        ok: true,
        signed_download_url: shared
            .signed
            .open(base, &grant.job, "cache", caches.target(&entry)),
        matched_key: entry.key,
    }))
}
