//! Post steps: what actions left to do at the end, last one first (SPEC J-2, E-65).

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use indexmap::IndexMap;
use tokio::time::Instant;

use super::composite::Frame;
use super::context::{Contexts, Status};
use super::docker_action::DockerRun;
use super::job::{Job, Place, env_value, optional_minutes};
use super::node_action::{NodeRun, state_variables};
use super::process::Stage;
use super::step::{Prepared, deadline_of, earlier, worse};
use crate::action::NodeVersion;
use crate::diagnostic::SourceFile;
use crate::event::{Conclusion, EventKind, Level, Phase, StepKey, Stream};
use crate::expr::{Expr, Object, Value};
use crate::workflow::Token;
use crate::workflow::evaluate::Evaluator;

/// One registered post.
#[derive(Debug)]
pub(super) struct Post {
    /// When it was registered, among those of its job.
    order: usize,
    pub key: StepKey,
    /// Places of its step and of those that enclose it.
    pub path: Vec<usize>,
    /// `post-if`; none is `always()`.
    pub condition: Option<Expr>,
    /// What its step knew.
    pub contexts: Contexts,
    pub github: Object,
    /// `env` of its step and of the composite steps around it.
    pub env: IndexMap<String, String>,
    /// Both hold for each stage of a step.
    pub continue_on_error: Option<Token>,
    pub timeout: Option<Token>,
    /// The file that its step stands in.
    pub source: Arc<SourceFile>,
    pub work: PostWork,
}

/// What a post does.
#[derive(Debug)]
pub(super) enum PostWork {
    Node {
        version: NodeVersion,
        script: PathBuf,
        inputs: Vec<(String, String)>,
    },
    Docker(Box<DockerRun>),
    /// The posts of a composite action's steps, run as one (SPEC A-66).
    Composite,
}

impl Post {
    fn evaluator(&self) -> Evaluator<'_> {
        Evaluator {
            context: &self.contexts,
            source: &self.source,
        }
    }
}

/// The stack of a job, and one for each composite step.
#[derive(Debug, Default)]
pub(super) struct Posts {
    stacks: HashMap<Vec<usize>, Vec<Post>>,
    registered: HashSet<Vec<usize>>,
    /// Counts registrations, also those of background steps.
    clock: Arc<AtomicUsize>,
}

impl Posts {
    /// Registers a post, once for each step: its pre or its main does it (SPEC J-2).
    pub fn push(&mut self, mut post: Post) {
        post.order = self.clock.fetch_add(1, Ordering::Relaxed);
        if self.registered.insert(post.path.clone()) {
            let scope = &post.path[..post.path.len().saturating_sub(1)];
            self.stacks.entry(scope.to_vec()).or_default().push(post);
        }
    }

    /// The next one of the job's own stack.
    pub fn next(&mut self) -> Option<Post> {
        self.stacks.get_mut(&[][..])?.pop()
    }

    /// The posts of a background step: those that its `pre` registered within it, and room for its own.
    pub fn fork(&mut self, place: usize) -> Self {
        let within = self
            .stacks
            .extract_if(|scope, _| scope.first() == Some(&place));
        Self {
            stacks: within.collect(),
            registered: self.registered.clone(),
            clock: Arc::clone(&self.clock),
        }
    }

    /// Takes in the posts of a background step that has ended: each at its time (SPEC J-2).
    pub fn join(&mut self, other: Self) {
        for (scope, posts) in other.stacks {
            let stack = self.stacks.entry(scope).or_default();
            stack.extend(posts);
            stack.sort_by_key(|post| post.order);
        }
        self.registered.extend(other.registered);
    }

    fn take(&mut self, scope: &[usize]) -> Vec<Post> {
        self.stacks.remove(scope).unwrap_or_default()
    }

    pub fn has_any(&self, scope: &[usize]) -> bool {
        self.stacks.contains_key(scope)
    }

    /// Gives the posts of a composite's steps the `steps` that they look at.
    pub fn know(&mut self, scope: &[usize], steps: &Value) {
        for post in self.stacks.get_mut(scope).into_iter().flatten() {
            post.contexts.set("steps", steps.clone());
        }
    }
}

impl Job {
    /// Registers the post of a step.
    pub fn register_post(
        &mut self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        condition: Option<Expr>,
        work: PostWork,
    ) {
        let mut env = frame.env.clone();
        env.extend(prepared.own_env.clone());
        let source = frame
            .source()
            .unwrap_or(&self.invocation.workflow.source)
            .clone();
        self.posts.push(Post {
            order: 0,
            key: StepKey {
                phase: Phase::Post,
                ..prepared.key.clone()
            },
            path: frame.path_of(prepared.place),
            condition,
            contexts: prepared.contexts.clone(),
            github: prepared.github.clone(),
            env,
            continue_on_error: prepared.step.continue_on_error.clone(),
            timeout: prepared.step.timeout_minutes.clone(),
            source,
            work,
        });
    }

    /// Runs one post of the job's stack, if its condition holds.
    pub async fn run_post(&mut self, mut post: Post, steps: &Value) {
        self.note_cancel();
        post.contexts.set("steps", steps.clone());
        let started = std::time::Instant::now();
        let holds = self.post_condition(&mut post);
        if let Ok(false) = holds {
            let reason = "its post-if does not hold".to_owned();
            self.emit(
                Some(&post.key),
                EventKind::StepSkipped {
                    reason,
                    trace: None,
                },
            );
            return;
        }
        let key = post.key.clone();
        self.emit(Some(&key), EventKind::StepStarted);
        let (outcome, conclusion) = match holds {
            Ok(_) => {
                let text = "Post job cleanup.".to_owned();
                let stream = Stream::Log;
                self.emit(Some(&key), EventKind::StepOutput { stream, text });
                self.perform(post, &key, None).await
            }
            Err(message) => {
                self.say(Some(&key), Level::Error, &message);
                (Conclusion::Failure, Conclusion::Failure)
            }
        };
        self.state.conclude(conclusion);
        self.note_cancel();
        self.emit(
            Some(&key),
            EventKind::StepFinished {
                outcome,
                conclusion,
                duration_ms: super::step::millis(started),
                exit_code: None,
            },
        );
    }

    /// Brings a post's contexts up to date, and asks its condition.
    fn post_condition(&self, post: &mut Post) -> Result<bool, String> {
        let mut env = self.state.env.clone();
        env.extend(post.env.clone());
        post.contexts.set("env", env_value(&env));
        post.contexts.set("job", self.job_value());
        // SPEC E-64: posts look at the job, also those of a composite's steps.
        post.contexts.status = Status::Step {
            job: self.state.status,
            composite: None,
        };
        let Some(condition) = &post.condition else {
            return Ok(true);
        };
        condition
            .evaluate(&post.contexts)
            .map(|value| value.is_truthy())
            .map_err(|error| error.to_string())
    }

    /// Does what a post is for: its outcome, and its conclusion after `continue-on-error`.
    async fn perform(
        &mut self,
        post: Post,
        key: &StepKey,
        deadline: Option<Instant>,
    ) -> (Conclusion, Conclusion) {
        let minutes =
            optional_minutes(&post.evaluator(), post.timeout.as_ref()).unwrap_or_else(|error| {
                self.annotate(Some(key), &error);
                None
            });
        let own_deadline = minutes.map(deadline_of);
        let deadline = earlier(deadline, own_deadline);
        let mut outcome = match &post.work {
            PostWork::Composite => self.perform_inner(&post, key, deadline).await,
            PostWork::Docker(run) => self.perform_docker(&post, key, deadline, run).await,
            PostWork::Node {
                version,
                script,
                inputs,
            } => {
                self.perform_node(&post, key, deadline, (*version, script.clone(), inputs))
                    .await
            }
        };
        if self.ran_out_of_time(own_deadline, outcome) {
            self.say_timed_out(key, minutes);
            outcome = Conclusion::Failure;
        }
        let continues = outcome == Conclusion::Failure
            && self.continues(&post.evaluator(), post.continue_on_error.as_ref(), key);
        let conclusion = if continues {
            Conclusion::Success
        } else {
            outcome
        };
        (outcome, conclusion)
    }

    /// The posts of a composite's steps in the log of the outer one (SPEC ).
    async fn perform_inner(
        &mut self,
        outer: &Post,
        key: &StepKey,
        deadline: Option<Instant>,
    ) -> Conclusion {
        let mut posts = self.posts.take(&outer.path);
        let mut result = Conclusion::Success;
        while let Some(mut post) = posts.pop() {
            if self.kill.is_cancelled() {
                break;
            }
            self.note_cancel();
            let conclusion = match self.post_condition(&mut post) {
                Ok(false) => continue,
                Ok(true) => Box::pin(self.perform(post, key, deadline)).await.1,
                Err(message) => {
                    self.say(Some(key), Level::Error, &message);
                    Conclusion::Failure
                }
            };
            result = worse(result, conclusion);
        }
        result
    }

    async fn perform_docker(
        &mut self,
        post: &Post,
        key: &StepKey,
        deadline: Option<Instant>,
        run: &DockerRun,
    ) -> Conclusion {
        let Some(files) = self.stage_files(key, Place::Machine) else {
            return Conclusion::Failure;
        };
        let mut github = post.github.clone();
        files.apply(&mut github);
        let mut env = self.state.env.clone();
        env.extend(post.env.clone());
        let mut run = run.clone();
        if let Some(state) = self.saved.get(&post.path) {
            run.variables.extend(state_variables(state));
        }
        let survives = |_: &Self| holds_when_cancelled(post.condition.as_ref(), &post.contexts);
        let stage = Stage {
            key,
            files: &files,
            env: &env,
            deadline,
            survives: &survives,
            place: Place::Machine,
        };
        let mut worked = Box::pin(self.run_docker(&stage, &run, &github, &env)).await;
        self.absorb(&post.path, &mut worked);
        worked.outcome
    }

    async fn perform_node(
        &mut self,
        post: &Post,
        key: &StepKey,
        deadline: Option<Instant>,
        (version, script, inputs): (NodeVersion, PathBuf, &[(String, String)]),
    ) -> Conclusion {
        let Some(files) = self.stage_files(key, Place::Machine) else {
            return Conclusion::Failure;
        };
        let mut github = post.github.clone();
        files.apply(&mut github);
        let mut env = self.state.env.clone();
        env.extend(post.env.clone());
        let mut variables = inputs.to_vec();
        if let Some(state) = self.saved.get(&post.path) {
            variables.extend(state_variables(state));
        }
        let node = NodeRun {
            version,
            script,
            variables,
            github: &github,
            env: &env,
        };
        let survives = |_: &Self| holds_when_cancelled(post.condition.as_ref(), &post.contexts);
        let stage = Stage {
            key,
            files: &files,
            env: &env,
            deadline,
            survives: &survives,
            place: Place::Machine,
        };
        let mut worked = self.run_node(&stage, &node).await;
        self.absorb(&post.path, &mut worked);
        worked.outcome
    }
}

/// Whether a post goes on when the job is cancelled while it runs: its default is `always()` (SPEC E-65).
pub(super) fn holds_when_cancelled(condition: Option<&Expr>, contexts: &Contexts) -> bool {
    let Some(condition) = condition else {
        return true;
    };
    let mut contexts = contexts.clone();
    contexts.status = Status::Step {
        job: Conclusion::Cancelled,
        composite: None,
    };
    condition
        .evaluate(&contexts)
        .is_ok_and(|value| value.is_truthy())
}
