//! What `uses:` means: references, and manifests of actions.

pub mod local;
pub mod manifest;
pub mod reference;

pub use reference::{Reference, ReferenceError, WorkflowReference};
