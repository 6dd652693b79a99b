//! Which event, which workflows, which of their jobs; with the reason for all that is left out.

mod error;
mod event;
mod judge;

use std::collections::HashSet;
use std::fmt;

pub use error::SelectError;
pub use event::{check_jobs_exist, choose_event};
use judge::Judge;

use crate::plan::github_event::GithubEvent;
use crate::workflow::{Triggers, Workflow};

/// A workflow file that was asked for or found.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// As people name it: `.github/workflows/ci.yml`.
    pub file: &'a str,
    pub state: State<'a>,
}

/// What reading it gave.
#[derive(Debug, Clone)]
pub enum State<'a> {
    Valid(&'a Workflow),
    /// Has errors; `on` where that much could be read, and the job ids that were found.
    Broken {
        on: Option<&'a Triggers>,
        jobs: Vec<String>,
    },
}

impl Candidate<'_> {
    fn triggers(&self) -> Option<&Triggers> {
        match &self.state {
            State::Valid(workflow) => Some(&workflow.on),
            State::Broken { on, .. } => *on,
        }
    }

    fn lists(&self, event: &str) -> bool {
        self.triggers()
            .is_some_and(|on| on.events.contains_key(event))
    }

    fn job_ids(&self) -> Vec<&str> {
        match &self.state {
            State::Valid(workflow) => workflow.jobs.keys().map(String::as_str).collect(),
            State::Broken { jobs, .. } => jobs.iter().map(String::as_str).collect(),
        }
    }

    /// The id as the file writes it; ids ignore case (SPEC 1.3).
    fn job(&self, wanted: &str) -> Option<&str> {
        self.job_ids()
            .into_iter()
            .find(|id| id.eq_ignore_ascii_case(wanted))
    }

    pub(super) fn has_any(&self, jobs: &[String]) -> bool {
        jobs.is_empty() || jobs.iter().any(|job| self.job(job).is_some())
    }

    fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken { .. })
    }
}

/// How the workflows were chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Choice {
    /// No `-W`: all of the root.
    #[default]
    All,
    /// A file by `-W` on the command line; lifts filters.
    File,
    /// A folder by `-W` on the command line.
    Folder,
    /// `-W` of a settings file or of the environment.
    Configured,
}

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The event typed, if any.
    pub event: Option<&'a str>,
    /// `-j`.
    pub jobs: &'a [String],
    /// The `-j` stand on the command line, so they lift filters.
    pub jobs_typed: bool,
    pub workflows: Choice,
    /// An `--input` stands on the command line.
    pub inputs_typed: bool,
    pub detect_event: bool,
    /// `--cron`: the entry of `schedule` that fires.
    pub cron: Option<&'a str>,
}

impl Request<'_> {
    fn lifts(&self) -> Option<&'static str> {
        if self.jobs_typed && !self.jobs.is_empty() {
            Some("-j")
        } else if self.workflows == Choice::File {
            Some("-W")
        } else {
            None
        }
    }
}

/// The event of the run and why it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenEvent {
    pub name: String,
    pub reason: String,
}

/// What becomes of one candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedWorkflow {
    /// Its place among the candidates.
    pub index: usize,
    pub triggered: bool,
    /// Why it runs or does not.
    pub reason: String,
    /// It lists the event, and only its filters keep it out.
    pub filtered: bool,
    /// The way to run it anyway.
    pub help: Option<String>,
    /// Filters that would have kept it out: `branches`, `paths` …
    pub lifted: Vec<String>,
    /// Ids of the jobs that run, in file order; with `-j` those named and all that they need.
    pub jobs: Vec<String>,
}

/// What becomes of all candidates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// In the order of the candidates.
    pub workflows: Vec<SelectedWorkflow>,
    /// Broken workflows that were selected: the run ends with their errors.
    pub broken: Vec<usize>,
    /// Broken workflows that were not: their errors are warnings.
    pub ignored: Vec<usize>,
    pub warnings: Vec<String>,
}

impl Selection {
    /// The workflows that run.
    pub fn triggered(&self) -> impl Iterator<Item = &SelectedWorkflow> {
        self.workflows.iter().filter(|each| each.triggered)
    }
}

/// Holds every candidate against the event. `head_message` is the message of the commit that the event is about,
/// where the payload does not have it.
pub fn select(
    candidates: &[Candidate<'_>],
    request: &Request<'_>,
    event: &GithubEvent,
    head_message: Option<&str>,
) -> Selection {
    let with_job: Vec<&Candidate<'_>> = candidates
        .iter()
        .filter(|each| each.has_any(request.jobs))
        .collect();
    let forced = !request.jobs.is_empty() && !with_job.iter().any(|each| each.lists(&event.name));
    let judge = Judge {
        request,
        event,
        head_message,
        forced,
        others_have_job: with_job.iter().any(|each| !each.is_broken()),
    };
    let mut selection = Selection::default();
    if forced {
        selection.warnings.push(format!(
            "no workflow with {} lists '{}': on GitHub this would never run",
            quoted_jobs(request.jobs),
            event.name
        ));
    }
    for (index, candidate) in candidates.iter().enumerate() {
        let verdict = judge.judge(candidate);
        selection.warnings.extend(verdict.warning);
        let mut triggered = verdict.triggered;
        if candidate.is_broken() {
            let list = if triggered {
                &mut selection.broken
            } else {
                &mut selection.ignored
            };
            list.push(index);
            triggered = false;
        }
        selection.workflows.push(SelectedWorkflow {
            index,
            triggered,
            reason: verdict.reason,
            filtered: verdict.filtered,
            help: verdict.help,
            lifted: verdict.lifted,
            jobs: match &candidate.state {
                State::Valid(workflow) if triggered => jobs_of(workflow, request.jobs),
                _ => Vec::new(),
            },
        });
    }
    selection
}

fn quoted_jobs(jobs: &[String]) -> String {
    let quoted: Vec<String> = jobs.iter().map(|job| format!("'{job}'")).collect();
    format!(
        "the job{} {}",
        if jobs.len() == 1 { "" } else { "s" },
        quoted.join(", ")
    )
}

/// The jobs named and all that they need, in file order; all jobs where none is named.
pub fn jobs_of(workflow: &Workflow, wanted: &[String]) -> Vec<String> {
    let find = |id: &str| {
        workflow
            .jobs
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(id))
    };
    let mut kept: HashSet<&str> = HashSet::new();
    let mut open: Vec<&str> = if wanted.is_empty() {
        workflow.jobs.keys().map(String::as_str).collect()
    } else {
        wanted.iter().map(String::as_str).collect()
    };
    while let Some(id) = open.pop() {
        let Some((key, job)) = find(id) else { continue };
        if kept.insert(key) {
            open.extend(job.needs.iter().map(|need| need.value.as_str()));
        }
    }
    let ids = workflow.jobs.keys();
    ids.filter(|id| kept.contains(id.as_str()))
        .cloned()
        .collect()
}

impl fmt::Display for ChosenEvent {
    /// `push (typed)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.reason)
    }
}

#[cfg(test)]
mod tests;
