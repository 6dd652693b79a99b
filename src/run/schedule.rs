//! Which job starts when: each as soon as its own needs are done (SPEC 9, 10, E-66 to E-68).

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Run;
use super::concurrency::Permit;
use super::context::{Contexts, Status};
use super::group;
use super::invocation::{Invocation, JobResult, merge};
use super::job::annotation_of;
use super::leg::{self, LegEnd, LegPlan};
use crate::event::{Conclusion, EventKind, Level};
use crate::executor::BoxFuture;
use crate::expr::{Trace, Value};
use crate::plan::matrix::{self, Legs};
use crate::plan::sketch::leg_name;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{Job, JobKind, TokenKind};

type Waiting = HashMap<String, watch::Receiver<Option<Arc<JobResult>>>>;

/// Runs the jobs of an invocation; gives their results in file order. Boxed, since a job may call a workflow.
pub(super) fn run_jobs(
    run: Arc<Run>,
    invocation: Arc<Invocation>,
) -> BoxFuture<'static, IndexMap<String, Arc<JobResult>>> {
    Box::pin(async move {
        let Some(key) = &invocation.workflow.concurrency else {
            return all_jobs(&run, &invocation).await;
        };
        let entered = match invocation.enter_group(&run, key).await {
            Ok(entered) => entered,
            Err(ends) => return ends,
        };
        let replaced = |text: &str| {
            let text = format!("{}: {text}", invocation.label);
            run.emitter.note(Level::Error, run.masker.mask(&text));
        };
        let jobs = all_jobs(&run, &invocation);
        group::hold(&entered, &invocation.cancel, jobs, replaced).await
    })
}

async fn all_jobs(
    run: &Arc<Run>,
    invocation: &Arc<Invocation>,
) -> IndexMap<String, Arc<JobResult>> {
    let mut tasks = JoinSet::new();
    let mut senders = HashMap::new();
    let mut waiting = Waiting::new();
    let selected: Vec<&String> = invocation.selected().collect();
    for id in &selected {
        let (sender, receiver) = watch::channel(None);
        senders.insert((*id).clone(), sender);
        waiting.insert(id.to_lowercase(), receiver);
    }
    let waiting = Arc::new(waiting);
    for id in &selected {
        let Some(sender) = senders.remove(*id) else {
            continue;
        };
        let (run, invocation, waiting) = (
            Arc::clone(run),
            Arc::clone(invocation),
            Arc::clone(&waiting),
        );
        let id = (*id).clone();
        tasks.spawn(async move {
            let result = Arc::new(run_job(&run, &invocation, &id, &waiting).await);
            sender.send_replace(Some(Arc::clone(&result)));
            (id, result)
        });
    }
    let mut ended: HashMap<String, Arc<JobResult>> = HashMap::new();
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok((id, result)) => {
                ended.insert(id, result);
            }
            // A panic in a job's task is a bug of lrun: it must not pass for a success.
            Err(error) => run.broken(&format!("a job broke off: {error}")),
        }
    }
    selected
        .into_iter()
        .filter_map(|id| ended.remove(id).map(|result| (id.clone(), result)))
        .collect()
}

/// One job from its needs to its result.
async fn run_job(
    run: &Arc<Run>,
    invocation: &Arc<Invocation>,
    id: &str,
    waiting: &Waiting,
) -> JobResult {
    let job = &invocation.workflow.jobs[id];
    let needs = await_needs(job, waiting).await;
    let mut closure = IndexMap::new();
    for (need, result) in &needs {
        closure.extend(result.closure.iter().map(|(k, v)| (k.clone(), *v)));
        closure.insert(need.to_lowercase(), result.result);
    }
    let mut ended = decide(run, invocation, job, &needs, &closure).await;
    closure.insert(id.to_lowercase(), ended.result);
    ended.closure = closure;
    ended
}

async fn await_needs(job: &Job, waiting: &Waiting) -> IndexMap<String, Arc<JobResult>> {
    let mut needs = IndexMap::new();
    for need in &job.needs {
        let Some(receiver) = waiting.get(&need.value.to_lowercase()) else {
            continue;
        };
        let mut receiver = receiver.clone();
        // A closed channel means that the needed job's task broke off: that is not a success.
        let result = match receiver.wait_for(Option::is_some).await {
            Ok(result) => result.clone(),
            Err(_) => None,
        };
        let result = result.unwrap_or_else(|| Arc::new(JobResult::of(Conclusion::Failure)));
        needs.insert(need.value.clone(), result);
    }
    needs
}

/// `if`, matrix, legs.
async fn decide(
    run: &Arc<Run>,
    invocation: &Arc<Invocation>,
    job: &Job,
    needs: &IndexMap<String, Arc<JobResult>>,
    closure: &IndexMap<String, Conclusion>,
) -> JobResult {
    if let Some((need, _)) = needs.iter().find(|(_, result)| result.unavailable) {
        skip(
            run,
            invocation,
            job,
            &format!("it needs '{need}', which can not run here"),
            None,
        );
        return JobResult {
            unavailable: true,
            ..JobResult::of(Conclusion::Skipped)
        };
    }
    let cancelled = invocation.cancel.is_cancelled();
    let mut contexts = invocation.contexts().with("needs", needs_value(needs));
    contexts.status = Status::Job {
        closure: closure.iter().map(|(k, v)| (k.clone(), *v)).collect(),
        cancelled,
    };
    let condition = Evaluator {
        context: &contexts,
        source: &invocation.workflow.source,
    }
    .condition(&job.condition);
    match condition {
        Err(error) => {
            refuse(run, invocation, job, &error);
            return JobResult::of(Conclusion::Failure);
        }
        Ok(false) => {
            let (reason, result) = why_not(job, needs, cancelled);
            let trace = job
                .condition
                .text
                .is_some()
                .then(|| job.condition.expr.trace(&contexts).1);
            skip(run, invocation, job, &reason, trace.as_ref());
            return JobResult::of(result);
        }
        Ok(true) => {}
    }
    // SPEC X-4, E-68: a job whose condition holds in a cancelled run is not cancelled with it.
    if let Status::Job { cancelled, .. } = &mut contexts.status {
        *cancelled = true;
    }
    let survives = Evaluator {
        context: &contexts,
        source: &invocation.workflow.source,
    }
    .condition(&job.condition)
    .unwrap_or(false);
    let cancel = if survives {
        run.stop.kill.child_token()
    } else {
        invocation.cancel.child_token()
    };
    match legs(run, invocation, job, &contexts) {
        Ok(legs) => run_legs(run, invocation, job, contexts, legs, cancel).await,
        Err(error) => {
            refuse(run, invocation, job, &error);
            JobResult::of(Conclusion::Failure)
        }
    }
}

fn skip(run: &Run, invocation: &Invocation, job: &Job, reason: &str, trace: Option<&Trace>) {
    let key = invocation.key(&run.masker.mask(&static_name(job)), &job.id);
    run.emitter.job(
        &key,
        EventKind::JobSkipped {
            reason: run.masker.mask(reason).into_owned(),
            trace: trace.map(|trace| run.masker.mask_lines(&trace.to_string()).into_owned()),
        },
    );
}

/// A job that fails before it starts: its `if` or its matrix can not be evaluated.
fn refuse(run: &Run, invocation: &Invocation, job: &Job, error: &EvalError) {
    let key = invocation.key(&run.masker.mask(&static_name(job)), &job.id);
    let found = annotation_of(error, &run.masker);
    run.emitter.job(
        &key,
        EventKind::JobStarted {
            runs_on: Vec::new(),
            permissions: Vec::new(),
        },
    );
    run.emitter.job(&key, EventKind::Annotation(found));
    run.emitter.job(
        &key,
        EventKind::JobFinished {
            outcome: Conclusion::Failure,
            conclusion: Conclusion::Failure,
            duration_ms: 0,
        },
    );
}

/// Why a job whose condition is false does not run.
fn why_not(
    job: &Job,
    needs: &IndexMap<String, Arc<JobResult>>,
    cancelled: bool,
) -> (String, Conclusion) {
    if cancelled {
        return (
            "the run was cancelled before it started".to_owned(),
            Conclusion::Cancelled,
        );
    }
    let unmet = needs
        .iter()
        .find(|(_, result)| result.result != Conclusion::Success);
    let reason = match (unmet, &job.condition.text) {
        (_, Some(text)) => format!("if: {}", text.value.trim()),
        (Some((need, result)), None) => {
            format!("it needs '{need}', which ended as {}", result.result)
        }
        (None, None) => "a job that its needs need did not succeed".to_owned(),
    };
    (reason, Conclusion::Skipped)
}

/// The `needs` context (SPEC C-17).
fn needs_value(needs: &IndexMap<String, Arc<JobResult>>) -> Value {
    Value::object(needs.iter().map(|(id, result)| {
        let outputs = Value::object(
            result
                .outputs
                .iter()
                .map(|(name, value)| (name.as_str(), Value::string(value.as_str()))),
        );
        (
            id.as_str(),
            Value::object([
                ("result", Value::string(result.result.as_str())),
                ("outputs", outputs),
            ]),
        )
    }))
}

/// Expands the strategy, and keeps what `--matrix` asks for.
fn legs(
    run: &Run,
    invocation: &Invocation,
    job: &Job,
    contexts: &Contexts,
) -> Result<Legs, EvalError> {
    let evaluator = Evaluator {
        context: contexts,
        source: &invocation.workflow.source,
    };
    let (value, span) = match &job.strategy {
        Some(strategy) => (evaluator.value(&strategy.value)?, strategy.span),
        None => (Value::Null, job.span),
    };
    let fail = |message: String| evaluator.fault(span, message);
    let mut legs = matrix::expand(&value).map_err(|error| fail(error.to_string()))?;
    if !legs.keep(&run.options.matrix) {
        return Err(fail(
            "--matrix leaves this job no leg: none of its combinations has these values".to_owned(),
        ));
    }
    Ok(legs)
}

/// A job's name without its matrix: the text, or the id.
fn static_name(job: &Job) -> String {
    match job.name.as_ref().map(|name| &name.kind) {
        Some(TokenKind::String(name)) if !name.is_empty() => name.clone(),
        _ => job.id.clone(),
    }
}

async fn run_legs(
    run: &Arc<Run>,
    invocation: &Arc<Invocation>,
    job: &Job,
    contexts: Contexts,
    legs: Legs,
    matrix_cancel: CancellationToken,
) -> JobResult {
    let slots = legs
        .settings
        .max_parallel
        .map(|max| Arc::new(Semaphore::new(max)));
    let mut tasks = JoinSet::new();
    for leg in legs.legs {
        let contexts = leg_contexts(&contexts, &leg, legs.settings);
        let plan = LegPlan {
            run: Arc::clone(run),
            invocation: Arc::clone(invocation),
            id: job.id.clone(),
            cancel: matrix_cancel.child_token(),
            slots: slots.clone(),
            fail_fast: legs.settings.fail_fast.then(|| matrix_cancel.clone()),
            contexts,
        };
        let evaluator = Evaluator {
            context: &plan.contexts,
            source: &invocation.workflow.source,
        };
        match leg_name(&job.id, job.name.as_ref(), &leg, &evaluator) {
            Ok(name) => {
                let key = run.unique_key(invocation.key(&name, &job.id));
                tasks.spawn(one_leg(plan, key));
            }
            Err(error) => {
                refuse(run, invocation, job, &error);
                tasks.spawn(std::future::ready(LegEnd::of(Conclusion::Failure)));
            }
        }
    }
    collect(run, tasks).await
}

async fn one_leg(plan: LegPlan, key: crate::event::JobKey) -> LegEnd {
    let job = &plan.invocation.workflow.jobs[&plan.id];
    let fail_fast: Option<CancellationToken> = plan.fail_fast.clone();
    // SPEC U-10: the group of a call is held for all of it.
    let end = match plan.enter_group(&key).await {
        Err(end) => end,
        Ok(entered) => {
            let own = entered.as_ref().map(Permit::group);
            let work = async {
                match &job.kind {
                    JobKind::Steps(_) => Box::pin(leg::run(&plan, key.clone())).await,
                    JobKind::Call(call) => super::call::run(&plan, key.clone(), call, own).await,
                }
            };
            let replaced = |text: &str| plan.say(&key, text);
            Box::pin(group::hold(&entered, &plan.cancel, work, replaced)).await
        }
    };
    // SPEC X-6: a leg with continue-on-error never triggers it.
    if end.result == Conclusion::Failure
        && let Some(all) = fail_fast
    {
        all.cancel();
    }
    end
}

fn leg_contexts(
    contexts: &Contexts,
    leg: &matrix::Leg,
    settings: matrix::StrategySettings,
) -> Contexts {
    let mut contexts = contexts.clone();
    contexts.status = Status::None;
    contexts
        .with("matrix", leg.matrix.clone())
        .with("strategy", leg.strategy(settings))
}

/// Outputs: one map, written in the order in which legs end; the last text that is not empty counts (SPEC R-4).
async fn collect(run: &Run, mut tasks: JoinSet<LegEnd>) -> JobResult {
    let mut ends = Vec::new();
    let mut outputs = IndexMap::new();
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(end) => {
                for (name, value) in &end.outputs {
                    if !value.is_empty() || !outputs.contains_key(name) {
                        outputs.insert(name.clone(), value.clone());
                    }
                }
                ends.push(end);
            }
            Err(error) => {
                run.broken(&format!("a leg broke off: {error}"));
                ends.push(LegEnd::of(Conclusion::Failure));
            }
        }
    }
    JobResult {
        // A leg that could not run is skipped; jobs of a call may have failed beside one that could not.
        result: merge(ends.iter().map(|end| end.result)),
        outputs,
        unavailable: !run.options.skip_unavailable && ends.iter().any(|end| end.unavailable),
        closure: IndexMap::new(),
    }
}
