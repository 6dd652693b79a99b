//! `lrun list`, `plan` and `graph`: what would run. They run, fetch and ask for nothing.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::command::CommandKind;
use super::environment::Environment;
use super::error::CliError;
use super::occasion::{self, GivenInputs, Occasion, select_error};
use super::project::{self, WorkflowFile};
use super::run::{colors, identity, machines, matrix_filters, report_diagnostics};
use super::settings::{Format, Settings};
use super::{graph, list, plan};
use crate::diagnostic::Diagnostic;
use crate::expr::Value;
use crate::plan::condition::Known;
use crate::plan::inputs::missing_required;
use crate::plan::select::{ChosenEvent, check_jobs_exist};
use crate::plan::sketch::{Sketch, Sketched};
use crate::report;
use crate::run::github;
use crate::workflow::Workflow;

/// The text of one of the three commands.
pub fn render(
    command: CommandKind,
    settings: &Settings,
    environment: &Environment,
) -> Result<String, CliError> {
    let everything =
        command == CommandKind::List && settings.event.is_none() && !settings.detect_event;
    let mut sketched = if everything {
        all(settings)?
    } else {
        of_event(command, settings, environment)?
    };
    if command == CommandKind::List && !everything {
        let event = sketched.outline.event.clone();
        let workflows = &mut sketched.outline.workflows;
        workflows.retain(|workflow| workflow.triggered || workflow.events.contains(&event));
    }
    if let Some(wrong) = sketched.matrix_errors.first() {
        return Err(CliError::new(wrong));
    }
    let outline = &sketched.outline;
    let json = settings.json || settings.format == Format::Json;
    if command == CommandKind::Plan
        && json
        && let Some(job) = &settings.why
    {
        let mut narrowed = outline.clone();
        if !narrowed.narrow(job) {
            return Err(CliError::new(format!("no workflow has a job '{job}'")));
        }
        return Ok(plan::why_json(&narrowed));
    }
    if command == CommandKind::Plan
        && let Some(job) = &settings.why
    {
        return plan::why(outline, job)
            .ok_or_else(|| CliError::new(format!("no workflow has a job '{job}'")));
    }
    Ok(match command {
        CommandKind::List if json => list::render(outline, list::Format::Json),
        CommandKind::List => list::render(outline, list::Format::Text),
        CommandKind::Plan if json => plan::render(outline, plan::Format::Json),
        CommandKind::Plan => plan::render(outline, plan::Format::Text),
        _ if json => graph::render(outline, graph::Format::Json),
        _ => graph::render(
            outline,
            match settings.format {
                Format::Mermaid => graph::Format::Mermaid,
                Format::Dot => graph::Format::Dot,
                _ => graph::Format::Text,
            },
        ),
    })
}

/// All jobs of all workflows, whatever starts them.
fn all(settings: &Settings) -> Result<Sketched, CliError> {
    let files = project::workflows(settings)?;
    if files.is_empty() {
        return Err(CliError::new("there is no workflow to list")
            .hint("workflows are the *.yml and *.yaml of .github/workflows"));
    }
    let workflows: Vec<&Workflow> = files
        .iter()
        .filter_map(|file| file.workflow.as_deref())
        .collect();
    let (library, _) = occasion::library(settings, &workflows);
    let candidates: Vec<_> = files.iter().map(WorkflowFile::candidate).collect();
    check_jobs_exist(&candidates, &settings.jobs).map_err(|error| select_error(&error))?;
    let broken = files.iter().filter(|file| file.workflow.is_none());
    let errors: Vec<_> = broken
        .flat_map(|file| &file.diagnostics)
        .filter(|one| one.is_error())
        .cloned()
        .collect();
    say(settings, &errors)?;
    let sketch = Sketch {
        known: &|_| Known {
            vars: vars(settings),
            ..Known::default()
        },
        called: &library,
        machines: &machines(settings),
        matrix: &matrix_filters(settings),
        skip_unavailable: settings.skip_unavailable,
    };
    Ok(sketch.all(&candidates, &settings.jobs))
}

/// What an event would do.
fn of_event(
    command: CommandKind,
    settings: &Settings,
    environment: &Environment,
) -> Result<Sketched, CliError> {
    let occasion = occasion::decide(settings, environment)?;
    // A list names what it can.
    if report_diagnostics(settings, &occasion)? && command != CommandKind::List {
        return Err(CliError::faulty(&occasion.diagnostics));
    }
    check_inputs(settings, &occasion)?;
    let sketched = sketch(settings, &occasion);
    say(settings, &sketched.diagnostics)?;
    Ok(sketched)
}

/// Refuses inputs that are wrong; those that are missing would be asked for.
fn check_inputs(settings: &Settings, occasion: &Occasion) -> Result<(), CliError> {
    let given = GivenInputs::new(settings);
    let event = &occasion.event;
    occasion.check_declared(&given)?;
    for (file, _) in occasion.triggered() {
        if let Some(workflow) = &file.workflow
            && missing_required(workflow, &event.name, &given.of(event)).is_empty()
        {
            occasion.inputs(workflow, &given)?;
        }
    }
    Ok(())
}

/// Draws what was decided.
pub fn sketch(settings: &Settings, occasion: &Occasion) -> Sketched {
    let candidates: Vec<_> = occasion.files.iter().map(WorkflowFile::candidate).collect();
    let chosen = ChosenEvent {
        name: occasion.event.name.clone(),
        reason: occasion.reason.clone(),
    };
    let given = GivenInputs::new(settings);
    let sketch = Sketch {
        known: &|workflow| known(settings, occasion, &given, workflow),
        called: &occasion.called,
        machines: &machines(settings),
        matrix: &matrix_filters(settings),
        skip_unavailable: settings.skip_unavailable,
    };
    sketch.outline(&candidates, &chosen, &occasion.selection)
}

/// The contexts of a workflow before the run. Inputs that are missing are asked for when it starts.
fn known(
    settings: &Settings,
    occasion: &Occasion,
    given: &GivenInputs,
    workflow: &Workflow,
) -> Known {
    let inputs = occasion.inputs(workflow, given);
    let inputs_open = inputs.is_err();
    let inputs = inputs.unwrap_or_default();
    let github = github::shared(
        &identity(settings, occasion),
        &occasion::event_of(settings, &occasion.event, workflow, &inputs),
        workflow,
        "1",
        None,
    );
    Known {
        github: Value::Object(Arc::new(github)),
        inputs: Value::Object(Arc::new(inputs.context)),
        vars: vars(settings),
        inputs_open,
        // They are in the payload too.
        event_open: inputs_open,
    }
}

fn vars(settings: &Settings) -> Value {
    let vars = settings.vars.iter();
    Value::object(vars.map(|(name, value)| (name.as_str(), Value::string(value.as_str()))))
}

/// Draws diagnostics on stderr.
fn say(settings: &Settings, diagnostics: &[Diagnostic]) -> Result<(), CliError> {
    let colors = colors(settings.color, console::Term::stderr().is_term());
    let text: String = diagnostics
        .iter()
        .map(|diagnostic| report::diagnostic::render(diagnostic, colors))
        .collect();
    io::stderr()
        .write_all(text.as_bytes())
        .map_err(|error| CliError::new(format!("can not write to stderr: {error}")))
}
