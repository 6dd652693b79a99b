//! Room run.

pub mod file_command;
pub mod mask;
pub mod output_line;
pub mod workflow_command;
