//! Help, manual page and the list of options, all made from the table of flags.

use clap::builder::{PossibleValue, PossibleValuesParser, StyledStr};
use clap::{Arg, ArgAction, ValueHint};
use serde_json::json;

use super::command::{self, COMMANDS, Command, CommandKind, EVENTS};
use super::error::CliError;
use super::flags::{Flag, Heading, Kind};
use super::near::nearest;
use super::settings::runs_workflows;
use super::table::FLAGS;

const EXAMPLES: &str = "\
Examples:
  lrun push                                      run what a push would run
  lrun -j build                                  run one job with the jobs that it needs
  lrun workflow_dispatch --input confirm=DEPLOY  start a workflow by hand
  lrun -q -j lint --staged                       judge the index, in a pre-commit hook
  lrun plan pull_request                         show what would run, and why the rest would not

Every flag is also a variable (LRUN_ACTOR=me) and a key of lrun.toml (actor = \"me\").";

/// Draws the help of everything, or of one command.
pub fn text(topic: Option<&str>) -> Result<StyledStr, CliError> {
    let Some(topic) = topic else {
        return Ok(whole().render_help());
    };
    let command = command::find(topic).ok_or_else(|| {
        CliError::new(format!("there is no command `{topic}`"))
            .did_you_mean(nearest(topic, command::names()))
            .hint(format!(
                "commands: {}",
                command::names().collect::<Vec<_>>().join(", ")
            ))
    })?;
    if command.kind == CommandKind::Later {
        return Err(CliError::new(format!("`lrun {topic}` is not built yet")));
    }
    Ok(of_command(command).render_help())
}

/// The version line.
pub fn version() -> String {
    format!("lrun {}\n", env!("CARGO_PKG_VERSION"))
}

/// The manual page, as roff.
pub fn man_page() -> Result<Vec<u8>, CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(whole())
        .render(&mut page)
        .map_err(|error| CliError::new(format!("cannot make the manual page: {error}")))?;
    Ok(page)
}

/// All flags that do something, in the form that editors read from act.
pub fn list_options() -> String {
    let mut flags: Vec<&Flag> = FLAGS.iter().filter(|flag| flag.is_shown()).collect();
    flags.sort_by_key(|flag| flag.long);
    let options: Vec<_> = flags
        .iter()
        .map(|flag| {
            let default = if flag.kind.is_many() {
                "[]"
            } else {
                flag.default
            };
            json!({
                "name": flag.long,
                "default": default,
                "type": flag.type_name(),
                "description": flag.help,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Array(options))
}

/// The whole command line as clap knows it: flags stand anywhere, so commands are words.
pub(super) fn whole() -> clap::Command {
    let commands = COMMANDS
        .iter()
        .filter(|command| command.kind != CommandKind::Later);
    let first = commands
        .clone()
        .map(|command| PossibleValue::new(command.name).help(command.about))
        .chain(EVENTS.iter().map(|event| PossibleValue::new(*event)));
    let mut listed = String::from("Commands:\n");
    for command in commands {
        let usage = format!("{} {}", command.name, command.words);
        listed.push_str(&format_line(&usage, command.about));
    }
    listed.push_str("\n`lrun help COMMAND` shows the flags of one command.");
    clap::Command::new("lrun")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Runs GitHub Actions workflows on your own machine")
        .override_usage("lrun [EVENT] [FLAGS]\n       lrun COMMAND [WORDS] [FLAGS]")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(
            Arg::new("word")
                .value_name("EVENT or COMMAND")
                .value_parser(PossibleValuesParser::new(first))
                .hide_possible_values(true)
                .hide(true),
        )
        .arg(
            Arg::new("words")
                .value_name("WORDS")
                .num_args(0..)
                .value_hint(ValueHint::AnyPath)
                .hide(true),
        )
        .args(FLAGS.iter().filter(|flag| flag.is_shown()).map(arg))
        .before_help(listed)
        .after_help(EXAMPLES)
        .help_template("{about}\n\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}")
}

fn of_command(command: &Command) -> clap::Command {
    let usage = format!("lrun {} {}", command.name, command.words);
    clap::Command::new(format!("lrun {}", command.name))
        .about(command.about)
        .override_usage(format!("{} [FLAGS]", usage.trim_end()))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(
            FLAGS
                .iter()
                .filter(|flag| flag.is_shown() && belongs(flag, command.kind))
                .map(arg),
        )
}

/// Whether a flag makes sense with a command.
fn belongs(flag: &Flag, kind: CommandKind) -> bool {
    if !flag.only.is_empty() {
        return flag.only.contains(&kind);
    }
    if matches!(flag.long, "help" | "directory" | "json") {
        return true;
    }
    match kind {
        CommandKind::Run => flag.heading != Heading::Commands,
        CommandKind::Check => matches!(flag.long, "workflows" | "delimiters"),
        CommandKind::Lock => matches!(
            flag.long,
            "workflows" | "quiet" | "offline" | "secret" | "secret-file" | "github-token"
        ),
        CommandKind::Eval => flag.heading == Heading::Values,
        kind => {
            runs_workflows(kind)
                && (matches!(flag.heading, Heading::Selection | Heading::Machines)
                    || flag.heading == Heading::Values && kind == CommandKind::Plan)
        }
    }
}

fn arg(flag: &Flag) -> Arg {
    let mut arg = Arg::new(flag.long)
        .long(flag.long)
        .help(described(flag))
        .help_heading(flag.heading.as_str());
    if let Some(short) = flag.short {
        arg = arg.short(short);
    }
    if flag.kind == Kind::Bool {
        return arg.action(ArgAction::SetTrue);
    }
    arg = arg.value_name(flag.value).action(if flag.kind.is_many() {
        ArgAction::Append
    } else {
        ArgAction::Set
    });
    if !flag.choices.is_empty() {
        arg = arg
            .value_parser(PossibleValuesParser::new(flag.choices))
            .hide_possible_values(true);
    }
    arg.value_hint(match flag.value {
        "FILE" => ValueHint::FilePath,
        "FOLDER" => ValueHint::DirPath,
        "PATH" => ValueHint::AnyPath,
        _ => ValueHint::Unknown,
    })
}

fn described(flag: &Flag) -> String {
    let mut text = flag.help.to_owned();
    // The choices of a flag of several commands stand in its own words.
    if flag.choices.len() > 1 && flag.only.is_empty() {
        text = format!("{text}: {}", flag.choices.join(", "));
    }
    if !flag.default.is_empty() && flag.kind != Kind::Bool {
        text = format!("{text} [default: {}]", flag.default);
    }
    text
}

fn format_line(left: &str, right: &str) -> String {
    format!("  {left:<18}  {right}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_accepts_the_table() {
        whole().debug_assert();
        for command in COMMANDS.iter().filter(|c| c.kind != CommandKind::Later) {
            of_command(command).debug_assert();
        }
    }

    #[test]
    fn help_names_every_command_and_every_flag_that_works() {
        let help = text(None).unwrap().to_string();
        for name in command::names() {
            assert!(help.contains(&format!("\n  {name} ")), "{name}");
        }
        for flag in FLAGS {
            let shown = help.contains(&format!("--{}\n", flag.long))
                || help.contains(&format!("--{} ", flag.long));
            assert!(shown || !flag.is_shown(), "--{}", flag.long);
        }
        assert!(text(Some("lits")).is_err());
        assert!(
            text(Some("check"))
                .unwrap()
                .to_string()
                .contains("--format")
        );
    }

    #[test]
    fn options_are_listed_as_editors_read_them() {
        let options: serde_json::Value = serde_json::from_str(&list_options()).unwrap();
        let job = options
            .as_array()
            .unwrap()
            .iter()
            .find(|o| o["name"] == "secret")
            .unwrap();
        assert_eq!(job["type"], "stringArray");
        assert_eq!(job["default"], "[]");
        assert!(job["description"].is_string());
    }
}
