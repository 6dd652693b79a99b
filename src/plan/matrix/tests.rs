//! Every rule of the matrix, by table.

use serde_json::{Value as Json, json};

use super::*;

fn legs(matrix: &Json) -> Result<Legs, MatrixError> {
    expand(&Value::from_json(&json!({ "matrix": matrix })))
}

fn matrices(matrix: &Json) -> Json {
    legs(matrix)
        .unwrap()
        .legs
        .iter()
        .map(|leg| leg.matrix.to_json())
        .collect()
}

fn names(matrix: &Json) -> Vec<String> {
    legs(matrix)
        .unwrap()
        .legs
        .iter()
        .map(|leg| leg.display_name("job", false))
        .collect()
}

#[test]
fn combinations_and_includes_follow_the_rules() {
    let table = [
        (
            "W-82: the first vector varies slowest",
            json!({"a": [1, 2], "b": ["x", "y"]}),
            json!([{"a":1,"b":"x"},{"a":1,"b":"y"},{"a":2,"b":"x"},{"a":2,"b":"y"}]),
        ),
        (
            "W-81: names of vectors ignore case",
            json!({"OS": ["linux", "mac"], "exclude": [{"os": "mac"}]}),
            json!([{"OS": "linux"}]),
        ),
        (
            "W-84: leaves compare as the language does",
            json!({"v": ["12", "x"], "os": ["linux"], "exclude": [{"v": 12, "os": "LINUX"}]}),
            json!([{"v": "x", "os": "linux"}]),
        ),
        (
            "W-84: a filter compares only the leaves that it names",
            json!({"v": [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3]}],
                "exclude": [{"v": {"b": [1]}}]}),
            json!([{"v": {"a": 2, "b": [3]}}]),
        ),
        (
            "W-84: a null leaf fits a missing value",
            json!({"v": [{"a": 1}, {"b": 2}], "exclude": [{"v": {"a": null}}]}),
            json!([{"v": {"a": 1}}]),
        ),
        (
            "W-84: an empty filter value compares nothing",
            json!({"os": ["a", "b"], "exclude": [{"os": {}}], "include": [{"os": "c"}]}),
            json!([{"os": "c"}]),
        ),
        (
            "W-83: all fitting includes add, later ones win",
            json!({"os": ["a", "b"], "include": [{"x": 1, "y": 1}, {"os": "a", "x": 2}]}),
            json!([{"os": "a", "x": 2, "y": 1}, {"os": "b", "x": 1, "y": 1}]),
        ),
        (
            "W-86: an include that met nothing is a leg",
            json!({"os": ["a"], "include": [{"os": "b", "x": 1}, {"os": "c"}]}),
            json!([{"os": "a"}, {"os": "b", "x": 1}, {"os": "c"}]),
        ),
        (
            "W-86: so is one that fits only what is excluded",
            json!({"os": ["a", "b"], "exclude": [{"os": "b"}], "include": [{"os": "b", "x": 1}]}),
            json!([{"os": "a"}, {"os": "b", "x": 1}]),
        ),
        (
            "W-86: without vectors every include is a leg",
            json!({"include": [{"a": 1}, {"b": 2}]}),
            json!([{"a": 1}, {"b": 2}]),
        ),
        (
            "W-87: an include of extras only is never a leg beside combinations",
            json!({"os": ["a"], "include": [{"x": 1}]}),
            json!([{"os": "a", "x": 1}]),
        ),
        (
            "W-87: but it is where no combination is left",
            json!({"os": ["a"], "exclude": [{"os": "a"}], "include": [{"x": 1}]}),
            json!([{"x": 1}]),
        ),
        (
            "W-88: include legs are never excluded",
            json!({"os": ["a"], "exclude": [{"os": "b"}], "include": [{"os": "b"}]}),
            json!([{"os": "a"}, {"os": "b"}]),
        ),
        (
            "W-92: all excluded is one leg without a matrix",
            json!({"os": ["a"], "exclude": [{"os": "a"}]}),
            json!([null]),
        ),
    ];
    for (rule, matrix, expected) in table {
        assert_eq!(matrices(&matrix), expected, "{rule}");
    }
}

#[test]
fn the_fruit_example_of_the_documentation_holds() {
    let matrix = json!({
        "fruit": ["apple", "pear"],
        "animal": ["cat", "dog"],
        "include": [
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ],
    });
    assert_eq!(
        matrices(&matrix),
        json!([
            {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
            {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
            {"fruit": "pear", "animal": "cat", "color": "pink"},
            {"fruit": "pear", "animal": "dog", "color": "green"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ])
    );
}

#[test]
fn broken_matrices_are_named() {
    let table = [
        (json!({}), "Matrix must define at least one vector"),
        (
            json!({"include": []}),
            "Matrix must define at least one vector",
        ),
        (
            json!({"include": null}),
            "Matrix must define at least one vector",
        ),
        (
            json!({"exclude": [{"a": 1}]}),
            "Matrix must define at least one vector",
        ),
        (
            json!({"os": []}),
            "Matrix vector 'os' does not contain any values",
        ),
        (
            json!({"os": "x"}),
            "Expected a sequence for matrix vector 'os', found String",
        ),
        (
            json!({"os": ["x"], "include": [{}]}),
            "Matrix include mapping does not contain any values",
        ),
        (
            json!({"os": ["x"], "include": ["y"]}),
            "Expected a mapping for matrix include item, found String",
        ),
        (
            json!({"os": ["x"], "exclude": [{}]}),
            "Matrix exclude filter must not be empty",
        ),
        (
            json!({"os": ["x"], "exclude": [{"arch": 1}]}),
            "Matrix exclude key 'arch' does not match any key within the matrix",
        ),
        (json!("x"), "Expected a mapping for matrix, found String"),
    ];
    for (matrix, message) in table {
        assert_eq!(legs(&matrix).unwrap_err().to_string(), message, "{matrix}");
    }
}

#[test]
fn more_than_256_legs_are_refused() {
    // SPEC W-92.
    let numbers: Vec<u32> = (0..16).collect();
    assert_eq!(
        legs(&json!({"a": numbers, "b": numbers}))
            .unwrap()
            .legs
            .len(),
        256
    );
    let one_more = json!({"a": numbers, "b": numbers, "include": [{"a": 99}]});
    assert_eq!(legs(&one_more), Err(MatrixError::TooManyLegs));
    let huge: Vec<u32> = (0..10_000).collect();
    assert_eq!(
        legs(&json!({"a": huge, "b": huge, "c": huge, "d": huge, "e": huge})),
        Err(MatrixError::TooManyLegs)
    );
}

#[test]
fn names_show_the_vector_part() {
    // SPEC W-89.
    let table = [
        (json!({"os": ["linux"], "v": [1.10]}), "job (linux, 1.1)"),
        (json!({"os": ["", "x"]}), "job"),
        (
            json!({"v": [{"a": true, "b": ["x", null]}]}),
            "job (true, x)",
        ),
        (json!({"os": ["a"], "include": [{"x": 1}]}), "job (a)"),
        (json!({"include": [{"a": 1, "b": "z"}]}), "job (1, z)"),
    ];
    for (matrix, name) in table {
        assert_eq!(names(&matrix)[0], name, "{matrix}");
    }
    let long = Leg {
        segments: vec!["x".repeat(120)],
        ..Leg::single()
    };
    let name = long.display_name("job", false);
    assert_eq!(name.chars().count(), 100);
    assert!(name.ends_with("x..."));
    assert_eq!(long.display_name("own", true), "own");
}

#[test]
fn ids_are_legal_short_and_unique() {
    // SPEC W-90.
    let ids = |matrix: &Json| -> Vec<String> {
        let legs = legs(matrix).unwrap().legs;
        legs.into_iter().map(|leg| leg.id).collect()
    };
    assert_eq!(
        ids(&json!({"v": ["a b", "A_B", 12, "", "__x"]})),
        ["a_b", "A_B_2", "_12", "job", "_x"]
    );
    let long = "y".repeat(40);
    assert_eq!(
        ids(&json!({"v": [long, long]})),
        ["y".repeat(25), format!("{}_2", "y".repeat(23))]
    );
    assert_eq!(expand(&Value::Null).unwrap().legs[0].id, "__default");
}

#[test]
fn the_strategy_context_tells_index_total_and_limits() {
    // SPEC W-91: (strategy, leg, context).
    let table = [
        (
            json!(null),
            json!({"fail-fast": true, "job-index": 0, "job-total": 1, "max-parallel": 1}),
        ),
        (
            json!({"fail-fast": false, "max-parallel": 4}),
            json!({"fail-fast": false, "job-index": 0, "job-total": 1, "max-parallel": 1}),
        ),
        (
            json!({"matrix": {"a": [1, 2, 3]}, "max-parallel": 0}),
            json!({"fail-fast": true, "job-index": 2, "job-total": 3, "max-parallel": 3}),
        ),
        (
            json!({"matrix": {"a": [1, 2]}, "max-parallel": 1.9}),
            json!({"fail-fast": true, "job-index": 1, "job-total": 2, "max-parallel": 1}),
        ),
    ];
    for (strategy, context) in table {
        let legs = expand(&Value::from_json(&strategy)).unwrap();
        let last = legs.legs.last().unwrap();
        assert_eq!(
            last.strategy(legs.settings).to_json(),
            context,
            "{strategy}"
        );
    }
}

#[test]
fn a_text_is_neither_a_number_nor_a_boolean() {
    // SPEC W-21.
    for strategy in [
        json!({"fail-fast": "true"}),
        json!({"max-parallel": "2"}),
        json!({"bad": 1}),
    ] {
        let error = expand(&Value::from_json(&strategy)).unwrap_err();
        assert!(matches!(error, MatrixError::Unexpected(_)), "{strategy}");
    }
}

#[test]
fn the_matrix_flag_keeps_what_equals() {
    let matrix = json!({"v": [1.1, 2], "os": ["Linux", "mac"], "t": [true]});
    let kept = |texts: &[&str]| {
        let mut legs = legs(&matrix).unwrap();
        let any = legs.keep(&MatrixFilter::parse(texts).unwrap());
        assert_eq!(any, !legs.legs.is_empty());
        let names: Vec<_> = legs.legs.iter().map(|leg| leg.segments.join(" ")).collect();
        names.join("|")
    };
    let table: &[(&[&str], &str)] = &[
        (&["v:1.10"], "1.1 Linux true|1.1 mac true"),
        (&["os:linux", "v:2"], "2 Linux true"),
        (&["os:linux", "os:mac", "v:2"], "2 Linux true|2 mac true"),
        (&["t:true", "os:MAC"], "1.1 mac true|2 mac true"),
        (&["v:3"], ""),
        (
            &["other:1"],
            "1.1 Linux true|1.1 mac true|2 Linux true|2 mac true",
        ),
    ];
    for (flags, expected) in table {
        assert_eq!(kept(flags), *expected, "{flags:?}");
    }
    assert_eq!(MatrixFilter::parse(&["novalue"]), Err("novalue".into()));
    assert!(legs(&matrix).unwrap().has_key("OS"));
    assert!(!legs(&matrix).unwrap().has_key("other"));
}

proptest::proptest! {
    #[test]
    fn ids_names_and_places_agree(sizes in proptest::collection::vec(1_usize..4, 1..5), drop in 0_usize..4) {
        let mut matrix = serde_json::Map::new();
        for (place, size) in sizes.iter().enumerate() {
            matrix.insert(format!("v{place}"), (0..*size).collect::<Vec<_>>().into());
        }
        matrix.insert("exclude".into(), json!([{ "v0": drop }]));
        let found = legs(&Json::Object(matrix)).unwrap().legs;
        let rest: usize = sizes[1..].iter().product();
        let kept = sizes[0] - usize::from(drop < sizes[0]);
        // All excluded is one leg without a matrix (SPEC W-92).
        proptest::prop_assert_eq!(found.len(), (kept * rest).max(1));
        let ids: std::collections::HashSet<_> = found.iter().map(|leg| &leg.id).collect();
        proptest::prop_assert_eq!(ids.len(), found.len());
        for (place, leg) in found.iter().enumerate() {
            proptest::prop_assert_eq!((leg.index, leg.total), (place, found.len()));
        }
    }
}
