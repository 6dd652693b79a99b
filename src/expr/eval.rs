//! The tree → a value, within a limit of memory (SPEC 2.4, E-10, E-11).

use super::ast::{Expr, Node, NodeKind};
use super::function::{self, Function};
use super::lexer::Operator;
use super::number::utf16_len;
use super::trace::Trace;
use super::value::Value;
use super::{Context, ExprError, Stage};

/// What one evaluation may hold, in bytes; see [`Expr::evaluate_within`] for others.
pub const MAX_MEMORY: usize = 1024 * 1024;

impl Expr {
    pub fn evaluate(&self, context: &dyn Context) -> Result<Value, ExprError> {
        self.evaluate_within(context, MAX_MEMORY)
    }

    /// Evaluates with another limit of memory: a whole template may hold 10 MiB.
    pub fn evaluate_within(&self, context: &dyn Context, limit: usize) -> Result<Value, ExprError> {
        self.run(&mut Evaluator::new(self, context, limit, None))
    }

    /// Evaluates and tells what every part came to.
    pub fn trace(&self, context: &dyn Context) -> (Result<Value, ExprError>, Trace) {
        let mut trace = Trace::default();
        let mut evaluator = Evaluator::new(self, context, MAX_MEMORY, Some(&mut trace));
        let result = self.run(&mut evaluator);
        (result, trace)
    }

    fn run(&self, evaluator: &mut Evaluator<'_>) -> Result<Value, ExprError> {
        let Some(root) = self.root() else {
            return Ok(Value::Null);
        };
        evaluator.node(root, 0).map_err(|reason| ExprError {
            stage: Stage::Evaluation,
            reason,
            position: None,
            expression: self.shared_source(),
        })
    }
}

/// One evaluation under way.
pub(super) struct Evaluator<'a> {
    source: &'a str,
    context: &'a dyn Context,
    levels: Levels,
    trace: Option<&'a mut Trace>,
}

impl<'a> Evaluator<'a> {
    fn new(
        expr: &'a Expr,
        context: &'a dyn Context,
        limit: usize,
        trace: Option<&'a mut Trace>,
    ) -> Self {
        Self {
            source: expr.source(),
            context,
            levels: Levels {
                bytes: Vec::new(),
                total: 0,
                limit,
            },
            trace,
        }
    }

    pub fn limit(&self) -> usize {
        self.levels.limit
    }

    pub fn node(&mut self, node: &Node, level: usize) -> Result<Value, String> {
        if let NodeKind::Literal(value) = &node.kind {
            self.account(value, level)?;
            return Ok(value.clone());
        }
        let entry = self
            .trace
            .as_mut()
            .map(|trace| trace.enter(&self.source[node.span.clone()], level));
        let value = self.compute(node, level)?;
        self.account(&value, level)?;
        if let (Some(trace), Some(entry)) = (self.trace.as_mut(), entry) {
            trace.leave(entry, value.clone());
        }
        Ok(value)
    }

    /// Notes a part that is not evaluated.
    pub fn skip(&mut self, node: &Node, level: usize) {
        if matches!(node.kind, NodeKind::Literal(_)) {
            return;
        }
        if let Some(trace) = self.trace.as_mut() {
            trace.skip(&self.source[node.span.clone()], level);
        }
    }

    fn account(&mut self, value: &Value, level: usize) -> Result<(), String> {
        let fits = self
            .levels
            .add(level, size_of_value(value), value.is_primitive());
        fits.then_some(()).ok_or_else(|| exceeded(self.source))
    }

    fn compute(&mut self, node: &Node, level: usize) -> Result<Value, String> {
        match &node.kind {
            NodeKind::Literal(value) => Ok(value.clone()),
            NodeKind::Star => Ok(Value::Null),
            NodeKind::Named(name) => Ok(self.context.named_value(name)),
            NodeKind::Call(Function::Builtin(builtin, _), args) => {
                let source = &self.source[node.span.clone()];
                function::call(*builtin, args, source, self, level)
            }
            NodeKind::Call(Function::Extra(name), args) => {
                let mut values = Vec::with_capacity(args.len());
                for arg in args {
                    values.push(self.node(arg, level + 1)?);
                }
                self.context.call(name, &values)
            }
            NodeKind::Index(target, index, _) => {
                let target = self.node(target, level + 1)?;
                self.index(&target, index, level, &node.span)
            }
            NodeKind::Not(one) => Ok(Value::Bool(!self.node(one, level + 1)?.is_truthy())),
            NodeKind::Compare(operator, left, right) => {
                let left = self.node(left, level + 1)?;
                let right = self.node(right, level + 1)?;
                Ok(Value::Bool(compare(*operator, &left, &right)))
            }
            NodeKind::And(items) => self.chain(items, level, false),
            NodeKind::Or(items) => self.chain(items, level, true),
        }
    }

    /// The first operand that decides, else the last (SPEC E-10).
    fn chain(&mut self, items: &[Node], level: usize, decides: bool) -> Result<Value, String> {
        let mut result = Value::Null;
        for (at, item) in items.iter().enumerate() {
            result = self.node(item, level + 1)?;
            if result.is_truthy() == decides {
                for rest in &items[at + 1..] {
                    self.skip(rest, level + 1);
                }
                break;
            }
        }
        Ok(result)
    }

    fn index(
        &mut self,
        target: &Value,
        index: &Node,
        level: usize,
        span: &std::ops::Range<usize>,
    ) -> Result<Value, String> {
        let star = matches!(index.kind, NodeKind::Star);
        let items: Vec<Value> = match target {
            Value::Array(array) if array.filtered => {
                let key = self.key(index, level)?;
                let mut found = Vec::new();
                for item in &array.items {
                    match key.as_ref() {
                        Some(key) => found.extend(lookup(item, key)),
                        None => found.extend(all_of(item)),
                    }
                }
                found
            }
            Value::Array(_) | Value::Object(_) if star => all_of(target),
            Value::Array(_) | Value::Object(_) => {
                let key = self.key(index, level)?.unwrap_or_default();
                return Ok(lookup(target, &key).unwrap_or_default());
            }
            _ if star => Vec::new(),
            _ => {
                self.skip(index, level + 1);
                return Ok(Value::Null);
            }
        };
        let mut memory = Memory::new(self.limit(), &self.source[span.clone()]);
        memory.add(items.len().saturating_mul(size_of::<usize>()))?;
        Ok(Value::filtered(items))
    }

    /// What stands in brackets; `None` is `*`.
    fn key(&mut self, index: &Node, level: usize) -> Result<Option<Value>, String> {
        if matches!(index.kind, NodeKind::Star) {
            return Ok(None);
        }
        self.node(index, level + 1).map(Some)
    }
}

fn all_of(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(array) => array.items.clone(),
        Value::Object(object) => object.values().cloned().collect(),
        _ => Vec::new(),
    }
}

/// An item by its key (SPEC E-31, E-32); `None` if there is none.
fn lookup(value: &Value, key: &Value) -> Option<Value> {
    match value {
        Value::Object(object) => {
            if let Value::String(key) = key {
                return object.get(key).cloned();
            }
            key.is_primitive()
                .then(|| object.get(&key.to_text()).cloned())?
        }
        Value::Array(array) => {
            let at = key.to_number();
            if at.is_nan() || at < 0.0 || at > f64::from(i32::MAX) {
                return None;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and 2^31; an index is floored"
            )]
            let at = at as usize;
            array.items.get(at).cloned()
        }
        _ => None,
    }
}

fn compare(operator: Operator, left: &Value, right: &Value) -> bool {
    let order = || left.loosely_compares(right);
    match operator {
        Operator::Equal => left.loosely_equals(right),
        Operator::NotEqual => !left.loosely_equals(right),
        Operator::Less => order().is_some_and(std::cmp::Ordering::is_lt),
        Operator::Greater => order().is_some_and(std::cmp::Ordering::is_gt),
        Operator::LessOrEqual => {
            left.loosely_equals(right) || order().is_some_and(std::cmp::Ordering::is_lt)
        }
        Operator::GreaterOrEqual => {
            left.loosely_equals(right) || order().is_some_and(std::cmp::Ordering::is_gt)
        }
        Operator::Not | Operator::And | Operator::Or => false,
    }
}

fn exceeded(source: &str) -> String {
    format!(
        "The maximum allowed memory size was exceeded while evaluating the following expression: {source}"
    )
}

/// The size that GitHub counts for a text: two bytes a UTF-16 unit and what the object itself takes.
fn size_of_text(text: &str) -> usize {
    26 + 2 * utf16_len(text)
}

fn size_of_value(value: &Value) -> usize {
    match value {
        Value::String(text) => size_of_text(text),
        _ => 24,
    }
}

/// What the results of each level of the tree hold; a primitive result trims the levels below it.
struct Levels {
    bytes: Vec<usize>,
    total: usize,
    limit: usize,
}

impl Levels {
    /// Whether it still fits.
    fn add(&mut self, level: usize, bytes: usize, trims: bool) -> bool {
        if trims && self.bytes.len() > level + 1 {
            let freed: usize = self.bytes.drain(level + 1..).sum();
            self.total -= freed;
        }
        if self.bytes.len() <= level {
            self.bytes.resize(level + 1, 0);
        }
        self.bytes[level] += bytes;
        self.total += bytes;
        self.total <= self.limit
    }
}

/// Counts what one function builds.
pub(super) struct Memory<'a> {
    used: usize,
    limit: usize,
    source: &'a str,
}

impl<'a> Memory<'a> {
    pub fn new(limit: usize, source: &'a str) -> Self {
        Self {
            used: 0,
            limit,
            source,
        }
    }

    pub fn add(&mut self, bytes: usize) -> Result<(), String> {
        self.used = self.used.saturating_add(bytes);
        if self.used > self.limit {
            return Err(exceeded(self.source));
        }
        Ok(())
    }

    pub fn add_text(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        self.add(size_of_text(text))
    }
}
