//! Commands that a process prints: `::name key=value::data` and `##[name key=value]data` (SPEC 7.1).

use std::borrow::Cow;

use crate::event::{Annotation, Level};

const STOP_COMMANDS: &str = "stop-commands";

const COMMANDS: [&str; 15] = [
    "set-output",
    "save-state",
    "set-env",
    "add-path",
    "add-mask",
    "debug",
    "notice",
    "warning",
    "error",
    "group",
    "endgroup",
    "echo",
    "add-matcher",
    "remove-matcher",
    STOP_COMMANDS,
];

const BAD_STOP_TOKEN: &str = "You cannot use a endToken that is an empty string, the string 'pause-logging', or another workflow command. For more information see: https://docs.github.com/actions/learn-github-actions/workflow-commands-for-github-actions#example-stopping-and-starting-workflow-commands or opt into insecure command execution by setting the `ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS` environment variable to `true`.";

/// A command as it stands in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowCommand {
    /// In lower case.
    pub name: String,
    properties: Vec<(String, String)>,
    pub data: String,
}

impl WorkflowCommand {
    /// The last value given for a property, whatever its case.
    pub fn property(&self, name: &str) -> Option<&str> {
        let mut last_first = self.properties.iter().rev();
        last_first
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Reads a command; a name that GitHub does not know makes it ordinary output.
pub fn parse(line: &str) -> Option<WorkflowCommand> {
    parse_with(line, None)
}

fn parse_with(line: &str, token: Option<&str>) -> Option<WorkflowCommand> {
    parse_colons(line, token).or_else(|| parse_brackets(line, token))
}

fn parse_colons(line: &str, token: Option<&str>) -> Option<WorkflowCommand> {
    let (head, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    Some(WorkflowCommand {
        name: known(name, token)?,
        properties: pairs(properties.trim(), ',', |value| {
            let value = value.replace("%0D", "\r").replace("%0A", "\n");
            let value = value.replace("%3A", ":").replace("%2C", ",");
            value.replace("%25", "%")
        }),
        data: data
            .replace("%0D", "\r")
            .replace("%0A", "\n")
            .replace("%25", "%"),
    })
}

fn parse_brackets(line: &str, token: Option<&str>) -> Option<WorkflowCommand> {
    let at = memchr::memmem::find(line.as_bytes(), b"##[")?;
    let (head, data) = line[at + 3..].split_once(']')?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let unescape = |value: &str| {
        let value = value.replace("%3B", ";").replace("%0D", "\r");
        let value = value.replace("%0A", "\n").replace("%5D", "]");
        value.replace("%25", "%")
    };
    Some(WorkflowCommand {
        name: known(name, token)?,
        properties: pairs(properties, ';', unescape),
        data: unescape(data),
    })
}

fn known(name: &str, token: Option<&str>) -> Option<String> {
    COMMANDS
        .iter()
        .copied()
        .chain(token)
        .find(|command| same(command, name))
        .map(str::to_lowercase)
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase()
}

/// Pieces without a key or without a value count for nothing (SPEC K-3).
fn pairs(text: &str, separator: char, unescape: impl Fn(&str) -> String) -> Vec<(String, String)> {
    text.split(separator)
        .filter_map(|piece| {
            let (key, value) = piece.trim_start_matches('=').split_once('=')?;
            let value = value.trim_start_matches('=');
            (!value.is_empty()).then(|| (key.to_owned(), unescape(value)))
        })
        .collect()
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    SetOutput {
        name: String,
        value: String,
    },
    SaveState {
        name: String,
        value: String,
    },
    SetEnv {
        name: String,
        value: String,
    },
    AddPath(String),
    AddMask(String),
    /// Shown only while the step is debugged.
    Debug(String),
    /// The file stands as printed: see [`relative_file`].
    Annotation(Annotation),
    Group(String),
    EndGroup,
    Echo(bool),
    /// Commands are text from here on; a long token is a secret.
    StopCommands {
        mask: Option<String>,
    },
    Resume,
    /// A file as printed.
    AddMatcher(String),
    RemoveMatcherOwner(String),
    /// A file as printed.
    RemoveMatcherFile(String),
}

/// What becomes of one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineOutcome<'a> {
    /// Goes to the log, masked *after* the effect has been applied.
    pub print: Option<Cow<'a, str>>,
    pub effect: Option<Effect>,
    /// Errors to show; where there are some, the step fails whatever its exit code.
    pub failures: Vec<String>,
}

impl<'a> LineOutcome<'a> {
    fn text(line: &'a str) -> Self {
        Self {
            print: Some(Cow::Borrowed(line)),
            ..Self::default()
        }
    }
}

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
            return Err("Value cannot be empty. (Parameter 'path')".to_owned());
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
            return Err("Value cannot be empty. (Parameter 'value')".to_owned());
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

fn warning(message: &str) -> Effect {
    Effect::Annotation(plain(Level::Warning, message))
}

fn plain(level: Level, message: impl Into<String>) -> Annotation {
    Annotation {
        level,
        message: message.into(),
        title: None,
        file: None,
        line: None,
        end_line: None,
        column: None,
        end_column: None,
    }
}

fn annotation(level: Level, command: &WorkflowCommand) -> Annotation {
    let text = |name| command.property(name).map(str::to_owned);
    let number = |name| command.property(name)?.trim().parse::<u64>().ok();
    let mut found = Annotation {
        title: text("title"),
        file: text("file"),
        line: number("line"),
        end_line: number("endLine"),
        column: number("col"),
        end_column: number("endColumn"),
        ..plain(level, command.data.as_str())
    };
    fix_position(&mut found);
    found
}

/// Drops and fills in what does not fit together (SPEC K-10).
pub fn fix_position(found: &mut Annotation) {
    found.line = found.line.or(found.end_line);
    found.column = found.column.or(found.end_column);
    let spans_lines = found.end_line.is_some_and(|end| found.line != Some(end));
    let columns_reversed = matches!((found.column, found.end_column), (Some(a), Some(b)) if b < a);
    if found.line.is_none() || spans_lines || columns_reversed {
        (found.column, found.end_column) = (None, None);
    }
    if matches!((found.line, found.end_line), (Some(a), Some(b)) if b < a) {
        (found.line, found.end_line) = (None, None);
    }
}

/// Names a file relative to the workspace, with `/`, where it lies in it (SPEC K-11).
pub fn relative_file(file: &str, workspace: &str) -> String {
    let root = workspace.trim_end_matches(['/', '\\']);
    let inside = file
        .strip_prefix(root)
        .filter(|_| !root.is_empty())
        .and_then(|rest| rest.strip_prefix(['/', '\\']));
    match inside {
        Some(inside) if !inside.is_empty() => inside.replace(std::path::MAIN_SEPARATOR, "/"),
        _ => file.to_owned(),
    }
}
