//! What the end of a run tells of one job, in bounded memory.

use std::fmt::Write as _;

use crate::event::{Annotation, Conclusion, EventKind, StepKey};

use super::open_steps::OpenSteps;
use super::style::{self, Colors, Millis, Tint};
use super::tail::Tail;
use super::terminal_text::tame;
use super::wording;

/// Last lines that a failed step shows.
const TAIL: usize = 20;
/// Lines that a step summary shows.
const MARKDOWN: usize = 20;
/// Annotations of a level that a step records (SPEC K-12).
const RECORDED: usize = 10;
/// The same of a whole job.
const JOB_RECORDED: usize = 100;

/// What the end tells of one job.
#[derive(Debug, Default)]
pub struct JobSummary {
    /// How the job ended.
    pub end: Option<EventKind>,
    /// Of the steps that run.
    started: bool,
    open: OpenSteps<Told>,
    /// Last lines of the steps that had no end when the job ended.
    last: Vec<String>,
    pub failures: Vec<Failure>,
    /// Annotations of steps that did not fail.
    pub remarks: Vec<Annotation>,
    pub summaries: Vec<Markdown>,
}

/// What a step has told so far.
#[derive(Debug)]
struct Told {
    tail: Tail,
    annotations: Vec<Annotation>,
    /// The first step of a composite action that failed.
    nested_failure: Option<String>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            tail: Tail::new(TAIL),
            annotations: Vec::new(),
            nested_failure: None,
        }
    }
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    step: String,
    end: EventKind,
    told: Told,
}

/// The beginning of a step summary.
#[derive(Debug)]
pub struct Markdown {
    pub step: String,
    pub lines: Vec<String>,
    /// Lines left out.
    pub more: usize,
}

impl Markdown {
    fn of(step: String, text: &str) -> Self {
        let mut rest = text.lines();
        let lines = rest.by_ref().take(MARKDOWN).map(str::to_owned).collect();
        Self {
            step,
            lines,
            more: rest.count(),
        }
    }
}

impl JobSummary {
    pub fn observe(&mut self, step: Option<&StepKey>, kind: &EventKind) {
        let outer = step.is_none_or(|step| step.nested.is_empty());
        match (kind, step) {
            (EventKind::JobStarted { .. }, _) => self.started = true,
            (EventKind::StepOutput { text, .. }, Some(step)) => {
                self.open.of(step).tail.push(text);
            }
            (EventKind::StepStarted, Some(step)) if outer => {
                *self.open.of(step) = Told::default();
            }
            (EventKind::Annotation(annotation), Some(step)) => {
                record(annotation, &mut self.open.of(step).annotations, RECORDED);
            }
            (EventKind::Annotation(annotation), None) => {
                record(annotation, &mut self.remarks, JOB_RECORDED);
            }
            (EventKind::StepSummary { markdown }, _) => {
                let name = step.map(wording::step_name).unwrap_or_default();
                self.summaries.push(Markdown::of(name, markdown));
            }
            (EventKind::StepFinished { conclusion, .. }, Some(step)) if outer => {
                self.step_finished(step, *conclusion, kind);
            }
            (
                EventKind::StepFinished {
                    outcome: Conclusion::Failure,
                    conclusion: Conclusion::Failure,
                    ..
                },
                Some(step),
            ) => {
                let told = self.open.of(step);
                told.nested_failure.get_or_insert(wording::step_name(step));
            }
            (
                EventKind::JobFinished { .. }
                | EventKind::JobSkipped { .. }
                | EventKind::JobUnavailable { .. },
                _,
            ) => {
                self.end = Some(kind.clone());
                for told in self.open.drain() {
                    self.remarks.extend(told.annotations);
                    self.last.extend(told.tail.lines().map(str::to_owned));
                }
            }
            _ => {}
        }
    }

    fn step_finished(&mut self, step: &StepKey, conclusion: Conclusion, end: &EventKind) {
        let told = self.open.finish(step).unwrap_or_default();
        if conclusion == Conclusion::Failure {
            self.failures.push(Failure {
                step: wording::step_name(step),
                end: end.clone(),
                told,
            });
        } else {
            self.remarks.extend(told.annotations);
        }
    }

    /// Whether the job failed without a failed step: its own errors are all there is to tell.
    pub fn is_unexplained(&self) -> bool {
        let failed = matches!(
            &self.end,
            Some(EventKind::JobFinished {
                conclusion: Conclusion::Failure,
                ..
            })
        );
        failed && self.failures.is_empty()
    }

    /// Tells of a job that failed without a failed step.
    pub fn explain(&self, text: &mut String, name: &str, colors: Colors) {
        let heading = format!("✗ {name} failed");
        _ = writeln!(text, "\n{}", colors.paint(Tint::Red, heading));
        for remark in &self.remarks {
            indented(text, &wording::annotation(remark, colors));
        }
        for line in &self.last {
            _ = writeln!(text, "    {}", tame(line));
        }
    }

    /// Nothing of it began or ended: a call that waited, whose jobs have lines of their own.
    pub fn is_idle(&self) -> bool {
        !self.started && self.end.is_none()
    }

    /// The job's line in the list of all.
    pub fn row(&self, name: &str, colors: Colors) -> String {
        match &self.end {
            Some(EventKind::JobFinished {
                outcome,
                conclusion,
                duration_ms,
            }) => {
                let tint = style::tint(*outcome);
                let symbol = colors.paint(tint, style::symbol(*outcome));
                let mut row = format!("{symbol} {:>7} {name}", Millis(*duration_ms));
                if *outcome != Conclusion::Success {
                    let result = style::result(*outcome, *conclusion);
                    _ = write!(row, ": {}", colors.paint(tint, result));
                }
                row
            }
            Some(EventKind::JobSkipped { reason, .. }) => {
                let mut row = format!("- {:>7} {name}: skipped", "");
                if !reason.is_empty() {
                    _ = write!(row, ", {reason}");
                }
                colors.paint(Tint::Dim, row).to_string()
            }
            Some(EventKind::JobUnavailable { reason, .. }) => {
                let row = format!(
                    "{} {:>7} {name}: unavailable, {reason}",
                    style::UNAVAILABLE,
                    ""
                );
                colors.paint(Tint::Red, row).to_string()
            }
            _ => format!("? {:>7} {name}: unfinished", ""),
        }
    }
}

impl Failure {
    pub fn render(&self, text: &mut String, job: &str, colors: Colors) {
        let nested = self
            .told
            .nested_failure
            .as_ref()
            .map(|name| format!(" › {name}"))
            .unwrap_or_default();
        let mut heading = format!("✗ {job} › {}{nested}", self.step);
        if let EventKind::StepFinished {
            exit_code: Some(code),
            ..
        } = &self.end
            && *code != 0
        {
            _ = write!(heading, ": exit code {code}");
        }
        _ = writeln!(text, "\n{}", colors.paint(Tint::Red, heading));
        for annotation in &self.told.annotations {
            indented(text, &wording::annotation(annotation, colors));
        }
        match self.told.tail.dropped() {
            0 => {}
            n => {
                let note = format!("… {} before", wording::counted(n, "line"));
                _ = writeln!(text, "    {}", colors.paint(Tint::Dim, note));
            }
        }
        for line in self.told.tail.lines() {
            _ = writeln!(text, "    {}", tame(line));
        }
    }
}

fn record(annotation: &Annotation, list: &mut Vec<Annotation>, limit: usize) {
    let alike = list.iter().filter(|it| it.level == annotation.level);
    if alike.count() < limit {
        list.push(annotation.clone());
    }
}

fn indented(text: &mut String, lines: &str) {
    for line in lines.lines() {
        _ = writeln!(text, "  {}", tame(line));
    }
}
