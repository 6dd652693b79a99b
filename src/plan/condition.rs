//! What a job's `if` can already say before anything runs.

use std::sync::Arc;

use crate::expr::{Context, Expr, Reference, Trace, TraceOutcome, Value};

/// The contexts that are known before a run.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub github: Value,
    pub inputs: Value,
    pub vars: Value,
    /// The inputs are known only during the run.
    pub inputs_open: bool,
    /// No event is chosen: `github` is known only then.
    pub event_open: bool,
}

impl Known {
    /// Says whether a context is known only later.
    pub fn is_late(&self, context: &str) -> bool {
        match context {
            "needs" => true,
            "inputs" => self.inputs_open,
            "github" => self.event_open,
            _ => false,
        }
    }
}

/// The contexts that may be known only later.
pub const LATE: [&str; 3] = ["needs", "inputs", "github"];

/// How the jobs before one ended, as far as it is assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Succeeded,
    Failed,
    /// One was skipped, none failed.
    Skipped,
    Cancelled,
}

/// The contexts of a job, or of one of its legs, before the run.
#[derive(Debug, Clone)]
pub struct JobContext<'a> {
    pub known: &'a Known,
    pub strategy: Value,
    pub matrix: Value,
    pub before: Before,
}

impl<'a> JobContext<'a> {
    pub fn new(known: &'a Known) -> Self {
        Self {
            known,
            strategy: Value::Null,
            matrix: Value::Null,
            before: Before::Succeeded,
        }
    }
}

impl Context for JobContext<'_> {
    fn named_value(&self, name: &str) -> Value {
        match name.to_ascii_lowercase().as_str() {
            "github" => self.known.github.clone(),
            "inputs" => self.known.inputs.clone(),
            "vars" => self.known.vars.clone(),
            "strategy" => self.strategy.clone(),
            "matrix" => self.matrix.clone(),
            _ => Value::Null,
        }
    }

    fn call(&self, function: &str, _: &[Value]) -> Result<Value, String> {
        Ok(Value::Bool(match function.to_ascii_lowercase().as_str() {
            "always" => true,
            "success" => self.before == Before::Succeeded,
            "failure" => self.before == Before::Failed,
            "cancelled" => self.before == Before::Cancelled,
            other => return Err(format!("{other}() is known only during the run")),
        }))
    }
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Runs if the jobs before it succeed.
    Runs,
    /// Runs only if something before it fails or the run is cancelled.
    OnlyAfter(Before),
    /// Does not run.
    Never,
    /// Depends on what is known only during the run.
    Open,
    /// Can not be evaluated: the job fails with that.
    Fails,
}

/// The decision with the values that led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub decision: Decision,
    /// What is wrong with a condition that can not be evaluated.
    pub error: Option<String>,
    /// Every part with its value, under the assumption that decided.
    pub trace: Trace,
}

/// Decides an `if`, already wrapped with `success()`. `skipped_before`: a job that it needs does not run.
pub fn judge(condition: &Expr, known: &Known, skipped_before: bool, has_needs: bool) -> Judgement {
    let mut context = JobContext::new(known);
    let assumptions: &[Before] = match (skipped_before, has_needs) {
        (true, _) => &[Before::Skipped, Before::Failed, Before::Cancelled],
        (false, true) => &[Before::Succeeded, Before::Failed, Before::Cancelled],
        // Nothing before it can fail.
        (false, false) => &[Before::Succeeded, Before::Cancelled],
    };
    context.before = assumptions[0];
    let (result, trace) = condition.trace(&context);
    let open = LATE.iter().any(|context| {
        known.is_late(context) && refers_to(condition, context) && !untouched(&trace, context)
    });
    if open {
        return Judgement {
            decision: Decision::Open,
            error: None,
            trace,
        };
    }
    let truthy = |result: &Result<Value, _>| result.as_ref().is_ok_and(Value::is_truthy);
    let decision = if result.is_err() {
        Decision::Fails
    } else if truthy(&result) {
        Decision::Runs
    } else {
        let later = assumptions[1..].iter().copied().find(|before| {
            context.before = *before;
            truthy(&condition.evaluate(&context))
        });
        later.map_or(Decision::Never, Decision::OnlyAfter)
    };
    let error = result.err().map(|error| error.to_string());
    Judgement {
        decision,
        error,
        trace,
    }
}

/// True where every part that names the context was passed over.
fn untouched(trace: &Trace, context: &str) -> bool {
    !trace.entries.iter().any(|entry| {
        entry.outcome != TraceOutcome::ShortCircuited
            && entry.source.trim().eq_ignore_ascii_case(context)
    })
}

/// Says whether an expression names a context.
pub fn refers_to(expr: &Expr, context: &str) -> bool {
    expr.references().iter().any(|reference| match reference {
        Reference::Value { path, .. } => path
            .first()
            .is_some_and(|first: &Arc<str>| first.eq_ignore_ascii_case(context)),
        Reference::Function { .. } => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expr::{ExtraFunction, Names};

    fn parse(text: &str) -> Expr {
        let functions = ["always", "success", "failure", "cancelled"];
        let names = Names {
            values: ["github", "inputs", "vars", "needs"]
                .map(Into::into)
                .to_vec(),
            functions: functions
                .map(|name| ExtraFunction {
                    name: name.into(),
                    min: 0,
                    max: 255,
                })
                .to_vec(),
        };
        let expr = Expr::parse(text, &names).unwrap();
        if expr.calls_status_function() {
            expr
        } else {
            expr.and_success()
        }
    }

    #[test]
    fn an_if_is_decided_as_far_as_it_can_be() {
        let known = Known {
            github: Value::from_json(&json!({"ref": "refs/heads/main", "event_name": "push"})),
            inputs: Value::from_json(&json!({"confirm": "NO"})),
            ..Known::default()
        };
        let table = [
            // (if, needs something, a need is skipped, decision)
            (
                "github.ref == 'refs/heads/main'",
                false,
                false,
                Decision::Runs,
            ),
            ("github.ref == 'refs/heads/x'", true, false, Decision::Never),
            ("inputs.confirm == 'DEPLOY'", false, false, Decision::Never),
            ("vars.X", false, false, Decision::Never),
            ("always()", true, true, Decision::Runs),
            (
                "failure()",
                true,
                false,
                Decision::OnlyAfter(Before::Failed),
            ),
            ("failure()", false, false, Decision::Never),
            (
                "cancelled()",
                false,
                false,
                Decision::OnlyAfter(Before::Cancelled),
            ),
            ("github.ref", true, true, Decision::Never),
            ("!cancelled()", true, true, Decision::Runs),
            ("needs.a.outputs.x == '1'", true, false, Decision::Open),
            (
                "github.event_name == 'x' && needs.a.outputs.x",
                true,
                false,
                Decision::Never,
            ),
        ];
        for (text, has_needs, skipped, decision) in table {
            let judgement = judge(&parse(text), &known, skipped, has_needs);
            assert_eq!(judgement.decision, decision, "{text}");
        }
    }

    #[test]
    fn the_trace_tells_each_part() {
        let known = Known::default();
        let judgement = judge(&parse("github.ref == 'x'"), &known, false, false);
        assert!(
            judgement
                .trace
                .to_string()
                .contains("github.ref == 'x' → false")
        );
    }
}
