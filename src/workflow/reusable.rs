//! Whether calls fit the workflows that they call: inputs, secrets, permissions, depth (SPEC 11).

use std::sync::Arc;

use super::model::{CallJob, CallSecrets, Grant, InputType, Job, JobKind, Trigger, Workflow};
use super::parse::Reading;
use super::permissions::{self, PermissionsPolicy};
use super::suggest;
use super::token::{Token, TokenKind};
use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// Levels of calls below the first workflow (SPEC U-1).
pub const MAX_DEPTH: usize = 9;

/// How calls are judged.
#[derive(Debug, Clone, Copy)]
pub struct CallRules {
    pub max_depth: usize,
    pub policy: PermissionsPolicy,
}

impl Default for CallRules {
    fn default() -> Self {
        Self {
            max_depth: MAX_DEPTH,
            policy: PermissionsPolicy::default(),
        }
    }
}

/// Finds the workflow that a `uses` in a file names; `None`: not to be had, and not judged.
pub type FindWorkflow<'f> = dyn FnMut(&str, &SourceFile) -> Option<Arc<Reading>> + 'f;

/// Judges all calls of a workflow, those of the called workflows included.
pub fn check_calls(
    workflow: &Workflow,
    rules: CallRules,
    find: &mut FindWorkflow<'_>,
) -> Vec<Diagnostic> {
    let mut checker = Checker {
        rules,
        find,
        chain: vec![workflow.source.path.clone()],
        diagnostics: Vec::new(),
    };
    let allowed = workflow
        .permissions
        .as_ref()
        .map(|permissions| &permissions.grant);
    checker.workflow(workflow, allowed, 1);
    checker.diagnostics
}

struct Checker<'c, 'f> {
    rules: CallRules,
    find: &'c mut FindWorkflow<'f>,
    /// The files from the first workflow to the one that is judged.
    chain: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

impl Checker<'_, '_> {
    fn workflow(&mut self, workflow: &Workflow, allowed: Option<&Grant>, depth: usize) {
        for job in workflow.jobs.values() {
            if let JobKind::Call(call) = &job.kind {
                let own = job
                    .permissions
                    .as_ref()
                    .map(|permissions| &permissions.grant);
                self.call(&workflow.source, job, call, own.or(allowed), depth);
            }
        }
    }

    fn call(
        &mut self,
        file: &Arc<SourceFile>,
        job: &Job,
        call: &CallJob,
        allowed: Option<&Grant>,
        depth: usize,
    ) {
        if depth > self.rules.max_depth {
            let message = format!(
                "Nested reusable workflow depth exceeded {}.",
                self.rules.max_depth
            );
            self.diagnostics
                .push(Diagnostic::error("call-depth", message).at(file, call.uses.span));
            return;
        }
        let Some(reading) = (self.find)(&call.uses.value, file) else {
            return;
        };
        let Some(called) = &reading.workflow else {
            let errors = reading.errors().cloned();
            let errors: Vec<_> = errors
                .map(|error| called_from(error, file, call.uses.span))
                .collect();
            self.diagnostics.extend(errors);
            return;
        };
        if self.chain.contains(&called.source.path) {
            let own = std::slice::from_ref(&called.source.path);
            let ring = [self.chain.as_slice(), own].concat();
            let message = format!("the workflow calls itself: {}", ring.join(" → "));
            let found = Diagnostic::error("called-workflow", message).at(file, call.uses.span);
            if !self.diagnostics.contains(&found) {
                self.diagnostics.push(found);
            }
            return;
        }
        let found = self.diagnostics.len();
        match called.on.events.get("workflow_call") {
            None => {
                let message = "workflow_call key is not defined in the referenced workflow.";
                let diagnostic = Diagnostic::error("not-callable", message)
                    .at(&called.source, called.on.span)
                    .help("add `workflow_call` to its `on`");
                self.diagnostics
                    .push(called_from(diagnostic, file, call.uses.span));
            }
            Some(trigger) => {
                self.inputs(file, call, trigger, &called.source);
                self.secrets(file, call, trigger);
            }
        }
        let default = self.rules.policy.grant();
        let limit = allowed.unwrap_or(&default);
        let root = called
            .permissions
            .as_ref()
            .map(|permissions| &permissions.grant);
        if let Some(root) = root {
            let who = format!("The workflow '{}'", call.uses.value);
            self.permissions(file, job, call, &who, root, limit);
        }
        for nested in called.jobs.values() {
            if let Some(asked) = &nested.permissions {
                let name = nested
                    .name
                    .as_ref()
                    .and_then(Token::as_str)
                    .unwrap_or(&nested.id);
                self.permissions(
                    file,
                    job,
                    call,
                    &format!("The nested job '{name}'"),
                    &asked.grant,
                    limit,
                );
            }
        }
        if self.diagnostics.len() == found {
            self.chain.push(called.source.path.clone());
            self.workflow(called, root.or(allowed), depth + 1);
            self.chain.pop();
        }
    }

    fn inputs(
        &mut self,
        file: &Arc<SourceFile>,
        call: &CallJob,
        trigger: &Trigger,
        called: &Arc<SourceFile>,
    ) {
        let given = call.with.as_ref().map(Token::pairs).unwrap_or_default();
        for (name, input) in &trigger.inputs {
            if let Some(wrong) = input
                .default
                .as_ref()
                .and_then(|default| mistyped(default, input.kind))
            {
                self.diagnostics
                    .push(called_from(wrong.at_file(called), file, call.uses.span));
            }
            match find(given, name) {
                Some(value) => self
                    .diagnostics
                    .extend(mistyped(value, input.kind).map(|wrong| wrong.at_file(file))),
                None if input.required => self.missing(file, call, "Input", name, "with"),
                None => {}
            }
        }
        let known: Vec<_> = trigger.inputs.keys().map(String::as_str).collect();
        self.undefined(file, given, &known, "input");
    }

    fn secrets(&mut self, file: &Arc<SourceFile>, call: &CallJob, trigger: &Trigger) {
        let given = match &call.secrets {
            CallSecrets::Inherit => return,
            CallSecrets::None => &[],
            CallSecrets::Map(map) => map.pairs(),
        };
        for (name, secret) in &trigger.secrets {
            if secret.required && find(given, name).is_none() {
                self.missing(file, call, "Secret", name, "secrets");
            }
        }
        let known: Vec<_> = trigger.secrets.keys().map(String::as_str).collect();
        self.undefined(file, given, &known, "secret");
    }

    fn missing(
        &mut self,
        file: &Arc<SourceFile>,
        call: &CallJob,
        kind: &str,
        name: &str,
        key: &str,
    ) {
        let message = format!("{kind} {name} is required, but not provided while calling.");
        self.diagnostics.push(
            Diagnostic::error("call-missing", message)
                .at(file, call.uses.span)
                .help(format!("give it under `{key}`")),
        );
    }

    fn undefined(
        &mut self,
        file: &Arc<SourceFile>,
        given: &[(Token, Token)],
        known: &[&str],
        kind: &str,
    ) {
        for (key, value) in given {
            let Some(name) = key.as_str() else { continue };
            if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                continue;
            }
            let message =
                format!("Invalid {kind}, {name} is not defined in the referenced workflow.");
            let diagnostic = Diagnostic::error("call-undefined", message).at(file, value.span);
            self.diagnostics
                .push(match suggest::nearest(name, known.iter().copied()) {
                    Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
                    None => diagnostic,
                });
        }
    }

    fn permissions(
        &mut self,
        file: &Arc<SourceFile>,
        job: &Job,
        call: &CallJob,
        who: &str,
        asked: &Grant,
        allowed: &Grant,
    ) {
        let beyond = asked.beyond(allowed);
        if beyond.is_empty() {
            return;
        }
        let message = format!(
            "Error calling workflow '{}'. {who} is requesting '{}', but is only allowed '{}'.",
            call.uses.value,
            permissions::listed(beyond.iter().map(|(name, asked, _)| (*name, *asked))),
            permissions::listed(beyond.iter().map(|(name, _, allowed)| (*name, *allowed))),
        );
        self.diagnostics.push(
            Diagnostic::error("call-permissions", message)
                .at(file, job.span)
                .help("grant more under `permissions` of the calling job, or ask for less in the called workflow"),
        );
    }
}

/// Says where the call stands, level by level (SPEC U-11).
fn called_from(mut diagnostic: Diagnostic, file: &SourceFile, span: Span) -> Diagnostic {
    let at = file.position(span.start);
    diagnostic.message = format!(
        "In {} (Line: {}, Col: {}): Error from called workflow: {}",
        file.path, at.line, at.column, diagnostic.message
    );
    diagnostic
}

fn find<'t>(pairs: &'t [(Token, Token)], name: &str) -> Option<&'t Token> {
    let mut pairs = pairs.iter();
    pairs
        .find(|(key, _)| {
            key.as_str()
                .is_some_and(|key| key.eq_ignore_ascii_case(name))
        })
        .map(|(_, value)| value)
}

/// A literal that its type does not allow.
struct Mistyped {
    span: Span,
    message: String,
    kind: InputType,
}

impl Mistyped {
    fn at_file(self, file: &Arc<SourceFile>) -> Diagnostic {
        let expected = match self.kind {
            InputType::Boolean => "true or false",
            InputType::Number => "a number",
            _ => "text",
        };
        Diagnostic::error("unexpected-value", self.message)
            .at(file, self.span)
            .help(format!("expected {expected}, without quotes"))
    }
}

fn mistyped(value: &Token, kind: InputType) -> Option<Mistyped> {
    let fits = match (&value.kind, kind) {
        (TokenKind::Expression(_), _)
        | (TokenKind::Bool(_), InputType::Boolean)
        | (TokenKind::Number(_), InputType::Number) => true,
        (_, InputType::Boolean | InputType::Number) => false,
        (kind, _) => !matches!(kind, TokenKind::Sequence(_) | TokenKind::Mapping(_)),
    };
    (!fits).then(|| Mistyped {
        span: value.span,
        message: format!("Unexpected value '{}'", super::reader::text_of(&value.kind)),
        kind,
    })
}
