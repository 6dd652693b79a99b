//! The secrets and variables of deployment environments: `.secrets.NAME`, `.vars.NAME`, and what `lrun.toml` names.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment::Environment;
use super::error::CliError;
use super::values::{FileProblem, read_file};
use crate::run::job_environment::Environments;

/// The two kinds of files: the key of `lrun.toml`, and how a default one begins.
const KINDS: [(Kind, &str, &str); 2] = [
    (Kind::Secrets, "secret-file", ".secrets."),
    (Kind::Vars, "var-file", ".vars."),
];

/// The table of `lrun.toml` that names files.
pub const TABLE: &str = "environments";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Secrets,
    Vars,
}

/// What is known of all environments.
#[derive(Debug, Default)]
pub struct Found {
    pub environments: Environments,
    /// Files that no job may see.
    pub private_files: Vec<PathBuf>,
    pub warnings: Vec<String>,
}

/// One file of one environment.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    environment: String,
    kind: Kind,
    path: PathBuf,
    /// Where `lrun.toml` names it: such a file must be there.
    place: Option<String>,
}

/// Reads the files of the root, and those that the settings files name; a named file takes the default one's place.
pub fn read(
    root: &Path,
    settings_files: &[PathBuf],
    environment: &Environment,
) -> Result<Found, CliError> {
    let mut sources = defaults(root);
    for path in settings_files {
        if path.extension().is_none_or(|end| end != "toml") {
            continue;
        }
        let text = fs::read_to_string(path)
            .map_err(|error| CliError::new(format!("{}: {error}", path.display())))?;
        for mut named in named(&text, path)? {
            let base = path.parent().unwrap_or(root);
            let written = environment.expand_home(&named.path.to_string_lossy());
            named.path = base.join(written);
            sources.retain(|other| {
                other.kind != named.kind
                    || other.environment.to_lowercase() != named.environment.to_lowercase()
            });
            sources.push(named);
        }
    }
    let mut found = Found::default();
    for source in sources {
        found.add(source)?;
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, source: Source) -> Result<(), CliError> {
        let shown = source.path.display().to_string();
        let contents = read_file(&source.path).map_err(|problem| match problem {
            FileProblem::Content(mistake) => {
                format!("{shown}:{}: {}", mistake.line, mistake.what)
            }
            FileProblem::Reading(error) => format!("cannot read `{shown}`: {error}"),
        });
        self.private_files.push(source.path);
        let values = self.environments.entry(&source.environment);
        match (contents, source.place) {
            (Err(message), Some(place)) => {
                return Err(CliError::new(format!("{place}: {message}")));
            }
            // It may be the file of something else: only a job that names the environment minds.
            (Err(message), None) => values.mistakes.push(message),
            (Ok(contents), _) => {
                let warnings = contents.warnings.into_iter();
                self.warnings
                    .extend(warnings.map(|(line, text)| format!("{shown}:{line}: {text}")));
                for entry in contents.entries {
                    match source.kind {
                        Kind::Secrets => values
                            .secrets
                            .insert(entry.name.to_uppercase(), entry.value),
                        Kind::Vars => values.vars.insert(entry.name, entry.value),
                    };
                }
            }
        }
        Ok(())
    }
}

/// `.secrets.NAME` and `.vars.NAME` of the root.
fn defaults(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    // A root that can not be listed has no such files.
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    for entry in entries {
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str() else {
            continue;
        };
        let rest = |start: &str| name.strip_prefix(start).filter(|rest| !rest.is_empty());
        let kind = KINDS
            .iter()
            .find_map(|(kind, _, start)| Some((*kind, rest(start)?)));
        if let Some((kind, environment)) = kind
            && !environment.ends_with('~')
        {
            sources.push(Source {
                environment: environment.to_owned(),
                kind,
                path: entry.path(),
                place: None,
            });
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

/// `[environments.NAME]` with `secret-file` and `var-file`; paths as written.
fn named(text: &str, path: &Path) -> Result<Vec<Source>, CliError> {
    let place = |offset: usize| {
        let line = text[..offset.min(text.len())].matches('\n').count() + 1;
        format!("{}:{line}", path.display())
    };
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        CliError::new(format!("{}: {}", place(offset), error.message()))
    })?;
    let all = table.get_ref().iter();
    let Some((key, all)) = all.into_iter().find(|(key, _)| key.get_ref() == TABLE) else {
        return Ok(Vec::new());
    };
    let wrong = |offset: usize, what: String| CliError::new(format!("{}: {what}", place(offset)));
    let DeValue::Table(all) = all.get_ref() else {
        let what = format!("`{TABLE}` is a table: `[{TABLE}.production]`");
        return Err(wrong(key.span().start, what));
    };
    let mut sources = Vec::new();
    for (name, values) in all {
        let DeValue::Table(values) = values.get_ref() else {
            let what = format!("`{TABLE}.{}` is a table", name.get_ref());
            return Err(wrong(name.span().start, what));
        };
        for (key, value) in values {
            let at = key.span().start;
            let source =
                source(name.get_ref(), key.get_ref(), value).map_err(|what| wrong(at, what))?;
            sources.push(Source {
                place: Some(place(at)),
                ..source
            });
        }
    }
    Ok(sources)
}

fn source(environment: &str, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Source, String> {
    let Some((kind, _, _)) = KINDS.iter().find(|(_, known, _)| *known == key) else {
        return Err(format!(
            "unknown setting `{key}`: an environment has `secret-file` and `var-file`"
        ));
    };
    let DeValue::String(path) = value.get_ref() else {
        return Err(format!("`{key}` is a text"));
    };
    Ok(Source {
        environment: environment.to_owned(),
        kind: *kind,
        path: PathBuf::from(path.as_ref()),
        place: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn read_in(folder: &tempfile::TempDir) -> Result<Found, CliError> {
        let toml = folder.path().join("lrun.toml");
        let files: Vec<PathBuf> = toml.is_file().then_some(toml).into_iter().collect();
        read(folder.path(), &files, &Environment::of_process().unwrap())
    }

    fn values(found: &Found, name: &str) -> Vec<String> {
        let values = found.environments.get(name).unwrap();
        let pairs = values.secrets.iter().chain(&values.vars);
        pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn files_of_the_root_belong_to_the_environment_that_ends_their_name() {
        let folder = folder(&[
            (".secrets", "TOKEN=repo"),
            (".secrets.Production", "token=\"p\""),
            (".vars.production", "Region=eu"),
            (".vars.review.eu", "A=1"),
            (".secrets.production~", "TOKEN=old"),
        ]);
        let found = read_in(&folder).unwrap();
        assert_eq!(values(&found, "production"), ["TOKEN=p", "Region=eu"]);
        assert_eq!(values(&found, "review.eu"), ["A=1"]);
        let names: Vec<&str> = found.environments.names().collect();
        assert_eq!(names, ["production", "review.eu"]);
        assert_eq!(found.private_files.len(), 3);
    }

    #[test]
    fn lrun_toml_names_other_files() {
        let folder = folder(&[
            (".vars.prod", "A=default"),
            (".secrets.prod", "S=default"),
            ("p.yml", "A: named"),
            (
                "lrun.toml",
                "clean = true\n[environments.Prod]\nvar-file = \"p.yml\"\n",
            ),
        ]);
        let found = read_in(&folder).unwrap();
        assert_eq!(values(&found, "prod"), ["S=default", "A=named"]);
    }

    #[test]
    fn mistakes_of_found_files_wait_until_a_job_minds() {
        let folder = folder(&[(".secrets.example", "A=1\nhunter2")]);
        let found = read_in(&folder).unwrap();
        let mistakes = &found.environments.get("example").unwrap().mistakes;
        assert!(mistakes[0].contains(".secrets.example:2: "), "{mistakes:?}");
        assert!(!mistakes[0].contains("hunter2"));
    }

    #[test]
    fn mistakes_of_lrun_toml_name_their_line() {
        for (text, message) in [
            (
                "[environments.a]\nsecret-file = \"gone\"",
                "lrun.toml:2: cannot read",
            ),
            (
                "[environments.a]\nsecrets = \"x\"",
                "lrun.toml:2: unknown setting `secrets`",
            ),
            (
                "[environments.a]\nvar-file = 1",
                "lrun.toml:2: `var-file` is a text",
            ),
            ("environments = 1", "lrun.toml:1: `environments` is a table"),
            (
                "[environments]\na = 1",
                "lrun.toml:2: `environments.a` is a table",
            ),
        ] {
            let error = read_in(&folder(&[("lrun.toml", text)])).unwrap_err();
            assert!(error.message.contains(message), "{text}: {}", error.message);
        }
    }
}
