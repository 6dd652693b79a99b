//! Room run.

pub mod file_command;
pub mod mask;
pub mod output_line;
mod secret_form;
pub mod workflow_command;
