//! Whether a leg can run here, known before it starts (DESIGN 7 "Machines").

use super::Run;
use super::composite::{self, MAX_DEPTH};
use super::context::{Contexts, Status};
use super::ground::Asked;
use super::invocation::Invocation;
use super::job::env_value;
use super::remote::RemoteName;
use super::uses::{Resolved, Served, Unreadable, read_action};
use crate::action::{Reference, Runs};
use crate::diagnostic::Span;
use crate::event::Conclusion;
use crate::expr::Reference as ExprReference;
use crate::plan::machine::Backend;
use crate::workflow::evaluate::Evaluator;
use crate::workflow::{Step, StepKind, StepsJob, Token};

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
    asked: &mut Asked,
) -> Option<Unavailable> {
    let is_host = run.options.machines.backend == Backend::Host;
    for step in job.steps.iter().flat_map(acting) {
        let may = if may_run(run, invocation, job, step, evaluator) {
            May::Run
        } else if is_guarded(step) {
            continue;
        } else {
            May::NotRun
        };
        let mut images = Images {
            engine: !is_host,
            names: Vec::new(),
            because: None,
            inside: asked.container.is_some(),
        };
        if let Some(found) = step_obstacle(run, invocation, step, may, &mut images) {
            return Some(found);
        }
        if may == May::Run {
            asked.images.append(&mut images.names);
            if asked.because.is_none() {
                asked.because = images.because;
            }
        }
    }
    None
}

/// What actions in containers need.
#[derive(Debug)]
struct Images {
    /// An engine may be asked.
    engine: bool,
    names: Vec<String>,
    /// Why one is needed.
    because: Option<String>,
    /// The job has a container, whose own node runs JavaScript actions.
    inside: bool,
}

impl Images {
    /// Notes that something runs in a container; where none may, that is an obstacle.
    fn need(&mut self, what: String, image: Option<&str>) -> Option<Obstacle> {
        if !self.engine {
            return Some(Obstacle {
                reason: format!("{what}, and --backend host asks no engine"),
                help: NO_DOCKER.to_owned(),
                everywhere: false,
            });
        }
        self.names.extend(image.map(str::to_owned));
        self.because.get_or_insert(what);
        None
    }
}

/// Whether a step may run, as far as it is known before the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    Run,
    /// GitHub fetches and reads its action all the same (SPEC A-1).
    NotRun,
}

/// What an action needs that is not here.
#[derive(Debug)]
struct Obstacle {
    reason: String,
    help: String,
    /// GitHub would not have it either, so it fails the job there whatever the step's `if`.
    everywhere: bool,
}

/// Whether people keep a step from running locally (`if: ${{ !env.ACT }}`).
fn is_guarded(step: &Step) -> bool {
    step.condition
        .expr
        .references()
        .iter()
        .any(|reference| match reference {
            ExprReference::Value { path, .. } => {
                let name = path.join(".").to_ascii_lowercase();
                ["env.act", "env.lrun", "github.actor"].contains(&name.as_str())
            }
            ExprReference::Function { .. } => false,
        })
}

const NO_DOCKER: &str = "leave --backend out; or move this job out of the selection with -j, or pass --skip-unavailable";

fn step_obstacle(
    run: &Run,
    invocation: &Invocation,
    step: &Step,
    may: May,
    images: &mut Images,
) -> Option<Unavailable> {
    match &step.kind {
        StepKind::Run { .. }
        | StepKind::Wait(_)
        | StepKind::WaitAll
        | StepKind::Cancel(_)
        | StepKind::Parallel(_) => None,
        StepKind::Uses { uses, with } => {
            let at = |found: Obstacle| Unavailable {
                span: uses.span,
                reason: found.reason,
                help: found.help,
            };
            action_obstacle(run, invocation, (&uses.value, with.as_ref()), None, images)
                .filter(|found| may == May::Run || found.everywhere)
                .map(at)
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

/// The action in whose manifest a `uses` stands.
struct Within<'a> {
    outer: Option<&'a Self>,
    uses: &'a str,
    /// The repository that it is of.
    served: Option<&'a Served>,
}

impl Within<'_> {
    fn depth(&self) -> usize {
        1 + self.outer.map_or(0, Self::depth)
    }

    /// How one gets there from the step: `a@v1 → b@v1`.
    fn chain(&self, uses: &str) -> String {
        match self.outer {
            Some(outer) => format!("{} → {uses}", outer.chain(self.uses)),
            None => format!("{} → {uses}", self.uses),
        }
    }
}

/// What an action needs that is not here.
fn action_obstacle(
    run: &Run,
    invocation: &Invocation,
    (uses, with): (&str, Option<&Token>),
    within: Option<&Within<'_>>,
    images: &mut Images,
) -> Option<Obstacle> {
    let chained = |reason: String| match within {
        Some(within) => format!("{reason} ({})", within.chain(uses)),
        None => reason,
    };
    let everywhere = |reason: String, help: String| {
        Some(Obstacle {
            reason: chained(reason),
            help,
            everywhere: true,
        })
    };
    let Ok(reference) = uses.parse::<Reference>() else {
        return None;
    };
    let action = match &reference {
        Reference::Docker(image) => {
            return images
                .need(format!("a step runs the image {image}"), Some(image))
                .map(|found| Obstacle {
                    reason: chained(found.reason),
                    ..found
                });
        }
        // A step of the job may make or change it: what is not there now is no obstacle.
        Reference::Local(path) => read_action(run, run.options.root.join(path), uses, None).ok()?,
        Reference::SelfRepository(path) => {
            match own_action(run, invocation, (path, uses), within)? {
                Ok(action) => action,
                Err(found) => return everywhere(found.message, found.help),
            }
        }
        Reference::Remote { .. } => match remote_action(run, invocation, &reference, uses, with)? {
            Ok(action) => action,
            Err(found) => {
                return Some(Obstacle {
                    reason: chained(found.reason),
                    ..found
                });
            }
        },
    };
    match &action.manifest.runs {
        Runs::Docker(docker) => {
            let image = docker.image.strip_prefix("docker://");
            images
                .need(format!("the action {uses} runs in Docker"), image)
                .map(|found| Obstacle {
                    reason: chained(found.reason),
                    ..found
                })
        }
        Runs::Composite { steps } => {
            let inner = Within {
                outer: within,
                uses,
                served: action.served.as_ref(),
            };
            // GitHub looks into actions before the first step, whatever the conditions on the way (SPEC A-4).
            if inner.depth() > MAX_DEPTH {
                return everywhere(
                    composite::too_deep(),
                    "an action that leads back to itself has no end; others can be flattened"
                        .to_owned(),
                );
            }
            steps.iter().find_map(|step| match &step.kind {
                StepKind::Uses { uses, with } => {
                    let inner_uses = (uses.value.as_str(), with.as_ref());
                    action_obstacle(run, invocation, inner_uses, Some(&inner), images)
                }
                _ => None,
            })
        }
        // The image's own, or one that is brought when it runs.
        Runs::Node(_) if images.inside => None,
        Runs::Node(node) => run.no_node(node.version).map(|(reason, help)| Obstacle {
            reason: chained(reason),
            help,
            everywhere: false,
        }),
    }
}

/// `$/path`: of the repository whose file says so, at its commit; no step of the job can make it (SPEC A-5).
fn own_action(
    run: &Run,
    invocation: &Invocation,
    (path, uses): (&str, &str),
    within: Option<&Within<'_>>,
) -> Option<Result<Resolved, Unreadable>> {
    let served = match (within.and_then(|within| within.served), &invocation.origin) {
        (Some(served), _) => served.clone(),
        (None, Some(origin)) => {
            let name = RemoteName {
                owner: &origin.owner,
                repo: &origin.repo,
                path: None,
                git_ref: &origin.git_ref,
            };
            run.served(invocation, name, None).ok()?
        }
        (None, None) => Served {
            root: run.options.root.clone(),
            repository: run.options.identity.repository.clone(),
            git_ref: invocation.event.sha.clone(),
            own: true,
        },
    };
    Some(read_action(run, served.root.join(path), uses, Some(served)))
}

/// An action of another repository; nothing where lrun does its work.
fn remote_action(
    run: &Run,
    invocation: &Invocation,
    reference: &Reference,
    uses: &str,
    with: Option<&Token>,
) -> Option<Result<Resolved, Obstacle>> {
    let name = RemoteName::of(reference)?;
    if run.is_own_checkout(name, with) {
        return None;
    }
    let served = match run.served(invocation, name, None) {
        Ok(served) => served,
        Err(missing) => {
            let stand_in = format!(
                "serve it from a folder: --local-repository {}/{}@{}=FOLDER",
                name.owner, name.repo, name.git_ref
            );
            let help = match missing.help {
                Some(help) => format!("{help}; or {stand_in}"),
                None => stand_in,
            };
            return Some(Err(Obstacle {
                reason: missing.reason,
                help,
                everywhere: missing.everywhere,
            }));
        }
    };
    let directory = served.root.join(name.path.unwrap_or_default());
    let action = read_action(run, directory, uses, Some(served));
    Some(action.map_err(|found| Obstacle {
        reason: format!("the action {uses} can not be read: {}", found.message),
        help: found.help,
        everywhere: true,
    }))
}
