//! Room run.
