//! `on` → [`Triggers`] (SPEC 1.5). What does not fit has been warned about and is left out.

use indexmap::IndexMap;

use super::converter::{Converter, pair, spanned, texts};
use super::cron::Cron;
use super::event_definitions::EVENTS;
use super::model::{
    Input, InputType, OutputDefinition, Schedule, SecretDefinition, Spanned, Trigger, Triggers,
};
use super::token::{Token, TokenKind};
use crate::diagnostic::Span;

/// Inputs of a `workflow_dispatch`.
const MAX_INPUTS: usize = 25;

pub(super) fn read(converter: &mut Converter<'_>, on: &Token) -> Triggers {
    let mut triggers = Triggers {
        events: IndexMap::new(),
        span: on.span,
    };
    let plain = |token: &Token| Trigger {
        span: token.span,
        ..Trigger::default()
    };
    let known = |name: &&str| EVENTS.contains(name);
    match &on.kind {
        TokenKind::Sequence(items) => {
            for item in items {
                if let Some(name) = item.as_str().filter(known) {
                    triggers.events.insert(name.to_owned(), plain(item));
                }
            }
        }
        TokenKind::Mapping(pairs) => {
            for (key, value) in pairs {
                if let Some(name) = key.as_str().filter(known) {
                    let trigger = event(converter, name, key.span, value);
                    triggers.events.insert(name.to_owned(), trigger);
                }
            }
        }
        _ => {
            if let Some(name) = on.as_str().filter(known) {
                triggers.events.insert(name.to_owned(), plain(on));
            }
        }
    }
    triggers
}

fn event(converter: &mut Converter<'_>, name: &str, span: Span, value: &Token) -> Trigger {
    let list = |key: &str| {
        let texts = texts(value.get(key)?);
        let texts: Vec<_> = texts
            .into_iter()
            .filter(|text| !text.value.is_empty())
            .collect();
        (!texts.is_empty()).then_some(texts)
    };
    let filtered = |key: &str, events: &[&str]| list(key).filter(|_| events.contains(&name));
    let pull_requests = ["pull_request", "pull_request_target", "push"];
    let branches = [
        "push",
        "pull_request",
        "pull_request_target",
        "workflow_run",
        "merge_group",
    ];
    for key in ["branches", "tags", "paths"] {
        exclusive(converter, value, key);
    }
    if name == "workflow_dispatch" {
        few_inputs(converter, value);
    }
    let dispatched = matches!(name, "workflow_dispatch" | "workflow_call");
    Trigger {
        span,
        config: Some(value.clone()),
        types: list("types"),
        branches: filtered("branches", &branches),
        branches_ignore: filtered("branches-ignore", &branches),
        tags: filtered("tags", &["push"]),
        tags_ignore: filtered("tags-ignore", &["push"]),
        paths: filtered("paths", &pull_requests),
        paths_ignore: filtered("paths-ignore", &pull_requests),
        workflows: filtered("workflows", &["workflow_run"]),
        schedules: if name == "schedule" {
            schedules(converter, value)
        } else {
            Vec::new()
        },
        inputs: match value.get("inputs").filter(|_| dispatched) {
            Some(inputs) => inputs_of(converter, inputs, name == "workflow_dispatch"),
            None => IndexMap::new(),
        },
        secrets: named(value.get("secrets"), |span, token| SecretDefinition {
            span,
            description: text(token, "description"),
            required: flag(token, "required"),
        }),
        outputs: named(value.get("outputs"), |span, token| OutputDefinition {
            span,
            description: text(token, "description"),
            value: token.get("value").cloned().unwrap_or_else(|| token.clone()),
        }),
    }
}

/// `X` and `X-ignore` exclude each other (SPEC W-53).
fn exclusive(converter: &mut Converter<'_>, config: &Token, key: &str) {
    let ignore = format!("{key}-ignore");
    let (Some((first, _)), Some((second, _))) = (pair(config, key), pair(config, &ignore)) else {
        return;
    };
    let later = if first.span.start > second.span.start {
        first
    } else {
        second
    };
    let message = format!("you may only define one of `{key}` and `{ignore}`");
    let help = format!("use `{key}` alone and exclude with `!` patterns");
    converter.error(later.span, "exclusive-filters", message, &help);
}

/// GitHub refuses a dispatch with more inputs (SPEC W-62).
fn few_inputs(converter: &mut Converter<'_>, config: &Token) {
    let Some((key, inputs)) = pair(config, "inputs") else {
        return;
    };
    if inputs.pairs().len() > MAX_INPUTS {
        let message = format!(
            "you may only define up to {MAX_INPUTS} `inputs` for a `workflow_dispatch` event"
        );
        let help = "several values can be one input that holds JSON, read by fromJSON";
        converter.error(key.span, "too-many-inputs", message, help);
    }
}

fn schedules(converter: &mut Converter<'_>, value: &Token) -> Vec<Schedule> {
    let mut schedules = Vec::new();
    for item in value.items() {
        let Some(cron) = item.get("cron").and_then(spanned) else {
            continue;
        };
        let cron = Spanned {
            value: cron.value.trim().to_owned(),
            span: cron.span,
        };
        match cron.value.parse::<Cron>() {
            Ok(parsed) => {
                if parsed.shortest_interval() < 5 {
                    converter.warning(
                        cron.span,
                        "cron-interval",
                        "Actions schedules run at most every 5 minutes",
                        "",
                    );
                }
                schedules.push(Schedule {
                    cron,
                    timezone: item.get("timezone").and_then(spanned),
                });
            }
            Err(error) => {
                let message = format!("Invalid cron expression '{}': {error}", cron.value);
                converter.warning(
                    cron.span,
                    "cron",
                    message,
                    "five fields: minute hour day month weekday",
                );
            }
        }
    }
    schedules
}

fn inputs_of(
    converter: &mut Converter<'_>,
    inputs: &Token,
    dispatch: bool,
) -> IndexMap<String, Input> {
    let map = named(Some(inputs), |span, token| Input {
        span,
        description: text(token, "description"),
        kind: match token.get("type").and_then(Token::as_str) {
            Some("boolean") => InputType::Boolean,
            Some("number") => InputType::Number,
            Some("choice") => InputType::Choice,
            Some("environment") => InputType::Environment,
            _ => InputType::String,
        },
        required: flag(token, "required"),
        default: token
            .get("default")
            .filter(|default| !default.is_null())
            .cloned(),
        options: token
            .get("options")
            .map(|options| {
                texts(options)
                    .into_iter()
                    .map(|option| option.value)
                    .collect()
            })
            .unwrap_or_default(),
        deprecation: text(token, "deprecationMessage"),
    });
    for input in map
        .values()
        .filter(|input| dispatch && input.kind == InputType::Choice)
    {
        if input.options.is_empty() {
            converter.warning(
                input.span,
                "choice-options",
                "An input of type `choice` needs `options`",
                "list what can be chosen",
            );
        }
    }
    map
}

fn named<T>(token: Option<&Token>, make: impl Fn(Span, &Token) -> T) -> IndexMap<String, T> {
    let pairs = token.map(Token::pairs).unwrap_or_default().iter();
    pairs
        .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), make(key.span, value))))
        .collect()
}

fn text(token: &Token, key: &str) -> Option<String> {
    token.get(key)?.as_str().map(str::to_owned)
}

fn flag(token: &Token, key: &str) -> bool {
    token.get(key).and_then(Token::as_bool).unwrap_or_default()
}
