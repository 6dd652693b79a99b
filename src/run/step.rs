//! A step's life: prepare (contexts → what to do), execute, absorb (SPEC 6.1).

use std::time::{Duration, Instant};

use indexmap::IndexMap;

use super::command_files::CommandFiles;
use super::composite::Frame;
use super::context::{Contexts, Status};
use super::job::{Job, Place, env_value, optional_minutes};
use super::limit;
use super::state::Effects;
use super::uses::Resolved;
use crate::event::{Conclusion, EventKind, Level, Phase, StepKey};
use crate::expr::{Object, Value};
use crate::plan::sketch::written;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{Condition, Step, StepKind, Token};

/// When a step's time is up, on the clock that timers follow.
type Deadline = tokio::time::Instant;

/// What a step needs to run, evaluated.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub step: &'a Step,
    /// Its place in its scope, from 1.
    pub place: usize,
    pub key: StepKey,
    pub github: Object,
    /// The `env` context of the step.
    pub env: IndexMap<String, String>,
    /// What the step's own `env` gave.
    pub own_env: IndexMap<String, String>,
    pub contexts: Contexts,
    pub files: CommandFiles,
    pub deadline: Option<Deadline>,
}

impl Prepared<'_> {
    /// Names the action in `github`, for its process and for what is evaluated in its file (SPEC 3.1).
    pub fn enter(&mut self, action: &Resolved) {
        if let Some(served) = &action.served {
            served.apply(&mut self.github);
            let github = Value::Object(self.github.clone().into());
            self.contexts.set("github", github);
        }
    }
}

/// How the work of a step ended.
#[derive(Debug)]
pub(super) struct Worked {
    pub outcome: Conclusion,
    pub exit_code: Option<i32>,
    pub effects: Effects,
}

impl Worked {
    pub fn ended(outcome: Conclusion) -> Self {
        Self {
            outcome,
            exit_code: None,
            effects: Effects::default(),
        }
    }

    pub fn failed() -> Self {
        Self::ended(Conclusion::Failure)
    }
}

/// A step whose turn it is, before anything of it has run.
#[derive(Debug)]
pub(super) struct Ready {
    pub key: StepKey,
    pub github: Object,
    /// What its own `env` gave.
    pub own_env: IndexMap<String, String>,
    pub contexts: Contexts,
    pub started: Instant,
}

/// What became of a step when its turn came; events say so already.
#[derive(Debug)]
pub(super) enum Reached {
    Ready(Ready),
    /// Its condition does not hold.
    Skipped,
    /// Its `env` or its `if` can not be evaluated.
    Failed {
        ready: Ready,
        by_condition: bool,
    },
}

/// What a scope learns of a step that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ran {
    /// Its `if` could not be evaluated.
    pub condition_failed: bool,
}

impl Job {
    /// Runs one step of a scope, or skips it, and records how it ended.
    pub async fn run_step(&mut self, frame: &mut Frame, step: &Step, place: usize) -> Ran {
        if frame.is_composite() && self.cancel.is_cancelled() {
            frame.status = Conclusion::Cancelled;
        }
        let (ready, worked, condition_failed) = match self.reach(frame, step, place) {
            Reached::Skipped => {
                let skipped = Conclusion::Skipped;
                frame.record(step, IndexMap::new(), skipped, skipped);
                return Ran {
                    condition_failed: false,
                };
            }
            Reached::Failed {
                ready,
                by_condition,
            } => (ready, Worked::failed(), by_condition),
            Reached::Ready(ready) => {
                self.emit(Some(&ready.key), EventKind::StepStarted);
                let limit = self.limit(frame, step, &ready);
                let worked = self.work(frame, step, place, &ready, limit).await;
                (ready, worked, false)
            }
        };
        self.finish(frame, (step, place), &ready, worked);
        Ran { condition_failed }
    }

    /// Evaluates what decides whether a step runs: its `env` and its `if` (SPEC S-1).
    pub fn reach(&mut self, frame: &Frame, step: &Step, place: usize) -> Reached {
        self.note_cancel();
        let started = Instant::now();
        let github = self.step_github(frame, &step.id);
        let env = self.frame_env(frame);
        let contexts = self.contexts(frame, github.clone(), &env);
        let (own_env, contexts, failure) = self.evaluate_env(frame, step, env, contexts);
        let ready = Ready {
            key: self.key_of(frame, step, place, &contexts),
            github,
            own_env,
            contexts,
            started,
        };
        let holds = match failure {
            Some(error) => Err((error, false)),
            None => self
                .evaluator_of(frame, &ready.contexts)
                .condition(&step.condition)
                .map_err(|error| (error, true)),
        };
        match holds {
            Ok(true) => Reached::Ready(ready),
            Ok(false) => {
                self.say_skipped(frame, step, &ready);
                Reached::Skipped
            }
            Err((error, by_condition)) => {
                self.emit(Some(&ready.key), EventKind::StepStarted);
                self.annotate(Some(&ready.key), &error);
                Reached::Failed {
                    ready,
                    by_condition,
                }
            }
        }
    }

    /// The step's `timeout-minutes` (SPEC S-6).
    pub fn limit(&self, frame: &Frame, step: &Step, ready: &Ready) -> Option<u64> {
        let evaluator = self.evaluator_of(frame, &ready.contexts);
        match optional_minutes(&evaluator, step.timeout_minutes.as_ref()) {
            Ok(minutes) => {
                if let Some(warning) = minutes.and_then(limit::step_minutes) {
                    self.say(Some(&ready.key), Level::Warning, &warning);
                }
                minutes
            }
            Err(error) => {
                // SPEC S-2: said, and the step still runs.
                self.annotate(Some(&ready.key), &error);
                None
            }
        }
    }

    /// Evaluates the step's own `env` over the job's (SPEC S-1, C-10).
    fn evaluate_env(
        &self,
        frame: &Frame,
        step: &Step,
        mut env: IndexMap<String, String>,
        mut contexts: Contexts,
    ) -> (IndexMap<String, String>, Contexts, Option<EvalError>) {
        let Some(token) = &step.env else {
            return (IndexMap::new(), contexts, None);
        };
        match self.evaluator_of(frame, &contexts).string_map(token) {
            Ok(own) => {
                env.extend(own.iter().map(|(k, v)| (k.clone(), v.clone())));
                contexts.set("env", env_value(&env));
                (own, contexts, None)
            }
            Err(error) => (IndexMap::new(), contexts, Some(error)),
        }
    }

    /// Does what the step is for.
    pub async fn work(
        &mut self,
        frame: &Frame,
        step: &Step,
        place: usize,
        ready: &Ready,
        limit: Option<u64>,
    ) -> Worked {
        let Some(files) = self.stage_files(&ready.key, Place::Machine) else {
            return Worked::failed();
        };
        let mut github = ready.github.clone();
        files.apply(&mut github);
        let mut contexts = ready.contexts.clone();
        contexts.set("github", Value::Object(github.clone().into()));
        let own_deadline = limit.map(deadline_of);
        let own_env = ready.own_env.clone();
        let mut env = self.frame_env(frame);
        env.extend(own_env.iter().map(|(k, v)| (k.clone(), v.clone())));
        let prepared = Prepared {
            step,
            place,
            key: ready.key.clone(),
            github,
            env,
            own_env,
            contexts,
            files,
            deadline: earlier(frame.deadline, own_deadline),
        };
        let mut worked = match &step.kind {
            StepKind::Run {
                run,
                shell,
                working_directory,
            } => {
                self.run_script(
                    frame,
                    &prepared,
                    run,
                    shell.as_ref(),
                    working_directory.as_ref(),
                )
                .await
            }
            StepKind::Uses { uses, with } => {
                self.run_action(frame, prepared, uses, with.as_ref()).await
            }
            // A job's own are no steps of this kind by now; the reader refuses them in an action.
            StepKind::Wait(_) | StepKind::WaitAll | StepKind::Cancel(_) | StepKind::Parallel(_) => {
                let message = "such a step can not stand here";
                self.say(Some(&prepared.key), Level::Error, message);
                Worked::failed()
            }
        };
        if self.ran_out_of_time(own_deadline, worked.outcome) {
            self.say_timed_out(&ready.key, limit);
            worked.outcome = Conclusion::Failure;
        }
        worked
    }

    /// What each stage of a step finds: the event's payload (SPEC T-11) and empty command files (SPEC K-40).
    pub fn stage_files(&self, key: &StepKey, place: Place<'_>) -> Option<CommandFiles> {
        let directories = &self.directories;
        let event = (directories.event.as_path(), self.event.as_bytes());
        let folder = (directories.file_commands.as_path(), &self.paths);
        let made = CommandFiles::create(self.files_of(place), folder, event);
        made.map_err(|error| {
            let message = format!("can not make the step's files: {error}");
            self.say(Some(key), Level::Error, &message);
        })
        .ok()
    }

    /// A step that was ended by its own time, not with its job (SPEC S-6).
    pub fn ran_out_of_time(&self, deadline: Option<Deadline>, outcome: Conclusion) -> bool {
        outcome == Conclusion::Cancelled
            && !self.cancel.is_cancelled()
            && deadline.is_some_and(|at| at <= Deadline::now())
    }

    pub fn say_timed_out(&self, key: &StepKey, minutes: Option<u64>) {
        let minutes = minutes.unwrap_or_default();
        let name = match key.phase {
            Phase::Pre => format!("Pre {}", key.name),
            Phase::Post => format!("Post {}", key.name),
            _ => key.name.to_string(),
        };
        let what = if self.background {
            "background step"
        } else {
            "action"
        };
        let message = format!("The {what} '{name}' has timed out after {minutes} minutes.");
        self.say(Some(key), Level::Error, &message);
    }

    /// Whether this step goes on when the job is cancelled (SPEC X-2).
    pub fn survives(&self, frame: &Frame, prepared: &Prepared<'_>) -> bool {
        // SPEC S-48: no condition keeps a background step. A step of an action is asked by itself, not with the step that
        // runs the action (SPEC X-2, E-64).
        !self.background
            && self.holds_when_cancelled(frame, &prepared.step.condition, &prepared.contexts)
    }

    fn holds_when_cancelled(
        &self,
        frame: &Frame,
        condition: &Condition,
        contexts: &Contexts,
    ) -> bool {
        if condition.text.is_none() {
            return false;
        }
        let mut contexts = contexts.clone();
        contexts.status = Status::Step {
            job: Conclusion::Cancelled,
            composite: frame.is_composite().then_some(Conclusion::Cancelled),
        };
        self.evaluator_of(frame, &contexts)
            .condition(condition)
            .unwrap_or(false)
    }

    pub fn evaluator_of<'a>(&'a self, frame: &'a Frame, contexts: &'a Contexts) -> Evaluator<'a> {
        Evaluator {
            context: contexts,
            source: frame.source().unwrap_or(&self.invocation.workflow.source),
        }
    }

    /// The key that a step's events carry; a step of a composite action is nested in its outer step's.
    fn key_of(&self, frame: &Frame, step: &Step, place: usize, contexts: &Contexts) -> StepKey {
        let name = self.display_name(frame, step, contexts);
        match frame.path_of(place).split_first() {
            Some((outer, nested)) if !nested.is_empty() => StepKey {
                nested: nested.to_vec(),
                ..self.step_key(*outer, None, &name, Phase::Main)
            },
            _ => self.step_key(place, step.user_id(), &name, Phase::Main),
        }
    }

    /// The name of a step (SPEC S-8).
    pub fn display_name(&self, frame: &Frame, step: &Step, contexts: &Contexts) -> String {
        let evaluator = self.evaluator_of(frame, contexts);
        if let Some(token) = &step.name {
            let name = evaluator
                .string(token)
                .unwrap_or_else(|_| written(token, evaluator.source));
            if !name.trim().is_empty() {
                return first_line(&name);
            }
        }
        match &step.kind {
            StepKind::Run { run, .. } => {
                let script = evaluator
                    .string(run)
                    .unwrap_or_else(|_| written(run, evaluator.source));
                format!("Run {}", first_line(&script))
            }
            StepKind::Uses { uses, .. } => {
                format!("Run {}", uses.value.trim_start_matches("docker://"))
            }
            StepKind::Wait(_) => "Wait".to_owned(),
            StepKind::WaitAll => "Wait for all".to_owned(),
            StepKind::Cancel(_) => "Cancel".to_owned(),
            StepKind::Parallel(_) => "Parallel group".to_owned(),
        }
    }

    fn say_skipped(&self, frame: &Frame, step: &Step, ready: &Ready) {
        let trace = step.condition.text.is_some().then(|| {
            let (_, trace) = step.condition.expr.trace(&ready.contexts);
            self.masker.mask_lines(&trace.to_string()).into_owned()
        });
        let reason = match &step.condition.text {
            Some(text) => format!("if: {}", text.value.trim()),
            None if frame.is_composite() => format!("the action is {}", past(frame.status)),
            None => format!("the job is {}", past(self.state.status)),
        };
        let reason = self.masker.mask(&reason).into_owned();
        self.emit(Some(&ready.key), EventKind::StepSkipped { reason, trace });
    }

    /// Closes a step and tells its scope how it ended (SPEC S-2 to S-5).
    fn finish(
        &mut self,
        frame: &mut Frame,
        (step, place): (&Step, usize),
        ready: &Ready,
        mut worked: Worked,
    ) {
        let conclusion = self.close(frame, (step, place), ready, &mut worked);
        frame.record(step, worked.effects.outputs, worked.outcome, conclusion);
        self.note_cancel();
        if frame.is_composite() {
            frame.status = worse(frame.status, conclusion);
        } else {
            self.state.conclude(conclusion);
        }
    }

    /// Absorbs a step that has ended: env, path, `continue-on-error`; gives its conclusion.
    pub fn close(
        &mut self,
        frame: &Frame,
        (step, place): (&Step, usize),
        ready: &Ready,
        worked: &mut Worked,
    ) -> Conclusion {
        self.absorb(&frame.path_of(place), worked);
        let evaluator = self.evaluator_of(frame, &ready.contexts);
        let continues = worked.outcome == Conclusion::Failure
            && self.continues(&evaluator, step.continue_on_error.as_ref(), &ready.key);
        let conclusion = if continues {
            Conclusion::Success
        } else {
            worked.outcome
        };
        self.emit(
            Some(&ready.key),
            EventKind::StepFinished {
                outcome: worked.outcome,
                conclusion,
                duration_ms: millis(ready.started),
                exit_code: worked.exit_code,
            },
        );
        conclusion
    }

    /// Takes in what a stage of a step did: env, path, state, commands that failed.
    pub fn absorb(&mut self, path: &[usize], worked: &mut Worked) {
        self.state.absorb(&worked.effects);
        if !worked.effects.state.is_empty() {
            let saved = self.saved.entry(path.to_vec()).or_default();
            saved.extend(worked.effects.state.clone());
        }
        if worked.effects.failed && worked.outcome == Conclusion::Success {
            worked.outcome = Conclusion::Failure;
        }
    }

    /// Evaluates a `continue-on-error` (SPEC S-3).
    pub fn continues(
        &self,
        evaluator: &Evaluator<'_>,
        token: Option<&Token>,
        key: &StepKey,
    ) -> bool {
        let value = token.map_or(Ok(false), |token| evaluator.boolean(token));
        value.unwrap_or_else(|error| {
            self.annotate(Some(key), &error);
            false
        })
    }
}

/// When so many minutes are over.
pub(super) fn deadline_of(minutes: u64) -> Deadline {
    Deadline::now() + Duration::from_secs(minutes * 60)
}

pub(super) fn earlier(a: Option<Deadline>, b: Option<Deadline>) -> Option<Deadline> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Merges a step's result into its composite action's (SPEC S-5).
pub(super) fn worse(current: Conclusion, new: Conclusion) -> Conclusion {
    match (current, new) {
        (Conclusion::Cancelled, _) | (_, Conclusion::Skipped) => current,
        (_, Conclusion::Cancelled) => Conclusion::Cancelled,
        (Conclusion::Failure, _) | (_, Conclusion::Failure) => Conclusion::Failure,
        _ => Conclusion::Success,
    }
}

fn past(status: Conclusion) -> &'static str {
    match status {
        Conclusion::Success => "succeeding",
        Conclusion::Failure => "failing",
        Conclusion::Cancelled => "cancelled",
        Conclusion::Skipped => "skipped",
    }
}

/// The first line with something on it, as step names show it (SPEC S-8).
pub(super) fn first_line(text: &str) -> String {
    text.trim_start()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Milliseconds since `started`.
pub(super) fn millis(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_result_counts() {
        // SPEC S-5
        use Conclusion::{Cancelled, Failure, Skipped, Success};
        let cases = [
            (Success, Success, Success),
            (Success, Skipped, Success),
            (Success, Failure, Failure),
            (Failure, Success, Failure),
            (Failure, Cancelled, Cancelled),
            (Cancelled, Failure, Cancelled),
        ];
        for (current, new, merged) in cases {
            assert_eq!(worse(current, new), merged, "{current} + {new}");
        }
    }

    #[test]
    fn names_are_one_line() {
        assert_eq!(first_line("\n  echo a\necho b"), "echo a");
        assert_eq!(first_line(""), "");
    }
}
