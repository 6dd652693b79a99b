//! The `${{ }}` language: text → [`Expr`] → [`Value`]. Pure; the outside is asked through [`Context`].

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

mod ast;
mod condition;
mod eval;
mod function;
mod glob;
mod hash_files;
mod json;
mod lexer;
mod number;
mod parser;
mod template;
mod trace;
pub mod value;

pub use ast::{Expr, Reference};
pub use condition::{parse_bare_condition, parse_condition};
pub use eval::MAX_MEMORY;
pub use hash_files::hash_files;
pub use number::{format_number, parse_number};
pub use parser::{MAX_DEPTH, MAX_LENGTH};
pub use template::{Delimiters, Template, TemplateError, TemplateErrorKind};
pub use trace::{Trace, TraceEntry, TraceOutcome};
pub use value::{Array, Object, Value};

/// What an expression may name at one key: contexts and functions beside the built-in ones (SPEC C-20).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    pub values: Vec<Cow<'static, str>>,
    pub functions: Vec<ExtraFunction>,
}

/// A function that only some keys have: `hashFiles`, `success`, `failure`, `cancelled`, `always`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraFunction {
    pub name: Cow<'static, str>,
    pub min: usize,
    pub max: usize,
}

/// Gives an expression its named values and the functions that reach outside.
pub trait Context {
    /// The value of a named value that [`Names`] allowed; `Null` where it does not exist.
    fn named_value(&self, name: &str) -> Value;

    /// Calls one of the [`ExtraFunction`]s; the error is the message of an evaluation error.
    fn call(&self, function: &str, args: &[Value]) -> Result<Value, String>;
}

/// The stage at which an expression fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Lexing,
    Parsing,
    Evaluation,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lexing => "lexing",
            Self::Parsing => "parsing",
            Self::Evaluation => "evaluation",
        }
    }
}

/// Why an expression can not be read or evaluated, in GitHub's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    pub stage: Stage,
    /// `Unexpected symbol: ')'`.
    pub reason: String,
    /// Where, in characters of the expression from 1.
    pub position: Option<usize>,
    pub expression: Arc<str>,
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stage == Stage::Evaluation {
            return f.write_str(&self.reason);
        }
        match self.position {
            Some(at) => write!(
                f,
                "{}. Located at position {at} within expression: {}",
                self.reason, self.expression
            ),
            None => write!(
                f,
                "{}. Located within expression: {}",
                self.reason, self.expression
            ),
        }
    }
}

impl std::error::Error for ExprError {}

#[cfg(test)]
#[path = "language_tests.rs"]
mod language_tests;
