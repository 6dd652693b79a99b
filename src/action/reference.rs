//! The texts after `uses:`, as the reader knows them.

pub use crate::workflow::reference::{Reference, ReferenceError, WorkflowReference};
