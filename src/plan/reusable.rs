//! Called workflows: found, read once, held to GitHub's limits (SPEC 11).

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::expr::{Object, Value};
use crate::workflow::{CallJob, JobKind, SecretDefinition, Workflow};

/// Levels of workflows, the caller on top included (SPEC U-1).
pub const MAX_LEVELS: usize = 10;

/// Called files of one run (SPEC U-1).
pub const MAX_FILES: usize = 50;

/// What `uses` of a job names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callee {
    /// Of the caller's own repository: the path from its root.
    Local(String),
    /// `owner/repo/path@ref`.
    Remote(String),
}

/// Reads the `uses` of a job; `$/` and `./` are the caller's repository and commit (SPEC U-2).
pub fn callee(uses: &str) -> Callee {
    match uses.strip_prefix("./").or_else(|| uses.strip_prefix("$/")) {
        Some(path) => Callee::Local(path.to_owned()),
        None => Callee::Remote(uses.to_owned()),
    }
}

/// Gives the text of a local workflow by its path, or says why there is none.
pub type Load<'a> = &'a dyn Fn(&str) -> Result<Arc<SourceFile>, Diagnostic>;

/// Reads a text; the workflow is missing where it has errors.
pub type Read<'a> = &'a dyn Fn(&Arc<SourceFile>) -> (Option<Workflow>, Vec<Diagnostic>);

/// The called workflows of a run, by path.
#[derive(Debug, Clone, Default)]
pub struct Library {
    workflows: IndexMap<String, Arc<Workflow>>,
}

impl Library {
    /// The workflow that a `uses` names, if it is here.
    pub fn get(&self, uses: &str) -> Option<&Arc<Workflow>> {
        match callee(uses) {
            Callee::Local(path) => self.workflows.get(&path),
            Callee::Remote(_) => None,
        }
    }

    /// All of them, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Workflow>)> {
        self.workflows
            .iter()
            .map(|(path, workflow)| (path.as_str(), workflow))
    }

    /// Reads all that these workflows call, and what that calls; gives the diagnostics beside it.
    pub fn load(callers: &[&Workflow], load: Load<'_>, read: Read<'_>) -> (Self, Vec<Diagnostic>) {
        let mut loading = Loading {
            load,
            read,
            library: Self::default(),
            failed: HashMap::new(),
            found: Vec::new(),
        };
        for caller in callers {
            let mut chain = vec![caller.source.path.clone()];
            loading.follow(caller, &mut chain);
        }
        (loading.library, loading.found)
    }
}

struct Loading<'a> {
    load: Load<'a>,
    read: Read<'a>,
    library: Library,
    /// Files that can not be used; each is read and complained of once.
    failed: HashMap<String, ()>,
    found: Vec<Diagnostic>,
}

impl Loading<'_> {
    /// Follows the calls of a workflow; `chain` are the files above it, itself last.
    fn follow(&mut self, caller: &Workflow, chain: &mut Vec<String>) {
        for (call, path) in local_calls(caller) {
            let at = |message: String| {
                Diagnostic::error("called-workflow", message).at(&caller.source, call.uses.span)
            };
            if chain.contains(&path) {
                let ring = [chain.as_slice(), &[path]].concat().join(" → ");
                self.found
                    .push(at(format!("the workflow calls itself: {ring}")));
                continue;
            }
            if chain.len() >= MAX_LEVELS {
                self.found.push(at(format!(
                    "Nested reusable workflow depth exceeded {MAX_LEVELS}."
                )));
                continue;
            }
            let known = self.library.workflows.get(&path).cloned();
            let Some(called) = known.or_else(|| self.open(&path, &at)) else {
                continue;
            };
            chain.push(path);
            self.follow(&called, chain);
            chain.pop();
        }
    }

    fn open(&mut self, path: &str, at: &dyn Fn(String) -> Diagnostic) -> Option<Arc<Workflow>> {
        if self.failed.contains_key(path) {
            return None;
        }
        let opened = self.read_new(path, at);
        match &opened {
            Some(workflow) => {
                self.library
                    .workflows
                    .insert(path.to_owned(), Arc::clone(workflow));
            }
            None => {
                self.failed.insert(path.to_owned(), ());
            }
        }
        opened
    }

    fn read_new(&mut self, path: &str, at: &dyn Fn(String) -> Diagnostic) -> Option<Arc<Workflow>> {
        if self.library.workflows.len() >= MAX_FILES {
            self.found.push(at(format!(
                "more than {MAX_FILES} called workflows in one run, which is GitHub's limit"
            )));
            return None;
        }
        let source = match (self.load)(path) {
            Ok(source) => source,
            Err(problem) => {
                let mut problem_here = at(problem.message);
                problem_here.help = problem.help;
                self.found.push(problem_here);
                return None;
            }
        };
        let (workflow, diagnostics) = (self.read)(&source);
        self.found.extend(diagnostics);
        let workflow = workflow?;
        if !workflow.on.events.contains_key("workflow_call") {
            self.found.push(
                at("workflow is not reusable as it is missing a `on.workflow_call` trigger".into())
                    .help(format!("add `workflow_call:` under `on` in {path}")),
            );
            return None;
        }
        Some(Arc::new(workflow))
    }
}

fn local_calls(workflow: &Workflow) -> Vec<(&CallJob, String)> {
    let calls = workflow.jobs.values().filter_map(|job| match &job.kind {
        JobKind::Call(call) => Some(&**call),
        JobKind::Steps(_) => None,
    });
    calls
        .filter_map(|call| match callee(&call.uses.value) {
            Callee::Local(path) => Some((call, path)),
            Callee::Remote(_) => None,
        })
        .collect()
}

/// Why the secrets of a call are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("Invalid secret, {0} is not defined in the referenced workflow.")]
    Undefined(String),
    #[error("Secret {0} is required, but not provided while calling.")]
    Missing(String),
}

/// What a called workflow sees of secrets; `mapped` is the evaluated `secrets` of the call (SPEC U-4).
pub fn mapped_secrets(
    definitions: &IndexMap<String, SecretDefinition>,
    mapped: &Object,
) -> Result<Object, Vec<SecretError>> {
    let defined = |name: &str| definitions.keys().any(|key| key.eq_ignore_ascii_case(name));
    let undefined = mapped.iter().filter(|(name, _)| !defined(name));
    let mut errors: Vec<SecretError> = undefined
        .map(|(name, _)| SecretError::Undefined(name.to_owned()))
        .collect();
    for (name, definition) in definitions {
        if definition.required && !mapped.contains_key(name) {
            errors.push(SecretError::Missing(name.clone()));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    // Empty ones are dropped, so that they read as absent.
    let kept = mapped
        .iter()
        .filter(|(_, value)| !value.to_text().is_empty())
        .map(|(name, value)| (name, Value::String(value.to_text())));
    Ok(kept.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::Span;

    #[test]
    fn uses_is_local_or_remote() {
        let table = [
            (
                "./.github/workflows/a.yml",
                Callee::Local(".github/workflows/a.yml".into()),
            ),
            (
                "$/.github/workflows/a.yml",
                Callee::Local(".github/workflows/a.yml".into()),
            ),
            (
                "o/r/.github/workflows/a.yml@v1",
                Callee::Remote("o/r/.github/workflows/a.yml@v1".into()),
            ),
        ];
        for (uses, expected) in table {
            assert_eq!(callee(uses), expected);
        }
    }

    #[test]
    fn secrets_are_mapped_checked_and_dropped_when_empty() {
        // SPEC U-4.
        let definition = |required| SecretDefinition {
            span: Span::default(),
            description: None,
            required,
        };
        let definitions: IndexMap<String, SecretDefinition> = [
            ("token".to_owned(), definition(true)),
            ("extra".to_owned(), definition(false)),
        ]
        .into();
        let map = |json: serde_json::Value| {
            let value = Value::from_json(&json);
            mapped_secrets(&definitions, value.as_object().unwrap())
        };
        let kept = map(json!({"TOKEN": "x", "extra": ""})).unwrap();
        assert_eq!(Value::from(kept).to_json(), json!({"TOKEN": "x"}));
        assert_eq!(
            map(json!({"other": "x"})).unwrap_err(),
            [
                SecretError::Undefined("other".into()),
                SecretError::Missing("token".into())
            ]
        );
    }
}
