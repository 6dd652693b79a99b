//! Steps in a scope: the job's own, or those of a composite action (SPEC 6.9).

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use tokio::time::Instant;

use super::job::Job;
use super::state::{StepRecord, Steps};
use super::uses::{Resolved, Served};
use crate::diagnostic::SourceFile;
use crate::event::{Conclusion, Level, StepKey};
use crate::expr::{Object, Value};
use crate::workflow::Step;
use crate::workflow::evaluate::Evaluator;

/// Nesting allowed (SPEC A-4).
pub(super) const MAX_DEPTH: usize = 10;

/// In the runner's words, which counts from 0.
pub(super) fn too_deep() -> String {
    format!(
        "Composite action depth exceeded max depth {}",
        MAX_DEPTH - 1
    )
}

/// The scope that a step runs in. A composite action opens a new one.
#[derive(Debug)]
pub(super) struct Frame {
    pub steps: Steps,
    /// The action's inputs; at the job's level those of the workflow count.
    pub inputs: Option<Value>,
    /// `env` of the enclosing composite steps (SPEC A-63).
    pub env: IndexMap<String, String>,
    /// `github.action_status` (SPEC E-64).
    pub status: Conclusion,
    /// When the time of the outer step is up (SPEC A-61).
    pub deadline: Option<Instant>,
    /// Places of the enclosing steps, outermost first; empty at the job's level.
    pub path: Vec<usize>,
    action: Option<ActionScope>,
}

#[derive(Debug, Clone)]
struct ActionScope {
    /// `github.action_path`.
    shown: PathBuf,
    served: Option<Served>,
    source: Arc<SourceFile>,
    depth: usize,
}

impl Frame {
    pub fn of_job() -> Self {
        Self {
            steps: Steps::default(),
            inputs: None,
            env: IndexMap::new(),
            status: Conclusion::Success,
            deadline: None,
            path: Vec::new(),
            action: None,
        }
    }

    pub fn is_composite(&self) -> bool {
        self.action.is_some()
    }

    /// The file that this scope's steps stand in, if it is not the workflow.
    pub fn source(&self) -> Option<&Arc<SourceFile>> {
        self.action.as_ref().map(|action| &action.source)
    }

    /// The served repository that this scope's steps stand in, if it is one.
    pub fn served(&self) -> Option<Served> {
        self.action.as_ref()?.served.clone()
    }

    /// What later steps of this scope learn of one that is over (SPEC C-15).
    pub fn record(
        &mut self,
        step: &Step,
        outputs: IndexMap<String, String>,
        outcome: Conclusion,
        conclusion: Conclusion,
    ) {
        if let Some(id) = step.user_id() {
            let record = StepRecord {
                outputs,
                outcome,
                conclusion,
            };
            self.steps.record(id, record);
        }
    }

    /// The places of a step of this scope and of those that enclose it.
    pub fn path_of(&self, place: usize) -> Vec<usize> {
        let mut path = self.path.clone();
        path.push(place);
        path
    }

    pub fn depth(&self) -> usize {
        self.action.as_ref().map_or(0, |action| action.depth)
    }

    /// Puts this scope's fields into `github` (SPEC A-62).
    pub fn apply(&self, github: &mut Object) {
        let Some(action) = &self.action else {
            return;
        };
        github.insert(
            "action_path",
            Value::string(action.shown.to_string_lossy().as_ref()),
        );
        github.insert("action_status", Value::string(self.status.as_str()));
        if let Some(served) = &action.served {
            served.apply(github);
        }
    }
}

/// What the outer step hands to its composite action.
#[derive(Debug)]
pub(super) struct Outer<'a> {
    pub key: &'a StepKey,
    /// Places of the enclosing steps, outermost first.
    pub path: Vec<usize>,
    /// Evaluated `env` of the outer step.
    pub env: &'a IndexMap<String, String>,
    pub inputs: &'a IndexMap<String, String>,
    pub deadline: Option<Instant>,
}

impl Job {
    /// The scope of a composite action's steps; nothing where the nesting is too deep.
    pub fn open(&self, frame: &Frame, action: &Resolved, outer: Outer<'_>) -> Option<Frame> {
        let depth = frame.depth() + 1;
        if depth > MAX_DEPTH {
            self.say(Some(outer.key), Level::Error, &too_deep());
            return None;
        }
        let inputs = outer
            .inputs
            .iter()
            .map(|(name, value)| (name.as_str(), Value::string(value.as_str())));
        let mut env = frame.env.clone();
        env.extend(outer.env.clone());
        Some(Frame {
            steps: Steps::default(),
            inputs: Some(Value::object(inputs)),
            env,
            status: Conclusion::Success,
            deadline: outer.deadline,
            path: outer.path,
            action: Some(ActionScope {
                shown: self.paths.shown(&action.directory),
                served: action.served.clone(),
                source: Arc::clone(&action.source),
                depth,
            }),
        })
    }

    /// Runs the steps of a composite action; gives its result and its outputs.
    pub async fn run_composite(
        &mut self,
        frame: &Frame,
        action: &Resolved,
        steps: &[Step],
        outer: Outer<'_>,
    ) -> (Conclusion, IndexMap<String, String>) {
        let key = outer.key;
        let Some(mut inner) = self.open(frame, action, outer) else {
            return (Conclusion::Failure, IndexMap::new());
        };
        for (index, step) in steps.iter().enumerate() {
            if self.kill.is_cancelled() {
                break;
            }
            let ran = Box::pin(self.run_step(&mut inner, step, index + 1)).await;
            if ran.condition_failed {
                // SPEC A-64: an `if` that can not be evaluated ends the action.
                break;
            }
        }
        let outputs = self.composite_outputs(&mut inner, action, key);
        self.posts.know(&inner.path, &inner.steps.to_value());
        (inner.status, outputs)
    }

    /// Evaluates the declared outputs, whatever happened (SPEC A-65).
    fn composite_outputs(
        &self,
        inner: &mut Frame,
        action: &Resolved,
        key: &StepKey,
    ) -> IndexMap<String, String> {
        let env = self.frame_env(inner);
        let contexts = self.contexts(inner, self.step_github(inner, ""), &env);
        let evaluator = Evaluator {
            context: &contexts,
            source: &action.source,
        };
        let mut outputs = IndexMap::new();
        let mut failed = false;
        for (name, output) in &action.manifest.outputs {
            let Some(token) = &output.value else {
                continue;
            };
            match evaluator.string(token) {
                Ok(value) => {
                    outputs.insert(name.clone(), value);
                }
                Err(error) => {
                    self.annotate(Some(key), &error);
                    failed = true;
                }
            }
        }
        if failed && inner.status == Conclusion::Success {
            inner.status = Conclusion::Failure;
        }
        outputs
    }

    /// The job's env with the overlay of the enclosing composite steps.
    pub fn frame_env(&self, frame: &Frame) -> IndexMap<String, String> {
        let mut env = self.state.env.clone();
        for (name, value) in &frame.env {
            env.insert(name.clone(), value.clone());
        }
        env
    }
}
