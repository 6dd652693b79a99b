//! A workflow in the JSON form that GitHub's readers are tested with.

use std::collections::HashMap;
use std::sync::Arc;

use lrun::diagnostic::{SourceFile, Span};
use lrun::workflow::{
    CallSecrets, Grant, Job, JobKind, Reading, Spanned, Step, StepKind, Token, TokenKind, Trigger,
    Workflow,
};
use serde_json::{Map, Value, json};

/// Permissions that are newer than the data.
const NEWER: [&str; 7] = [
    "artifact-metadata",
    "attestations",
    "code-quality",
    "copilot-requests",
    "drives",
    "models",
    "vulnerability-alerts",
];

pub struct Template<'a> {
    /// Tokens carry file, line and column.
    pub include_source: bool,
    pub called: &'a HashMap<String, Arc<Reading>>,
    pub files: Vec<String>,
}

impl Template<'_> {
    pub fn workflow(&mut self, workflow: &Workflow) -> Value {
        let mut out = Map::new();
        self.files.push(workflow.source.path.clone());
        let file = &workflow.source;
        self.add(&mut out, "env", file, workflow.env.as_ref());
        self.add(
            &mut out,
            "concurrency",
            file,
            workflow.concurrency.as_ref().map(|one| &one.value),
        );
        if let Some(permissions) = &workflow.permissions {
            out.insert("permissions".into(), grant(&permissions.grant));
        }
        let defaults = [
            ("shell", &workflow.defaults.shell),
            ("working-directory", &workflow.defaults.working_directory),
        ];
        let pairs: Vec<Value> = defaults
            .iter()
            .filter_map(|(key, value)| Some(json!({"Key": key, "Value": value.as_ref()?.value})))
            .collect();
        if !pairs.is_empty() {
            let run = json!({"type": 2, "map": pairs});
            out.insert(
                "defaults".into(),
                json!({"type": 2, "map": [{"Key": "run", "Value": run}]}),
            );
        }
        if let Some(inputs) = workflow
            .on
            .events
            .get("workflow_dispatch")
            .map(|trigger| &trigger.inputs)
            && !inputs.is_empty()
        {
            let kinds: Map<String, Value> = inputs
                .iter()
                .map(|(name, input)| {
                    (
                        name.clone(),
                        format!("{:?}", input.kind).to_lowercase().into(),
                    )
                })
                .collect();
            out.insert("input-types".into(), kinds.into());
        }
        out.insert("jobs".into(), self.jobs(workflow, None));
        if self.include_source {
            out.insert("file-table".into(), json!(self.files));
        }
        out.into()
    }

    fn jobs(&mut self, workflow: &Workflow, inherited: Option<&Grant>) -> Value {
        let own = workflow
            .permissions
            .as_ref()
            .map(|one| &one.grant)
            .or(inherited);
        workflow
            .jobs
            .values()
            .map(|job| self.job(&workflow.source, job, own))
            .collect()
    }

    fn job(&mut self, file: &Arc<SourceFile>, job: &Job, inherited: Option<&Grant>) -> Value {
        let mut out = Map::new();
        let id = self.text(file, &job.id, job.span);
        out.insert("id".into(), id.clone());
        let name = job.name.as_ref().map_or(id, |name| self.token(file, name));
        out.insert("name".into(), name);
        out.insert("if".into(), self.condition(file, &job.condition));
        let needs: Vec<Value> = job
            .needs
            .iter()
            .map(|need| self.text(file, &need.value, need.span))
            .collect();
        self.add(
            &mut out,
            "strategy",
            file,
            job.strategy.as_ref().map(|one| &one.value),
        );
        self.add(
            &mut out,
            "concurrency",
            file,
            job.concurrency.as_ref().map(|one| &one.value),
        );
        let permissions = job.permissions.as_ref().map(|one| &one.grant).or(inherited);
        if let Some(permissions) = permissions {
            out.insert("permissions".into(), grant(permissions));
        }
        match &job.kind {
            JobKind::Steps(steps) => {
                out.insert("type".into(), "job".into());
                if !needs.is_empty() {
                    out.insert("needs".into(), needs.into());
                }
                for (key, token) in [
                    ("runs-on", Some(&steps.runs_on)),
                    ("environment", steps.environment.as_ref()),
                    ("env", steps.env.as_ref()),
                    ("outputs", steps.outputs.as_ref()),
                    ("timeout-minutes", steps.timeout_minutes.as_ref()),
                    (
                        "cancel-timeout-minutes",
                        steps.cancel_timeout_minutes.as_ref(),
                    ),
                    ("continue-on-error", steps.continue_on_error.as_ref()),
                    ("container", steps.container.as_ref()),
                    ("services", steps.services.as_ref()),
                    ("snapshot", steps.snapshot.as_ref()),
                ] {
                    self.add(&mut out, key, file, token);
                }
                if let Some(run) = &steps.default_run {
                    let run = self.token(file, run);
                    out.insert(
                        "defaults".into(),
                        json!({"type": 2, "map": [{"Key": "run", "Value": run}]}),
                    );
                }
                if !steps.steps.is_empty() {
                    let all: Vec<Value> = steps
                        .steps
                        .iter()
                        .map(|step| self.step(file, step))
                        .collect();
                    out.insert("steps".into(), all.into());
                }
            }
            JobKind::Call(call) => {
                out.insert("type".into(), "reusableWorkflowJob".into());
                out.insert("needs".into(), needs.into());
                out.insert(
                    "ref".into(),
                    self.text(file, &call.uses.value, call.uses.span),
                );
                self.add(&mut out, "input-values", file, call.with.as_ref());
                match &call.secrets {
                    CallSecrets::None => {}
                    CallSecrets::Inherit => {
                        out.insert("inherit-secrets".into(), true.into());
                    }
                    CallSecrets::Map(map) => self.add(&mut out, "secret-values", file, Some(map)),
                }
                self.called(&mut out, &call.uses.value, permissions);
            }
        }
        out.into()
    }

    fn called(&mut self, out: &mut Map<String, Value>, uses: &str, inherited: Option<&Grant>) {
        let Some(called) = self
            .called
            .get(uses)
            .and_then(|reading| reading.workflow.as_ref())
        else {
            out.insert("jobs".into(), json!([]));
            return;
        };
        self.files.push(called.source.path.clone());
        let config = called
            .on
            .events
            .get("workflow_call")
            .and_then(|trigger: &Trigger| trigger.config.as_ref());
        for (key, name) in [
            ("input-definitions", "inputs"),
            ("secret-definitions", "secrets"),
            ("outputs", "outputs"),
        ] {
            self.add(
                out,
                key,
                &called.source,
                config.and_then(|config| config.get(name)),
            );
        }
        self.add(out, "env", &called.source, called.env.as_ref());
        if let Some(permissions) = &called.permissions {
            out.insert("permissions".into(), grant(&permissions.grant));
        }
        out.insert("jobs".into(), self.jobs(called, inherited));
    }

    fn step(&mut self, file: &Arc<SourceFile>, step: &Step) -> Value {
        let mut out = Map::new();
        out.insert("id".into(), step.id.as_str().into());
        self.add(&mut out, "name", file, step.name.as_ref());
        self.add(&mut out, "env", file, step.env.as_ref());
        self.add(
            &mut out,
            "timeout-minutes",
            file,
            step.timeout_minutes.as_ref(),
        );
        self.add(
            &mut out,
            "continue-on-error",
            file,
            step.continue_on_error.as_ref(),
        );
        if step.background {
            out.insert("background".into(), true.into());
        }
        let mut named = |name: &str| {
            out.entry("name").or_insert_with(|| name.into());
        };
        match &step.kind {
            StepKind::Run {
                run,
                shell,
                working_directory,
            } => {
                self.add(&mut out, "run", file, Some(run));
                self.add(&mut out, "shell", file, shell.as_ref());
                self.add(
                    &mut out,
                    "working-directory",
                    file,
                    working_directory.as_ref(),
                );
            }
            StepKind::Uses { uses, with } => {
                out.insert("uses".into(), self.text(file, &uses.value, uses.span));
                self.add(&mut out, "with", file, with.as_ref());
            }
            StepKind::Wait(ids) => {
                named("Wait");
                let ids: Vec<&str> = ids.iter().map(|id| id.value.as_str()).collect();
                out.insert("wait".into(), json!(ids));
                return out.into();
            }
            StepKind::WaitAll => {
                named("Wait for all");
                out.insert("wait-all".into(), true.into());
                return out.into();
            }
            StepKind::Cancel(id) => {
                named("Cancel");
                out.insert("cancel".into(), id.value.as_str().into());
                return out.into();
            }
            StepKind::Parallel(steps) => {
                named("Parallel group");
                let steps: Vec<Value> = steps.iter().map(|step| self.step(file, step)).collect();
                out.insert("parallel".into(), steps.into());
                return out.into();
            }
        }
        out.insert("if".into(), self.condition(file, &step.condition));
        out.into()
    }

    fn condition(&self, file: &Arc<SourceFile>, condition: &lrun::workflow::Condition) -> Value {
        let expr = condition.expr.source();
        match &condition.text {
            Some(Spanned { span, .. }) => {
                self.placed(file, *span, json!({"type": 3, "expr": expr}))
            }
            None => json!({"type": 3, "expr": expr}),
        }
    }

    fn add(
        &self,
        out: &mut Map<String, Value>,
        key: &str,
        file: &Arc<SourceFile>,
        token: Option<&Token>,
    ) {
        if let Some(token) = token {
            out.insert(key.into(), self.token(file, token));
        }
    }

    fn text(&self, file: &Arc<SourceFile>, text: &str, span: Span) -> Value {
        let kind = TokenKind::String(text.into());
        self.token(file, &Token { kind, span })
    }

    fn placed(&self, file: &Arc<SourceFile>, span: Span, mut value: Value) -> Value {
        if self.include_source {
            let at = file.position(span.start);
            let index = self
                .files
                .iter()
                .position(|path| *path == file.path)
                .unwrap()
                + 1;
            value["file"] = index.into();
            value["line"] = at.line.into();
            value["col"] = at.column.into();
        }
        value
    }

    fn token(&self, file: &Arc<SourceFile>, token: &Token) -> Value {
        let with_source = |kind: u8, key: &str, plain: Value| {
            if !self.include_source {
                return plain;
            }
            let mut value = json!({"type": kind});
            if !key.is_empty() {
                value[key] = plain;
            }
            self.placed(file, token.span, value)
        };
        match &token.kind {
            TokenKind::Null => with_source(7, "", Value::Null),
            TokenKind::Bool(value) => with_source(5, "bool", json!(value)),
            TokenKind::Number(value) if value.is_finite() => with_source(6, "num", json!(value)),
            TokenKind::Number(value) => {
                with_source(6, "num", lrun::expr::format_number(*value).into())
            }
            TokenKind::String(text) => with_source(0, "lit", json!(text)),
            TokenKind::Expression(expr) => {
                self.placed(file, token.span, json!({"type": 3, "expr": expr.source()}))
            }
            TokenKind::Insert => {
                self.placed(file, token.span, json!({"type": 4, "directive": "insert"}))
            }
            TokenKind::Sequence(items) => {
                let items: Vec<Value> = items.iter().map(|item| self.token(file, item)).collect();
                self.placed(file, token.span, json!({"type": 1, "seq": items}))
            }
            TokenKind::Mapping(pairs) => {
                let pairs: Vec<Value> = pairs
                    .iter()
                    .map(|(key, value)| json!({"Key": self.token(file, key), "Value": self.token(file, value)}))
                    .collect();
                self.placed(file, token.span, json!({"type": 2, "map": pairs}))
            }
        }
    }
}

fn grant(grant: &Grant) -> Value {
    let known = grant
        .effective()
        .into_iter()
        .filter(|(name, _)| !NEWER.contains(name));
    known
        .map(|(name, access)| (name.to_owned(), Value::from(access.as_str())))
        .collect::<Map<_, _>>()
        .into()
}
