//! The door handle: parse, call, exit code.

<<<<<<< HEAD
use lrun::executor::watchdog;

fn main() {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| watchdog::is_asked(&first)) {
        watchdog::main(args);
    }
=======
use std::process::ExitCode;

fn main() -> ExitCode {
    lrun::cli::main()
>>>>>>> cli
}
