//! A job that calls a workflow: inputs, secrets, its jobs, outputs (SPEC 11).

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use super::availability::Unavailable;
use super::context::Contexts;
use super::invocation::{Invocation, JobResult, merge};
use super::leg::{LegEnd, LegPlan};
use super::remote::RemoteName;
use super::schedule;
use crate::action::{Origin, WorkflowReference};
use crate::event::{Conclusion, JobKey};
use crate::expr::Value;
use crate::plan::inputs;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{CallJob, CallSecrets, Token, Trigger, Workflow};

/// Runs a leg that calls a workflow.
///
/// `group` is the concurrency group that the leg has.
pub(super) async fn run(
    plan: &LegPlan,
    key: JobKey,
    call: &CallJob,
    group: Option<&str>,
) -> LegEnd {
    let Some((called, origin)) = find(plan, call) else {
        plan.report_unavailable(&key, &missing(plan, call));
        return LegEnd {
            unavailable: true,
            ..LegEnd::of(Conclusion::Skipped)
        };
    };
    let invocation = match prepare(plan, &key, call, &called, origin) {
        Ok(invocation) => Arc::new(Invocation {
            within: plan.groups_of_call(&key, group),
            ..invocation
        }),
        Err(error) => return plan.refuse(&key, &error),
    };
    let Some(_slot) = plan.matrix_slot().await else {
        return plan.give_up(&key);
    };
    let jobs = schedule::run_jobs(Arc::clone(&plan.run), Arc::clone(&invocation));
    tokio::pin!(jobs);
    // A call that goes on in a cancelled run is of a run that is cancelled: its jobs are asked one by one (SPEC E-66).
    let results = tokio::select! {
        biased;
        results = &mut jobs => results,
        () = plan.invocation.cancel.cancelled() => {
            invocation.cancel.cancel();
            jobs.await
        }
    };
    finish(plan, &key, &called, &invocation, &results)
}

/// The workflow that a job calls, and the repository that it is of, if that is not the own one.
fn find(plan: &LegPlan, call: &CallJob) -> Option<(Arc<Workflow>, Option<Origin>)> {
    let invocation = &plan.invocation;
    if invocation.origin.is_none()
        && let Some(called) = plan.run.called.get(&call.uses.value)
    {
        return Some((Arc::clone(called), None));
    }
    let (origin, reading) = plan.run.options.remote.workflow(
        invocation.origin.as_ref(),
        invocation.pins.as_ref(),
        &call.uses.value,
    )?;
    Some((Arc::clone(reading.workflow.as_ref()?), Some(origin)))
}

/// Why a called workflow is not here.
fn missing(plan: &LegPlan, call: &CallJob) -> Unavailable {
    let uses = &call.uses.value;
    let unknown = || {
        Unavailable {
        span: call.uses.span,
        reason: format!("the called workflow {uses} is not here"),
        help: "call a workflow of this repository (./.github/workflows/FILE), or leave this job out with -j".to_owned(),
    }
    };
    let Ok(WorkflowReference::Remote {
        owner,
        repo,
        path,
        git_ref,
    }) = uses.parse()
    else {
        return unknown();
    };
    let name = RemoteName {
        owner: &owner,
        repo: &repo,
        path: Some(&path),
        git_ref: &git_ref,
    };
    match plan.run.served(&plan.invocation, name, None) {
        Err(missing) => Unavailable {
            reason: missing.reason,
            help: missing.help.unwrap_or_else(|| unknown().help),
            ..unknown()
        },
        Ok(_) => Unavailable {
            reason: format!(
                "{uses} is no workflow that can be called: there is no such file, or it has errors"
            ),
            ..unknown()
        },
    }
}

fn trigger(called: &Workflow) -> Option<&Trigger> {
    called.on.events.get("workflow_call")
}

/// The invocation of the called workflow (SPEC U-3 to U-5).
fn prepare(
    plan: &LegPlan,
    key: &JobKey,
    call: &CallJob,
    called: &Arc<Workflow>,
    origin: Option<Origin>,
) -> Result<Invocation, EvalError> {
    let outer = &plan.invocation;
    let evaluator = plan.evaluator();
    let fail = |message: String| evaluator.fault(call.uses.span, message);
    let given = match &call.with {
        Some(token) => evaluator.value(token)?,
        None => Value::Null,
    };
    let contexts = outer.contexts();
    let defaults = Evaluator {
        context: &contexts,
        source: &called.source,
    };
    let none = IndexMap::new();
    let declared = trigger(called).map_or(&none, |trigger| &trigger.inputs);
    let evaluate = |token: &Token| defaults.value(token).map_err(|error| error.to_string());
    let inputs =
        inputs::called(&called.source.path, declared, &given, &evaluate).map_err(|errors| {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            fail(texts.join("; "))
        })?;
    Ok(Invocation {
        workflow: Arc::clone(called),
        jobs: None,
        event: Arc::clone(&outer.event),
        inputs: Value::Object(Arc::new(inputs)),
        secrets: secrets(plan, call, called)?,
        vars: outer.vars.clone(),
        github: Arc::clone(&outer.github),
        name_prefix: format!("{} / ", key.key),
        id_prefix: format!("{}.", key.id),
        label: Arc::clone(&outer.label),
        cancel: plan.cancel.child_token(),
        depth: outer.depth + 1,
        within: Vec::new(),
        group: OnceLock::new(),
        grant: match &called.permissions {
            Some(permissions) => permissions.grant.clone(),
            None => plan.grant().clone(),
        },
        says_permissions: called.permissions.is_some()
            || outer.says_permissions
            || outer.workflow.jobs[&plan.id].permissions.is_some(),
        pins: outer.pins.clone(),
        origin,
        backend_id: Arc::clone(&outer.backend_id),
        entry: Arc::clone(&outer.entry),
    })
}

/// The secrets that the called workflow may read (SPEC U-4).
fn secrets(
    plan: &LegPlan,
    call: &CallJob,
    called: &Workflow,
) -> Result<IndexMap<String, String>, EvalError> {
    let own = &plan.invocation.secrets;
    let mut passed = IndexMap::new();
    match &call.secrets {
        CallSecrets::Inherit => return Ok(own.clone()),
        CallSecrets::None => {}
        CallSecrets::Map(token) => {
            let contexts: Contexts = plan
                .contexts
                .clone()
                .with("secrets", plan.invocation.secrets_value());
            let evaluator = Evaluator {
                context: &contexts,
                source: &plan.invocation.workflow.source,
            };
            for (name, value) in evaluator.string_map(token)? {
                if !value.is_empty() {
                    plan.run.masker.add_secret(&name, &value);
                    passed.insert(name.to_uppercase(), value);
                }
            }
        }
    }
    let declared = trigger(called).map(|trigger| &trigger.secrets);
    for (name, secret) in declared.into_iter().flatten() {
        if secret.required && !passed.contains_key(&name.to_uppercase()) {
            return Err(plan.evaluator().fault(
                call.uses.span,
                format!("Secret {name} is required, but not provided while calling."),
            ));
        }
    }
    // GITHUB_TOKEN is everybody's.
    if let Some(token) = own.get("GITHUB_TOKEN") {
        passed.insert("GITHUB_TOKEN".to_owned(), token.clone());
    }
    Ok(passed)
}

/// Result and outputs of the call (SPEC U-8, U-9).
fn finish(
    plan: &LegPlan,
    key: &JobKey,
    called: &Workflow,
    invocation: &Invocation,
    results: &IndexMap<String, Arc<JobResult>>,
) -> LegEnd {
    let result = merge(results.values().map(|job| job.result));
    let mut end = LegEnd {
        unavailable: results.values().any(|job| job.unavailable),
        ..LegEnd::of(result)
    };
    let Some(trigger) = trigger(called) else {
        return end;
    };
    let contexts = invocation.contexts().with("jobs", jobs_value(results));
    let evaluator = Evaluator {
        context: &contexts,
        source: &called.source,
    };
    for (name, output) in &trigger.outputs {
        match evaluator.string(&output.value) {
            Ok(value) => {
                end.outputs.insert(name.clone(), value);
            }
            Err(error) => {
                plan.refuse(key, &error);
                end.result = Conclusion::Failure;
            }
        }
    }
    end
}

/// The `jobs` context (SPEC C-18).
fn jobs_value(results: &IndexMap<String, Arc<JobResult>>) -> Value {
    Value::object(results.iter().map(|(id, result)| {
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
