//! The parsed expression and what can be asked of it without evaluating.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::function::Function;
use super::lexer::Operator;
use super::value::Value;

/// A parsed expression; cheap to clone. Two are equal when their source is.
#[derive(Clone)]
pub struct Expr(Arc<Inner>);

struct Inner {
    source: Arc<str>,
    /// `None`: nothing but blanks.
    root: Option<Node>,
    angle: bool,
}

/// A part of the tree, with its bytes in the source.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub kind: NodeKind,
    pub span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum NodeKind {
    Literal(Value),
    Star,
    Named(Arc<str>),
    Call(Function, Vec<Node>),
    /// The flag: written with a dot.
    Index(Box<Node>, Box<Node>, bool),
    Not(Box<Node>),
    Compare(Operator, Box<Node>, Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

impl Node {
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            NodeKind::Literal(_) | NodeKind::Star | NodeKind::Named(_) => Vec::new(),
            NodeKind::Not(one) => vec![one],
            NodeKind::Index(left, right, _) | NodeKind::Compare(_, left, right) => {
                vec![left, right]
            }
            NodeKind::Call(_, all) | NodeKind::And(all) | NodeKind::Or(all) => all.iter().collect(),
        }
    }
}

/// Something that an expression asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A named value and the properties after it, as far as they are literal.
    Value {
        path: Vec<Arc<str>>,
        /// The access goes on with `*` or with something computed.
        dynamic: bool,
        /// Bytes of the source.
        span: Range<usize>,
    },
    /// A call; an argument that is not a literal string is `None`.
    Function {
        name: Arc<str>,
        args: Vec<Option<Arc<str>>>,
        span: Range<usize>,
    },
}

impl Expr {
    pub(super) fn new(source: Arc<str>, root: Option<Node>) -> Self {
        Self(Arc::new(Inner {
            source,
            root,
            angle: false,
        }))
    }

    /// Marks it as written between `$<<` and `>>`, wholly or in part.
    pub(super) fn with_angle(self, angle: bool) -> Self {
        if angle == self.0.angle {
            return self;
        }
        Self(Arc::new(Inner {
            source: Arc::clone(&self.0.source),
            root: self.0.root.clone(),
            angle,
        }))
    }

    pub(super) fn root(&self) -> Option<&Node> {
        self.0.root.as_ref()
    }

    pub fn source(&self) -> &str {
        &self.0.source
    }

    pub(super) fn shared_source(&self) -> Arc<str> {
        Arc::clone(&self.0.source)
    }

    /// Whether `$<< >>`, which GitHub takes as text, made it an expression.
    pub fn is_angle(&self) -> bool {
        self.0.angle
    }

    /// Whether `always`, `cancelled`, `failure` or `success` is called anywhere (SPEC E-61).
    pub fn calls_status_function(&self) -> bool {
        self.nodes().iter().any(|node| match &node.kind {
            NodeKind::Call(function, _) => ["always", "cancelled", "failure", "success"]
                .iter()
                .any(|status| function.name().eq_ignore_ascii_case(status)),
            _ => false,
        })
    }

    /// Every named value and every call, in source order of the tree.
    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        if let Some(root) = &self.0.root {
            collect(root, &mut found);
        }
        found
    }

    /// Every string literal that is not a property name.
    pub fn string_literals(&self) -> Vec<Arc<str>> {
        let mut found = Vec::new();
        for node in self.nodes() {
            if let NodeKind::Literal(Value::String(text)) = &node.kind {
                found.push(Arc::clone(text));
            }
        }
        found
    }

    /// All nodes but property names, depth first.
    fn nodes(&self) -> Vec<&Node> {
        let mut all = Vec::new();
        let mut todo: Vec<&Node> = self.0.root.iter().collect();
        while let Some(node) = todo.pop() {
            all.push(node);
            match &node.kind {
                NodeKind::Index(target, _, true) => todo.push(target),
                _ => todo.extend(node.children().into_iter().rev()),
            }
        }
        all
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({})", self.source())
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Expr {}

/// The literal path of an access; `None` where it starts with something else than a named value.
fn path_of(node: &Node) -> Option<(Vec<Arc<str>>, bool)> {
    match &node.kind {
        NodeKind::Named(name) => Some((vec![Arc::clone(name)], false)),
        NodeKind::Index(target, index, _) => {
            let (mut path, mut dynamic) = path_of(target)?;
            match &index.kind {
                NodeKind::Literal(value) if !dynamic && value.is_primitive() => {
                    path.push(value.to_text());
                }
                _ => dynamic = true,
            }
            Some((path, dynamic))
        }
        _ => None,
    }
}

fn collect(node: &Node, found: &mut Vec<Reference>) {
    if let Some((path, dynamic)) = path_of(node) {
        found.push(Reference::Value {
            path,
            dynamic,
            span: node.span.clone(),
        });
        // What stands inside brackets names values of its own.
        let mut inner = node;
        while let NodeKind::Index(target, index, _) = &inner.kind {
            collect(index, found);
            inner = target;
        }
        return;
    }
    if let NodeKind::Call(function, args) = &node.kind {
        let literal = |arg: &Node| match &arg.kind {
            NodeKind::Literal(Value::String(text)) => Some(Arc::clone(text)),
            _ => None,
        };
        found.push(Reference::Function {
            name: function.name().into(),
            args: args.iter().map(literal).collect(),
            span: node.span.clone(),
        });
    }
    for child in node.children() {
        collect(child, found);
    }
}
