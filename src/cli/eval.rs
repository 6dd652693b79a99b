//! `lrun eval`: one expression, its value, and why.

use serde_json::{Map, Value as Json, json};

use crate::expr::{
    Context, Delimiters, Expr, ExprError, Names, Stage, Template, TemplateError, Trace,
    TraceOutcome, Value,
};

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct EvalOptions {
    /// With or without `${{ }}` around it.
    pub expression: String,
    /// The named values; without it there are none.
    pub context: Option<Map<String, Json>>,
    pub json: bool,
    pub trace: bool,
}

/// What to print (a trace stands before the value), and the exit code: 0, or 2 on an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvalOutput {
    pub stdout: String,
    pub stderr: String,
    pub exit: u8,
}

/// Evaluates with exactly the keys of the context as named values.
pub fn run(options: &EvalOptions) -> EvalOutput {
    let entries = options.context.iter().flatten();
    let context = MapContext(Value::object(
        entries.map(|(key, value)| (key.as_str(), Value::from_json(value))),
    ));
    let names = Names {
        values: options
            .context
            .iter()
            .flat_map(Map::keys)
            .map(|key| key.clone().into())
            .collect(),
        functions: Vec::new(),
    };
    run_with(options, &names, &context)
}

/// Evaluates with the names and values of another context, such as that of a repository.
pub fn run_with(options: &EvalOptions, names: &Names, context: &dyn Context) -> EvalOutput {
    let parsed = parse(&options.expression, names);
    let (result, trace) = match &parsed {
        Ok(expr) if options.trace => expr.trace(context),
        Ok(expr) => (expr.evaluate(context), Trace::default()),
        Err(error) => (Err(error.clone()), Trace::default()),
    };
    if options.json {
        return as_json(&result, options.trace.then_some(&trace));
    }
    let mut output = match result {
        Ok(value) => EvalOutput {
            stdout: format!("{}\n", show(&value)),
            ..EvalOutput::default()
        },
        Err(error) => EvalOutput {
            stderr: format!("error: {error}\n"),
            exit: 2,
            ..EvalOutput::default()
        },
    };
    output.stdout.insert_str(0, &trace.to_string());
    output
}

/// What people paste from a workflow is taken with its delimiters.
fn parse(text: &str, names: &Names) -> Result<Expr, ExprError> {
    if !text.trim_start().starts_with("${{") {
        return Expr::parse(text, names);
    }
    match Template::parse(text.trim(), Some(names), Delimiters::default()) {
        Ok(Template::Expression(expr) | Template::Format(expr)) => Ok(expr),
        Ok(Template::Text(text)) => Expr::parse(&format!("'{}'", text.replace('\'', "''")), names),
        Ok(Template::Insert) => Expr::parse("insert", names),
        Err(errors) => Err(first_error(errors, text)),
    }
}

fn first_error(mut errors: Vec<TemplateError>, text: &str) -> ExprError {
    let error = errors.swap_remove(0);
    let reason = error.to_string().trim_end_matches('.').to_owned();
    error.error.unwrap_or_else(|| ExprError {
        stage: Stage::Parsing,
        reason,
        position: None,
        expression: text.into(),
    })
}

struct MapContext(Value);

impl Context for MapContext {
    fn named_value(&self, name: &str) -> Value {
        self.0.get(name)
    }

    fn call(&self, function: &str, _: &[Value]) -> Result<Value, String> {
        Err(format!("Unrecognized function: '{function}'"))
    }
}

/// A string as it is, anything else as JSON.
fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        other => other.to_pretty_json(),
    }
}

/// JSON knows no NaN and no infinity: they are named by their text.
fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Number(number) if !number.is_finite() => Json::from(&*value.to_text()),
        _ => value.to_json(),
    }
}

fn as_json(result: &Result<Value, ExprError>, trace: Option<&Trace>) -> EvalOutput {
    let mut answer = match result {
        Ok(value) => json!({"kind": value.kind(), "value": value_to_json(value)}),
        Err(error) => {
            json!({"error": {"stage": error.stage.as_str(), "message": error.to_string()}})
        }
    };
    if let Some(trace) = trace {
        answer["trace"] = trace_to_json(trace);
    }
    EvalOutput {
        stdout: format!("{answer}\n"),
        stderr: String::new(),
        exit: if result.is_ok() { 0 } else { 2 },
    }
}

fn trace_to_json(trace: &Trace) -> Json {
    let entries = trace.entries.iter().map(|entry| {
        let mut part = json!({"source": &*entry.source, "depth": entry.depth});
        match &entry.outcome {
            TraceOutcome::Value(value) => {
                part["kind"] = value.kind().into();
                part["value"] = value_to_json(value);
            }
            TraceOutcome::ShortCircuited => part["skipped"] = true.into(),
            TraceOutcome::Failed => part["failed"] = true.into(),
        }
        part
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(expression: &str, json: bool, trace: bool) -> EvalOutput {
        let context = json!({"github": {"ref": "refs/heads/main", "run": 7}, "list": [1]});
        run(&EvalOptions {
            expression: expression.to_owned(),
            context: context.as_object().cloned(),
            json,
            trace,
        })
    }

    #[test]
    fn prints_strings_plainly_and_the_rest_as_json() {
        assert_eq!(eval("github.ref", false, false).stdout, "refs/heads/main\n");
        assert_eq!(eval("${{ github.run }}", false, false).stdout, "7\n");
        assert_eq!(eval("run ${{ 1 }}", false, false).exit, 2);
        assert_eq!(eval("${{ 1 }} x", false, false).stdout, "1 x\n");
        assert_eq!(eval("list", false, false).stdout, "[\n  1\n]\n");
        assert_eq!(eval("github.none", false, false).stdout, "null\n");
    }

    #[test]
    fn json_is_the_stable_form() {
        assert_eq!(
            eval("'a'", true, false).stdout,
            "{\"kind\":\"String\",\"value\":\"a\"}\n"
        );
        assert_eq!(
            eval("NaN", true, false).stdout,
            "{\"kind\":\"Number\",\"value\":\"NaN\"}\n"
        );
        let error = eval("secrets.x", true, false);
        assert_eq!(error.exit, 2);
        assert_eq!(
            error.stdout,
            "{\"error\":{\"stage\":\"parsing\",\"message\":\"Unrecognized named-value: 'secrets'. Located at position 1 within expression: secrets.x\"}}\n"
        );
        let error = eval("fromJSON('{')", true, false);
        assert!(
            error
                .stdout
                .starts_with("{\"error\":{\"stage\":\"evaluation\"")
        );
    }

    #[test]
    fn a_trace_tells_every_part() {
        let output = eval("github.run == 7 || github.ref", false, true);
        assert_eq!(
            output.stdout,
            "github.run == 7 || github.ref → true\n  \
             github.run == 7 → true\n    \
             github.run → 7\n      \
             github → {\"ref\":\"refs/heads/main\",\"run\":7}\n  \
             github.ref → not evaluated\n\
             true\n"
        );
        let traced = eval("!github.run", true, true).stdout;
        let traced: Json = serde_json::from_str(&traced).unwrap();
        assert_eq!(traced["trace"][0]["value"], json!(false));
        assert_eq!(traced["trace"][1]["source"], json!("github.run"));
    }
}
