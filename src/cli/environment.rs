//! What the process finds around itself, injected so that tests can bring their own.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

/// Variables, folder and streams of the process.
#[derive(Clone, Default)]
pub struct Environment {
    pub variables: BTreeMap<String, String>,
    pub folder: PathBuf,
    pub stdin_is_terminal: bool,
    pub stdout_is_terminal: bool,
    pub stderr_is_terminal: bool,
}

impl std::fmt::Debug for Environment {
    /// Leaves the variables out: their values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> io::Result<Self> {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Ok(Self {
            variables: std::env::vars_os()
                .map(|(name, value)| (lossy(name), lossy(value)))
                .collect(),
            folder: std::env::current_dir()?,
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
        })
    }

    /// A variable, set or set to nothing.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A variable that says something.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub fn home(&self) -> Option<PathBuf> {
        let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.filled(name).map(PathBuf::from)
    }

    /// Where lrun's user settings lie.
    pub fn config_dir(&self) -> Option<PathBuf> {
        self.base("XDG_CONFIG_HOME", ".config")
    }

    /// Where act's user settings lie.
    pub fn act_config_dir(&self) -> Option<PathBuf> {
        let default = if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".config"
        };
        self.base("XDG_CONFIG_HOME", default)
    }

    /// Where things lie that can be made again.
    pub fn cache_dir(&self) -> PathBuf {
        self.own("XDG_CACHE_HOME", ".cache")
    }

    /// Where records lie.
    pub fn data_dir(&self) -> PathBuf {
        self.own("XDG_DATA_HOME", ".local/share")
    }

    /// Puts the user's home in the place of a leading `~/`.
    pub fn expand_home(&self, value: &str) -> String {
        match (value.strip_prefix("~/"), self.home()) {
            (Some(rest), Some(home)) => home.join(rest).to_string_lossy().into_owned(),
            _ => value.to_owned(),
        }
    }

    fn base(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        self.filled(variable)
            .map(PathBuf::from)
            // A relative path there means nothing (XDG base directory specification).
            .filter(|path| path.is_absolute())
            .or_else(|| Some(self.home()?.join(below_home)))
    }

    fn own(&self, variable: &str, below_home: &str) -> PathBuf {
        self.base(variable, below_home)
            .unwrap_or_else(std::env::temp_dir)
            .join("lrun")
    }
}
