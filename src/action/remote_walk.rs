//! From workflows to all that they use: steps, composite actions, called workflows, round by round.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::remote::{Origin, Pins, RemoteActions, Root, Served};
use super::{FetchError, Reference, Runs, WorkflowReference, find_manifest, read_manifest};
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::workflow::{
    JobKind, ReadOptions, Reading, Spanned, Step, StepKind, Token, Workflow, load, read_workflow,
};

/// Code of the diagnostic for a called workflow that its repository does not have.
pub const NO_WORKFLOW: &str = "called-workflow";

/// Nesting of actions (SPEC A-4) and of workflows (SPEC U-1).
const MAX_DEPTH: usize = 10;

/// The text of a `uses`, with what it means there.
struct Need {
    uses: Use,
    /// Where it stands.
    source: Arc<SourceFile>,
    span: Span,
    text: String,
    from: From,
}

enum Use {
    Action(Reference),
    Workflow(WorkflowReference),
}

/// What a `uses` inherits from the file that it stands in.
#[derive(Clone)]
struct From {
    origin: Option<Arc<Origin>>,
    pins: Option<Pins>,
    depth: usize,
    /// The place in the user's own workflow that leads here.
    top: Option<String>,
}

struct Walk<'a> {
    remote: &'a RemoteActions,
    served: Served<'a>,
    /// Depth at which an action or workflow was opened last; only a deeper one can find anything new.
    opened: HashMap<(PathBuf, bool), usize>,
    found: Vec<Diagnostic>,
}

pub(super) fn walk(
    remote: &RemoteActions,
    roots: &[Root<'_>],
    served: Served<'_>,
) -> Vec<Diagnostic> {
    let mut walk = Walk {
        remote,
        served,
        opened: HashMap::new(),
        found: Vec::new(),
    };
    let mut needs = Vec::new();
    for root in roots {
        let from = From {
            origin: None,
            pins: root.pins.clone(),
            depth: 0,
            top: None,
        };
        walk.workflow(root.workflow, root.jobs, &from, &mut needs);
    }
    while !needs.is_empty() {
        remote.fetch_all(&wanted(&needs));
        let mut next = Vec::new();
        for need in &needs {
            walk.open(need, &mut next);
        }
        needs = next;
    }
    walk.found
}

/// Repository and path of the called workflow that a job's `uses` names, unless it is of the own repository.
pub(super) fn called_workflow(
    origin: Option<&Origin>,
    pins: Option<&Pins>,
    uses: &str,
) -> Option<(Origin, String)> {
    target_of(&uses.parse().ok()?, origin, pins)
}

/// What the path of a called workflow goes by.
pub(super) fn key(origin: &Origin, path: &str) -> String {
    let name = format!("{}/{}", origin.owner, origin.repo).to_ascii_lowercase();
    format!("{name}/{path}@{}", origin.git_ref)
}

fn target_of(
    reference: &WorkflowReference,
    origin: Option<&Origin>,
    pins: Option<&Pins>,
) -> Option<(Origin, String)> {
    match reference {
        // Both are the repository of the file that says so (SPEC U-2).
        WorkflowReference::Local(path) | WorkflowReference::SelfRepository(path) => {
            Some((origin?.clone(), path.clone()))
        }
        WorkflowReference::Remote {
            owner,
            repo,
            path,
            git_ref,
        } => Some((Origin::pinned(owner, repo, git_ref, pins), path.clone())),
    }
}

/// The distinct repositories and refs of these needs.
fn wanted(needs: &[Need]) -> Vec<Origin> {
    let mut wanted: Vec<Origin> = Vec::new();
    for need in needs {
        if let Some(one) = need.repository()
            && !wanted.contains(&one)
        {
            wanted.push(one);
        }
    }
    wanted
}

impl Need {
    /// The repository and ref that it asks for, as pinned.
    fn repository(&self) -> Option<Origin> {
        let (Use::Action(Reference::Remote {
            owner,
            repo,
            git_ref,
            ..
        })
        | Use::Workflow(WorkflowReference::Remote {
            owner,
            repo,
            git_ref,
            ..
        })) = &self.uses
        else {
            return None;
        };
        Some(Origin::pinned(
            owner,
            repo,
            git_ref,
            self.from.pins.as_ref(),
        ))
    }

    fn problem(&self, code: &'static str, message: String) -> Diagnostic {
        let problem = Diagnostic::error(code, message).at(&self.source, self.span);
        match &self.from.top {
            Some(top) => problem.help(format!("it is used because of {top}")),
            None => problem,
        }
    }

    fn unavailable(&self, error: &FetchError) -> Diagnostic {
        let problem = self.problem("unavailable", error.message(&self.text));
        match error.help() {
            Some(help) => problem.help(help),
            None => problem,
        }
    }

    /// What the uses in the file that this one leads to inherit.
    fn below(&self, origin: Option<Origin>) -> From {
        let top = self.from.top.clone().unwrap_or_else(|| {
            let at = self.source.position(self.span.start);
            format!("{}:{}:{}", self.source.path, at.line, at.column)
        });
        From {
            origin: origin.map(Arc::new),
            pins: self.from.pins.clone(),
            depth: self.from.depth + 1,
            top: Some(top),
        }
    }
}

impl Walk<'_> {
    fn workflow(
        &self,
        workflow: &Workflow,
        jobs: Option<&[String]>,
        from: &From,
        needs: &mut Vec<Need>,
    ) {
        let counts =
            |id: &str| jobs.is_none_or(|jobs| jobs.iter().any(|job| job.eq_ignore_ascii_case(id)));
        for job in workflow.jobs.values().filter(|job| counts(&job.id)) {
            match &job.kind {
                JobKind::Steps(job) => {
                    // The depth of actions starts anew in each workflow.
                    let from = From {
                        depth: 0,
                        ..from.clone()
                    };
                    self.steps(&job.steps, &workflow.source, &from, needs);
                }
                JobKind::Call(call) => {
                    let uses = call.uses.value.parse().ok().map(Use::Workflow);
                    needs.extend(uses.map(|uses| need(uses, &call.uses, &workflow.source, from)));
                }
            }
        }
    }

    fn steps(&self, steps: &[Step], source: &Arc<SourceFile>, from: &From, needs: &mut Vec<Need>) {
        for step in steps {
            match &step.kind {
                StepKind::Uses { uses, with } => {
                    needs.extend(self.step(uses, with.as_ref(), source, from));
                }
                StepKind::Parallel(steps) => self.steps(steps, source, from, needs),
                _ => {}
            }
        }
    }

    fn step(
        &self,
        uses: &Spanned<String>,
        with: Option<&Token>,
        source: &Arc<SourceFile>,
        from: &From,
    ) -> Option<Need> {
        let reference: Reference = uses.value.parse().ok()?;
        let open = !matches!(reference, Reference::Docker(_)) && !(self.served)(&reference, with);
        open.then(|| need(Use::Action(reference), uses, source, from))
    }

    fn open(&mut self, need: &Need, next: &mut Vec<Need>) {
        match &need.uses {
            Use::Action(reference) => self.open_action(need, reference, next),
            Use::Workflow(reference) => self.open_workflow(need, reference, next),
        }
    }

    fn open_action(&mut self, need: &Need, reference: &Reference, next: &mut Vec<Need>) {
        let root = &self.remote.options().root;
        let (folder, origin, path) = match reference {
            Reference::Docker(_) => return,
            // The workspace, as far as it is known now; a step may still change it.
            Reference::Local(path) => (root.clone(), None, Some(path)),
            Reference::SelfRepository(path) => {
                let origin = need.from.origin.as_deref();
                match origin.map(|origin| self.folder(origin)) {
                    Some(Some(folder)) => (folder, origin.cloned(), Some(path)),
                    Some(None) => return,
                    None => (root.clone(), None, Some(path)),
                }
            }
            Reference::Remote { path, .. } => match self.fetched(need) {
                Some((folder, origin)) => (folder, Some(origin), path.as_ref()),
                None => return,
            },
        };
        let folder = path.map_or(folder.clone(), |path| folder.join(path));
        if self.is_new(&folder, need) {
            self.action(need, &folder, origin, next);
        }
    }

    /// Whether it has not been opened at this depth or deeper.
    fn is_new(&mut self, place: &Path, need: &Need) -> bool {
        let depth = need.from.depth;
        let key = (place.to_owned(), need.from.pins.is_some());
        let new = self.opened.get(&key).is_none_or(|last| *last < depth);
        if new {
            self.opened.insert(key, depth);
        }
        new
    }

    /// What an action needs; one that can not be read says so when it is to run.
    fn action(&self, need: &Need, folder: &Path, origin: Option<Origin>, next: &mut Vec<Need>) {
        let options = match &origin {
            Some(_) => foreign(),
            None => self.remote.options().read,
        };
        let Some(path) = find_manifest(folder) else {
            return;
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.ends_with(".yml") && !name.ends_with(".yaml") {
            return;
        }
        let display = format!("{}/{name}", need.text.trim_end_matches('/'));
        let Ok(source) = load(&path, &display) else {
            return;
        };
        let Ok((manifest, _)) = read_manifest(source, &options) else {
            return;
        };
        match &manifest.runs {
            Runs::Node(node) => self.remote.add_node(node.version),
            Runs::Composite { steps } if need.from.depth + 1 < MAX_DEPTH => {
                self.steps(steps, &manifest.source, &need.below(origin), next);
            }
            // One that nests too deep makes its leg unavailable (SPEC A-4).
            Runs::Composite { .. } | Runs::Docker(_) => {}
        }
    }

    fn open_workflow(&mut self, need: &Need, reference: &WorkflowReference, next: &mut Vec<Need>) {
        let (origin, pins) = (need.from.origin.as_deref(), need.from.pins.as_ref());
        // Those of the own repository are roots themselves.
        let Some((target, path)) = target_of(reference, origin, pins) else {
            return;
        };
        let folder = match reference {
            WorkflowReference::Local(_) | WorkflowReference::SelfRepository(_) => {
                self.folder(&target)
            }
            WorkflowReference::Remote { .. } => self.fetched(need).map(|(folder, _)| folder),
        };
        let Some(file) = folder.map(|folder| folder.join(&path)) else {
            return;
        };
        if need.from.depth + 1 >= MAX_DEPTH || !self.is_new(&file, need) {
            return;
        }
        let reading = self.read_workflow(&file, key(&target, &path));
        match reading {
            Ok(reading) => {
                if let Some(workflow) = &reading.workflow {
                    self.workflow(workflow, None, &need.below(Some(target)), next);
                }
            }
            Err(error) => {
                let message = format!(
                    "error parsing called workflow \"{}\": workflow was not found.",
                    need.text
                );
                let problem = need.problem(NO_WORKFLOW, message);
                self.found.push(problem.help(error));
            }
        }
    }

    fn read_workflow(&self, file: &Path, key: String) -> Result<Arc<Reading>, String> {
        if let Some(known) = self.remote.workflows().get(&key) {
            return Ok(Arc::clone(known));
        }
        let source = load(file, &key).map_err(|error| error.message)?;
        let reading = Arc::new(read_workflow(source, &foreign()));
        self.remote.add_workflow(key, Arc::clone(&reading));
        Ok(reading)
    }

    /// The files of a remote reference and where they come from; complains if they are not to be had.
    fn fetched(&mut self, need: &Need) -> Option<(PathBuf, Origin)> {
        let origin = need.repository()?;
        match self
            .remote
            .fetch(&origin.owner, &origin.repo, &origin.git_ref)
        {
            Ok(fetched) => Some((fetched.folder, origin)),
            Err(error) => {
                self.found.push(need.unavailable(&error));
                None
            }
        }
    }

    fn folder(&self, origin: &Origin) -> Option<PathBuf> {
        self.remote
            .folder(&origin.owner, &origin.repo, &origin.git_ref)
    }
}

/// `$<< >>` counts in the own repository only.
fn foreign() -> ReadOptions {
    ReadOptions {
        angle_delimiters: false,
        ..ReadOptions::default()
    }
}

fn need(uses: Use, text: &Spanned<String>, source: &Arc<SourceFile>, from: &From) -> Need {
    Need {
        uses,
        source: Arc::clone(source),
        span: text.span,
        text: text.value.clone(),
        from: from.clone(),
    }
}
