//! Blobs over HTTP, as Azure Storage has them: blocks and block lists in, plain GET out (SPEC P-11, P-12, P-24).

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tower_http::services::ServeFile;

use super::Shared;
use super::fault::{Code, Fault};
use super::incoming::Incoming;
use super::signed::{Download, Target, encoded};

/// Azure's own limits: a list of 50 000 blocks, their names of up to 64 bytes (Microsoft Learn, "Put Block List").
const MOST_BLOCKS: usize = 50_000;
const LIST_BYTES: usize = 16 << 20;
/// The version of the protocol that answers name.
const VERSION: &str = "2021-12-02";
/// Bytes of a file that are read at once.
const PIECE: usize = 256 << 10;

/// `PUT`, `GET` and `HEAD` of a blob.
pub async fn serve(
    State(shared): State<Arc<Shared>>,
    Path((id, _name)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    request: Request,
) -> Response {
    let secret = query.get("sig").map_or("", String::as_str);
    let target = match shared.signed.find(&id, secret) {
        Ok(target) => target,
        Err(fault) => return fault.azure(),
    };
    let answer = match (request.method(), target) {
        (&Method::PUT, Target::Upload(incoming)) => upload(incoming, &query, request).await,
        (&Method::GET | &Method::HEAD, Target::Download(download)) => {
            return self::download(&download, request).await;
        }
        (method, _) => Err(Fault::new(
            Code::PermissionDenied,
            format!("the address is not for {method}"),
        )),
    };
    match answer {
        Ok(()) => created(),
        Err(fault) => fault.azure(),
    }
}

async fn upload(
    incoming: Arc<Incoming>,
    query: &HashMap<String, String>,
    request: Request,
) -> Result<(), Fault> {
    let headers = request.headers();
    let length = length_of(headers);
    match query.get("comp").map(String::as_str) {
        Some("block") => {
            let id = query
                .get("blockid")
                .and_then(|id| STANDARD.decode(id).ok())
                .filter(|id| !id.is_empty() && id.len() <= 64)
                .ok_or_else(|| Fault::invalid("`blockid` is no base64 of 1 to 64 bytes"))?;
            incoming.take(&id, length, request.into_body()).await
        }
        Some("blocklist") => {
            note_type(&incoming, headers);
            let list = axum::body::to_bytes(request.into_body(), LIST_BYTES).await;
            let list =
                list.map_err(|_| Fault::new(Code::TooLarge, "the block list is too long"))?;
            let ids = block_list(&String::from_utf8_lossy(&list))?;
            blocking(move || incoming.assemble(&ids)).await.map(drop)
        }
        Some(other) => Err(Fault::invalid(format!(
            "`comp={other}`: expected block or blocklist"
        ))),
        None => {
            let kind = headers.get("x-ms-blob-type").map(HeaderValue::as_bytes);
            if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case(b"BlockBlob")) {
                return Err(Fault::invalid("only block blobs are taken"));
            }
            note_type(&incoming, headers);
            let id = b"00000";
            incoming.take(id, length, request.into_body()).await?;
            blocking(move || incoming.assemble(&[id.to_vec()]))
                .await
                .map(drop)
        }
    }
}

/// Runs what waits for the disk.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Fault::new(Code::Internal, error.to_string()))?
}

pub fn length_of(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn note_type(incoming: &Incoming, headers: &HeaderMap) {
    let kind = headers.get("x-ms-blob-content-type");
    if let Some(kind) = kind.and_then(|kind| kind.to_str().ok()) {
        incoming.set_content_type(kind);
    }
}

/// The names in a list of blocks: `<BlockList><Latest>…</Latest>…</BlockList>`.
fn block_list(text: &str) -> Result<Vec<Vec<u8>>, Fault> {
    let bad = |what: &str| Fault::new(Code::Malformed, format!("the block list {what}"));
    let mut rest = text;
    let mut ids = Vec::new();
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').ok_or_else(|| bad("ends in the middle"))?;
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if matches!(tag, "Latest" | "Uncommitted" | "Committed") {
            let close = format!("</{tag}>");
            let (id, after) = after
                .split_once(close.as_str())
                .ok_or_else(|| bad("ends in the middle"))?;
            let id = STANDARD
                .decode(id.trim())
                .map_err(|_| bad("names a block that is no base64"))?;
            ids.push(id);
            rest = after;
        }
    }
    if ids.len() > MOST_BLOCKS {
        return Err(bad("has more than 50000 blocks"));
    }
    if !text.contains("BlockList") {
        return Err(bad("is none"));
    }
    Ok(ids)
}

fn created() -> Response {
    let id = uuid::Uuid::new_v4();
    let now = httpdate::fmt_http_date(std::time::SystemTime::now());
    let text = |name: &'static str, value: String| {
        let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""));
        (HeaderName::from_static(name), value)
    };
    let headers = [
        text("etag", format!("\"0x{}\"", &id.simple().to_string()[..15])),
        text("last-modified", now),
        text("x-ms-request-id", id.to_string()),
        text("x-ms-version", VERSION.to_owned()),
        text("x-ms-request-server-encrypted", "false".to_owned()),
    ];
    (StatusCode::CREATED, headers).into_response()
}

async fn download(download: &Download, request: Request) -> Response {
    if !download.path.is_file() {
        let text = "it is not here any more: it was removed while the job ran";
        return Fault::missing(text).azure();
    }
    let mut file = ServeFile::new(&download.path).with_buf_chunk_size(PIECE);
    let served = match file.try_call(request).await {
        Ok(served) => served,
        Err(error) => return Fault::from(error).azure(),
    };
    let mut served = served.map(Body::new);
    let headers = served.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, &download.content_type);
    set(header::CONTENT_DISPOSITION, &disposition(&download.name));
    set(HeaderName::from_static("x-ms-blob-type"), "BlockBlob");
    set(HeaderName::from_static("x-ms-version"), VERSION);
    served
}

/// RFC 6266: a plain name for old clients, the real one for others.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            ' '..='~' if !matches!(c, '"' | '\\' | ';' | '\'') => c,
            _ => '_',
        })
        .collect();
    format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{}",
        encoded(name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_blocks_in_order() {
        let text = "<?xml version=\"1.0\"?>\n<BlockList>\n<Latest>YQ==</Latest><Uncommitted>Yg==</Uncommitted></BlockList>";
        assert_eq!(block_list(text).unwrap(), [b"a".to_vec(), b"b".to_vec()]);
        assert!(block_list("<BlockList></BlockList>").unwrap().is_empty());
        for bad in [
            "",
            "<BlockList><Latest>YQ==",
            "<BlockList><Latest>!</Latest>",
            "<BlockList",
        ] {
            assert!(block_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_keep_their_letters() {
        assert_eq!(
            disposition("é b\".zip"),
            "attachment; filename=\"_ b_.zip\"; filename*=UTF-8''%C3%A9%20b%22.zip"
        );
    }
}
