//! What will run, before anything runs.

pub mod github_event;
pub mod matrix;
pub mod pattern;

pub use github_event::GithubEvent;
