//! YAML text → a tree of nodes with places, as GitHub's reader sees it (SPEC 1.1).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use super::core_schema::{self, Literal};
use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// Parse events of one file, those of replayed aliases included (SPEC W-9).
pub const MAX_EVENTS: usize = 50_000;
/// Levels of sequences and mappings (SPEC W-11).
pub const MAX_DEPTH: usize = 50;

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
    loop {
        match Reader::new(file, &text, max_depth).document() {
            Err(error) if error.code == GLUED_COMMENT => match without_comment(&text, &error) {
                Some(without) => text = Cow::Owned(without),
                None => return Err(Box::new(error)),
            },
            result => return result.map_err(Box::new),
        }
    }
}

/// GitHub's parser takes `[one]# comment`, which YAML forbids: the comment is blanked, so that all places stay.
fn without_comment(text: &str, error: &Diagnostic) -> Option<String> {
    let at = error.span?.start;
    let closed = text[..at].ends_with([']', '}', '\'', '"']) && text[at..].starts_with('#');
    let length = text[at..].find('\n').unwrap_or(text.len() - at);
    closed.then(|| {
        let blanks = " ".repeat(text[at..at + length].chars().count());
        format!("{}{blanks}{}", &text[..at], &text[at + length..])
    })
}

const GLUED_COMMENT: &str = "glued-comment";

/// An event with its place in bytes, kept for replaying.
#[derive(Clone)]
struct Kept {
    kind: Kind,
    span: Span,
}

#[derive(Clone)]
enum Kind {
    Scalar(Result<Literal, (&'static str, String)>),
    SequenceStart,
    MappingStart,
    End,
    Alias(String),
    Stream,
}

/// A replay of an anchored node: which event comes, and how deep inside the node it is.
struct Replay {
    anchor: usize,
    index: usize,
    depth: usize,
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    parser: Parser<'a, StrInput<'a>>,
    /// Byte offset of each character, where the text is not ASCII.
    bytes: Option<Vec<usize>>,
    events: Vec<Kept>,
    anchors: HashMap<String, usize>,
    replays: Vec<Replay>,
    current: Kept,
    count: usize,
    depth: usize,
    max_depth: usize,
    previous_end: usize,
}

impl<'a> Reader<'a> {
    fn new(file: &'a Arc<SourceFile>, text: &'a str, max_depth: usize) -> Self {
        Self {
            file,
            parser: Parser::new_from_str(text),
            bytes: (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect()),
            events: Vec::new(),
            anchors: HashMap::new(),
            replays: Vec::new(),
            current: Kept {
                kind: Kind::Stream,
                span: Span::default(),
            },
            count: 0,
            depth: 0,
            max_depth,
            previous_end: 0,
        }
    }

    fn document(&mut self) -> Result<Node, Diagnostic> {
        self.advance()?;
        self.advance()?;
        if self.parser.peek().is_none() {
            return Err(Diagnostic::error("empty-file", "The file is empty")
                .at(self.file, Span::default())
                .help("a workflow needs at least `on` and `jobs`"));
        }
        self.advance()?;
        let root = self.node()?;
        self.advance()?;
        if self.parser.peek().is_some() {
            let span = self.current.span;
            return Err(Diagnostic::error("second-document", "Expected stream end parse event")
                .at(self.file, span)
                .help("a file holds exactly one YAML document: remove the `---` and what follows it"));
        }
        Ok(root)
    }

    /// Builds the node that starts at the current event and moves past it.
    fn node(&mut self) -> Result<Node, Diagnostic> {
        let Kept { kind, span } = self.current.clone();
        let kind = match kind {
            Kind::Scalar(Ok(literal)) => {
                self.advance()?;
                return Ok(Node {
                    kind: NodeKind::Scalar(literal),
                    span,
                });
            }
            Kind::Scalar(Err((code, message))) => {
                return Err(self.tag_error(code, message, span));
            }
            Kind::SequenceStart => {
                self.enter(span)?;
                let mut items = Vec::new();
                while !matches!(self.current.kind, Kind::End) {
                    items.push(self.node()?);
                }
                NodeKind::Sequence(items)
            }
            Kind::MappingStart => {
                self.enter(span)?;
                let mut pairs = Vec::new();
                while !matches!(self.current.kind, Kind::End) {
                    pairs.push((self.key()?, self.node()?));
                }
                NodeKind::Mapping(pairs)
            }
            Kind::End | Kind::Alias(_) | Kind::Stream => {
                return Err(Diagnostic::error(
                    "yaml",
                    "Expected a scalar value, a sequence, or a mapping",
                )
                .at(self.file, span));
            }
        };
        self.depth -= 1;
        let end = self.current.span.end.max(span.start);
        let end = span.start + self.file.text[span.start..end].trim_end().len();
        self.advance()?;
        Ok(Node {
            kind,
            span: Span::new(span.start, end),
        })
    }

    fn key(&mut self) -> Result<Node, Diagnostic> {
        if matches!(self.current.kind, Kind::Scalar(_)) {
            return self.node();
        }
        Err(Diagnostic::error("key-not-scalar", "Expected a scalar value")
            .at(self.file, self.current.span)
            .help("a key of a mapping is plain text; a value that starts with `{` or `[` needs quotes"))
    }

    fn enter(&mut self, span: Span) -> Result<(), Diagnostic> {
        self.depth += 1;
        if self.depth > self.max_depth {
            // An anchor inside itself never ends: GitHub counts its nodes first (SPEC W-7).
            let innermost = self.replays.last().map(|replay| replay.anchor);
            let circular = self
                .replays
                .iter()
                .filter(|one| Some(one.anchor) == innermost)
                .count()
                > 1;
            return Err(if circular {
                self.too_many_nodes(span)
            } else {
                Diagnostic::error("max-depth", "Maximum object depth exceeded")
                    .at(self.file, span)
                    .help(format!(
                        "sequences and mappings may be nested {} levels deep",
                        self.max_depth
                    ))
            });
        }
        self.advance()
    }

    fn too_many_nodes(&self, span: Span) -> Diagnostic {
        Diagnostic::error("max-nodes", "Maximum YAML nodes exceeded")
            .at(self.file, span)
            .help(format!(
                "a file may have {MAX_EVENTS} YAML nodes, those that aliases repeat included"
            ))
    }

    fn tag_error(&self, code: &'static str, message: String, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::error(code, message).at(self.file, span);
        if self.file.text[span.start..].starts_with('!') {
            diagnostic.help("`!` starts a YAML tag: put the value in quotes")
        } else {
            diagnostic
        }
    }

    /// Moves to the next event, out of the file or out of an anchored node that is replayed.
    fn advance(&mut self) -> Result<(), Diagnostic> {
        if let Some(replay) = self.replays.last_mut() {
            match self.current.kind {
                Kind::SequenceStart | Kind::MappingStart => replay.depth += 1,
                Kind::End => replay.depth -= 1,
                _ => {}
            }
            if replay.depth == 0 {
                self.replays.pop();
            }
        }
        if let Some(replay) = self.replays.last_mut() {
            replay.index += 1;
            self.current = self.events[replay.index].clone();
        } else {
            self.current = self.pull()?;
        }
        if let Kind::Alias(name) = &self.current.kind {
            let span = self.current.span;
            let Some(&anchor) = self.anchors.get(name) else {
                return Err(Diagnostic::error(
                    "unknown-anchor",
                    format!("Unknown anchor '{name}'"),
                )
                .at(self.file, span));
            };
            self.current = self.events[anchor].clone();
            self.replays.push(Replay {
                anchor,
                index: anchor,
                depth: 0,
            });
        }
        self.count += 1;
        if self.count > MAX_EVENTS {
            return Err(self.too_many_nodes(self.current.span));
        }
        Ok(())
    }

    /// Takes the next event of the file and keeps it.
    fn pull(&mut self) -> Result<Kept, Diagnostic> {
        let Some(next) = self.parser.next_event() else {
            return Ok(Kept {
                kind: Kind::Stream,
                span: Span::new(self.file.text.len(), self.file.text.len()),
            });
        };
        let (event, marks) = next.map_err(|error| {
            let at = self.byte(error.marker().index());
            self.scan_error(error.info(), Span::new(at, at))
        })?;
        let mut span = Span::new(self.byte(marks.start.index()), self.byte(marks.end.index()));
        let mut anchored = 0;
        let kind = match event {
            Event::Scalar(text, style, anchor, tag) => {
                anchored = anchor;
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if block && anchor == 0 && tag.is_none() {
                    span.start = self.block_header(span.start);
                }
                let empty = text.is_empty() && span.start == span.end;
                if empty && self.file.text[span.start..].starts_with([':', '-']) {
                    span = Span::new(span.start + 1, span.start + 1);
                }
                let mut text = text;
                if block {
                    let end = span.end.max(span.start);
                    // A last line without a break keeps none.
                    if end == self.file.text.len()
                        && !self.file.text.ends_with('\n')
                        && text.ends_with('\n')
                    {
                        text = text[..text.len() - 1].to_owned().into();
                    }
                    span.end = span.start + self.file.text[span.start..end].trim_end().len();
                }
                let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix));
                Kind::Scalar(core_schema::resolve(
                    &text,
                    style == ScalarStyle::Plain,
                    tag.as_deref(),
                ))
            }
            Event::SequenceStart(anchor, _) => {
                anchored = anchor;
                Kind::SequenceStart
            }
            Event::MappingStart(anchor, _) => {
                anchored = anchor;
                Kind::MappingStart
            }
            Event::SequenceEnd | Event::MappingEnd => Kind::End,
            Event::Alias(_) => {
                Kind::Alias(name_after(&self.file.text[span.start..], '*').unwrap_or_default())
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Kind::Stream,
        };
        if anchored > 0
            && let Some(name) = name_after(&self.file.text[span.start..], '&')
        {
            self.anchors.insert(name, self.events.len());
        }
        self.previous_end = self.previous_end.max(span.end);
        let kept = Kept { kind, span };
        self.events.push(kept.clone());
        Ok(kept)
    }

    fn byte(&self, index: usize) -> usize {
        let end = self.file.text.len();
        match &self.bytes {
            Some(bytes) => bytes.get(index).copied().unwrap_or(end),
            None => index.min(end),
        }
    }

    /// The place of `|` or `>` before the content of a block scalar.
    fn block_header(&self, content: usize) -> usize {
        let from = self.previous_end.min(content);
        let gap = &self.file.text[from..content];
        let mut comment = false;
        let mut blank = true;
        for (at, c) in gap.char_indices() {
            match c {
                '\n' => comment = false,
                '#' if blank => comment = true,
                '|' | '>' if !comment => return from + at,
                _ => {}
            }
            blank = c.is_whitespace();
        }
        content
    }

    fn scan_error(&self, info: &str, span: Span) -> Diagnostic {
        if info.contains("omments must be separated") {
            return Diagnostic::error(GLUED_COMMENT, "A comment needs a blank before its `#`")
                .at(self.file, span);
        }
        if info.contains("unknown anchor") {
            let name = name_after(&self.file.text[span.start..], '*').unwrap_or_default();
            return Diagnostic::error("unknown-anchor", format!("Unknown anchor '{name}'"))
                .at(self.file, span)
                .help("an anchor (`&name`) has to stand before its alias (`*name`)");
        }
        if info.contains("recursion limit") {
            return Diagnostic::error("max-depth", "Maximum object depth exceeded")
                .at(self.file, span);
        }
        let mut text = info.to_owned();
        if let Some(first) = text.get(..1) {
            let upper = first.to_uppercase();
            text.replace_range(..1, &upper);
        }
        let diagnostic = Diagnostic::error("yaml", text).at(self.file, span);
        let line = self.file.line(self.file.position(span.start).line);
        if line.trim_start_matches(' ').starts_with('\t') {
            diagnostic.help("YAML is indented with spaces, never with tabs")
        } else {
            diagnostic
        }
    }
}

/// The name after `&` or `*`; a tag may stand before it.
fn name_after(text: &str, sign: char) -> Option<String> {
    let mut rest = text;
    while rest.starts_with('!') {
        rest = rest
            .trim_start_matches(|c: char| !c.is_whitespace())
            .trim_start();
    }
    let rest = rest.strip_prefix(sign)?;
    let end = rest
        .find(|c: char| c.is_whitespace() || ",[]{}".contains(c))
        .unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
