//! lrun inside a container: starts the processes of steps there, as children of the container's own first process.
//!
//! An exec of the engine costs some 50 ms a step; a request to the agent costs as much as a process does. lrun and
//! the libraries it needs are mounted read-only, and the agent connects to a socket in a folder that both sides see.
//! The pipes of a step are lrun's own, passed over that socket, so nothing stands between a step and its reader.
//! When lrun dies the socket closes, the agent ends, and with it the container.

mod client;
mod forward;
mod parts;
mod server;
mod wire;

pub(super) use client::{Agent, Post};
pub(super) use parts::FOLDER;
pub use parts::Parts;
pub use server::main;

/// The hidden command that runs [`main`].
pub const COMMAND: &str = "__agent";

/// This executable was asked to be the agent.
pub fn is_asked(first_argument: &std::ffi::OsStr) -> bool {
    first_argument == COMMAND
}
