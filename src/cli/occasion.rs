//! What a run is about: the event with its payload, the workflows that it starts, and their inputs.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::environment::Environment;
use super::error::CliError;
use super::project::{self, WorkflowFile};
use super::settings::{Input, Settings};
use super::simulated;
use super::values::InputSource;
use crate::diagnostic::{Diagnostic, Severity};
use crate::expr::Value;
use crate::plan::inputs::{self, Given, Inputs};
use crate::plan::reusable::Library;
use crate::plan::select::{self, Request, SelectError, Selection};
use crate::plan::trigger::crons;
use crate::plan::{GithubEvent, Merge};
use crate::repo::payload::Made;
use crate::repo::{Identity, Repo};
use crate::workflow::{Evaluator, Token, Workflow};

/// Everything that is decided before a plan is shown or a run starts.
#[derive(Debug)]
pub struct Occasion {
    pub files: Vec<WorkflowFile>,
    pub repo: Option<Repo>,
    pub identity: Identity,
    pub event: Arc<GithubEvent>,
    /// The merge that a pull request runs on.
    pub merge: Option<Merge>,
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
        cron: settings.cron.as_deref(),
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
    let Made { mut event, merge } =
        simulated::make(settings, repo.as_ref(), &identity, &chosen.name, &files)?;
    if guard && settings.actor.is_none() {
        event.notes.push(format!(
            "github.actor is {ACT_ACTOR}: a workflow compares with it to keep steps from running locally"
        ));
    }
    // The payload of a pull request does not have the message of its head.
    let head_message = repo.as_ref().and_then(|repo| {
        let request = event.payload.get("pull_request");
        let head = request.and_then(|request| request.pointer("/head/sha")?.as_str());
        head.and_then(|sha| repo.message_at(sha))
            .or_else(|| repo.head_message())
    });
    let selection = select::select(&candidates, &request, &event, head_message.as_deref());
    drop(candidates);
    let mut occasion = Occasion {
        files,
        repo,
        identity,
        event: Arc::new(event),
        merge,
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
    pub fn read_called(&mut self, settings: &Settings) {
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
            diagnostics.extend(workflow.not_acted_on(settings.services.oidc.is_some()));
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

/// The event as one workflow sees it: with its own inputs, or its own clock.
pub fn event_of(
    settings: &Settings,
    event: &Arc<GithubEvent>,
    workflow: &Workflow,
    inputs: &Inputs,
) -> Arc<GithubEvent> {
    let own_field: (&str, Option<Json>) = match event.name.as_str() {
        "workflow_dispatch" => {
            let given: Map<String, Json> = inputs.event.clone();
            ("inputs", Some(Json::Object(given)))
        }
        "schedule" => {
            let given = settings.payload.as_ref();
            let given = given.is_some_and(|given| given.fields.contains_key("schedule"));
            let asked = given || settings.cron.is_some();
            let on = workflow.on.events.get("schedule").filter(|_| !asked);
            let first = on.and_then(|trigger| crons(trigger).next());
            ("schedule", first.map(Json::from))
        }
        _ => return Arc::clone(event),
    };
    let mut own = (**event).clone();
    if let (name, Some(value)) = own_field {
        own.payload.insert(name.to_owned(), value);
    }
    own.payload
        .insert("workflow".to_owned(), workflow.source.path.as_str().into());
    Arc::new(own)
}
