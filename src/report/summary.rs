//! The end of a run: every job, what failed with its last lines, what to do next.

use std::fmt::Write as _;

use crate::event::{Conclusion, Event, EventKind, JobKey};

use super::job_summary::{JobSummary, Markdown};
use super::roster::Roster;
use super::style::{self, Tint};
use super::terminal_text::tame;
use super::wording::{self, Options, Workflows};

/// Annotations that are listed of steps that did not fail.
const ANNOTATIONS: usize = 20;

/// Gathers what the end tells, in memory bounded by the number of steps.
#[derive(Debug)]
pub struct Summary {
    options: Options,
    workflows: Workflows,
    jobs: Roster<JobSummary>,
    finished: Option<EventKind>,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// Only what went wrong.
    Trouble,
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
                let job = self.jobs.of(key, |_| JobSummary::default());
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
            if job.is_unexplained() {
                job.explain(&mut text, &name, self.options.colors);
            }
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
        for (key, job) in self.jobs.iter().filter(|(_, job)| !job.is_idle()) {
            _ = writeln!(text, "  {}", job.row(&self.name(key), colors));
        }
    }

    fn remarks(&self, text: &mut String) {
        let colors = self.options.colors;
        let all: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| !job.is_unexplained())
            .flat_map(|(key, job)| job.remarks.iter().map(move |remark| (key, remark)))
            .collect();
        let count = all.len();
        if count == 0 {
            return;
        }
        _ = writeln!(text, "\n{}", colors.paint(Tint::Bold, "Annotations"));
        for (key, remark) in all.into_iter().take(ANNOTATIONS) {
            let shown = wording::annotation_line(remark, colors);
            _ = writeln!(text, "  {}: {}", self.name(key), tame(&shown));
        }
        if count > ANNOTATIONS {
            _ = writeln!(text, "  … and {} more", count - ANNOTATIONS);
        }
    }

    fn summaries(&self, text: &mut String) {
        let colors = self.options.colors;
        for (key, job) in self.jobs.iter() {
            for Markdown { step, lines, more } in &job.summaries {
                let heading = format!("Summary of {} › {step}", self.name(key));
                _ = writeln!(text, "\n{}", colors.paint(Tint::Bold, heading));
                for line in lines {
                    _ = writeln!(text, "{}", format!("  {}", tame(line)).trim_end());
                }
                if *more > 0 {
                    _ = writeln!(text, "  … {} more", wording::counted(*more, "line"));
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
        let incomplete = *exit_code == 3 && *conclusion != Conclusion::Failure;
        let mut line = if incomplete {
            let sign = colors.paint(Tint::Red, style::UNAVAILABLE);
            format!("{sign} incomplete in {}", style::Millis(*duration_ms))
        } else {
            wording::ending(*conclusion, *conclusion, *duration_ms, colors)
        };
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
