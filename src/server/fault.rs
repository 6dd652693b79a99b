//! Why a request is refused, in the form that its client reads.

use std::io;

use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

/// Twirp's error codes, as far as they are given here (twitchtv.github.io/twirp, "Errors").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    AlreadyExists,
    BadRoute,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    Malformed,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    /// Larger than what is taken, or than what there is room for. No code of Twirp's: theirs means "slow down", and clients
    /// would try again.
    TooLarge,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyExists => "already_exists",
            Self::BadRoute => "bad_route",
            Self::FailedPrecondition => "failed_precondition",
            Self::Internal => "internal",
            Self::InvalidArgument => "invalid_argument",
            Self::Malformed => "malformed",
            Self::NotFound => "not_found",
            Self::PermissionDenied => "permission_denied",
            Self::Unauthenticated => "unauthenticated",
            Self::TooLarge => "out_of_range",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::AlreadyExists => StatusCode::CONFLICT,
            Self::BadRoute | Self::NotFound => StatusCode::NOT_FOUND,
            Self::FailedPrecondition => StatusCode::PRECONDITION_FAILED,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::InvalidArgument | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    /// Azure Storage's name for it (Microsoft Learn, "Blob Storage error codes").
    fn azure(self) -> &'static str {
        match self {
            Self::AlreadyExists => "BlobAlreadyExists",
            Self::Internal => "InternalError",
            Self::NotFound | Self::BadRoute => "BlobNotFound",
            Self::PermissionDenied | Self::Unauthenticated => "AuthenticationFailed",
            Self::TooLarge => "RequestBodyTooLarge",
            Self::FailedPrecondition => "ConditionNotMet",
            Self::InvalidArgument | Self::Malformed => "InvalidInput",
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub code: Code,
    pub message: String,
}

impl Fault {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// A body that can not be read.
    pub fn of_body(text: &str, status: StatusCode) -> Self {
        let code = match status {
            StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
            _ => Code::Malformed,
        };
        Self::new(code, text)
    }

    /// `{code, msg}` (SPEC P-3).
    pub fn twirp(&self) -> Response {
        let body = json!({"code": self.code.as_str(), "msg": self.message});
        (self.code.status(), axum::Json(body)).into_response()
    }

    /// As the REST services of Actions put it.
    pub fn rest(&self) -> Response {
        let body = json!({
            "message": self.message,
            "typeKey": self.code.as_str(),
            "errorCode": 0,
        });
        (self.code.status(), axum::Json(body)).into_response()
    }

    /// As Azure Storage puts it.
    pub fn azure(&self) -> Response {
        let code = self.code.azure();
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{}</Message></Error>",
            escaped(&self.message)
        );
        let kind = (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/xml"),
        );
        let name = (
            HeaderName::from_static("x-ms-error-code"),
            HeaderValue::from_static(code),
        );
        (self.code.status(), [kind, name], text).into_response()
    }
}

impl From<JsonRejection> for Fault {
    fn from(refused: JsonRejection) -> Self {
        Self::of_body(&refused.body_text(), refused.status())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Code::TooLarge,
            _ => Code::Internal,
        };
        Self::new(code, format!("lrun can not store this: {error}"))
    }
}

/// An answer, or a refusal as the REST services put it.
pub fn answer(result: Result<Response, Fault>) -> Response {
    result.unwrap_or_else(|fault| fault.rest())
}

/// Text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
