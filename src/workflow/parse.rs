//! A workflow file → [`Workflow`] and everything that is wrong in it.

use std::path::Path;
use std::sync::Arc;

use super::converter::Converter;
use super::definitions::WORKFLOW;
use super::model::{Triggers, Workflow};
use super::reader::Reader;
use super::schema::{Contexts, Definition};
use super::token::Token;
use super::{triggers, yaml};
use crate::diagnostic::{Diagnostic, Severity, SourceFile, Span};
use crate::expr::Delimiters;

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
    decode(std::fs::read(path).map_err(io)?, display)
}

/// The text of a file that was read elsewhere.
pub fn decode(bytes: Vec<u8>, display: &str) -> Result<Arc<SourceFile>, Diagnostic> {
    // No character takes more than four bytes.
    if bytes.len() > 4 * MAX_FILE_SIZE {
        let file = SourceFile::new(display, "");
        let error = Diagnostic::error("file-size", too_large(MAX_FILE_SIZE));
        return Err(error.at(&file, Span::default()));
    }
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
#[expect(
    clippy::needless_pass_by_value,
    reason = "the file goes into the workflow"
)]
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
    // A broken tree is read on, so that all faults are said at once; what it comes to is not used.
    let workflow = converter.workflow(&token, on.clone().unwrap_or_default());
    if options.complete && !broken && !converter.has_errors() {
        converter.complete(&token, workflow.as_ref());
    }
    let broken = broken || converter.has_errors();
    let known = |one: &Diagnostic| {
        let mut all = diagnostics.iter();
        all.any(|other| other.span == one.span && other.message == one.message)
    };
    let more: Vec<_> = converter
        .diagnostics
        .into_iter()
        .filter(|one| !known(one))
        .collect();
    diagnostics.extend(more);
    // Errors before warnings, where not all can be shown.
    diagnostics.sort_by_key(|one| std::cmp::Reverse(one.severity));
    diagnostics.truncate(MAX_DIAGNOSTICS);
    diagnostics.sort_by_key(|one| one.span.map(|span| span.start));
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

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
