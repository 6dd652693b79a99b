//! Twirp's envelope: which method, JSON or protobuf in, the same out (SPEC P-3).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::{Code, Fault};
use super::{REQUEST, Shared};
use super::{artifact, cache};

const ARTIFACTS: &str = "github.actions.results.api.v1.ArtifactService";
const CACHES: &str = "github.actions.results.api.v1.CacheService";
const PROTOBUF: &str = "application/protobuf";

/// `POST /twirp/<service>/<method>`.
pub async fn serve(
    State(shared): State<Arc<Shared>>,
    Path((service, method)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) if body.len() > REQUEST => {
            let text = format!("a request has no more than {REQUEST} bytes");
            return Fault::new(Code::TooLarge, text).twirp();
        }
        Ok(body) => body,
        Err(refused) => return Fault::of_body(&refused.body_text(), refused.status()).twirp(),
    };
    let call = Call {
        base: shared.base(&headers),
        is_protobuf: headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(PROTOBUF.as_bytes())),
        body,
    };
    let grant = match shared.grants.of(&headers) {
        Ok(grant) => grant,
        Err(fault) => return fault.twirp(),
    };
    let answer = match service.as_str() {
        ARTIFACTS => artifact::service::call(shared, grant, &method, call).await,
        CACHES => cache::service::call(shared, grant, &method, call).await,
        _ => Err(unknown(&service, &method)),
    };
    answer.unwrap_or_else(|fault| fault.twirp())
}

/// There is no such method.
pub fn unknown(service: &str, method: &str) -> Fault {
    Fault::new(
        Code::BadRoute,
        format!("lrun's services have no method {service}/{method}"),
    )
}

/// One request.
#[derive(Debug)]
pub struct Call {
    /// This server, as the client calls it.
    pub base: String,
    is_protobuf: bool,
    body: Bytes,
}

impl Call {
    /// The request of a method that is known in JSON only.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        if self.is_protobuf {
            let text = "this service takes JSON only: application/json";
            return Err(Fault::new(Code::Malformed, text));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Fault::new(Code::Malformed, format!("the request is wrong: {error}")))
    }

    /// The request of a method that is known in both forms.
    pub fn read<T: DeserializeOwned + prost::Message + Default>(&self) -> Result<T, Fault> {
        if !self.is_protobuf {
            return self.json();
        }
        T::decode(self.body.as_ref())
            .map_err(|error| Fault::new(Code::Malformed, format!("the request is wrong: {error}")))
    }

    /// The answer in the form of the request.
    pub fn answer(&self, message: &impl prost::Message, json: Value) -> Response {
        if !self.is_protobuf {
            return axum::Json(json).into_response();
        }
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        ([kind], message.encode_to_vec()).into_response()
    }
}

/// Numbers of 64 bits, which JSON has as text (protobuf.dev, "`ProtoJSON` Format").
pub fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    use serde::Deserialize as _;
    use serde::de::Error as _;
    match Value::deserialize(deserializer)? {
        Value::Number(number) => number
            .as_i64()
            .ok_or_else(|| D::Error::custom("expected a whole number")),
        Value::String(text) => text
            .parse()
            .map_err(|_| D::Error::custom(format!("'{text}' is no whole number"))),
        Value::Null => Ok(0),
        _ => Err(D::Error::custom("expected a whole number")),
    }
}
