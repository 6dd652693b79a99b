//! What is given, missing, wrong; of dispatches and of calls.

use serde_json::json;

use super::*;
use crate::diagnostic::Span;

fn input(kind: InputType) -> Input {
    Input {
        span: Span::default(),
        description: None,
        kind,
        required: false,
        default: None,
        options: Vec::new(),
        deprecation: None,
    }
}

fn literal(kind: TokenKind) -> Token {
    Token {
        kind,
        span: Span::default(),
    }
}

fn no_expressions(_: &Token) -> Result<Value, String> {
    Err("no expressions here".into())
}

fn typed(input: &Input, text: Option<&str>) -> Result<(Json, String), String> {
    let typed: Vec<_> = text
        .map(|text| ("Name".to_owned(), text.to_owned()))
        .into_iter()
        .collect();
    let given = Given {
        typed: &typed,
        ..Given::default()
    };
    one("ci.yml", "name", input, &given, &no_expressions)
        .map(|(value, text)| (value.to_json(), text))
        .map_err(|error| error.to_string())
}

#[test]
fn texts_become_the_declared_type() {
    // SPEC W-62: (type, given, typed value, text of the event).
    let table = [
        (InputType::String, Some("x"), json!("x"), "x"),
        (InputType::String, None, json!(""), ""),
        (InputType::Boolean, Some("true"), json!(true), "true"),
        (InputType::Boolean, None, json!(false), "false"),
        (InputType::Number, Some("1.50"), json!(1.5), "1.50"),
        (InputType::Number, None, json!(0), ""),
        (InputType::Environment, Some("prod"), json!("prod"), "prod"),
        (InputType::Choice, None, json!(""), ""),
    ];
    for (kind, text, value, event) in table {
        assert_eq!(
            typed(&input(kind), text),
            Ok((value, event.to_owned())),
            "{kind:?} {text:?}"
        );
    }
}

#[test]
fn wrong_values_are_named_with_what_is_accepted() {
    let choice = Input {
        options: vec!["a".into(), "b".into()],
        ..input(InputType::Choice)
    };
    let required = Input {
        required: true,
        description: Some("the level".into()),
        ..input(InputType::String)
    };
    let table = [
        (
            &input(InputType::Boolean),
            Some("yes"),
            "ci.yml: input 'name' can not be 'yes': it is true or false",
        ),
        (
            &input(InputType::Number),
            Some("many"),
            "ci.yml: input 'name' can not be 'many': it is a number",
        ),
        (
            &choice,
            Some("c"),
            "ci.yml: input 'name' can not be 'c': it is one of a, b",
        ),
        (
            &required,
            None,
            "ci.yml: input 'name' is required (the level)",
        ),
        (
            &required,
            Some(""),
            "ci.yml: input 'name' is required (the level)",
        ),
    ];
    for (input, text, message) in table {
        assert_eq!(typed(input, text), Err(message.to_owned()));
    }
}

#[test]
fn defaults_stand_in_and_wrong_ones_do_not_count() {
    let with = |kind, default| Input {
        default: Some(literal(default)),
        required: true,
        ..input(kind)
    };
    let table = [
        (
            with(InputType::Boolean, TokenKind::Bool(true)),
            json!(true),
            "true",
        ),
        (
            with(InputType::String, TokenKind::Number(1.5)),
            json!("1.5"),
            "1.5",
        ),
        (
            with(InputType::Number, TokenKind::String("7".into())),
            json!(7),
            "7",
        ),
        (
            with(InputType::Boolean, TokenKind::String("maybe".into())),
            json!(false),
            "false",
        ),
    ];
    for (input, value, text) in table {
        assert_eq!(typed(&input, None), Ok((value, text.to_owned())));
    }
}

#[test]
fn the_command_line_beats_the_file_beats_the_payload() {
    let payload = json!({"a": true, "b": 1, "c": "p"});
    let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let given = Given {
        payload: payload.as_object(),
        file: &pairs(&[("b", "file"), ("c", "file")]),
        typed: &pairs(&[("C", "one"), ("c", "two")]),
    };
    assert_eq!(given.text("a").unwrap(), "true");
    assert_eq!(given.text("b").unwrap(), "file");
    assert_eq!(given.text("c").unwrap(), "two");
    assert_eq!(given.text("d"), None);
}

#[test]
fn called_workflows_take_true_types_only() {
    // SPEC U-3.
    let definitions: IndexMap<String, Input> = [
        ("flag".to_owned(), input(InputType::Boolean)),
        ("count".to_owned(), input(InputType::Number)),
        ("text".to_owned(), input(InputType::String)),
    ]
    .into();
    let call = |with: &Json| {
        called(
            "w.yml",
            &definitions,
            &Value::from_json(with),
            &no_expressions,
        )
    };
    let inputs = call(&json!({"FLAG": true, "text": 3})).unwrap();
    assert_eq!(
        Value::from(inputs).to_json(),
        json!({"flag": true, "count": 0, "text": "3"})
    );
    let errors = call(&json!({"flag": "true", "count": "5", "txt": 1})).unwrap_err();
    let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "Invalid input, txt is not defined in the referenced workflow.",
            "w.yml: input 'flag' can not be 'true': it is a boolean, not a text (fromJSON makes one of a text)",
            "w.yml: input 'count' can not be '5': it is a number, not a text (fromJSON makes one of a text)",
        ]
    );
}
