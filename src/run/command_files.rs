//! The command files of one step: made empty before it, read after it (SPEC K-40).

use std::io;
use std::path::{Path, PathBuf};

use super::file_command::{self, Kind};
use super::paths::Paths;
use super::state::Effects;
use crate::event::Level;
use crate::expr::{Object, Value};

/// Paths of the files that a step may write to.
#[derive(Debug, Clone)]
pub(super) struct CommandFiles {
    env: PathBuf,
    path: PathBuf,
    output: PathBuf,
    state: PathBuf,
    summary: PathBuf,
    /// The folder as expressions have it.
    shown: PathBuf,
}

/// The user of a container is seldom this one.
fn open_file_to_all(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))
}

/// What the files held.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub summary: Option<String>,
    /// Messages that fail nothing.
    pub notes: Vec<(Level, String)>,
    /// Errors to show; where there are some, the step fails.
    pub failures: Vec<String>,
}

impl CommandFiles {
    /// Makes fresh, empty files.
    pub fn create(folder: &Path, paths: &Paths) -> io::Result<Self> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let make = |prefix: &str| {
            let path = folder.join(format!("{prefix}{id}"));
            std::fs::File::create_new(&path)?;
            if !paths.is_plain() {
                open_file_to_all(&path)?;
            }
            Ok::<_, io::Error>(path)
        };
        Ok(Self {
            env: make("set_env_")?,
            path: make("add_path_")?,
            output: make("set_output_")?,
            state: make("save_state_")?,
            summary: make("step_summary_")?,
            shown: paths.shown(folder),
        })
    }

    /// Puts the paths into the `github` context.
    pub fn apply(&self, github: &mut Object) {
        for (field, path) in [
            ("env", &self.env),
            ("path", &self.path),
            ("output", &self.output),
            ("state", &self.state),
            ("step_summary", &self.summary),
        ] {
            let path = self.shown.join(path.file_name().unwrap_or_default());
            github.insert(field, Value::string(path.to_string_lossy().as_ref()));
        }
    }

    /// Reads what the step wrote, and removes the files.
    pub fn collect(&self, effects: &mut Effects) -> Written {
        let mut written = Written::default();
        for (path, kind) in [
            (&self.env, Kind::Env),
            (&self.output, Kind::Output),
            (&self.state, Kind::State),
        ] {
            let Some(bytes) = take(path, kind.name(), &mut written) else {
                continue;
            };
            let read = file_command::parse_pairs(&bytes, kind);
            written.notes.extend(read.notes);
            written.failures.extend(read.failures);
            match kind {
                Kind::Env => effects.env.extend(read.pairs),
                Kind::Output => effects.outputs.extend(read.pairs),
                Kind::State => effects.state.extend(read.pairs),
            }
        }
        if let Some(bytes) = take(&self.path, "path", &mut written) {
            effects.path.extend(file_command::parse_path(&bytes));
        }
        if let Some(bytes) = take(&self.summary, "step_summary", &mut written) {
            match file_command::summary_error(bytes.len() as u64) {
                Some(error) => written.notes.push((Level::Error, error)),
                None => written.summary = Some(file_command::decode(&bytes).into_owned()),
            }
        }
        effects.failed |= !written.failures.is_empty();
        written
    }
}

/// The bytes of a file, unless it is empty; it is gone afterwards. A file that the step removed is an empty one.
fn take(path: &Path, name: &str, written: &mut Written) -> Option<Vec<u8>> {
    // Most steps write to none of their files.
    let read = || match std::fs::metadata(path)? {
        file if file.is_file() && file.len() == 0 => Ok(Vec::new()),
        file if file.is_file() => std::fs::read(path),
        file if file.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // A pipe or a device that a step put there would be read for ever.
        _ => Err(io::Error::other("not a regular file")),
    };
    let bytes = match read() {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            written
                .failures
                .extend(file_command::unprocessed(name, error.to_string()));
            return None;
        }
    };
    if let Err(error) = std::fs::remove_file(path) {
        let text = format!(
            "can not remove the command file {}: {error}",
            path.display()
        );
        written.notes.push((Level::Warning, text));
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_fails_the_step_and_is_not_read() {
        // SPEC K-40: /dev/zero and a pipe without a writer never end.
        let folder = tempfile::tempdir().unwrap();
        let files = CommandFiles::create(folder.path(), &Paths::default()).unwrap();
        for path in [&files.env, &files.summary, &files.output] {
            std::fs::remove_file(path).unwrap();
        }
        std::os::unix::fs::symlink("/dev/zero", &files.env).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &files.summary).unwrap();
        std::fs::create_dir(&files.output).unwrap();
        let mut effects = Effects::default();
        let written = files.collect(&mut effects);
        assert!(effects.failed);
        assert_eq!(written.failures.len(), 6, "{:?}", written.failures);
        assert!(written.summary.is_none());
    }
}
