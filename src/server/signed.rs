//! Addresses that open one blob each, to be written or read, without a token (what Azure calls a shared access signature).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::fault::{Code, Fault};
use super::grant::secret;
use super::incoming::Incoming;

/// Where blobs are found on this server.
pub const PATH: &str = "/blobs";

/// What stays as it is in a path (RFC 3986, "unreserved").
const PATH_SET: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Text as a part of a path.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PATH_SET).to_string()
}

/// What an address opens.
#[derive(Debug, Clone)]
pub enum Target {
    Upload(Arc<Incoming>),
    Download(Download),
}

/// A file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    pub path: PathBuf,
    pub content_type: String,
    /// What the client may call it.
    pub name: String,
}

#[derive(Debug)]
struct Opened {
    secret: String,
    /// Whose it is; it ends with the job.
    job: String,
    target: Target,
}

/// All addresses that count now.
#[derive(Debug, Default)]
pub struct Signed(RwLock<HashMap<String, Opened>>);

impl Signed {
    /// An address below `base`, whose last part is `name`.
    pub fn open(&self, base: &str, job: &str, name: &str, target: Target) -> String {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let opened = Opened {
            secret: secret(),
            job: job.to_owned(),
            target,
        };
        let address = format!("{base}{PATH}/{id}/{}?sig={}", encoded(name), opened.secret);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, opened);
        address
    }

    /// What an address opens.
    pub fn find(&self, id: &str, secret: &str) -> Result<Target, Fault> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(id)
            .filter(|opened| opened.secret == secret)
            .map(|opened| opened.target.clone())
            .ok_or_else(|| {
                Fault::new(
                    Code::PermissionDenied,
                    "the address opens nothing: its job is over, or the signature is another",
                )
            })
    }

    /// Uploads of this blob are over.
    pub fn close_upload(&self, incoming: &Arc<Incoming>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, opened| {
            !matches!(&opened.target, Target::Upload(own) if Arc::ptr_eq(own, incoming))
        });
    }

    /// The job is over.
    pub fn dismiss(&self, job: &str) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, opened| opened.job != job);
    }
}
