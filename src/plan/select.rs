//! Which event, which workflows, which of their jobs; with the reason for all that is left out.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use super::github_event::GithubEvent;
use super::trigger::{self, Stop};
use crate::workflow::suggest::nearest;
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

    fn has_any(&self, jobs: &[String]) -> bool {
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

/// Why nothing can be selected; always exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    #[error("there is no workflow to run")]
    NoWorkflow,
    #[error("no workflow has a job '{name}'{}", did_you_mean(near.as_deref()))]
    UnknownJob {
        name: String,
        near: Option<String>,
        available: Vec<String>,
    },
    #[error("no workflow lists the event '{event}'; listed: {}", words(listed))]
    EventNotListed { event: String, listed: Vec<String> },
    #[error("several events could start this: {}", words(events))]
    AmbiguousEvent { events: Vec<String> },
    #[error("no event could be found: no workflow says in `on` what starts it")]
    NoEvent,
    #[error(
        "job '{job}' is only in workflows that do not list '{event}' ({}); the other jobs asked for are in ones that do",
        words(files)
    )]
    JobOfOtherEvent {
        job: String,
        event: String,
        files: Vec<String>,
    },
}

impl SelectError {
    /// What to type instead.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoWorkflow => Some(
                "workflows are the *.yml and *.yaml of .github/workflows; -W names others".into(),
            ),
            Self::UnknownJob { available, .. } => {
                (!available.is_empty()).then(|| format!("jobs: {}", words(available)))
            }
            Self::EventNotListed { listed, .. } => listed
                .first()
                .map(|first| format!("for example: lrun {first}")),
            Self::AmbiguousEvent { events } => events
                .first()
                .map(|first| format!("name one: lrun {first}; --detect-event takes the first")),
            Self::JobOfOtherEvent { job, .. } => Some(format!("run it by itself: lrun -j {job}")),
            Self::NoEvent => None,
        }
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!(" (did you mean '{near}'?)"))
        .unwrap_or_default()
}

fn words(names: &[String]) -> String {
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

/// Decides the event, before its payload is made.
pub fn choose_event(
    candidates: &[Candidate<'_>],
    request: &Request<'_>,
) -> Result<ChosenEvent, SelectError> {
    if candidates.is_empty() {
        return Err(SelectError::NoWorkflow);
    }
    check_jobs_exist(candidates, request)?;
    let chosen: Vec<&Candidate<'_>> = candidates
        .iter()
        .filter(|each| each.has_any(request.jobs))
        .collect();
    let event = match request.event {
        Some(event) => typed(event, &chosen, request)?,
        None => untyped(&chosen, request)?,
    };
    check_jobs_are_together(&chosen, request, &event.name)?;
    Ok(event)
}

fn check_jobs_exist(
    candidates: &[Candidate<'_>],
    request: &Request<'_>,
) -> Result<(), SelectError> {
    for name in request.jobs {
        if candidates.iter().any(|each| each.job(name).is_some()) {
            continue;
        }
        let ids: BTreeSet<&str> = candidates.iter().flat_map(Candidate::job_ids).collect();
        return Err(SelectError::UnknownJob {
            name: name.clone(),
            near: nearest(name, ids.iter().copied()).map(str::to_owned),
            available: ids.into_iter().map(str::to_owned).collect(),
        });
    }
    Ok(())
}

/// A job that no workflow listing the event has, beside one that has.
fn check_jobs_are_together(
    chosen: &[&Candidate<'_>],
    request: &Request<'_>,
    event: &str,
) -> Result<(), SelectError> {
    let (reached, missed): (Vec<&String>, Vec<&String>) = request.jobs.iter().partition(|job| {
        chosen
            .iter()
            .any(|each| each.lists(event) && each.job(job).is_some())
    });
    let Some(job) = missed.first().filter(|_| !reached.is_empty()) else {
        return Ok(());
    };
    let files = chosen.iter().filter(|each| each.job(job).is_some());
    Err(SelectError::JobOfOtherEvent {
        job: (*job).clone(),
        event: event.to_owned(),
        files: files.map(|each| each.file.to_owned()).collect(),
    })
}

fn typed(
    event: &str,
    chosen: &[&Candidate<'_>],
    request: &Request<'_>,
) -> Result<ChosenEvent, SelectError> {
    let reachable = !request.jobs.is_empty()
        || chosen
            .iter()
            .any(|each| each.lists(event) || each.triggers().is_none());
    if !reachable {
        return Err(SelectError::EventNotListed {
            event: event.to_owned(),
            listed: listed(chosen),
        });
    }
    Ok(ChosenEvent {
        name: event.to_owned(),
        reason: "typed".into(),
    })
}

fn untyped(chosen: &[&Candidate<'_>], request: &Request<'_>) -> Result<ChosenEvent, SelectError> {
    let choose = |name: &str, reason: String| {
        Ok(ChosenEvent {
            name: name.to_owned(),
            reason,
        })
    };
    let first_listing = |event: &str| chosen.iter().find(|each| each.lists(event));
    if request.inputs_typed
        && let Some(by) = first_listing("workflow_dispatch")
    {
        return choose(
            "workflow_dispatch",
            format!("--input is given and {} lists it", by.file),
        );
    }
    let events = listed(chosen);
    if request.detect_event
        && let Some(first) = events.first()
    {
        return choose(first, "--detect-event: the first by alphabet".into());
    }
    if let Some(by) = first_listing("push") {
        return choose("push", format!("{} lists it", by.file));
    }
    match events.as_slice() {
        [only] => choose(only, "the only event listed".into()),
        // A file whose `on` can not be read counts as selected, and ends the run with its errors.
        [] if chosen.iter().any(|each| each.triggers().is_none()) => {
            choose("push", "no event could be read".into())
        }
        [] => Err(SelectError::NoEvent),
        _ => Err(SelectError::AmbiguousEvent { events }),
    }
}

/// The events that the workflows list, by alphabet; a called workflow starts by itself only if there is nothing else.
fn listed(chosen: &[&Candidate<'_>]) -> Vec<String> {
    let all: BTreeSet<&str> = chosen
        .iter()
        .filter_map(|each| each.triggers())
        .flat_map(|on| on.events.keys().map(String::as_str))
        .collect();
    let own = all.iter().filter(|event| **event != "workflow_call");
    let own: Vec<String> = own.map(|event| (*event).to_owned()).collect();
    if own.is_empty() {
        all.into_iter().map(str::to_owned).collect()
    } else {
        own
    }
}

/// What becomes of one candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedWorkflow {
    /// Its place among the candidates.
    pub index: usize,
    pub triggered: bool,
    /// Why it runs or does not.
    pub reason: String,
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

struct Judge<'a> {
    request: &'a Request<'a>,
    event: &'a GithubEvent,
    head_message: Option<&'a str>,
    /// The jobs run though no workflow that has them lists the event.
    forced: bool,
    others_have_job: bool,
}

#[derive(Default)]
struct Verdict {
    triggered: bool,
    reason: String,
    help: Option<String>,
    lifted: Vec<String>,
    warning: Option<String>,
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
    fn judge(&self, candidate: &Candidate<'_>) -> Verdict {
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

/// The jobs named and all that they need, in file order; all jobs where none is named.
fn jobs_of(workflow: &Workflow, wanted: &[String]) -> Vec<String> {
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
