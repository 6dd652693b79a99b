//! The inputs of dispatched and called workflows: declared, given, checked, typed (SPEC W-62, W-63, U-3).

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use crate::expr::{Object, Value, parse_number};
use crate::workflow::suggest::nearest;
use crate::workflow::{Input, InputType, Token, TokenKind, Workflow};

/// Longest payload of inputs, in characters (SPEC W-62).
const MAX_PAYLOAD: usize = 65_535;

/// What the user gave; later sources win.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// `inputs` of the file of `-e`.
    pub payload: Option<&'a Map<String, Json>>,
    /// From `.input` or `--input-file`: names that are not declared are skipped.
    pub file: &'a [(String, String)],
    /// `--input`.
    pub typed: &'a [(String, String)],
}

/// What a workflow sees.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// The `inputs` context; an object, empty for an event without inputs.
    pub context: Object,
    /// `github.event.inputs`: texts.
    pub event: Map<String, Json>,
}

/// Why inputs are refused; exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    #[error("event '{event}' has no inputs, but --input {name} is given")]
    EventWithoutInputs { event: String, name: String },
    #[error(
        "no workflow that runs declares the input '{name}'{}; declared: {}",
        near.as_ref().map(|near| format!(" (did you mean '{near}'?)")).unwrap_or_default(),
        if declared.is_empty() { "none".to_owned() } else { declared.join(", ") }
    )]
    Undeclared {
        name: String,
        near: Option<String>,
        declared: Vec<String>,
    },
    #[error("Invalid input, {name} is not defined in the referenced workflow.")]
    NotInCalled { name: String, near: Option<String> },
    #[error("Input {name} is required, but not provided while calling.")]
    MissingInCall { name: String },
    #[error("{file}: input '{name}' is required{}", description(about.as_deref()))]
    Missing {
        file: String,
        name: String,
        about: Option<String>,
    },
    #[error("{file}: input '{name}' can not be '{given}': {accepted}")]
    Wrong {
        file: String,
        name: String,
        given: String,
        accepted: String,
    },
    #[error("{file}: the inputs have {length} characters, GitHub takes at most {MAX_PAYLOAD}")]
    TooLong { file: String, length: usize },
    #[error("{file}: the default of input '{name}': {reason}")]
    Default {
        file: String,
        name: String,
        reason: String,
    },
}

impl InputError {
    /// What to type.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Missing { name, .. } => Some(format!("give it: --input {name}=VALUE")),
            Self::EventWithoutInputs { .. } => {
                Some("inputs belong to workflow_dispatch and workflow_call".into())
            }
            Self::NotInCalled {
                near: Some(near), ..
            } => Some(format!("did you mean '{near}'?")),
            _ => None,
        }
    }
}

fn description(about: Option<&str>) -> String {
    about.map(|about| format!(" ({about})")).unwrap_or_default()
}

/// Evaluates the default of a called workflow's input; the error is a message.
pub type Evaluate<'a> = &'a dyn Fn(&Token) -> Result<Value, String>;

fn has_inputs(event: &str) -> bool {
    matches!(event, "workflow_dispatch" | "workflow_call")
}

/// The declared inputs of a workflow for an event.
pub fn declared<'a>(workflow: &'a Workflow, event: &str) -> Option<&'a IndexMap<String, Input>> {
    let trigger = workflow
        .on
        .events
        .get(event)
        .filter(|_| has_inputs(event))?;
    Some(&trigger.inputs)
}

fn find<'a>(inputs: &'a IndexMap<String, Input>, name: &str) -> Option<(&'a str, &'a Input)> {
    inputs
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(key, input)| (key.as_str(), input))
}

/// Refuses an `--input` that none of the workflows about to run declares.
pub fn check_declared(
    workflows: &[&Workflow],
    event: &str,
    typed: &[(String, String)],
) -> Result<(), InputError> {
    let Some((first, _)) = typed.first() else {
        return Ok(());
    };
    if !has_inputs(event) {
        return Err(InputError::EventWithoutInputs {
            event: event.to_owned(),
            name: first.clone(),
        });
    }
    let known: BTreeSet<&str> = workflows
        .iter()
        .filter_map(|workflow| declared(workflow, event))
        .flat_map(|inputs| inputs.keys().map(String::as_str))
        .collect();
    let unknown = typed
        .iter()
        .find(|(name, _)| !known.iter().any(|key| key.eq_ignore_ascii_case(name)));
    match unknown {
        None => Ok(()),
        Some((name, _)) => Err(InputError::Undeclared {
            name: name.clone(),
            near: nearest(name, known.iter().copied()).map(str::to_owned),
            declared: known.into_iter().map(str::to_owned).collect(),
        }),
    }
}

/// The required inputs that have neither a value nor a default, for a door that can ask.
pub fn missing_required<'a>(
    workflow: &'a Workflow,
    event: &str,
    given: &Given<'_>,
) -> Vec<(&'a str, &'a Input)> {
    declared(workflow, event)
        .into_iter()
        .flatten()
        .filter(|(name, input)| is_missing(name, input, given))
        .map(|(name, input)| (name.as_str(), input))
        .collect()
}

fn is_missing(name: &str, input: &Input, given: &Given<'_>) -> bool {
    input.required
        && match given.text(name) {
            Some(text) => text.is_empty(),
            None => input.default.is_none(),
        }
}

impl Given<'_> {
    /// The value as a text, as the event carries it.
    fn text(&self, name: &str) -> Option<String> {
        let last = |list: &[(String, String)]| {
            list.iter()
                .rfind(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone())
        };
        last(self.typed).or_else(|| last(self.file)).or_else(|| {
            let mut entries = self.payload?.iter();
            let (_, value) = entries.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
            Some(match value {
                Json::String(text) => text.clone(),
                Json::Null => String::new(),
                other => other.to_string(),
            })
        })
    }
}

/// Makes the inputs of one workflow; all errors at once.
pub fn resolve(
    workflow: &Workflow,
    event: &str,
    given: &Given<'_>,
    evaluate: Evaluate<'_>,
) -> Result<Inputs, Vec<InputError>> {
    let file = &workflow.source.path;
    let mut inputs = Inputs::default();
    let mut errors = Vec::new();
    // Unknown keys of the payload pass.
    if event == "workflow_dispatch"
        && let Some(payload) = given.payload
    {
        inputs.event.clone_from(payload);
    }
    let mut length = 0;
    for (name, input) in declared(workflow, event).into_iter().flatten() {
        match one(file, name, input, given, evaluate) {
            Ok((value, text)) => {
                length += text.chars().count();
                inputs.context.insert(name.as_str(), value);
                if event == "workflow_dispatch" {
                    inputs
                        .event
                        .retain(|key, _| !key.eq_ignore_ascii_case(name));
                    inputs.event.insert(name.clone(), text.into());
                }
            }
            Err(error) => errors.push(error),
        }
    }
    if length > MAX_PAYLOAD {
        errors.push(InputError::TooLong {
            file: file.clone(),
            length,
        });
    }
    if errors.is_empty() {
        Ok(inputs)
    } else {
        Err(errors)
    }
}

/// One input: typed, and as the event has it.
fn one(
    file: &str,
    name: &str,
    input: &Input,
    given: &Given<'_>,
    evaluate: Evaluate<'_>,
) -> Result<(Value, String), InputError> {
    if is_missing(name, input, given) {
        return Err(InputError::Missing {
            file: file.to_owned(),
            name: name.to_owned(),
            about: input.description.clone(),
        });
    }
    if let Some(text) = given.text(name) {
        return match read(input, &text) {
            Ok(value) => Ok((value, text)),
            Err(accepted) => Err(InputError::Wrong {
                file: file.to_owned(),
                name: name.to_owned(),
                given: text,
                accepted,
            }),
        };
    }
    let Some(default) = &input.default else {
        return Ok(nothing(input.kind));
    };
    let text = evaluate_default(default, evaluate).map_err(|reason| InputError::Default {
        file: file.to_owned(),
        name: name.to_owned(),
        reason,
    })?;
    let text = text.to_text();
    // What is wrong under `on` has been said by the reader and counts as absent (SPEC W-50).
    Ok(read(input, &text).map_or_else(|_| nothing(input.kind), |value| (value, text.to_string())))
}

fn evaluate_default(token: &Token, evaluate: Evaluate<'_>) -> Result<Value, String> {
    Ok(match &token.kind {
        TokenKind::Null => Value::Null,
        TokenKind::Bool(b) => Value::Bool(*b),
        TokenKind::Number(n) => Value::Number(*n),
        TokenKind::String(text) => Value::string(text.as_str()),
        _ => evaluate(token)?,
    })
}

/// The value of an input that nobody gives.
fn nothing(kind: InputType) -> (Value, String) {
    match kind {
        InputType::Boolean => (Value::Bool(false), "false".into()),
        InputType::Number => (Value::Number(0.0), String::new()),
        _ => (Value::string(""), String::new()),
    }
}

/// Reads a text as the declared type; the error says what is accepted.
fn read(input: &Input, text: &str) -> Result<Value, String> {
    match input.kind {
        InputType::Boolean => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err("it is true or false".into()),
        },
        InputType::Number => {
            let number = parse_number(text);
            if number.is_nan() {
                Err("it is a number".into())
            } else {
                Ok(Value::Number(number))
            }
        }
        InputType::Choice if !input.options.iter().any(|option| option == text) => {
            // The first option is preselected only where there is a form; nothing is nothing here.
            if text.is_empty() && !input.required {
                Ok(Value::string(""))
            } else {
                Err(format!("it is one of {}", input.options.join(", ")))
            }
        }
        _ => Ok(Value::string(text)),
    }
}

/// Makes the inputs of a called workflow from the caller's evaluated `with` (SPEC U-3).
pub fn called(
    file: &str,
    definitions: &IndexMap<String, Input>,
    with: &Value,
    evaluate: Evaluate<'_>,
) -> Result<Object, Vec<InputError>> {
    let empty = Object::new();
    let with = with.as_object().unwrap_or(&empty);
    let mut errors: Vec<InputError> = with
        .iter()
        .filter(|(name, _)| find(definitions, name).is_none())
        .map(|(name, _)| InputError::NotInCalled {
            name: name.to_owned(),
            near: nearest(name, definitions.keys().map(String::as_str)).map(str::to_owned),
        })
        .collect();
    let mut inputs = Object::new();
    for (name, input) in definitions {
        let result = match with.get(name) {
            Some(value) => convert(file, name, input, value),
            None if input.required => Err(InputError::MissingInCall { name: name.clone() }),
            None => called_default(file, name, input, evaluate),
        };
        match result {
            Ok(value) => inputs.insert(name.as_str(), value),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(inputs)
    } else {
        Err(errors)
    }
}

fn called_default(
    file: &str,
    name: &str,
    input: &Input,
    evaluate: Evaluate<'_>,
) -> Result<Value, InputError> {
    let Some(default) = &input.default else {
        return Ok(nothing(input.kind).0);
    };
    let value = evaluate_default(default, evaluate).map_err(|reason| InputError::Default {
        file: file.to_owned(),
        name: name.to_owned(),
        reason,
    })?;
    convert(file, name, input, &value)
}

/// A text is neither a boolean nor a number here; a scalar is a text (SPEC W-21).
fn convert(file: &str, name: &str, input: &Input, value: &Value) -> Result<Value, InputError> {
    let accepted = match (input.kind, value) {
        (InputType::Boolean, Value::Bool(_)) | (InputType::Number, Value::Number(_)) => {
            return Ok(value.clone());
        }
        (InputType::Boolean, _) => "it is a boolean",
        (InputType::Number, _) => "it is a number",
        (_, scalar) if scalar.is_primitive() => return Ok(Value::String(scalar.to_text())),
        _ => "it is a text",
    };
    Err(InputError::Wrong {
        file: file.to_owned(),
        name: name.to_owned(),
        given: value.to_text().to_string(),
        accepted: match value {
            Value::String(_) => format!("{accepted}, not a text (fromJSON makes one of a text)"),
            _ => accepted.to_owned(),
        },
    })
}

#[cfg(test)]
mod tests;
