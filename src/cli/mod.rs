//! The door: arguments and settings become an invocation, an invocation becomes an exit code.

mod actrc;
pub mod check;
mod choice;
pub mod command;
mod dotenv;
pub mod environment;
pub mod error;
pub mod eval;
pub mod flags;
mod folders;
pub mod invocation;
mod lrun_toml;
mod near;
pub mod settings;
pub mod sources;
pub mod table;
pub mod values;
mod words;

pub use environment::Environment;
pub use error::CliError;
pub use invocation::{Invocation, parse};
pub use settings::Settings;

pub mod graph;
pub mod list;
pub mod plan;
