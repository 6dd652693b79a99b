//! The YAML, typed, expressions already parsed. Immutable and cheap to share.
//!
//! Keys that the server or the runner evaluates are kept as [`Token`] trees; everything static is typed.

pub mod model;
pub mod token;

pub use model::*;
pub use token::{Token, TokenKind};
