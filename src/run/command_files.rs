//! The command files of one step: made empty before it, read after it (SPEC K-40).

use std::io;
use std::path::{Path, PathBuf};

use super::file_command::{self, Kind};
use super::paths::Paths;
use super::state::Effects;
use crate::event::Level;
use crate::executor::files::{Files, Op, Outcome};
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
    /// Makes fresh, empty files, and writes the event's payload anew.
    pub fn create(
        files: &dyn Files,
        (folder, paths): (&Path, &Paths),
        (event, payload): (&Path, &[u8]),
    ) -> io::Result<Self> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let mut ops = vec![Op::Write {
            path: event.to_owned(),
            mode: 0o644,
            bytes: payload.to_owned(),
        }];
        // The user of one container is seldom that of another.
        let mode = if paths.is_plain() { 0o644 } else { 0o666 };
        let mut make = |prefix: &str| {
            let path = folder.join(format!("{prefix}{id}"));
            ops.push(Op::Write {
                path: path.clone(),
                mode,
                bytes: Vec::new(),
            });
            path
        };
        let own = Self {
            env: make("set_env_"),
            path: make("add_path_"),
            output: make("set_output_"),
            state: make("save_state_"),
            summary: make("step_summary_"),
            shown: paths.shown(folder),
        };
        let outcomes = files.perform(ops);
        outcomes.into_iter().collect::<io::Result<Vec<_>>>()?;
        Ok(own)
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
    pub fn collect(&self, files: &dyn Files, effects: &mut Effects) -> Written {
        let mut written = Written::default();
        let paths = [
            &self.env,
            &self.output,
            &self.state,
            &self.path,
            &self.summary,
        ];
        let ops = paths.map(|path| Op::Take(path.clone()));
        let mut outcomes = files.perform(ops.into()).into_iter();
        for kind in [Kind::Env, Kind::Output, Kind::State] {
            let Some(bytes) = taken(outcomes.next(), kind.name(), &mut written) else {
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
        if let Some(bytes) = taken(outcomes.next(), "path", &mut written) {
            effects.path.extend(file_command::parse_path(&bytes));
        }
        if let Some(bytes) = taken(outcomes.next(), "step_summary", &mut written) {
            match file_command::summary_error(bytes.len() as u64) {
                Some(error) => written.notes.push((Level::Error, error)),
                None => written.summary = Some(file_command::decode(&bytes).into_owned()),
            }
        }
        effects.failed |= !written.failures.is_empty();
        written
    }
}

/// The bytes of a file, unless it is empty. A file that the step removed is an empty one.
fn taken(outcome: Option<Outcome>, name: &str, written: &mut Written) -> Option<Vec<u8>> {
    match outcome? {
        Ok(bytes) => (!bytes.is_empty()).then_some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let failures = file_command::unprocessed(name, error.to_string());
            written.failures.extend(failures);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::files::Disk;

    #[test]
    fn what_is_no_file_fails_the_step_and_is_not_read() {
        // SPEC K-40: /dev/zero and a pipe without a writer never end.
        let folder = tempfile::tempdir().unwrap();
        let files = CommandFiles::create(
            &Disk,
            (folder.path(), &Paths::default()),
            (&folder.path().join("event.json"), b"{}"),
        )
        .unwrap();
        for path in [&files.env, &files.summary, &files.output] {
            std::fs::remove_file(path).unwrap();
        }
        std::os::unix::fs::symlink("/dev/zero", &files.env).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &files.summary).unwrap();
        std::fs::create_dir(&files.output).unwrap();
        let mut effects = Effects::default();
        let written = files.collect(&Disk, &mut effects);
        assert!(effects.failed);
        assert_eq!(written.failures.len(), 6, "{:?}", written.failures);
        assert!(written.summary.is_none());
    }
}
