//! lrun from the outside: a scratch repository, a command line, what comes out.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod events;
mod lrun;
mod redactor;
