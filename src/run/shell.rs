//! Which program runs a script, and how (SPEC 6.2).

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::plan::container::words;

/// A shell, resolved: what to start and what the script file looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// The program as written: `bash`, `/opt/x/python`.
    pub command: String,
    /// Its arguments with `{0}` where the script's path goes.
    pub template: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sh,
    PowerShell,
    Cmd,
    Python,
    Other,
}

/// Why a `shell` value can not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShellError {
    #[error(
        "Invalid shell option '{0}'. Shell must be a valid built-in (bash, sh, cmd, powershell, pwsh, python) or a format string containing '{{0}}'"
    )]
    Invalid(String),
}

impl Shell {
    /// The default of a Unix host: `bash -e`, or `sh -e` where there is no bash.
    pub fn default_of_host(has_bash: bool) -> Self {
        Self {
            command: if has_bash { "bash" } else { "sh" }.to_owned(),
            template: "-e {0}".to_owned(),
            kind: Kind::Sh,
        }
    }

    /// Reads a `shell` value (SPEC S-21).
    pub fn parse(value: &str) -> Result<Self, ShellError> {
        let value = value.trim();
        let (command, template) = match value.split_once(' ') {
            Some((command, template)) => (command, template.trim()),
            None => (value, ""),
        };
        let kind = Kind::of(command);
        let template = if template.is_empty() {
            kind.template(command)
        } else {
            Some(template)
        };
        match template {
            Some(template) if template.contains("{0}") => Ok(Self {
                command: command.to_owned(),
                template: template.to_owned(),
                kind,
            }),
            _ => Err(ShellError::Invalid(value.to_owned())),
        }
    }

    /// The ending of the script's file name.
    pub fn extension(&self) -> &'static str {
        match self.kind {
            Kind::Sh => ".sh",
            Kind::PowerShell => ".ps1",
            Kind::Cmd => ".cmd",
            Kind::Python => ".py",
            Kind::Other => "",
        }
    }

    /// The script as the shell gets it: as YAML gave it, but for PowerShell and cmd (SPEC S-20, S-23).
    pub fn fix_up(&self, script: &str) -> String {
        match self.kind {
            Kind::PowerShell => format!(
                "$ErrorActionPreference = 'stop'\n{script}\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) {{ exit $LASTEXITCODE }}"
            ),
            Kind::Cmd => format!("@echo off\n{script}"),
            Kind::Sh | Kind::Python | Kind::Other => script.to_owned(),
        }
    }

    /// The arguments for a script at `path`, split as a .NET process does: blanks, and double quotes around them.
    /// The path goes in after the split: a runner's folder has no blanks in it, a home folder may.
    pub fn arguments(&self, path: &Path) -> Vec<OsString> {
        words(&self.template)
            .into_iter()
            .map(|word| filled(&word, path.as_os_str()))
            .collect()
    }

    /// The command line as the log shows it.
    pub fn describe(&self, program: &Path) -> String {
        format!("{} {}", program.display(), self.template)
    }
}

impl Kind {
    fn of(command: &str) -> Self {
        match command.to_ascii_lowercase().as_str() {
            "bash" | "sh" => Self::Sh,
            "pwsh" | "powershell" => Self::PowerShell,
            "cmd" => Self::Cmd,
            "python" => Self::Python,
            _ => Self::Other,
        }
    }

    fn template(self, command: &str) -> Option<&'static str> {
        Some(match self {
            Self::Sh if command.eq_ignore_ascii_case("bash") => {
                "--noprofile --norc -e -o pipefail {0}"
            }
            Self::Sh => "-e {0}",
            Self::PowerShell => "-command \". '{0}'\"",
            Self::Cmd => "/D /E:ON /V:OFF /S /C \"CALL \"{0}\"\"",
            Self::Python => "{0}",
            Self::Other => return None,
        })
    }
}

/// `word` with the script's path in every place for it.
fn filled(word: &str, path: &OsStr) -> OsString {
    let mut whole = OsString::new();
    for (index, part) in word.split("{0}").enumerate() {
        if index > 0 {
            whole.push(path);
        }
        whole.push(part);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(shell: &str) -> (String, Vec<String>, &'static str) {
        let shell = Shell::parse(shell).unwrap();
        let args = shell
            .arguments(Path::new("/t/s"))
            .into_iter()
            .map(|arg| arg.into_string().unwrap())
            .collect();
        (shell.command.clone(), args, shell.extension())
    }

    #[test]
    fn built_in_shells_have_their_templates() {
        // SPEC 6.2
        let cases: &[(&str, &[&str], &str)] = &[
            (
                "bash",
                &["--noprofile", "--norc", "-e", "-o", "pipefail", "/t/s"],
                ".sh",
            ),
            ("sh", &["-e", "/t/s"], ".sh"),
            ("pwsh", &["-command", ". '/t/s'"], ".ps1"),
            ("python", &["/t/s"], ".py"),
        ];
        for (shell, args, extension) in cases {
            let (command, found, found_extension) = line(shell);
            assert_eq!(&command, shell);
            assert_eq!(found, *args, "{shell}");
            assert_eq!(found_extension, *extension, "{shell}");
        }
    }

    #[test]
    fn a_custom_shell_is_taken_as_written() {
        // SPEC S-21: the ending follows the command word, the built-in flags do not.
        assert_eq!(
            line("bash {0}"),
            ("bash".into(), vec!["/t/s".into()], ".sh")
        );
        assert_eq!(
            line("perl -w {0} x"),
            (
                "perl".into(),
                vec!["-w".into(), "/t/s".into(), "x".into()],
                ""
            )
        );
        let shell = Shell::parse("pwsh -File {0}").unwrap();
        assert!(shell.fix_up("x").starts_with("$ErrorActionPreference"));
    }

    #[test]
    fn a_folder_with_blanks_and_quotes_is_one_argument() {
        // The cache may lie in a home folder of any name.
        let shell = Shell::parse("bash -c \"{0} x\" {0}").unwrap();
        assert_eq!(
            shell.arguments(Path::new("/a b\"c/s")),
            ["-c", "/a b\"c/s x", "/a b\"c/s"]
        );
    }

    #[test]
    fn a_shell_without_a_place_for_the_script_is_an_error() {
        for value in ["perl", "bash -e", ""] {
            assert!(Shell::parse(value).is_err(), "{value}");
        }
    }

    #[test]
    fn the_look_up_ignores_case() {
        assert_eq!(Shell::parse("BASH").unwrap().extension(), ".sh");
    }
}
