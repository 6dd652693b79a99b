//! What will run, before anything runs.

pub mod availability;
pub mod chain;
pub mod condition;
pub mod container;
pub mod content;
pub mod github_event;
pub mod graph;
pub mod inputs;
pub mod machine;
pub mod matrix;
pub mod outline;
pub mod pattern;
pub mod reusable;
#[cfg(test)]
mod sample;
pub mod select;
pub mod sketch;
pub mod trigger;

pub use content::{Content, Merge};
pub use github_event::GithubEvent;
