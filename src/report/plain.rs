//! The log in a pipe: plain lines, each with its job in front.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, EventKind, JobKey, Listener, StepKey};

use super::roster::Roster;
use super::sink::Sink;
use super::style::{self, Colors, Tint};
use super::summary::Summary;
use super::wording::{self, Options, Workflows};

/// Writes the log to `out`, notes to `err`, and ends with the summary.
#[derive(Debug)]
pub struct Plain {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    out: Sink,
    err: Sink,
    options: Options,
    workflows: Workflows,
    jobs: Roster<Job>,
    summary: Summary,
}

#[derive(Debug)]
struct Job {
    prefix: String,
    /// Open groups.
    depth: usize,
}

impl Plain {
    pub fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, options: Options) -> Self {
        Self {
            state: Mutex::new(State {
                out: Sink::new(out),
                err: Sink::new(err),
                options,
                workflows: Workflows::default(),
                jobs: Roster::default(),
                summary: Summary::new(options),
            }),
        }
    }
}

impl Listener for Plain {
    fn on_event(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.summary.observe(event);
        match (&event.job, &event.kind) {
            (Some(job), EventKind::StepOutput { text, .. }) => {
                state.line(job, text);
                state.out.settle();
            }
            (Some(job), _) => state.job_event(job, event),
            (None, _) => state.run_event(&event.kind),
        }
    }

    fn tick(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.out.flush();
    }
}

impl State {
    fn run_event(&mut self, kind: &EventKind) {
        let colors = self.options.colors;
        match kind {
            EventKind::RunStarted { workflows, .. } => {
                self.workflows = Workflows::of(workflows);
                self.out.text(&wording::opening(kind, colors));
                self.out.text("\n");
            }
            EventKind::RunFinished { .. } => {
                let summary = self.summary.render();
                self.out.text(&summary);
            }
            EventKind::StepOutput { text, .. } => {
                self.out.text(text);
                self.out.text("\n");
            }
            _ => {
                if let Some(note) = wording::note(kind, colors) {
                    self.out.flush();
                    self.err.text(&note);
                    self.err.text("\n");
                    self.err.flush();
                }
            }
        }
        self.out.flush();
    }

    fn job_event(&mut self, job: &JobKey, event: &Event) {
        let colors = self.options.colors;
        match (&event.kind, &event.step) {
            (EventKind::JobStarted { runs_on }, _) => {
                let on = colors.paint(Tint::Dim, format!("on {}", runs_on.join(", ")));
                let line = format!("{} started {on}", style::STARTED);
                self.line(job, line.trim_end());
            }
            (EventKind::JobSkipped { reason }, _) => {
                self.line(job, &wording::skipped("", reason, colors));
            }
            (EventKind::JobUnavailable { .. }, _) => {
                for line in wording::unavailable(&event.kind, colors) {
                    self.line(job, &line);
                }
            }
            (
                EventKind::JobFinished {
                    outcome,
                    conclusion,
                    duration_ms,
                },
                _,
            ) => {
                let line = wording::ending(*outcome, *conclusion, *duration_ms, colors);
                self.line(job, &line);
            }
            (EventKind::Annotation(annotation), _) => {
                self.lines(job, &wording::annotation(annotation, colors));
            }
            (_, Some(step)) => self.step_event(job, step, &event.kind),
            (kind, None) => {
                if let Some(note) = wording::note(kind, colors) {
                    self.lines(job, &note);
                }
            }
        }
        self.out.flush();
    }

    fn step_event(&mut self, job: &JobKey, step: &StepKey, kind: &EventKind) {
        let colors = self.options.colors;
        let outer = step.nested.is_empty();
        match kind {
            EventKind::StepStarted => {
                if outer {
                    self.job(job).depth = 0;
                }
                let heading = format!("{} {}", style::STARTED, wording::step_name(step));
                self.line(job, &colors.paint(Tint::Bold, heading).to_string());
            }
            EventKind::StepSkipped { reason } => {
                let line = wording::skipped(&wording::step_name(step), reason, colors);
                self.line(job, &line);
            }
            EventKind::GroupStarted { title } => {
                self.line(
                    job,
                    &colors.paint(Tint::Cyan, format!("▾ {title}")).to_string(),
                );
                self.job(job).depth += 1;
            }
            EventKind::GroupEnded => {
                let job = self.job(job);
                job.depth = job.depth.saturating_sub(1);
            }
            EventKind::StepFinished { .. } => {
                if outer {
                    self.job(job).depth = 0;
                }
                self.lines(job, &wording::step_result(step, kind, colors));
            }
            _ => {
                if let Some(note) = wording::note(kind, colors) {
                    self.lines(job, &note);
                }
            }
        }
    }

    fn job(&mut self, key: &JobKey) -> &mut Job {
        let (options, workflows) = (self.options, self.workflows);
        self.jobs.of(key, |n| Job::new(key, n, options, workflows))
    }

    fn line(&mut self, key: &JobKey, text: &str) {
        let (options, workflows) = (self.options, self.workflows);
        let job = self.jobs.of(key, |n| Job::new(key, n, options, workflows));
        let buffer = self.out.buffer();
        buffer.extend_from_slice(job.prefix.as_bytes());
        for _ in 0..job.depth {
            buffer.extend_from_slice(b"  ");
        }
        buffer.extend_from_slice(text.as_bytes());
        buffer.push(b'\n');
    }

    fn lines(&mut self, key: &JobKey, text: &str) {
        for line in text.lines() {
            self.line(key, line);
        }
    }
}

impl Job {
    fn new(key: &JobKey, n: usize, options: Options, workflows: Workflows) -> Self {
        let name = wording::job_name(key, options.job_name, workflows);
        let prefix = options.colors.paint(Colors::job(n), format!("[{name}]"));
        Self {
            prefix: format!("{prefix} "),
            depth: 0,
        }
    }
}
