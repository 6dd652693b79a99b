//! Workflows and what the sources say → a whole lock, or everything that it lacks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::pin::Pin;
use super::source::{IdSource, ManifestSource, RefSource, Refs, Repository, SourceError};
use super::uses::{RemoteUse, WorkflowUses};
use super::walk;
use super::want::{Look, Want, Within, each, open, within};
use super::{Dependency, Lock};
use crate::diagnostic::{Diagnostic, SourceFile};

/// Levels of actions within actions (SPEC A-4).
const MAX_DEPTH: usize = 10;

/// What is to be locked, and who knows what that takes.
pub struct Completion<'a> {
    /// Its pins and ids stay; empty where there is no file yet.
    pub old: &'a Lock,
    pub workflows: &'a [WorkflowUses],
    /// These are all workflows of the project: what belongs to no other goes.
    pub is_whole: bool,
    /// Look every ref up anew.
    pub relock: bool,
    pub refs: &'a dyn RefSource,
    pub manifests: &'a dyn ManifestSource,
    pub ids: &'a dyn IdSource,
    /// Seconds since 1970.
    pub now: i64,
}

impl std::fmt::Debug for Completion<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Completion").finish_non_exhaustive()
    }
}

/// A whole lock.
#[derive(Debug)]
pub struct Completed {
    pub lock: Lock,
    /// Pins that were looked up.
    pub fresh: Vec<Pin>,
    /// Workflows left out, and tags that are very young.
    pub notes: Vec<Diagnostic>,
}

/// Makes the lock; all that stands in its way is an error.
pub fn complete(completion: &Completion<'_>) -> Result<Completed, Vec<Diagnostic>> {
    let mut work = Work {
        completion,
        nodes: BTreeMap::new(),
        refs: HashMap::new(),
        looked: HashSet::new(),
        problems: Vec::new(),
        notes: Vec::new(),
    };
    let onboarded = work.onboarded();
    let wanted = onboarded
        .iter()
        .flat_map(|workflow| &workflow.remote)
        .map(Want::of)
        .collect();
    work.follow(wanted);
    work.stop_at_problems()?;
    let ids = work.ids();
    work.stop_at_problems()?;
    let lock = work.lock(&onboarded, &ids);
    if let Some(pin) = lock.cycle() {
        return Err(vec![Diagnostic::error(
            "lock-cycle",
            format!("The `uses` of `{pin}` lead back to it"),
        )]);
    }
    work.fresh_tags();
    Ok(Completed {
        lock,
        fresh: work
            .nodes
            .iter()
            .filter(|(_, node)| node.is_fresh)
            .map(|(pin, _)| pin.clone())
            .collect(),
        notes: work.notes,
    })
}

/// A pin with its commit.
#[derive(Debug)]
pub(super) struct Node {
    pub repository: Repository,
    pub git_ref: String,
    pub sha: String,
    pub uses: BTreeSet<Pin>,
    pub is_fresh: bool,
    /// The place that asked for it first.
    pub want: Want,
}

pub(super) struct Work<'a> {
    pub completion: &'a Completion<'a>,
    pub nodes: BTreeMap<Pin, Node>,
    refs: HashMap<String, Result<Refs, SourceError>>,
    looked: HashSet<(Pin, Look)>,
    pub problems: Vec<Diagnostic>,
    pub notes: Vec<Diagnostic>,
}

impl<'a> Work<'a> {
    fn stop_at_problems(&mut self) -> Result<(), Vec<Diagnostic>> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(std::mem::take(&mut self.problems))
        }
    }

    /// The workflows that the file will have; those that can not be in it are named.
    fn onboarded(&mut self) -> Vec<&'a WorkflowUses> {
        let old = self.completion.old;
        let mut onboarded = Vec::new();
        for workflow in self.completion.workflows {
            let is_old = old.is_onboarded(&workflow.path);
            self.problems.extend(workflow.problems.iter().cloned());
            if !workflow.local.is_empty() {
                let found = workflow
                    .local
                    .iter()
                    .map(|local| old.local(&workflow.path, local));
                if is_old {
                    self.problems.extend(found);
                } else {
                    self.notes.extend(found);
                }
            } else if is_old || !workflow.remote.is_empty() {
                onboarded.push(workflow);
            }
        }
        onboarded
    }

    /// Looks at what is wanted, level by level, until nothing new turns up.
    fn follow(&mut self, mut wanted: Vec<Want>) {
        while !wanted.is_empty() {
            self.ask_refs(&wanted);
            for want in &wanted {
                if !self.nodes.contains_key(&want.pin) {
                    match self.node(want) {
                        Ok(node) => {
                            self.nodes.insert(want.pin.clone(), node);
                        }
                        Err(problem) => self.problems.push(problem),
                    }
                }
            }
            wanted.retain(|want| {
                self.nodes.contains_key(&want.pin)
                    && self.looked.insert((want.pin.clone(), want.look.clone()))
            });
            let manifests = self.completion.manifests;
            let nodes = &self.nodes;
            let opened = each(&wanted, |want| open(manifests, want, &nodes[&want.pin].sha));
            let mut next = Vec::new();
            for (want, opened) in wanted.iter().zip(opened) {
                match opened {
                    Ok(Some(source)) => self.file(want, &source, &mut next),
                    Ok(None) => {}
                    Err(problem) => self.problems.push(problem),
                }
            }
            wanted = next;
        }
    }

    /// Gets the refs of the repositories that are asked for anything new.
    fn ask_refs(&mut self, wanted: &[Want]) {
        let mut missing: Vec<&Repository> = Vec::new();
        for want in wanted {
            let name = want.pin.repository();
            if self.kept(&want.pin).is_none()
                && !self.refs.contains_key(name)
                && !missing
                    .iter()
                    .any(|one| one.to_string().eq_ignore_ascii_case(name))
            {
                missing.push(&want.repository);
            }
        }
        let source = self.completion.refs;
        let answers = each(&missing, |repository| {
            (
                repository.to_string().to_lowercase(),
                source.refs(repository),
            )
        });
        self.refs.extend(answers);
    }

    pub fn kept(&self, pin: &Pin) -> Option<&'a Dependency> {
        let old = self.completion.old;
        old.dependencies
            .get(pin)
            .filter(|_| !self.completion.relock)
    }

    fn node(&self, want: &Want) -> Result<Node, Diagnostic> {
        let pin = &want.pin;
        let made = |git_ref: &str, sha: &str, is_fresh| Node {
            repository: want.repository.clone(),
            git_ref: git_ref.to_owned(),
            sha: sha.to_lowercase(),
            uses: BTreeSet::new(),
            is_fresh,
            want: want.clone(),
        };
        if let Some(kept) = self.kept(pin) {
            return Ok(made(&kept.git_ref, kept.sha(), false));
        }
        let refs = match &self.refs[pin.repository()] {
            Ok(refs) => refs,
            Err(error) => {
                let message = format!("`{pin}` can not be looked up: {error}");
                return Err(want.problem("unresolved", message));
            }
        };
        let named = refs.commit(pin.git_ref());
        if !pin.is_sha() {
            return named
                .map(|sha| made(pin.git_ref(), sha, true))
                .ok_or_else(|| {
                    let message = format!(
                        "`{}` has neither a tag nor a branch '{}'",
                        want.repository,
                        pin.git_ref()
                    );
                    want.problem("unresolved", message)
                });
        }
        let sha = pin.git_ref();
        if let Some(other) = named.filter(|other| !other.eq_ignore_ascii_case(sha)) {
            let message = format!("`{pin}` looks like a commit, but is a ref that names {other}");
            return Err(want.problem("misleading-sha", message));
        }
        self.name_of(want, refs, sha)
            .map(|name| made(&name, sha, true))
    }

    /// The ref that goes with a bare commit.
    fn name_of(&self, want: &Want, refs: &Refs, sha: &str) -> Result<String, Diagnostic> {
        if let Some(name) = refs.name(sha) {
            return Ok(name.to_owned());
        }
        let branches = self
            .completion
            .refs
            .branches_with(&want.repository, sha)
            .map_err(|error| {
                let message = format!("`{}` can not be looked up: {error}", want.pin);
                want.problem("unresolved", message)
            })?;
        let branches: Vec<&str> = branches.iter().map(String::as_str).collect();
        refs.best_branch(&branches)
            .map(str::to_owned)
            .ok_or_else(|| {
                let message = format!(
                    "No tag and no branch of `{}` has the commit {sha}",
                    want.repository
                );
                let problem = want.problem("unreachable-pin", message);
                problem.help("such a commit may come from a fork: name a tag instead")
            })
    }

    /// What a manifest or a called workflow uses.
    fn file(&mut self, want: &Want, source: &Arc<SourceFile>, next: &mut Vec<Want>) {
        let found = match walk::uses_in(source) {
            Ok(found) => found,
            Err(problem) => return self.problems.push(problem),
        };
        for one in found {
            // The levels are those of actions: a workflow's own steps are the first.
            let depth = match want.look {
                Look::Workflow(_) if !one.by_job => 0,
                _ => want.depth + 1,
            };
            let inside = |look| Want {
                look,
                file: Arc::clone(source),
                span: one.span,
                depth,
                ..want.clone()
            };
            match within(&one) {
                Within::Look(look) => next.push(inside(look)),
                Within::Workspace => {
                    let message = format!(
                        "`{}` of `{}` is an action of the workspace: what it uses can not be known",
                        one.text, want.pin
                    );
                    let problem = Diagnostic::error("local-action", message);
                    self.problems.push(problem.at(source, one.span));
                }
                Within::Other => {
                    let remote = RemoteUse::parse(&one.text, one.by_job, source, one.span);
                    if let Some(remote) = remote {
                        let mut other = Want::of(&remote);
                        other.depth = depth;
                        // A repository at a ref is fetched once, whichever of its folders is used.
                        if other.pin != want.pin
                            && let Some(node) = self.nodes.get_mut(&want.pin)
                        {
                            node.uses.insert(other.pin.clone());
                        }
                        next.push(other);
                    }
                }
            }
        }
        if let Some(deep) = next.iter().find(|next| next.depth >= MAX_DEPTH) {
            let message = format!("`{}` is more than {MAX_DEPTH} levels down", deep.pin);
            self.problems.push(deep.problem("max-depth", message));
            next.clear();
        }
    }
}
