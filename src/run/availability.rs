//! Whether a leg can run here, known before it starts (DESIGN 7 "Machines").

use super::Run;
use super::context::{Contexts, Status};
use super::invocation::Invocation;
use super::job::env_value;
use super::remote::RemoteName;
use super::uses::read_action;
use crate::action::{Reference, Runs};
use crate::diagnostic::Span;
use crate::event::Conclusion;
use crate::expr::Reference as ExprReference;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{Step, StepKind, StepsJob, Token};

/// Nesting of actions that is looked through.
const MAX_DEPTH: usize = 10;

/// Why a leg can not run on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unavailable {
    pub span: Span,
    pub reason: String,
    pub help: String,
}

/// The first thing of a leg that this machine does not have.
pub(super) fn obstacle(
    run: &Run,
    invocation: &Invocation,
    job: &StepsJob,
    evaluator: &Evaluator,
) -> Result<Option<Unavailable>, EvalError> {
    if let Some(found) = container(job, evaluator)? {
        return Ok(Some(found));
    }
    if let Some(found) = services(job, evaluator)? {
        return Ok(Some(found));
    }
    Ok(job
        .steps
        .iter()
        .flat_map(acting)
        .filter(|step| may_run(run, invocation, job, step, evaluator))
        .find_map(|step| step_obstacle(run, invocation, step)))
}

const NO_DOCKER: &str = "lrun can not use Docker yet; move this job out of the selection with -j, or pass --skip-unavailable";

fn container(job: &StepsJob, evaluator: &Evaluator) -> Result<Option<Unavailable>, EvalError> {
    let Some(token) = &job.container else {
        return Ok(None);
    };
    // SPEC J-33: an empty image means the host.
    let container = evaluator.container(token)?;
    Ok(container.map(|container| Unavailable {
        span: token.span,
        reason: format!(
            "the job runs in the container {}, and there is no Docker engine",
            container.image
        ),
        help: NO_DOCKER.to_owned(),
    }))
}

fn services(job: &StepsJob, evaluator: &Evaluator) -> Result<Option<Unavailable>, EvalError> {
    let Some(token) = &job.services else {
        return Ok(None);
    };
    let services = evaluator.services(token)?;
    Ok(services
        .iter()
        .find(|(_, service)| service.is_some())
        .map(|(name, _)| Unavailable {
            span: token.span,
            reason: format!("the job needs the service '{name}', and there is no Docker engine"),
            help: NO_DOCKER.to_owned(),
        }))
}

fn step_obstacle(run: &Run, invocation: &Invocation, step: &Step) -> Option<Unavailable> {
    match &step.kind {
        StepKind::Run { .. }
        | StepKind::Wait(_)
        | StepKind::WaitAll
        | StepKind::Cancel(_)
        | StepKind::Parallel(_) => None,
        StepKind::Uses { uses, with } => {
            let at = |(reason, help)| Unavailable {
                span: uses.span,
                reason,
                help,
            };
            action_obstacle(run, invocation, (&uses.value, with.as_ref()), 0).map(at)
        }
    }
}

/// What a place in the list of steps stands for: a group for its steps.
fn acting(step: &Step) -> &[Step] {
    match &step.kind {
        StepKind::Parallel(steps) => steps,
        _ => std::slice::from_ref(step),
    }
}

/// Whether a step may run at all: one that people keep from running locally (`if: ${{ !env.ACT }}`) needs nothing
/// here. Only what is known before the job counts.
fn may_run(
    run: &Run,
    invocation: &Invocation,
    job: &StepsJob,
    step: &Step,
    evaluator: &Evaluator,
) -> bool {
    if step.condition.text.is_none() {
        return true;
    }
    let known = [
        "github", "inputs", "vars", "needs", "strategy", "matrix", "env",
    ];
    let is_known = |reference: &ExprReference| match reference {
        ExprReference::Value { path, .. } => known.iter().any(|name| {
            path.first()
                .is_some_and(|first| first.eq_ignore_ascii_case(name))
        }),
        ExprReference::Function { name, .. } => !name.eq_ignore_ascii_case("hashFiles"),
    };
    if !step.condition.expr.references().iter().all(is_known) {
        return true;
    }
    let mut env = run.base_env();
    let tokens = [&invocation.workflow.env, &job.env, &step.env];
    for token in tokens.into_iter().flatten() {
        match evaluator.string_map(token) {
            Ok(values) => env.extend(values),
            Err(_) => return true,
        }
    }
    env.extend(run.options.env.iter().cloned());
    let mut contexts = Contexts::default();
    for name in known {
        contexts.set(name, evaluator.context.named_value(name));
    }
    contexts.set("env", env_value(&env));
    [
        Conclusion::Success,
        Conclusion::Failure,
        Conclusion::Cancelled,
    ]
    .into_iter()
    .any(|job| {
        let mut contexts = contexts.clone();
        contexts.status = Status::Step {
            job,
            composite: None,
        };
        Evaluator {
            context: &contexts,
            source: evaluator.source,
        }
        .condition(&step.condition)
        .unwrap_or(true)
    })
}

/// What an action needs that is not here: reason and help.
fn action_obstacle(
    run: &Run,
    invocation: &Invocation,
    (uses, with): (&str, Option<&Token>),
    depth: usize,
) -> Option<(String, String)> {
    if depth >= MAX_DEPTH {
        return None;
    }
    let Ok(reference) = uses.parse::<Reference>() else {
        return None;
    };
    let action = match reference {
        Reference::Docker(image) => {
            return Some((
                format!("the step runs the image {image}, and there is no Docker engine"),
                NO_DOCKER.to_owned(),
            ));
        }
        // A step of the job may make or change it: what is not there now is no obstacle.
        Reference::Local(path) => read_action(run, run.options.root.join(path), uses, None),
        Reference::SelfRepository(path) => {
            read_action(run, run.options.root.join(path), uses, None)
        }
        Reference::Remote {
            owner,
            repo,
            path,
            git_ref,
        } => {
            let name = RemoteName {
                owner: &owner,
                repo: &repo,
                path: path.as_deref(),
                git_ref: &git_ref,
            };
            if run.is_own_checkout(name, with) {
                return None;
            }
            let served = match run.served(invocation, name, None) {
                Ok(served) => served,
                Err(missing) => {
                    let stand_in = format!(
                        "serve it from a folder: --local-repository {owner}/{repo}@{git_ref}=FOLDER"
                    );
                    let help = match missing.help {
                        Some(help) => format!("{help}; or {stand_in}"),
                        None => stand_in,
                    };
                    return Some((missing.reason, help));
                }
            };
            let directory = served.root.join(path.unwrap_or_default());
            match read_action(run, directory, uses, Some(served)) {
                Ok(action) => Ok(action),
                Err(message) => {
                    return Some((
                        format!("the action {uses} can not be read: {message}"),
                        "an action is a folder with an action.yml or a Dockerfile".to_owned(),
                    ));
                }
            }
        }
    };
    match &action.ok()?.manifest.runs {
        Runs::Docker(_) => Some((
            format!("the action {uses} runs in Docker, and there is no Docker engine"),
            NO_DOCKER.to_owned(),
        )),
        Runs::Composite { steps } => steps.iter().find_map(|step| match &step.kind {
            StepKind::Uses { uses, with } => {
                action_obstacle(run, invocation, (&uses.value, with.as_ref()), depth + 1)
            }
            _ => None,
        }),
        Runs::Node(_) => None,
    }
}
