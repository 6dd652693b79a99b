//! Commands that a process prints: `::name key=value::data` and `##[name key=value]data` (SPEC 7.1).
//!
//! To add a command: name it in `parse.rs`, give it an [`Effect`], make that in `state.rs`.

mod annotation;
mod parse;
mod state;

use std::borrow::Cow;

use crate::event::Annotation;

pub use annotation::{Recorded, fix_position, recorded_message, relative_file};
pub use parse::{WorkflowCommand, parse};
pub use state::CommandState;

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    SetOutput {
        name: String,
        value: String,
    },
    SaveState {
        name: String,
        value: String,
    },
    SetEnv {
        name: String,
        value: String,
    },
    AddPath(String),
    AddMask(String),
    /// Shown only while the step is debugged.
    Debug(String),
    /// The file stands as printed: see [`relative_file`].
    Annotation(Annotation),
    Group(String),
    EndGroup,
    Echo(bool),
    /// Commands are text from here on; a long token is a secret.
    StopCommands {
        mask: Option<String>,
    },
    Resume,
    /// A file as printed.
    AddMatcher(String),
    RemoveMatcherOwner(String),
    /// A file as printed.
    RemoveMatcherFile(String),
}

/// What becomes of one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineOutcome<'a> {
    /// Goes to the log, masked *after* the effect has been applied.
    pub print: Option<Cow<'a, str>>,
    pub effect: Option<Effect>,
    /// Errors to show; where there are some, the step fails whatever its exit code.
    pub failures: Vec<String>,
}

impl<'a> LineOutcome<'a> {
    fn text(line: &'a str) -> Self {
        Self {
            print: Some(Cow::Borrowed(line)),
            ..Self::default()
        }
    }
}
