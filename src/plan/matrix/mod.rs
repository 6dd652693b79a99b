//! `strategy` → the legs of a job (SPEC 1.7).

mod filter;
mod product;

pub use filter::MatrixFilter;
use product::Matrix;

use crate::expr::Value;

/// Most legs that a job may have (SPEC W-92).
pub const MAX_LEGS: usize = 256;

/// Longest display name, in characters (SPEC W-89).
const MAX_NAME: usize = 100;

/// Why a strategy gives no legs; in GitHub's words where they are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    #[error("Expected a {expected} for {what}, found {found}")]
    Shape {
        what: String,
        expected: &'static str,
        found: &'static str,
    },
    #[error("Unexpected value '{0}'")]
    Unexpected(String),
    #[error("Matrix must define at least one vector")]
    NoVector,
    #[error("Matrix vector '{0}' does not contain any values")]
    EmptyVector(String),
    #[error("Matrix include mapping does not contain any values")]
    EmptyInclude,
    #[error("Matrix exclude filter must not be empty")]
    EmptyExclude,
    #[error("Matrix exclude key '{0}' does not match any key within the matrix")]
    UnknownExcludeKey(String),
    #[error("the matrix gives more than {MAX_LEGS} legs, which is GitHub's limit")]
    TooManyLegs,
}

/// What a strategy says of all its legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrategySettings {
    pub fail_fast: bool,
    /// As given, if it is more than 0.
    pub max_parallel: Option<usize>,
}

impl Default for StrategySettings {
    fn default() -> Self {
        Self {
            fail_fast: true,
            max_parallel: None,
        }
    }
}

/// All legs of one job; at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Legs {
    pub settings: StrategySettings,
    pub legs: Vec<Leg>,
}

/// One combination of the matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// Unique in its job; `__default` without a matrix (SPEC W-90).
    pub id: String,
    /// The `matrix` context; `Null` without a matrix.
    pub matrix: Value,
    /// What the display name shows of the matrix (SPEC W-89).
    pub segments: Vec<String>,
    /// `strategy.job-index`.
    pub index: usize,
    /// `strategy.job-total`.
    pub total: usize,
}

impl Leg {
    fn single() -> Self {
        Self {
            id: "__default".into(),
            matrix: Value::Null,
            segments: Vec::new(),
            index: 0,
            total: 1,
        }
    }

    /// The name that people see; a name that uses the matrix itself gets no suffix (SPEC W-89).
    pub fn display_name(&self, job_name: &str, name_uses_matrix: bool) -> String {
        let name = if name_uses_matrix || self.segments.is_empty() {
            job_name.to_owned()
        } else {
            format!("{job_name} ({})", self.segments.join(", "))
        };
        if name.chars().count() <= MAX_NAME {
            return name;
        }
        let cut: String = name.chars().take(MAX_NAME - 3).collect();
        cut + "..."
    }

    /// The `strategy` context (SPEC W-91).
    pub fn strategy(&self, settings: StrategySettings) -> Value {
        let max_parallel = if matches!(self.matrix, Value::Null) {
            1
        } else {
            settings.max_parallel.unwrap_or(self.total)
        };
        Value::object([
            ("fail-fast", Value::Bool(settings.fail_fast)),
            ("job-index", count(self.index)),
            ("job-total", count(self.total)),
            ("max-parallel", count(max_parallel)),
        ])
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of legs is small")]
fn count(n: usize) -> Value {
    Value::Number(n as f64)
}

/// Unfolds the evaluated value of `strategy`; `Null` is a job without one.
pub fn expand(strategy: &Value) -> Result<Legs, MatrixError> {
    let strategy = match strategy {
        Value::Null => return Ok(single(StrategySettings::default())),
        Value::Object(object) => object,
        other => return Err(shape("strategy", "mapping", other)),
    };
    let mut settings = StrategySettings::default();
    let mut matrix = None;
    for (key, value) in strategy.iter() {
        match key {
            "fail-fast" => settings.fail_fast = fail_fast(value)?,
            "max-parallel" => settings.max_parallel = max_parallel(value)?,
            "matrix" => matrix = Some(value),
            _ => return Err(MatrixError::Unexpected(key.to_owned())),
        }
    }
    let Some(matrix) = matrix else {
        return Ok(single(settings));
    };
    let legs = Matrix::read(matrix)?.legs()?;
    if legs.is_empty() {
        return Ok(single(settings));
    }
    Ok(Legs { settings, legs })
}

fn single(settings: StrategySettings) -> Legs {
    Legs {
        settings,
        ..Legs::single()
    }
}

fn fail_fast(value: &Value) -> Result<bool, MatrixError> {
    match value {
        Value::Bool(b) => Ok(*b),
        Value::Null => Ok(true),
        other => Err(MatrixError::Unexpected(other.to_text().to_string())),
    }
}

fn max_parallel(value: &Value) -> Result<Option<usize>, MatrixError> {
    match value {
        // Truncated to whole numbers (SPEC W-70); nothing above 0 is no limit (SPEC W-91).
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be above 0"
        )]
        Value::Number(n) if *n >= 1.0 => Ok(Some(*n as usize)),
        Value::Number(_) | Value::Null => Ok(None),
        other => Err(MatrixError::Unexpected(other.to_text().to_string())),
    }
}

fn shape(what: &str, expected: &'static str, found: &Value) -> MatrixError {
    MatrixError::Shape {
        what: what.to_owned(),
        expected,
        found: found.kind(),
    }
}

impl Legs {
    /// The one leg of a job without a strategy.
    pub fn single() -> Self {
        Self {
            settings: StrategySettings::default(),
            legs: vec![Leg::single()],
        }
    }
}

#[cfg(test)]
mod tests;
