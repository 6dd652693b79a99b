//! The expression language: read alone, as a condition and within a text; what can be read can be evaluated.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lrun::expr::{
    Context, Delimiters, Expr, ExprError, Names, Template, Value, parse_bare_condition,
    parse_condition,
};
use lrun::workflow::schema::Contexts;

/// Bytes of one evaluation: enough for every rule, too few to wait for.
const MEMORY: usize = 64 * 1024;

static NAMES: LazyLock<Names> = LazyLock::new(|| Contexts::STEP.and(Contexts::STATUS).names());

static GITHUB: LazyLock<Value> = LazyLock::new(|| {
    let list = Value::array(vec![
        Value::object([("name", Value::string("bug")), ("n", Value::Number(1.0))]),
        Value::object([("name", Value::string("Ünïcode")), ("n", Value::Null)]),
        Value::Bool(true),
    ]);
    Value::object([
        ("ref", Value::string("refs/heads/main")),
        ("run_number", Value::string("7")),
        (
            "event",
            Value::object([("labels", list), ("forced", Value::Bool(false))]),
        ),
    ])
});

struct World;

impl Context for World {
    fn named_value(&self, name: &str) -> Value {
        match name.to_ascii_lowercase().as_str() {
            "github" => GITHUB.clone(),
            "matrix" => Value::object([("os", Value::string("linux")), ("v", Value::Number(1.5))]),
            _ => Value::Null,
        }
    }

    fn call(&self, function: &str, args: &[Value]) -> Result<Value, String> {
        match function.to_ascii_lowercase().as_str() {
            "hashfiles" if args.len() > 1 => Err("no such file".to_owned()),
            "hashfiles" => Ok(Value::string("0")),
            "success" | "always" => Ok(Value::Bool(true)),
            _ => Ok(Value::Bool(false)),
        }
    }
}

fuzz_target!(|text: &str| {
    match Expr::parse(text, &NAMES) {
        Ok(expr) => evaluate(&expr),
        Err(error) => check(&error),
    }
    if let Ok(expr) = Expr::parse_any(text) {
        let _ = (expr.references(), expr.string_literals());
    }
    for angle in [true, false] {
        let delimiters = Delimiters { angle };
        for names in [Some(&*NAMES), None] {
            match Template::parse(text, names, delimiters) {
                Ok(template) => {
                    template.expr().into_iter().for_each(evaluate);
                }
                Err(errors) => assert!(!errors.is_empty(), "refused without a reason"),
            }
        }
        if let Ok(condition) = parse_condition(text, &NAMES, delimiters) {
            assert!(
                condition.calls_status_function(),
                "a condition asks for a status"
            );
            evaluate(&condition);
        }
        if let Ok(Some(condition)) = parse_bare_condition(text, &NAMES, delimiters) {
            evaluate(&condition);
        }
    }
    let _ = Template::angle_offsets(text, &NAMES);
});

fn evaluate(expr: &Expr) {
    match expr.evaluate_within(&World, MEMORY) {
        Ok(value) => {
            let _ = (value.to_text(), value.to_number(), value.is_truthy());
            let json = value.to_json();
            let again = Value::from_json(&json).to_json();
            assert_eq!(again, json, "JSON of a value comes back");
        }
        Err(error) => check(&error),
    }
    // A trace is the same evaluation told.
    let (value, _) = expr.trace(&World);
    if let Err(error) = value {
        check(&error);
    }
}

fn check(error: &ExprError) {
    assert!(!error.to_string().is_empty());
    if let Some(position) = error.position {
        let longest = error.expression.chars().count() + 1;
        assert!(
            (1..=longest).contains(&position),
            "position {position}: {error}"
        );
    }
}
