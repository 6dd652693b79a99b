//! Containers, with a real engine. Names of images are settings: `LRUN_TEST_BASE` (bash, git, node, a user `runner`),
//! `LRUN_TEST_TINY` (busybox alone), `LRUN_TEST_WEB` (httpd on 80 with a health check). Without an engine that has them
//! all tests show as ignored; with `LRUN_TEST_DOCKER=1` that is a failure.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod ends;
#[path = "../cli/events.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod events;
mod jobs;
mod kept;
#[path = "../cli/lrun.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod lrun;
mod machine;
#[path = "../cli/redactor.rs"]
mod redactor;
#[path = "../cli/running.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod running;
mod workspaces;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

type Test = (&'static str, fn());

fn main() -> ExitCode {
    let missing = world::missing();
    if let (Some(why), true) = (&missing, std::env::var_os("LRUN_TEST_DOCKER").is_some()) {
        panic!("{why}");
    }
    let groups: [&[Test]; 5] = [
        machine::TESTS,
        jobs::TESTS,
        workspaces::TESTS,
        ends::TESTS,
        kept::TESTS,
    ];
    let trials = groups.into_iter().flatten().map(|(name, test)| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok::<(), Failed>(())
        })
        .with_ignored_flag(missing.is_some())
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
