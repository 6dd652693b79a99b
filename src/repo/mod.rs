//! Room repo.
