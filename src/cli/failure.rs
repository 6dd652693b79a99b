//! How a wish that cannot be met is told on stdout: in the form that was asked for (DESIGN 7).

use std::ffi::OsString;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::check::{self, CheckFormat};
use super::command::{self, CommandKind};
use super::environment::Environment;
use super::error::CliError;
use super::flags;
use super::settings::{Format, Settings};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, EventKind, VERSION};
use crate::report::Colors;

/// What stdout was to carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text for people: an error is told on stderr alone.
    Text,
    /// The event stream of a run.
    Stream,
    /// The diagnostics of `lrun check`.
    Check(CheckFormat),
    /// The answer of `lrun eval`.
    Eval,
    /// The document of another command.
    Document,
}

impl Form {
    /// Of a command whose settings are read.
    pub fn of(command: CommandKind, settings: &Settings) -> Self {
        Self::by(command, settings.json, settings.format)
    }

    /// Of arguments that could not be read, as far as their words tell.
    pub fn guess(args: &[OsString], environment: &Environment) -> Self {
        let words: Vec<&str> = args
            .iter()
            .filter_map(|arg| arg.to_str())
            .take_while(|word| *word != "--")
            .collect();
        let last = words.iter().rev().find_map(|word| match *word {
            "--json" => Some(true),
            _ => flags::boolean(word.strip_prefix("--json=")?),
        });
        let variable = || flags::boolean(environment.filled("LRUN_JSON")?);
        let json = last.or_else(variable).unwrap_or(false);
        let attached = words.iter().find_map(|word| word.strip_prefix("--format="));
        let apart = words.iter().position(|word| *word == "--format");
        let format = attached.or_else(|| words.get(apart? + 1).copied());
        let named = words.iter().find_map(|word| match *word {
            "-l" | "--list" => Some(CommandKind::List),
            "-n" | "--dryrun" => Some(CommandKind::Plan),
            "-g" | "--graph" => Some(CommandKind::Graph),
            "--validate" => Some(CommandKind::Check),
            word => command::find(word).map(|command| command.kind),
        });
        Self::by(
            named.unwrap_or_default(),
            json,
            match format {
                Some("json") => Format::Json,
                Some("sarif") => Format::Sarif,
                Some("github") => Format::Github,
                _ => Format::Text,
            },
        )
    }

    fn by(command: CommandKind, json: bool, format: Format) -> Self {
        let json = json || format == Format::Json;
        match command {
            CommandKind::Run if json => Self::Stream,
            CommandKind::Eval if json => Self::Eval,
            CommandKind::List | CommandKind::Plan | CommandKind::Graph if json => Self::Document,
            CommandKind::Check => match format {
                Format::Sarif => Self::Check(CheckFormat::Sarif),
                Format::Github => Self::Check(CheckFormat::Github),
                _ if json => Self::Check(CheckFormat::Json),
                _ => Self::Text,
            },
            _ => Self::Text,
        }
    }

    /// What stdout says of an error.
    pub fn render(self, error: &CliError) -> String {
        match self {
            Self::Text => String::new(),
            Self::Stream => {
                let refused = Event {
                    seq: 1,
                    version: Some(VERSION),
                    time: Timestamp::now(),
                    run: "".into(),
                    job: None,
                    step: None,
                    kind: EventKind::RunRefused {
                        message: error.message.clone(),
                        help: error.hints.clone(),
                        diagnostics: check::entries(&error.diagnostics),
                        exit_code: super::WRONG,
                    },
                };
                line(&json!(refused))
            }
            Self::Check(format) => {
                let mut alone = Diagnostic::error("arguments", error.message.clone());
                alone.help.clone_from(&error.hints);
                check::render(&[alone], format, Colors::Off)
            }
            Self::Eval => line(&json!({"error": {"stage": "arguments", "message": error.message}})),
            Self::Document => {
                let mut document =
                    json!({"error": {"message": error.message, "help": error.hints}});
                if !error.diagnostics.is_empty() {
                    document["error"]["diagnostics"] = check::entries(&error.diagnostics).into();
                }
                format!("{document:#}\n")
            }
        }
    }
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(args: &[&str]) -> Form {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        Form::guess(&args, &Environment::default())
    }

    #[test]
    fn arguments_that_can_not_be_read_still_tell_the_form() {
        assert_eq!(guess(&["--json", "--nope"]), Form::Stream);
        assert_eq!(guess(&["--json", "--json=false", "--nope"]), Form::Text);
        assert_eq!(guess(&["list", "--json", "--nope"]), Form::Document);
        assert_eq!(guess(&["-n", "--json", "--nope"]), Form::Document);
        assert_eq!(guess(&["eval", "--nope", "--json"]), Form::Eval);
        let check = Form::Check(CheckFormat::Sarif);
        assert_eq!(guess(&["check", "--format", "sarif", "--nope"]), check);
        assert_eq!(guess(&["check", "--format=sarif", "--nope"]), check);
        assert_eq!(guess(&["--nope", "--", "--json"]), Form::Text);
    }

    #[test]
    fn an_error_has_the_form_of_its_command() {
        let error = CliError::new("wrong").hint("right");
        assert_eq!(Form::Text.render(&error), "");
        let event: Value = serde_json::from_str(&Form::Stream.render(&error)).unwrap();
        assert_eq!(event["version"], 1);
        assert_eq!(event["kind"], "run.refused");
        assert_eq!(event["message"], "wrong");
        assert_eq!(event["help"], json!(["right"]));
        assert_eq!(event["exit_code"], 2);
        let document: Value = serde_json::from_str(&Form::Document.render(&error)).unwrap();
        assert_eq!(
            document,
            json!({"error": {"message": "wrong", "help": ["right"]}})
        );
        assert_eq!(
            Form::Eval.render(&error),
            "{\"error\":{\"stage\":\"arguments\",\"message\":\"wrong\"}}\n"
        );
        let list = Form::Check(CheckFormat::Json).render(&error);
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!(list[0]["severity"], "error");
        assert_eq!(list[0]["message"], "wrong");
    }
}
