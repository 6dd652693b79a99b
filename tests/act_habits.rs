//! Walks the habits of act's users: each row is a command line with files and variables, and what becomes of it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "act_habits/coverage.rs"]
mod coverage;
#[path = "act_habits/files.rs"]
mod files;
#[path = "act_habits/flags.rs"]
mod flags;
#[path = "act_habits/world.rs"]
mod world;

use libtest_mimic::{Arguments, Trial};

use world::Row;

fn main() {
    let arguments = Arguments::from_args();
    let rows: Vec<Row> = flags::rows().into_iter().chain(files::rows()).collect();
    let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
    let mut trials = coverage::trials(&names);
    trials.extend(rows.into_iter().map(|row| {
        Trial::test(row.name, move || {
            row.check();
            Ok(())
        })
    }));
    libtest_mimic::run(&arguments, trials).exit();
}
