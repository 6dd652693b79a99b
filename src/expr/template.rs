//! Text with holes: `a ${{ x }} b` (SPEC W-22, W-23, W-27, W-28).

use std::fmt::{self, Write as _};
use std::ops::Range;

use super::ast::{Expr, NodeKind};
use super::value::Value;
use super::{Context, ExprError, Names};

/// What evaluating a template may hold, in bytes (SPEC E-11).
const MAX_MEMORY: usize = 10 * 1024 * 1024;

/// A text of a workflow, its expressions parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Template {
    /// No expression, or nothing but a quoted text in one.
    Text(String),
    /// The whole text is one expression; its value keeps its type.
    Expression(Expr),
    /// Text and expressions, as one call of `format`.
    Format(Expr),
    /// `${{ insert }}`.
    Insert,
}

/// Which delimiters count beside `${{ }}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delimiters {
    /// `$<< >>`, where what stands between is an expression that the key allows.
    pub angle: bool,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The byte at which the faulty `${{` starts.
    pub offset: usize,
    /// The byte at which the fault itself is, as near as it is known.
    pub at: usize,
    pub code: &'static str,
    pub kind: TemplateErrorKind,
    /// With `TemplateErrorKind::Expression`: what is wrong in it.
    pub error: Option<ExprError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateErrorKind {
    NotClosed,
    Empty,
    NotAllowed,
    /// `insert` with text around it.
    DirectiveInline,
    /// `insert` with this number of parameters.
    DirectiveParameters(usize),
    Expression,
}

impl TemplateErrorKind {
    fn code(self) -> &'static str {
        match self {
            Self::NotClosed => "expression-not-closed",
            Self::Empty => "expression-expected",
            Self::NotAllowed => "expression-not-allowed",
            Self::DirectiveInline => "directive-not-allowed",
            Self::DirectiveParameters(_) => "directive-parameters",
            Self::Expression => "expression-syntax",
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = &self.error {
            return error.fmt(f);
        }
        match self.kind {
            TemplateErrorKind::NotClosed => f.write_str(
                "The expression is not closed. An unescaped ${{ sequence was found, but the closing }} sequence was not found.",
            ),
            TemplateErrorKind::Empty | TemplateErrorKind::Expression => {
                f.write_str("An expression was expected")
            }
            TemplateErrorKind::NotAllowed => {
                f.write_str("A template expression is not allowed in this context")
            }
            TemplateErrorKind::DirectiveInline => f.write_str(
                "The directive 'insert' is not allowed in this context. Directives are not supported for expressions that are embedded within a string. Directives are only supported when the entire value is an expression.",
            ),
            TemplateErrorKind::DirectiveParameters(count) => write!(
                f,
                "Exactly 0 parameter(s) were expected following the directive 'insert'. Actual parameter count: {count}"
            ),
        }
    }
}

impl std::error::Error for TemplateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}

impl TemplateError {
    pub(super) fn new(offset: usize, kind: TemplateErrorKind) -> Self {
        Self {
            offset,
            at: offset,
            code: kind.code(),
            kind,
            error: None,
        }
    }

    /// `start` is the byte at which the expression itself starts.
    pub(super) fn expression(offset: usize, start: usize, error: ExprError) -> Self {
        let before = error.position.unwrap_or(1) - 1;
        let bytes: usize = error
            .expression
            .chars()
            .take(before)
            .map(char::len_utf8)
            .sum();
        Self {
            at: start + bytes,
            error: Some(error),
            ..Self::new(offset, TemplateErrorKind::Expression)
        }
    }
}

impl Template {
    /// Parses a text; without names no expression is allowed in it at all.
    pub fn parse(
        text: &str,
        names: Option<&Names>,
        delimiters: Delimiters,
    ) -> Result<Self, Vec<TemplateError>> {
        let mut holes = Vec::new();
        let mut errors = Vec::new();
        let mut from = 0;
        while let Some(hole) = next_hole(text, from, names, delimiters) {
            let Some(hole) = hole.map_err(|error| errors.push(error)).ok() else {
                break;
            };
            from = hole.outer.end;
            match read(text, &hole, names) {
                Ok(content) => holes.push((hole, content)),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if let [(hole, content)] = holes.as_slice()
            && hole.outer == (0..text.len())
        {
            return Ok(match content {
                Content::Insert => Self::Insert,
                Content::Expr(expr) => match lone_text(expr) {
                    Some(text) => Self::Text(text.to_owned()),
                    None => Self::Expression(expr.clone()),
                },
            });
        }
        match names {
            Some(names) if !holes.is_empty() => format_call(text, &holes, names),
            _ => Ok(Self::Text(text.to_owned())),
        }
    }

    pub fn expr(&self) -> Option<&Expr> {
        match self {
            Self::Expression(expr) | Self::Format(expr) => Some(expr),
            Self::Text(_) | Self::Insert => None,
        }
    }

    pub fn evaluate(&self, context: &dyn Context) -> Result<Value, ExprError> {
        match self {
            Self::Text(text) => Ok(Value::string(text.as_str())),
            Self::Expression(expr) | Self::Format(expr) => {
                expr.evaluate_within(context, MAX_MEMORY)
            }
            Self::Insert => Ok(Value::Null),
        }
    }

    /// The bytes at which a `$<<` stands that counts: GitHub itself takes it as text.
    pub fn angle_offsets(text: &str, names: &Names) -> Vec<usize> {
        let mut found = Vec::new();
        let mut from = 0;
        let delimiters = Delimiters { angle: true };
        while let Some(Ok(hole)) = next_hole(text, from, Some(names), delimiters) {
            from = hole.outer.end;
            if hole.angle {
                found.push(hole.outer.start);
            }
        }
        found
    }
}

/// Where an expression stands in the text.
struct Hole {
    outer: Range<usize>,
    /// Without delimiters and blanks.
    inner: Range<usize>,
    angle: bool,
}

enum Content {
    Expr(Expr),
    Insert,
}

fn next_hole(
    text: &str,
    from: usize,
    names: Option<&Names>,
    delimiters: Delimiters,
) -> Option<Result<Hole, TemplateError>> {
    let mut from = from;
    loop {
        let open = from + text[from..].find('$')?;
        let rest = &text[open + 1..];
        if rest.starts_with("{{") {
            return Some(match closed(text, open, "}}") {
                Some((outer, inner)) => Ok(Hole {
                    outer,
                    inner,
                    angle: false,
                }),
                None => Err(TemplateError::new(open, TemplateErrorKind::NotClosed)),
            });
        }
        if delimiters.angle && rest.starts_with("<<") && !text[..open].ends_with('$') {
            let hole = names.and_then(|names| angle_hole(text, open, names));
            if let Some(hole) = hole {
                return Some(Ok(hole));
            }
        }
        from = open + 1;
    }
}

/// `$<< >>` counts only where it could be meant: it parses, and all that it names is allowed.
fn angle_hole(text: &str, open: usize, names: &Names) -> Option<Hole> {
    let (outer, inner) = closed(text, open, ">>")?;
    let expression = &text[inner.clone()];
    let whole = outer == (0..text.len());
    let counts = (expression == "insert" && whole)
        || (!expression.is_empty() && Expr::parse(expression, names).is_ok());
    counts.then_some(Hole {
        outer,
        inner,
        angle: true,
    })
}

/// The first closing delimiter outside quotes: the bytes with the delimiters, and those of the
/// expression without blanks.
fn closed(text: &str, open: usize, close: &str) -> Option<(Range<usize>, Range<usize>)> {
    // No expression has a `$` outside quotes: a text full of `$<<` is read once, not once for each.
    let gives_up_at = if close == ">>" { Some(b'$') } else { None };
    let start = open + 3;
    let mut quoted = false;
    let bytes = text.as_bytes();
    for at in start..bytes.len() {
        if bytes[at] == b'\'' {
            quoted = !quoted;
        } else if !quoted && Some(bytes[at]) == gives_up_at {
            return None;
        } else if !quoted && bytes[at..].starts_with(close.as_bytes()) {
            let raw = &text[start..at];
            let begin = start + raw.len() - raw.trim_start().len();
            let inner = begin..begin + raw.trim().len();
            return Some((open..at + close.len(), inner));
        }
    }
    None
}

fn read(text: &str, hole: &Hole, names: Option<&Names>) -> Result<Content, TemplateError> {
    let offset = hole.outer.start;
    let fail = |kind| Err(TemplateError::new(offset, kind));
    let Some(names) = names else {
        return fail(TemplateErrorKind::NotAllowed);
    };
    let expression = &text[hole.inner.clone()];
    if expression.is_empty() {
        return fail(TemplateErrorKind::Empty);
    }
    match insert_parameters(expression) {
        Some(0) if hole.outer == (0..text.len()) => return Ok(Content::Insert),
        Some(0) => return fail(TemplateErrorKind::DirectiveInline),
        Some(count) => return fail(TemplateErrorKind::DirectiveParameters(count)),
        None => {}
    }
    match Expr::parse(expression, names) {
        Ok(expr) => Ok(Content::Expr(expr.with_angle(hole.angle))),
        Err(error) => Err(TemplateError::expression(offset, hole.inner.start, error)),
    }
}

/// How many words follow `insert`, where that is what stands there.
fn insert_parameters(expression: &str) -> Option<usize> {
    let rest = expression.strip_prefix("insert")?;
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let (mut quoted, mut parens, mut in_word, mut count) = (false, 0, false, 0);
    for c in rest.chars() {
        if c.is_whitespace() && !quoted && parens == 0 {
            in_word = false;
            continue;
        }
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => parens += 1,
            ')' if !quoted => parens -= 1,
            _ => {}
        }
        count += usize::from(!in_word);
        in_word = true;
    }
    Some(count)
}

/// The text of `${{ 'text' }}`.
fn lone_text(expr: &Expr) -> Option<&str> {
    match &expr.root()?.kind {
        NodeKind::Literal(Value::String(text)) if expr.source().starts_with('\'') => Some(text),
        _ => None,
    }
}

/// `a ${{ x }}` → `format('a {0}', x)`.
fn format_call(
    text: &str,
    holes: &[(Hole, Content)],
    names: &Names,
) -> Result<Template, Vec<TemplateError>> {
    let mut format = String::with_capacity(text.len() + 16);
    let mut args = String::new();
    let mut from = 0;
    let mut angle = false;
    for (at, (hole, content)) in holes.iter().enumerate() {
        escape_into(&mut format, &text[from..hole.outer.start]);
        from = hole.outer.end;
        angle |= hole.angle;
        if let Content::Expr(expr) = content {
            _ = write!(format, "{{{at}}}");
            args.push_str(", ");
            args.push_str(expr.source());
        }
    }
    escape_into(&mut format, &text[from..]);
    let offset = holes.first().map_or(0, |(hole, _)| hole.outer.start);
    match Expr::parse(&format!("format('{format}'{args})"), names) {
        Ok(expr) => Ok(Template::Format(expr.with_angle(angle))),
        Err(error) => Err(vec![TemplateError {
            error: Some(error),
            ..TemplateError::new(offset, TemplateErrorKind::Expression)
        }]),
    }
}

fn escape_into(format: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, '\'' | '{' | '}') {
            format.push(c);
        }
        format.push(c);
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
