//! Artifacts, caches and tokens of identity: by the protocol, by GitHub's own clients, and by lrun's commands.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod artifacts;
mod caches;
mod clients;
mod commands;
mod crowd;
mod desk;
#[path = "../cli/events.rs"]
#[expect(dead_code, reason = "a part of it is for other tests")]
mod events;
mod identity;
#[path = "../cli/lrun.rs"]
#[expect(dead_code, reason = "a part of the builder is for other tests")]
mod lrun;
#[path = "../cli/redactor.rs"]
mod redactor;
#[path = "../cli/tool.rs"]
mod tool;
#[path = "../docker/world.rs"]
#[expect(dead_code, reason = "a part of it is for tests of containers")]
mod world;

use libtest_mimic::Arguments;

fn main() {
    let trials = [
        artifacts::trials(),
        caches::trials(),
        identity::trials(),
        crowd::trials(),
        commands::trials(),
        clients::trials(),
    ];
    let trials = trials.into_iter().flatten().collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
