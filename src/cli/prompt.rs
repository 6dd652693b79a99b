//! Asks a person for what is missing: secrets hidden, inputs by their type.

use std::io;
use std::process::{Command, Stdio};

use super::environment::Environment;
use super::error::CliError;
use super::settings::{Pending, PendingKind, Secret, Settings};
use super::values::{Input, InputSource};

/// Someone who can be asked.
pub trait Ask {
    /// Asks for a text without showing it.
    fn hidden(&mut self, question: &str) -> io::Result<String>;
    /// Asks for a line of text.
    fn line(&mut self, question: &str) -> io::Result<String>;
    /// Asks for one of several texts.
    fn choose(&mut self, question: &str, choices: &[String]) -> io::Result<usize>;
}

/// The person at the terminal; questions go to stderr.
#[derive(Debug)]
pub struct Terminal;

impl Ask for Terminal {
    fn hidden(&mut self, question: &str) -> io::Result<String> {
        dialoguer::Password::new()
            .with_prompt(question)
            .allow_empty_password(true)
            .interact()
            .map_err(io::Error::other)
    }

    fn line(&mut self, question: &str) -> io::Result<String> {
        dialoguer::Input::new()
            .with_prompt(question)
            .allow_empty(true)
            .interact_text()
            .map_err(io::Error::other)
    }

    fn choose(&mut self, question: &str, choices: &[String]) -> io::Result<usize> {
        dialoguer::Select::new()
            .with_prompt(question)
            .items(choices)
            .default(0)
            .interact()
            .map_err(io::Error::other)
    }
}

/// Fills in the secrets and variables that are named without a value; called when a job is about to run.
pub fn fill_in(
    settings: &mut Settings,
    environment: &Environment,
    ask: &mut dyn Ask,
) -> Result<(), CliError> {
    let pending = std::mem::take(&mut settings.pending);
    if !pending.is_empty() && !settings.can_ask {
        return Err(nobody_to_ask(&pending));
    }
    for Pending { name, kind } in pending {
        match kind {
            PendingKind::Secret => {
                let value = ask
                    .hidden(&format!("Secret {name}"))
                    .map_err(|error| no_answer(&error))?;
                settings.secrets.insert(name, Secret::new(value));
            }
            PendingKind::Variable => {
                let value = ask
                    .line(&format!("Variable {name}"))
                    .map_err(|error| no_answer(&error))?;
                settings.vars.insert(name, value);
            }
        }
    }
    take_token(settings, environment)
}

/// Gets `GITHUB_TOKEN` from `gh`, where the user wants that and gave none.
pub fn take_token(settings: &mut Settings, environment: &Environment) -> Result<(), CliError> {
    if settings.token_from_gh && !settings.secrets.contains_key("GITHUB_TOKEN") {
        let token = gh_token(environment)?;
        settings
            .secrets
            .insert("GITHUB_TOKEN".to_owned(), Secret::new(token));
    }
    Ok(())
}

fn nobody_to_ask(pending: &[Pending]) -> CliError {
    let mut error = CliError::new("values are missing, and there is no terminal to ask for them");
    for kind in [PendingKind::Secret, PendingKind::Variable] {
        let names = pending.iter().filter(|pending| pending.kind == kind);
        let names: Vec<&str> = names.map(|pending| pending.name.as_str()).collect();
        let what = match kind {
            PendingKind::Secret => "secrets",
            PendingKind::Variable => "variables",
        };
        if !names.is_empty() {
            error = error.hint(format!("{what}: {}", names.join(", ")));
        }
    }
    error.hint("set environment variables of these names, or a file: `--secret-file`, `--var-file`")
}

fn no_answer(error: &io::Error) -> CliError {
    CliError::new(format!("no answer: {error}"))
}

/// What `gh auth token` says.
fn gh_token(environment: &Environment) -> Result<String, CliError> {
    let wrong = |why: String| {
        CliError::new(format!("`gh auth token` gives no token: {why}"))
            .hint("log in by `gh auth login`, or leave out `--github-token`")
    };
    let mut command = Command::new("gh");
    command.args(["auth", "token"]).stdin(Stdio::null());
    if let Some(path) = environment.get("PATH") {
        command.env("PATH", path);
    }
    let output = command.output().map_err(|error| wrong(error.to_string()))?;
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !token.is_empty() {
        Ok(token)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(wrong(said.lines().next().unwrap_or("no output").to_owned()))
    }
}

/// An input that a workflow requires and nobody gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub name: String,
    pub description: Option<String>,
    /// What the answer may be; empty: any text.
    pub choices: Vec<String>,
}

/// Fills in required inputs, or names all that are missing.
pub fn ask_inputs(
    settings: &mut Settings,
    questions: &[Question],
    ask: &mut dyn Ask,
) -> Result<(), CliError> {
    let is_given = |name: &str| {
        settings
            .inputs
            .keys()
            .any(|key| key.eq_ignore_ascii_case(name))
    };
    let missing: Vec<&Question> = questions.iter().filter(|q| !is_given(&q.name)).collect();
    if !missing.is_empty() && !settings.can_ask {
        let names: Vec<&str> = missing
            .iter()
            .map(|question| question.name.as_str())
            .collect();
        let example: Vec<String> = missing
            .iter()
            .map(|q| format!("--input {}=…", q.name))
            .collect();
        return Err(
            CliError::new(format!("required inputs are missing: {}", names.join(", ")))
                .hint(format!("give them by `{}`", example.join(" "))),
        );
    }
    for question in missing {
        let text = match &question.description {
            Some(description) => format!("{} ({description})", question.name),
            None => question.name.clone(),
        };
        let value = if question.choices.is_empty() {
            ask.line(&text).map_err(|error| no_answer(&error))?
        } else {
            let chosen = ask
                .choose(&text, &question.choices)
                .map_err(|error| no_answer(&error))?;
            question.choices.get(chosen).cloned().unwrap_or_default()
        };
        let source = InputSource::CommandLine;
        settings
            .inputs
            .insert(question.name.clone(), Input { value, source });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Says(&'static str);

    impl Ask for Says {
        fn hidden(&mut self, _: &str) -> io::Result<String> {
            Ok(self.0.to_owned())
        }

        fn line(&mut self, _: &str) -> io::Result<String> {
            Ok(self.0.to_owned())
        }

        fn choose(&mut self, _: &str, choices: &[String]) -> io::Result<usize> {
            Ok(choices.len() - 1)
        }
    }

    fn pending() -> Settings {
        Settings {
            pending: vec![
                Pending {
                    name: "TOKEN".into(),
                    kind: PendingKind::Secret,
                },
                Pending {
                    name: "KEY".into(),
                    kind: PendingKind::Secret,
                },
                Pending {
                    name: "stage".into(),
                    kind: PendingKind::Variable,
                },
            ],
            ..Settings::default()
        }
    }

    #[test]
    fn all_that_is_missing_is_named_where_nobody_can_be_asked() {
        let error = fill_in(&mut pending(), &Environment::default(), &mut Says("x")).unwrap_err();
        assert!(
            error.hints.contains(&"secrets: TOKEN, KEY".to_owned()),
            "{error}"
        );
        assert!(
            error.hints.contains(&"variables: stage".to_owned()),
            "{error}"
        );
    }

    #[test]
    fn answers_become_values() {
        let mut settings = Settings {
            can_ask: true,
            ..pending()
        };
        fill_in(&mut settings, &Environment::default(), &mut Says("x")).unwrap();
        assert_eq!(settings.secrets["TOKEN"].expose(), "x");
        assert_eq!(settings.vars["stage"], "x");
        assert!(settings.pending.is_empty());
        assert!(!format!("{settings:?}").contains("\"TOKEN\": \"x\""));
    }

    #[test]
    fn required_inputs_are_asked_for_or_named() {
        let question = |name: &str, choices: &[&str]| Question {
            name: name.to_owned(),
            description: None,
            choices: choices.iter().map(|&c| c.to_owned()).collect(),
        };
        let questions = [question("a", &[]), question("b", &["one", "two"])];
        let error = ask_inputs(&mut Settings::default(), &questions, &mut Says("x")).unwrap_err();
        assert_eq!(error.message, "required inputs are missing: a, b");
        let mut settings = Settings {
            can_ask: true,
            ..Settings::default()
        };
        ask_inputs(&mut settings, &questions, &mut Says("x")).unwrap();
        assert_eq!(settings.inputs["a"].value, "x");
        assert_eq!(settings.inputs["b"].value, "two");
    }
}
