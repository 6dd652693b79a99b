//! The language as a whole: text in, value or complaint out.

use std::cell::RefCell;

use proptest::prelude::*;

use super::*;

/// One context `c`, and a function that remembers being called.
struct Fake {
    value: Value,
    calls: RefCell<Vec<String>>,
}

impl Context for Fake {
    fn named_value(&self, _: &str) -> Value {
        self.value.clone()
    }

    fn call(&self, function: &str, args: &[Value]) -> Result<Value, String> {
        let args: Vec<_> = args.iter().map(Value::to_text).collect();
        let call = format!("{function}({})", args.join(","));
        self.calls.borrow_mut().push(call);
        args.first()
            .cloned()
            .map_or(Ok(Value::Bool(true)), |text| match &*text {
                "fail" => Err("it failed".to_owned()),
                _ => Ok(Value::String(text)),
            })
    }
}

fn names() -> Names {
    let function = |name: &'static str, max| ExtraFunction {
        name: name.into(),
        min: 0,
        max,
    };
    Names {
        values: vec!["c".into(), "d".into()],
        functions: vec![function("note", 1), function("success", 0)],
    }
}

fn fake(json: &serde_json::Value) -> Fake {
    Fake {
        value: Value::from_json(json),
        calls: RefCell::default(),
    }
}

fn parse(text: &str) -> Expr {
    Expr::parse(text, &names()).unwrap()
}

fn eval(text: &str) -> Value {
    let json = serde_json::json!({"a": [{"b": 1, "l": [1, 2]}, {"b": 2}, "x"], "s": "Text"});
    parse(text).evaluate(&fake(&json)).unwrap()
}

fn parse_error(text: &str) -> String {
    Expr::parse(text, &names()).unwrap_err().to_string()
}

fn error(text: &str) -> String {
    let found = parse(text).evaluate(&fake(&serde_json::Value::Null));
    found.unwrap_err().to_string()
}

fn calls(text: &str) -> Vec<String> {
    let context = fake(&serde_json::Value::Null);
    parse(text).evaluate(&context).unwrap();
    context.calls.take()
}

#[test]
fn e10_operators_short_circuit() {
    assert_eq!(calls("note('a') || note('b')"), ["note(a)"]);
    assert_eq!(calls("note('') && note('b')"), ["note()"]);
    assert_eq!(
        calls("case(false, note('a'), true, note('b'), note('c'))"),
        ["note(b)"]
    );
    assert_eq!(calls("format('{1}{1}', note('a'), note('b'))"), ["note(b)"]);
    assert_eq!(eval("0 || '' || 'x' || 'y'"), "x".into());
    assert_eq!(eval("1 && '' && 'y'"), "".into());
}

#[test]
fn e11_limits() {
    assert!(parse_error(&"1".repeat(21_001)).starts_with("Exceeded max expression length 21000"));
    let parens = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(eval(&parens), 1.0.into());
    assert!(parse_error(&"!".repeat(20_000)).starts_with("Unexpected end of expression: '!'"));
    assert_eq!(
        parse_error(&format!("{}c", "!".repeat(60)))
            .split(" within")
            .next(),
        Some("Exceeded max expression depth 50. Located")
    );
    let big = "x".repeat(1000);
    let text = format!("format('{}', '{big}')", "{0}".repeat(600));
    assert_eq!(
        error(&text),
        format!(
            "The maximum allowed memory size was exceeded while evaluating the following expression: {text}"
        )
    );
    let context = fake(&serde_json::Value::Null);
    assert!(parse(&text).evaluate_within(&context, 10 << 20).is_ok());
}

#[test]
fn e33_filtered_arrays() {
    let list = |text: &str| eval(&format!("join({text}, ' ')")).to_text().to_string();
    assert_eq!(list("c.a.*.b"), "1 2");
    assert_eq!(list("c.a[*]['B']"), "1 2");
    assert_eq!(list("c.a.*.l[1]"), "2");
    assert_eq!(list("c.a.*.l.*"), "1 2");
    assert_eq!(list("(c.a.* || c).b"), "1 2");
    assert_eq!(eval("c.s.*"), Value::filtered(vec![]));
    assert_eq!(eval("c.a[1.9].b"), 2.0.into());
    assert_eq!(eval("c.a[-1]"), Value::Null);
    assert_eq!(eval("c.none.none[c]"), Value::Null);
}

#[test]
fn e40_complaints_name_the_token() {
    let cases = [
        (
            "note('a', 'b')",
            "Too many parameters supplied: '('. Located at position 5 within expression: note('a', 'b')",
        ),
        (
            "contains('a')",
            "Too few parameters supplied: '('. Located at position 9 within expression: contains('a')",
        ),
        (
            "case(true, 1, 2, 3)",
            "Even number of parameters supplied, requires an odd number of parameters: '('. Located at position 5 within expression: case(true, 1, 2, 3)",
        ),
        (
            "True",
            "Unrecognized named-value: 'True'. Located at position 1 within expression: True",
        ),
        (
            "hashFiles('a')",
            "Unrecognized function: 'hashFiles'. Located at position 1 within expression: hashFiles('a')",
        ),
        (
            "'a'.b",
            "Unexpected symbol: '.'. Located at position 4 within expression: 'a'.b",
        ),
        (
            "é 'a",
            "Unexpected symbol: 'é'. Located at position 1 within expression: é 'a",
        ),
        (
            "c == 'a",
            "Unexpected symbol: ''a'. Located at position 6 within expression: c == 'a",
        ),
        (
            "c[1",
            "Unexpected end of expression: '1'. Located at position 3 within expression: c[1",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(parse_error(text), message);
    }
}

#[test]
fn functions_fail_in_githubs_words() {
    assert_eq!(error("note('fail')"), "it failed");
    assert_eq!(
        error("format('{0:x}', 1)"),
        "The format specifiers 'x' are not valid for objects of type 'Number'"
    );
    assert_eq!(eval("format('{0:}', 1)"), "1".into());
    assert_eq!(
        error("format('{256}', 1)"),
        "The following format string is invalid: {256}"
    );
    assert!(error("fromJSON('')").starts_with("Error parsing fromJson"));
}

#[test]
fn references_are_told_without_evaluating() {
    let value = |path: &[&str], dynamic, span| Reference::Value {
        path: path.iter().map(|p| (*p).into()).collect(),
        dynamic,
        span,
    };
    let found = parse("c.a['b'].*.x == note('f') && d[c.i]").references();
    let call = Reference::Function {
        name: "note".into(),
        args: vec![Some("f".into())],
        span: 16..25,
    };
    let expected = [
        value(&["c", "a", "b"], true, 0..12),
        call,
        value(&["d"], true, 29..35),
        value(&["c", "i"], false, 31..34),
    ];
    assert_eq!(found, expected);
    assert_eq!(
        parse("c.a == 'x' || c['y'] == note('z')").string_literals(),
        ["x".into(), "y".into(), "z".into()]
    );
}

#[test]
fn e61_wraps_in_success() {
    assert!(parse("c && !SUCCESS()").calls_status_function());
    assert!(!parse("c == 'success()'").calls_status_function());
    let wrapped = parse("c || d").and_success();
    assert_eq!(wrapped.source(), "success() && (c || d)");
    assert_eq!(parse("").and_success().source(), "success()");
}

#[test]
fn a_trace_shows_what_decided() {
    let (result, trace) = parse("!c && note('a')").trace(&fake(&serde_json::json!({})));
    assert_eq!(result, Ok(Value::Bool(false)));
    let shown = "!c && note('a') → false\n  !c → false\n    c → {}\n  note('a') → not evaluated\n";
    assert_eq!(trace.to_string(), shown);
    let (result, trace) = parse("(c || note('fail'))").trace(&fake(&serde_json::Value::Null));
    assert!(result.is_err());
    assert_eq!(
        trace.to_string(),
        "c || note('fail') → failed\n  c → null\n  note('fail') → failed\n"
    );
}

/// Pieces that expressions are made of, in any order.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "c", "d", ".", "*", "[", "]", "(", ")", ",", "!", "!=", "==", "<", "<=", ">", ">=", "&&",
        "||", "'", "''", "'a'", "1", "-1", "0x1", " ", "\n", "null", "true", "NaN", "format",
        "case", "join", "toJSON", "fromJSON", "contains", "note", "'{0}'", "é", "😀", "=", "&",
        "${{", "}}", "$<<", ">>", "insert",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn total(text: &str) {
    let context = fake(&serde_json::json!({"a": [1, {"b": null}]}));
    for expr in [Expr::parse(text, &names()), Expr::parse_any(text)]
        .into_iter()
        .flatten()
    {
        assert_eq!(expr.source(), text);
        drop(expr.evaluate(&context));
        drop(expr.trace(&context));
        expr.references();
        drop(expr.and_success());
    }
    if let Ok(template) = Template::parse(text, Some(&names()), Delimiters { angle: true }) {
        drop(template.evaluate(&context));
    }
    drop(parse_condition(text, &names(), Delimiters { angle: true }));
}

proptest! {
    #[test]
    fn reading_never_panics(text in soup()) {
        total(&text);
    }

    #[test]
    fn reading_any_text_never_panics(text in any::<String>()) {
        total(&text);
        drop(json::read(&text));
    }

    #[test]
    fn written_json_reads_back(text in any::<String>(), number in -1e15..1e15) {
        let value = Value::array(vec![text.into(), Value::Number(f64::round(number))]);
        prop_assert_eq!(json::read(&value.to_pretty_json()), Ok(value));
    }

    #[test]
    fn holes_keep_the_text(text in "[a-z{}' $<>]{0,20}") {
        prop_assume!(!text.contains("${{") && !text.contains("$<<"));
        let template = format!("{text}${{{{ 1 }}}}");
        let parsed = Template::parse(&template, Some(&names()), Delimiters::default());
        let found = parsed.unwrap().evaluate(&fake(&serde_json::Value::Null)).unwrap();
        prop_assert_eq!(&*found.to_text(), format!("{text}1"));
    }
}
