//! Node tree + table → token tree: every place is judged by its definition, every expression parsed (SPEC 1.2).

use std::collections::HashSet;
use std::sync::Arc;

use super::core_schema::Literal;
use super::explain::{collect, expected, listed, template_diagnostic};
use super::schema::{ANY, Contexts, Definition, Mapping, Shape};
use super::suggest;
use super::token::{Token, TokenKind};
use super::yaml::{Node, NodeKind};
use crate::diagnostic::{Diagnostic, Severity, SourceFile, Span};
use crate::expr::{Delimiters, Template, format_number};

/// Reads one file's tree; collects what is wrong in it.
#[derive(Debug)]
pub struct Reader {
    file: Arc<SourceFile>,
    delimiters: Delimiters,
    /// Inside a property whose faults are only warned about.
    lenient: bool,
    pub diagnostics: Vec<Diagnostic>,
    /// The first `$<< >>` that counts.
    pub first_angle: Option<Span>,
}

impl Reader {
    pub fn new(file: &Arc<SourceFile>, delimiters: Delimiters) -> Self {
        Self {
            file: Arc::clone(file),
            delimiters,
            lenient: false,
            diagnostics: Vec::new(),
            first_angle: None,
        }
    }

    /// Reads a node by its definition, within the contexts of what stands around it.
    pub fn read(
        &mut self,
        node: &Node,
        definition: &'static Definition,
        inherited: Contexts,
    ) -> Token {
        let contexts = inherited.and(definition.contexts);
        match &node.kind {
            NodeKind::Scalar(literal) => {
                let kind = self.scalar(literal, node.span, contexts);
                let kind = self.judge(kind, node.span, definition, contexts);
                Token {
                    kind,
                    span: node.span,
                }
            }
            NodeKind::Sequence(items) => {
                let item = definition.item();
                if item.is_none() {
                    self.fault(
                        node.span,
                        "unexpected-sequence",
                        "A sequence was not expected".into(),
                        definition,
                    );
                }
                let items = items
                    .iter()
                    .filter_map(|node| Some(self.read(node, item?, contexts)));
                Token {
                    kind: TokenKind::Sequence(items.collect()),
                    span: node.span,
                }
            }
            NodeKind::Mapping(pairs) => {
                let mappings = definition.mappings();
                let pairs = match mappings.as_slice() {
                    [] => {
                        self.fault(
                            node.span,
                            "unexpected-mapping",
                            "A mapping was not expected".into(),
                            definition,
                        );
                        Vec::new()
                    }
                    _ => self.mapping(node.span, pairs, mappings, contexts),
                };
                Token {
                    kind: TokenKind::Mapping(pairs),
                    span: node.span,
                }
            }
        }
    }

    fn mapping(
        &mut self,
        span: Span,
        pairs: &[(Node, Node)],
        mut mappings: Vec<&'static Mapping>,
        contexts: Contexts,
    ) -> Vec<(Token, Token)> {
        let rest = mappings[0].rest;
        let strict = mappings.len() > 1 || !mappings[0].properties.is_empty() || rest.is_none();
        let all = mappings.clone();
        let mut keys = HashSet::new();
        let mut has_expression_key = false;
        let mut tokens = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let NodeKind::Scalar(literal) = &key.kind else {
                continue;
            };
            let token = |kind| Token {
                kind,
                span: key.span,
            };
            let name = match self.scalar(literal, key.span, contexts) {
                kind @ (TokenKind::Expression(_) | TokenKind::Insert) => {
                    has_expression_key = true;
                    if contexts.is_empty() {
                        self.error(key.span, "expression-not-allowed", NOT_ALLOWED);
                    } else {
                        let definition = if strict { &ANY } else { rest.unwrap_or(&ANY) };
                        tokens.push((token(kind), self.read(value, definition, contexts)));
                    }
                    continue;
                }
                kind => text_of(&kind),
            };
            if !keys.insert(name.to_uppercase()) {
                self.error(
                    key.span,
                    "duplicate-key",
                    format!("'{name}' is already defined"),
                );
                self.explain_duplicate(&name, &tokens);
                continue;
            }
            let definition =
                if let Some(property) = mappings.iter().find_map(|one| one.property(&name)) {
                    if mappings.iter().any(|one| one.property(&name).is_none()) {
                        mappings.retain(|one| one.property(&name).is_some());
                    }
                    let before = self.lenient;
                    self.lenient |= property.lenient;
                    let value = self.read(value, property.definition, contexts);
                    self.lenient = before;
                    tokens.push((token(TokenKind::String(name)), value));
                    continue;
                } else if let Some(rest) = rest {
                    if name.is_empty() {
                        self.fault(
                            key.span,
                            "unexpected-value",
                            "Unexpected value ''".into(),
                            &super::schema::NON_EMPTY,
                        );
                    }
                    rest
                } else {
                    self.unexpected_key(key.span, &name, &mappings, &all);
                    continue;
                };
            let before = self.diagnostics.len();
            let value = self.read(value, definition, contexts);
            if name == "<<" {
                self.explain_merge(key.span, before);
            }
            tokens.push((token(TokenKind::String(name)), value));
        }
        self.complete(span, &mappings, &keys, has_expression_key);
        tokens
    }

    /// Whether the keys that were read make a whole (SPEC W-25, W-26).
    fn complete(
        &mut self,
        span: Span,
        mappings: &[&'static Mapping],
        keys: &HashSet<String>,
        has_expression_key: bool,
    ) {
        if mappings.len() > 1 {
            let names = || {
                mappings
                    .iter()
                    .flat_map(|one| one.properties)
                    .map(|one| one.name)
            };
            let mut distinct: Vec<_> = names()
                .filter(|name| names().filter(|other| other == name).count() == 1)
                .collect();
            distinct.sort_unstable();
            self.report(
                self.found(
                    span,
                    "ambiguous-mapping",
                    format!(
                        "There's not enough info to determine what you meant. Add one of these properties: {}",
                        distinct.join(", ")
                    ),
                ),
            );
        } else if let ([mapping], false) = (mappings, has_expression_key) {
            for property in mapping.properties.iter().filter(|one| one.required) {
                if !keys.contains(&property.name.to_uppercase()) {
                    let diagnostic = self.found(
                        span,
                        "missing-property",
                        format!("Required property is missing: {}", property.name),
                    );
                    self.report(diagnostic);
                }
            }
        }
    }

    fn unexpected_key(
        &mut self,
        span: Span,
        name: &str,
        left: &[&'static Mapping],
        all: &[&'static Mapping],
    ) {
        let mut diagnostic = self.found(
            span,
            "unexpected-value",
            format!("Unexpected value '{name}'"),
        );
        let known: Vec<_> = left
            .iter()
            .flat_map(|one| one.properties)
            .map(|one| one.name)
            .collect();
        if let Some(meant) = suggest::nearest(name, known.iter().copied()) {
            diagnostic = diagnostic.help(format!("did you mean `{meant}`?"));
        } else if all.iter().any(|one| one.property(name).is_some()) {
            diagnostic =
                diagnostic.help(format!("`{name}` can not stand beside the keys above it"));
        } else if name == "<<" {
            diagnostic = diagnostic.help(NO_MERGE);
        } else if !known.is_empty() {
            diagnostic = diagnostic.help(format!("expected one of {}", listed(&known)));
        }
        self.report(diagnostic);
    }

    /// What is wrong with the value of a `<<` lies where its anchor stands (SPEC W-8).
    fn explain_merge(&mut self, span: Span, first: usize) {
        for diagnostic in self.diagnostics.iter_mut().skip(first) {
            if diagnostic.span != Some(span) {
                diagnostic.labels.push(crate::diagnostic::Label {
                    span,
                    text: "merged here".into(),
                });
            }
            diagnostic.help = vec![NO_MERGE.into()];
        }
    }

    fn explain_duplicate(&mut self, name: &str, tokens: &[(Token, Token)]) {
        let first = tokens.iter().find_map(|(key, _)| match &key.kind {
            TokenKind::String(text) if text.to_uppercase() == name.to_uppercase() => {
                Some((key.span, text.clone()))
            }
            _ => None,
        });
        let (Some((span, text)), Some(last)) = (first, self.diagnostics.last_mut()) else {
            return;
        };
        let note = if text == name {
            "first here"
        } else {
            "first here; case does not count"
        };
        last.labels.push(crate::diagnostic::Label {
            span,
            text: note.into(),
        });
        last.help.push("remove or rename one of the two".into());
    }

    /// A scalar, its expressions parsed; a faulty one is reported and stays text.
    fn scalar(&mut self, literal: &Literal, span: Span, contexts: Contexts) -> TokenKind {
        let text = match literal {
            Literal::Null => return TokenKind::Null,
            Literal::Bool(value) => return TokenKind::Bool(*value),
            Literal::Number(value) => return TokenKind::Number(*value),
            Literal::String(text) => text,
        };
        let may_hold = text.contains("${{") || self.delimiters.angle && text.contains("$<<");
        if !may_hold {
            return TokenKind::String(text.clone());
        }
        let names = contexts.names();
        match Template::parse(text, Some(&names), self.delimiters) {
            Ok(template) => {
                if template.expr().is_some_and(crate::expr::Expr::is_angle)
                    && self.first_angle.is_none()
                {
                    self.first_angle = Some(span);
                }
                match template {
                    Template::Text(text) => TokenKind::String(text),
                    Template::Expression(expr) | Template::Format(expr) => {
                        TokenKind::Expression(expr)
                    }
                    Template::Insert => TokenKind::Insert,
                }
            }
            Err(errors) => {
                if let Some(error) = errors.first() {
                    let diagnostic = template_diagnostic(&self.file, span, text, error, &names);
                    self.report(diagnostic);
                }
                TokenKind::String(text.clone())
            }
        }
    }

    /// Judges a scalar by its definition; what becomes text is turned into it (SPEC W-21).
    fn judge(
        &mut self,
        kind: TokenKind,
        span: Span,
        definition: &'static Definition,
        contexts: Contexts,
    ) -> TokenKind {
        match &kind {
            TokenKind::Expression(_) => {
                if contexts.is_empty() {
                    self.error(span, "expression-not-allowed", NOT_ALLOWED);
                }
                return kind;
            }
            TokenKind::Insert => {
                self.error(span, "unexpected-value", "Unexpected value '${{ insert }}'");
                return kind;
            }
            _ => {}
        }
        if definition.shapes().any(|shape| fits(shape, &kind)) {
            return kind;
        }
        let text = TokenKind::String(text_of(&kind));
        if definition.shapes().any(|shape| fits(shape, &text)) {
            return text;
        }
        self.fault(
            span,
            "unexpected-value",
            format!("Unexpected value '{}'", text_of(&kind)),
            definition,
        );
        kind
    }

    fn found(&self, span: Span, code: &'static str, message: impl Into<String>) -> Diagnostic {
        let severity = if self.lenient {
            Severity::Warning
        } else {
            Severity::Error
        };
        let diagnostic = Diagnostic::new(severity, code, message).at(&self.file, span);
        if self.lenient {
            diagnostic.help("GitHub does not look at it, and it is ignored here")
        } else {
            diagnostic
        }
    }

    /// A value that its definition does not allow.
    fn fault(
        &mut self,
        span: Span,
        code: &'static str,
        message: String,
        definition: &'static Definition,
    ) {
        let mut diagnostic = self.found(span, code, message);
        let words = definition.shapes().filter_map(|shape| match shape {
            Shape::Words(words) => Some(*words),
            _ => None,
        });
        let words: Vec<_> = words.flatten().copied().collect();
        let found = diagnostic
            .message
            .split('\'')
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        if let Some(meant) = suggest::nearest(&found, words.iter().copied()) {
            diagnostic = diagnostic.help(format!("did you mean `{meant}`?"));
        } else {
            diagnostic = diagnostic.help(format!("expected {}", expected(definition)));
        }
        self.report(diagnostic);
    }

    /// An error wherever it stands.
    pub fn error(&mut self, span: Span, code: &'static str, message: impl Into<String>) {
        let diagnostic = Diagnostic::error(code, message).at(&self.file, span);
        self.report(diagnostic);
    }

    /// Takes a diagnostic, once: a replayed alias says the same again.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        collect(&mut self.diagnostics, diagnostic);
    }
}

const NO_MERGE: &str = "GitHub has no merge keys: repeat the keys, or alias whole values";
const NOT_ALLOWED: &str = "A template expression is not allowed in this context";

fn fits(shape: &Shape, kind: &TokenKind) -> bool {
    match (shape, kind) {
        (Shape::Null, TokenKind::Null)
        | (Shape::Boolean, TokenKind::Bool(_))
        | (Shape::Number, TokenKind::Number(_))
        | (Shape::Text, TokenKind::String(_)) => true,
        (Shape::NonEmptyText, TokenKind::String(text)) => !text.is_empty(),
        (Shape::Words(words), TokenKind::String(text)) => words.contains(&text.as_str()),
        _ => false,
    }
}

/// A literal as text (SPEC W-5).
pub fn text_of(kind: &TokenKind) -> String {
    match kind {
        TokenKind::Bool(value) => value.to_string(),
        TokenKind::Number(value) => format_number(*value),
        TokenKind::String(text) => text.clone(),
        TokenKind::Expression(expr) => format!("${{{{ {} }}}}", expr.source()),
        TokenKind::Insert => "${{ insert }}".into(),
        TokenKind::Null | TokenKind::Sequence(_) | TokenKind::Mapping(_) => String::new(),
    }
}
