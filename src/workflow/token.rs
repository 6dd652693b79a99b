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
