//! lrun from the outside: a scratch repository, a command line, what comes out.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod background;
mod commands;
mod events;
mod exit_codes;
mod groups;
mod hub;
mod lrun;
mod output;
mod redactor;
mod remote;
mod running;
mod settings;
mod signals;
mod simulated;
mod steps;
mod workspace;
mod wrong_greens;
