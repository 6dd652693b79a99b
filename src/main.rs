//! The door handle: parse, call, exit code.

use std::process::ExitCode;

use lrun::executor::watchdog;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| watchdog::is_asked(&first)) {
        watchdog::main(args);
        return ExitCode::SUCCESS;
    }
    lrun::cli::main()
}
