//! `lrun lock` and what the lock file asks of runs (SPEC A-6).
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(
    clippy::too_many_lines,
    reason = "a table, and a file as it is written, are whole"
)]
#![cfg(unix)]

#[path = "lock/cover.rs"]
mod cover;
#[path = "lock/refuse.rs"]
mod refuse;
#[path = "lock/verify.rs"]
mod verify;
#[path = "lock/world.rs"]
mod world;
#[path = "lock/write.rs"]
mod write;
