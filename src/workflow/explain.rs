//! How what is wrong is explained: expressions with their places, what was expected, what was meant.

use std::sync::Arc;

use super::locate;
use super::schema::{Definition, Shape};
use super::suggest;
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::expr::{Names, TemplateError, TemplateErrorKind};

/// Diagnostics that are kept while reading; fewer are shown.
pub const MOST: usize = 500;

/// Keeps a diagnostic, once: a replayed alias says the same again. The first error is kept in any case.
pub fn collect(diagnostics: &mut Vec<Diagnostic>, diagnostic: Diagnostic) {
    let full = diagnostics.len() >= MOST;
    if full && (!diagnostic.is_error() || diagnostics.iter().any(Diagnostic::is_error)) {
        return;
    }
    let known = |one: &Diagnostic| one.span == diagnostic.span && one.message == diagnostic.message;
    if !diagnostics.iter().any(known) {
        diagnostics.push(diagnostic);
    }
}

/// The diagnostic of a faulty expression: at the scalar, as GitHub has it, with a label at the fault itself.
pub fn template_diagnostic(
    file: &Arc<SourceFile>,
    span: Span,
    text: &str,
    error: &TemplateError,
    names: &Names,
) -> Diagnostic {
    // A text that is too long is not repeated.
    let message = match &error.error {
        Some(error) if error.reason.starts_with("Exceeded max expression length") => {
            error.reason.clone()
        }
        _ => error.to_string(),
    };
    let mut diagnostic = Diagnostic::error(error.code, message).at(file, span);
    if let Some(at) = locate::in_scalar(&file.text, span, text, error.at) {
        let length = file.text[at..].chars().next().map_or(0, char::len_utf8);
        diagnostic = diagnostic.label(Span::new(at, at + length), "here");
    }
    let reason = error
        .error
        .as_ref()
        .map_or("", |error| error.reason.as_str());
    let found = reason.split('\'').nth(1).unwrap_or_default();
    if reason.starts_with("Unrecognized named-value") {
        let names: Vec<_> = names.values.iter().map(AsRef::as_ref).collect();
        return diagnostic.help(if names.is_empty() {
            "no expression may stand here".to_owned()
        } else if let Some(meant) = suggest::nearest(found, names.iter().copied()) {
            format!("did you mean `{meant}`?")
        } else {
            format!("this key may use {}", listed(&names))
        });
    }
    if reason.starts_with("Unrecognized function") {
        return diagnostic.help(function_help(found));
    }
    match error.kind {
        TemplateErrorKind::NotClosed => diagnostic.help("close it with `}}`"),
        TemplateErrorKind::Empty => diagnostic.help("write an expression between `${{` and `}}`"),
        _ if reason.contains('"') => diagnostic.help("text in expressions stands in single quotes"),
        _ => diagnostic,
    }
}

fn function_help(found: &str) -> String {
    const BUILT_IN: [&str; 9] = [
        "contains",
        "startsWith",
        "endsWith",
        "format",
        "join",
        "toJSON",
        "fromJSON",
        "case",
        "hashFiles",
    ];
    const STATUS: [&str; 4] = ["always", "cancelled", "failure", "success"];
    let is = |name: &str| found.eq_ignore_ascii_case(name);
    if STATUS.iter().any(|name| is(name)) {
        format!("`{found}()` exists only in `if`")
    } else if is("hashFiles") {
        "`hashFiles()` exists only in the keys of steps".to_owned()
    } else {
        match suggest::nearest(found, BUILT_IN.into_iter().chain(STATUS)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the functions are {}", listed(&BUILT_IN)),
        }
    }
}

/// `a`, `b` or `c`; long lists are cut.
pub fn listed(words: &[&str]) -> String {
    const MOST: usize = 24;
    let quoted: Vec<_> = words
        .iter()
        .take(MOST)
        .map(|word| format!("`{word}`"))
        .collect();
    let more = if words.len() > MOST { " …" } else { "" };
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [start @ .., last] if more.is_empty() => format!("{} or {last}", start.join(", ")),
        all => format!("{}{more}", all.join(", ")),
    }
}

/// The kinds of value that a definition allows.
pub fn expected(definition: &'static Definition) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for shape in definition.shapes() {
        let kind = match shape {
            Shape::Null => "no value".into(),
            Shape::Boolean => "true or false".into(),
            Shape::Number => "a number".into(),
            Shape::Text => "text".into(),
            Shape::NonEmptyText => "text that is not empty".into(),
            Shape::Words(words) => listed(words),
            Shape::Sequence(_) => "a list".into(),
            Shape::Mapping(_) => "a mapping".into(),
            Shape::OneOf(_) => continue,
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.join(", or ")
}
