//! A row of the table, and the made-up home in which it is tried.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lrun::cli::{CliError, Environment, Invocation, Settings, parse};
use lrun::event::Level;
use tempfile::TempDir;

/// One habit: what people type, and what is expected.
pub struct Row {
    pub name: &'static str,
    files: Vec<(&'static str, &'static str)>,
    variables: Vec<(&'static str, &'static str)>,
    folder: &'static str,
    tries: Vec<(&'static str, Expect)>,
}

enum Expect {
    Settings(fn(&Settings)),
    Invocation(fn(&Invocation)),
    /// Part of the message or of a hint of an error, which means exit code 2.
    Error(&'static str),
    /// Part of a warning.
    Warning(&'static str),
    /// Part of a line that only `-v` shows.
    Silent(&'static str),
    /// No warning at all.
    Clean,
}

/// Begins a row.
pub fn row(name: &'static str) -> Row {
    Row {
        name,
        files: Vec::new(),
        variables: Vec::new(),
        folder: "repo",
        tries: Vec::new(),
    }
}

impl Row {
    pub fn file(mut self, path: &'static str, text: &'static str) -> Self {
        self.files.push((path, text));
        self
    }

    pub fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    pub fn folder(mut self, folder: &'static str) -> Self {
        self.folder = folder;
        self
    }

    pub fn is(mut self, args: &'static str, check: fn(&Settings)) -> Self {
        self.tries.push((args, Expect::Settings(check)));
        self
    }

    pub fn does(mut self, args: &'static str, check: fn(&Invocation)) -> Self {
        self.tries.push((args, Expect::Invocation(check)));
        self
    }

    pub fn fails(mut self, args: &'static str, part: &'static str) -> Self {
        self.tries.push((args, Expect::Error(part)));
        self
    }

    pub fn warns(mut self, args: &'static str, part: &'static str) -> Self {
        self.tries.push((args, Expect::Warning(part)));
        self
    }

    pub fn no_op(mut self, args: &'static str, part: &'static str) -> Self {
        self.tries.push((args, Expect::Silent(part)));
        self
    }

    pub fn clean(mut self, args: &'static str) -> Self {
        self.tries.push((args, Expect::Clean));
        self
    }

    /// Tries every command line of the row in a fresh home.
    pub fn check(&self) {
        let home = TempDir::new().unwrap();
        let environment = self.environment(home.path());
        for (args, expect) in &self.tries {
            let words = shell_words::split(args).unwrap();
            let found = parse(words.into_iter().map(Into::into).collect(), &environment);
            expect.check(args, found);
        }
    }

    fn environment(&self, home: &Path) -> Environment {
        fs::create_dir_all(home.join("repo/.git")).unwrap();
        for (path, text) in &self.files {
            let path = home.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let folder = home.join(self.folder);
        fs::create_dir_all(&folder).unwrap();
        let mut variables: BTreeMap<String, String> = self
            .variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        for name in ["HOME", "USERPROFILE"] {
            variables.insert(name.to_owned(), home.display().to_string());
        }
        variables.insert(
            "XDG_CONFIG_HOME".to_owned(),
            home.join("config").display().to_string(),
        );
        Environment {
            variables,
            folder,
            ..Environment::default()
        }
    }
}

impl Expect {
    fn check(&self, args: &str, found: Result<Invocation, CliError>) {
        match (self, found) {
            (Self::Error(part), Ok(_)) => {
                panic!("`{args}` is taken; expected an error with {part:?}")
            }
            (Self::Error(part), Err(error)) => {
                assert!(error.to_string().contains(part), "`{args}`: {error}");
            }
            (_, Err(error)) => panic!("`{args}`: {error}"),
            (Self::Settings(check), Ok(invocation)) => check(&invocation.settings),
            (Self::Invocation(check), Ok(invocation)) => check(&invocation),
            (Self::Warning(part), Ok(found)) => said(args, &found, Level::Warning, part),
            (Self::Silent(part), Ok(found)) => said(args, &found, Level::Debug, part),
            (Self::Clean, Ok(found)) => {
                let warnings = found
                    .settings
                    .notices
                    .iter()
                    .filter(|n| n.level == Level::Warning);
                assert_eq!(
                    warnings.count(),
                    0,
                    "`{args}`: {:?}",
                    found.settings.notices
                );
            }
        }
    }
}

fn said(args: &str, found: &Invocation, level: Level, part: &str) {
    let mut notices = found
        .settings
        .notices
        .iter()
        .filter(|notice| notice.level == level);
    assert!(
        notices.any(|notice| notice.text.contains(part)),
        "`{args}`: no {part:?} in {:?}",
        found.settings.notices
    );
}
