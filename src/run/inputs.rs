//! The inputs of an action: what `with` gives, what the action declares (SPEC 6.6).

use indexmap::IndexMap;

use super::composite::Frame;
use super::job::Job;
use super::step::Prepared;
use super::uses::Resolved;
use crate::action::Runs;
use crate::event::{EventKind, Level, StepKey};
use crate::workflow::Token;
use crate::workflow::evaluate::{EvalError, Evaluator};

impl Job {
    /// Evaluates `with`.
    pub fn given_inputs(
        &self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        with: Option<&Token>,
    ) -> Result<IndexMap<String, String>, EvalError> {
        let contexts = self.contexts_inside(&prepared.contexts);
        with.map(|with| self.evaluator_of(frame, &contexts).string_map(with))
            .transpose()
            .map(Option::unwrap_or_default)
    }

    /// All inputs of an action: the given ones, then declared defaults (SPEC ).
    pub fn inputs(
        &self,
        action: &Resolved,
        prepared: &Prepared<'_>,
        given: IndexMap<String, String>,
    ) -> Result<IndexMap<String, String>, EvalError> {
        let key = Some(&prepared.key);
        let evaluator = Evaluator {
            context: &prepared.contexts,
            source: &action.source,
        };
        let declared = &action.manifest.inputs;
        self.warn_of_unexpected(action, &given, key);
        let mut inputs = IndexMap::new();
        for (name, input) in declared {
            let value = given
                .iter()
                .find(|(given, _)| given.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone());
            let value = match (value, &input.default) {
                (Some(value), _) => {
                    if let Some(message) = &input.deprecation {
                        self.say(
                            key,
                            Level::Warning,
                            &format!("Input '{name}' has been deprecated with message: {message}"),
                        );
                    }
                    value
                }
                (None, Some(default)) => evaluator.string(default)?,
                (None, None) => String::new(),
            };
            inputs.insert(name.clone(), value);
        }
        for (name, value) in given {
            if !declared
                .keys()
                .any(|known| known.eq_ignore_ascii_case(&name))
            {
                inputs.insert(name, value);
            }
        }
        Ok(inputs)
    }

    fn warn_of_unexpected(
        &self,
        action: &Resolved,
        given: &IndexMap<String, String>,
        key: Option<&StepKey>,
    ) {
        let declared = &action.manifest.inputs;
        // SPEC A-32
        let always: &[&str] = match action.manifest.runs {
            Runs::Docker(_) => &["entryPoint", "args"],
            _ => &[],
        };
        let quoted = |names: Vec<&str>| {
            names
                .iter()
                .map(|name| format!("'{name}'"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let known: Vec<&str> = declared
            .keys()
            .map(String::as_str)
            .chain(always.iter().copied())
            .collect();
        let unexpected: Vec<&str> = given
            .keys()
            .map(String::as_str)
            .filter(|name| !known.iter().any(|known| known.eq_ignore_ascii_case(name)))
            .collect();
        if !unexpected.is_empty() {
            let message = format!(
                "Unexpected input(s) {}, valid inputs are [{}]",
                quoted(unexpected),
                quoted(known)
            );
            self.say(key, Level::Warning, &message);
        }
    }

    pub fn describe_action(&self, prepared: &Prepared<'_>, given: &IndexMap<String, String>) {
        let with = given
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.clone(), self.masker.mask(value).into_owned()))
            .collect();
        self.emit(
            Some(&prepared.key),
            EventKind::StepDetails {
                script: None,
                shell: None,
                with,
                env: self.masked_env(prepared),
            },
        );
    }
}

/// `INPUT_*` (SPEC A-30).
pub(super) fn input_variables(inputs: &IndexMap<String, String>) -> Vec<(String, String)> {
    inputs
        .iter()
        .map(|(name, value)| {
            (
                format!("INPUT_{}", name.to_uppercase().replace(' ', "_")),
                value.clone(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_variables_keep_hyphens_and_dots() {
        // SPEC A-30
        let inputs = IndexMap::from([("My input-a.b".to_owned(), "v".to_owned())]);
        assert_eq!(
            input_variables(&inputs),
            [("INPUT_MY_INPUT-A.B".to_owned(), "v".to_owned())]
        );
    }
}
