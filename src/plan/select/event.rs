//! The event of a run, typed or found.

use std::collections::BTreeSet;

use super::error::SelectError;
use super::{Candidate, ChosenEvent, Request};
use crate::workflow::suggest::nearest;

/// Decides the event, before its payload is made.
pub fn choose_event(
    candidates: &[Candidate<'_>],
    request: &Request<'_>,
) -> Result<ChosenEvent, SelectError> {
    if candidates.is_empty() {
        return Err(SelectError::NoWorkflow);
    }
    check_jobs_exist(candidates, request.jobs)?;
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

/// Refuses a `-j` that no workflow has.
pub fn check_jobs_exist(candidates: &[Candidate<'_>], jobs: &[String]) -> Result<(), SelectError> {
    for name in jobs {
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
