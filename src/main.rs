//! The door handle: parse, call, exit code.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
use lrun::executor::docker::agent;
use lrun::executor::watchdog;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let first = args.next();
    if first.as_deref().is_some_and(watchdog::is_asked) {
        watchdog::main(args);
        return ExitCode::SUCCESS;
    }
    #[cfg(target_os = "linux")]
    if first.as_deref().is_some_and(agent::is_asked) {
        return agent::main(args);
    }
    lrun::cli::main()
}
