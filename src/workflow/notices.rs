//! Keys that are read and not acted on: said out loud, with their lines.

use std::sync::Arc;

use super::model::{Job, JobKind, Step, StepKind, Workflow};
use crate::diagnostic::{Diagnostic, SourceFile, Span};

impl Workflow {
    /// A warning for every key that this version reads and does not act on.
    pub fn not_acted_on(&self) -> Vec<Diagnostic> {
        let mut notices = Vec::new();
        let mut say = |span: Option<Span>, what: &str, why: &str| {
            let Some(span) = span else { return };
            let message = format!("`{what}` is read and not acted on: {why}");
            notices.push(Diagnostic::warning("not-acted-on", message).at(&self.source, span));
        };
        for trigger in self.on.events.values() {
            for schedule in &trigger.schedules {
                let zone = schedule.timezone.as_ref().map(|zone| zone.span);
                say(zone, "timezone", "nothing runs by the clock");
            }
        }
        for job in self.jobs.values() {
            let key = |name: &str| job.keys.get(name).copied();
            say(key("snapshot"), "snapshot", "no image is made");
        }
        notices
    }
}

impl Job {
    /// Why the job can not run here at all: leaving its steps out could turn a red run green.
    pub fn unsupported(&self, file: &Arc<SourceFile>) -> Option<Diagnostic> {
        let JobKind::Steps(job) = &self.kind else {
            return None;
        };
        let (step, what) = job
            .steps
            .iter()
            .find_map(|step| Some((step, concurrent(step)?)))?;
        Some(
            Diagnostic::error(
                "unsupported-step",
                format!("`{what}` steps can not run here yet"),
            )
            .at(file, step.span)
            .help("run the steps one after the other"),
        )
    }
}

fn concurrent(step: &Step) -> Option<&'static str> {
    match &step.kind {
        StepKind::Wait(_) => Some("wait"),
        StepKind::WaitAll => Some("wait-all"),
        StepKind::Cancel(_) => Some("cancel"),
        StepKind::Parallel(_) => Some("parallel"),
        StepKind::Run { .. } | StepKind::Uses { .. } => step.background.then_some("background"),
    }
}
