//! Where settings come from, in the order in which they win, each value with its origin.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::environment::Environment;
use super::error::CliError;
use super::flags::{self, Flag, Kind, Status};
use super::near::nearest;
use super::table::FLAGS;
use super::words::Written;
use super::{actrc, lrun_toml};
use crate::event::Level;
use crate::plan::container::{ContainerOptions, USERNS, is_userns};

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    CommandLine,
    Variable(String),
    Actrc { path: PathBuf, line: usize },
    Toml { path: PathBuf, line: usize },
}

impl Origin {
    pub fn is_command_line(&self) -> bool {
        *self == Self::CommandLine
    }

    /// Mistakes in `.actrc` are warnings: act may know better.
    pub fn is_lenient(&self) -> bool {
        matches!(self, Self::Actrc { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Variable(name) => f.write_str(name),
            Self::Actrc { path, line } | Self::Toml { path, line } => {
                write!(f, "{}:{line}", path.display())
            }
        }
    }
}

/// One value of one flag.
#[derive(Clone)]
pub struct Assignment {
    pub flag: &'static Flag,
    pub value: String,
    pub origin: Origin,
    /// The folder that relative paths count from.
    pub base: Arc<Path>,
    /// Number of the source; a higher one wins.
    pub source: usize,
}

impl fmt::Debug for Assignment {
    /// Leaves the value out: it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{} ({})", self.flag.long, self.origin)
    }
}

impl Assignment {
    /// The value as a path.
    pub fn path(&self) -> PathBuf {
        self.base.join(&self.value)
    }

    pub fn is_on(&self) -> bool {
        flags::boolean(&self.value).unwrap_or(false)
    }

    /// As it is typed; a secret without its value.
    fn words(&self) -> Vec<String> {
        let long = self.flag.long;
        if !self.flag.kind.takes_word() {
            return match self.value.as_str() {
                "true" => vec![format!("--{long}")],
                value => vec![format!("--{long}={value}")],
            };
        }
        let value = match self.value.split_once('=') {
            Some((name, _)) if long == "secret" => name.to_owned(),
            _ => self.value.clone(),
        };
        let name = match self.flag.short {
            Some(short) => format!("-{short}"),
            None => format!("--{long}"),
        };
        vec![name, value]
    }
}

/// A line for the user that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub level: Level,
    pub text: String,
}

/// Flags that answer at once: an `LRUN_VERSION` means something else.
const AT_ONCE: [&str; 4] = ["help", "version", "man-page", "list-options"];

/// Flags that a further run of some jobs says anew, or that only tell how to print.
const NOT_AGAIN: [&str; 6] = [
    "job",
    "input",
    "quiet",
    "verbose",
    "json",
    "log-prefix-job-id",
];

/// Every value that any source gives, the winning ones last.
#[derive(Debug, Default)]
pub struct Sources {
    assignments: Vec<Assignment>,
    pub notices: Vec<Notice>,
    /// The files that were there.
    pub files: Vec<PathBuf>,
    count: usize,
}

impl Sources {
    /// Reads files, variables and flags in their order.
    pub fn gather(
        written: Vec<Written>,
        environment: &Environment,
        calling: &Path,
        root: &Path,
    ) -> Result<Self, CliError> {
        let mut sources = Self::default();
        for (path, base) in config_files(environment, calling, root) {
            match path {
                ConfigFile::Actrc(path) => sources.read_actrc(&path, base, environment),
                ConfigFile::Toml(path) => sources.read_toml(&path, environment)?,
            }
        }
        sources.read_variables(environment, calling)?;
        sources.read_flags(written, calling)?;
        Ok(sources)
    }

    /// The one that counts, even if it says "none".
    pub fn last(&self, long: &str) -> Option<&Assignment> {
        debug_assert!(flags::by_long(long).is_some(), "no flag --{long}");
        self.assignments.iter().rev().find(|a| a.flag.long == long)
    }

    /// The value that counts, unless it is empty.
    pub fn scalar(&self, long: &str) -> Option<&Assignment> {
        self.last(long).filter(|a| !a.value.is_empty())
    }

    pub fn text(&self, long: &str) -> Option<String> {
        self.scalar(long).map(|a| a.value.clone())
    }

    pub fn is_on(&self, long: &str) -> bool {
        self.last(long).is_some_and(Assignment::is_on)
    }

    /// The values of a flag whose sources add up, later ones last.
    pub fn list(&self, long: &str) -> impl Iterator<Item = &Assignment> {
        debug_assert!(flags::by_long(long).is_some(), "no flag --{long}");
        self.assignments
            .iter()
            .filter(move |a| a.flag.long == long && !a.value.is_empty())
    }

    /// The values that the winning source gives together.
    pub fn group(&self, long: &str) -> Vec<String> {
        let Some(last) = self.last(long) else {
            return Vec::new();
        };
        let values: Vec<String> = self
            .list(long)
            .filter(|a| a.source == last.source)
            .map(|a| a.value.clone())
            .collect();
        // A file written for act means its last line only.
        if last.origin.is_lenient() {
            values.last().cloned().into_iter().collect()
        } else {
            values
        }
    }

    /// The flags of the command line as one types them, but those of [`NOT_AGAIN`].
    pub fn typed(&self) -> Vec<String> {
        let counts = |one: &Assignment| {
            one.flag.kind.is_many()
                || self
                    .last(one.flag.long)
                    .is_some_and(|last| std::ptr::eq(last, one))
        };
        self.assignments
            .iter()
            .filter(|one| one.origin.is_command_line() && one.flag.status == Status::Works)
            .filter(|one| !NOT_AGAIN.contains(&one.flag.long) && counts(one))
            .flat_map(Assignment::words)
            .collect()
    }

    /// Which of two flags that say the same thing was set last.
    pub fn later_of(&self, one: &str, other: &str) -> Option<&Assignment> {
        self.assignments
            .iter()
            .rev()
            .find(|a| a.flag.long == one || a.flag.long == other)
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        self.notices.push(Notice {
            level: Level::Warning,
            text: text.into(),
        });
    }

    pub fn say(&mut self, level: Level, text: impl Into<String>) {
        self.notices.push(Notice {
            level,
            text: text.into(),
        });
    }

    /// A mistake at a place: a warning in `.actrc`, an error elsewhere.
    pub fn mistake(&mut self, origin: &Origin, error: CliError) -> Result<(), CliError> {
        match origin {
            Origin::CommandLine => Err(error),
            origin if origin.is_lenient() => {
                self.warn(format!("{origin}: {}; the line is ignored", error.message));
                Ok(())
            }
            origin => Err(CliError {
                message: format!("{origin}: {}", error.message),
                ..error
            }),
        }
    }

    fn read_actrc(&mut self, path: &Path, base: &Path, environment: &Environment) {
        let text = match std::fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.warn(format!("{}: {error}", path.display())),
        };
        self.start(path);
        let base: Arc<Path> = Arc::from(base);
        for line in actrc::read(&text, environment) {
            let origin = Origin::Actrc {
                path: path.to_owned(),
                line: line.number,
            };
            for warning in line.warnings {
                self.warn(format!("{origin}: {warning}"));
            }
            for mut written in line.flags {
                written.value = environment.expand_home(&written.value);
                if self.add(written, origin.clone(), &base).is_err() {
                    debug_assert!(false, "a mistake in .actrc is a warning");
                }
            }
        }
    }

    fn read_toml(&mut self, path: &Path, environment: &Environment) -> Result<(), CliError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(CliError::new(format!("{}: {error}", path.display()))),
        };
        self.start(path);
        let base: Arc<Path> = Arc::from(path.parent().unwrap_or(path));
        for entry in lrun_toml::read(&text, path)? {
            let origin = Origin::Toml {
                path: path.to_owned(),
                line: entry.line,
            };
            let written = Written {
                flag: entry.flag,
                value: environment.expand_home(&entry.value),
            };
            self.add(written, origin, &base)?;
        }
        Ok(())
    }

    fn read_variables(
        &mut self,
        environment: &Environment,
        calling: &Path,
    ) -> Result<(), CliError> {
        self.count += 1;
        let base: Arc<Path> = Arc::from(calling);
        for flag in FLAGS.iter().filter(|flag| !AT_ONCE.contains(&flag.long)) {
            let name = flag.variable();
            let Some(value) = environment.filled(&name) else {
                continue;
            };
            let values: Vec<&str> = if flag.kind.is_many() {
                value
                    .lines()
                    .filter(|line| !line.trim().is_empty())
                    .collect()
            } else {
                vec![value]
            };
            for value in values {
                let written = Written {
                    flag,
                    value: value.to_owned(),
                };
                self.add(written, Origin::Variable(name.clone()), &base)?;
            }
        }
        self.doubt_variables(environment);
        Ok(())
    }

    /// Says which `LRUN_*` are likely slips of the finger.
    fn doubt_variables(&mut self, environment: &Environment) {
        let known: Vec<String> = FLAGS.iter().map(Flag::variable).collect();
        for name in environment.variables.keys() {
            if name.starts_with("LRUN_")
                && !known.contains(name)
                && let Some(near) = nearest(name, known.iter().map(String::as_str))
            {
                self.warn(format!("{name} is not read; did you mean {near}?"));
            }
        }
    }

    fn read_flags(&mut self, written: Vec<Written>, calling: &Path) -> Result<(), CliError> {
        self.count += 1;
        let base: Arc<Path> = Arc::from(calling);
        for written in written {
            self.add(written, Origin::CommandLine, &base)?;
        }
        Ok(())
    }

    fn start(&mut self, path: &Path) {
        self.count += 1;
        self.files.push(path.to_owned());
    }

    /// Takes a value, if the flag is built and the value is one of its own.
    fn add(&mut self, written: Written, origin: Origin, base: &Arc<Path>) -> Result<(), CliError> {
        let Written { flag, value } = written;
        if let Err(error) = verify(flag, &value, &origin) {
            return self.mistake(&origin, error);
        }
        if let Status::NoOp(reason) = flag.status {
            let text = format!("--{} has no effect: {reason} ({origin})", flag.long);
            self.say(Level::Debug, text);
        }
        self.assignments.push(Assignment {
            flag,
            value,
            origin,
            base: Arc::clone(base),
            source: self.count,
        });
        Ok(())
    }
}

fn verify(flag: &Flag, value: &str, origin: &Origin) -> Result<(), CliError> {
    let long = flag.long;
    if flag.status == Status::Later {
        return Err(CliError::new(format!("`--{long}` is not built yet")));
    }
    if long == "directory" && matches!(origin, Origin::Actrc { .. } | Origin::Toml { .. }) {
        return Err(CliError::new(
            "`--directory` counts on the command line only",
        ));
    }
    if flag.kind == Kind::Bool && flags::boolean(value).is_none() {
        return Err(CliError::new(format!(
            "`--{long}` is true or false, not `{value}`"
        )));
    }
    let is_switched = flag.kind == Kind::Optional && flags::boolean(value).is_some();
    if value.is_empty() || is_switched {
        return Ok(());
    }
    if long == "container-options" {
        let words = shell_words::split(value)
            .map_err(|error| CliError::new(format!("`--{long} {value}`: {error}")))?;
        ContainerOptions::default()
            .read(words)
            .map_err(|error| CliError::new(format!("`--{long} {value}`: {error}")))?;
    }
    if long == "userns" && !is_userns(value) {
        return Err(CliError::new(format!(
            "`--{long}` is {USERNS}, not `{value}`"
        )));
    }
    let socket = value.strip_prefix("unix://").unwrap_or(value);
    if long.ends_with("-socket") && value != "-" && !socket.starts_with('/') {
        return Err(CliError::new(format!(
            "`--{long}` is the whole path of a socket, such as /var/run/docker.sock, not `{value}`"
        )));
    }
    if long == "github-instance" && !is_host(value) {
        return Err(CliError::new(format!(
            "`--{long}` is the name of a server, such as github.example.com, not `{value}`"
        )));
    }
    if long == "replace-ghe-action-with-github-com" && !is_repository(value) {
        return Err(CliError::new(format!(
            "`--{long}` is OWNER/REPO, without a path or a ref, not `{value}`"
        )));
    }
    if !flag.choices.is_empty() && !flag.choices.contains(&value) {
        let choices = flag.choices.join(", ");
        return Err(
            CliError::new(format!("`--{long}` takes {choices}, not `{value}`"))
                .did_you_mean(nearest(value, flag.choices.iter().copied())),
        );
    }
    if flag.number && value.parse::<usize>().is_err() {
        return Err(CliError::new(format!(
            "`--{long}` is a whole number, not `{value}`"
        )));
    }
    Ok(())
}

/// A host with a port, or an address with a scheme.
fn is_host(text: &str) -> bool {
    let host = text.split_once("://").map_or(text, |(_, host)| host);
    let host = host.trim_end_matches('/');
    !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c))
}

fn is_repository(text: &str) -> bool {
    text.split_once('/').is_some_and(|(owner, repo)| {
        !owner.is_empty() && !repo.is_empty() && !repo.contains(['/', '@'])
    })
}

enum ConfigFile {
    Actrc(PathBuf),
    Toml(PathBuf),
}

/// The files that may hold settings, weakest first, each with the folder that its paths count from.
fn config_files<'a>(
    environment: &Environment,
    calling: &'a Path,
    root: &'a Path,
) -> Vec<(ConfigFile, &'a Path)> {
    let mut actrc = Vec::new();
    if let Some(folder) = environment.act_config_dir() {
        actrc.push((folder.join("act").join("actrc"), calling));
    }
    if let Some(home) = environment.home() {
        actrc.push((home.join(".actrc"), calling));
    }
    let user_files = actrc.len();
    actrc.push((root.join(".actrc"), root));
    actrc.push((calling.join(".actrc"), calling));

    let mut files = Vec::new();
    for (index, (path, base)) in actrc.iter().enumerate() {
        if index == user_files
            && let Some(folder) = environment.config_dir()
        {
            files.push((
                ConfigFile::Toml(folder.join("lrun").join("lrun.toml")),
                root,
            ));
        }
        // One file may stand in several places: the last of them counts.
        if !actrc[index + 1..].iter().any(|(other, _)| other == path) {
            files.push((ConfigFile::Actrc(path.clone()), *base));
        }
    }
    files.push((ConfigFile::Toml(root.join("lrun.toml")), root));
    files
}
