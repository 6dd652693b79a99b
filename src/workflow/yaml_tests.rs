//! The YAML layer: aliases, limits, places, and agreement with a YAML library where it is right.

use std::time::{Duration, Instant};

use serde_yaml::Value;

use super::*;

fn read(text: &str) -> Result<Node, Box<Diagnostic>> {
    parse(&SourceFile::new("x.yml", text), MAX_DEPTH)
}

fn value(text: &str) -> Value {
    read(text)
        .unwrap_or_else(|error| panic!("{error}"))
        .to_value()
}

fn error(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

fn json(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn w7_an_alias_means_the_latest_definition() {
    assert_eq!(value("a: &x 1\nb: &x 2\nc: &y 3\nd: *x\n")["d"], 2, "W-7");
    assert_eq!(
        value("a: &x 1\nb: &l [*x]\nc: &x 2\nd: *l\n")["d"],
        json("[2]"),
        "W-7"
    );
    assert_eq!(
        value("a: &x {k: &y [1, 2]}\nb: *x\nc: *y\n")["b"],
        json("{k: [1, 2]}"),
        "W-7"
    );
    assert_eq!(value("a: !!str &x 1\nb: *x\n")["b"], "1", "W-4, W-7");
    assert_eq!(value("- &x a: 1\n- *x\n"), json("[{a: 1}, a]"), "W-7");
    assert_eq!(
        error("a: *x\nb: &x 1\n"),
        "x.yml:1:4: error: Unknown anchor 'x'",
        "W-7"
    );
}

#[test]
fn w7_an_anchor_inside_itself_ends() {
    for text in ["a: &x [*x]\n", "a: &x {b: {c: *x}}\n"] {
        assert!(
            error(text).ends_with("error: Maximum YAML nodes exceeded"),
            "{text}"
        );
    }
}

#[test]
fn w8_merge_keys_are_ordinary_keys() {
    assert_eq!(value("a: &x {k: 1}\nb: {<<: *x}\n")["b"]["<<"]["k"], 1);
}

#[test]
fn bombs_end_at_once() {
    let started = Instant::now();
    let mut text = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, before) in ('b'..='i').zip('a'..) {
        let aliases = vec![format!("*{before}"); 9].join(", ");
        text += &[
            &name.to_string(),
            ": &",
            &name.to_string(),
            " [",
            &aliases,
            "]\n",
        ]
        .concat();
    }
    assert!(error(&text).ends_with("Maximum YAML nodes exceeded"), "W-9");
    assert!(
        error(&"[".repeat(100_000)).ends_with("Maximum object depth exceeded"),
        "W-11"
    );
    assert!(
        error(&"- ".repeat(100_000)).ends_with("Maximum object depth exceeded"),
        "W-11"
    );
    assert!(
        error(&"a:\n".repeat(30_000)).ends_with("Maximum YAML nodes exceeded"),
        "W-9"
    );
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn w9_the_budget_is_exact() {
    // Stream and document take four events, a sequence two.
    let list = |items: usize| format!("[{}]", vec!["x"; items].join(","));
    assert!(read(&list(MAX_EVENTS - 6)).is_ok());
    assert!(read(&list(MAX_EVENTS - 5)).is_err());
}

#[test]
fn w6_one_document() {
    assert_eq!(error(""), "x.yml:1:1: error: The file is empty");
    assert_eq!(error("# nothing\n"), "x.yml:1:1: error: The file is empty");
    assert!(error("a: 1\n---\nb: 2\n").ends_with("Expected stream end parse event"));
    assert_eq!(value("---\na: 1\n...\n")["a"], 1);
}

#[test]
fn w10_keys_are_scalars() {
    assert_eq!(
        error("? [a]\n: b\n"),
        "x.yml:1:3: error: Expected a scalar value"
    );
}

#[test]
fn places_are_those_of_github() {
    let text = "é: !!str ä\nb: &x |\n  text\nc: >-\n  folded\nd:\ne:\n  - k: v\n  - |\n\n   late\n";
    let file = SourceFile::new("x.yml", text);
    let root = parse(&file, MAX_DEPTH).unwrap();
    let NodeKind::Mapping(pairs) = root.kind else {
        panic!()
    };
    let place = |node: &Node| {
        let at = file.position(node.span.start);
        (at.line, at.column)
    };
    let places: Vec<_> = pairs.iter().map(|(_, value)| place(value)).collect();
    assert_eq!(places, [(1, 4), (2, 4), (4, 4), (6, 3), (8, 3)]);
    let NodeKind::Sequence(items) = &pairs[4].1.kind else {
        panic!()
    };
    assert_eq!(
        items.iter().map(place).collect::<Vec<_>>(),
        [(8, 5), (9, 5)]
    );
}

#[test]
fn crlf_and_missing_last_break() {
    assert_eq!(value("a: |\r\n  x\r\n  y\r\nb: 1\r\n")["a"], "x\ny\n");
    assert_eq!(value("a: |\n  x")["a"], "x");
    assert_eq!(value("a: |\n  x\n")["a"], "x\n");
    assert_eq!(
        value("- [one]# comment, two ]\n- 'x'# y\n"),
        json("[[one], x]")
    );
}

#[test]
fn a_comment_without_a_blank_moves_no_place() {
    let text = "- [one]# ü, \u{202b} and so on\n- {b: 'c'}# é\n- [ä, 'x'# ö\n  ]\n";
    let root = read(text).unwrap();
    assert_eq!(root.to_value(), json("[[one], {b: c}, [ä, x]]"));
    let NodeKind::Sequence(items) = &root.kind else {
        panic!()
    };
    for (item, start) in items.iter().zip(["[one]", "{b: 'c'}", "[ä, 'x'"]) {
        let found = &text[item.span.start..item.span.end];
        assert!(found.starts_with(start), "{found:?}");
    }
    assert!(error("- [one]# ü\n- \"é\" x\n- ü").starts_with("x.yml:2"));
}

#[test]
fn many_comments_without_a_blank_take_no_time() {
    assert!(read(&"- [x]# y\n".repeat(MAX_GLUED_COMMENTS)).is_ok());
    let error = read(&"- [x]# y\n".repeat(20_000)).unwrap_err();
    assert_eq!(error.code, GLUED_COMMENT);
}

#[test]
fn agrees_with_a_yaml_library_where_that_is_right() {
    for text in [
        "a: 1\nb: [x, {y: 2.5}, ~, true]\nc: 'it''s'\nd: \"a\\tb\"\n",
        "run: |\n  a\n\n  b\nfold: >\n  a\n  b\n\n  c\nstrip: |-\n  x\nkeep: |+\n  x\n\n",
        "on:\n  push:\n    branches: [main, 'releases/**']\njobs: {a: {runs-on: x}}\n",
        "a: 1.5e3x\nb: 0x10\nc: 0o14\nd: .5\ne: -1\nf: yes\ng: 2024-01-01\nh: 1:30\n",
        "? a\n: b\nc: &x [1]\nd: *x\n",
        "plain: text\n  on two lines\nurl: http://x/#y # comment\n",
    ] {
        assert_eq!(value(text), json(text), "{text}");
    }
    // Where they differ: GitHub has one kind of number, reads `014` as one, and `0b11` as text (SPEC W-3).
    assert_eq!(value("1e3"), Value::from(1000));
    assert_eq!(value("014"), Value::from(14));
    assert_eq!(value("0b11"), Value::from("0b11"));
}
