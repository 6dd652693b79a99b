//! Pre steps of served actions, before the job's first step (SPEC J-1, A-66).

use indexmap::IndexMap;
use tokio::time::Instant;

use super::background::Course;
use super::composite::{Frame, Outer};
use super::context::{Contexts, Status};
use super::job::{Job, Place, env_value, optional_minutes};
use super::post::{PostWork, holds_when_cancelled};
use super::remote::repository_input;
use super::step::{Prepared, Worked, deadline_of, earlier, millis, worse};
use super::uses::{Checkout, Meaning, Resolved, Served};
use crate::action::Runs;
use crate::event::{Conclusion, EventKind, Level, Phase, StepKey};
use crate::expr::Expr;
use crate::workflow::{Step, StepKind, Token};

/// Nesting of actions that is looked through.
const MAX_DEPTH: usize = 10;

impl Job {
    /// Runs the `pre` of the job's served actions, in step order.
    pub async fn run_pre_steps(&mut self, course: &Course<'_>, frame: &Frame) {
        for (place, step) in course.steps() {
            if self.kill.is_cancelled() {
                return;
            }
            if self.action_with_pre(None, step, 0).is_none() {
                continue;
            }
            self.bring_step(step).await;
            // Now from the job's own copy.
            if let Some(action) = self.action_with_pre(None, step, 0) {
                self.run_pre(frame, step, place, &action).await;
            }
        }
    }

    /// Whose checkout a step is, as far as its `with` says before it is evaluated.
    pub fn checkout_as_written(&self, with: Option<&Token>) -> Checkout {
        match repository_input(with) {
            Some(wanted) if !self.run.is_own_repository(wanted) => Checkout::Foreign,
            _ => Checkout::Own,
        }
    }

    /// Something of it runs before the first step.
    pub fn has_pre(&self, step: &Step) -> bool {
        self.action_with_pre(None, step, 0).is_some()
    }

    async fn bring_step(&self, step: &Step) {
        if let StepKind::Uses { uses, with } = &step.kind {
            let checkout = self.checkout_as_written(with.as_ref());
            self.bring(&uses.value, checkout).await;
        }
    }

    /// The action of a step, if it or one within it has a `pre` that runs. A `./` action is found only when its
    /// step runs: the workspace is empty now.
    fn action_with_pre(
        &self,
        scope: Option<Served>,
        step: &Step,
        depth: usize,
    ) -> Option<Box<Resolved>> {
        let StepKind::Uses { uses, with } = &step.kind else {
            return None;
        };
        let local = uses.value.starts_with("./") || uses.value.starts_with(".\\");
        if local || depth >= MAX_DEPTH {
            return None;
        }
        let checkout = self.checkout_as_written(with.as_ref());
        let Ok(Meaning::Action(action)) = self.resolve(scope, &uses.value, checkout) else {
            return None;
        };
        let has_pre = match &action.manifest.runs {
            Runs::Node(node) => node.pre.is_some(),
            Runs::Docker(docker) => docker.pre_entrypoint.is_some(),
            Runs::Composite { steps } => steps.iter().any(|step| {
                self.action_with_pre(action.served.clone(), step, depth + 1)
                    .is_some()
            }),
        };
        has_pre.then_some(action)
    }

    async fn run_pre(&mut self, frame: &Frame, step: &Step, place: usize, action: &Resolved) {
        let started = std::time::Instant::now();
        self.note_cancel();
        let contexts = self.contexts(
            frame,
            self.step_github(frame, &step.id),
            &self.frame_env(frame),
        );
        let name = self.display_name(frame, step, &contexts);
        let key = self.step_key(place, step.user_id(), &name, Phase::Pre);
        let condition = self.pre_condition(&contexts, action);
        if let Ok(false) = condition {
            let reason = "its pre-if does not hold".to_owned();
            self.emit(
                Some(&key),
                EventKind::StepSkipped {
                    reason,
                    trace: None,
                },
            );
            return;
        }
        self.emit(Some(&key), EventKind::StepStarted);
        let worked = match condition {
            Ok(_) => self.work_pre(frame, step, place, &key, action).await,
            Err(message) => {
                self.say(Some(&key), Level::Error, &message);
                Worked::failed()
            }
        };
        let conclusion = self.after_errors(frame, step, &key, &worked);
        self.state.conclude(conclusion);
        self.note_cancel();
        self.emit(
            Some(&key),
            EventKind::StepFinished {
                outcome: worked.outcome,
                conclusion,
                duration_ms: millis(started),
                exit_code: worked.exit_code,
            },
        );
    }

    /// `pre-if`; none is `always()` (SPEC E-65).
    fn pre_condition(&self, contexts: &Contexts, action: &Resolved) -> Result<bool, String> {
        let Some(condition) = pre_if(action) else {
            return Ok(true);
        };
        let mut contexts = contexts.clone();
        // SPEC E-64: also within a composite action, pre steps look at the job.
        contexts.status = Status::Step {
            job: self.state.status,
            composite: None,
        };
        condition
            .evaluate(&contexts)
            .map(|value| value.is_truthy())
            .map_err(|error| error.to_string())
    }

    /// The conclusion after the step's `continue-on-error`.
    fn after_errors(
        &self,
        frame: &Frame,
        step: &Step,
        key: &StepKey,
        worked: &Worked,
    ) -> Conclusion {
        if worked.outcome != Conclusion::Failure {
            return worked.outcome;
        }
        let github = self.step_github(frame, &step.id);
        let contexts = self.contexts(frame, github, &self.frame_env(frame));
        let evaluator = self.evaluator_of(frame, &contexts);
        if self.continues(&evaluator, step.continue_on_error.as_ref(), key) {
            Conclusion::Success
        } else {
            Conclusion::Failure
        }
    }

    async fn work_pre(
        &mut self,
        frame: &Frame,
        step: &Step,
        place: usize,
        key: &StepKey,
        action: &Resolved,
    ) -> Worked {
        let Some((prepared, limit)) = self.prepare_pre(frame, step, place, key, action) else {
            return Worked::failed();
        };
        let StepKind::Uses { with, .. } = &step.kind else {
            return Worked::failed();
        };
        let Some(inputs) = self.pre_inputs(frame, &prepared, with.as_ref(), action) else {
            return Worked::failed();
        };
        let mut worked = match &action.manifest.runs {
            Runs::Node(runs) => {
                let script = runs.pre.as_deref().unwrap_or_default();
                let condition = runs.pre_if.as_ref().map(|it| it.expr.clone());
                let contexts = prepared.contexts.clone();
                let survives = move |_: &Self| holds_when_cancelled(condition.as_ref(), &contexts);
                self.run_node_stage(frame, &prepared, action, (runs, script), &inputs, &survives)
                    .await
            }
            Runs::Composite { steps } => {
                self.work_inner_pres(frame, &prepared, action, steps, &inputs)
                    .await
            }
            Runs::Docker(docker) => {
                self.run_docker_pre(frame, &prepared, action, docker, &inputs)
                    .await
            }
        };
        self.absorb(&frame.path_of(place), &mut worked);
        if self.ran_out_of_time(limit.map(|(_, at)| at), worked.outcome) {
            self.say_timed_out(key, limit.map(|(minutes, _)| minutes));
            worked.outcome = Conclusion::Failure;
        }
        worked
    }

    /// Evaluates what a pre needs, as for the main of its step; what fails is said.
    fn prepare_pre<'a>(
        &mut self,
        frame: &Frame,
        step: &'a Step,
        place: usize,
        key: &StepKey,
        action: &Resolved,
    ) -> Option<(Prepared<'a>, Option<(u64, Instant)>)> {
        let files = self.stage_files(key, Place::Machine)?;
        let mut github = self.step_github(frame, &step.id);
        files.apply(&mut github);
        let mut env = self.frame_env(frame);
        let mut contexts = self.contexts(frame, github.clone(), &env);
        let own_env = match &step.env {
            Some(token) => self.evaluator_of(frame, &contexts).string_map(token),
            None => Ok(IndexMap::new()),
        };
        let own_env = own_env
            .map_err(|error| self.annotate(Some(key), &error))
            .ok()?;
        env.extend(own_env.clone());
        contexts.set("env", env_value(&env));
        let minutes = optional_minutes(
            &self.evaluator_of(frame, &contexts),
            step.timeout_minutes.as_ref(),
        )
        .unwrap_or_else(|error| {
            self.annotate(Some(key), &error);
            None
        });
        let limit = minutes.map(|minutes| (minutes, deadline_of(minutes)));
        let mut prepared = Prepared {
            step,
            place,
            key: key.clone(),
            github,
            env,
            own_env,
            contexts,
            files,
            deadline: earlier(frame.deadline, limit.map(|(_, at)| at)),
        };
        prepared.enter(action);
        Some((prepared, limit))
    }

    fn pre_inputs(
        &self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        with: Option<&Token>,
        action: &Resolved,
    ) -> Option<IndexMap<String, String>> {
        self.given_inputs(frame, prepared, with)
            .and_then(|given| self.inputs(action, prepared, given))
            .map_err(|error| self.annotate(Some(&prepared.key), &error))
            .ok()
    }

    /// The pres within a composite action, in order, as one (SPEC A-66).
    async fn work_inner_pres(
        &mut self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        action: &Resolved,
        steps: &[Step],
        inputs: &IndexMap<String, String>,
    ) -> Worked {
        let outer = Outer {
            key: &prepared.key,
            path: frame.path_of(prepared.place),
            env: &prepared.own_env,
            inputs,
            deadline: prepared.deadline,
        };
        let Some(inner) = self.open(frame, action, outer) else {
            return Worked::failed();
        };
        let mut result = Conclusion::Success;
        for (index, step) in steps.iter().enumerate() {
            if self
                .action_with_pre(inner.served(), step, inner.depth())
                .is_none()
            {
                continue;
            }
            self.bring_step(step).await;
            let Some(found) = self.action_with_pre(inner.served(), step, inner.depth()) else {
                continue;
            };
            let github = self.step_github(&inner, &step.id);
            let contexts = self.contexts(&inner, github, &self.frame_env(&inner));
            let conclusion = match self.pre_condition(&contexts, &found) {
                Ok(false) => continue,
                Err(message) => {
                    self.say(Some(&prepared.key), Level::Error, &message);
                    Conclusion::Failure
                }
                Ok(true) => {
                    let work = self.work_pre(&inner, step, index + 1, &prepared.key, &found);
                    let worked = Box::pin(work).await;
                    self.after_errors(&inner, step, &prepared.key, &worked)
                }
            };
            result = worse(result, conclusion);
        }
        if self.posts.has_any(&inner.path) {
            self.register_post(frame, prepared, None, PostWork::Composite);
        }
        Worked::ended(result)
    }
}

fn pre_if(action: &Resolved) -> Option<&Expr> {
    match &action.manifest.runs {
        Runs::Node(node) => node.pre_if.as_ref().map(|condition| &condition.expr),
        _ => None,
    }
}
