//! What `uses:` means: references, and manifests of actions.

pub mod cache;
mod definitions;
pub mod fetch;
mod fetch_error;
pub mod git_command;
pub mod local;
pub mod lock;
pub mod manifest;
pub mod node_download;
pub mod reference;
pub mod remote;
mod remote_copy;
mod remote_refs;
mod remote_walk;

pub use fetch::{Announce, Counts, Fetched, Network};
pub use fetch_error::{FetchError, TokenFate};
pub use manifest::{
    ActionInput, ActionOutput, DockerRuns, MANIFESTS, Manifest, NodeRuns, NodeVersion, Runs,
    find_manifest, read_manifest,
};
pub use node_download::{NodeDownload, NodeDownloadError};
pub use reference::{Reference, ReferenceError, WorkflowReference};
pub use remote::{Origin, Pins, RemoteActions, RemoteOptions, Root};
pub use remote_walk::NO_WORKFLOW;
