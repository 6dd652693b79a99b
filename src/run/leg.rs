//! One leg of a job: what the server evaluates, the slot, the machine, the end (SPEC GEN-2, 5.1).

use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Run;
use super::availability::{self, Unavailable};
use super::context::Contexts;
use super::ground::{self, Asked, Ground};
use super::invocation::Invocation;
use super::job::{Job, annotation_of, optional_minutes};
use super::keep::Fate;
use super::limit;
use super::set_up::{self, SetUpError, set_up};
use super::step::millis;
use crate::event::{Annotation, Conclusion, EventKind, JobKey, Level};
use crate::plan::machine::Placement;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{Access, Grant, JobKind, StepsJob};

/// Default of `timeout-minutes` (SPEC 1.6).
const JOB_MINUTES: u64 = 360;
/// Default of `cancel-timeout-minutes`.
const CANCEL_MINUTES: u64 = 5;

/// A leg that is about to run.
#[derive(Debug)]
pub(super) struct LegPlan {
    pub run: Arc<Run>,
    pub invocation: Arc<Invocation>,
    /// The job's id.
    pub id: String,
    /// Ends this leg.
    pub cancel: CancellationToken,
    /// `max-parallel`.
    pub slots: Option<Arc<Semaphore>>,
    /// Ends all legs of the matrix.
    pub fail_fast: Option<CancellationToken>,
    /// Server-phase contexts with `matrix` and `strategy`.
    pub contexts: Contexts,
}

/// How a leg ended.
#[derive(Debug)]
pub(super) struct LegEnd {
    /// After `continue-on-error`: what dependants and the matrix see (SPEC R-2).
    pub result: Conclusion,
    pub outputs: IndexMap<String, String>,
    pub unavailable: bool,
}

impl LegEnd {
    pub fn of(result: Conclusion) -> Self {
        Self {
            result,
            outputs: IndexMap::new(),
            unavailable: false,
        }
    }
}

/// What the server evaluates for one leg.
#[derive(Debug)]
struct Terms {
    labels: Vec<String>,
    placement: Placement,
    continue_on_error: bool,
    timeout: u64,
    cancel_timeout: u64,
    /// Of a `timeout-minutes` that is more than machines give.
    warning: Option<String>,
}

/// Runs a leg with steps.
pub(super) async fn run(plan: &LegPlan, key: JobKey) -> LegEnd {
    let job = &plan.invocation.workflow.jobs[&plan.id];
    let JobKind::Steps(definition) = &job.kind else {
        return LegEnd::of(Conclusion::Failure);
    };
    let terms = match terms(plan, definition) {
        Ok(terms) => terms,
        Err(error) => return plan.refuse(&key, &error),
    };
    // An image may take its time to come; nobody waits for it who was told to end.
    let prepared = tokio::select! {
        biased;
        prepared = Box::pin(prepare(plan, definition, &terms)) => prepared,
        () = plan.cancel.cancelled() => return plan.give_up(&key),
    };
    let mut ground = match prepared {
        Ok(Ok(ground)) => ground,
        Ok(Err(obstacle)) => {
            plan.report_unavailable(&key, &obstacle);
            return LegEnd {
                unavailable: true,
                ..LegEnd::of(Conclusion::Skipped)
            };
        }
        Err(error) => return plan.refuse(&key, &error),
    };
    let Some(_slots) = plan.slot().await else {
        return plan.give_up(&key);
    };
    let started = Instant::now();
    plan.run.emitter.job(
        &key,
        EventKind::JobStarted {
            runs_on: terms.labels,
            permissions: plan.permissions(),
        },
    );
    for warning in terms.warning.into_iter().chain(ground.warning.clone()) {
        let found = Annotation::new(Level::Warning, warning);
        plan.run.emitter.job(&key, EventKind::Annotation(found));
    }
    let limits = Limits {
        timeout: terms.timeout,
        cancel_timeout: terms.cancel_timeout,
    };
    let machine = on_machine(plan, &key, definition, &mut ground, limits);
    let (shown, outputs) = Box::pin(machine).await;
    let result = if shown == Conclusion::Failure && terms.continue_on_error {
        Conclusion::Success
    } else {
        shown
    };
    plan.run.emitter.job(
        &key,
        EventKind::JobFinished {
            outcome: shown,
            conclusion: result,
            duration_ms: millis(started),
        },
    );
    LegEnd {
        result,
        outputs,
        unavailable: false,
    }
}

fn terms(plan: &LegPlan, definition: &StepsJob) -> Result<Terms, EvalError> {
    let evaluator = plan.evaluator();
    let continue_on_error = match &definition.continue_on_error {
        Some(token) => evaluator.boolean(token)?,
        None => false,
    };
    let timeout = optional_minutes(&evaluator, definition.timeout_minutes.as_ref())?;
    let cancel_timeout = optional_minutes(&evaluator, definition.cancel_timeout_minutes.as_ref())?;
    let runs_on = evaluator.runs_on(&definition.runs_on)?;
    let placement = plan
        .run
        .options
        .machines
        .place(&runs_on.labels, runs_on.group.as_deref());
    let is_self_hosted = |label: &String| label.eq_ignore_ascii_case("self-hosted");
    let (timeout, warning) = limit::job_minutes(
        timeout.unwrap_or(JOB_MINUTES),
        runs_on.labels.iter().any(is_self_hosted),
    );
    Ok(Terms {
        labels: runs_on.labels,
        placement,
        continue_on_error,
        timeout,
        cancel_timeout: cancel_timeout.unwrap_or(CANCEL_MINUTES),
        warning,
    })
}

/// Everything that is to be there before the leg starts.
async fn prepare(
    plan: &LegPlan,
    definition: &StepsJob,
    terms: &Terms,
) -> Result<Result<Ground, Unavailable>, EvalError> {
    // An unknown label is named before anything is asked for it.
    if let Placement::Unavailable { .. } = terms.placement {
        return Ok(ground::settle(plan, definition, &terms.placement, Asked::default()).await);
    }
    match ask(plan, definition)? {
        Ok(asked) => Ok(Box::pin(ground::settle(plan, definition, &terms.placement, asked)).await),
        Err(obstacle) => Ok(Err(obstacle)),
    }
}

/// What the leg asks for, or what it needs that is not to be had.
fn ask(plan: &LegPlan, definition: &StepsJob) -> Result<Result<Asked, Unavailable>, EvalError> {
    let contexts = set_up::container_contexts(plan, definition)?;
    let evaluator = Evaluator {
        context: &contexts,
        source: &plan.invocation.workflow.source,
    };
    let mut asked = Asked::of(definition, &evaluator)?;
    let found = availability::obstacle(
        &plan.run,
        &plan.invocation,
        definition,
        &plan.evaluator(),
        &mut asked,
    );
    Ok(found.map_or(Ok(asked), Err))
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    timeout: u64,
    cancel_timeout: u64,
}

/// The leg on its machine, from the first folder to the last process.
async fn on_machine(
    plan: &LegPlan,
    key: &JobKey,
    definition: &StepsJob,
    ground: &mut Ground,
    limits: Limits,
) -> (Conclusion, IndexMap<String, String>) {
    let masker = plan.run.masker.fork();
    let slot = plan.run.slot(key, ground).await;
    let job = set_up(plan, key, definition, ground, &masker, slot);
    let job = match job {
        Ok(mut job) => match ground.reread(&job, definition) {
            Ok(()) => Ok(job),
            Err(error) => {
                tear_down(plan, key, &mut job).await;
                Err(error)
            }
        },
        Err(error) => Err(error),
    };
    let mut job = match job {
        Ok(job) => job,
        Err(error) => {
            let found = match error {
                SetUpError::Evaluation(error) => annotation_of(&error, &masker),
                SetUpError::Message(message) => {
                    Annotation::new(Level::Error, masker.mask_lines(&message))
                }
            };
            plan.run.emitter.job(key, EventKind::Annotation(found));
            return (Conclusion::Failure, IndexMap::new());
        }
    };
    let cancel = job.cancel.clone();
    let kill = job.kill.clone();
    plan.name_idle_services(key, definition);
    let (mut result, outputs) = {
        let steps = job.run(definition, ground);
        tokio::pin!(steps);
        tokio::select! {
            biased;
            ended = &mut steps => ended,
            () = watch(plan, key, &cancel, &kill, limits) => steps.await,
        }
    };
    if cancel.is_cancelled() || kill.is_cancelled() {
        result = Conclusion::Cancelled;
    }
    tear_down(plan, key, &mut job).await;
    (result, outputs)
}

/// Cancels the leg when its time is up, and kills it when it does not end after that (SPEC ).
async fn watch(
    plan: &LegPlan,
    key: &JobKey,
    cancel: &CancellationToken,
    kill: &CancellationToken,
    limits: Limits,
) {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = tokio::time::sleep(Duration::from_secs(limits.timeout * 60)) => {
            plan.say(key, &format!(
                "The job has exceeded the maximum execution time of {}m0s",
                limits.timeout
            ));
            cancel.cancel();
        }
    }
    let grace = Duration::from_secs((limits.cancel_timeout * 60).max(60) - 15);
    tokio::select! {
        () = kill.cancelled() => {}
        () = tokio::time::sleep(grace) => kill.cancel(),
    }
}

/// "Complete job": orphans, folders (SPEC J-5, H-5).
async fn tear_down(plan: &LegPlan, key: &JobKey, job: &mut Job) {
    // A job that was killed on its way has them still.
    Box::pin(job.stop_containers(0)).await;
    job.end_job_services();
    if let Err(error) = job.host.close().await {
        plan.run.emitter.job(
            key,
            EventKind::Note {
                level: Level::Warning,
                text: format!("can not close the job's machine: {error}"),
            },
        );
    }
    if !job.kept && job.fate() == Fate::Stays {
        job.keep_folder();
    }
    if job.kept {
        plan.run.watch_no_more(&job.tracking, &job.directories.root);
        return;
    }
    if plan.run.stop.kill.is_cancelled() {
        // At once: what may still be written there goes with the watchdog, when lrun is gone.
        return;
    }
    let directories = job.directories.clone();
    // A large tree takes its time to go; other jobs' output must not wait for it.
    match tokio::task::spawn_blocking(move || directories.remove()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => plan.run.emitter.job(
            key,
            EventKind::Note {
                level: Level::Warning,
                text: format!(
                    "can not remove the job's folder {}: {error}",
                    job.directories.root.display()
                ),
            },
        ),
        Err(error) => plan.run.broken(&format!("the clean-up broke off: {error}")),
    }
    job.end_slot();
    plan.run.watch_no_more(&job.tracking, &job.directories.root);
}

impl LegPlan {
    pub fn evaluator(&self) -> Evaluator<'_> {
        Evaluator {
            context: &self.contexts,
            source: &self.invocation.workflow.source,
        }
    }

    /// What GitHub's token could do: the job's own `permissions`, or those around it (SPEC W-101).
    pub fn grant(&self) -> &Grant {
        let own = &self.invocation.workflow.jobs[&self.id].permissions;
        match own {
            Some(permissions) => &permissions.grant,
            None => &self.invocation.grant,
        }
    }

    /// `id-token: write`, said by the workflow or the job: it is in nobody's default (SPEC W-102).
    pub fn identifies(&self) -> bool {
        let own = &self.invocation.workflow.jobs[&self.id].permissions;
        let is_said = own.is_some() || self.invocation.says_permissions;
        is_said && self.grant().access("id-token") == Access::Write
    }

    fn permissions(&self) -> Vec<(String, String)> {
        let mut all = self.grant().effective();
        // No workflow can take it away (SPEC W-101).
        all.entry("metadata").or_insert(Access::Read);
        all.into_iter()
            .map(|(name, access)| (name.to_owned(), access.as_str().to_owned()))
            .collect()
    }

    /// SPEC J-33: a service without an image is left out, and that is said.
    fn name_idle_services(&self, key: &JobKey, definition: &StepsJob) {
        let Some(Ok(services)) = definition
            .services
            .as_ref()
            .map(|token| self.evaluator().services(token))
        else {
            return;
        };
        for (name, _) in services.iter().filter(|(_, service)| service.is_none()) {
            self.run.emitter.job(
                key,
                EventKind::Note {
                    level: Level::Notice,
                    text: format!(
                        "The service '{name}' will not be started because the container definition has an empty image."
                    ),
                },
            );
        }
    }

    /// Waits for `max-parallel` and for a slot of the run; nothing when the leg is cancelled first.
    async fn slot(&self) -> Option<(Option<OwnedSemaphorePermit>, OwnedSemaphorePermit)> {
        let both = async {
            let of_matrix = match &self.slots {
                Some(slots) => Some(Arc::clone(slots).acquire_owned().await.ok()?),
                None => None,
            };
            let of_run = Arc::clone(&self.run.slots).acquire_owned().await.ok()?;
            Some((of_matrix, of_run))
        };
        tokio::select! {
            biased;
            () = self.ended() => None,
            slots = both => slots,
        }
    }

    /// Waits for `max-parallel` alone: a call holds no slot of the run, its jobs do.
    pub async fn matrix_slot(&self) -> Option<Option<OwnedSemaphorePermit>> {
        let Some(slots) = &self.slots else {
            return (!self.cancel.is_cancelled()).then_some(None);
        };
        tokio::select! {
            biased;
            () = self.ended() => None,
            slot = Arc::clone(slots).acquire_owned() => slot.ok().map(Some),
        }
    }

    /// The leg, or everything, is told to end.
    async fn ended(&self) {
        tokio::select! {
            () = self.cancel.cancelled() => {}
            () = self.run.stop.kill.cancelled() => {}
        }
    }

    /// A leg that fails before it starts.
    pub fn refuse(&self, key: &JobKey, error: &EvalError) -> LegEnd {
        self.run.emitter.job(
            key,
            EventKind::JobStarted {
                runs_on: Vec::new(),
                permissions: Vec::new(),
            },
        );
        self.annotate(key, error);
        self.run.emitter.job(
            key,
            EventKind::JobFinished {
                outcome: Conclusion::Failure,
                conclusion: Conclusion::Failure,
                duration_ms: 0,
            },
        );
        LegEnd::of(Conclusion::Failure)
    }

    fn annotate(&self, key: &JobKey, error: &EvalError) {
        let found = annotation_of(error, &self.run.masker);
        self.run.emitter.job(key, EventKind::Annotation(found));
    }

    pub fn say(&self, key: &JobKey, message: &str) {
        let found = Annotation::new(Level::Error, self.run.masker.mask_lines(message));
        self.run.emitter.job(key, EventKind::Annotation(found));
    }

    pub fn report_unavailable(&self, key: &JobKey, found: &Unavailable) {
        let source = &self.invocation.workflow.source;
        let at = source.position(found.span.start);
        let mask = |text: &str| self.run.masker.mask(text).into_owned();
        self.run.count_unavailable();
        self.run.emitter.job(
            key,
            EventKind::JobUnavailable {
                reason: mask(&found.reason),
                file: source.path.clone(),
                line: at.line,
                column: at.column,
                help: mask(&found.help),
                source: mask(source.line(at.line)),
            },
        );
    }

    /// Ends before it started.
    pub fn give_up(&self, key: &JobKey) -> LegEnd {
        let reason = "cancelled before it started".to_owned();
        self.run.emitter.job(
            key,
            EventKind::JobSkipped {
                reason,
                trace: None,
            },
        );
        LegEnd::of(Conclusion::Cancelled)
    }
}
