//! Tokens → tree with two stacks, so that the order of complaints is GitHub's and nothing recurses (SPEC 2.2).

use std::ops::Range;
use std::sync::Arc;

use super::ast::{Expr, Node, NodeKind};
use super::function::{Arity, Function};
use super::lexer::{Kind, Lexer, Operator, Token};
use super::number::utf16_len;
use super::value::Value;
use super::{ExprError, Names, Stage};

/// Characters of an expression (SPEC E-11).
pub const MAX_LENGTH: usize = 21_000;
/// Levels of the tree (SPEC E-11).
pub const MAX_DEPTH: usize = 50;

impl Expr {
    /// Reads an expression in which only these names, and the built-in functions, are known.
    pub fn parse(text: &str, names: &Names) -> Result<Self, ExprError> {
        if utf16_len(text) > MAX_LENGTH {
            return Err(ExprError {
                stage: Stage::Parsing,
                reason: format!("Exceeded max expression length {MAX_LENGTH}"),
                position: None,
                expression: text.into(),
            });
        }
        Parser::new(text, Some(names)).parse()
    }

    /// Reads an expression whatever it names: only its form is judged.
    pub fn parse_any(text: &str) -> Result<Self, ExprError> {
        Parser::new(text, None).parse()
    }

    /// `success() && (self)` (SPEC E-61).
    #[must_use]
    pub fn and_success(&self) -> Self {
        let wrapped = match self.root() {
            Some(_) => format!("success() && ({})", self.source()),
            None => "success()".to_owned(),
        };
        let mut parser = Parser::new(&wrapped, None);
        parser.max_depth += 1;
        // What parsed alone parses in parentheses one level deeper.
        parser
            .parse()
            .map_or_else(|_| self.clone(), |expr| expr.with_angle(self.is_angle()))
    }
}

/// A tree on the operand stack, with the bytes that it covers with its parentheses.
#[derive(Debug)]
struct Operand {
    node: Node,
    depth: usize,
    outer: Range<usize>,
}

struct Parser<'a> {
    text: &'a str,
    names: Option<&'a Names>,
    operators: Vec<Token>,
    operands: Vec<Operand>,
    max_depth: usize,
    too_deep: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, names: Option<&'a Names>) -> Self {
        Self {
            text,
            names,
            operators: Vec::new(),
            operands: Vec::new(),
            max_depth: MAX_DEPTH,
            too_deep: false,
        }
    }

    fn parse(mut self) -> Result<Expr, ExprError> {
        let source: Arc<str> = self.text.into();
        let mut lexer = Lexer::new(self.text);
        let mut last: Option<Token> = None;
        while let Some(token) = lexer.next() {
            if let Kind::Unexpected(stage) = token.kind {
                return Err(self.error_at(stage, "Unexpected symbol", &token));
            }
            if token.kind.is_operator() {
                self.push_operator(&token, last.as_ref())?;
            } else {
                self.push_operand(&token)?;
            }
            last = Some(token);
        }
        let Some(last) = last else {
            return Ok(Expr::new(source, None));
        };
        let closes = matches!(last.kind, Kind::GroupEnd | Kind::IndexEnd | Kind::CallEnd);
        let dangling = last.kind == Kind::Function || (last.kind.is_operator() && !closes);
        if dangling || lexer.is_open() {
            return Err(self.error_at(Stage::Parsing, "Unexpected end of expression", &last));
        }
        while let Some(operator) = self.operators.pop() {
            self.apply(&operator);
        }
        if self.too_deep {
            return Err(ExprError {
                stage: Stage::Parsing,
                reason: format!("Exceeded max expression depth {MAX_DEPTH}"),
                position: None,
                expression: source,
            });
        }
        Ok(Expr::new(source, self.operands.pop().map(|root| root.node)))
    }

    fn push_operand(&mut self, token: &Token) -> Result<(), ExprError> {
        let span = token.start..token.end;
        let kind = match token.kind {
            Kind::Star => NodeKind::Star,
            Kind::Name => {
                let name = &self.text[span.clone()];
                let known =
                    |names: &Names| names.values.iter().any(|v| v.eq_ignore_ascii_case(name));
                if !self.names.is_none_or(known) {
                    return Err(self.error_at(Stage::Parsing, "Unrecognized named-value", token));
                }
                NodeKind::Named(name.into())
            }
            Kind::Function => {
                let name = &self.text[span.clone()];
                let Some(function) = Function::find(name, self.names) else {
                    return Err(self.error_at(Stage::Parsing, "Unrecognized function", token));
                };
                NodeKind::Call(function, Vec::new())
            }
            _ => NodeKind::Literal(token.value.clone()),
        };
        self.operands.push(Operand {
            node: Node {
                kind,
                span: span.clone(),
            },
            depth: 1,
            outer: span,
        });
        Ok(())
    }

    fn push_operator(&mut self, token: &Token, last: Option<&Token>) -> Result<(), ExprError> {
        let binds = precedence(token.kind);
        if !matches!(token.kind, Kind::GroupStart | Kind::Operator(Operator::Not)) {
            while let Some(top) = self.operators.pop_if(|top| {
                binds <= precedence(top.kind)
                    && !matches!(
                        top.kind,
                        Kind::GroupStart | Kind::IndexStart | Kind::CallStart | Kind::Separator
                    )
            }) {
                self.apply(&top);
            }
        }
        match token.kind {
            Kind::GroupEnd => {
                let start = self.operators.pop().map_or(token.start, |open| open.start);
                if let Some(inner) = self.operands.last_mut() {
                    inner.outer = start..token.end;
                }
            }
            Kind::IndexEnd => {
                self.operators.pop();
                self.index(token.end, false);
            }
            Kind::CallEnd => {
                let empty = last.is_some_and(|last| last.kind == Kind::CallStart);
                self.call(token.end, empty)?;
            }
            _ => self.operators.push(token.clone()),
        }
        Ok(())
    }

    /// Makes the node of an operator from the operands before it.
    fn apply(&mut self, operator: &Token) {
        let Kind::Operator(op) = operator.kind else {
            if operator.kind == Kind::Dot {
                let end = self.operands.last().map_or(operator.end, |o| o.outer.end);
                self.index(end, true);
            }
            return;
        };
        let Some(right) = self.operands.pop() else {
            return;
        };
        if op == Operator::Not {
            let span = operator.start..right.outer.end;
            let depth = right.depth + 1;
            self.push(NodeKind::Not(Box::new(right.node)), span, depth);
            return;
        }
        let Some(left) = self.operands.pop() else {
            return;
        };
        let span = left.outer.start..right.outer.end;
        if matches!(op, Operator::And | Operator::Or) {
            let (left_items, left_depth) = flatten(left, op);
            let (right_items, right_depth) = flatten(right, op);
            let mut items = left_items;
            items.extend(right_items);
            let kind = if op == Operator::And {
                NodeKind::And(items)
            } else {
                NodeKind::Or(items)
            };
            self.push(kind, span, left_depth.max(right_depth));
            return;
        }
        let depth = left.depth.max(right.depth) + 1;
        let kind = NodeKind::Compare(op, Box::new(left.node), Box::new(right.node));
        self.push(kind, span, depth);
    }

    fn index(&mut self, end: usize, dot: bool) {
        let (Some(index), Some(target)) = (self.operands.pop(), self.operands.pop()) else {
            return;
        };
        let dot = dot && !matches!(index.node.kind, NodeKind::Star);
        let depth = target.depth.max(index.depth) + 1;
        let kind = NodeKind::Index(Box::new(target.node), Box::new(index.node), dot);
        self.push(kind, target.outer.start..end, depth);
    }

    fn call(&mut self, end: usize, empty: bool) -> Result<(), ExprError> {
        let mut count = usize::from(!empty);
        while self
            .operators
            .pop_if(|top| top.kind == Kind::Separator)
            .is_some()
        {
            count += 1;
        }
        let open = self.operators.pop();
        let first = self.operands.len().saturating_sub(count);
        let args = self.operands.split_off(first);
        let Some(Operand { node, outer, .. }) = self.operands.pop() else {
            return Ok(());
        };
        let NodeKind::Call(function, _) = node.kind else {
            return Ok(());
        };
        if let (Some(open), Some(reason)) = (
            open,
            wrong_count(function.arity(self.names), count, &function),
        ) {
            return Err(self.error_at(Stage::Parsing, reason, &open));
        }
        let depth = args.iter().map(|arg| arg.depth).max().unwrap_or(0) + 1;
        let args = args.into_iter().map(|arg| arg.node).collect();
        self.push(NodeKind::Call(function, args), outer.start..end, depth);
        Ok(())
    }

    /// A tree that is too deep is dropped at once and reported at the end, after any other complaint.
    fn push(&mut self, kind: NodeKind, span: Range<usize>, depth: usize) {
        let (kind, depth) = if depth > self.max_depth {
            self.too_deep = true;
            (NodeKind::Literal(Value::Null), 1)
        } else {
            (kind, depth)
        };
        self.operands.push(Operand {
            node: Node {
                kind,
                span: span.clone(),
            },
            depth,
            outer: span,
        });
    }

    fn error_at(&self, stage: Stage, what: &str, token: &Token) -> ExprError {
        ExprError {
            stage,
            reason: format!("{what}: '{}'", &self.text[token.start..token.end]),
            position: Some(self.text[..token.start].chars().count() + 1),
            expression: self.text.into(),
        }
    }
}

/// The operands of a chain, and the depth of the chain that holds them.
fn flatten(operand: Operand, op: Operator) -> (Vec<Node>, usize) {
    match operand.node.kind {
        NodeKind::And(items) if op == Operator::And => (items, operand.depth),
        NodeKind::Or(items) if op == Operator::Or => (items, operand.depth),
        kind => {
            let span = operand.node.span;
            (vec![Node { kind, span }], operand.depth + 1)
        }
    }
}

fn wrong_count(arity: Arity, count: usize, function: &Function) -> Option<&'static str> {
    if count < arity.min {
        Some("Too few parameters supplied")
    } else if count > arity.max {
        Some("Too many parameters supplied")
    } else if function.needs_odd() && count.is_multiple_of(2) {
        Some("Even number of parameters supplied, requires an odd number of parameters")
    } else {
        None
    }
}

fn precedence(kind: Kind) -> u8 {
    match kind {
        Kind::GroupStart => 20,
        Kind::IndexStart | Kind::CallStart | Kind::Dot => 19,
        Kind::Operator(op) => match op {
            Operator::Not => 16,
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => 11,
            Operator::Equal | Operator::NotEqual => 10,
            Operator::And => 6,
            Operator::Or => 5,
        },
        Kind::GroupEnd | Kind::IndexEnd | Kind::CallEnd | Kind::Separator => 1,
        _ => 0,
    }
}
