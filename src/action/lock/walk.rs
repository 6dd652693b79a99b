//! Every `uses` of a workflow or an action manifest, found in its YAML tree without judging the rest.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::workflow::core_schema::Literal;
use crate::workflow::yaml::{self, Node, NodeKind};

/// One `uses`, as written.
#[derive(Debug)]
pub(super) struct Found {
    pub text: String,
    pub span: Span,
    /// A job says it: it names a workflow, not an action.
    pub by_job: bool,
}

/// The `uses` of a file, in its order; of an action that is not composite: none.
pub(super) fn uses_in(source: &Arc<SourceFile>) -> Result<Vec<Found>, Diagnostic> {
    let root = yaml::parse(source, yaml::MAX_DEPTH).map_err(|error| *error)?;
    let mut found = Vec::new();
    if let Some(NodeKind::Mapping(jobs)) = get(&root, "jobs").map(|jobs| &jobs.kind) {
        for (_, job) in jobs {
            take(job, true, &mut found);
            steps(get(job, "steps"), &mut found);
        }
    }
    if let Some(runs) = get(&root, "runs")
        && get(runs, "using")
            .and_then(text)
            .is_some_and(|using| using.eq_ignore_ascii_case("composite"))
    {
        steps(get(runs, "steps"), &mut found);
    }
    Ok(found)
}

fn steps(node: Option<&Node>, found: &mut Vec<Found>) {
    let Some(NodeKind::Sequence(items)) = node.map(|node| &node.kind) else {
        return;
    };
    for step in items {
        take(step, false, found);
        steps(get(step, "parallel"), found);
    }
}

fn take(node: &Node, by_job: bool, found: &mut Vec<Found>) {
    if let Some(uses) = get(node, "uses")
        && let Some(value) = text(uses)
    {
        found.push(Found {
            text: value.trim().to_owned(),
            span: uses.span,
            by_job,
        });
    }
}

fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let NodeKind::Mapping(pairs) = &node.kind else {
        return None;
    };
    pairs
        .iter()
        .find(|(name, _)| text(name) == Some(key))
        .map(|(_, value)| value)
}

fn text(node: &Node) -> Option<&str> {
    match &node.kind {
        NodeKind::Scalar(Literal::String(text)) => Some(text),
        _ => None,
    }
}
