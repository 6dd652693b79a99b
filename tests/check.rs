//! How diagnostics look in each form.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use lrun::cli::check::{CheckFormat, exit_code, render};
use lrun::diagnostic::{Diagnostic, Severity, SourceFile, Span};
use lrun::report::{Colors, diagnostic};
use proptest::prelude::*;
use serde_json::{Value, json};

const CI: &str =
    "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    stepz: []\n    runs-on: x\n";

fn at(text: &str, what: &str) -> Span {
    let start = text.find(what).unwrap();
    Span::new(start, start + what.len())
}

fn some() -> Vec<Diagnostic> {
    let file = SourceFile::new(".github/workflows/ci.yml", CI);
    let again = CI.rfind("runs-on").unwrap();
    vec![
        Diagnostic::error("unexpected-value", "Unexpected value 'stepz'")
            .at(&file, at(CI, "stepz"))
            .help("did you mean 'steps'?"),
        Diagnostic::error("duplicate-key", "'runs-on' is already defined")
            .at(&file, Span::new(again, again + 7))
            .label(at(CI, "runs-on"), "first defined here"),
        Diagnostic::warning("no-place", "50% done: a, b\nmore"),
        Diagnostic::new(Severity::Note, "whole", "two lines").at(&file, at(CI, "jobs:\n  build")),
    ]
}

#[test]
fn text() {
    let expected = "\
error[unexpected-value]: Unexpected value 'stepz'
 --> .github/workflows/ci.yml:5:5
  |
5 |     stepz: []
  |     ^^^^^
  |
  = help: did you mean 'steps'?

error[duplicate-key]: 'runs-on' is already defined
 --> .github/workflows/ci.yml:6:5
  |
4 |     runs-on: ubuntu-latest
  |     ------- first defined here
5 |     stepz: []
6 |     runs-on: x
  |     ^^^^^^^

warning[no-place]: 50% done: a, b
                   more

note[whole]: two lines
 --> .github/workflows/ci.yml:2:1
  |
2 | / jobs:
3 | |   build:
  | |_______^

2 errors, 1 warning, 1 note in 1 file
";
    assert_eq!(render(&some(), CheckFormat::Text, Colors::Off), expected);
    assert_eq!(render(&[], CheckFormat::Text, Colors::Off), "");
    let colored = render(&some(), CheckFormat::Text, Colors::On);
    assert_eq!(console::strip_ansi_codes(&colored), expected);
    assert_ne!(colored, expected);
}

#[test]
fn json() {
    let list: Value =
        serde_json::from_str(&render(&some(), CheckFormat::Json, Colors::Off)).unwrap();
    let entry = json!({
        "file": ".github/workflows/ci.yml",
        "line": 5, "column": 5, "end_line": 5, "end_column": 10,
        "severity": "error", "code": "unexpected-value", "message": "Unexpected value 'stepz'",
    });
    assert_eq!(list[0], entry);
    assert_eq!(list[2]["file"], Value::Null);
    assert_eq!(list[3]["severity"], "warning");
    assert_eq!(list[3]["end_line"], 3);
    assert_eq!(render(&[], CheckFormat::Json, Colors::Off), "[]\n");
}

#[test]
fn github() {
    let expected = "\
::error file=.github/workflows/ci.yml,line=5,col=5,endLine=5,endColumn=10,title=unexpected-value::Unexpected value 'stepz'
::error file=.github/workflows/ci.yml,line=6,col=5,endLine=6,endColumn=12,title=duplicate-key::'runs-on' is already defined
::warning title=no-place::50%25 done: a, b%0Amore
::notice file=.github/workflows/ci.yml,line=2,endLine=3,title=whole::two lines
";
    assert_eq!(render(&some(), CheckFormat::Github, Colors::Off), expected);
    let odd = SourceFile::new("a,b:c%.yml", "x");
    let it = Diagnostic::error("x", "y").at(&odd, Span::new(0, 1));
    let line = render(&[it], CheckFormat::Github, Colors::Off);
    assert!(line.starts_with("::error file=a%2Cb%3Ac%25.yml,"), "{line}");
}

#[test]
fn sarif() {
    let log: Value =
        serde_json::from_str(&render(&some(), CheckFormat::Sarif, Colors::Off)).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "lrun");
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    for result in results {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    }
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], ".github/workflows/ci.yml");
    let region = json!({ "startLine": 5, "startColumn": 5, "endLine": 5, "endColumn": 10 });
    assert_eq!(place["region"], region);
    assert_eq!(results[2].get("locations"), None);
}

#[test]
fn an_error_is_exit_code_2() {
    assert_eq!(exit_code(&some()), 2);
    assert_eq!(exit_code(&some()[2..]), 0);
}

#[test]
fn long_lines_are_cut_around_the_place() {
    let text = format!("run: {} BAD {}\n", "a".repeat(5000), "b".repeat(5000));
    let file = SourceFile::new("a.yml", text.clone());
    let it = Diagnostic::error("x", "y").at(&file, at(&text, "BAD"));
    let shown = diagnostic::render(&it, Colors::Off);
    assert!(shown.contains("a.yml:1:5007"), "{shown}");
    assert!(shown.contains(" BAD ") && shown.contains("^^^"), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() <= 150),
        "{shown}"
    );
}

#[test]
fn tabs_line_breaks_and_wide_characters_keep_the_carets_in_place() {
    let text = "a: 1\r\n\t日本: bad\r\n";
    let file = SourceFile::new("a.yml", text);
    let it = Diagnostic::error("x", "y").at(&file, at(text, "bad"));
    let expected = "\
error[x]: y
 --> a.yml:2:6
  |
2 |     日本: bad
  |           ^^^
";
    assert_eq!(diagnostic::render(&it, Colors::Off), expected);
}

#[test]
fn a_file_without_a_place_is_named() {
    let it = Diagnostic {
        file: Some(SourceFile::new("empty.yml", "")),
        ..Diagnostic::error("x", "y")
    };
    let shown = diagnostic::render(&it, Colors::Off);
    assert_eq!(shown, "error[x]: y\n--> empty.yml\n");
    let list = render(&[it], CheckFormat::Json, Colors::Off);
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap()[0]["line"], 1);
}

#[test]
fn no_control_of_a_file_reaches_the_terminal() {
    let text = "a: \x1b[2Jbad\n";
    let file = SourceFile::new("a\x1b[H.yml", text);
    let it = Diagnostic::error("x", "y \x1b[2J")
        .at(&file, at(text, "bad"))
        .label(Span::new(0, 1), "l \x1b[2J")
        .help("z \x1b[2J");
    let shown = render(&[it], CheckFormat::Text, Colors::Off);
    assert!(!shown.contains('\x1b'), "{shown:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_panics(
        text in "[a-z \\t\\r\\n日é😀\u{0}\u{1b}\u{200d}]{0,60}",
        spans in proptest::collection::vec((0_usize..300, 0_usize..300), 1..5),
        message in "[a-z\\t\\r\\n日\u{1b}%]{0,20}",
    ) {
        // A place after the `\r` of a line break is drawn before it.
        let has_returns = text.contains('\r');
        let file = SourceFile::new("a.yml", text);
        let mut it = Diagnostic::error("x", message.clone())
            .at(&file, Span::new(spans[0].0, spans[0].1))
            .help(message.clone());
        for (start, end) in &spans[1..] {
            it = it.label(Span::new(*start, *end), message.clone());
        }
        let place = it.position().unwrap();
        let shown = diagnostic::render(&it, Colors::Off);
        let named = format!("--> a.yml:{}:{}\n", place.line, place.column);
        prop_assert!(has_returns || shown.contains(&named), "{named}{shown}");
        for format in [CheckFormat::Text, CheckFormat::Json, CheckFormat::Sarif, CheckFormat::Github] {
            for colors in [Colors::On, Colors::Off] {
                render(&[it.clone()], format, colors);
            }
        }
        it.file = None;
        render(&[it], CheckFormat::Text, Colors::Off);
    }
}
