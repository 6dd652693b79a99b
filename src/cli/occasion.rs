//! What a run is about: the event with its payload, the workflows that it starts, and their inputs.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::environment::Environment;
use super::error::CliError;
use super::project::{self, WorkflowFile};
use super::settings::{Input, Settings};
use super::values::InputSource;
use crate::diagnostic::{Diagnostic, Severity};
use crate::expr::Value;
use crate::plan::GithubEvent;
use crate::plan::inputs::{self, Given, Inputs};
use crate::plan::reusable::Library;
use crate::plan::select::{self, Request, SelectError, Selection};
use crate::repo::payload::{self, ContextOverrides, PayloadRequest};
use crate::repo::{Identity, Repo};
use crate::workflow::{Evaluator, Token, Workflow};

/// Everything that is decided before a plan is shown or a run starts.
#[derive(Debug)]
pub struct Occasion {
    pub files: Vec<WorkflowFile>,
    pub repo: Option<Repo>,
    pub identity: Identity,
    pub event: Arc<GithubEvent>,
    /// Why this event.
    pub reason: String,
    pub selection: Selection,
    pub called: Library,
    /// Of the workflows that run and of those that they call; warnings about the others.
    pub diagnostics: Vec<Diagnostic>,
}

/// Decides event and workflows. An error is exit code 2.
pub fn decide(settings: &Settings, environment: &Environment) -> Result<Occasion, CliError> {
    let files = project::workflows(settings)?;
    let candidates: Vec<_> = files.iter().map(WorkflowFile::candidate).collect();
    let request = Request {
        event: settings.event.as_deref(),
        jobs: &settings.jobs,
        jobs_typed: settings.jobs_from_command_line,
        workflows: project::choice(settings),
        inputs_typed: settings
            .inputs
            .values()
            .any(|input| input.source == InputSource::CommandLine),
        detect_event: settings.detect_event,
    };
    let chosen = select::choose_event(&candidates, &request)
        .map_err(|error| with_reading_errors(select_error(&error), &files))?;
    let repo = project::repository(settings, environment)?;
    let guard = files
        .iter()
        .filter(|file| {
            file.triggers
                .as_ref()
                .is_some_and(|on| on.events.contains_key(&chosen.name))
        })
        .any(|file| file.workflow.as_deref().is_some_and(names_act));
    let identity = project::identity(
        settings,
        environment,
        repo.as_ref(),
        guard.then_some(ACT_ACTOR),
    );
    let mut event = make_event(settings, repo.as_ref(), &identity, &chosen.name, &files)?;
    if guard && settings.actor.is_none() {
        event.notes.push(format!(
            "github.actor is {ACT_ACTOR}: a workflow compares with it to keep steps from running locally"
        ));
    }
    // The payload of a pull request does not have the message of its head.
    let head_message = repo.as_ref().and_then(Repo::head_message);
    let selection = select::select(&candidates, &request, &event, head_message.as_deref());
    drop(candidates);
    let mut occasion = Occasion {
        files,
        repo,
        identity,
        event: Arc::new(event),
        reason: chosen.reason,
        selection,
        called: Library::default(),
        diagnostics: Vec::new(),
    };
    occasion.read_called(settings);
    Ok(occasion)
}

/// The actor that act invents; workflows compare with it.
const ACT_ACTOR: &str = "nektos/act";

/// Whether an expression of a workflow compares with act's actor.
fn names_act(workflow: &Workflow) -> bool {
    workflow.expressions().iter().any(|expr| {
        expr.string_literals()
            .iter()
            .any(|text| **text == *ACT_ACTOR)
    })
}

/// Whether a workflow looks at the files that the event changed.
fn has_path_filters(files: &[WorkflowFile], event: &str) -> bool {
    files
        .iter()
        .filter_map(|file| file.triggers.as_ref()?.events.get(event))
        .any(|trigger| trigger.paths.is_some() || trigger.paths_ignore.is_some())
}

fn make_event(
    settings: &Settings,
    repo: Option<&Repo>,
    identity: &Identity,
    name: &str,
    files: &[WorkflowFile],
) -> Result<GithubEvent, CliError> {
    // SPEC T-5: the first clock that starts a workflow.
    let cron = files
        .iter()
        .filter_map(|file| {
            file.triggers
                .as_ref()?
                .events
                .get("schedule")?
                .schedules
                .first()
        })
        .map(|schedule| schedule.cron.value.clone())
        .next();
    let merge = settings.payload.as_ref().map(|given| given.fields.clone());
    let request = PayloadRequest {
        cron,
        merge,
        view: project::view(settings, repo),
        path_filters: has_path_filters(files, name),
        overrides: ContextOverrides::from_env(|name| settings.github.get(name).cloned()),
        ..PayloadRequest::new(name, identity)
    };
    payload::make(repo, &request).map_err(|error| CliError::new(project::chain(&error)))
}

/// A selection that found nothing, with what keeps files from being read.
fn with_reading_errors(mut error: CliError, files: &[WorkflowFile]) -> CliError {
    for diagnostic in files.iter().flat_map(|file| &file.diagnostics) {
        if diagnostic.is_error() {
            error = error.hint(diagnostic.to_string());
        }
    }
    error
}

pub fn select_error(error: &SelectError) -> CliError {
    let wrong = CliError::new(error.to_string());
    match error.help() {
        Some(help) => wrong.hint(help),
        None => wrong,
    }
}

/// The workflows of the own repository that these call, and what is wrong with the calls.
pub fn library(settings: &Settings, callers: &[&Workflow]) -> (Library, Vec<Diagnostic>) {
    let load = |path: &str| project::called_source(&settings.root, path);
    Library::load(callers, &load, &project::read_options(settings))
}

impl Occasion {
    /// The workflows that run.
    pub fn triggered(&self) -> impl Iterator<Item = (&WorkflowFile, &select::SelectedWorkflow)> {
        self.selection
            .triggered()
            .map(|selected| (&self.files[selected.index], selected))
    }

    /// Whether something that was selected can not be read.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Reads the called workflows of those that run, and gathers what is to be said of all files.
    fn read_called(&mut self, settings: &Settings) {
        let mut diagnostics = Vec::new();
        for index in &self.selection.broken {
            diagnostics.extend(self.files[*index].diagnostics.iter().cloned());
        }
        for index in &self.selection.ignored {
            let errors = self.files[*index].diagnostics.iter();
            diagnostics.extend(errors.filter(|one| one.is_error()).map(|error| Diagnostic {
                severity: Severity::Warning,
                ..error.clone()
            }));
        }
        let mut callers = Vec::new();
        for selected in self.selection.workflows.iter().filter(|one| one.triggered) {
            let file = &self.files[selected.index];
            let Some(workflow) = &file.workflow else {
                continue;
            };
            let worth_saying = |one: &&Diagnostic| one.severity >= Severity::Warning;
            diagnostics.extend(file.diagnostics.iter().filter(worth_saying).cloned());
            diagnostics.extend(workflow.not_acted_on());
            callers.push(&**workflow);
        }
        let (library, found) = library(settings, &callers);
        diagnostics.extend(
            found
                .into_iter()
                .filter(|one| one.severity >= Severity::Warning),
        );
        self.called = library;
        self.diagnostics = diagnostics;
    }

    /// Refuses an `--input` that no workflow about to run declares.
    pub fn check_declared(&self, given: &GivenInputs) -> Result<(), CliError> {
        let workflows: Vec<&Workflow> = self
            .triggered()
            .filter_map(|(file, _)| file.workflow.as_deref())
            .collect();
        inputs::check_declared(&workflows, &self.event.name, &given.typed).map_err(|error| {
            let wrong = CliError::new(error.to_string());
            match error.help() {
                Some(help) => wrong.hint(help),
                None => wrong,
            }
        })
    }

    /// The inputs of one workflow, typed and as the event carries them.
    pub fn inputs(&self, workflow: &Workflow, given: &GivenInputs) -> Result<Inputs, CliError> {
        let contexts = crate::run::Contexts::default().with(
            "github",
            Value::from_json(&serde_json::json!({ "event": self.event.payload })),
        );
        let evaluator = Evaluator {
            context: &contexts,
            source: &workflow.source,
        };
        let evaluate = |token: &Token| evaluator.value(token).map_err(|error| error.to_string());
        inputs::resolve(
            workflow,
            &self.event.name,
            &given.of(&self.event),
            &evaluate,
        )
        .map_err(|errors| {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            let mut wrong = CliError::new(texts.join("\n"));
            for help in errors.iter().filter_map(inputs::InputError::help) {
                wrong = wrong.hint(help);
            }
            wrong
        })
    }
}

/// Inputs as the user gave them.
#[derive(Debug, Default)]
pub struct GivenInputs {
    /// `--input`.
    pub typed: Vec<(String, String)>,
    /// `.input`.
    pub file: Vec<(String, String)>,
}

impl GivenInputs {
    pub fn new(settings: &Settings) -> Self {
        let pick = |wanted: &dyn Fn(InputSource) -> bool| {
            settings
                .inputs
                .iter()
                .filter(|(_, input)| wanted(input.source))
                .map(|(name, Input { value, .. })| (name.clone(), value.clone()))
                .collect()
        };
        Self {
            typed: pick(&|source| source != InputSource::File),
            file: pick(&|source| source == InputSource::File),
        }
    }

    /// Together with what the payload brings.
    pub fn of<'a>(&'a self, event: &'a GithubEvent) -> Given<'a> {
        Given {
            payload: event.payload.get("inputs").and_then(Json::as_object),
            file: &self.file,
            typed: &self.typed,
        }
    }
}

/// The event as one workflow sees it: with its own inputs.
pub fn event_of(
    event: &Arc<GithubEvent>,
    workflow: &Workflow,
    inputs: &Inputs,
) -> Arc<GithubEvent> {
    if event.name != "workflow_dispatch" {
        return Arc::clone(event);
    }
    let mut own = (**event).clone();
    let given: Map<String, Json> = inputs.event.clone();
    own.payload.insert("inputs".to_owned(), Json::Object(given));
    own.payload
        .insert("workflow".to_owned(), workflow.source.path.as_str().into());
    Arc::new(own)
}
