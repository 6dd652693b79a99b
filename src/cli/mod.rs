//! The door: arguments and settings become an invocation, an invocation becomes an exit code.

mod actrc;
mod artifacts;
mod cache;
mod chain;
pub mod check;
mod choice;
mod clean;
pub mod command;
pub mod completions;
mod doctor;
mod dotenv;
pub mod environment;
pub mod environments;
pub mod error;
pub mod eval;
mod failure;
pub mod flags;
mod folders;
pub mod graph;
pub mod help;
mod inspect;
pub mod invocation;
pub mod list;
pub mod lock;
mod lrun_toml;
mod near;
mod occasion;
mod outline;
pub mod plan;
mod project;
pub mod prompt;
mod remote;
pub mod run;
mod run_number;
mod services;
pub mod settings;
mod simulated;
pub mod sources;
pub mod table;
pub mod values;
mod words;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use command::CommandKind;
pub use environment::Environment;
pub use error::CliError;
use failure::Form;
pub use invocation::{Invocation, parse};
use settings::Color;
pub use settings::Settings;

use crate::event::Level;

/// Wrong arguments, settings or workflows: nothing ran.
const WRONG: u8 = 2;

/// Does what the process was asked for.
pub fn main() -> ExitCode {
    let environment = match Environment::of_process() {
        Ok(environment) => environment,
        Err(error) => {
            let error = CliError::new(format!("cannot tell the current folder: {error}"));
            return refuse(&error, Form::Text);
        }
    };
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let invocation = match parse(args.clone(), &environment) {
        Ok(invocation) => invocation,
        Err(error) => return refuse(&error, Form::guess(&args, &environment)),
    };
    announce(&invocation.settings);
    let form = Form::of(invocation.command, &invocation.settings);
    match dispatch(invocation, &environment) {
        Ok(code) => ExitCode::from(code),
        Err(error) => refuse(&error, form),
    }
}

/// Tells people on stderr, and machines on stdout, why nothing was done.
fn refuse(error: &CliError, form: Form) -> ExitCode {
    // Whoever reads neither can still read the exit code.
    drop(print(form.render(error).as_bytes()));
    complain(error);
    ExitCode::from(WRONG)
}

/// Calls the command.
fn dispatch(invocation: Invocation, environment: &Environment) -> Result<u8, CliError> {
    let Invocation {
        command,
        words,
        settings,
    } = invocation;
    let word = words.first().map(String::as_str);
    match command {
        CommandKind::Help => {
            let help = help::text(word)?;
            let text = if environment.stdout_is_terminal && environment.filled("NO_COLOR").is_none()
            {
                help.ansi().to_string()
            } else {
                help.to_string()
            };
            print(text.as_bytes())
        }
        CommandKind::Version => print(help::version().as_bytes()),
        CommandKind::ManPage => print(&help::man_page()?),
        CommandKind::ListOptions => print(help::list_options().as_bytes()),
        CommandKind::Completions => print(completions::script(word)?.as_bytes()),
        CommandKind::Doctor => print(doctor::report(&settings, environment).as_bytes()),
        CommandKind::Clean => print(clean::run(&settings, environment)?.as_bytes()),
        CommandKind::Artifacts => print(artifacts::run(&settings, environment, &words)?.as_bytes()),
        CommandKind::Cache => print(cache::run(&settings, environment, &words)?.as_bytes()),
        CommandKind::Run => run::run(settings, environment),
        CommandKind::Check => {
            let (text, code) = inspect::check(&settings, &words)?;
            // Text is for people, the other forms are for machines (DESIGN 7).
            if settings.format == settings::Format::Text && !settings.json {
                complain_with(&text);
            } else {
                print(text.as_bytes())?;
            }
            Ok(code)
        }
        CommandKind::Eval => {
            let output = inspect::eval(&settings, environment, word.unwrap_or_default())?;
            complain_with(&output.stderr);
            print(output.stdout.as_bytes())?;
            Ok(output.exit)
        }
        CommandKind::Lock => lock::run(settings, environment, &words),
        CommandKind::List | CommandKind::Plan | CommandKind::Graph => {
            let text = outline::render(command, &settings, environment)?;
            print(text.as_bytes())
        }
        CommandKind::Later => Err(CliError::new("this command is not built yet")),
    }
}

/// Writes to stdout; a reader that has had enough is no failure.
fn print(bytes: &[u8]) -> Result<u8, CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::new(format!("cannot write: {error}")))
        }
        _ => Ok(0),
    }
}

/// Says on stderr what the settings gave rise to; under `-q` nothing.
fn announce(settings: &Settings) {
    match settings.color {
        Color::Always => console::set_colors_enabled_stderr(true),
        Color::Never => console::set_colors_enabled_stderr(false),
        Color::Auto => {}
    }
    if settings.quiet {
        return;
    }
    let mut stderr = io::stderr().lock();
    for notice in &settings.notices {
        let label = match notice.level {
            Level::Debug if !settings.verbose => continue,
            Level::Debug => console::style("debug").dim(),
            Level::Notice => console::style("note").cyan(),
            Level::Warning => console::style("warning").yellow(),
            Level::Error => console::style("error").red(),
        };
        // With stderr gone there is nobody left to tell.
        drop(writeln!(
            stderr,
            "{}: {}",
            label.for_stderr().bold(),
            notice.text
        ));
    }
}

/// Writes to stderr; with it gone there is nobody left to tell.
fn complain_with(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}

fn complain(error: &CliError) {
    let label = console::style("error").red().bold().for_stderr();
    drop(writeln!(io::stderr(), "{label}: {error}"));
}
