//! One job, and what is known of it before the run.

use std::sync::Arc;

use super::Scope;
use super::written::{refers, written};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::expr::{Context, Reference};
use crate::plan::condition::{self, Before, Decision, JobContext, Known, LATE};
use crate::plan::matrix;
use crate::plan::outline::{ConditionOutline, JobOutline, Legs};
use crate::workflow::{Evaluator, Job, JobKind, Step, StepKind, Token};

/// One job on its way into the outline.
pub(super) struct Task<'a> {
    pub(super) job: &'a Job,
    pub(super) source: &'a Arc<SourceFile>,
    pub(super) known: &'a Known,
    pub(super) scope: &'a Scope,
    pub(super) stage: usize,
}

impl Task<'_> {
    pub(super) fn evaluator<'e>(&'e self, context: &'e dyn Context) -> Evaluator<'e> {
        Evaluator {
            context,
            source: self.source,
        }
    }

    /// Unfolds the strategy.
    pub(super) fn expand(&self) -> Result<matrix::Legs, Box<Diagnostic>> {
        let Some(strategy) = &self.job.strategy else {
            return Ok(matrix::Legs::single());
        };
        let context = JobContext::new(self.known);
        let value = self
            .evaluator(&context)
            .value(&strategy.value)
            .map_err(|error| Box::new(error.to_diagnostic(self.source)))?;
        matrix::expand(&value).map_err(|error| {
            let diagnostic = Diagnostic::error("matrix", error.to_string());
            Box::new(diagnostic.at(self.source, strategy.span))
        })
    }

    /// Its value is known only during the run.
    pub(super) fn is_late(&self, token: &Token) -> bool {
        LATE.iter()
            .any(|context| self.known.is_late(context) && refers(token, context))
    }

    pub(super) fn prefixes(&self) -> Vec<&str> {
        if self.scope.names.is_empty() {
            vec![""]
        } else {
            self.scope.names.iter().map(String::as_str).collect()
        }
    }

    pub(super) fn prefixed(&self, name: &str) -> String {
        match self.scope.names.first() {
            Some(prefix) => format!("{prefix}{name}"),
            None => name.to_owned(),
        }
    }

    /// The name without its legs.
    pub(super) fn name(&self) -> String {
        let Some(token) = &self.job.name else {
            return self.job.id.clone();
        };
        if self.is_late(token) || refers(token, "matrix") || refers(token, "strategy") {
            return written(token, self.source);
        }
        let context = JobContext::new(self.known);
        match self.evaluator(&context).string(token) {
            Ok(name) if !name.is_empty() => name,
            _ => self.job.id.clone(),
        }
    }

    /// Its `if`, why it is skipped, and the error that fails it.
    pub(super) fn condition(
        &self,
        before: &WorstFate<'_>,
    ) -> (Option<ConditionOutline>, Option<String>, Option<String>) {
        if let WorstFate::Unavailable(need) = before {
            // Whatever its `if` (DESIGN 7).
            return (None, Some(format!("'{need}' can not run here")), None);
        }
        let skipped_need = match before {
            WorstFate::Skipped(need) => Some(*need),
            _ => None,
        };
        let judgement = condition::judge(
            &self.job.condition.expr,
            self.known,
            skipped_need.is_some(),
            !self.job.needs.is_empty(),
        );
        let text = self.job.condition.text.as_ref();
        let verdict = match judgement.decision {
            Decision::Runs => "true",
            Decision::Never => "false",
            Decision::OnlyAfter(Before::Failed) => "true only after a failure",
            Decision::OnlyAfter(_) => "true only when the run is cancelled",
            Decision::Open => "known only during the run",
            Decision::Fails => "it can not be evaluated",
        };
        let skipped = (judgement.decision == Decision::Never).then(|| match (skipped_need, text) {
            (Some(need), _) => format!("it needs '{need}', which does not run"),
            (None, Some(text)) => format!("`if: {}` is false", text.value.trim()),
            (None, None) => "its condition is false".to_owned(),
        });
        let condition = text.map(|text| ConditionOutline {
            text: text.value.trim().to_owned(),
            verdict: verdict.to_owned(),
            trace: judgement.trace.to_string(),
        });
        let error = judgement.error.map(|error| match text {
            Some(text) => {
                let at = self.source.position(text.span.start);
                format!("{}:{}:{}: {error}", self.source.path, at.line, at.column)
            }
            None => error,
        });
        (condition, skipped, error)
    }

    /// Steps whose `if` is false whatever happens before them, as far as the event decides it.
    pub(super) fn idle_steps(&self) -> Vec<(String, ConditionOutline)> {
        let JobKind::Steps(steps) = &self.job.kind else {
            return Vec::new();
        };
        let of_event = |reference: &Reference| match reference {
            Reference::Value { path, .. } => path.first().is_some_and(|first| {
                ["github", "inputs", "vars"]
                    .iter()
                    .any(|name| first.eq_ignore_ascii_case(name))
            }),
            Reference::Function { name, .. } => !name.eq_ignore_ascii_case("hashFiles"),
        };
        let idle = |step: &Step| {
            let text = step.condition.text.as_ref()?;
            let expr = &step.condition.expr;
            if !expr.references().iter().all(of_event) {
                return None;
            }
            let judgement = condition::judge(expr, self.known, false, true);
            (judgement.decision == Decision::Never).then(|| {
                let condition = ConditionOutline {
                    text: text.value.trim().to_owned(),
                    verdict: "false".to_owned(),
                    trace: judgement.trace.to_string(),
                };
                (self.step_name(step), condition)
            })
        };
        steps.steps.iter().filter_map(idle).collect()
    }

    /// As written: most of what names use is known only during the run.
    fn step_name(&self, step: &Step) -> String {
        let text = match (&step.name, &step.kind) {
            (Some(name), _) => written(name, self.source),
            (None, StepKind::Run { run, .. }) => format!("Run {}", written(run, self.source)),
            (None, StepKind::Uses { uses, .. }) => format!("Run {}", uses.value),
            (None, _) => step.id.clone(),
        };
        text.lines().next().unwrap_or_default().to_owned()
    }
}

/// What is known of the end of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Runs,
    Skipped,
    Unavailable,
}

/// The fate of the needs of a job, with the one that decides.
pub(super) enum WorstFate<'a> {
    Run,
    Skipped(&'a str),
    Unavailable(&'a str),
}

impl Fate {
    /// The fate of a job, from its outline and those of the jobs that it calls.
    pub(super) fn of(outlines: &[JobOutline]) -> Self {
        if outlines.first().is_some_and(|own| own.skipped.is_some()) {
            return Self::Skipped;
        }
        let hit = |job: &JobOutline| {
            job.unavailable.is_some()
                || match &job.legs {
                    Legs::Known(legs) => legs.iter().any(|leg| leg.unavailable.is_some()),
                    Legs::Dynamic => false,
                }
        };
        let mut running = outlines.iter().filter(|job| job.runs());
        if running.any(hit) {
            Self::Unavailable
        } else {
            Self::Runs
        }
    }

    pub(super) fn worst<'n>(needs: impl Iterator<Item = (&'n str, &'n Self)>) -> WorstFate<'n> {
        let mut worst = WorstFate::Run;
        for (need, fate) in needs {
            match fate {
                Self::Unavailable => return WorstFate::Unavailable(need),
                Self::Skipped => worst = WorstFate::Skipped(need),
                Self::Runs => {}
            }
        }
        worst
    }
}

pub(super) fn needs_of(job: &Job) -> Vec<&str> {
    job.needs.iter().map(|need| need.value.as_str()).collect()
}
