//! What the end of a run tells of one job, in bounded memory.

use std::fmt::Write as _;

use crate::event::{Annotation, Conclusion, EventKind, StepKey};

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
#[derive(Debug)]
pub struct JobSummary {
    /// How the job ended.
    pub end: Option<EventKind>,
    /// Of the step that runs.
    tail: Tail,
    annotations: Vec<Annotation>,
    nested_failure: Option<String>,
    pub failures: Vec<Failure>,
    /// Annotations of steps that did not fail.
    pub remarks: Vec<Annotation>,
    pub summaries: Vec<Markdown>,
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    step: String,
    nested: Option<String>,
    end: EventKind,
    tail: Tail,
    annotations: Vec<Annotation>,
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

impl Default for JobSummary {
    fn default() -> Self {
        Self {
            end: None,
            tail: Tail::new(TAIL),
            annotations: Vec::new(),
            nested_failure: None,
            failures: Vec::new(),
            remarks: Vec::new(),
            summaries: Vec::new(),
        }
    }
}

impl JobSummary {
    pub fn observe(&mut self, step: Option<&StepKey>, kind: &EventKind) {
        let outer = step.is_none_or(|step| step.nested.is_empty());
        match kind {
            EventKind::StepOutput { text, .. } => self.tail.push(text),
            EventKind::StepStarted if outer => {
                self.tail.clear();
                self.nested_failure = None;
            }
            EventKind::Annotation(annotation) => {
                if step.is_some() {
                    record(annotation, &mut self.annotations, RECORDED);
                } else {
                    record(annotation, &mut self.remarks, JOB_RECORDED);
                }
            }
            EventKind::StepSummary { markdown } => {
                let name = step.map(wording::step_name).unwrap_or_default();
                self.summaries.push(Markdown::of(name, markdown));
            }
            EventKind::StepFinished {
                outcome,
                conclusion,
                ..
            } => {
                let Some(step) = step else { return };
                if outer {
                    self.step_finished(step, *conclusion, kind);
                } else if *conclusion == Conclusion::Failure && *outcome == Conclusion::Failure {
                    self.nested_failure.get_or_insert(wording::step_name(step));
                }
            }
            EventKind::JobFinished { .. }
            | EventKind::JobSkipped { .. }
            | EventKind::JobUnavailable { .. } => {
                self.end = Some(kind.clone());
                self.remarks.append(&mut self.annotations);
            }
            _ => {}
        }
    }

    fn step_finished(&mut self, step: &StepKey, conclusion: Conclusion, end: &EventKind) {
        if conclusion == Conclusion::Failure {
            self.failures.push(Failure {
                step: wording::step_name(step),
                nested: self.nested_failure.take(),
                end: end.clone(),
                tail: std::mem::replace(&mut self.tail, Tail::new(TAIL)),
                annotations: std::mem::take(&mut self.annotations),
            });
        } else {
            self.remarks.append(&mut self.annotations);
            self.tail.clear();
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
        for line in self.tail.lines() {
            _ = writeln!(text, "    {}", tame(line));
        }
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
            .nested
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
        for annotation in &self.annotations {
            indented(text, &wording::annotation(annotation, colors));
        }
        match self.tail.dropped() {
            0 => {}
            n => {
                let note = format!("… {} before", wording::counted(n, "line"));
                _ = writeln!(text, "    {}", colors.paint(Tint::Dim, note));
            }
        }
        for line in self.tail.lines() {
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
