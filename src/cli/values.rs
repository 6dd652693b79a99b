//! Secrets, variables, environment and inputs: from files, then from flags.

use std::fmt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::dotenv::{self, Entry};
use super::environment::Environment;
use super::error::CliError;
use super::settings::Settings;
use super::sources::{Assignment, Origin, Sources};

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A value that someone must be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub name: String,
    pub kind: PendingKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingKind {
    Secret,
    Variable,
}

/// An input, and how strictly it must be declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub value: String,
    pub source: InputSource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputSource {
    /// `--input` as typed: it also chooses `workflow_dispatch`.
    CommandLine,
    /// `--input` from a settings file or a variable.
    Setting,
    /// The input file, which serves all workflows: what is not declared is skipped.
    File,
}

/// Names that `--env` may give to change what `github.*` says, and their variables.
const GITHUB: [&str; 15] = [
    "GITHUB_REF",
    "GITHUB_REF_NAME",
    "GITHUB_REF_TYPE",
    "GITHUB_HEAD_REF",
    "GITHUB_BASE_REF",
    "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_OWNER",
    "GITHUB_RUN_ID",
    "GITHUB_RUN_NUMBER",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_RETENTION_DAYS",
    "GITHUB_SERVER_URL",
    "GITHUB_API_URL",
    "GITHUB_GRAPHQL_URL",
    "GITHUB_SHA",
];

/// The four kinds of files, each with the flag that names another.
const FILES: [(&str, &str); 4] = [
    ("secret-file", ".secrets"),
    ("env-file", ".env"),
    ("var-file", ".vars"),
    ("input-file", ".input"),
];

/// The files whose content is nobody's business: those of the root and those named.
pub fn private_files(sources: &Sources, root: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = FILES.iter().map(|(_, name)| root.join(name)).collect();
    for (flag, _) in FILES {
        if let Some(named) = sources.scalar(flag) {
            files.push(named.path());
        }
    }
    files
}

/// Reads everything into the settings.
pub fn read(
    settings: &mut Settings,
    sources: &mut Sources,
    environment: &Environment,
) -> Result<(), CliError> {
    let root = settings.root.clone();
    let mut reader = Reader {
        sources,
        environment,
        root,
    };
    reader.secrets(settings)?;
    reader.vars(settings)?;
    reader.env(settings)?;
    reader.inputs(settings)
}

struct Reader<'a> {
    sources: &'a mut Sources,
    environment: &'a Environment,
    root: PathBuf,
}

/// What a file said, and whether the user named it.
struct FileValues {
    entries: Vec<Entry>,
    path: PathBuf,
    is_named: bool,
}

impl Reader<'_> {
    fn secrets(&mut self, settings: &mut Settings) -> Result<(), CliError> {
        if let Some(file) = self.file("secret-file", ".secrets")? {
            same_but_for_case(&file)?;
            for entry in file.entries {
                settings
                    .secrets
                    .insert(entry.name.to_uppercase(), Secret::new(entry.value));
            }
        }
        self.flags_apart("secret")?;
        for asked in self.list("secret") {
            let (name, value) = self.value(&asked);
            if !self.is_name(&asked, &name)? {
                continue;
            }
            let name = name.to_uppercase();
            settings.pending.retain(|pending| pending.name != name);
            match value {
                Some(value) => {
                    settings.secrets.insert(name, Secret::new(value));
                }
                None if settings.secrets.contains_key(&name) => {}
                None => settings.pending.push(Pending {
                    name,
                    kind: PendingKind::Secret,
                }),
            }
        }
        Ok(())
    }

    fn vars(&mut self, settings: &mut Settings) -> Result<(), CliError> {
        if let Some(file) = self.file("var-file", ".vars")? {
            same_but_for_case(&file)?;
            for entry in file.entries {
                settings.vars.insert(entry.name, entry.value);
            }
        }
        self.flags_apart("var")?;
        for asked in self.list("var") {
            let (name, value) = self.value(&asked);
            if !self.is_name(&asked, &name)? {
                continue;
            }
            let is_same = |other: &str| other.eq_ignore_ascii_case(&name);
            settings
                .pending
                .retain(|p| p.kind == PendingKind::Secret || !is_same(&p.name));
            match value {
                Some(value) => {
                    settings.vars.retain(|other, _| !is_same(other));
                    settings.vars.insert(name, value);
                }
                None if settings.vars.keys().any(|other| is_same(other)) => {}
                None => settings.pending.push(Pending {
                    name,
                    kind: PendingKind::Variable,
                }),
            }
        }
        Ok(())
    }

    fn env(&mut self, settings: &mut Settings) -> Result<(), CliError> {
        if let Some(file) = self.file("env-file", ".env")? {
            let into = if file.is_named {
                &mut settings.env
            } else {
                &mut settings.found_env
            };
            into.extend(
                file.entries
                    .into_iter()
                    .map(|entry| (entry.name, entry.value)),
            );
        }
        for asked in self.list("env") {
            let (name, value) = match asked.value.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (
                    asked.value.as_str(),
                    self.environment.get(&asked.value).map(str::to_owned),
                ),
            };
            if !self.is_name(&asked, name)? {
                continue;
            }
            match value {
                Some(value) => {
                    settings.env.insert(name.to_owned(), value);
                }
                None => self.sources.warn(format!(
                    "--env {name}: there is no variable of that name, so nothing is set"
                )),
            }
        }
        self.github(settings);
        Ok(())
    }

    /// Takes out what changes `github.*`, and what would change nothing.
    fn github(&mut self, settings: &mut Settings) {
        let mut useless = Vec::new();
        let mut github = IndexMap::new();
        for env in [&mut settings.found_env, &mut settings.env] {
            env.retain(|name, value| {
                if name == "SHA_REF" {
                    github.insert("GITHUB_SHA".to_owned(), value.clone());
                } else if GITHUB.contains(&name.as_str()) {
                    github.insert(name.clone(), value.clone());
                } else if name.starts_with("GITHUB_") || name.starts_with("RUNNER_") {
                    useless.push(name.clone());
                    return false;
                }
                true
            });
        }
        settings.github = github;
        for name in useless {
            let hint = if name == "GITHUB_TOKEN" {
                "; `-s GITHUB_TOKEN` or `--github-token gh` gives a token"
            } else {
                ""
            };
            self.sources.warn(format!(
                "{name}, from --env or its file, has no effect: lrun sets it{hint}"
            ));
        }
    }

    fn inputs(&mut self, settings: &mut Settings) -> Result<(), CliError> {
        if let Some(file) = self.file("input-file", ".input")? {
            for entry in file.entries {
                let input = Input {
                    value: entry.value,
                    source: InputSource::File,
                };
                settings.inputs.insert(entry.name, input);
            }
        }
        for asked in self.list("input") {
            let Some((name, value)) = asked.value.split_once('=').filter(|(n, _)| !n.is_empty())
            else {
                let error = CliError::new(format!("`--input {}` is not NAME=VALUE", asked.value));
                self.sources.mistake(&asked.origin, error)?;
                continue;
            };
            let source = if asked.origin.is_command_line() {
                InputSource::CommandLine
            } else {
                InputSource::Setting
            };
            let value = value.to_owned();
            settings
                .inputs
                .insert(name.to_owned(), Input { value, source });
        }
        Ok(())
    }

    /// The name, and the value where one is given or the environment has it.
    fn value(&self, asked: &Assignment) -> (String, Option<String>) {
        if let Some((name, value)) = asked.value.split_once('=') {
            return (name.to_owned(), Some(value.to_owned()));
        }
        let name = asked.value.clone();
        let found = self
            .environment
            .get(&name)
            .or_else(|| self.environment.get(&name.to_uppercase()));
        let found = found.map(str::to_owned);
        (name, found)
    }

    /// Refuses what cannot be a name, without showing it: it may be the value.
    fn is_name(&mut self, asked: &Assignment, name: &str) -> Result<bool, CliError> {
        if !name.is_empty() && !name.contains(char::is_whitespace) {
            return Ok(true);
        }
        let long = asked.flag.long;
        let error = CliError::new(format!(
            "`--{long}` needs a name, as in `--{long} {}`",
            asked.flag.value
        ));
        self.sources.mistake(&asked.origin, error)?;
        Ok(false)
    }

    /// Refuses names that differ only by case on one command line.
    fn flags_apart(&self, long: &str) -> Result<(), CliError> {
        let names = self
            .sources
            .list(long)
            .filter(|asked| asked.origin.is_command_line());
        let names: Vec<&str> = names
            .map(|asked| asked.value.split('=').next().unwrap_or_default())
            .collect();
        match differing(names.iter().copied()) {
            Some((one, other)) => Err(CliError::new(format!(
                "`--{long} {one}` and `--{long} {other}` differ only by case: they are one name"
            ))),
            None => Ok(()),
        }
    }

    fn list(&self, long: &str) -> Vec<Assignment> {
        self.sources.list(long).cloned().collect()
    }

    /// Reads the named file, else the default one of the root, if it is there.
    fn file(&mut self, flag: &str, default: &str) -> Result<Option<FileValues>, CliError> {
        let named = self.sources.last(flag).cloned();
        let (path, origin) = match named {
            Some(named) if named.value.is_empty() => return Ok(None),
            Some(named) => (named.path(), Some(named.origin)),
            None => (self.root.join(default), None),
        };
        // A folder called `.env` holds a Python environment.
        if origin.is_none() && (!path.exists() || path.is_dir()) {
            return Ok(None);
        }
        match read_file(&path) {
            Ok(contents) => {
                for (line, warning) in contents.warnings {
                    self.sources
                        .warn(format!("{}:{line}: {warning}", path.display()));
                }
                Ok(Some(FileValues {
                    entries: contents.entries,
                    path,
                    is_named: origin.is_some(),
                }))
            }
            Err(problem) => self.unreadable(flag, &path, origin.as_ref(), problem),
        }
    }

    fn unreadable(
        &mut self,
        flag: &str,
        path: &Path,
        origin: Option<&Origin>,
        problem: FileProblem,
    ) -> Result<Option<FileValues>, CliError> {
        let shown = path.display();
        match problem {
            FileProblem::Content(mistake) => Err(CliError::new(format!(
                "{shown}:{}: {}",
                mistake.line, mistake.what
            ))),
            FileProblem::Reading(error) => {
                let error = CliError::new(format!("cannot read `{shown}`: {error}")).hint(format!(
                    "it is named by --{flag}; `--{flag}=` reads no file"
                ));
                match origin {
                    Some(origin) => self.sources.mistake(origin, error).map(|()| None),
                    None => Err(error),
                }
            }
        }
    }
}

pub(super) enum FileProblem {
    Reading(std::io::Error),
    Content(dotenv::Mistake),
}

pub(super) fn read_file(path: &Path) -> Result<dotenv::Contents, FileProblem> {
    let bytes = std::fs::read(path).map_err(FileProblem::Reading)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        FileProblem::Content(dotenv::Mistake {
            line: memchr::memchr_iter(b'\n', valid).count() + 1,
            what: "not UTF-8".to_owned(),
        })
    })?;
    let is_yaml = path
        .extension()
        .is_some_and(|end| end == "yml" || end == "yaml");
    let contents = if is_yaml {
        dotenv::yaml(&text)
    } else {
        dotenv::dotenv(&text)
    };
    contents.map_err(FileProblem::Content)
}

fn same_but_for_case(file: &FileValues) -> Result<(), CliError> {
    let names = file.entries.iter().map(|entry| entry.name.as_str());
    match differing(names) {
        Some((one, other)) => {
            let entry = file.entries.iter().find(|entry| entry.name == other);
            let line = entry.map_or(0, |entry| entry.line);
            Err(CliError::new(format!(
                "{}:{line}: `{one}` and `{other}` differ only by case: they are one name",
                file.path.display()
            )))
        }
        None => Ok(()),
    }
}

/// The first two names that are one but for case.
fn differing<'a>(names: impl Iterator<Item = &'a str>) -> Option<(&'a str, &'a str)> {
    let mut seen: IndexMap<String, &str> = IndexMap::new();
    for name in names {
        match seen.insert(name.to_uppercase(), name) {
            Some(before) if before != name => return Some((before, name)),
            _ => {}
        }
    }
    None
}
