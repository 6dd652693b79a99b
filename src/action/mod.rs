//! What `uses:` means: references, and manifests of actions.

mod definitions;
pub mod local;
pub mod lock;
pub mod manifest;
pub mod reference;

pub use manifest::{
    ActionInput, ActionOutput, DockerRuns, Manifest, NodeRuns, NodeVersion, Runs, find_manifest,
    read_manifest,
};
pub use reference::{Reference, ReferenceError, WorkflowReference};
