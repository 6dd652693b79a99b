//! `--chain`: after the workflows that ran, those that list `workflow_run` for them (SPEC T-9).

use std::sync::Arc;

use indexmap::IndexMap;

use super::environment::Environment;
use super::error::CliError;
use super::occasion::Occasion;
use super::project::{self, WorkflowFile};
use super::run::{Done, go, held_by_lock, report_diagnostics};
use super::settings::{Settings, WorkflowChoice};
use super::simulated;
use crate::plan::chain::{Finished, MOST_LINKS, Waiting, waiting};
use crate::plan::reusable::Library;
use crate::plan::select::{SelectedWorkflow, Selection, jobs_of};
use crate::repo::payload::{Made, PayloadRequest, SourceRun};

/// Runs what waits for the first run, then what waits for that; gives the worst exit code.
pub fn follow(settings: &Settings, environment: &Environment, first: Done) -> Result<u8, CliError> {
    // What was asked of the first event is not asked of these.
    let settings = Settings {
        event: Some("workflow_run".to_owned()),
        workflows: WorkflowChoice::All,
        payload: None,
        cron: None,
        jobs: Vec::new(),
        inputs: IndexMap::new(),
        matrix: IndexMap::new(),
        typed: Vec::new(),
        ..settings.clone()
    };
    let mut code = first.exit_code;
    let mut ended = first.sources;
    for _ in 0..MOST_LINKS {
        let mut next = Vec::new();
        for source in ended {
            for occasion in occasions(&settings, environment, &source)? {
                if is_signal(code) {
                    return Ok(code);
                }
                let gate = if report_diagnostics(&settings, &occasion)? {
                    None
                } else {
                    held_by_lock(&settings, &occasion)
                };
                let Some(gate) = gate else {
                    code = worse(code, 2);
                    continue;
                };
                let done = go(&mut settings.clone(), environment, &occasion, &gate)?;
                code = worse(code, done.exit_code);
                next.extend(done.sources);
            }
        }
        ended = next;
    }
    let files = project::workflows(&settings)?;
    for source in &ended {
        for one in waiting_for(&files, source) {
            let file = &files[one.index].path;
            super::complain_with(&format!(
                "note: {file} is not started: GitHub starts no more than {MOST_LINKS} workflows in a chain\n"
            ));
        }
    }
    Ok(code)
}

/// What a finished run starts.
fn waiting_for(files: &[WorkflowFile], source: &SourceRun) -> Vec<Waiting> {
    let (Some(name), Some(head_branch)) = (&source.name, &source.head_branch) else {
        return Vec::new();
    };
    let candidates: Vec<_> = files.iter().map(WorkflowFile::candidate).collect();
    waiting(&candidates, &Finished { name, head_branch })
}

/// The runs that a finished workflow starts, one for each activity type.
fn occasions(
    settings: &Settings,
    environment: &Environment,
    source: &SourceRun,
) -> Result<Vec<Occasion>, CliError> {
    let files = project::workflows(settings)?;
    let mut by_activity: IndexMap<String, Vec<usize>> = IndexMap::new();
    for waiting in waiting_for(&files, source) {
        let indices = by_activity.entry(waiting.activity).or_default();
        indices.push(waiting.index);
    }
    by_activity
        .into_iter()
        .map(|(activity, indices)| occasion(settings, environment, source, activity, &indices))
        .collect()
}

fn occasion(
    settings: &Settings,
    environment: &Environment,
    source: &SourceRun,
    activity: String,
    indices: &[usize],
) -> Result<Occasion, CliError> {
    let files = project::workflows(settings)?;
    let repo = project::repository(settings, environment)?;
    let identity = project::identity(settings, environment, repo.as_ref(), None);
    let request = PayloadRequest {
        action: Some(activity),
        source: source.clone(),
        ..simulated::request(settings, repo.as_ref(), &identity, "workflow_run")
    };
    let Made { event, merge } = simulated::of(repo.as_ref(), &request)?;
    let reason = format!(
        "'{}' ended with {}",
        source.name.as_deref().unwrap_or_default(),
        source.conclusion.as_deref().unwrap_or_default()
    );
    let workflows = indices
        .iter()
        .filter_map(|&index| {
            let workflow = files[index].workflow.as_deref()?;
            Some(SelectedWorkflow {
                index,
                triggered: true,
                reason: reason.clone(),
                filtered: false,
                help: None,
                lifted: Vec::new(),
                jobs: jobs_of(workflow, &[]),
            })
        })
        .collect();
    let mut occasion = Occasion {
        files,
        repo,
        identity,
        event: Arc::new(event),
        merge,
        reason,
        selection: Selection {
            workflows,
            ..Selection::default()
        },
        called: Library::default(),
        diagnostics: Vec::new(),
    };
    occasion.read_called(settings);
    Ok(occasion)
}

fn is_signal(code: u8) -> bool {
    matches!(code, 130 | 143)
}

/// The exit code that counts of two runs (DESIGN 7).
fn worse(one: u8, other: u8) -> u8 {
    let weight = |code: u8| match code {
        _ if is_signal(code) => 4,
        2 => 3,
        1 => 2,
        0 => 0,
        _ => 1,
    };
    if weight(other) > weight(one) {
        other
    } else {
        one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_code_counts() {
        for (one, other, both) in [
            (0, 0, 0),
            (0, 3, 3),
            (3, 1, 1),
            (1, 3, 1),
            (1, 2, 2),
            (2, 130, 130),
            (143, 1, 143),
        ] {
            assert_eq!(worse(one, other), both, "{one} {other}");
        }
    }
}
