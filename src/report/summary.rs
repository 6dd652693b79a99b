//! The end of a run: every job, what failed with its last lines, what to do next.

use std::fmt::Write as _;

use crate::event::{Annotation, Conclusion, Event, EventKind, JobKey, StepKey};

use super::roster::Roster;
use super::style::{self, Colors, Millis, Tint};
use super::tail::Tail;
use super::terminal_text::tame;
use super::wording::{self, Options, Workflows};

/// Last lines that a failed step shows.
const TAIL: usize = 20;
/// Lines that a step summary shows.
const MARKDOWN: usize = 20;
/// Annotations that are listed of steps that did not fail.
const ANNOTATIONS: usize = 20;

/// Gathers what the end tells, in memory bounded by the number of steps.
#[derive(Debug)]
pub struct Summary {
    options: Options,
    workflows: Workflows,
    jobs: Roster<Job>,
    finished: Option<EventKind>,
}

#[derive(Debug)]
struct Job {
    end: Option<EventKind>,
    /// Of the step that runs.
    tail: Tail,
    annotations: Vec<Annotation>,
    nested_failure: Option<String>,
    failures: Vec<Failure>,
    /// Annotations of steps that did not fail.
    remarks: Vec<Annotation>,
    summaries: Vec<(String, String)>,
}

#[derive(Debug)]
struct Failure {
    step: String,
    nested: Option<String>,
    end: EventKind,
    tail: Tail,
    annotations: Vec<Annotation>,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// Only what went wrong.
    Trouble,
}

impl Default for Job {
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

impl Summary {
    pub fn new(options: Options) -> Self {
        Self {
            options,
            workflows: Workflows::default(),
            jobs: Roster::default(),
            finished: None,
        }
    }

    /// Takes in what the end will tell of this event.
    pub fn observe(&mut self, event: &Event) {
        match (&event.job, &event.kind) {
            (Some(key), kind) => {
                let job = self.jobs.of(key, |_| Job::default());
                job.observe(event.step.as_ref(), kind);
            }
            (None, EventKind::RunStarted { workflows, .. }) => {
                self.workflows = Workflows::of(workflows);
            }
            (None, EventKind::RunFinished { .. }) => self.finished = Some(event.kind.clone()),
            _ => {}
        }
    }

    /// The whole summary, with a line break at its end.
    pub fn render(&self) -> String {
        self.told(Extent::Whole)
    }

    /// Only the trouble: failed steps, unavailable legs, the command to run again; empty after a green run.
    pub fn trouble(&self) -> String {
        self.told(Extent::Trouble)
    }

    fn told(&self, extent: Extent) -> String {
        let mut text = String::new();
        if extent == Extent::Whole {
            self.jobs_table(&mut text);
        }
        for (key, job) in self.jobs.iter() {
            let name = self.name(key);
            for failure in &job.failures {
                failure.render(&mut text, &name, self.options.colors);
            }
            job.unexplained(&mut text, &name, self.options.colors);
        }
        if extent == Extent::Whole {
            self.remarks(&mut text);
            self.summaries(&mut text);
        }
        self.unavailable(&mut text);
        self.closing(&mut text, extent);
        text
    }

    fn name(&self, key: &JobKey) -> String {
        wording::job_name(key, self.options.job_name, self.workflows)
    }

    fn jobs_table(&self, text: &mut String) {
        let colors = self.options.colors;
        if self.jobs.is_empty() {
            return;
        }
        _ = writeln!(text, "\n{}", colors.paint(Tint::Bold, "Summary"));
        let names: Vec<String> = self.jobs.iter().map(|(key, _)| self.name(key)).collect();
        let width = names
            .iter()
            .map(|name| console::measure_text_width(name))
            .max();
        let width = width.unwrap_or(0).min(60);
        for (name, (_, job)) in names.iter().zip(self.jobs.iter()) {
            let pad = " ".repeat(width.saturating_sub(console::measure_text_width(name)));
            _ = writeln!(text, "  {}", job.row(&format!("{name}{pad}"), colors));
        }
    }

    fn remarks(&self, text: &mut String) {
        let colors = self.options.colors;
        let all: Vec<_> = self
            .jobs
            .iter()
            .flat_map(|(key, job)| job.remarks.iter().map(move |remark| (key, remark)))
            .collect();
        let count = all.len();
        if count == 0 {
            return;
        }
        _ = writeln!(text, "\n{}", colors.paint(Tint::Bold, "Annotations"));
        for (key, remark) in all.into_iter().take(ANNOTATIONS) {
            let shown = wording::annotation(remark, colors);
            let first = shown.lines().next().unwrap_or_default();
            _ = writeln!(text, "  {}: {}", self.name(key), tame(first));
        }
        if count > ANNOTATIONS {
            _ = writeln!(text, "  … and {} more", count - ANNOTATIONS);
        }
    }

    fn summaries(&self, text: &mut String) {
        let colors = self.options.colors;
        for (key, job) in self.jobs.iter() {
            for (step, markdown) in &job.summaries {
                let heading = format!("Summary of {} › {step}", self.name(key));
                _ = writeln!(text, "\n{}", colors.paint(Tint::Bold, heading));
                for line in markdown.lines().take(MARKDOWN) {
                    _ = writeln!(text, "{}", format!("  {}", tame(line)).trim_end());
                }
                let count = markdown.lines().count();
                if count > MARKDOWN {
                    let more = wording::counted(count - MARKDOWN, "line");
                    _ = writeln!(text, "  … {more} more");
                }
            }
        }
    }

    fn unavailable(&self, text: &mut String) {
        let colors = self.options.colors;
        for (key, job) in self.jobs.iter() {
            let Some(kind @ EventKind::JobUnavailable { .. }) = &job.end else {
                continue;
            };
            let heading = format!("{} {} did not run", style::UNAVAILABLE, self.name(key));
            _ = writeln!(text, "\n{}", colors.paint(Tint::Red, heading));
            for line in wording::unavailable(kind, colors) {
                _ = writeln!(text, "  {line}");
            }
        }
    }

    fn closing(&self, text: &mut String, extent: Extent) {
        let colors = self.options.colors;
        let Some(EventKind::RunFinished {
            conclusion,
            duration_ms,
            exit_code,
            unavailable,
            rerun,
        }) = &self.finished
        else {
            return;
        };
        if extent == Extent::Trouble && *exit_code == 0 {
            text.clear();
            return;
        }
        let mut line = wording::ending(*conclusion, *conclusion, *duration_ms, colors);
        if *unavailable > 0 {
            let legs = wording::counted(*unavailable, "leg");
            _ = write!(
                line,
                ", {}",
                colors.paint(Tint::Red, format!("{legs} unavailable"))
            );
        }
        if *exit_code != 0 {
            _ = write!(line, " (exit code {exit_code})");
        }
        _ = writeln!(text, "\n{line}");
        if let Some(command) = rerun {
            let again = colors.paint(Tint::Bold, command);
            _ = writeln!(text, "{} run again: {again}", style::RERUN);
        }
    }
}

impl Job {
    fn observe(&mut self, step: Option<&StepKey>, kind: &EventKind) {
        let outer = step.is_none_or(|step| step.nested.is_empty());
        match kind {
            EventKind::StepOutput { text, .. } => self.tail.push(text),
            EventKind::StepStarted if outer => {
                self.tail.clear();
                self.nested_failure = None;
            }
            EventKind::Annotation(annotation) if step.is_some() => {
                self.annotations.push(annotation.clone());
            }
            EventKind::Annotation(annotation) => self.remarks.push(annotation.clone()),
            EventKind::StepSummary { markdown } => {
                let name = step.map(wording::step_name).unwrap_or_default();
                self.summaries.push((name, markdown.clone()));
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

    /// A failed job without a failed step: its own errors are all there is to tell.
    fn unexplained(&self, text: &mut String, name: &str, colors: Colors) {
        let Some(EventKind::JobFinished { conclusion, .. }) = &self.end else {
            return;
        };
        if !self.failures.is_empty() || *conclusion != Conclusion::Failure {
            return;
        }
        let heading = format!("{} {name} failed", style::symbol(*conclusion));
        _ = writeln!(text, "\n{}", colors.paint(Tint::Red, heading));
        for remark in &self.remarks {
            indented(text, &wording::annotation(remark, colors));
        }
        for line in self.tail.lines() {
            _ = writeln!(text, "    {}", tame(line));
        }
    }

    fn row(&self, name: &str, colors: Colors) -> String {
        match &self.end {
            Some(EventKind::JobFinished {
                outcome,
                conclusion,
                duration_ms,
            }) => {
                let tint = style::tint(*outcome);
                format!(
                    "{} {name}  {:>7}  {}",
                    colors.paint(tint, style::symbol(*outcome)),
                    Millis(*duration_ms),
                    colors.paint(tint, style::result(*outcome, *conclusion)),
                )
            }
            Some(EventKind::JobSkipped { reason }) => {
                let reason = if reason.is_empty() {
                    String::new()
                } else {
                    format!(": {reason}")
                };
                let row = format!("- {name}  {:>7}  skipped{reason}", "");
                colors.paint(Tint::Dim, row).to_string()
            }
            Some(EventKind::JobUnavailable { reason, .. }) => {
                let row = format!(
                    "{} {name}  {:>7}  unavailable: {reason}",
                    style::UNAVAILABLE,
                    ""
                );
                colors.paint(Tint::Red, row).to_string()
            }
            _ => format!("? {name}  {:>7}  unfinished", ""),
        }
    }
}

impl Failure {
    fn render(&self, text: &mut String, job: &str, colors: Colors) {
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

fn indented(text: &mut String, lines: &str) {
    for line in lines.lines() {
        _ = writeln!(text, "  {}", tame(line));
    }
}
