//! The commands, GitHub's events, and what the first word means.

use super::error::CliError;
use super::flags;
use super::near::nearest;
pub use crate::workflow::EVENTS;

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CommandKind {
    #[default]
    Run,
    List,
    Plan,
    Graph,
    Check,
    Eval,
    Lock,
    Completions,
    Doctor,
    Clean,
    Artifacts,
    Cache,
    Help,
    Version,
    ManPage,
    ListOptions,
    /// Known by name only.
    Later,
}

/// One command as people type it.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    pub name: &'static str,
    pub kind: CommandKind,
    /// Its words after the name, as the usage shows them.
    pub words: &'static str,
    /// How many of them there may be.
    pub most: usize,
    pub about: &'static str,
}

const fn command(
    name: &'static str,
    kind: CommandKind,
    words: &'static str,
    most: usize,
    about: &'static str,
) -> Command {
    Command {
        name,
        kind,
        words,
        most,
        about,
    }
}

const fn later(name: &'static str) -> Command {
    command(name, CommandKind::Later, "", usize::MAX, "")
}

/// Every command; those of later versions too, so that they never become events or typing errors.
pub const COMMANDS: &[Command] = &[
    command(
        "run",
        CommandKind::Run,
        "[EVENT]",
        1,
        "Simulate an event and run its workflows; `lrun EVENT` is short for it",
    ),
    command(
        "list",
        CommandKind::List,
        "[EVENT]",
        1,
        "List the jobs of all workflows",
    ),
    command(
        "plan",
        CommandKind::Plan,
        "[EVENT]",
        1,
        "Show what would run, leg by leg, and why the rest would not",
    ),
    command(
        "graph",
        CommandKind::Graph,
        "[EVENT]",
        1,
        "Draw which job waits for which",
    ),
    command(
        "check",
        CommandKind::Check,
        "[PATH…]",
        usize::MAX,
        "Read workflows and report every mistake",
    ),
    command(
        "eval",
        CommandKind::Eval,
        "EXPRESSION",
        1,
        "Evaluate an expression",
    ),
    command(
        "completions",
        CommandKind::Completions,
        "SHELL",
        1,
        "Print completions for bash, zsh, fish, powershell or elvish",
    ),
    command(
        "doctor",
        CommandKind::Doctor,
        "",
        0,
        "Show what this machine has and which settings are read",
    ),
    command(
        "lock",
        CommandKind::Lock,
        "[PATH…]",
        usize::MAX,
        "Pin the actions of workflows in GitHub's lock file",
    ),
    command(
        "clean",
        CommandKind::Clean,
        "",
        0,
        "Remove what runs left behind, and the tools and images that they keep",
    ),
    command(
        "artifacts",
        CommandKind::Artifacts,
        "[RUN [NAME…]]",
        usize::MAX,
        "List, open and extract what runs left; RUN is an id, its end, or `latest`",
    ),
    command(
        "cache",
        CommandKind::Cache,
        "[list | rm KEY… | clear | stats | why KEY]",
        usize::MAX,
        "Show and remove what actions/cache keeps, and tell why a key was missed",
    ),
    command("help", CommandKind::Help, "[COMMAND]", 1, "Print help"),
    later("runs"),
    later("show"),
    later("logs"),
    later("rerun"),
    later("resume"),
    later("shell"),
    later("init"),
];

/// The command of that name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// The command of that kind.
pub fn of_kind(kind: CommandKind) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.kind == kind)
}

/// Names of the commands that work.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS
        .iter()
        .filter(|command| command.kind != CommandKind::Later)
        .map(|command| command.name)
}

/// What the words of a command line say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The command, where one is named.
    pub command: Option<&'static str>,
    /// What follows it.
    pub rest: Vec<String>,
}

/// Splits the words into the command and what follows.
pub fn split(words: Vec<String>) -> Words {
    match words.first().and_then(|word| find(word)) {
        Some(command) => Words {
            command: Some(command.name),
            rest: words.into_iter().skip(1).collect(),
        },
        None => Words {
            command: None,
            rest: words,
        },
    }
}

/// Takes the one event among the words of a command that runs or shows runs.
pub fn event(words: &Words) -> Result<Option<String>, CliError> {
    let rest = &words.rest;
    if let Some(file) = rest.iter().find(|word| looks_like_file(word)) {
        return Err(CliError::new(format!("unexpected file name `{file}`"))
            .hint("in a pre-commit hook, set `pass_filenames: false`: workflows take no file names")
            .hint("a workflow file is given by `-W FILE`"));
    }
    match rest.as_slice() {
        [] => Ok(None),
        [event] if EVENTS.contains(&event.as_str()) => Ok(Some(event.clone())),
        [word] => Err(unknown(word, words.command.is_none())),
        [first, second, ..] => Err(too_many(first, second, words.command.is_none())),
    }
}

fn too_many(first: &str, second: &str, command_allowed: bool) -> CliError {
    if [first, second]
        .iter()
        .any(|word| flags::boolean(word).is_some())
    {
        return CliError::new(format!(
            "two words where one event may stand: `{first}` and `{second}`"
        ))
        .hint("a boolean flag takes its value after `=`, as in `--json=false`");
    }
    if EVENTS.contains(&first) {
        return CliError::new(format!(
            "one event at a time: found `{first}` and `{second}`"
        ))
        .hint("in a pre-commit hook, set `pass_filenames: false`");
    }
    unknown(first, command_allowed).hint(format!("`{second}` is one word too many as well"))
}

/// Refuses more words than a command takes.
pub fn limit(command: &Command, rest: &[String]) -> Result<(), CliError> {
    match rest.get(command.most) {
        Some(word) => Err(CliError::new(format!(
            "`lrun {}` does not take the word `{word}`",
            command.name
        ))
        .hint(
            format!("usage: lrun {} {}", command.name, command.words)
                .trim_end()
                .to_owned(),
        )),
        None => Ok(()),
    }
}

/// Refuses a word that names nothing, with everything that it could have been.
fn unknown(word: &str, command_allowed: bool) -> CliError {
    let what = if command_allowed {
        "neither a command nor an event"
    } else {
        "no event"
    };
    let mut error = CliError::new(format!("`{word}` is {what}"));
    let known = EVENTS
        .iter()
        .copied()
        .chain(names().filter(|_| command_allowed));
    if let Some(near) = nearest(word, known) {
        error = error.hint(format!("did you mean `{near}`?"));
    }
    if command_allowed {
        error = error.hint(format!(
            "commands: {}",
            names().collect::<Vec<_>>().join(", ")
        ));
    }
    error.hint(format!("events: {}", EVENTS.join(", ")))
}

fn looks_like_file(word: &str) -> bool {
    word.contains(['/', '\\', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_carries_the_name_of_an_event() {
        for command in COMMANDS {
            assert!(!EVENTS.contains(&command.name), "{}", command.name);
        }
    }
}
