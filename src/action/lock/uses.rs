//! What a workflow of the own repository uses: itself, through `$/` actions and through workflows that it calls.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use super::pin::{Pin, is_full_sha};
use super::walk::{self, Found};
use crate::action::find_manifest;
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::workflow::load;
use crate::workflow::reference::{Reference, WorkflowReference};

/// A `uses` that names another repository.
#[derive(Debug, Clone)]
pub struct RemoteUse {
    /// As written.
    pub owner: String,
    pub repo: String,
    /// Of the action or the workflow, in its repository.
    pub path: Option<String>,
    pub git_ref: String,
    /// A job calls it: it is a workflow.
    pub is_workflow: bool,
    pub file: Arc<SourceFile>,
    pub span: Span,
    /// The own workflow, called by this one, that says it.
    pub through: Option<String>,
}

impl RemoteUse {
    /// Reads an action's or a called workflow's `uses`; `None` where it names no other repository.
    pub fn parse(text: &str, by_job: bool, file: &Arc<SourceFile>, span: Span) -> Option<Self> {
        let (owner, repo, path, git_ref) = if by_job {
            match text.parse() {
                Ok(WorkflowReference::Remote {
                    owner,
                    repo,
                    path,
                    git_ref,
                }) => (owner, repo, Some(path), git_ref),
                _ => return None,
            }
        } else {
            match text.parse() {
                Ok(Reference::Remote {
                    owner,
                    repo,
                    path,
                    git_ref,
                }) => (owner, repo, path, git_ref),
                _ => return None,
            }
        };
        Some(Self {
            owner,
            repo,
            path,
            git_ref,
            is_workflow: by_job,
            file: Arc::clone(file),
            span,
            through: None,
        })
    }

    /// The remote `uses` of an action's manifest, or of a workflow.
    pub fn all_in(file: &Arc<SourceFile>) -> Result<Vec<Self>, Diagnostic> {
        let found = walk::uses_in(file)?;
        Ok(found
            .iter()
            .filter_map(|one| Self::parse(&one.text, one.by_job, file, one.span))
            .collect())
    }

    pub fn pin(&self) -> Pin {
        Pin::new(&self.owner, &self.repo, &self.git_ref)
    }

    pub fn is_sha(&self) -> bool {
        is_full_sha(&self.git_ref)
    }

    /// `owner/repo[/path]@ref`, as written.
    pub fn text(&self) -> String {
        let path = self
            .path
            .as_deref()
            .map_or(String::new(), |path| format!("/{path}"));
        format!("{}/{}{path}@{}", self.owner, self.repo, self.git_ref)
    }
}

/// A `./` action: it lies in the workspace, where no lock reaches.
#[derive(Debug, Clone)]
pub struct LocalUse {
    pub text: String,
    pub file: Arc<SourceFile>,
    pub span: Span,
}

/// All that the lock file has to know of a workflow.
#[derive(Debug, Clone, Default)]
pub struct WorkflowUses {
    /// Its path from the root: its key in the lock file.
    pub path: String,
    pub remote: Vec<RemoteUse>,
    pub local: Vec<LocalUse>,
    /// Files that can not be read, and so may use anything.
    pub problems: Vec<Diagnostic>,
}

impl WorkflowUses {
    /// Gathers the `uses` of a workflow of the repository at `root`.
    pub fn of(root: &Path, workflow: &Arc<SourceFile>) -> Self {
        let mut gatherer = Gatherer {
            root,
            uses: Self {
                path: workflow.path.clone(),
                ..Self::default()
            },
            seen: HashSet::from([workflow.path.clone()]),
            waiting: VecDeque::from([(Arc::clone(workflow), None)]),
        };
        while let Some((file, through)) = gatherer.waiting.pop_front() {
            gatherer.file(&file, through.as_deref());
        }
        gatherer.uses
    }

    /// A workflow file that can not be read at all.
    pub fn unreadable(path: &str, problem: Diagnostic) -> Self {
        Self {
            path: path.to_owned(),
            problems: vec![problem],
            ..Self::default()
        }
    }
}

struct Gatherer<'a> {
    root: &'a Path,
    uses: WorkflowUses,
    seen: HashSet<String>,
    /// Files to look into, with the called workflow that they belong to.
    waiting: VecDeque<(Arc<SourceFile>, Option<String>)>,
}

impl Gatherer<'_> {
    fn file(&mut self, file: &Arc<SourceFile>, through: Option<&str>) {
        match walk::uses_in(file) {
            Ok(found) => {
                for one in found {
                    self.one(file, &one, through);
                }
            }
            Err(error) => self.uses.problems.push(error),
        }
    }

    fn one(&mut self, file: &Arc<SourceFile>, found: &Found, through: Option<&str>) {
        if let Some(path) = found.text.strip_prefix("$/") {
            if path.contains('@') {
                let problem = Diagnostic::error(
                    "invalid-self-repository-ref",
                    format!("`{}` has a ref", found.text),
                );
                self.uses.problems.push(problem.at(file, found.span).help(
                    "drop the `@` and what follows: `$/…` is always the commit of the file that says it",
                ));
            } else if found.by_job {
                self.called(file, found, path);
            } else {
                self.own_action(file, found, path, through);
            }
        } else if found.by_job
            && let Ok(WorkflowReference::Local(path)) = found.text.parse()
        {
            self.called(file, found, &path);
        } else if let Some(mut remote) =
            RemoteUse::parse(&found.text, found.by_job, file, found.span)
        {
            remote.through = through.map(str::to_owned);
            self.uses.remote.push(remote);
        } else if !found.by_job && matches!(found.text.parse(), Ok(Reference::Local(_))) {
            self.uses.local.push(LocalUse {
                text: found.text.clone(),
                file: Arc::clone(file),
                span: found.span,
            });
        }
    }

    fn called(&mut self, file: &Arc<SourceFile>, found: &Found, path: &str) {
        if !self.seen.insert(path.to_owned()) {
            return;
        }
        match load(&self.root.join(path), path) {
            Ok(source) => self.waiting.push_back((source, Some(path.to_owned()))),
            Err(error) => self.missing(file, found, &error),
        }
    }

    fn own_action(
        &mut self,
        file: &Arc<SourceFile>,
        found: &Found,
        path: &str,
        through: Option<&str>,
    ) {
        let folder = path.trim_end_matches('/');
        if !self.seen.insert(format!("$/{folder}")) {
            return;
        }
        let Some(manifest) = find_manifest(&self.root.join(folder)) else {
            let problem = Diagnostic::error(
                "invalid-self-repository-ref",
                format!("There is no action in '{}'", found.text),
            );
            let problem = problem.at(file, found.span);
            self.uses
                .problems
                .push(problem.help("an action is a folder with an action.yml"));
            return;
        };
        let name = manifest.file_name().unwrap_or_default().to_string_lossy();
        if name.eq_ignore_ascii_case("dockerfile") {
            return;
        }
        let display = if folder.is_empty() {
            name.into_owned()
        } else {
            format!("{folder}/{name}")
        };
        match load(&manifest, &display) {
            Ok(source) => self.waiting.push_back((source, through.map(str::to_owned))),
            Err(error) => self.missing(file, found, &error),
        }
    }

    fn missing(&mut self, file: &Arc<SourceFile>, found: &Found, error: &Diagnostic) {
        let problem = Diagnostic::error(
            error.code,
            format!("`{}` can not be read: {}", found.text, error.message),
        );
        self.uses.problems.push(problem.at(file, found.span));
    }
}
