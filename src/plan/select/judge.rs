//! One workflow held against the event.

use super::error::words;
use super::{Candidate, Request};
use crate::plan::github_event::GithubEvent;
use crate::plan::trigger::{self, Stop, crons};

pub(super) struct Judge<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) event: &'a GithubEvent,
    pub(super) head_message: Option<&'a str>,
    /// The jobs run though no workflow that has them lists the event.
    pub(super) forced: bool,
    pub(super) others_have_job: bool,
}

#[derive(Default)]
pub(super) struct Verdict {
    pub(super) triggered: bool,
    pub(super) reason: String,
    pub(super) filtered: bool,
    pub(super) help: Option<String>,
    pub(super) lifted: Vec<String>,
    pub(super) warning: Option<String>,
}

impl Verdict {
    fn runs(reason: String) -> Self {
        Self {
            triggered: true,
            reason,
            ..Self::default()
        }
    }

    fn out(reason: String) -> Self {
        Self {
            reason,
            ..Self::default()
        }
    }
}

impl Judge<'_> {
    pub(super) fn judge(&self, candidate: &Candidate<'_>) -> Verdict {
        let event = self.event.name.as_str();
        let Some(on) = candidate.triggers() else {
            return self.unreadable(candidate);
        };
        if !candidate.has_any(self.request.jobs) {
            let jobs = self.request.jobs.join(", ");
            return Verdict::out(format!("has no job {jobs}"));
        }
        let Some(trigger) = on.events.get(event) else {
            if self.forced {
                return Verdict::runs(format!("-j runs it, though it does not list '{event}'"));
            }
            let listed: Vec<String> = on.events.keys().cloned().collect();
            return Verdict {
                help: listed
                    .iter()
                    .find(|name| *name != "workflow_call")
                    .map(|name| format!("lrun {name}")),
                ..Verdict::out(format!(
                    "does not list '{event}' (lists {})",
                    words(&listed)
                ))
            };
        };
        if let Some(cron) = self.request.cron
            && trigger.schedules.iter().all(|each| each.cron.value != cron)
        {
            let listed: Vec<String> = crons(trigger).map(str::to_owned).collect();
            return Verdict::out(format!(
                "`schedule` has no entry '{cron}' (has {})",
                words(&listed)
            ));
        }
        let stops = trigger::stops(trigger, self.event, self.head_message);
        let mut verdict = self.filtered(candidate, &stops);
        verdict.warning = trigger::beyond_githubs_sight(trigger, self.event)
            .map(|text| format!("{}: {text}", candidate.file));
        verdict
    }

    fn filtered(&self, candidate: &Candidate<'_>, stops: &[Stop]) -> Verdict {
        let event = self.event.name.as_str();
        if stops.is_empty() {
            return Verdict::runs(format!("lists '{event}'"));
        }
        let reasons: Vec<&str> = stops.iter().map(|stop| stop.reason.as_str()).collect();
        let reasons = reasons.join("; ");
        match self.request.lifts() {
            Some(flag) => Verdict {
                lifted: stops.iter().map(|stop| stop.filter.clone()).collect(),
                ..Verdict::runs(format!("{flag} runs it, though {reasons}"))
            },
            None => Verdict {
                filtered: true,
                help: Some(format!("lrun {event} -W {}", candidate.file)),
                ..Verdict::out(reasons)
            },
        }
    }

    /// Counts as selected unless `-j` chose others (`-W` did before: those are no candidates).
    fn unreadable(&self, candidate: &Candidate<'_>) -> Verdict {
        let jobs = self.request.jobs;
        let chosen_otherwise = !jobs.is_empty()
            && self.others_have_job
            && !jobs.iter().any(|job| candidate.job(job).is_some());
        if chosen_otherwise {
            Verdict::out("its `on` can not be read, and the jobs asked for are in others".into())
        } else {
            Verdict::runs("its `on` can not be read".into())
        }
    }
}
