//! A background step at work: on a job of its own that its owner takes in later (SPEC S-40, S-41).

use indexmap::IndexMap;

use super::super::composite::Frame;
use super::super::job::Job;
use super::super::post::Posts;
use super::super::state::{Effects, Steps};
use super::super::step::Ready;
use crate::event::{Conclusion, EventKind};
use crate::workflow::Step;

/// A step that was reached and waits for a slot.
#[derive(Debug)]
pub struct Queued<'a> {
    pub worker: Job,
    pub step: &'a Step,
    pub place: usize,
    pub ready: Ready,
    /// Evaluated when the step was reached; its clock starts with the slot.
    pub limit: Option<u64>,
}

/// What changes in the job between the moment a step is reached and the one it gets its slot.
#[derive(Debug, Clone, Default)]
pub struct Latest {
    pub steps: Steps,
    pub path: Vec<String>,
    pub status: Option<Conclusion>,
}

/// How a background step ended, and all that its job learns of it later.
#[derive(Debug)]
pub struct End {
    pub outcome: Conclusion,
    pub conclusion: Conclusion,
    pub outputs: IndexMap<String, String>,
    /// What it did to env and path.
    pub changes: Effects,
}

/// A worker that has put down its work.
#[derive(Debug)]
pub struct Done {
    pub place: usize,
    pub end: End,
    pub posts: Posts,
    /// `GITHUB_STATE` for its post.
    pub saved: Vec<(Vec<usize>, IndexMap<String, String>)>,
}

/// Does the work of a step that has its slot.
pub async fn work(queued: Queued<'_>, latest: Latest) -> Done {
    let Queued {
        worker: mut job,
        step,
        place,
        mut ready,
        limit,
    } = queued;
    let mut frame = Frame::of_job();
    frame.steps = latest.steps;
    job.state.path = latest.path;
    if let Some(status) = latest.status {
        job.state.status = status;
    }
    ready.contexts.set("steps", frame.steps.to_value());
    ready.contexts.set("job", job.job_value());
    ready.started = std::time::Instant::now();
    job.emit(Some(&ready.key), EventKind::StepStarted);
    let mut worked = job.work(&frame, step, place, &ready, limit).await;
    let conclusion = job.close(&frame, (step, place), &ready, &mut worked);
    Done {
        place,
        end: End {
            outcome: worked.outcome,
            conclusion,
            outputs: std::mem::take(&mut worked.effects.outputs),
            changes: job.state.journal.take().unwrap_or_default(),
        },
        posts: std::mem::take(&mut job.posts),
        saved: job
            .saved
            .extract_if(|path, _| path.first() == Some(&place))
            .collect(),
    }
}

impl Job {
    /// A job for a background step: what it changes is its own, what it hides is hidden in all of the job.
    pub(super) fn fork(&mut self, place: usize) -> Self {
        Self {
            run: self.run.clone(),
            invocation: self.invocation.clone(),
            key: self.key.clone(),
            machine: self.machine.clone(),
            host: self.host.clone(),
            base_env: self.base_env.clone(),
            fallback: self.fallback.clone(),
            containers: self.containers.clone(),
            nodes: self.nodes.clone(),
            paths: self.paths.clone(),
            directories: self.directories.clone(),
            files: self.files.clone(),
            laid: None,
            slot: None,
            kept: false,
            masker: self.masker.clone(),
            server: self.server.clone(),
            github: self.github.clone(),
            runner: self.runner.clone(),
            runner_variables: self.runner_variables.clone(),
            default_shell: self.default_shell.clone(),
            default_directory: self.default_directory.clone(),
            state: self.state.fork(),
            posts: self.posts.fork(place),
            event: self.event.clone(),
            cancel: self.cancel.child_token(),
            kill: self.kill.child_token(),
            tracking: self.tracking.clone(),
            saved: self.saved.clone(),
            debug: self.debug,
            matchers: self.matchers.clone(),
            environment: None,
            summaries: self.summaries.clone(),
            toolkit: self.toolkit.clone(),
            background: true,
        }
    }

    /// Takes in what a background step left for the end of the job.
    pub(super) fn take_over(&mut self, done: Done) {
        self.posts.join(done.posts);
        self.saved.extend(done.saved);
    }

    /// Takes in what a background step did, now that a wait covers it (SPEC S-41).
    pub(super) fn learn(&mut self, frame: &mut Frame, step: &Step, end: &End) {
        self.state.absorb(&end.changes);
        frame.record(step, end.outputs.clone(), end.outcome, end.conclusion);
    }
}

impl End {
    /// Of a step that was ended, or never came to its slot.
    pub fn cancelled() -> Self {
        Self {
            outcome: Conclusion::Cancelled,
            conclusion: Conclusion::Cancelled,
            outputs: IndexMap::new(),
            changes: Effects::default(),
        }
    }
}
