//! Selected workflows → [`Outline`]: legs, names, machines and conditions as far as they are known before the run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::availability;
use super::condition::{self, Before, Decision, JobContext, Known};
use super::graph;
use super::inputs;
use super::machine::Machines;
use super::matrix::{self, Leg, MatrixFilter};
use super::outline::{
    ConditionOutline, JobOutline, LegOutline, Legs, Outline, RunsOn, Unavailable, WorkflowOutline,
};
use super::reusable::{self, Callee, Library};
use super::select::{Candidate, ChosenEvent, Selection, State};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::expr::{Context, Value};
use crate::workflow::{
    CallJob, EvalError, Evaluator, Job, JobKind, StepsJob, Token, TokenKind, Workflow,
};

/// What a sketch is made with.
#[derive(Clone, Copy)]
pub struct Sketch<'a> {
    /// The contexts of a workflow before the run.
    pub known: &'a dyn Fn(&Workflow) -> Known,
    pub library: &'a Library,
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
                State::Valid(workflow) => {
                    drawing.workflow(workflow, |id| !selected.triggered || wanted.contains(id))
                }
                State::Broken { .. } => WorkflowOutline {
                    name: candidate.file.to_owned(),
                    ..WorkflowOutline::default()
                },
            };
            workflows.push(WorkflowOutline {
                file: candidate.file.to_owned(),
                triggered: selected.triggered,
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

    /// Draws all jobs there are, for a list without an event.
    pub fn all(&self, candidates: &[Candidate<'_>]) -> Sketched {
        let mut drawing = Drawing::new(*self);
        let workflows = candidates
            .iter()
            .filter_map(|candidate| match &candidate.state {
                State::Valid(workflow) => Some(WorkflowOutline {
                    file: candidate.file.to_owned(),
                    triggered: true,
                    ..drawing.workflow(workflow, |_| true)
                }),
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
}

/// The place of a called workflow below its callers.
#[derive(Clone, Default)]
struct Scope {
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
        }
    }

    fn finish(mut self, workflows: Vec<WorkflowOutline>) -> Sketched {
        for (place, filter) in self.with.matrix.iter().enumerate() {
            // What a dynamic matrix has is known only during the run.
            if !self.seen_keys.contains(&place) && !self.any_dynamic {
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
        let known = (self.with.known)(workflow);
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
            let outlines = self.job(&task, &fates);
            if let Some(own) = outlines.first() {
                fates.insert(job.id.to_lowercase(), Fate::of(own));
            }
            drawn[place] = outlines;
        }
        drawn.into_iter().flatten().collect()
    }

    /// A job, and the jobs of what it calls.
    fn job(&mut self, task: &Task<'_>, fates: &HashMap<String, Fate>) -> Vec<JobOutline> {
        let before = Fate::worst(
            needs_of(task.job)
                .iter()
                .filter_map(|need| fates.get(&need.to_lowercase()).map(|fate| (*need, fate))),
        );
        let (condition, mut skipped) = task.condition(&before);
        if let Some(reason) = &task.scope.skipped {
            skipped = Some(reason.clone());
        }
        let legs = self.legs(task);
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
            skipped,
            unavailable: None,
            file: task.source.path.clone(),
            line: task.source.position(task.job.span.start).line,
        };
        match &task.job.kind {
            JobKind::Steps(steps) => {
                outline.runs_on = runs_on_as_written(&steps.runs_on, task.source);
                self.drop_absent(&mut outline);
                vec![outline]
            }
            JobKind::Call(call) => self.call(task, call, outline),
        }
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
        let Some(called) = self.with.library.get(&call.uses.value) else {
            if let Callee::Remote(uses) = reusable::callee(&call.uses.value) {
                let unavailable = Unavailable {
                    reason: format!("the called workflow '{uses}' is in another repository"),
                    help: "called workflows of the own repository (./.github/workflows/…) run here"
                        .into(),
                };
                if self.with.skip_unavailable {
                    outline
                        .skipped
                        .get_or_insert(format!("{} (--skip-unavailable)", unavailable.reason));
                } else {
                    outline.unavailable = Some(unavailable);
                }
            }
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
        let known = Known {
            github: task.known.github.clone(),
            vars: task.known.vars.clone(),
            ..self.called_inputs(task, call, called)
        };
        let mut all = vec![outline];
        if task.scope.depth + 2 <= reusable::MAX_LEVELS {
            all.extend(self.jobs(called, &known, &scope, |_| true));
        }
        all
    }

    /// The inputs of a called workflow, where they can be known.
    fn called_inputs(&mut self, task: &Task<'_>, call: &CallJob, called: &Workflow) -> Known {
        let open = Known {
            inputs_open: true,
            ..Known::default()
        };
        let late = |token: &Token| refers(token, "needs") || refers(token, "matrix");
        if call.with.as_ref().is_some_and(late) {
            return open;
        }
        let context = JobContext::new(task.known);
        let evaluator = Evaluator {
            context: &context,
            source: task.source,
        };
        let with = match call.with.as_ref().map(|with| evaluator.value(with)) {
            None => Value::Null,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.diagnostics.push(error.to_diagnostic(task.source));
                return open;
            }
        };
        let Some(trigger) = called.on.events.get("workflow_call") else {
            return open;
        };
        let default = |token: &Token| {
            let evaluator = Evaluator {
                context: &context,
                source: &called.source,
            };
            evaluator.value(token).map_err(|error| error.message)
        };
        match inputs::called(&called.source.path, &trigger.inputs, &with, &default) {
            Ok(inputs) => Known {
                inputs: inputs.into(),
                ..Known::default()
            },
            Err(errors) => {
                for error in errors {
                    let diagnostic = Diagnostic::error("called-inputs", error.to_string())
                        .at(task.source, call.uses.span);
                    self.diagnostics.push(diagnostic);
                }
                open
            }
        }
    }

    fn legs(&mut self, task: &Task<'_>) -> Legs {
        let strategy = task.job.strategy.as_ref();
        if strategy.is_some_and(|strategy| task.is_late(&strategy.value)) {
            self.any_dynamic = true;
            return Legs::Dynamic;
        }
        let expanded = match expand(task.job, &task.evaluator(&JobContext::new(task.known))) {
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

/// Unfolds the strategy of a job with contexts that are all known.
pub fn expand(job: &Job, evaluator: &Evaluator<'_>) -> Result<matrix::Legs, Box<Diagnostic>> {
    let source = SourceFile::new(&evaluator.source.path, &evaluator.source.text);
    let Some(strategy) = &job.strategy else {
        return matrix::expand(&Value::Null)
            .map_err(|error| Box::new(Diagnostic::error("matrix", error.to_string())));
    };
    let value = evaluator
        .value(&strategy.value)
        .map_err(|error| Box::new(error.to_diagnostic(&source)))?;
    matrix::expand(&value).map_err(|error| {
        Box::new(Diagnostic::error("matrix", error.to_string()).at(&source, strategy.span))
    })
}

/// The display name of a leg; `name` is evaluated for each (SPEC W-89).
pub fn leg_name(
    job_id: &str,
    name: Option<&Token>,
    leg: &Leg,
    evaluator: &Evaluator<'_>,
) -> Result<String, EvalError> {
    let Some(token) = name else {
        return Ok(leg.display_name(job_id, false));
    };
    let name = evaluator.string(token)?;
    let name = if name.is_empty() { job_id } else { &name };
    Ok(leg.display_name(name, refers(token, "matrix")))
}

/// One job on its way into the outline.
struct Task<'a> {
    job: &'a Job,
    source: &'a Arc<SourceFile>,
    known: &'a Known,
    scope: &'a Scope,
    stage: usize,
}

impl Task<'_> {
    fn evaluator<'e>(&'e self, context: &'e dyn Context) -> Evaluator<'e> {
        Evaluator {
            context,
            source: self.source,
        }
    }

    /// Its value is known only during the run.
    fn is_late(&self, token: &Token) -> bool {
        refers(token, "needs") || (self.known.inputs_open && refers(token, "inputs"))
    }

    fn prefixes(&self) -> Vec<&str> {
        if self.scope.names.is_empty() {
            vec![""]
        } else {
            self.scope.names.iter().map(String::as_str).collect()
        }
    }

    fn prefixed(&self, name: &str) -> String {
        match self.scope.names.first() {
            Some(prefix) => format!("{prefix}{name}"),
            None => name.to_owned(),
        }
    }

    /// The name without its legs.
    fn name(&self) -> String {
        let Some(token) = &self.job.name else {
            return self.job.id.clone();
        };
        if self.is_late(token) || refers(token, "matrix") || refers(token, "strategy") {
            return written(token, self.source);
        }
        let context = JobContext::new(self.known);
        match self.evaluator(&context).string(token) {
            Ok(name) if !name.is_empty() => name,
            _ => self.job.id.clone(),
        }
    }

    fn condition(&self, before: &WorstFate<'_>) -> (Option<ConditionOutline>, Option<String>) {
        if let WorstFate::Unavailable(need) = before {
            // Whatever its `if` (DESIGN 7).
            return (None, Some(format!("'{need}' can not run here")));
        }
        let skipped_need = match before {
            WorstFate::Skipped(need) => Some(*need),
            _ => None,
        };
        let judgement = condition::judge(
            &self.job.condition.expr,
            self.known,
            skipped_need.is_some(),
            !self.job.needs.is_empty(),
        );
        let text = self.job.condition.text.as_ref();
        let verdict = match judgement.decision {
            Decision::Runs => "true",
            Decision::Never => "false",
            Decision::OnlyAfter(Before::Failed) => "true only after a failure",
            Decision::OnlyAfter(_) => "true only when the run is cancelled",
            Decision::Open => "known only during the run",
        };
        let skipped = (judgement.decision == Decision::Never).then(|| match (skipped_need, text) {
            (Some(need), _) => format!("it needs '{need}', which does not run"),
            (None, Some(text)) => format!("`if: {}` is false", text.value.trim()),
            (None, None) => "its condition is false".to_owned(),
        });
        let condition = text.map(|text| ConditionOutline {
            text: text.value.trim().to_owned(),
            verdict: verdict.to_owned(),
            trace: judgement.trace.to_string(),
        });
        (condition, skipped)
    }
}

/// What is known of the end of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Runs,
    Skipped,
    Unavailable,
}

/// The fate of the needs of a job, with the one that decides.
enum WorstFate<'a> {
    Run,
    Skipped(&'a str),
    Unavailable(&'a str),
}

impl Fate {
    fn of(outline: &JobOutline) -> Self {
        let legs = match &outline.legs {
            Legs::Known(legs) => legs.as_slice(),
            Legs::Dynamic => &[],
        };
        if outline
            .skipped
            .as_ref()
            .is_some_and(|why| why.ends_with("can not run here"))
        {
            // Skipped by an unavailable one, and so are those behind it.
            Self::Unavailable
        } else if outline.skipped.is_some() {
            Self::Skipped
        } else if outline.unavailable.is_some() || legs.iter().any(|leg| leg.unavailable.is_some())
        {
            Self::Unavailable
        } else {
            Self::Runs
        }
    }

    fn worst<'n>(needs: impl Iterator<Item = (&'n str, &'n Self)>) -> WorstFate<'n> {
        let mut worst = WorstFate::Run;
        for (need, fate) in needs {
            match fate {
                Self::Unavailable => return WorstFate::Unavailable(need),
                Self::Skipped => worst = WorstFate::Skipped(need),
                Self::Runs => {}
            }
        }
        worst
    }
}

fn needs_of(job: &Job) -> Vec<&str> {
    job.needs.iter().map(|need| need.value.as_str()).collect()
}

/// Says whether any expression of a tree names a context.
pub fn refers(token: &Token, context: &str) -> bool {
    match &token.kind {
        TokenKind::Expression(expr) => condition::refers_to(expr, context),
        TokenKind::Sequence(items) => items.iter().any(|item| refers(item, context)),
        TokenKind::Mapping(pairs) => pairs
            .iter()
            .any(|(key, value)| refers(key, context) || refers(value, context)),
        _ => false,
    }
}

/// A scalar as it stands in the file.
fn written(token: &Token, source: &SourceFile) -> String {
    match &token.kind {
        TokenKind::Expression(expr) => {
            let text = source.text.get(token.span.start..token.span.end);
            let text = text.unwrap_or_default().trim();
            let bare = ['\'', '"']
                .into_iter()
                .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
            match bare.unwrap_or(text) {
                "" => format!("${{{{ {} }}}}", expr.source()),
                text => text.to_owned(),
            }
        }
        TokenKind::String(text) => text.clone(),
        TokenKind::Bool(value) => value.to_string(),
        TokenKind::Number(value) => Value::Number(*value).to_text().to_string(),
        _ => String::new(),
    }
}

fn runs_on_as_written(token: &Token, source: &SourceFile) -> RunsOn {
    match &token.kind {
        TokenKind::Sequence(items) => {
            RunsOn::Many(items.iter().map(|item| written(item, source)).collect())
        }
        TokenKind::Mapping(_) => match (token.get("labels"), token.get("group")) {
            (Some(labels), _) => runs_on_as_written(labels, source),
            (None, Some(group)) => RunsOn::One(format!("group {}", written(group, source))),
            (None, None) => RunsOn::None,
        },
        _ => RunsOn::One(written(token, source)),
    }
}
