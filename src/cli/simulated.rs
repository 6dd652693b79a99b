//! The event that is simulated: made from git, from wishes, and from what the chosen workflows listen to.

use super::error::CliError;
use super::project::{self, WorkflowFile};
use super::settings::{Settings, Workspace};
use crate::plan::trigger::crons;
use crate::repo::payload::{self, ContextOverrides, Made, PayloadRequest, SourceRun};
use crate::repo::{Identity, Repo};
use crate::workflow::Trigger;

/// Makes the event with what the chosen workflows say of it.
pub fn make(
    settings: &Settings,
    repo: Option<&Repo>,
    identity: &Identity,
    name: &str,
    files: &[WorkflowFile],
) -> Result<Made, CliError> {
    let triggers: Vec<&Trigger> = files
        .iter()
        .filter_map(|file| file.triggers.as_ref()?.events.get(name))
        .collect();
    check_cron(settings, name, &triggers)?;
    let given = |key: &str| {
        let payload = settings.payload.as_ref();
        payload.is_some_and(|given| given.fields.contains_key(key))
    };
    let action = activity(name, &triggers).filter(|_| !given("action"));
    // SPEC T-5: the first clock that starts a workflow.
    let cron = settings.cron.clone().or_else(|| {
        let first = triggers.iter().copied().flat_map(crons).next();
        first.map(str::to_owned)
    });
    let source = triggers
        .iter()
        .flat_map(|trigger| trigger.workflows.iter().flatten())
        .next();
    let path_filters = triggers
        .iter()
        .any(|trigger| trigger.paths.is_some() || trigger.paths_ignore.is_some());
    let request = PayloadRequest {
        action: action.clone(),
        cron,
        path_filters,
        source: SourceRun {
            name: source.map(|name| name.value.clone()),
            ..SourceRun::default()
        },
        ..request(settings, repo, identity, name)
    };
    let mut made = of(repo, &request)?;
    if let Some(action) = action {
        made.event.notes.push(format!(
            "the activity type is '{action}': no workflow takes '{}'",
            payload::default_action(name)
        ));
    }
    Ok(made)
}

/// An event with the wishes that count for all.
pub fn request<'a>(
    settings: &Settings,
    repo: Option<&Repo>,
    identity: &'a Identity,
    name: &'a str,
) -> PayloadRequest<'a> {
    PayloadRequest {
        merge: settings.payload.as_ref().map(|given| given.fields.clone()),
        view: project::view(settings, repo),
        // A tree that is the user's own is never merged.
        merges: (settings.workspace != Workspace::Bind).then(|| settings.cache_dir.clone()),
        overrides: ContextOverrides::from_env(|name| settings.github.get(name).cloned()),
        ..PayloadRequest::new(name, identity)
    }
}

pub fn of(repo: Option<&Repo>, request: &PayloadRequest<'_>) -> Result<Made, CliError> {
    payload::make(repo, request).map_err(|error| CliError::new(project::chain(&error)))
}

/// The first activity type that is listed, where no workflow takes the default one.
fn activity(event: &str, triggers: &[&Trigger]) -> Option<String> {
    let default = payload::default_action(event);
    let takes_default = |trigger: &&Trigger| match &trigger.types {
        Some(types) => types.iter().any(|listed| listed.value == default),
        None => true,
    };
    if triggers.iter().any(takes_default) {
        return None;
    }
    let mut listed = triggers
        .iter()
        .flat_map(|trigger| trigger.types.iter().flatten());
    listed.next().map(|listed| listed.value.clone())
}

fn check_cron(settings: &Settings, event: &str, triggers: &[&Trigger]) -> Result<(), CliError> {
    let Some(cron) = &settings.cron else {
        return Ok(());
    };
    if event != "schedule" {
        return Err(CliError::new(format!(
            "--cron belongs to the event schedule, not to {event}"
        ))
        .hint(format!("lrun schedule --cron '{cron}'")));
    }
    let mut entries: Vec<&str> = triggers.iter().copied().flat_map(crons).collect();
    if entries.contains(&cron.as_str()) {
        return Ok(());
    }
    entries.sort_unstable();
    entries.dedup();
    let wrong = CliError::new(format!(
        "no chosen workflow has the schedule entry '{cron}'"
    ));
    Err(match entries.as_slice() {
        [] => wrong,
        _ => wrong.hint(format!("they have: '{}'", entries.join("', '"))),
    })
}
