//! `lrun lock`, and what a run asks of the lock file before it starts.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::{self, CheckFormat};
use super::environment::Environment;
use super::error::CliError;
use super::run::colors;
use super::settings::{Format, Secret, Settings, WorkflowChoice};
use super::{complain_with, print, project, prompt};
use crate::action::lock::{
    Api, Completed, Completion, Git, Lock, PATH, WorkflowUses, complete, save, verify,
};
use crate::diagnostic::{Diagnostic, Severity};
use crate::report::wording::counted;
use crate::workflow::{Workflow, load};

/// The lock file as a run sees it.
#[derive(Debug, Default)]
pub struct Gate {
    pub lock: Option<Lock>,
    /// Paths of the workflows that run locked commits.
    pub locked: HashSet<String>,
    /// An error among them, and nothing may run.
    pub diagnostics: Vec<Diagnostic>,
}

/// Holds the workflows that are about to run against the lock file (SPEC A-6).
pub fn gate<'w>(
    settings: &Settings,
    workflows: impl IntoIterator<Item = &'w Arc<Workflow>>,
) -> Gate {
    let mut gate = Gate::default();
    match Lock::load(&settings.root) {
        Ok(lock) => gate.lock = lock,
        Err(errors) => {
            gate.diagnostics = errors;
            return gate;
        }
    }
    let empty = Lock::default();
    let lock = gate.lock.as_ref().unwrap_or(&empty);
    for workflow in workflows {
        let path = &workflow.source.path;
        if !settings.locked && !lock.is_onboarded(path) {
            continue;
        }
        let uses = WorkflowUses::of(&settings.root, &workflow.source);
        gate.diagnostics
            .extend(lock.check_before_run(&uses, settings.locked));
        gate.locked.insert(path.clone());
    }
    gate
}

/// Writes the lock file, or says how it stands.
pub fn run(
    mut settings: Settings,
    environment: &Environment,
    words: &[String],
) -> Result<u8, CliError> {
    let wish = settings.lock;
    if wish.relock && (wish.check || wish.verify) {
        return Err(CliError::new(
            "`--relock` writes the lock file, `--check` and `--verify` only look at it",
        ));
    }
    let needs_network = wish.verify || !wish.check;
    if needs_network && settings.offline {
        let error = CliError::new("`lrun lock` needs the network, and `--offline` forbids it");
        return Err(error.hint("`lrun lock --check` needs none"));
    }
    let workflows = Workflows::read(&settings, words)?;
    let old = match Lock::load(&settings.root) {
        Ok(lock) => lock,
        Err(errors) => return tell(&settings, &errors, ""),
    };
    let mut found = Vec::new();
    if wish.check {
        found.extend(coverage(&settings, &workflows, old.as_ref()));
    }
    if needs_network {
        prompt::take_token(&mut settings, environment)?;
    }
    let network = if needs_network {
        Some(Network::new(&settings, environment)?)
    } else {
        None
    };
    match network {
        Some(network) if wish.verify => {
            let old = old.as_ref().ok_or_else(no_file)?;
            found.extend(verify(old, &network.git));
            let all = format!("The refs of {} name what is locked", pins(old));
            tell(&settings, &found, &all)
        }
        Some(network) => write(&settings, &workflows, old, &network),
        None => {
            let all = format!(
                "{PATH} covers {}",
                counted(workflows.uses.len(), "workflow")
            );
            tell(&settings, &found, &all)
        }
    }
}

fn no_file() -> CliError {
    CliError::new(format!("there is no {PATH}")).hint("`lrun lock` makes one")
}

fn pins(lock: &Lock) -> String {
    counted(lock.dependencies.len(), "pin")
}

/// Prints the findings, or that there are none; gives the exit code.
fn tell(settings: &Settings, found: &[Diagnostic], all_well: &str) -> Result<u8, CliError> {
    let format = match settings.format {
        Format::Json => CheckFormat::Json,
        Format::Sarif => CheckFormat::Sarif,
        Format::Github => CheckFormat::Github,
        _ => CheckFormat::Text,
    };
    let code = check::exit_code(found);
    if format != CheckFormat::Text {
        let colors = colors(settings.color, false);
        print(check::render(found, format, colors).as_bytes())?;
        return Ok(code);
    }
    let shown: Vec<Diagnostic> = found
        .iter()
        .filter(|one| one.is_error() || !settings.quiet)
        .cloned()
        .collect();
    let colors = colors(settings.color, console::Term::stderr().is_term());
    complain_with(&check::render(&shown, format, colors));
    if code == 0 && !settings.quiet && !all_well.is_empty() {
        print(format!("{all_well}\n").as_bytes())?;
    }
    Ok(code)
}

/// The workflows that are asked about.
struct Workflows {
    uses: Vec<WorkflowUses>,
    /// These are all that the project has.
    is_whole: bool,
    root: PathBuf,
}

impl Workflows {
    fn read(settings: &Settings, words: &[String]) -> Result<Self, CliError> {
        let folder = settings.root.join(project::FOLDER);
        let mut is_whole = words.is_empty() && settings.workflows == WorkflowChoice::All;
        let mut paths = Vec::new();
        if words.is_empty() {
            paths = project::workflow_paths(settings)?;
        }
        for word in words {
            let path = settings.calling.join(word);
            if !path.is_dir() {
                paths.push(path);
            } else if path.canonicalize().ok() == folder.canonicalize().ok() {
                is_whole = true;
            } else {
                paths.extend(project::files_in(&path)?);
            }
        }
        if is_whole {
            paths = project::files_in(&folder)?;
        }
        let root = settings
            .root
            .canonicalize()
            .unwrap_or(settings.root.clone());
        let mut seen = HashSet::new();
        let mut uses = Vec::new();
        for path in paths {
            let key = key(&path, &root);
            // A hook names every file that changed, the lock file among them.
            if key == PATH || !seen.insert(key.clone()) {
                continue;
            }
            uses.push(match load(&path, &key) {
                Ok(source) => WorkflowUses::of(&root, &source),
                Err(error) => WorkflowUses::unreadable(&key, error),
            });
        }
        Ok(Self {
            uses,
            is_whole,
            root,
        })
    }

    fn exist(&self, path: &str) -> bool {
        self.root.join(path).is_file()
    }
}

/// The path of a workflow from the root, as the lock file has it.
fn key(path: &Path, root: &Path) -> String {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    let path = match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    };
    project::display(&path, root)
}

/// Coverage from the workflows and the file alone.
fn coverage(settings: &Settings, workflows: &Workflows, lock: Option<&Lock>) -> Vec<Diagnostic> {
    let empty = Lock::default();
    let lock = lock.unwrap_or(&empty);
    let mut found = Vec::new();
    for uses in &workflows.uses {
        found.extend(lock.check_workflow(uses));
    }
    if workflows.is_whole {
        found.extend(lock.stale_workflows(|path| workflows.exist(path)));
    }
    // That refs may move is for those who ask.
    let all = settings.verbose || settings.format != Format::Text;
    found.retain(|one| all || one.severity > Severity::Note || one.code == "stale-workflow");
    found
}

/// Who answers what the files do not say.
struct Network {
    git: Git,
    api: Api,
}

impl Network {
    fn new(settings: &Settings, environment: &Environment) -> Result<Self, CliError> {
        let repo = project::repository(settings, environment)?;
        let identity = project::identity(settings, environment, repo.as_ref(), None);
        let server = identity.server_url.clone();
        let api = settings
            .api_url
            .clone()
            .or_else(|| settings.github.get("GITHUB_API_URL").cloned())
            .unwrap_or_else(|| identity.api_url());
        let token = settings.secrets.get("GITHUB_TOKEN");
        let git = Git::new(&server, environment.variables.clone())
            .map_err(|error| CliError::new(error.to_string()))?;
        Ok(Self {
            git,
            api: Api::new(&api, token.map(Secret::expose)),
        })
    }
}

fn write(
    settings: &Settings,
    workflows: &Workflows,
    old: Option<Lock>,
    network: &Network,
) -> Result<u8, CliError> {
    let before = old
        .as_ref()
        .map(|_| std::fs::read(settings.root.join(PATH)));
    let old = old.unwrap_or_default();
    let completed = complete(&Completion {
        old: &old,
        workflows: &workflows.uses,
        is_whole: workflows.is_whole,
        relock: settings.lock.relock,
        refs: &network.git,
        manifests: &network.git,
        ids: &network.api,
        now: jiff::Timestamp::now().as_second(),
    });
    let Completed { lock, fresh, notes } = match completed {
        Ok(completed) => completed,
        Err(mut problems) => {
            if let Some(last) = problems.last_mut() {
                last.help.push(format!("nothing was written to {PATH}"));
            }
            return tell(settings, &problems, "");
        }
    };
    let text = lock.text();
    if matches!(&before, Some(Ok(bytes)) if bytes == text.as_bytes()) {
        return tell(settings, &notes, &format!("{PATH} is up to date"));
    }
    if before.is_none() && lock.workflows.is_empty() {
        return tell(settings, &notes, "There is nothing to lock");
    }
    save(&settings.root, &lock)
        .map_err(|error| CliError::new(format!("can not write {PATH}: {error}")))?;
    let all = if lock.workflows.is_empty() {
        format!("Removed {PATH}: nothing is locked any more")
    } else {
        format!(
            "Wrote {PATH}: {} for {}, {} looked up",
            pins(&lock),
            counted(lock.workflows.len(), "workflow"),
            fresh.len()
        )
    };
    tell(settings, &notes, &all)
}
