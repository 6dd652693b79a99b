//! Where a run waits for concurrency groups, and ends what another one replaces (SPEC 1.9, X-10, U-10).

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Run;
use super::concurrency::{GroupRequest, Holder, Lost, Outer, Permit, Terms};
use super::invocation::{Invocation, JobResult};
use super::job::annotation_of;
use super::leg::{LegEnd, LegPlan};
use crate::event::{Annotation, Conclusion, EventKind, JobKey, Level};
use crate::workflow::Concurrency;
use crate::workflow::evaluate::{EvalError, Evaluator};

/// A place in a group; `None` where the work has none.
pub(super) type Entered = Option<Permit>;

/// Does the work, and cancels it when another takes its place; gives also who that was.
pub(super) async fn hold<T>(
    entered: &Entered,
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
    replaced: impl FnOnce(&str),
) -> T {
    let Some(permit) = entered else {
        return work.await;
    };
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        by = permit.cancelled() => {
            replaced(&format!(
                "Canceling since a higher priority waiting request for '{}' exists: {by}",
                permit.group()
            ));
        }
    }
    cancel.cancel();
    work.await
}

impl Run {
    fn holder(&self, invocation: &Invocation, job: Option<&JobKey>) -> Holder {
        Holder {
            pid: std::process::id(),
            run: self.options.identity.run_id.clone(),
            workflow: invocation.label.to_string(),
            job: job.map(|key| key.key.to_string()),
            since: Timestamp::now(),
        }
    }

    /// Waits for the group; a group that can not be kept is said and done without.
    async fn enter(
        &self,
        request: &GroupRequest,
        cancel: &CancellationToken,
        say: &(dyn Fn(Level, String) + Send + Sync),
    ) -> Result<Entered, Lost> {
        let mut waiting = |holder: &Holder| {
            let text = format!(
                "waits for the concurrency group '{}', which {holder} has",
                request.terms.group
            );
            say(Level::Notice, text);
        };
        match self.groups.acquire(request, cancel, &mut waiting).await {
            Ok(permit) => Ok(Some(permit)),
            Err(lost @ Lost::Io { .. }) => {
                say(Level::Warning, format!("{lost}; this goes on without it"));
                Ok(None)
            }
            Err(lost) => Err(lost),
        }
    }
}

impl Invocation {
    /// Waits for the group of the whole workflow; where there is no place, how its jobs ended.
    pub async fn enter_group(
        &self,
        run: &Run,
        key: &Concurrency,
    ) -> Result<Entered, IndexMap<String, Arc<JobResult>>> {
        let terms = match self.group_terms(key) {
            Ok(terms) => terms,
            Err(error) => return Err(self.refuse(run, &error)),
        };
        let group = terms.group.clone();
        let request = GroupRequest {
            terms,
            holder: run.holder(self, None),
            within: self.within.clone(),
        };
        let say = |level, text: String| {
            let text = format!("{} {text}", self.label);
            run.emitter.note(level, run.masker.mask(&text));
        };
        match run.enter(&request, &self.cancel, &say).await {
            Ok(entered) => {
                if entered.is_some() {
                    let name = "top level workflow".to_owned();
                    // It is asked once for each invocation.
                    drop(self.group.set(Outer { group, name }));
                }
                Ok(entered)
            }
            Err(lost) => {
                let text = run.masker.mask_lines(&lost.to_string()).into_owned();
                let found = Annotation::new(Level::Error, text);
                Err(self.end_all(run, Conclusion::Cancelled, &found))
            }
        }
    }

    fn group_terms(&self, key: &Concurrency) -> Result<Terms, EvalError> {
        let contexts = self.contexts();
        let evaluator = Evaluator {
            context: &contexts,
            source: &self.workflow.source,
        };
        Terms::evaluate(&evaluator, key)
    }

    /// `run-name`, evaluated, or what stands for a blank one (SPEC W-41); without one it is the empty text.
    pub fn run_name(&self) -> Result<String, EvalError> {
        let Some(name) = &self.workflow.run_name else {
            return Ok(String::new());
        };
        let contexts = self.contexts();
        let evaluator = Evaluator {
            context: &contexts,
            source: &self.workflow.source,
        };
        let name = evaluator.string(name)?;
        Ok(if name.trim().is_empty() {
            self.title()
        } else {
            name
        })
    }

    /// What the event is about: the message of the head commit, the title of the pull request.
    fn title(&self) -> String {
        let payload = &self.event.payload;
        let text = |object: &str, field: &str| {
            let found = payload.get(object)?.get(field)?.as_str()?;
            found.lines().next().map(str::to_owned)
        };
        text("head_commit", "message")
            .or_else(|| text("pull_request", "title"))
            .unwrap_or_default()
    }

    /// A workflow that can not start.
    pub fn refuse(&self, run: &Run, error: &EvalError) -> IndexMap<String, Arc<JobResult>> {
        let found = annotation_of(error, &run.masker);
        self.end_all(run, Conclusion::Failure, &found)
    }

    /// Every job ends before it started.
    fn end_all(
        &self,
        run: &Run,
        result: Conclusion,
        found: &Annotation,
    ) -> IndexMap<String, Arc<JobResult>> {
        let mut ends = IndexMap::new();
        for id in self.selected() {
            let key = self.key(&run.masker.mask(id), id);
            run.emitter.job(&key, started());
            run.emitter.job(&key, EventKind::Annotation(found.clone()));
            run.emitter.job(&key, finished(result));
            ends.insert(id.clone(), Arc::new(JobResult::of(result)));
        }
        ends
    }

    /// What stands around a job of it: the groups for which it can not wait.
    fn around(&self) -> Vec<Outer> {
        let mut around = self.within.clone();
        around.extend(self.group.get().cloned());
        around
    }
}

impl LegPlan {
    /// Waits for the group of the job; where there is no place, how the leg ended.
    pub async fn enter_group(&self, key: &JobKey) -> Result<Entered, LegEnd> {
        let Some(concurrency) = &self.invocation.workflow.jobs[&self.id].concurrency else {
            return Ok(None);
        };
        let terms = Terms::evaluate(&self.evaluator(), concurrency)
            .map_err(|error| self.refuse(key, &error))?;
        let request = GroupRequest {
            terms,
            holder: self.run.holder(&self.invocation, Some(key)),
            within: self.invocation.around(),
        };
        let say = |level, text: String| {
            let text = self.run.masker.mask(&text).into_owned();
            self.run.emitter.job(key, EventKind::Note { level, text });
        };
        match self.run.enter(&request, &self.cancel, &say).await {
            Ok(entered) => Ok(entered),
            Err(Lost::Cancelled { .. }) => Err(self.give_up(key)),
            Err(lost) => {
                self.run.emitter.job(key, started());
                self.say(key, &lost.to_string());
                self.run.emitter.job(key, finished(Conclusion::Cancelled));
                Err(LegEnd::of(Conclusion::Cancelled))
            }
        }
    }

    /// The groups around the jobs of a workflow that this leg calls.
    pub fn groups_of_call(&self, key: &JobKey, own: Option<&str>) -> Vec<Outer> {
        let mut groups = self.invocation.around();
        groups.extend(own.map(|group| Outer {
            group: group.to_owned(),
            name: key.key.to_string(),
        }));
        groups
    }
}

fn started() -> EventKind {
    EventKind::JobStarted {
        runs_on: Vec::new(),
        permissions: Vec::new(),
    }
}

fn finished(conclusion: Conclusion) -> EventKind {
    EventKind::JobFinished {
        outcome: conclusion,
        conclusion,
        duration_ms: 0,
    }
}
