//! Diagnostics as text: the place, the source line with carets, labels and help.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Level, Origin, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity, SourceFile, Span};

use super::style::Colors;

const WIDTH: usize = 140;

/// Draws one diagnostic, with a line break at its end.
pub fn render(diagnostic: &Diagnostic, colors: Colors) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level
        .primary_title(visible(&diagnostic.message))
        .id(diagnostic.code);
    let marked = diagnostic.span.is_some() || !diagnostic.labels.is_empty();
    let excerpt = diagnostic
        .file
        .as_ref()
        .map(|file| Excerpt::of(file, diagnostic));
    let mut group = match &excerpt {
        Some(excerpt) if marked => title.element(excerpt.snippet(diagnostic)),
        Some(excerpt) => title.element(Origin::path(visible(&excerpt.file.path))),
        None => title.elements(Vec::<annotate_snippets::Message<'_>>::new()),
    };
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    let renderer = match colors {
        Colors::On => Renderer::styled(),
        Colors::Off => Renderer::plain(),
    };
    let mut text = renderer.term_width(WIDTH).render(&[group]);
    text.push('\n');
    text
}

/// The lines of a file from the first marked one to the last, made safe to draw.
struct Excerpt<'a> {
    file: &'a Arc<SourceFile>,
    first_line: usize,
    text: Cow<'a, str>,
    /// The place of the diagnostic, then those of its labels, as ranges of `text`.
    ranges: Vec<Range<usize>>,
}

impl<'a> Excerpt<'a> {
    fn of(file: &'a Arc<SourceFile>, diagnostic: &Diagnostic) -> Self {
        let spans: Vec<Range<usize>> = std::iter::once(diagnostic.span.unwrap_or_default())
            .chain(diagnostic.labels.iter().map(|label| label.span))
            .map(|span| fitted(&file.text, span))
            .collect();
        let start = spans.iter().map(|span| span.start).min().unwrap_or(0);
        let end = spans.iter().map(|span| span.end).max().unwrap_or(0);
        let start = file.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = file.text[end..]
            .find('\n')
            .map_or(file.text.len(), |at| end + at);
        let text = file.text[start..end].trim_end_matches('\r');
        // The empty line after the last break is a line only if something stands on it.
        let text = if text.ends_with('\n') {
            Cow::Owned(format!("{text} "))
        } else {
            Cow::Borrowed(text)
        };
        let within = |at: usize| (at - start).min(text.len());
        let ranges = spans
            .into_iter()
            .map(|span| within(span.start)..within(span.end))
            .collect();
        Self {
            file,
            first_line: file.position(start).line,
            text,
            ranges,
        }
    }

    fn snippet(&'a self, diagnostic: &'a Diagnostic) -> Snippet<'a, Annotation<'a>> {
        let mut ranges = self.ranges.iter().cloned();
        let primary = ranges.next().unwrap_or(0..0);
        let labels = diagnostic.labels.iter().zip(ranges).map(|(label, range)| {
            AnnotationKind::Context
                .span(range)
                .label(visible(&label.text))
        });
        let snippet = Snippet::source(&*self.text)
            .line_start(self.first_line)
            .path(visible(&self.file.path));
        if diagnostic.span.is_some() {
            snippet
                .annotation(AnnotationKind::Primary.span(primary))
                .annotations(labels)
        } else {
            snippet.annotations(labels)
        }
    }
}

/// A span as a range within a text, on the boundaries of characters.
fn fitted(text: &str, span: Span) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len().max(start)));
    start..end
}

/// A text whose control characters are seen, not obeyed.
fn visible(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if hidden(c) { '\u{fffd}' } else { c };
    Cow::Owned(text.chars().map(shown).collect())
}
