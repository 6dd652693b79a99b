//! From arguments to an invocation: which command, with which settings.

use std::ffi::OsString;

use super::command::{self, CommandKind, Words};
use super::environment::Environment;
use super::error::CliError;
use super::flags;
use super::folders;
use super::settings::{Settings, runs_workflows};
use super::sources::Sources;
use super::words::{self, Walked, Written};

/// What is to be done.
#[derive(Debug, Default)]
pub struct Invocation {
    pub command: CommandKind,
    /// The words after the command: paths, an expression, a shell, a command to explain.
    pub words: Vec<String>,
    pub settings: Settings,
}

/// Flags that are commands.
const COMMAND_FLAGS: [(&str, CommandKind); 9] = [
    ("help", CommandKind::Help),
    ("version", CommandKind::Version),
    ("man-page", CommandKind::ManPage),
    ("list-options", CommandKind::ListOptions),
    ("bug-report", CommandKind::Doctor),
    ("list", CommandKind::List),
    ("dryrun", CommandKind::Plan),
    ("graph", CommandKind::Graph),
    ("validate", CommandKind::Check),
];

/// Reads the arguments after the program's name, and every setting that the command needs.
pub fn parse(args: Vec<OsString>, environment: &Environment) -> Result<Invocation, CliError> {
    let args = args
        .into_iter()
        .map(OsString::into_string)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|arg| CliError::new(format!("not UTF-8: `{}`", arg.to_string_lossy())))?;
    refuse_later(&args)?;
    let Walked { flags, words } = words::walk(&args)?;
    let words = command::split(words);
    if let Some(invocation) = at_once(&flags, &words)? {
        return Ok(invocation);
    }
    let directory = directory(&flags, environment);
    let calling = folders::calling(environment, directory.as_deref())?;
    let root = folders::root(environment, &calling);
    let sources = Sources::gather(flags, environment, &calling, &root)?;
    let kind = kind(&words, &sources)?;
    check_fit(kind, &sources)?;
    let (event, rest) = take_words(kind, words)?;
    let mut settings = Settings::resolve(sources, kind, environment, calling, root)?;
    settings.event = event;
    Ok(Invocation {
        command: kind,
        words: rest,
        settings,
    })
}

/// Refuses a command of a later version before its flags are read: they are unknown as yet.
fn refuse_later(args: &[String]) -> Result<(), CliError> {
    match args.first().and_then(|word| command::find(word)) {
        Some(command) if command.kind == CommandKind::Later => Err(CliError::new(format!(
            "`lrun {}` is not built yet",
            command.name
        ))),
        _ => Ok(()),
    }
}

/// Answers what needs no settings, before any file is read.
fn at_once(flags: &[Written], words: &Words) -> Result<Option<Invocation>, CliError> {
    let is_on = |long: &str| {
        let last = flags.iter().rev().find(|written| written.flag.long == long);
        last.is_some_and(|written| flags::boolean(&written.value) == Some(true))
    };
    let mut rest = words.rest.clone();
    let named = words.command.and_then(command::find);
    let asked = COMMAND_FLAGS[..4].iter().find(|(long, _)| is_on(long));
    let kind = match (asked, named) {
        (Some((_, kind)), _) => *kind,
        (None, Some(named)) => named.kind,
        (None, None) => return Ok(None),
    };
    match kind {
        CommandKind::Help if asked.is_some() => {
            rest = words.command.map(str::to_owned).into_iter().collect();
        }
        CommandKind::Version | CommandKind::ManPage | CommandKind::ListOptions => rest.clear(),
        CommandKind::Help | CommandKind::Completions => {
            if let Some(named) = named {
                command::limit(named, &rest)?;
            }
        }
        CommandKind::Later => {
            let name = words.command.unwrap_or_default();
            return Err(CliError::new(format!("`lrun {name}` is not built yet")));
        }
        _ => return Ok(None),
    }
    Ok(Some(Invocation {
        command: kind,
        words: rest,
        settings: Settings::default(),
    }))
}

/// The folder to enter, from flag or variable.
fn directory(flags: &[Written], environment: &Environment) -> Option<String> {
    let flag = flags
        .iter()
        .rev()
        .find(|written| written.flag.long == "directory");
    flag.map(|written| written.value.clone())
        .or_else(|| environment.filled("LRUN_DIRECTORY").map(str::to_owned))
}

/// The command: a word, or a flag that stands for one.
fn kind(words: &Words, sources: &Sources) -> Result<CommandKind, CliError> {
    let named = words
        .command
        .and_then(command::find)
        .map(|command| (command.name, command.kind));
    let mut typed: Vec<(String, CommandKind)> = Vec::new();
    let mut set = None;
    if let Some((name, kind)) = named {
        typed.push((format!("lrun {name}"), kind));
    }
    for (long, kind) in &COMMAND_FLAGS[4..] {
        match sources.last(long).filter(|flag| flag.is_on()) {
            Some(flag) if flag.origin.is_command_line() => typed.push((format!("--{long}"), *kind)),
            Some(_) => set = Some(*kind),
            None => {}
        }
    }
    if let [(one, first), others @ ..] = typed.as_slice()
        && let Some((other, _)) = others.iter().find(|(_, kind)| kind != first)
    {
        return Err(CliError::new(format!(
            "`{one}` and `{other}` are two commands; one at a time"
        )));
    }
    Ok(typed
        .first()
        .map(|(_, kind)| *kind)
        .or(set)
        .unwrap_or_default())
}

/// Refuses flags typed for a command that does not know them.
fn check_fit(kind: CommandKind, sources: &Sources) -> Result<(), CliError> {
    for flag in super::table::FLAGS
        .iter()
        .filter(|flag| !flag.only.is_empty())
    {
        let is_typed = sources
            .last(flag.long)
            .is_some_and(|asked| asked.origin.is_command_line());
        if is_typed && !flag.only.contains(&kind) {
            let names = flag.only.iter().filter_map(|kind| command::of_kind(*kind));
            let names: Vec<String> = names
                .map(|command| format!("`lrun {}`", command.name))
                .collect();
            return Err(CliError::new(format!(
                "`--{}` goes with {}",
                flag.long,
                names.join(" and ")
            )));
        }
    }
    Ok(())
}

/// Takes the event, or the words of other commands.
fn take_words(kind: CommandKind, words: Words) -> Result<(Option<String>, Vec<String>), CliError> {
    if runs_workflows(kind) {
        return Ok((command::event(&words)?, Vec::new()));
    }
    // `lrun push --validate` and `lrun push --bug-report`: the event changes nothing.
    if words.command.is_none() {
        command::event(&words)?;
        return Ok((None, Vec::new()));
    }
    if let Some(command) = command::of_kind(kind) {
        command::limit(command, &words.rest)?;
        if kind == CommandKind::Eval && words.rest.is_empty() {
            return Err(CliError::new("`lrun eval` needs an expression")
                .hint("for example: lrun eval \"contains('abc', 'b')\""));
        }
    }
    Ok((None, words.rest))
}
