//! Keys that are read and not acted on: said out loud, with their lines.

use super::model::Workflow;
use crate::diagnostic::{Diagnostic, Span};

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
