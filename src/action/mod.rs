//! Room action.

pub mod local;
