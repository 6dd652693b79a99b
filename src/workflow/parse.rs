//! A workflow file → [`Workflow`] and everything that is wrong in it.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use super::definitions::WORKFLOW;
use super::model::{Concurrency, Grant, Permissions, RunDefaults, Spanned, Triggers, Workflow};
use super::reader::{Reader, template_diagnostic};
use super::schema::{Contexts, Definition};
use super::token::{Token, TokenKind};
use super::{graph, triggers, yaml};
use crate::diagnostic::{Diagnostic, Severity, SourceFile, Span};
use crate::expr::{Delimiters, Expr, parse_bare_condition, parse_condition};

/// Characters of a file (SPEC W-11).
pub const MAX_FILE_SIZE: usize = 1024 * 1024;
/// Diagnostics of one file; a broken file is not a novel.
const MAX_DIAGNOSTICS: usize = 50;

/// How to read.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions {
    /// `$<< >>` counts beside `${{ }}`.
    pub angle_delimiters: bool,
    pub max_file_size: usize,
    pub max_depth: usize,
    /// A job without steps, and a workflow without `on`, is an error, as GitHub's service has it (SPEC W-72).
    pub complete: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            angle_delimiters: true,
            max_file_size: MAX_FILE_SIZE,
            max_depth: yaml::MAX_DEPTH,
            complete: true,
        }
    }
}

impl ReadOptions {
    pub fn delimiters(&self) -> Delimiters {
        Delimiters {
            angle: self.angle_delimiters,
        }
    }
}

/// What came of reading.
#[derive(Debug)]
pub struct Reading {
    /// `None` when there is an error.
    pub workflow: Option<Arc<Workflow>>,
    /// `on`, also of a workflow with errors elsewhere.
    pub triggers: Option<Triggers>,
    /// In the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

impl Reading {
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|one| one.is_error())
    }
}

/// Loads a file; `display` is how people name it.
pub fn load(path: &Path, display: &str) -> Result<Arc<SourceFile>, Diagnostic> {
    let unread = |code, message: String| {
        let file = SourceFile::new(display, "");
        Diagnostic::error(code, message).at(&file, Span::default())
    };
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => unread("not-found", "There is no such file".into()),
        _ => unread("unreadable", format!("The file can not be read: {error}")),
    };
    let metadata = std::fs::metadata(path).map_err(io)?;
    if metadata.is_dir() {
        return Err(unread(
            "directory",
            "This is a directory, not a file".into(),
        ));
    }
    // No character takes more than four bytes.
    if metadata.len() > 4 * MAX_FILE_SIZE as u64 {
        return Err(unread("file-size", too_large(MAX_FILE_SIZE)));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(SourceFile::new(
            display,
            text.strip_prefix('\u{feff}').unwrap_or(&text),
        )),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let file = SourceFile::new(display, String::from_utf8_lossy(error.as_bytes()));
            Err(Diagnostic::error("not-utf8", "The file is not UTF-8 text")
                .at(&file, Span::new(valid, valid))
                .help("save it as UTF-8"))
        }
    }
}

fn too_large(limit: usize) -> String {
    format!("The maximum file size of {limit} characters has been exceeded")
}

/// Reads a workflow.
pub fn read_workflow(source: Arc<SourceFile>, options: &ReadOptions) -> Reading {
    let failed = |diagnostic| Reading {
        workflow: None,
        triggers: None,
        diagnostics: vec![diagnostic],
    };
    let (token, reader) = match checked_tree(&source, &WORKFLOW, options) {
        Ok(tree) => tree,
        Err(diagnostic) => return failed(*diagnostic),
    };
    let mut diagnostics = reader.diagnostics;
    diagnostics.extend(reader.first_angle.map(|span| {
        Diagnostic::new(
            Severity::Note,
            "angle-delimiters",
            "GitHub itself takes `$<< >>` as text",
        )
        .at(&source, span)
    }));
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    let mut converter = Converter::new(&source, options.delimiters());
    let on = token.get("on").map(|on| triggers::read(&mut converter, on));
    let mut workflow = None;
    if !broken {
        workflow = converter.workflow(&token, on.clone().unwrap_or_default());
        if options.complete && !converter.has_errors() {
            converter.complete(&token, workflow.as_ref());
        }
    }
    let broken = broken || converter.has_errors();
    diagnostics.append(&mut converter.diagnostics);
    diagnostics.sort_by_key(|one| one.span.map(|span| span.start));
    diagnostics.truncate(MAX_DIAGNOSTICS);
    Reading {
        workflow: workflow.filter(|_| !broken).map(Arc::new),
        triggers: on.filter(|on| !on.events.is_empty()),
        diagnostics,
    }
}

/// Text → token tree by a table; an error is one that leaves no tree.
pub(crate) fn checked_tree(
    source: &Arc<SourceFile>,
    definition: &'static Definition,
    options: &ReadOptions,
) -> Result<(Token, Reader), Box<Diagnostic>> {
    if source.text.len() > options.max_file_size
        && source.text.chars().count() > options.max_file_size
    {
        return Err(Box::new(
            Diagnostic::error("file-size", too_large(options.max_file_size))
                .at(source, Span::default()),
        ));
    }
    let tree = yaml::parse(source, options.max_depth)?;
    let mut reader = Reader::new(source, options.delimiters());
    let token = reader.read(&tree, definition, Contexts::NONE);
    Ok((token, reader))
}

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

    pub fn push(&mut self, diagnostic: Diagnostic) {
        let known = self
            .diagnostics
            .iter()
            .any(|one| one.span == diagnostic.span && one.message == diagnostic.message);
        if !known {
            self.diagnostics.push(diagnostic);
        }
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

    fn workflow(&mut self, root: &Token, on: Triggers) -> Option<Workflow> {
        let jobs_token = root.get("jobs")?;
        let jobs = self.jobs(jobs_token);
        if !self.has_errors() {
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
            permissions: self.permissions(root),
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
    fn complete(&mut self, root: &Token, workflow: Option<&Workflow>) {
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

    pub fn permissions(&mut self, token: &Token) -> Option<Permissions> {
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
    pub fn condition(
        &mut self,
        token: Option<&Token>,
        contexts: Contexts,
    ) -> super::model::Condition {
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
        super::model::Condition { expr, text }
    }

    /// A condition that is not wrapped, as of `pre-if`; blank is `None`.
    pub fn bare_condition(
        &mut self,
        token: &Token,
        contexts: Contexts,
    ) -> Option<super::model::Condition> {
        let text = spanned(token)?;
        let names = contexts.names();
        match parse_bare_condition(&text.value, &names, self.delimiters) {
            Ok(expr) => expr.map(|expr| super::model::Condition {
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
