//! The YAML, typed, expressions already parsed. Immutable and cheap to share.
//!
//! Text → [`yaml::Node`] → [`Token`] by the tables of [`definitions`] → [`Workflow`], with many diagnostics on the way.
//! Keys that the server or the runner evaluates are kept as [`Token`] trees; everything static is typed.
//!
//! To add a key: add it to its table in `definitions.rs`, to its struct in `model.rs`, and where that struct is made.

pub mod container;
pub(crate) mod converter;
pub mod core_schema;
pub mod cron;
pub mod definitions;
pub mod evaluate;
mod event_definitions;
mod explain;
mod expressions;
mod graph;
pub mod ids;
mod jobs;
mod locate;
pub mod model;
mod notices;
pub(crate) mod parse;
pub mod permissions;
pub mod reader;
pub mod reference;
pub mod reusable;
pub mod runs_on;
pub mod schema;
mod steps;
mod strategy;
pub mod suggest;
pub mod token;
mod triggers;
pub mod yaml;
mod yaml_events;

pub use evaluate::{EvalError, Evaluator};
pub use event_definitions::EVENTS;
pub use model::*;
pub use parse::{MAX_FILE_SIZE, ReadOptions, Reading, decode, load, read_workflow};
pub use permissions::PermissionsPolicy;
pub use token::{Token, TokenKind};
