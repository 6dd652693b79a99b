//! Called workflows: found, read once, held to GitHub's limits (SPEC 11).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::expr::{Object, Value};
use crate::workflow::reusable::{CallRules, check_calls};
use crate::workflow::{
    CallJob, JobKind, ReadOptions, Reading, SecretDefinition, Workflow, read_workflow,
};

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

/// The called workflows of a run, by path.
#[derive(Debug, Clone, Default)]
pub struct Library {
    readings: IndexMap<String, Arc<Reading>>,
}

impl Library {
    /// The workflow that a `uses` names, if it is here and has no errors.
    pub fn get(&self, uses: &str) -> Option<&Arc<Workflow>> {
        self.reading(uses)?.workflow.as_ref()
    }

    /// Whether a file is among them, by its path from the root.
    pub fn has(&self, path: &str) -> bool {
        self.readings.contains_key(path)
    }

    /// What a `uses` names, if it was read, with errors or without.
    pub fn reading(&self, uses: &str) -> Option<&Arc<Reading>> {
        match callee(uses) {
            Callee::Local(path) => self.readings.get(&path),
            Callee::Remote(_) => None,
        }
    }

    /// All of them, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Reading)> {
        self.readings
            .iter()
            .map(|(path, reading)| (path.as_str(), &**reading))
    }

    /// Reads all that these workflows call, and what that calls, and judges the calls; gives the errors beside it.
    pub fn load(
        callers: &[&Workflow],
        load: Load<'_>,
        options: &ReadOptions,
    ) -> (Self, Vec<Diagnostic>) {
        let mut loading = Loading {
            load,
            options,
            called: Self::default(),
            failed: HashSet::new(),
            followed: HashMap::new(),
            ring: false,
            found: Vec::new(),
        };
        for caller in callers {
            let mut chain = vec![caller.source.path.clone()];
            loading.follow(caller, &mut chain);
        }
        let Loading {
            called: library,
            mut found,
            ring,
            ..
        } = loading;
        // A ring of calls has no end to judge.
        if !ring {
            for caller in callers {
                let mut find = |uses: &str, _: &SourceFile| library.reading(uses).cloned();
                for problem in check_calls(caller, CallRules::default(), &mut find) {
                    if !found.contains(&problem) {
                        found.push(problem);
                    }
                }
            }
        }
        // Errors of these files stand among those of the calls.
        for reading in library.readings.values() {
            let notices = reading.diagnostics.iter().filter(|one| !one.is_error());
            found.extend(notices.cloned());
        }
        (library, found)
    }
}

struct Loading<'a> {
    load: Load<'a>,
    options: &'a ReadOptions,
    called: Library,
    /// Files that are not to be had; each is complained of once.
    failed: HashSet<String>,
    /// The level at which a file was followed last; only a deeper one can find anything new.
    followed: HashMap<String, usize>,
    ring: bool,
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
                self.complain(at(format!("the workflow calls itself: {ring}")));
                self.ring = true;
                continue;
            }
            let Some(reading) = self.open(&path, &at) else {
                continue;
            };
            let level = chain.len();
            if level > MAX_LEVELS || self.followed.get(&path).is_some_and(|last| *last >= level) {
                continue;
            }
            self.followed.insert(path.clone(), level);
            if let Some(workflow) = &reading.workflow {
                chain.push(path);
                self.follow(workflow, chain);
                chain.pop();
            }
        }
    }

    fn complain(&mut self, diagnostic: Diagnostic) {
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    fn open(&mut self, path: &str, at: &dyn Fn(String) -> Diagnostic) -> Option<Arc<Reading>> {
        if let Some(known) = self.called.readings.get(path) {
            return Some(Arc::clone(known));
        }
        if self.failed.contains(path) {
            return None;
        }
        let problem = if self.called.readings.len() >= MAX_FILES {
            at(format!(
                "more than {MAX_FILES} called workflows in one run, which is GitHub's limit"
            ))
        } else {
            match (self.load)(path) {
                Ok(source) => {
                    let reading = Arc::new(read_workflow(source, self.options));
                    let readings = &mut self.called.readings;
                    readings.insert(path.to_owned(), Arc::clone(&reading));
                    return Some(reading);
                }
                Err(problem) => Diagnostic {
                    help: problem.help,
                    ..at(problem.message)
                },
            }
        };
        self.complain(problem);
        self.failed.insert(path.to_owned());
        None
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
    use crate::plan::sample::workflow;

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

    fn load(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let text = |path: &str| files.iter().find(|(name, _)| *name == path);
        let top = workflow(files[0].0, files[0].1);
        let (library, found) = Library::load(
            &[&top],
            &|path| match text(path) {
                Some((path, text)) => Ok(SourceFile::new(*path, *text)),
                None => Err(Diagnostic::error("not-found", "There is no such file")),
            },
            &ReadOptions::default(),
        );
        let paths = library.iter().map(|(path, _)| path.to_owned()).collect();
        (paths, found.iter().map(ToString::to_string).collect())
    }

    fn calling(on: &str, callees: &[String]) -> String {
        let jobs: Vec<String> = callees
            .iter()
            .enumerate()
            .map(|(place, path)| format!("  j{place}:\n    uses: ./{path}\n"))
            .collect();
        if jobs.is_empty() {
            format!("on: {on}\njobs:\n  j:\n    runs-on: self-hosted\n    steps: [run: a]\n")
        } else {
            format!("on: {on}\njobs:\n{}", jobs.concat())
        }
    }

    fn path(name: &str) -> String {
        format!(".github/workflows/{name}.yml")
    }

    #[test]
    fn calls_are_followed_and_each_file_is_read_once() {
        let (a, b, c) = (path("a"), path("b"), path("c"));
        let files = [
            (a.as_str(), calling("push", &[b.clone(), c.clone()])),
            (
                b.as_str(),
                calling("workflow_call", std::slice::from_ref(&c)),
            ),
            (c.as_str(), calling("workflow_call", &[])),
        ];
        let files: Vec<_> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
        assert_eq!(load(&files), (vec![b.clone(), c.clone()], vec![]));
    }

    #[test]
    fn calls_that_lead_nowhere_are_named_at_the_call() {
        let (a, b) = (path("a"), path("b"));
        let table = [
            (
                vec![(a.as_str(), calling("push", std::slice::from_ref(&b)))],
                format!("{a}:4:11: error: There is no such file"),
            ),
            (
                vec![
                    (a.as_str(), calling("push", std::slice::from_ref(&b))),
                    (b.as_str(), calling("push", &[])),
                ],
                format!(
                    "{b}:1:5: error: In {a} (Line: 4, Col: 11): Error from called workflow: workflow_call key is not defined in the referenced workflow."
                ),
            ),
            (
                vec![
                    (a.as_str(), calling("push", std::slice::from_ref(&b))),
                    (
                        b.as_str(),
                        calling("workflow_call", std::slice::from_ref(&b)),
                    ),
                ],
                format!("{b}:4:11: error: the workflow calls itself: {a} → {b} → {b}"),
            ),
        ];
        for (files, message) in table {
            let files: Vec<_> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
            assert_eq!(load(&files).1, [message]);
        }
    }

    #[test]
    fn ten_levels_are_the_most() {
        // SPEC U-1: the caller on top and nine below it.
        for (levels, errors) in [(10, 0), (11, 1)] {
            let files: Vec<(String, String)> = (0..levels)
                .map(|level| {
                    let on = if level == 0 { "push" } else { "workflow_call" };
                    let next: Vec<String> = (level + 1 < levels)
                        .then(|| path(&format!("l{}", level + 1)))
                        .into_iter()
                        .collect();
                    (path(&format!("l{level}")), calling(on, &next))
                })
                .collect();
            let files: Vec<_> = files
                .iter()
                .map(|(p, t)| (p.as_str(), t.as_str()))
                .collect();
            assert_eq!(load(&files).1.len(), errors, "{levels}");
        }
    }

    #[test]
    fn a_dense_web_of_calls_ends_soon() {
        let names: Vec<String> = (0..40).map(|n| path(&format!("w{n}"))).collect();
        let files: Vec<(String, String)> = names
            .iter()
            .map(|name| (name.clone(), calling("workflow_call", &names)))
            .collect();
        let files: Vec<_> = files
            .iter()
            .map(|(p, t)| (p.as_str(), t.as_str()))
            .collect();
        assert!(!load(&files).1.is_empty());
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
