//! What the log of one job says for each event, for whoever shows it.

use crate::event::{Event, EventKind, StepKey};

use super::open_steps::OpenSteps;
use super::style::{self, Colors, Tint};
use super::wording::{self, Detail};

/// The log of one job: remembers the steps that run and their open groups.
#[derive(Debug, Default)]
pub struct Narration {
    steps: OpenSteps<Speaker>,
    detail: Detail,
}

/// A step that runs.
#[derive(Debug, Default)]
struct Speaker {
    name: String,
    /// Groups that are open.
    depth: usize,
}

/// One saying of a log.
#[derive(Debug)]
pub enum Saying {
    /// A step begins.
    Heading(String),
    /// May have several lines.
    Text(String),
    /// A step or the job ends.
    Result(String),
}

impl Narration {
    pub fn new(detail: Detail) -> Self {
        Self {
            steps: OpenSteps::default(),
            detail,
        }
    }

    /// Who says a line, where several steps run at once.
    pub fn speaker(&self, step: Option<&StepKey>) -> Option<&str> {
        if !self.steps.are_several() {
            return None;
        }
        let speaker = self.steps.get(step?)?;
        Some(speaker.name.as_str())
    }

    /// How deep output of a step stands: in its groups, and in composite actions.
    pub fn depth(&self, step: Option<&StepKey>) -> usize {
        step.map_or(0, |step| {
            self.steps.get(step).map_or(0, |it| it.depth) + step.nested.len()
        })
    }

    /// What is said of an event other than output, and how deep.
    pub fn of(&mut self, event: &Event, colors: Colors) -> Option<(usize, Saying)> {
        let depth = self.depth(event.step.as_ref());
        let saying = match (&event.kind, &event.step) {
            (
                EventKind::JobStarted {
                    runs_on,
                    permissions,
                },
                _,
            ) => {
                let mut text = started(runs_on, colors);
                if self.detail == Detail::Full {
                    text.push_str(&wording::permissions(permissions, colors));
                }
                Saying::Text(text)
            }
            (EventKind::JobSkipped { reason, trace }, _) => {
                Saying::Result(self.skipped("", reason, trace.as_deref(), colors))
            }
            (kind @ EventKind::JobUnavailable { .. }, _) => {
                Saying::Result(wording::unavailable(kind, colors).join("\n"))
            }
            (
                EventKind::JobFinished {
                    outcome,
                    conclusion,
                    duration_ms,
                },
                _,
            ) => {
                self.steps.clear();
                Saying::Result(wording::ending(*outcome, *conclusion, *duration_ms, colors))
            }
            (EventKind::Annotation(it), _) => Saying::Text(wording::annotation(it, colors)),
            (EventKind::StepSummary { .. } | EventKind::StepOutput { .. }, _) => return None,
            (kind, Some(step)) => return self.step(step, kind, colors),
            (kind, None) => Saying::Text(wording::note(kind, self.detail, colors)?),
        };
        Some((depth, saying))
    }

    /// What was skipped and why; each part of its condition where all is told.
    fn skipped(&self, name: &str, reason: &str, trace: Option<&str>, colors: Colors) -> String {
        let mut text = wording::skipped(name, reason, colors);
        if self.detail == Detail::Full {
            for line in trace.unwrap_or_default().lines() {
                text.push_str("\n    ");
                text.push_str(&colors.paint(Tint::Dim, line).to_string());
            }
        }
        text
    }

    fn step(
        &mut self,
        step: &StepKey,
        kind: &EventKind,
        colors: Colors,
    ) -> Option<(usize, Saying)> {
        let name = wording::step_name(step);
        if step.nested.is_empty() {
            match kind {
                EventKind::StepStarted => {
                    let speaker = self.steps.of(step);
                    (speaker.name, speaker.depth) = (name.clone(), 0);
                }
                EventKind::StepFinished { .. } => drop(self.steps.finish(step)),
                _ => {}
            }
        }
        let depth = self.depth(Some(step));
        let saying = match kind {
            EventKind::StepStarted => {
                let heading = format!("{} {name}", style::STARTED);
                Saying::Heading(colors.paint(Tint::Bold, heading).to_string())
            }
            EventKind::StepDetails { .. } => {
                if self.detail == Detail::Brief {
                    return None;
                }
                Saying::Text(wording::details(kind, colors)?)
            }
            EventKind::StepSkipped { reason, trace } => {
                Saying::Result(self.skipped(&name, reason, trace.as_deref(), colors))
            }
            EventKind::GroupStarted { title } => {
                self.steps.of(step).depth += 1;
                let title = format!("▾ {title}");
                Saying::Text(colors.paint(Tint::Cyan, title).to_string())
            }
            EventKind::GroupEnded => {
                let speaker = self.steps.of(step);
                speaker.depth = speaker.depth.saturating_sub(1);
                return None;
            }
            EventKind::StepFinished { .. } => {
                Saying::Result(wording::step_result(step, kind, colors))
            }
            kind => Saying::Text(wording::note(kind, self.detail, colors)?),
        };
        Some((depth, saying))
    }
}

fn started(runs_on: &[String], colors: Colors) -> String {
    let on = runs_on.join(", ");
    if on.is_empty() {
        return format!("{} started", style::STARTED);
    }
    let on = colors.paint(Tint::Dim, format!("on {on}"));
    format!("{} started {on}", style::STARTED)
}
