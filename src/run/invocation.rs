//! One workflow under way: the one that the event started, or one that a job called.

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use tokio_util::sync::CancellationToken;

use super::concurrency::Outer;
use super::context::Contexts;
use crate::action::{Origin, Pins};
use crate::event::{Conclusion, JobKey};
use crate::expr::{Object, Value};
use crate::plan::GithubEvent;
use crate::workflow::{Grant, Workflow};

/// What all jobs of one invocation share.
#[derive(Debug)]
pub(super) struct Invocation {
    pub workflow: Arc<Workflow>,
    /// The jobs to run; `None` is all.
    pub jobs: Option<Vec<String>>,
    pub event: Arc<GithubEvent>,
    pub inputs: Value,
    /// What the workflow may read (SPEC U-4).
    pub secrets: IndexMap<String, String>,
    pub vars: Value,
    /// `github` without what jobs and steps add; always the entry workflow's (SPEC U-5).
    pub github: Arc<Object>,
    /// `caller / ` before display names, `caller.` before ids (SPEC U-7).
    pub name_prefix: String,
    pub id_prefix: String,
    /// The entry workflow's name.
    pub label: Arc<str>,
    /// Ends every job of the invocation.
    pub cancel: CancellationToken,
    /// How many workflows call this one.
    pub depth: usize,
    /// The concurrency groups that surround it, and its own once it has it.
    pub within: Vec<Outer>,
    pub group: OnceLock<Outer>,
    /// What GitHub's token could do where a job does not say.
    pub grant: Grant,
    /// A workflow, or a job that calls one, said so.
    pub says_permissions: bool,
    /// Commits that the lock file gives.
    pub pins: Option<Pins>,
    /// The repository that the workflow's file is of, if it is not the own one.
    pub origin: Option<Origin>,
    /// How the services of actions name the run: each workflow that the event started has its own.
    pub backend_id: Arc<str>,
    /// The file of the entry workflow.
    pub entry: Arc<str>,
}

impl Invocation {
    /// The contexts of server-phase keys without `needs`, `strategy` and `matrix` (SPEC GEN-2).
    pub fn contexts(&self) -> Contexts {
        Contexts::default()
            .with("github", Value::Object(Arc::clone(&self.github)))
            .with("inputs", self.inputs.clone())
            .with("vars", self.vars.clone())
    }

    /// `secrets`, looked up without case (SPEC C-12).
    pub fn secrets_value(&self) -> Value {
        Value::object(
            self.secrets
                .iter()
                .map(|(name, value)| (name.as_str(), Value::string(value.as_str()))),
        )
    }

    /// The jobs that run, in file order.
    pub fn selected(&self) -> impl Iterator<Item = &String> {
        self.workflow.jobs.keys().filter(|id| {
            let named = |jobs: &Vec<String>| jobs.iter().any(|job| job.eq_ignore_ascii_case(id));
            self.jobs.as_ref().is_none_or(named)
        })
    }

    pub fn key(&self, name: &str, id: &str) -> JobKey {
        JobKey {
            key: Arc::from(format!("{}{name}", self.name_prefix)),
            id: Arc::from(format!("{}{id}", self.id_prefix)),
            workflow: Some(Arc::clone(&self.label)),
        }
    }
}

/// How a job ended, as its dependants see it.
#[derive(Debug, Clone)]
pub(super) struct JobResult {
    /// `needs.<job>.result`.
    pub result: Conclusion,
    pub outputs: IndexMap<String, String>,
    /// A leg of it, or of a job that it needs, can not run here: what depends on it does not run.
    pub unavailable: bool,
    /// Results of everything that it needed, and its own, by id in lower case (SPEC E-66).
    pub closure: IndexMap<String, Conclusion>,
}

impl JobResult {
    /// A result without outputs.
    pub fn of(result: Conclusion) -> Self {
        Self {
            result,
            outputs: IndexMap::new(),
            unavailable: false,
            closure: IndexMap::new(),
        }
    }
}

/// Merges the legs of a matrix, or the jobs of a called workflow, into one result (SPEC R-3, U-9).
pub(super) fn merge(results: impl IntoIterator<Item = Conclusion>) -> Conclusion {
    let mut merged = Conclusion::Skipped;
    for result in results {
        merged = match (merged, result) {
            (Conclusion::Failure, _) | (_, Conclusion::Failure) => Conclusion::Failure,
            (Conclusion::Cancelled, _) | (_, Conclusion::Cancelled) => Conclusion::Cancelled,
            (Conclusion::Success, _) | (_, Conclusion::Success) => Conclusion::Success,
            (Conclusion::Skipped, Conclusion::Skipped) => Conclusion::Skipped,
        };
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_leg_fails_the_job() {
        // SPEC R-3
        use Conclusion::{Cancelled, Failure, Skipped, Success};
        assert_eq!(merge([Success, Failure, Cancelled]), Failure);
        assert_eq!(merge([Success, Cancelled]), Cancelled);
        assert_eq!(merge([Success, Skipped]), Success);
        assert_eq!(merge([Skipped]), Skipped);
    }
}
