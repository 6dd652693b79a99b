//! Names and labels, evaluated or as they stand in the file.

use crate::diagnostic::SourceFile;
use crate::expr::Value;
use crate::plan::condition;
use crate::plan::matrix::Leg;
use crate::plan::outline::RunsOn;
use crate::workflow::{EvalError, Evaluator, Token, TokenKind};

/// The display name of a leg; `name` is evaluated for each (SPEC W-89).
pub fn leg_name(
    job_id: &str,
    name: Option<&Token>,
    leg: &Leg,
    evaluator: &Evaluator<'_>,
) -> Result<String, EvalError> {
    let Some(token) = name else {
        return Ok(leg.display_name(job_id, false));
    };
    let name = evaluator.string(token)?;
    let name = if name.is_empty() { job_id } else { &name };
    Ok(leg.display_name(name, refers(token, "matrix")))
}

/// Says whether any expression of a tree names a context.
pub fn refers(token: &Token, context: &str) -> bool {
    match &token.kind {
        TokenKind::Expression(expr) => condition::refers_to(expr, context),
        TokenKind::Sequence(items) => items.iter().any(|item| refers(item, context)),
        TokenKind::Mapping(pairs) => pairs
            .iter()
            .any(|(key, value)| refers(key, context) || refers(value, context)),
        _ => false,
    }
}

/// A scalar as it stands in the file.
pub fn written(token: &Token, source: &SourceFile) -> String {
    match &token.kind {
        TokenKind::Expression(expr) => {
            let text = source.text.get(token.span.start..token.span.end);
            let text = text.unwrap_or_default().trim();
            match unquoted(text) {
                text if text.is_empty() => format!("${{{{ {} }}}}", expr.source()),
                text => text,
            }
        }
        TokenKind::String(text) => text.clone(),
        TokenKind::Bool(value) => value.to_string(),
        TokenKind::Number(value) => Value::Number(*value).to_text().to_string(),
        _ => String::new(),
    }
}

/// The text of a flow scalar on one line.
fn unquoted(text: &str) -> String {
    let within = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    match (within('\''), within('"')) {
        (Some(single), _) => single.replace("''", "'"),
        (None, Some(double)) => double.replace("\\\"", "\"").replace("\\\\", "\\"),
        (None, None) => text.to_owned(),
    }
}

pub(super) fn runs_on_as_written(token: &Token, source: &SourceFile) -> RunsOn {
    match &token.kind {
        TokenKind::Sequence(items) => {
            RunsOn::Many(items.iter().map(|item| written(item, source)).collect())
        }
        TokenKind::Mapping(_) => match (token.get("labels"), token.get("group")) {
            (Some(labels), _) => runs_on_as_written(labels, source),
            (None, Some(group)) => RunsOn::One(format!("group {}", written(group, source))),
            (None, None) => RunsOn::None,
        },
        _ => RunsOn::One(written(token, source)),
    }
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn quotes_of_yaml_are_not_part_of_what_is_written() {
        assert_eq!(unquoted("${{ matrix.os }}"), "${{ matrix.os }}");
        assert_eq!(unquoted("'${{ a == ''b'' }}'"), "${{ a == 'b' }}");
        assert_eq!(unquoted("\"${{ a }} \\\"b\\\"\""), "${{ a }} \"b\"");
    }
}
