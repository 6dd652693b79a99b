//! Token trees → values, judged by the same rules as literals (SPEC W-21, W-23, W-24, W-26b).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use super::model::Condition;
use super::reader::text_of;
use super::token::{Token, TokenKind};
use crate::diagnostic::{Diagnostic, Position, SourceFile, Span};
use crate::expr::{Context, Expr, Object, Value};

/// Evaluates the tokens of one file with one set of contexts.
#[derive(Clone, Copy)]
pub struct Evaluator<'a> {
    pub context: &'a dyn Context,
    pub source: &'a SourceFile,
}

impl fmt::Debug for Evaluator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evaluator")
            .field("source", self.source)
            .finish_non_exhaustive()
    }
}

/// Why a token has no value that its place allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// GitHub's wording, without the place.
    pub message: String,
    pub span: Span,
    /// The expression that failed or gave the value.
    pub expression: Option<String>,
    pub file: String,
    pub position: Position,
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "The template is not valid. {} (Line: {}, Col: {}): {}",
            self.file, self.position.line, self.position.column, self.message
        )
    }
}

impl std::error::Error for EvalError {}

impl EvalError {
    pub fn to_diagnostic(&self, file: &Arc<SourceFile>) -> Diagnostic {
        Diagnostic::error("evaluation", &self.message).at(file, self.span)
    }
}

impl Evaluator<'_> {
    /// An error at a place of this file.
    pub fn fault(&self, span: Span, message: impl Into<String>) -> EvalError {
        EvalError {
            message: message.into(),
            span,
            expression: None,
            file: self.source.path.clone(),
            position: self.source.position(span.start),
        }
    }

    pub(super) fn unexpected(&self, token: &Token) -> EvalError {
        let message = match &token.kind {
            TokenKind::Sequence(_) => "A sequence was not expected".to_owned(),
            TokenKind::Mapping(_) => "A mapping was not expected".to_owned(),
            kind => format!("Unexpected value '{}'", text_of(kind)),
        };
        self.fault(token.span, message)
    }

    fn evaluate(&self, expr: &Expr, span: Span) -> Result<Value, EvalError> {
        expr.evaluate(self.context).map_err(|error| EvalError {
            expression: Some(expr.source().to_owned()),
            ..self.fault(span, error.to_string())
        })
    }

    /// The token itself, or what its expression gives; what stands inside is left as it is.
    pub fn expand<'t>(&self, token: &'t Token) -> Result<Cow<'t, Token>, EvalError> {
        match &token.kind {
            TokenKind::Expression(expr) => {
                let value = self.evaluate(expr, token.span)?;
                Ok(Cow::Owned(to_token(&value, token.span)))
            }
            _ => Ok(Cow::Borrowed(token)),
        }
    }

    /// The token with every expression in it evaluated: lists spliced, `insert` merged.
    pub fn expand_all(&self, token: &Token) -> Result<Token, EvalError> {
        let token = self.expand(token)?;
        let kind = match &token.kind {
            TokenKind::Sequence(items) => {
                let mut all = Vec::with_capacity(items.len());
                for item in items {
                    let expanded = self.expand_all(item)?;
                    match expanded.kind {
                        TokenKind::Sequence(inner) if item.is_expression() => all.extend(inner),
                        kind => all.push(Token { kind, ..expanded }),
                    }
                }
                TokenKind::Sequence(all)
            }
            TokenKind::Mapping(pairs) => TokenKind::Mapping(self.expand_pairs(pairs)?),
            _ => return Ok(token.into_owned()),
        };
        Ok(Token {
            kind,
            span: token.span,
        })
    }

    fn expand_pairs(&self, pairs: &[(Token, Token)]) -> Result<Vec<(Token, Token)>, EvalError> {
        let mut all = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let value = self.expand_all(value)?;
            if key.kind == TokenKind::Insert {
                match value.kind {
                    TokenKind::Mapping(inner) => all.extend(inner),
                    _ => return Err(self.fault(value.span, "Expected a mapping")),
                }
                continue;
            }
            let name = self.literal_text(key)?;
            let key = Token {
                kind: TokenKind::String(name),
                span: key.span,
            };
            all.push((key, value));
        }
        let mut names = HashSet::new();
        for (key, _) in &all {
            let name = text_of(&key.kind);
            if !names.insert(name.to_uppercase()) {
                return Err(self.fault(key.span, format!("'{name}' is already defined")));
            }
        }
        Ok(all)
    }

    /// The value of any tree.
    pub fn value(&self, token: &Token) -> Result<Value, EvalError> {
        Ok(to_value(&self.expand_all(token)?))
    }

    /// The text of a literal, or of an expression's scalar result.
    pub fn string(&self, token: &Token) -> Result<String, EvalError> {
        self.literal_text(&*self.expand(token)?)
    }

    pub(super) fn literal_text(&self, token: &Token) -> Result<String, EvalError> {
        match &token.kind {
            TokenKind::Expression(_) => self.string(token),
            TokenKind::Insert | TokenKind::Sequence(_) | TokenKind::Mapping(_) => {
                Err(self.unexpected(token))
            }
            kind => Ok(text_of(kind)),
        }
    }

    /// True or false; a text is neither, whatever it says.
    pub fn boolean(&self, token: &Token) -> Result<bool, EvalError> {
        let token = self.expand(token)?;
        token.as_bool().ok_or_else(|| self.unexpected(&token))
    }

    /// A number; a text is none, whatever it says.
    pub fn number(&self, token: &Token) -> Result<f64, EvalError> {
        let token = self.expand(token)?;
        token.as_number().ok_or_else(|| self.unexpected(&token))
    }

    /// Names and texts of `env`, `with`, `outputs` …
    pub fn string_map(&self, token: &Token) -> Result<IndexMap<String, String>, EvalError> {
        let token = self.expand_all(token)?;
        if !matches!(token.kind, TokenKind::Mapping(_)) {
            return Err(self.unexpected(&token));
        }
        let pairs = token.pairs().iter();
        pairs
            .map(|(key, value)| match text_of(&key.kind) {
                name if name.is_empty() => Err(self.unexpected(key)),
                name => Ok((name, self.literal_text(value)?)),
            })
            .collect()
    }

    /// Whether the condition holds (SPEC E-62).
    pub fn condition(&self, condition: &Condition) -> Result<bool, EvalError> {
        let span = condition
            .text
            .as_ref()
            .map(|text| text.span)
            .unwrap_or_default();
        Ok(self.evaluate(&condition.expr, span)?.is_truthy())
    }
}

fn to_token(value: &Value, span: Span) -> Token {
    let kind = match value {
        Value::Null => TokenKind::Null,
        Value::Bool(value) => TokenKind::Bool(*value),
        Value::Number(value) => TokenKind::Number(*value),
        Value::String(text) => TokenKind::String(text.to_string()),
        Value::Array(array) => {
            TokenKind::Sequence(array.iter().map(|item| to_token(item, span)).collect())
        }
        Value::Object(object) => TokenKind::Mapping(
            object
                .iter()
                .map(|(key, value)| {
                    let key = Token {
                        kind: TokenKind::String(key.to_owned()),
                        span,
                    };
                    (key, to_token(value, span))
                })
                .collect(),
        ),
    };
    Token { kind, span }
}

/// The value of an evaluated tree.
fn to_value(token: &Token) -> Value {
    match &token.kind {
        TokenKind::Null => Value::Null,
        TokenKind::Bool(value) => Value::Bool(*value),
        TokenKind::Number(value) => Value::Number(*value),
        TokenKind::String(_) | TokenKind::Expression(_) | TokenKind::Insert => {
            Value::string(text_of(&token.kind))
        }
        TokenKind::Sequence(items) => Value::array(items.iter().map(to_value).collect()),
        TokenKind::Mapping(pairs) => {
            let mut object = Object::new();
            for (key, value) in pairs {
                object.insert(text_of(&key.kind), to_value(value));
            }
            Value::Object(Arc::new(object))
        }
    }
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
