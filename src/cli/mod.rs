//! Room cli.

pub mod graph;
pub mod list;
pub mod plan;
