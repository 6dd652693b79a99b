//! What every part of an expression came to, for people who ask why.

use std::fmt;
use std::sync::Arc;

use super::number::format_number;
use super::value::Value;

/// The parts of an evaluation in the order in which they were entered; literals are left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    pub entries: Vec<TraceEntry>,
}

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceEntry {
    pub source: Arc<str>,
    pub depth: usize,
    pub outcome: TraceOutcome,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq)]
pub enum TraceOutcome {
    Value(Value),
    /// Not evaluated, because something before it decided.
    ShortCircuited,
    /// It, or a part of it, failed.
    Failed,
}

impl Trace {
    pub(super) fn enter(&mut self, source: &str, depth: usize) -> usize {
        self.push(source, depth, TraceOutcome::Failed)
    }

    pub(super) fn leave(&mut self, entry: usize, value: Value) {
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.outcome = TraceOutcome::Value(value);
        }
    }

    pub(super) fn skip(&mut self, source: &str, depth: usize) {
        self.push(source, depth, TraceOutcome::ShortCircuited);
    }

    fn push(&mut self, source: &str, depth: usize, outcome: TraceOutcome) -> usize {
        self.entries.push(TraceEntry {
            source: source.into(),
            depth,
            outcome,
        });
        self.entries.len() - 1
    }
}

impl fmt::Display for Trace {
    /// A tree, one part a line: `github.ref == 'x' → false`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            let source = entry
                .source
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            write!(f, "{:indent$}{source} → ", "", indent = entry.depth * 2)?;
            match &entry.outcome {
                TraceOutcome::Value(value) => writeln!(f, "{}", shown(value))?,
                TraceOutcome::ShortCircuited => writeln!(f, "not evaluated")?,
                TraceOutcome::Failed => writeln!(f, "failed")?,
            }
        }
        Ok(())
    }
}

/// A value on one line; what is too long for one is counted.
fn shown(value: &Value) -> String {
    const WIDTH: usize = 60;
    let json = || value.to_json().to_string();
    match value {
        Value::Number(number) => format_number(*number),
        Value::Array(array) if json().len() > WIDTH => format!("Array ({} items)", array.len()),
        Value::Object(object) if json().len() > WIDTH => format!("Object ({} keys)", object.len()),
        _ => json(),
    }
}
