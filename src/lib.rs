//! lrun runs GitHub Actions workflows on your own machine.
//!
//! ```text
//!   cli                                                   the door: turns wishes into a run
//!   run   report                                          doing / telling: never import each other
//!   executor   action   workspace   repo   server         hands: touch the outside; siblings are strangers
//!   plan                                                  deciding (pure)
//!   workflow                                              reading  (pure)
//!   expr                                                  language (pure)
//!   event   diagnostic                                    shared words (pure data)
//! ```
//!
//! A room imports only from lower floors; rooms on one floor are strangers.
//! `tests/architecture.rs` keeps this picture true.

pub mod diagnostic;
pub mod event;

pub mod expr;

pub mod workflow;

pub mod plan;

pub mod action;
pub mod executor;
pub mod repo;
pub mod server;
pub mod workspace;

pub mod report;
pub mod run;

pub mod cli;
