//! Token trees → the model: what jobs, steps and the workflow itself share.

use std::sync::Arc;

use indexmap::IndexMap;

use super::explain::{MOST, collect, template_diagnostic};
use super::graph;
use super::model::{
    Concurrency, Condition, Grant, Permissions, RunDefaults, Spanned, Triggers, Workflow,
};
use super::schema::Contexts;
use super::token::{Token, TokenKind};
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::expr::{Delimiters, Expr, parse_bare_condition, parse_condition};

/// Turns token trees into the model; collects what is wrong in them.
#[derive(Debug)]
pub(crate) struct Converter<'a> {
    pub file: &'a Arc<SourceFile>,
    pub delimiters: Delimiters,
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> Converter<'a> {
    pub fn new(file: &'a Arc<SourceFile>, delimiters: Delimiters) -> Self {
        Self {
            file,
            delimiters,
            diagnostics: Vec::new(),
        }
    }

    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Whether more than can ever be shown is known to be wrong.
    pub fn is_full(&self) -> bool {
        self.diagnostics.len() >= MOST
    }

    pub fn push(&mut self, diagnostic: Diagnostic) {
        collect(&mut self.diagnostics, diagnostic);
    }

    pub fn error(
        &mut self,
        span: Span,
        code: &'static str,
        message: impl Into<String>,
        help: &str,
    ) {
        let diagnostic = Diagnostic::error(code, message).at(self.file, span);
        self.push(if help.is_empty() {
            diagnostic
        } else {
            diagnostic.help(help)
        });
    }

    pub fn warning(
        &mut self,
        span: Span,
        code: &'static str,
        message: impl Into<String>,
        help: &str,
    ) {
        let diagnostic = Diagnostic::warning(code, message).at(self.file, span);
        self.push(if help.is_empty() {
            diagnostic
        } else {
            diagnostic.help(help)
        });
    }

    pub fn workflow(&mut self, root: &Token, on: Triggers) -> Option<Workflow> {
        let jobs_token = root.get("jobs")?;
        let jobs = self.jobs(jobs_token);
        if jobs_token.is_mapping() && !self.has_errors() {
            graph::check(self, jobs_token.span, &jobs);
        }
        let run = root
            .get("defaults")
            .and_then(|defaults| defaults.get("run"));
        let default = |key| run.and_then(|run| run.get(key)).and_then(spanned);
        Some(Workflow {
            source: Arc::clone(self.file),
            keys: key_spans(root),
            name: root
                .get("name")
                .and_then(Token::as_str)
                .map(str::to_owned)
                .filter(|name| !name.is_empty()),
            run_name: root.get("run-name").cloned(),
            on,
            permissions: permissions(root),
            env: root.get("env").cloned(),
            defaults: RunDefaults {
                shell: default("shell"),
                working_directory: default("working-directory"),
            },
            concurrency: self.concurrency(root),
            jobs,
        })
    }

    /// What GitHub's service refuses although its reader does not (SPEC W-72).
    pub fn complete(&mut self, root: &Token, workflow: Option<&Workflow>) {
        let on = root
            .pairs()
            .iter()
            .find(|(key, _)| key.as_str() == Some("on"));
        let empty = on.is_none_or(|(_, on)| {
            on.as_str().is_none() && on.items().is_empty() && on.pairs().is_empty()
        });
        if empty {
            let span = on.map_or(Span::new(root.span.start, root.span.start), |(key, _)| {
                key.span
            });
            self.error(
                span,
                "no-events",
                "No event triggers defined in `on`",
                "for instance `on: push`",
            );
        }
        let jobs = workflow.iter().flat_map(|workflow| workflow.jobs.values());
        let without: Vec<_> = jobs
            .filter(|job| job.steps().is_some_and(<[_]>::is_empty))
            .collect();
        if let Some(first) = without.first() {
            let ids: Vec<_> = without.iter().map(|job| job.id.as_str()).collect();
            self.error(
                first.span,
                "no-steps",
                format!(
                    "No steps defined in `steps` and no workflow called in `uses` for the following jobs: {}",
                    ids.join(", ")
                ),
                "give the job `steps`, or let it call a workflow with `uses`",
            );
        }
    }

    pub fn concurrency(&mut self, token: &Token) -> Option<Concurrency> {
        let (key, value) = pair(token, "concurrency")?;
        let group = value
            .as_str()
            .or_else(|| value.get("group").and_then(Token::as_str));
        if group.is_some_and(|group| group.encode_utf16().count() > 400) {
            self.error(
                value.span,
                "concurrency-group",
                "Concurrency group name must be less than 400 characters",
                "",
            );
        }
        let cancels = value.get("cancel-in-progress").and_then(Token::as_bool) == Some(true);
        if let (true, Some((queue, kind))) = (cancels, pair(value, "queue"))
            && kind.as_str() == Some("max")
        {
            self.error(
                queue.span,
                "concurrency-queue",
                "`queue: max` can not be combined with `cancel-in-progress: true`",
                "remove one of the two",
            );
        }
        Some(Concurrency {
            span: key.span,
            value: value.clone(),
        })
    }

    /// The condition of an `if`; a faulty one is reported.
    pub fn condition(&mut self, token: Option<&Token>, contexts: Contexts) -> Condition {
        let names = contexts.names();
        let text = token.map(|token| Spanned {
            value: match &token.kind {
                TokenKind::Expression(expr) => expr.source().to_owned(),
                kind => super::reader::text_of(kind),
            },
            span: token.span,
        });
        let parsed = match token.map(|token| &token.kind) {
            Some(TokenKind::Expression(expr)) if expr.calls_status_function() => Ok(expr.clone()),
            Some(TokenKind::Expression(expr)) => Ok(expr.and_success()),
            _ => parse_condition(
                text.as_ref().map_or("", |text| &text.value),
                &names,
                self.delimiters,
            ),
        };
        let expr = parsed.unwrap_or_else(|error| {
            if let Some(text) = &text {
                self.push(template_diagnostic(
                    self.file,
                    text.span,
                    &text.value,
                    &error,
                    &names,
                ));
            }
            always_success()
        });
        Condition { expr, text }
    }

    /// A condition that is not wrapped, as of `pre-if`; blank is `None`.
    pub fn bare_condition(&mut self, token: &Token, contexts: Contexts) -> Option<Condition> {
        let text = spanned(token)?;
        let names = contexts.names();
        match parse_bare_condition(&text.value, &names, self.delimiters) {
            Ok(expr) => expr.map(|expr| Condition {
                expr,
                text: Some(text),
            }),
            Err(error) => {
                self.push(template_diagnostic(
                    self.file,
                    text.span,
                    &text.value,
                    &error,
                    &names,
                ));
                None
            }
        }
    }

    /// Whole minutes and counts are cut by GitHub without a word (SPEC W-70).
    pub fn warn_fraction(&mut self, token: Option<&Token>) {
        let Some((number, span)) = token.and_then(|token| Some((token.as_number()?, token.span)))
        else {
            return;
        };
        if number.fract() != 0.0 {
            self.warning(
                span,
                "fraction",
                format!(
                    "GitHub cuts this to {}",
                    crate::expr::format_number(number.trunc())
                ),
                "use a whole number",
            );
        }
    }
}

fn always_success() -> Expr {
    // Blank can not fail.
    parse_condition("", &Contexts::JOB_IF.names(), Delimiters::default())
        .unwrap_or_else(|_| unreachable!("a blank condition is `success()`"))
}

pub(crate) fn permissions(token: &Token) -> Option<Permissions> {
    let (key, value) = pair(token, "permissions")?;
    let grant = match value.as_str() {
        Some("read-all") => Grant::ReadAll,
        Some(_) => Grant::WriteAll,
        None => Grant::Map(
            value
                .pairs()
                .iter()
                .filter_map(super::model::access)
                .collect(),
        ),
    };
    Some(Permissions {
        span: key.span,
        grant,
    })
}

/// Key and value of a literal key.
pub(crate) fn pair<'t>(token: &'t Token, key: &str) -> Option<&'t (Token, Token)> {
    token
        .pairs()
        .iter()
        .find(|(name, _)| name.as_str() == Some(key))
}

pub(crate) fn key_spans(token: &Token) -> IndexMap<String, Span> {
    let keys = token.pairs().iter();
    keys.filter_map(|(key, _)| Some((key.as_str()?.to_owned(), key.span)))
        .collect()
}

pub(crate) fn spanned(token: &Token) -> Option<Spanned<String>> {
    Some(Spanned {
        value: token.as_str()?.to_owned(),
        span: token.span,
    })
}

/// A text or a list of texts.
pub(crate) fn texts(token: &Token) -> Vec<Spanned<String>> {
    match &token.kind {
        TokenKind::Sequence(items) => items.iter().filter_map(spanned).collect(),
        _ => spanned(token).into_iter().collect(),
    }
}
