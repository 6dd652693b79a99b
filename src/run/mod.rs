//! Room run.

pub mod mask;
pub mod output_line;
pub mod workflow_command;
