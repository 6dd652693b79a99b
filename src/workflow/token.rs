//! A piece of a workflow that may hold expressions: literals, sequences, mappings, with their places.

use crate::diagnostic::Span;
use crate::expr::Expr;

/// A node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub kind: TokenKind,
    /// Where it stands in the workflow's (or action's) own file.
    pub span: Span,
}

/// What a token holds.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenKind {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    /// A scalar with `${{ }}`: a lone expression, or text with holes rewritten to `format(…)` (SPEC W-27).
    Expression(Expr),
    /// The key `${{ insert }}` (SPEC W-23).
    Insert,
    Sequence(Vec<Token>),
    Mapping(Vec<(Token, Token)>),
}

impl Token {
    /// The text of a literal text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            TokenKind::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<f64> {
        match self.kind {
            TokenKind::Number(value) => Some(value),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        self.kind == TokenKind::Null
    }

    pub fn is_expression(&self) -> bool {
        matches!(self.kind, TokenKind::Expression(_) | TokenKind::Insert)
    }

    pub fn is_sequence(&self) -> bool {
        matches!(self.kind, TokenKind::Sequence(_))
    }

    pub fn is_mapping(&self) -> bool {
        matches!(self.kind, TokenKind::Mapping(_))
    }

    /// The items of a sequence; none for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            TokenKind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The pairs of a mapping; none for anything else.
    pub fn pairs(&self) -> &[(Self, Self)] {
        match &self.kind {
            TokenKind::Mapping(pairs) => pairs,
            _ => &[],
        }
    }

    /// The value of a literal key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let mut pairs = self.pairs().iter();
        pairs
            .find(|(name, _)| name.as_str() == Some(key))
            .map(|(_, value)| value)
    }

    /// Whether an expression stands anywhere in it.
    pub fn has_expressions(&self) -> bool {
        self.is_expression()
            || self.items().iter().any(Self::has_expressions)
            || self
                .pairs()
                .iter()
                .any(|(key, value)| key.has_expressions() || value.has_expressions())
    }
}
