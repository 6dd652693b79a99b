//! What in a job this machine can not serve, as far as it is known before the run.

use super::machine::{Backend, Machines, Placement};
use super::outline::Unavailable;
use crate::expr::Value;
use crate::workflow::{EvalError, Evaluator, Step, StepKind, StepsJob, Token};

/// Why a leg can not run here; `None` where it can. Labels come evaluated.
pub fn unavailable(
    job: &StepsJob,
    labels: &[String],
    group: Option<&str>,
    machines: &Machines,
    evaluator: &Evaluator<'_>,
) -> Result<Option<Unavailable>, EvalError> {
    if let Placement::Unavailable { reason, help } = machines.place(labels, group) {
        return Ok(Some(Unavailable { reason, help }));
    }
    // Whether an engine answers shows when it runs: a plan asks nobody.
    if machines.backend != Backend::Host {
        return Ok(None);
    }
    if let Some(container) = &job.container
        && has_image(container, evaluator)?
    {
        return Ok(Some(needs_engine("`container`")));
    }
    if let Some(services) = &job.services {
        let services = evaluator.expand(services)?;
        for (name, service) in services.pairs() {
            if has_image(service, evaluator)? {
                let name = name.as_str().unwrap_or("services");
                return Ok(Some(needs_engine(&format!("the service '{name}'"))));
            }
        }
    }
    Ok(docker_step(&job.steps).map(|uses| needs_engine(&format!("the action '{uses}'"))))
}

fn needs_engine(what: &str) -> Unavailable {
    Unavailable {
        reason: format!("{what} needs a container engine, and none is used"),
        help: "--backend auto uses one; or guard its job with `if: github.actor != 'nektos/act'`"
            .into(),
    }
}

/// An image that evaluates to nothing is no container (SPEC W-122).
fn has_image(token: &Token, evaluator: &Evaluator<'_>) -> Result<bool, EvalError> {
    let token = evaluator.expand(token)?;
    let image = match token.get("image") {
        Some(image) => evaluator.value(image)?,
        None if token.pairs().is_empty() => evaluator.value(&token)?,
        None => Value::Null,
    };
    Ok(!image.to_text().is_empty())
}

fn docker_step(steps: &[Step]) -> Option<&str> {
    steps.iter().find_map(|step| match &step.kind {
        StepKind::Uses { uses, .. } if uses.value.starts_with("docker://") => {
            Some(uses.value.as_str())
        }
        StepKind::Parallel(steps) => docker_step(steps),
        _ => None,
    })
}
