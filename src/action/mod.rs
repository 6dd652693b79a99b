//! Room action.
