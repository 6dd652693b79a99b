//! Selected workflows → [`Outline`]: legs, names, machines and conditions as far as they are known before the run.

mod task;
mod written;

use std::collections::{HashMap, HashSet};

use task::{Fate, Task, WorstFate, needs_of};
use written::runs_on_as_written;
pub use written::{leg_name, refers, written};

use crate::diagnostic::Diagnostic;
use crate::expr::{Object, Value};
use crate::plan::availability;
use crate::plan::condition::{JobContext, Known};
use crate::plan::graph;
use crate::plan::inputs;
use crate::plan::machine::Machines;
use crate::plan::matrix::{Leg, MatrixFilter};
use crate::plan::outline::{JobOutline, LegOutline, Legs, Outline, RunsOn, WorkflowOutline};
use crate::plan::reusable::{self, Library};
use crate::plan::select::{Candidate, ChosenEvent, Selection, State, jobs_of};
use crate::workflow::{CallJob, EvalError, Evaluator, JobKind, StepsJob, Token, Workflow};

/// What a sketch is made with.
#[derive(Clone, Copy)]
pub struct Sketch<'a> {
    /// The contexts of a workflow before the run.
    pub known: &'a dyn Fn(&Workflow) -> Known,
    pub called: &'a Library,
    pub machines: &'a Machines,
    /// `--matrix`.
    pub matrix: &'a [MatrixFilter],
    /// Legs that can not run here count as absent.
    pub skip_unavailable: bool,
}

impl std::fmt::Debug for Sketch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sketch").finish_non_exhaustive()
    }
}

/// An outline, and what is wrong in it.
#[derive(Debug, Default)]
pub struct Sketched {
    pub outline: Outline,
    /// A matrix that gives no legs, a name that can not be evaluated …
    pub diagnostics: Vec<Diagnostic>,
    /// `--matrix` names a key of no selected job, or leaves one no leg.
    pub matrix_errors: Vec<String>,
}

impl Sketch<'_> {
    /// Draws what an event does.
    pub fn outline(
        &self,
        candidates: &[Candidate<'_>],
        event: &ChosenEvent,
        selection: &Selection,
    ) -> Sketched {
        let mut drawing = Drawing::new(*self);
        let mut workflows = Vec::new();
        for selected in &selection.workflows {
            let candidate = &candidates[selected.index];
            let wanted: HashSet<&str> = selected.jobs.iter().map(String::as_str).collect();
            let workflow = match &candidate.state {
                State::Valid(workflow) if selected.triggered => {
                    drawing.workflow(workflow, |id| wanted.contains(id))
                }
                // Drawn for those who ask why; what is wrong in it is of no concern.
                State::Valid(workflow) => Drawing::new(*self).workflow(workflow, |_| true),
                State::Broken { .. } => WorkflowOutline {
                    name: candidate.file.to_owned(),
                    ..WorkflowOutline::default()
                },
            };
            workflows.push(WorkflowOutline {
                file: candidate.file.to_owned(),
                triggered: selected.triggered,
                filtered: selected.filtered,
                reason: selected.reason.clone(),
                help: selected.help.clone(),
                lifted: selected.lifted.clone(),
                ..workflow
            });
        }
        let mut sketched = drawing.finish(workflows);
        sketched.outline.event.clone_from(&event.name);
        sketched.outline.reason.clone_from(&event.reason);
        sketched.outline.warnings.clone_from(&selection.warnings);
        sketched
    }

    /// Draws all jobs there are, whatever starts them; with `-j` those named and what they need.
    pub fn all(&self, candidates: &[Candidate<'_>], jobs: &[String]) -> Sketched {
        let mut drawing = Drawing::new(*self);
        drawing.without_event = true;
        let workflows = candidates
            .iter()
            .filter(|candidate| candidate.has_any(jobs))
            .filter_map(|candidate| match &candidate.state {
                State::Valid(workflow) => {
                    let wanted = jobs_of(workflow, jobs);
                    Some(WorkflowOutline {
                        file: candidate.file.to_owned(),
                        triggered: true,
                        ..drawing.workflow(workflow, |id| wanted.iter().any(|each| each == id))
                    })
                }
                State::Broken { .. } => None,
            })
            .collect();
        drawing.finish(workflows)
    }
}

/// Collects while it draws.
struct Drawing<'a> {
    with: Sketch<'a>,
    diagnostics: Vec<Diagnostic>,
    matrix_errors: Vec<String>,
    /// Keys of `--matrix` that some leg has, by place.
    seen_keys: HashSet<usize>,
    any_dynamic: bool,
    /// Jobs are listed, whatever starts them.
    without_event: bool,
}

/// The place of a called workflow below its callers.
#[derive(Clone, Default)]
pub(super) struct Scope {
    /// `caller.`.
    id: String,
    /// The names of the callers' legs, in order, each with ` / `.
    names: Vec<String>,
    depth: usize,
    stage: usize,
    /// Why nothing in it runs.
    skipped: Option<String>,
}

impl<'a> Drawing<'a> {
    fn new(with: Sketch<'a>) -> Self {
        Self {
            with,
            diagnostics: Vec::new(),
            matrix_errors: Vec::new(),
            seen_keys: HashSet::new(),
            any_dynamic: false,
            without_event: false,
        }
    }

    fn finish(mut self, workflows: Vec<WorkflowOutline>) -> Sketched {
        let any_runs = workflows.iter().any(|workflow| workflow.triggered);
        for (place, filter) in self.with.matrix.iter().enumerate() {
            // What a dynamic matrix has is known only during the run.
            let judged = any_runs && !self.any_dynamic;
            if judged && !self.seen_keys.contains(&place) {
                self.matrix_errors.push(format!(
                    "--matrix: no selected job has the key '{}'",
                    filter.key
                ));
            }
        }
        Sketched {
            outline: Outline {
                workflows,
                ..Outline::default()
            },
            diagnostics: self.diagnostics,
            matrix_errors: self.matrix_errors,
        }
    }

    fn workflow(&mut self, workflow: &Workflow, wanted: impl Fn(&str) -> bool) -> WorkflowOutline {
        let mut known = (self.with.known)(workflow);
        known.event_open |= self.without_event;
        known.inputs_open |= self.without_event;
        WorkflowOutline {
            name: workflow.display_name().to_owned(),
            events: workflow.on.events.keys().cloned().collect(),
            jobs: self.jobs(workflow, &known, &Scope::default(), wanted),
            ..WorkflowOutline::default()
        }
    }

    fn jobs(
        &mut self,
        workflow: &Workflow,
        known: &Known,
        scope: &Scope,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<JobOutline> {
        let needs: Vec<graph::Needs<'_>> = workflow
            .jobs
            .values()
            .map(|job| (job.id.as_str(), needs_of(job)))
            .collect();
        let stages = graph::stages(&needs);
        let mut order: Vec<usize> = (0..stages.len()).collect();
        order.sort_by_key(|place| stages[*place]);
        let mut fates: HashMap<String, Fate> = HashMap::new();
        let mut drawn: Vec<Vec<JobOutline>> = vec![Vec::new(); stages.len()];
        for place in order {
            let Some((_, job)) = workflow.jobs.get_index(place) else {
                continue;
            };
            if !wanted(&job.id) {
                continue;
            }
            let task = Task {
                job,
                source: &workflow.source,
                known,
                scope,
                stage: scope.stage + stages[place],
            };
            let (outlines, fate) = self.job(&task, &fates);
            fates.insert(job.id.to_lowercase(), fate);
            drawn[place] = outlines;
        }
        drawn.into_iter().flatten().collect()
    }

    /// A job, and the jobs of what it calls.
    fn job(&mut self, task: &Task<'_>, fates: &HashMap<String, Fate>) -> (Vec<JobOutline>, Fate) {
        let before = Fate::worst(
            needs_of(task.job)
                .iter()
                .filter_map(|need| fates.get(&need.to_lowercase()).map(|fate| (*need, fate))),
        );
        let (condition, mut skipped, error) = task.condition(&before);
        if let Some(reason) = &task.scope.skipped {
            skipped = Some(reason.clone());
        }
        let errors = self.diagnostics.len();
        let legs = self.legs(task);
        let fails = match &legs {
            Legs::Known(legs) if legs.is_empty() => {
                let mut new = self.diagnostics.iter().skip(errors);
                new.find(|one| one.is_error())
                    .map(|one| one.message.clone())
            }
            _ => None,
        };
        let fails = error.or(fails);
        let mut outline = JobOutline {
            id: format!("{}{}", task.scope.id, task.job.id),
            name: task.prefixed(&task.name()),
            needs: task
                .job
                .needs
                .iter()
                .map(|need| format!("{}{}", task.scope.id, need.value))
                .collect(),
            stage: task.stage,
            uses: None,
            depth: task.scope.depth,
            legs,
            runs_on: RunsOn::None,
            condition,
            idle_steps: task.idle_steps(),
            skipped,
            unavailable: None,
            fails,
            file: task.source.path.clone(),
            line: task.source.position(task.job.span.start).line,
        };
        let outlines = match &task.job.kind {
            JobKind::Steps(steps) => {
                outline.runs_on = runs_on_as_written(&steps.runs_on, task.source);
                self.drop_absent(&mut outline);
                vec![outline]
            }
            JobKind::Call(call) => self.call(task, call, outline),
        };
        let fate = if matches!(before, WorstFate::Unavailable(_)) {
            Fate::Unavailable
        } else {
            Fate::of(&outlines)
        };
        (outlines, fate)
    }

    /// With `--skip-unavailable` legs that can not run here count as absent.
    fn drop_absent(&self, outline: &mut JobOutline) {
        let Legs::Known(legs) = &mut outline.legs else {
            return;
        };
        if !self.with.skip_unavailable || legs.iter().all(|leg| leg.unavailable.is_none()) {
            return;
        }
        let first = legs.iter().find_map(|leg| leg.unavailable.clone());
        legs.retain(|leg| leg.unavailable.is_none());
        if let Some(why) = first.filter(|_| legs.is_empty()) {
            outline
                .skipped
                .get_or_insert_with(|| format!("{} (--skip-unavailable)", why.reason));
        }
    }

    fn call(
        &mut self,
        task: &Task<'_>,
        call: &CallJob,
        mut outline: JobOutline,
    ) -> Vec<JobOutline> {
        outline.uses = Some(call.uses.value.clone());
        let Some(called) = self.with.called.get(&call.uses.value) else {
            // One of another repository is fetched when it runs; what it has is known then.
            return vec![outline];
        };
        let names = match &outline.legs {
            Legs::Known(legs) => legs.iter().map(|leg| format!("{} / ", leg.name)).collect(),
            Legs::Dynamic => vec![format!("{} / ", outline.name)],
        };
        let scope = Scope {
            id: format!("{}.", outline.id),
            names,
            depth: task.scope.depth + 1,
            stage: task.stage,
            skipped: outline.skipped.clone(),
        };
        let (inputs, inputs_open) = match self.called_inputs(task, call, called) {
            Some(inputs) => (inputs.into(), false),
            None => (Value::Null, true),
        };
        let known = Known {
            inputs,
            inputs_open,
            ..task.known.clone()
        };
        let mut all = vec![outline];
        if task.scope.depth + 2 <= reusable::MAX_LEVELS {
            all.extend(self.jobs(called, &known, &scope, |_| true));
        }
        all
    }

    /// The inputs of a called workflow, where they can be known.
    fn called_inputs(
        &mut self,
        task: &Task<'_>,
        call: &CallJob,
        called: &Workflow,
    ) -> Option<Object> {
        let trigger = called.on.events.get("workflow_call")?;
        let late = |token: &Token| task.is_late(token) || refers(token, "matrix");
        let defaults = trigger
            .inputs
            .values()
            .filter_map(|input| input.default.as_ref());
        if call.with.iter().chain(defaults).any(late) {
            return None;
        }
        let context = JobContext::new(task.known);
        let with = match &call.with {
            None => Value::Null,
            Some(with) => match task.evaluator(&context).value(with) {
                Ok(value) => value,
                Err(error) => {
                    self.diagnostics.push(error.to_diagnostic(task.source));
                    return None;
                }
            },
        };
        let default = |token: &Token| {
            let evaluator = Evaluator {
                context: &context,
                source: &called.source,
            };
            evaluator.value(token).map_err(|error| error.message)
        };
        let inputs = inputs::called(&called.source.path, &trigger.inputs, &with, &default);
        inputs
            .map_err(|errors| {
                let diagnostics = errors.iter().map(|error| {
                    Diagnostic::error("called-inputs", error.to_string())
                        .at(task.source, call.uses.span)
                });
                self.diagnostics.extend(diagnostics);
            })
            .ok()
    }

    fn legs(&mut self, task: &Task<'_>) -> Legs {
        let strategy = task.job.strategy.as_ref();
        if strategy.is_some_and(|strategy| task.is_late(&strategy.value)) {
            self.any_dynamic = true;
            return Legs::Dynamic;
        }
        let expanded = match task.expand() {
            Ok(legs) => legs,
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                return Legs::Known(Vec::new());
            }
        };
        let mut kept = expanded.clone();
        for (place, filter) in self.with.matrix.iter().enumerate() {
            if kept.has_key(&filter.key) {
                self.seen_keys.insert(place);
            }
        }
        if !kept.keep(self.with.matrix) {
            self.matrix_errors
                .push(format!("--matrix leaves the job '{}' no leg", task.job.id));
        }
        let mut drawn = Vec::new();
        for prefix in task.prefixes() {
            for leg in &kept.legs {
                let context = JobContext {
                    strategy: leg.strategy(expanded.settings),
                    matrix: leg.matrix.clone(),
                    ..JobContext::new(task.known)
                };
                match self.leg(task, leg, &context) {
                    Ok(mut outline) => {
                        outline.name.insert_str(0, prefix);
                        drawn.push(outline);
                    }
                    Err(error) => self.diagnostics.push(error.to_diagnostic(task.source)),
                }
            }
        }
        Legs::Known(drawn)
    }

    fn leg(
        &self,
        task: &Task<'_>,
        leg: &Leg,
        context: &JobContext<'_>,
    ) -> Result<LegOutline, EvalError> {
        let evaluator = task.evaluator(context);
        let name = match &task.job.name {
            Some(name) if task.is_late(name) => {
                leg.display_name(&written(name, task.source), false)
            }
            name => leg_name(&task.job.id, name.as_ref(), leg, &evaluator)?,
        };
        let mut outline = LegOutline {
            name,
            matrix: leg.matrix.clone(),
            ..LegOutline::default()
        };
        if let JobKind::Steps(steps) = &task.job.kind {
            self.place(task, steps, &evaluator, &mut outline)?;
        }
        Ok(outline)
    }

    fn place(
        &self,
        task: &Task<'_>,
        steps: &StepsJob,
        evaluator: &Evaluator<'_>,
        outline: &mut LegOutline,
    ) -> Result<(), EvalError> {
        let late = [
            Some(&steps.runs_on),
            steps.container.as_ref(),
            steps.services.as_ref(),
        ];
        if late.into_iter().flatten().any(|token| task.is_late(token)) {
            return Ok(());
        }
        let runs_on = evaluator.runs_on(&steps.runs_on)?;
        outline.unavailable = availability::unavailable(
            steps,
            &runs_on.labels,
            runs_on.group.as_deref(),
            self.with.machines,
            evaluator,
        )?;
        outline.runs_on = runs_on.labels;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
