//! Remote actions and workflows, with the real git and repositories of this machine in the place of GitHub's.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod fetching;
mod server;
mod sharing;
mod tokens;
mod walking;
mod world;

use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

type Test = (&'static str, fn());

fn main() -> ExitCode {
    if sharing::is_child() {
        return sharing::child();
    }
    let git = Command::new("git")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    let missing = git.is_err();
    let groups: [&[Test]; 4] = [
        fetching::TESTS,
        sharing::TESTS,
        tokens::TESTS,
        walking::TESTS,
    ];
    let trials = groups.into_iter().flatten().map(|(name, test)| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok::<(), Failed>(())
        })
        .with_ignored_flag(missing)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
