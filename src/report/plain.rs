//! The log in a pipe: plain lines, each with its job in front.

use std::borrow::Cow;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, EventKind, JobKey, Listener, StepKey};

use super::narration::{Narration, Saying};
use super::roster::Roster;
use super::sink::Sink;
use super::style::{Colors, Tint};
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
    name: String,
    colors: Colors,
    tint: Tint,
    prefix: String,
    log: Narration,
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
                state.output(job, event.step.as_ref(), text);
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
                if let Some(note) = wording::note(kind, self.options.detail, colors) {
                    self.out.flush();
                    self.err.text(&note);
                    self.err.text("\n");
                    self.err.flush();
                }
            }
        }
        self.out.flush();
    }

    fn job_event(&mut self, key: &JobKey, event: &Event) {
        let (options, workflows) = (self.options, self.workflows);
        let job = self.jobs.of(key, |n| Job::new(key, n, options, workflows));
        if let Some((depth, saying)) = job.log.of(event, options.colors) {
            let (text, step) = match saying {
                // These name their step themselves.
                Saying::Heading(text) | Saying::Result(text) => (text, None),
                Saying::Text(text) => (text, event.step.as_ref()),
            };
            let prefix = job.prefix(step);
            for line in text.lines() {
                write_line(&prefix, depth, line, self.out.buffer());
            }
            self.out.flush();
        }
    }

    fn output(&mut self, key: &JobKey, step: Option<&StepKey>, text: &str) {
        let (options, workflows) = (self.options, self.workflows);
        let job = self.jobs.of(key, |n| Job::new(key, n, options, workflows));
        write_line(
            &job.prefix(step),
            job.log.depth(step),
            text,
            self.out.buffer(),
        );
        self.out.settle();
    }
}

impl Job {
    fn new(key: &JobKey, n: usize, options: Options, workflows: Workflows) -> Self {
        let name = wording::job_name(key, options.job_name, workflows);
        let (colors, tint) = (options.colors, Colors::job(n));
        let prefix = format!("{} ", colors.paint(tint, format!("[{name}]")));
        Self {
            name,
            colors,
            tint,
            prefix,
            log: Narration::new(options.detail),
        }
    }

    /// What stands in front of a line: also the step's name where several run at once.
    fn prefix(&self, step: Option<&StepKey>) -> Cow<'_, str> {
        match self.log.speaker(step) {
            None => Cow::Borrowed(&self.prefix),
            Some(speaker) => {
                let both = format!("[{} › {speaker}]", self.name);
                Cow::Owned(format!("{} ", self.colors.paint(self.tint, both)))
            }
        }
    }
}

fn write_line(prefix: &str, depth: usize, text: &str, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(prefix.as_bytes());
    for _ in 0..depth {
        buffer.extend_from_slice(b"  ");
    }
    buffer.extend_from_slice(text.as_bytes());
    buffer.push(b'\n');
}
