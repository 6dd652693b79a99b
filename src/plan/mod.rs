//! What will run, before anything runs.

pub mod condition;
pub mod github_event;
pub mod graph;
pub mod inputs;
pub mod machine;
pub mod matrix;
pub mod near;
pub mod outline;
pub mod pattern;
pub mod reusable;
pub mod select;
pub mod trigger;

pub use github_event::GithubEvent;
