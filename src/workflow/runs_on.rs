//! `runs-on`: labels and group (SPEC W-71).

use super::converter::Converter;
use super::evaluate::{EvalError, Evaluator};
use super::token::{Token, TokenKind};

/// The machine that a leg asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunsOn {
    pub labels: Vec<String>,
    pub group: Option<String>,
}

/// Judges what can be judged before evaluation.
pub(super) fn check(converter: &mut Converter<'_>, token: &Token) {
    let Some(group) = token.get("group") else {
        return;
    };
    if let Some(Err(message)) = group.as_str().map(judge_group) {
        converter.error(group.span, "runs-on-group", message, "");
    }
}

fn judge_group(name: &str) -> Result<(), String> {
    let invalid = format!("Invalid runs-on group name '{name}'.");
    let advice = format!(
        "{invalid} Please use 'organization/' or 'enterprise/' prefix to target a single runner group."
    );
    match name.split('/').collect::<Vec<_>>().as_slice() {
        [_, ""] => Err(invalid),
        [_] | ["org" | "organization" | "ent" | "enterprise", _] => Ok(()),
        _ => Err(advice),
    }
}

impl Evaluator<'_> {
    /// The labels and the group of one leg.
    pub fn runs_on(&self, token: &Token) -> Result<RunsOn, EvalError> {
        let token = self.expand(token)?;
        let mut runs_on = RunsOn::default();
        match &token.kind {
            TokenKind::Mapping(pairs) => {
                for (key, value) in pairs {
                    match key.as_str() {
                        Some("group") => {
                            let group = self.literal_text(value)?;
                            judge_group(&group)
                                .map_err(|message| self.fault(value.span, message))?;
                            runs_on.group = Some(group);
                        }
                        Some("labels") => runs_on.labels = self.labels(value)?,
                        _ => return Err(self.unexpected(key)),
                    }
                }
            }
            _ => runs_on.labels = self.labels(&token)?,
        }
        Ok(runs_on)
    }

    fn labels(&self, token: &Token) -> Result<Vec<String>, EvalError> {
        let label = |token: &Token| match self.literal_text(token) {
            Ok(text) if text.is_empty() => Err(self.unexpected(token)),
            other => other,
        };
        match &token.kind {
            TokenKind::Sequence(items) => items.iter().map(label).collect(),
            _ => Ok(vec![label(token)?]),
        }
    }
}
