//! The parse events of a file with their places in bytes; aliases replay what they name (SPEC W-7, W-9).

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use super::core_schema::{self, Literal};
use super::yaml::MAX_EVENTS;
use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// The code of a comment without a blank before it.
pub const GLUED_COMMENT: &str = "glued-comment";

pub fn fail<T>(diagnostic: Diagnostic) -> Result<T, Box<Diagnostic>> {
    Err(Box::new(diagnostic))
}

/// An event with its place in bytes, kept for replaying.
#[derive(Clone)]
pub struct Kept {
    pub kind: Kind,
    pub span: Span,
}

#[derive(Clone)]
pub enum Kind {
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

pub struct Events<'a> {
    file: &'a Arc<SourceFile>,
    parser: Parser<'a, StrInput<'a>>,
    /// Byte offset of each character, where the text is not ASCII.
    bytes: Option<Vec<usize>>,
    kept: Vec<Kept>,
    anchors: HashMap<String, usize>,
    replays: Vec<Replay>,
    pub current: Kept,
    count: usize,
    previous_end: usize,
}

impl<'a> Events<'a> {
    /// `text` is the file's, or has the same number of characters.
    pub fn new(file: &'a Arc<SourceFile>, text: &'a str) -> Self {
        Self {
            file,
            parser: Parser::new_from_str(text),
            bytes: (!file.text.is_ascii())
                .then(|| file.text.char_indices().map(|(at, _)| at).collect()),
            kept: Vec::new(),
            anchors: HashMap::new(),
            replays: Vec::new(),
            current: Kept {
                kind: Kind::Stream,
                span: Span::default(),
            },
            count: 0,
            previous_end: 0,
        }
    }

    /// Whether the file has no event after the current one.
    pub fn at_end(&mut self) -> bool {
        self.parser.peek().is_none()
    }

    /// Whether an anchor is replayed inside itself.
    pub fn is_circular(&self) -> bool {
        let innermost = self.replays.last().map(|replay| replay.anchor);
        let same = self
            .replays
            .iter()
            .filter(|one| Some(one.anchor) == innermost);
        same.count() > 1
    }

    pub fn too_many_nodes(&self, span: Span) -> Diagnostic {
        Diagnostic::error("max-nodes", "Maximum YAML nodes exceeded")
            .at(self.file, span)
            .help(format!(
                "a file may have {MAX_EVENTS} YAML nodes, those that aliases repeat included"
            ))
    }

    /// Moves to the next event, out of the file or out of an anchored node that is replayed.
    pub fn advance(&mut self) -> Result<(), Box<Diagnostic>> {
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
            self.current = self.kept[replay.index].clone();
        } else {
            self.current = self.pull()?;
        }
        if let Kind::Alias(name) = &self.current.kind {
            let span = self.current.span;
            let Some(&anchor) = self.anchors.get(name) else {
                return fail(
                    Diagnostic::error("unknown-anchor", format!("Unknown anchor '{name}'"))
                        .at(self.file, span),
                );
            };
            self.current = self.kept[anchor].clone();
            self.replays.push(Replay {
                anchor,
                index: anchor,
                depth: 0,
            });
        }
        self.count += 1;
        if self.count > MAX_EVENTS {
            return fail(self.too_many_nodes(self.current.span));
        }
        Ok(())
    }

    /// Takes the next event of the file and keeps it.
    fn pull(&mut self) -> Result<Kept, Box<Diagnostic>> {
        let Some(next) = self.parser.next_event() else {
            return Ok(Kept {
                kind: Kind::Stream,
                span: Span::new(self.file.text.len(), self.file.text.len()),
            });
        };
        let (event, marks) = next.map_err(|error| {
            let at = self.byte(error.marker().index());
            Box::new(self.scan_error(error.info(), Span::new(at, at)))
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
            self.anchors.insert(name, self.kept.len());
        }
        self.previous_end = self.previous_end.max(span.end);
        let kept = Kept { kind, span };
        self.kept.push(kept.clone());
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
