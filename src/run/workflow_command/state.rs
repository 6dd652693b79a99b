//! What the commands of a job have switched, and what a line means under it.

use std::borrow::Cow;

use super::annotation::{annotation, plain, warning};
use super::parse::{COMMANDS, STOP_COMMANDS, WorkflowCommand, parse_with, same};
use super::{Effect, LineOutcome};
use crate::event::Level;

const BAD_STOP_TOKEN: &str = "You cannot use a endToken that is an empty string, the string 'pause-logging', or another workflow command. For more information see: https://docs.github.com/actions/learn-github-actions/workflow-commands-for-github-actions#example-stopping-and-starting-workflow-commands or opt into insecure command execution by setting the `ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS` environment variable to `true`.";

/// How the commands of a job are understood at the moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandState {
    echo: bool,
    stop_token: Option<String>,
    /// `ACTIONS_ALLOW_UNSECURE_COMMANDS` is true, for the runner or in the `env` context.
    pub allow_unsecure_commands: bool,
    /// `ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS` is true.
    pub allow_unsecure_stop_tokens: bool,
}

impl CommandState {
    /// The state at the start of a job; commands are echoed from the start while steps are debugged.
    pub fn new(debug: bool) -> Self {
        Self {
            echo: debug,
            ..Self::default()
        }
    }

    /// The state for a step: it inherits the job's echo, and what it changes there ends with it.
    pub fn set_echo(&mut self, echo: bool) {
        self.echo = echo;
    }

    pub fn echo(&self) -> bool {
        self.echo
    }

    /// Commands are stopped until a token comes.
    pub fn is_stopped(&self) -> bool {
        self.stop_token.is_some()
    }

    /// Reads one line and says what becomes of it.
    pub fn line<'a>(&mut self, line: &'a str) -> LineOutcome<'a> {
        let Some(command) = parse_with(line, self.stop_token.as_deref()) else {
            return LineOutcome::text(line);
        };
        if let Some(token) = &self.stop_token {
            if !same(token, &command.name) {
                return LineOutcome::text(line);
            }
            self.stop_token = None;
            return LineOutcome {
                effect: Some(Effect::Resume),
                ..LineOutcome::text(line)
            };
        }
        let stops = command.name == STOP_COMMANDS;
        let print = if stops || (self.echo && !omits_echo(&command.name)) {
            Some(Cow::Borrowed(line))
        } else if self.echo && command.name == "add-mask" && !command.data.trim().is_empty() {
            Some(Cow::Borrowed("::add-mask::***"))
        } else {
            None
        };
        match self.effect(&command) {
            Ok(effect) => LineOutcome {
                print,
                effect,
                failures: Vec::new(),
            },
            Err(message) => LineOutcome {
                print,
                effect: None,
                failures: failures(line, &command.name, message),
            },
        }
    }

    fn effect(&mut self, command: &WorkflowCommand) -> Result<Option<Effect>, String> {
        let data = || command.data.clone();
        Ok(Some(match command.name.as_str() {
            "set-output" => Effect::SetOutput {
                name: required_name(command)?,
                value: data(),
            },
            "save-state" => Effect::SaveState {
                name: required_name(command)?,
                value: data(),
            },
            "set-env" => self.set_env(command)?,
            "add-path" => self.add_path(command)?,
            "add-mask" if command.data.trim().is_empty() => {
                warning("Can't add secret mask for empty string in ##[add-mask] command.")
            }
            "add-mask" => Effect::AddMask(data()),
            "debug" => Effect::Debug(data()),
            "notice" => Effect::Annotation(annotation(Level::Notice, command)),
            "warning" => Effect::Annotation(annotation(Level::Warning, command)),
            "error" => Effect::Annotation(annotation(Level::Error, command)),
            "group" => Effect::Group(data()),
            "endgroup" => Effect::EndGroup,
            "echo" => self.switch_echo(&command.data)?,
            STOP_COMMANDS => self.stop(&command.data)?,
            "add-matcher" if command.data.is_empty() => warning("File path must be specified."),
            "add-matcher" => Effect::AddMatcher(data()),
            "remove-matcher" => remove_matcher(command),
            _ => return Ok(None),
        }))
    }

    fn set_env(&self, command: &WorkflowCommand) -> Result<Effect, String> {
        self.check_allowed(command)?;
        let name = required_name(command)?;
        if name.eq_ignore_ascii_case("NODE_OPTIONS") {
            return Ok(Effect::Annotation(plain(
                Level::Error,
                "Can't update NODE_OPTIONS environment variable using ::set-env:: command.",
            )));
        }
        Ok(Effect::SetEnv {
            name,
            value: command.data.clone(),
        })
    }

    fn add_path(&self, command: &WorkflowCommand) -> Result<Effect, String> {
        self.check_allowed(command)?;
        if command.data.is_empty() {
            return Err("Value cannot be null. (Parameter 'path')".to_owned());
        }
        Ok(Effect::AddPath(command.data.clone()))
    }

    fn check_allowed(&self, command: &WorkflowCommand) -> Result<(), String> {
        if self.allow_unsecure_commands {
            return Ok(());
        }
        Err(format!(
            "The `{}` command is disabled. Please upgrade to using Environment Files or opt into unsecure command execution by setting the `ACTIONS_ALLOW_UNSECURE_COMMANDS` environment variable to `true`. For more information see: https://github.blog/changelog/2020-10-01-github-actions-deprecating-set-env-and-add-path-commands/",
            command.name
        ))
    }

    fn switch_echo(&mut self, value: &str) -> Result<Effect, String> {
        if value.is_empty() {
            return Err("Value cannot be null. (Parameter 'value')".to_owned());
        }
        self.echo = match value.trim().to_lowercase().as_str() {
            "on" => true,
            "off" => false,
            _ => {
                return Err(format!(
                    "Invalid echo command value. Possible values can be: 'on', 'off'. Current value is: '{value}'."
                ));
            }
        };
        Ok(Effect::Echo(self.echo))
    }

    fn stop(&mut self, token: &str) -> Result<Effect, String> {
        let unsecure = token.is_empty()
            || same(token, "pause-logging")
            || COMMANDS.iter().any(|command| same(command, token));
        if unsecure && !self.allow_unsecure_stop_tokens {
            return Err(BAD_STOP_TOKEN.to_owned());
        }
        self.stop_token = Some(token.to_owned());
        let long = token.encode_utf16().count() > 6;
        Ok(Effect::StopCommands {
            mask: long.then(|| token.to_owned()),
        })
    }
}

fn omits_echo(name: &str) -> bool {
    matches!(name, "add-mask" | "debug" | "notice" | "warning" | "error")
}

fn failures(line: &str, name: &str, message: String) -> Vec<String> {
    let shown = if omits_echo(name) { name } else { line };
    vec![
        format!("Unable to process command '{shown}' successfully."),
        message,
    ]
}

fn required_name(command: &WorkflowCommand) -> Result<String, String> {
    command.property("name").map(str::to_owned).ok_or_else(|| {
        let name = &command.name;
        format!("Required field 'name' is missing in ##[{name}] command.")
    })
}

fn remove_matcher(command: &WorkflowCommand) -> Effect {
    match (command.property("owner"), command.data.as_str()) {
        (Some(owner), "") => Effect::RemoveMatcherOwner(owner.to_owned()),
        (None, "") => warning(
            "Either an owner name or a file path must be specified in ##[remove-matcher] command.",
        ),
        (None, file) => Effect::RemoveMatcherFile(file.to_owned()),
        (Some(_), _) => warning(
            "Either specify an owner name or a file path in ##[remove-matcher] command. Both values cannot be set.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(line: &str) -> Option<Effect> {
        let outcome = CommandState::new(false).line(line);
        assert_eq!(outcome.failures, Vec::<String>::new(), "{line}");
        outcome.effect
    }

    #[test]
    fn commands_have_effects_and_vanish_from_the_log() {
        let pair = || ("a".to_owned(), "b".to_owned());
        let ((name, value), (state, saved)) = (pair(), pair());
        let table = [
            ("::set-output name=a::b", Effect::SetOutput { name, value }),
            (
                "::save-state name=a::b",
                Effect::SaveState {
                    name: state,
                    value: saved,
                },
            ),
            ("::add-mask::s", Effect::AddMask("s".into())),
            ("::debug::d", Effect::Debug("d".into())),
            ("::notice::n", Effect::Annotation(plain(Level::Notice, "n"))),
            ("::group::g", Effect::Group("g".into())),
            ("##[endgroup]", Effect::EndGroup),
            ("::echo:: ON ", Effect::Echo(true)),
            ("::add-matcher::m.json", Effect::AddMatcher("m.json".into())),
            (
                "::remove-matcher owner=o::",
                Effect::RemoveMatcherOwner("o".into()),
            ),
            (
                "::remove-matcher::m.json",
                Effect::RemoveMatcherFile("m.json".into()),
            ),
        ];
        for (line, expected) in table {
            let outcome = CommandState::new(false).line(line);
            assert_eq!(outcome.effect, Some(expected), "K-4 {line}");
            assert_eq!(outcome.print, None, "K-4 {line}");
        }
    }

    #[test]
    fn some_mistakes_only_warn() {
        let table = [
            (
                "::add-mask:: ",
                "Can't add secret mask for empty string in ##[add-mask] command.",
            ),
            ("::add-matcher::", "File path must be specified."),
            (
                "::remove-matcher::",
                "Either an owner name or a file path must be specified in ##[remove-matcher] command.",
            ),
            (
                "::remove-matcher owner=o::f",
                "Either specify an owner name or a file path in ##[remove-matcher] command. Both values cannot be set.",
            ),
        ];
        for (line, message) in table {
            assert_eq!(effect(line), Some(warning(message)), "{line}");
        }
    }

    #[test]
    fn a_command_that_fails_fails_the_step() {
        let table = [
            (
                "::set-output::x",
                "::set-output::x",
                "Required field 'name' is missing in ##[set-output] command.",
            ),
            (
                "::save-state name=::x",
                "::save-state name=::x",
                "Required field 'name' is missing in ##[save-state] command.",
            ),
            (
                "::echo::maybe",
                "::echo::maybe",
                "Invalid echo command value. Possible values can be: 'on', 'off'. Current value is: 'maybe'.",
            ),
            ("::stop-commands::", "::stop-commands::", BAD_STOP_TOKEN),
            (
                "::stop-commands::Pause-Logging",
                "::stop-commands::Pause-Logging",
                BAD_STOP_TOKEN,
            ),
            (
                "::stop-commands::debug",
                "::stop-commands::debug",
                BAD_STOP_TOKEN,
            ),
        ];
        for (line, shown, message) in table {
            let outcome = CommandState::new(false).line(line);
            let first = format!("Unable to process command '{shown}' successfully.");
            assert_eq!(outcome.failures, [first, message.to_owned()], "K-5 {line}");
            assert_eq!(outcome.effect, None, "K-5 {line}");
        }
    }

    #[test]
    fn set_env_and_add_path_are_disabled_unless_allowed() {
        for line in ["::set-env name=a::b", "::add-path::/x"] {
            let mut state = CommandState::new(false);
            let refused = state.line(line);
            assert!(
                refused.failures[1].contains("command is disabled"),
                "{line}"
            );
            state.allow_unsecure_commands = true;
            assert!(state.line(line).effect.is_some(), "{line}");
        }
        let mut state = CommandState::new(false);
        state.allow_unsecure_commands = true;
        let blocked = state.line("::set-env name=Node_Options::x");
        let text = "Can't update NODE_OPTIONS environment variable using ::set-env:: command.";
        assert_eq!(
            blocked.effect,
            Some(Effect::Annotation(plain(Level::Error, text))),
            "V-12"
        );
        assert!(blocked.failures.is_empty(), "V-12");
    }

    #[test]
    fn echo_prints_commands_but_not_masks() {
        let mut state = CommandState::new(false);
        assert_eq!(state.line("::echo::on").print, None, "K-4");
        assert_eq!(
            state.line("::group::g").print.as_deref(),
            Some("::group::g")
        );
        assert_eq!(
            state.line("::add-mask::s").print.as_deref(),
            Some("::add-mask::***")
        );
        assert_eq!(state.line("::warning::w").print, None);
        assert_eq!(
            state.line("::echo::off").print.as_deref(),
            Some("::echo::off")
        );
        assert_eq!(state.line("::group::g").print, None);
    }

    #[test]
    fn stopped_commands_are_text_until_the_token_comes() {
        let mut state = CommandState::new(false);
        let stop = state.line("::stop-commands::Token-1");
        assert_eq!(
            stop.print.as_deref(),
            Some("::stop-commands::Token-1"),
            "K-4"
        );
        assert_eq!(
            stop.effect,
            Some(Effect::StopCommands {
                mask: Some("Token-1".into())
            })
        );
        for line in [
            "::debug::x",
            "::other::",
            "##[group]x",
            "::stop-commands::y",
        ] {
            assert_eq!(state.line(line), LineOutcome::text(line), "{line}");
        }
        let resume = state.line("::token-1::");
        assert_eq!(resume.print.as_deref(), Some("::token-1::"), "K-4");
        assert_eq!(resume.effect, Some(Effect::Resume));
        assert_eq!(state.line("::endgroup::").effect, Some(Effect::EndGroup));
        assert_eq!(state.line("::token-1::"), LineOutcome::text("::token-1::"));
        let short = state.line("::stop-commands::abcdef").effect;
        assert_eq!(short, Some(Effect::StopCommands { mask: None }), "M-1");
    }

    #[test]
    fn any_stop_token_may_be_allowed() {
        let mut state = CommandState::new(false);
        state.allow_unsecure_stop_tokens = true;
        assert!(
            state
                .line("::stop-commands::pause-logging")
                .failures
                .is_empty()
        );
        assert!(state.is_stopped());
    }
}
