//! The log of one job in the live view: headings come late, foreign text comes tame.

use jiff::Timestamp;

use crate::event::{Event, EventKind, JobKey, StepKey};

use super::held::Held;
use super::narration::{Narration, Saying};
use super::terminal_text::{single, tame};
use super::wording::{self, Options, Workflows};

/// The log of one job, and what it is at.
#[derive(Debug)]
pub struct JobLog {
    pub name: String,
    log: Narration,
    /// Headings of steps that have said nothing yet.
    headings: Vec<(StepKey, String)>,
    pub step: String,
    pub held: Held,
    pub state: JobState,
}

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    Waiting,
    Running(Timestamp),
    Done,
}

impl JobLog {
    pub fn new(key: &JobKey, options: Options, workflows: Workflows) -> Self {
        Self {
            name: single(&wording::job_name(key, options.job_name, workflows)),
            log: Narration::new(options.detail),
            headings: Vec::new(),
            step: String::new(),
            held: Held::default(),
            state: JobState::Waiting,
        }
    }

    /// Appends what the log says of an event.
    pub fn write(&mut self, event: &Event, options: Options, buffer: &mut Vec<u8>) {
        if let EventKind::StepOutput { text, .. } = &event.kind {
            self.write_headings(buffer);
            line(self.log.depth(event.step.as_ref()) + 1, text, buffer);
            return;
        }
        let Some((depth, saying)) = self.log.of(event, options.colors) else {
            return;
        };
        let (depth, text) = match saying {
            // A step that says nothing needs no heading: its result names it.
            Saying::Heading(text) => {
                self.headings
                    .extend(event.step.clone().map(|step| (step, text)));
                return;
            }
            Saying::Text(text) => {
                self.write_headings(buffer);
                (depth + 1, text)
            }
            Saying::Result(text) => {
                self.headings
                    .pop_if(|(step, _)| Some(&*step) == event.step.as_ref());
                (depth, text)
            }
        };
        for text in text.lines() {
            line(depth, text, buffer);
        }
    }

    fn write_headings(&mut self, buffer: &mut Vec<u8>) {
        for (step, heading) in self.headings.drain(..) {
            for text in heading.lines() {
                line(step.nested.len(), text, buffer);
            }
        }
    }
}

fn line(depth: usize, text: &str, buffer: &mut Vec<u8>) {
    for _ in 0..depth {
        buffer.extend_from_slice(b"  ");
    }
    buffer.extend_from_slice(tame(text).as_bytes());
    buffer.push(b'\n');
}
