//! What a job has come to know: env, path, step results, posts. One mutator: [`JobState::absorb`].

use std::sync::Arc;

use indexmap::IndexMap;

use crate::event::Conclusion;
use crate::expr::{Object, Value};

/// What a finished step leaves in the `steps` context.
#[derive(Debug, Clone)]
pub struct StepRecord {
    pub outputs: IndexMap<String, String>,
    pub outcome: Conclusion,
    pub conclusion: Conclusion,
}

impl StepRecord {
    fn to_value(&self) -> Value {
        let outputs = self
            .outputs
            .iter()
            .map(|(name, value)| (name.as_str(), Value::string(value.as_str())));
        Value::object([
            ("outputs", Value::object(outputs)),
            ("outcome", Value::string(self.outcome.as_str())),
            ("conclusion", Value::string(self.conclusion.as_str())),
        ])
    }
}

/// The `steps` context of a job or of a composite action: user-given ids only (SPEC C-15).
#[derive(Debug, Clone, Default)]
pub struct Steps {
    records: IndexMap<String, StepRecord>,
}

impl Steps {
    pub fn record(&mut self, id: &str, record: StepRecord) {
        self.records.insert(id.to_owned(), record);
    }

    pub fn to_value(&self) -> Value {
        let mut all = Object::new();
        for (id, record) in &self.records {
            all.insert(id.as_str(), record.to_value());
        }
        Value::Object(Arc::new(all))
    }
}

/// What one step did to its job; applied when the step has ended.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// `GITHUB_ENV` and the legacy command, in order.
    pub env: Vec<(String, String)>,
    /// `GITHUB_PATH` and the legacy command, in order.
    pub path: Vec<String>,
    pub outputs: IndexMap<String, String>,
    /// `GITHUB_STATE`: for later stages of the same step (SPEC A-33).
    pub state: IndexMap<String, String>,
    /// A command or a command file that could not be processed fails the step (SPEC K-5, K-40).
    pub failed: bool,
    /// The step spoke of the Docker socket, which its container does not have.
    pub wants_socket: bool,
}

/// State of one job while it runs.
#[derive(Debug)]
pub struct JobState {
    /// Workflow env, job env, and what `GITHUB_ENV` added: one map (SPEC 4.3).
    pub env: IndexMap<String, String>,
    /// Entries of `GITHUB_PATH`, the latest first.
    pub path: Vec<String>,
    /// `job.status`: changed only by final step results and by cancellation (SPEC E-63).
    pub status: Conclusion,
    /// What a background step did to env and path: its job learns of it later (SPEC S-41).
    pub journal: Option<Effects>,
}

impl JobState {
    pub fn new(env: IndexMap<String, String>) -> Self {
        Self {
            env,
            path: Vec::new(),
            status: Conclusion::Success,
            journal: None,
        }
    }

    /// The state as a background step sees it: what it changes is its own, and written down.
    pub fn fork(&self) -> Self {
        Self {
            env: self.env.clone(),
            path: self.path.clone(),
            status: self.status,
            journal: Some(Effects::default()),
        }
    }

    /// Takes in what a step did to env and path.
    pub fn absorb(&mut self, effects: &Effects) {
        if let Some(journal) = &mut self.journal {
            journal.env.extend(effects.env.iter().cloned());
            journal.path.extend(effects.path.iter().cloned());
        }
        for (name, value) in &effects.env {
            self.env.insert(name.clone(), value.clone());
        }
        for entry in &effects.path {
            // Adding again moves to the front (SPEC V-20).
            self.path.retain(|known| known != entry);
            self.path.insert(0, entry.clone());
        }
    }

    /// Takes in the final result of a step of the job (SPEC S-4).
    pub fn conclude(&mut self, conclusion: Conclusion) {
        if conclusion == Conclusion::Failure && self.status == Conclusion::Success {
            self.status = Conclusion::Failure;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_added_again_moves_to_the_front() {
        // SPEC V-20
        let mut state = JobState::new(IndexMap::new());
        for path in ["/a", "/b", "/a"] {
            state.absorb(&Effects {
                path: vec![path.to_owned()],
                ..Effects::default()
            });
        }
        assert_eq!(state.path, ["/a", "/b"]);
    }

    #[test]
    fn only_a_failure_changes_the_job() {
        // SPEC S-4
        let mut state = JobState::new(IndexMap::new());
        state.conclude(Conclusion::Skipped);
        state.conclude(Conclusion::Cancelled);
        assert_eq!(state.status, Conclusion::Success);
        state.conclude(Conclusion::Failure);
        state.conclude(Conclusion::Success);
        assert_eq!(state.status, Conclusion::Failure);
    }
}
