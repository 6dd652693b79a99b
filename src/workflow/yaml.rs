//! YAML text → a tree of nodes with places, as GitHub's reader sees it (SPEC 1.1).

use std::borrow::Cow;
use std::sync::Arc;

use super::core_schema::Literal;
use super::yaml_events::{Events, GLUED_COMMENT, Kept, Kind, fail};
use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// Parse events of one file, those of replayed aliases included (SPEC W-9).
pub const MAX_EVENTS: usize = 50_000;
/// Levels of sequences and mappings (SPEC W-11).
pub const MAX_DEPTH: usize = 50;
/// Comments without a blank before them that are read over: the file is read anew for each.
const MAX_GLUED_COMMENTS: usize = 100;

/// A node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub kind: NodeKind,
    /// Tag and anchor included; a block scalar starts at its `|` or `>`.
    pub span: Span,
}

/// What a node holds; mappings keep their order and their duplicate keys.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    Scalar(Literal),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The same data without places; of two equal keys the later one wins.
    pub fn to_value(&self) -> serde_yaml::Value {
        use serde_yaml::Value;
        match &self.kind {
            NodeKind::Scalar(Literal::Null) => Value::Null,
            NodeKind::Scalar(Literal::Bool(value)) => Value::Bool(*value),
            NodeKind::Scalar(Literal::Number(value)) => Value::Number(number(*value)),
            NodeKind::Scalar(Literal::String(value)) => Value::String(value.clone()),
            NodeKind::Sequence(items) => {
                Value::Sequence(items.iter().map(Self::to_value).collect())
            }
            NodeKind::Mapping(pairs) => Value::Mapping(
                pairs
                    .iter()
                    .map(|(key, value)| (key.to_value(), value.to_value()))
                    .collect(),
            ),
        }
    }
}

/// A whole number stays whole, so that serde gives it to integer fields.
fn number(value: f64) -> serde_yaml::Number {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked: the value is whole and within the safe range"
    )]
    if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
        (value as i64).into()
    } else {
        value.into()
    }
}

/// Reads the only document of a file.
pub fn parse(file: &Arc<SourceFile>, max_depth: usize) -> Result<Node, Box<Diagnostic>> {
    let mut text = Cow::Borrowed(file.text.as_str());
    let mut glued = 0;
    loop {
        match Reader::new(file, &text, max_depth).document() {
            Err(error) if error.code == GLUED_COMMENT && glued < MAX_GLUED_COMMENTS => {
                glued += 1;
                match without_comment(&file.text, &text, &error) {
                    Some(without) => text = Cow::Owned(without),
                    None => return Err(error),
                }
            }
            result => return result,
        }
    }
}

/// GitHub's parser takes `[one]# comment`, which YAML forbids: the comment is blanked, character by character, so
/// that all places stay.
fn without_comment(source: &str, text: &str, error: &Diagnostic) -> Option<String> {
    // The error has its place in the file, whose bytes may be more than those of a text with blanks.
    let characters = source[..error.span?.start].chars().count();
    let at = text.char_indices().nth(characters)?.0;
    let closed = text[..at].ends_with([']', '}', '\'', '"']) && text[at..].starts_with('#');
    let length = text[at..].find('\n').unwrap_or(text.len() - at);
    closed.then(|| {
        let blanks = " ".repeat(text[at..at + length].chars().count());
        format!("{}{blanks}{}", &text[..at], &text[at + length..])
    })
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    events: Events<'a>,
    depth: usize,
    max_depth: usize,
}

impl<'a> Reader<'a> {
    fn new(file: &'a Arc<SourceFile>, text: &'a str, max_depth: usize) -> Self {
        Self {
            file,
            events: Events::new(file, text),
            depth: 0,
            max_depth,
        }
    }

    fn document(&mut self) -> Result<Node, Box<Diagnostic>> {
        self.events.advance()?;
        self.events.advance()?;
        if self.events.at_end() {
            return fail(
                Diagnostic::error("empty-file", "The file is empty")
                    .at(self.file, Span::default())
                    .help("a workflow needs at least `on` and `jobs`"),
            );
        }
        self.events.advance()?;
        let root = self.node()?;
        self.events.advance()?;
        if !self.events.at_end() {
            let span = self.events.current.span;
            return fail(Diagnostic::error("second-document", "Expected stream end parse event")
                .at(self.file, span)
                .help("a file holds exactly one YAML document: remove the `---` and what follows it"));
        }
        Ok(root)
    }

    /// Builds the node that starts at the current event and moves past it.
    fn node(&mut self) -> Result<Node, Box<Diagnostic>> {
        let Kept { kind, span } = self.events.current.clone();
        let kind = match kind {
            Kind::Scalar(Ok(literal)) => {
                self.events.advance()?;
                return Ok(Node {
                    kind: NodeKind::Scalar(literal),
                    span,
                });
            }
            Kind::Scalar(Err((code, message))) => {
                return fail(self.tag_error(code, message, span));
            }
            Kind::SequenceStart => {
                self.enter(span)?;
                let mut items = Vec::new();
                while !matches!(self.events.current.kind, Kind::End) {
                    items.push(self.node()?);
                }
                NodeKind::Sequence(items)
            }
            Kind::MappingStart => {
                self.enter(span)?;
                let mut pairs = Vec::new();
                while !matches!(self.events.current.kind, Kind::End) {
                    pairs.push((self.key()?, self.node()?));
                }
                NodeKind::Mapping(pairs)
            }
            Kind::End | Kind::Alias(_) | Kind::Stream => {
                return fail(
                    Diagnostic::error("yaml", "Expected a scalar value, a sequence, or a mapping")
                        .at(self.file, span),
                );
            }
        };
        self.depth -= 1;
        let end = self.events.current.span.end.max(span.start);
        let end = span.start + self.file.text[span.start..end].trim_end().len();
        self.events.advance()?;
        Ok(Node {
            kind,
            span: Span::new(span.start, end),
        })
    }

    fn key(&mut self) -> Result<Node, Box<Diagnostic>> {
        if matches!(self.events.current.kind, Kind::Scalar(_)) {
            return self.node();
        }
        fail(Diagnostic::error("key-not-scalar", "Expected a scalar value")
            .at(self.file, self.events.current.span)
            .help("a key of a mapping is plain text; a value that starts with `{` or `[` needs quotes"))
    }

    fn enter(&mut self, span: Span) -> Result<(), Box<Diagnostic>> {
        self.depth += 1;
        if self.depth > self.max_depth {
            // An anchor inside itself never ends: GitHub counts its nodes first (SPEC W-7).
            return fail(if self.events.is_circular() {
                self.events.too_many_nodes(span)
            } else {
                Diagnostic::error("max-depth", "Maximum object depth exceeded")
                    .at(self.file, span)
                    .help(format!(
                        "sequences and mappings may be nested {} levels deep",
                        self.max_depth
                    ))
            });
        }
        self.events.advance()
    }

    fn tag_error(&self, code: &'static str, message: String, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::error(code, message).at(self.file, span);
        if self.file.text[span.start..].starts_with('!') {
            diagnostic.help("`!` starts a YAML tag: put the value in quotes")
        } else {
            diagnostic
        }
    }
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
