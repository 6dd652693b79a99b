//! What `concurrency` says, evaluated (SPEC 1.9).

use super::Queue;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{Concurrency, TokenKind};

/// Longest name of a group, in UTF-16 units.
const LONGEST_GROUP: usize = 400;

/// An evaluated `concurrency`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub group: String,
    pub cancel_in_progress: bool,
    pub queue: Queue,
}

impl Terms {
    /// Evaluates and checks (SPEC W-110, W-111).
    pub fn evaluate(evaluator: &Evaluator, key: &Concurrency) -> Result<Self, EvalError> {
        let value = evaluator.expand_all(&key.value)?;
        let mut terms = Self {
            group: String::new(),
            cancel_in_progress: false,
            queue: Queue::Single,
        };
        if matches!(value.kind, TokenKind::Mapping(_)) {
            for (name, value) in value.pairs() {
                match name.as_str() {
                    Some("group") => terms.group = evaluator.string(value)?,
                    Some("cancel-in-progress") => {
                        terms.cancel_in_progress = evaluator.boolean(value)?;
                    }
                    Some("queue") => {
                        let text = evaluator.string(value)?;
                        terms.queue = match text.as_str() {
                            "single" => Queue::Single,
                            "max" => Queue::Max,
                            _ => {
                                let message = format!("Unexpected value '{text}'");
                                return Err(evaluator.fault(value.span, message));
                            }
                        };
                    }
                    _ => {
                        let text = evaluator.string(name)?;
                        let message = format!("Unexpected value '{text}'");
                        return Err(evaluator.fault(name.span, message));
                    }
                }
            }
        } else {
            terms.group = evaluator.string(&value)?;
        }
        match terms.mistake() {
            Some(message) => Err(evaluator.fault(value.span, message)),
            None => Ok(terms),
        }
    }

    fn mistake(&self) -> Option<&'static str> {
        if self.group.is_empty() {
            Some("Concurrency group name cannot be empty")
        } else if self.group.encode_utf16().count() > LONGEST_GROUP {
            Some("Concurrency group name must be less than 400 characters")
        } else if self.cancel_in_progress && self.queue == Queue::Max {
            Some("`queue: max` can not be combined with `cancel-in-progress: true`")
        } else {
            None
        }
    }
}
