//! Room workflow.
