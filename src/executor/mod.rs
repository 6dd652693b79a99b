//! Room executor.
