//! Whether a leg can run here, known before it starts (DESIGN 7 "Machines").

use super::Run;
use super::uses::read_action;
use crate::action::{Reference, Runs};
use crate::diagnostic::Span;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{Step, StepKind, StepsJob, Token, TokenKind};

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
    job: &StepsJob,
    evaluator: &Evaluator,
) -> Result<Option<Unavailable>, EvalError> {
    if let Some(found) = container(job, evaluator)? {
        return Ok(Some(found));
    }
    if let Some(found) = services(job, evaluator)? {
        return Ok(Some(found));
    }
    Ok(job.steps.iter().find_map(|step| step_obstacle(run, step)))
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

fn step_obstacle(run: &Run, step: &Step) -> Option<Unavailable> {
    match &step.kind {
        StepKind::Run { .. } => None,
        StepKind::Uses { uses, with } => {
            let at = |(reason, help)| Unavailable {
                span: uses.span,
                reason,
                help,
            };
            if let Some(found) = foreign_checkout(run, &uses.value, with.as_ref()) {
                return Some(at(found));
            }
            action_obstacle(run, &uses.value, 0).map(at)
        }
        StepKind::Wait(_) | StepKind::WaitAll | StepKind::Cancel(_) => None,
        StepKind::Parallel(steps) => steps.iter().find_map(|step| step_obstacle(run, step)),
    }
}

/// A checkout of another repository, where that is certain before the start.
fn foreign_checkout(run: &Run, uses: &str, with: Option<&Token>) -> Option<(String, String)> {
    let Ok(Reference::Remote {
        owner,
        repo,
        path,
        git_ref,
    }) = uses.parse()
    else {
        return None;
    };
    if !run.is_checkout(&owner, &repo, path.as_deref(), &git_ref) {
        return None;
    }
    let TokenKind::Mapping(entries) = &with?.kind else {
        return None;
    };
    let wanted = entries
        .iter()
        .find_map(|(name, value)| match (&name.kind, &value.kind) {
            (TokenKind::String(name), TokenKind::String(value))
                if name.eq_ignore_ascii_case("repository") =>
            {
                Some(value)
            }
            _ => None,
        })?;
    let own = &run.options.identity.repository;
    (!wanted.is_empty() && !wanted.eq_ignore_ascii_case(own)).then(|| {
        (
            format!(
                "the checkout of {wanted} would have to be fetched, and lrun does not fetch yet"
            ),
            format!(
                "this repository is {own}; leave this job out with -j, or pass --skip-unavailable"
            ),
        )
    })
}

/// What an action needs that is not here: reason and help.
fn action_obstacle(run: &Run, uses: &str, depth: usize) -> Option<(String, String)> {
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
            if run.is_checkout(&owner, &repo, path.as_deref(), &git_ref) {
                return None;
            }
            let Some(served) = run.served(&owner, &repo, &git_ref) else {
                return Some((
                    format!("the action {uses} is not here, and lrun does not fetch actions yet"),
                    format!(
                        "serve it from a folder: --local-repository {owner}/{repo}@{git_ref}=FOLDER"
                    ),
                ));
            };
            let directory = served.root.join(path.unwrap_or_default());
            match read_action(run, directory, uses, Some(served)) {
                Ok(action) => Ok(action),
                Err(message) => {
                    return Some((
                        format!("the action {uses} can not be read: {message}"),
                        "mend the folder that --local-repository names".to_owned(),
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
            StepKind::Uses { uses, .. } => action_obstacle(run, &uses.value, depth + 1),
            _ => None,
        }),
        Runs::Node(_) => None,
    }
}
