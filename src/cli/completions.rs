//! Completions for five shells: clap draws them, and the words that it leaves out are put in.

use clap_complete::Shell;

use super::command::{COMMANDS, CommandKind, EVENTS};
use super::error::CliError;
use super::help;
use super::near::nearest;

/// The shells that completions are made for, as people type them.
const SHELLS: [(&str, Shell); 5] = [
    ("bash", Shell::Bash),
    ("zsh", Shell::Zsh),
    ("fish", Shell::Fish),
    ("powershell", Shell::PowerShell),
    ("elvish", Shell::Elvish),
];

/// The completions of one shell.
pub fn script(shell: Option<&str>) -> Result<String, CliError> {
    let names = SHELLS.map(|(name, _)| name);
    let known = format!("shells: {}", names.join(", "));
    let Some(asked) = shell else {
        return Err(CliError::new("`lrun completions` needs a shell").hint(known));
    };
    let Some((_, shell)) = SHELLS.iter().find(|(name, _)| *name == asked) else {
        return Err(CliError::new(format!("no completions for `{asked}`"))
            .did_you_mean(nearest(asked, names))
            .hint(known));
    };
    let mut out = Vec::new();
    clap_complete::generate(*shell, &mut help::whole(), "lrun", &mut out);
    let script = String::from_utf8_lossy(&out).into_owned();
    Ok(with_words(*shell, &script))
}

/// Commands and events with a line about each.
fn first_words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let commands = COMMANDS
        .iter()
        .filter(|command| command.kind != CommandKind::Later);
    commands
        .map(|command| (command.name, command.about))
        .chain(EVENTS.iter().map(|event| (*event, "event")))
}

/// Puts in the first words where clap knows flags only, and keeps flags on offer after them.
fn with_words(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Fish => {
            let lines = first_words().map(|(word, about)| {
                format!("complete -c lrun -n __fish_use_subcommand -f -a {word} -d '{about}'\n")
            });
            script.to_owned() + &lines.collect::<String>()
        }
        Shell::PowerShell => {
            let lines = first_words().map(|(word, about)| {
                format!(
                    "            [CompletionResult]::new('{word}', '{word}', [CompletionResultType]::ParameterValue, '{about}')\n"
                )
            });
            script
                .replace("switch ($command)", "switch ('lrun')")
                .replacen(
                    "'lrun' {\n",
                    &format!("'lrun' {{\n{}", lines.collect::<String>()),
                    1,
                )
        }
        Shell::Elvish => {
            let lines =
                first_words().map(|(word, about)| format!("            cand {word} '{about}'\n"));
            script
                .replace("$completions[$command]", "$completions[lrun]")
                .replacen(
                    "&'lrun'= {\n",
                    &format!("&'lrun'= {{\n{}", lines.collect::<String>()),
                    1,
                )
        }
        _ => script.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_offers_commands_events_and_flags() {
        for (name, _) in SHELLS {
            let script = script(Some(name)).unwrap();
            for word in ["doctor", "workflow_dispatch", "with-ignored"] {
                assert!(script.contains(word), "{name}: {word}");
            }
            assert!(!script.contains("completions[$command]"), "{name}");
            assert!(!script.contains("switch ($command)"), "{name}");
        }
        assert_eq!(
            script(Some("fisch")).unwrap_err().hints[0],
            "did you mean `fish`?"
        );
    }
}
