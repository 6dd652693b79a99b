//! The named values and functions of one evaluation, as the phase that owns the key has them (SPEC GEN-1, section 3).

use std::collections::HashMap;
use std::path::PathBuf;

use crate::event::Conclusion;
use crate::executor::files::{Files as _, View};
use crate::expr::{Context, Value};

/// Contexts for one evaluation. A name that is not here is null: the reader has checked which names a key may use.
#[derive(Debug, Clone, Default)]
pub struct Contexts {
    named: Vec<(&'static str, Value)>,
    pub status: Status,
    /// Where `hashFiles` looks; step-level keys only.
    pub workspace: Option<(View, PathBuf)>,
}

/// What the status functions look at.
#[derive(Debug, Clone, Default)]
pub enum Status {
    /// The key has no status functions.
    #[default]
    None,
    /// The `if` of a job (SPEC E-66).
    Job {
        /// Results of the transitive closure of `needs`, by job id in lower case.
        closure: HashMap<String, Conclusion>,
        cancelled: bool,
    },
    /// The `if` of a step (SPEC E-63, E-64).
    Step {
        job: Conclusion,
        /// The running result of the composite action, in its main steps.
        composite: Option<Conclusion>,
    },
}

impl Contexts {
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.set(name, value);
        self
    }

    pub fn set(&mut self, name: &'static str, value: Value) {
        match self.named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.named.push((name, value)),
        }
    }

    pub fn get(&self, name: &str) -> Value {
        self.named
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }
}

impl Context for Contexts {
    fn named_value(&self, name: &str) -> Value {
        self.get(name)
    }

    fn call(&self, function: &str, args: &[Value]) -> Result<Value, String> {
        let function = function.to_ascii_lowercase();
        if function == "hashfiles" {
            let (files, workspace) = self
                .workspace
                .as_ref()
                .ok_or("hashFiles can be used in a step only")?;
            let args = args.iter().map(|arg| arg.to_text().to_string()).collect();
            return files.hash_files(workspace, args).map(Value::string);
        }
        self.status
            .call(&function, args)
            .map(Value::Bool)
            .ok_or_else(|| format!("the function '{function}' is not available here"))
    }
}

impl Status {
    fn call(&self, function: &str, args: &[Value]) -> Option<bool> {
        if function == "always" {
            return Some(true);
        }
        match self {
            Self::None => None,
            Self::Job { closure, cancelled } => {
                let named: Vec<String> = args
                    .iter()
                    .map(|arg| arg.to_text().to_ascii_lowercase())
                    .collect();
                let mut results = closure
                    .iter()
                    .filter(|(id, _)| named.is_empty() || named.contains(id))
                    .map(|(_, result)| *result);
                match function {
                    "success" => Some(!cancelled && results.all(|r| r == Conclusion::Success)),
                    "failure" => Some(results.any(|r| r == Conclusion::Failure)),
                    "cancelled" => Some(*cancelled),
                    _ => None,
                }
            }
            Self::Step { job, composite } => {
                let running = composite.unwrap_or(*job);
                match function {
                    "success" => Some(running == Conclusion::Success),
                    "failure" => Some(running == Conclusion::Failure),
                    "cancelled" => Some(*job == Conclusion::Cancelled),
                    _ => None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(results: &[(&str, Conclusion)], cancelled: bool) -> Status {
        Status::Job {
            closure: results
                .iter()
                .map(|(id, r)| ((*id).to_owned(), *r))
                .collect(),
            cancelled,
        }
    }

    #[test]
    fn a_job_succeeds_only_if_all_it_needs_did() {
        // SPEC E-66
        use Conclusion::{Failure, Skipped, Success};
        let cases = [
            (vec![], true, false),
            (vec![("a", Success)], true, false),
            (vec![("a", Success), ("b", Skipped)], false, false),
            (vec![("a", Failure), ("b", Success)], false, true),
        ];
        for (results, success, failure) in cases {
            let status = job(&results, false);
            assert_eq!(status.call("success", &[]), Some(success), "{results:?}");
            assert_eq!(status.call("failure", &[]), Some(failure), "{results:?}");
        }
    }

    #[test]
    fn named_jobs_alone_count() {
        let status = job(
            &[("a", Conclusion::Failure), ("b", Conclusion::Success)],
            false,
        );
        assert_eq!(status.call("success", &[Value::string("B")]), Some(true));
        assert_eq!(status.call("failure", &[Value::string("b")]), Some(false));
    }

    #[test]
    fn a_cancelled_run_starts_only_what_asks_for_it() {
        // SPEC E-68
        let status = job(&[], true);
        assert_eq!(status.call("success", &[]), Some(false));
        assert_eq!(status.call("always", &[]), Some(true));
        assert_eq!(status.call("cancelled", &[]), Some(true));
    }

    #[test]
    fn a_composite_step_looks_at_its_action_and_cancelled_at_the_job() {
        // SPEC E-64
        let status = Status::Step {
            job: Conclusion::Success,
            composite: Some(Conclusion::Failure),
        };
        assert_eq!(status.call("success", &[]), Some(false));
        assert_eq!(status.call("failure", &[]), Some(true));
        assert_eq!(status.call("cancelled", &[]), Some(false));
    }
}
