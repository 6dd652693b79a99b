//! Runs on a scripted machine: the order of steps, conditions, results, cancelling.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod background;
mod harness;
mod jobs;
mod stages;
mod steps;
mod wiring;
