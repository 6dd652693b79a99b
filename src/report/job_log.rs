//! The log of one job in the live view: headings come late, foreign text comes tame.

use jiff::Timestamp;

use crate::event::{Event, EventKind, JobKey, StepKey};

use super::held::Held;
use super::narration::{Narration, Saying};
use super::open_steps::{OpenSteps, same_step};
use super::style::{Colors, Tint};
use super::terminal_text::{single, tame};
use super::wording::{self, Options, Workflows};

/// The log of one job, and what it is at.
#[derive(Debug)]
pub struct JobLog {
    pub name: String,
    log: Narration,
    /// Headings of steps that have said nothing yet.
    headings: Vec<(StepKey, String)>,
    /// What its steps do at this moment.
    pub step: String,
    running: OpenSteps<String>,
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
            running: OpenSteps::default(),
            held: Held::default(),
            state: JobState::Waiting,
        }
    }

    /// Appends what the log says of an event.
    pub fn write(&mut self, event: &Event, options: Options, buffer: &mut Vec<u8>) {
        let step = event.step.as_ref();
        if let EventKind::StepOutput { text, .. } = &event.kind {
            self.write_headings(step, buffer);
            let depth = self.log.depth(step) + 1;
            self.write_text(step, depth, text, options.colors, buffer);
            return;
        }
        let Some((depth, saying)) = self.log.of(event, options.colors) else {
            return;
        };
        match saying {
            // A step that says nothing needs no heading: its result names it.
            Saying::Heading(text) => self.headings.extend(step.map(|step| (step.clone(), text))),
            Saying::Text(text) => {
                self.write_headings(step, buffer);
                for text in text.lines() {
                    self.write_text(step, depth + 1, text, options.colors, buffer);
                }
            }
            Saying::Result(text) => {
                self.headings.retain(|(heading, _)| Some(heading) != step);
                for text in text.lines() {
                    line(depth, text, buffer);
                }
            }
        }
    }

    /// The steps that run, as one line shows them.
    pub fn follow(&mut self, step: &StepKey, kind: &EventKind) {
        match kind {
            EventKind::StepStarted => {
                let name = single(&wording::step_name(step));
                self.running.of(step).clone_from(&name);
            }
            EventKind::StepFinished { .. } if step.nested.is_empty() => {
                let last = self.running.finish(step);
                // Between two steps the one before is still shown.
                if self.running.iter().next().is_none() {
                    self.step = last.unwrap_or_default();
                    return;
                }
            }
            _ => return,
        }
        let names: Vec<&str> = self.running.iter().map(String::as_str).collect();
        self.step = names.join(", ");
    }

    /// A line of a step; its name stands in front where several run at once.
    fn write_text(
        &self,
        step: Option<&StepKey>,
        depth: usize,
        text: &str,
        colors: Colors,
        buffer: &mut Vec<u8>,
    ) {
        match self.log.speaker(step) {
            None => line(depth, text, buffer),
            Some(speaker) => {
                let speaker = colors.paint(Tint::Dim, format!("{} │", single(speaker)));
                line(depth, &format!("{speaker} {text}"), buffer);
            }
        }
    }

    /// Writes the headings of a step and of what it does, or all.
    fn write_headings(&mut self, step: Option<&StepKey>, buffer: &mut Vec<u8>) {
        let due = self.headings.extract_if(.., |(heading, _)| {
            step.is_none_or(|step| same_step(heading, step))
        });
        for (step, heading) in due {
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
