//! The event that git would cause.
