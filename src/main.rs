//! The door handle: parse, call, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    lrun::cli::main()
}
