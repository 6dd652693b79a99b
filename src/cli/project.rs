//! The project that a command works on: its workflows, its repository, and who runs it.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::environment::Environment;
use super::error::CliError;
use super::settings::{Settings, WorkflowChoice};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::plan::select::{self, Candidate, State};
use crate::repo::{GitEnv, Identity, IdentityRequest, JobView, Repo};
use crate::workflow::{ReadOptions, Reading, Triggers, Workflow, load, read_workflow};

/// Fewer files are read faster than threads start.
const MANY: usize = 20;

/// Where workflows lie, below the root.
pub const FOLDER: &str = ".github/workflows";

/// A workflow file and what reading it gave.
#[derive(Debug)]
pub struct WorkflowFile {
    /// Relative to the root, with `/`.
    pub path: String,
    pub workflow: Option<Arc<Workflow>>,
    pub triggers: Option<Triggers>,
    pub diagnostics: Vec<Diagnostic>,
}

impl WorkflowFile {
    /// Reads a file that people know as `display`.
    pub fn read(path: &Path, display: String, options: &ReadOptions) -> Self {
        match load(path, &display) {
            Ok(source) => Self::of(display, read_workflow(source, options)),
            Err(diagnostic) => Self {
                path: display,
                workflow: None,
                triggers: None,
                diagnostics: vec![diagnostic],
            },
        }
    }

    fn of(path: String, reading: Reading) -> Self {
        Self {
            path,
            workflow: reading.workflow,
            triggers: reading.triggers,
            diagnostics: reading.diagnostics,
        }
    }

    /// The file as selection sees it.
    pub fn candidate(&self) -> Candidate<'_> {
        Candidate {
            file: &self.path,
            state: match &self.workflow {
                Some(workflow) => State::Valid(workflow),
                None => State::Broken {
                    on: self.triggers.as_ref(),
                    jobs: Vec::new(),
                },
            },
        }
    }
}

/// How files of this project are read.
pub fn read_options(settings: &Settings) -> ReadOptions {
    ReadOptions {
        angle_delimiters: settings.angle_delimiters,
        ..ReadOptions::default()
    }
}

/// The chosen workflow files, in the order of their paths.
pub fn workflow_paths(settings: &Settings) -> Result<Vec<PathBuf>, CliError> {
    match &settings.workflows {
        WorkflowChoice::All => files_in(&settings.root.join(FOLDER)),
        WorkflowChoice::Folder { path } => files_in(path),
        WorkflowChoice::File { path, .. } => Ok(vec![path.clone()]),
    }
}

/// Reads the chosen workflow files.
pub fn workflows(settings: &Settings) -> Result<Vec<WorkflowFile>, CliError> {
    let paths = workflow_paths(settings)?;
    let options = read_options(settings);
    let read = |paths: &[PathBuf]| -> Vec<WorkflowFile> {
        paths
            .iter()
            .map(|path| WorkflowFile::read(path, display(path, &settings.root), &options))
            .collect()
    };
    if paths.len() < MANY {
        return Ok(read(&paths));
    }
    // Reading keeps the processor busy, not the disk.
    let readers = std::thread::available_parallelism().map_or(1, NonZero::get);
    Ok(std::thread::scope(|scope| {
        let parts = paths.chunks(paths.len().div_ceil(readers));
        let running: Vec<_> = parts.map(|part| scope.spawn(|| read(part))).collect();
        running
            .into_iter()
            .flat_map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    }))
}

/// The `*.yml` and `*.yaml` of a folder, not of those below it, as GitHub reads them.
pub fn files_in(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(CliError::new(format!(
                "can not read {}: {error}",
                folder.display()
            )));
        }
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            // A fifo of that name would hold every command for ever.
            path.is_file()
                && path
                    .extension()
                    .is_some_and(|extension| extension == "yml" || extension == "yaml")
        })
        .collect();
    files.sort();
    Ok(files)
}

/// A path as people and GitHub name it: relative to the root where it lies below.
pub fn display(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

/// Opens a called workflow of the own repository by its path from the root.
pub fn called_source(root: &Path, path: &str) -> Result<Arc<SourceFile>, Diagnostic> {
    load(&root.join(path), path)
}

/// How the workflows were chosen, for selection.
pub fn choice(settings: &Settings) -> select::Choice {
    match &settings.workflows {
        WorkflowChoice::All => select::Choice::All,
        WorkflowChoice::File {
            from_command_line: true,
            ..
        } => select::Choice::File,
        WorkflowChoice::File { .. } => select::Choice::Configured,
        WorkflowChoice::Folder { .. } => select::Choice::Folder,
    }
}

/// The repository that holds the root, as hooks and worktrees have it.
pub fn repository(
    settings: &Settings,
    environment: &Environment,
) -> Result<Option<Repo>, CliError> {
    let env = GitEnv::from_vars(&environment.folder, |name| {
        environment.get(name).map(std::ffi::OsString::from)
    });
    Repo::discover(&settings.root, &env).map_err(|error| CliError::new(chain(&error)))
}

/// Who runs what.
pub fn identity(
    settings: &Settings,
    environment: &Environment,
    repo: Option<&Repo>,
    guard: Option<&str>,
) -> Identity {
    let login = ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| environment.filled(name));
    let overridden = |name: &str| settings.github.get(name).map(String::as_str);
    Identity::of(
        repo,
        &IdentityRequest {
            root: Some(&settings.root),
            remote_name: settings.remote_name.as_deref(),
            default_branch: settings.default_branch.as_deref(),
            actor: settings.actor.as_deref().or(guard),
            server: settings
                .github_instance
                .as_deref()
                .or_else(|| overridden("GITHUB_SERVER_URL")),
            repository: overridden("GITHUB_REPOSITORY"),
            login,
        },
    )
}

/// Tells repositories of one name apart: those without a remote are named after their folders only.
pub fn key(repository: &str, root: &Path) -> String {
    if !repository.starts_with("local/") {
        return repository.to_owned();
    }
    let digest = Sha256::digest(root.to_string_lossy().as_bytes());
    format!("{repository}@{}", hex::encode(&digest[..4]))
}

/// This project's own key.
pub fn key_of(settings: &Settings, environment: &Environment) -> Result<String, CliError> {
    let repo = repository(settings, environment)?;
    let identity = identity(settings, environment, repo.as_ref(), None);
    Ok(key(&identity.repository, &settings.root))
}

/// The refs whose caches a push from here would see.
pub fn scopes(settings: &Settings, environment: &Environment) -> Result<Vec<String>, CliError> {
    let repo = repository(settings, environment)?;
    let identity = identity(settings, environment, repo.as_ref(), None);
    let default = format!("refs/heads/{}", identity.default_branch);
    let own =
        repo.map(|repo| repo.current_ref(identity.remote.as_deref(), &identity.default_branch));
    let mut scopes: Vec<String> = own.into_iter().collect();
    if !scopes.contains(&default) {
        scopes.push(default);
    }
    Ok(scopes)
}

/// What of the repository jobs see.
pub fn view(settings: &Settings, repo: Option<&Repo>) -> JobView {
    let top_level = repo.map_or(settings.root.as_path(), Repo::top_level);
    JobView {
        content: settings.content,
        withheld: settings
            .private_files
            .iter()
            .map(|path| display(path, top_level))
            .collect(),
        within: repo.and_then(|repo| repo.prefix_of(&settings.root)),
    }
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
