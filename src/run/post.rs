//! Post steps: what actions left to do at the end, last one first (SPEC J-2, E-65).

use std::path::PathBuf;
use std::time::Instant;

use indexmap::IndexMap;

use super::command_files::CommandFiles;
use super::context::{Contexts, Status};
use super::job::{Job, env_value};
use super::node_action::{NodeRun, state_variables};
use super::process::Stage;
use super::step::{Worked, millis};
use crate::action::NodeVersion;
use crate::event::{Conclusion, EventKind, Level, StepKey};
use crate::expr::{Expr, Object, Value};

/// One registered post.
#[derive(Debug)]
pub(super) struct Post {
    pub key: StepKey,
    /// `post-if`; none is `always()`.
    pub condition: Option<Expr>,
    /// What its step knew.
    pub contexts: Contexts,
    pub work: PostWork,
}

/// What a post does.
#[derive(Debug)]
pub(super) enum PostWork {
    Node {
        version: NodeVersion,
        script: PathBuf,
        inputs: Vec<(String, String)>,
        state: IndexMap<String, String>,
        own_env: IndexMap<String, String>,
        github: Object,
    },
    /// The posts of a composite action's steps, run as one (SPEC A-66).
    Composite(Vec<Post>),
}

impl Job {
    /// Runs one post of the job's stack, if its condition holds.
    pub async fn run_post(&mut self, post: Post) {
        self.note_cancel();
        let started = Instant::now();
        match self.post_condition(&post) {
            Ok(true) => {}
            Ok(false) => {
                self.emit(
                    Some(&post.key),
                    EventKind::StepSkipped {
                        reason: "its post-if does not hold".to_owned(),
                    },
                );
                return;
            }
            Err(message) => {
                self.emit(Some(&post.key), EventKind::StepStarted);
                self.say(Some(&post.key), Level::Error, &message);
                self.end_post(&post.key, Conclusion::Failure, started);
                return;
            }
        }
        self.emit(Some(&post.key), EventKind::StepStarted);
        let key = post.key.clone();
        let outcome = self.work_off(post).await;
        self.end_post(&key, outcome, started);
    }

    fn end_post(&mut self, key: &StepKey, outcome: Conclusion, started: Instant) {
        self.state.conclude(outcome);
        self.emit(
            Some(key),
            EventKind::StepFinished {
                outcome,
                conclusion: outcome,
                duration_ms: millis(started),
                exit_code: None,
            },
        );
    }

    fn post_condition(&self, post: &Post) -> Result<bool, String> {
        let Some(condition) = &post.condition else {
            return Ok(true);
        };
        let mut contexts = post.contexts.clone();
        // SPEC E-64: posts look at the job, also those of a composite's steps.
        contexts.status = Status::Step {
            job: self.state.status,
            composite: None,
        };
        condition
            .evaluate(&contexts)
            .map(|value| value.is_truthy())
            .map_err(|error| error.to_string())
    }

    async fn work_off(&mut self, post: Post) -> Conclusion {
        match post.work {
            PostWork::Composite(mut posts) => {
                let mut result = Conclusion::Success;
                while let Some(mut inner) = posts.pop() {
                    match self.post_condition(&inner) {
                        Ok(false) => continue,
                        Ok(true) => {}
                        Err(message) => {
                            self.say(Some(&post.key), Level::Error, &message);
                            result = Conclusion::Failure;
                            continue;
                        }
                    }
                    // SPEC A-67: the outer step's log and annotations.
                    inner.key = post.key.clone();
                    let outcome = Box::pin(self.work_off(inner)).await;
                    if outcome != Conclusion::Success && result == Conclusion::Success {
                        result = outcome;
                    }
                }
                result
            }
            PostWork::Node {
                version,
                script,
                inputs,
                state,
                own_env,
                mut github,
            } => {
                let files = match CommandFiles::create(&self.directories.file_commands) {
                    Ok(files) => files,
                    Err(error) => {
                        self.say(
                            Some(&post.key),
                            Level::Error,
                            &format!("can not make the step's command files: {error}"),
                        );
                        return Conclusion::Failure;
                    }
                };
                files.apply(&mut github);
                let mut env = self.state.env.clone();
                env.extend(own_env);
                let mut variables = inputs;
                variables.extend(state_variables(&state));
                let node = NodeRun {
                    version,
                    script,
                    variables,
                    github: &github,
                    env: &env,
                };
                let mut contexts = post.contexts;
                contexts.set("env", env_value(&env));
                contexts.set("github", Value::Object(github.clone().into()));
                let condition = post.condition;
                let survives = move |_: &Self| holds_when_cancelled(condition.as_ref(), &contexts);
                let stage = Stage {
                    key: &post.key,
                    files: &files,
                    deadline: None,
                    survives: &survives,
                };
                let worked = self.run_node(&stage, &node).await;
                self.take_in(worked)
            }
        }
    }

    fn take_in(&mut self, worked: Worked) -> Conclusion {
        self.state.absorb(&worked.effects);
        if worked.effects.failed && worked.outcome == Conclusion::Success {
            return Conclusion::Failure;
        }
        worked.outcome
    }
}

/// Whether a post goes on when the job is cancelled while it runs: its default is `always()` (SPEC E-65).
fn holds_when_cancelled(condition: Option<&Expr>, contexts: &Contexts) -> bool {
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
