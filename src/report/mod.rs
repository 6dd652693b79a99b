//! Telling: everything that people and machines see of a run, fed by events alone.

pub mod diagnostic;
pub mod held;
pub mod job_log;
pub mod job_summary;
pub mod json;
pub mod layers;
pub mod live;
pub mod narration;
pub mod open_steps;
pub mod panel;
pub mod plain;
pub mod quiet;
pub mod roster;
pub mod sink;
pub mod style;
pub mod summary;
pub mod tail;
pub mod terminal_text;
pub mod wording;

pub use json::Json;
pub use live::Live;
pub use plain::Plain;
pub use quiet::Quiet;
pub use style::Colors;
pub use wording::{Detail, JobName, Options};
