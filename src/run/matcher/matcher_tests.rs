//! Matchers as a job uses them: the rules K-22 to K-27, and the forms that set-up actions bring.

use std::fs;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const REMOTE: &str = "https://github.com/octo/hello";

/// A repository with two files.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join(".git")).unwrap();
    fs::create_dir_all(folder.path().join("src")).unwrap();
    let config = format!("[remote \"origin\"]\n\turl = {REMOTE}\n");
    fs::write(folder.path().join(".git/config"), config).unwrap();
    fs::write(folder.path().join("src/app.ts"), "").unwrap();
    fs::write(folder.path().join("b.js"), "").unwrap();
    folder
}

fn place(folder: &tempfile::TempDir) -> Place {
    Place::new(folder.path(), "https://github.com", "octo/hello", None)
}

fn matchers(configs: &[serde_json::Value]) -> Matchers {
    let matchers = Matchers::new(Place::default(), None);
    for config in configs {
        let text = json!({ "problemMatcher": [config] }).to_string();
        matchers.add(&text).unwrap();
    }
    matchers
}

/// A matcher of one line: severity, colon, message.
fn simple(owner: &str, word: &str) -> serde_json::Value {
    json!({ "owner": owner, "pattern": [
        { "regexp": format!("^{word}(?:\\[(\\w*)\\])?: (.*)$"), "severity": 1, "message": 2 }
    ]})
}

/// One line for each that was found: level, message.
fn found(scanner: &mut Scanner, lines: &[&str]) -> Vec<String> {
    let look = |line: &&str| {
        let annotation = scanner.line(line).found?.annotation;
        Some(format!("{:?} {}", annotation.level, annotation.message))
    };
    lines.iter().filter_map(look).collect()
}

fn tsc() -> serde_json::Value {
    json!({ "owner": "tsc", "pattern": [{
        "regexp": "^(?:\\s+\\d+>)?([^\\s].*)[\\(:](\\d+)[,:](\\d+)(?:\\):\\s+|\\s+-\\s+)(error|warning|info)\\s+TS(\\d+)\\s*:\\s*(.*)$",
        "file": 1, "line": 2, "column": 3, "severity": 4, "code": 5, "message": 6
    }]})
}

fn eslint_compact() -> serde_json::Value {
    json!({ "owner": "eslint-compact", "pattern": [{
        "regexp": "^(.+):\\sline\\s(\\d+),\\scol\\s(\\d+),\\s(Error|Warning|Info)\\s-\\s(.+)\\s\\((.+)\\)$",
        "file": 1, "line": 2, "column": 3, "severity": 4, "message": 5, "code": 6
    }]})
}

fn eslint_stylish() -> serde_json::Value {
    json!({ "owner": "eslint-stylish", "pattern": [
        { "regexp": "^([^\\s].*)$", "file": 1 },
        {
            "regexp": "^\\s+(\\d+):(\\d+)\\s+(error|warning|info)\\s+(.*)\\s\\s+(.*)$",
            "line": 1, "column": 2, "severity": 3, "message": 4, "code": 5, "loop": true
        }
    ]})
}

#[test]
fn the_forms_of_set_up_actions_work() {
    let folder = checkout();
    let matchers = Matchers::new(place(&folder), None);
    for config in [tsc(), eslint_stylish(), eslint_compact()] {
        let file = folder.path().join("matcher.json");
        fs::write(&file, json!({ "problemMatcher": [config] }).to_string()).unwrap();
        let said = matchers.add_file("matcher.json").unwrap().unwrap();
        assert!(said.starts_with("Added matchers: '"), "{said}");
    }
    let mut scanner = matchers.scanner();
    let absolute = format!("{}/src/app.ts", folder.path().display());
    let lines = [
        "src/app.ts(3,7): error TS2322: Type 'x' is wrong.",
        "src/app.ts:4:1 - warning TS6133: unused",
        "gone.ts(1,1): error TS1: gone",
        absolute.as_str(),
        "  1:10  error    'a' is not defined  no-undef",
        "  2:5   warning  Missing semicolon   semi",
        "",
        "  3:1  error  belongs to nothing  no-undef",
        "b.js: line 8, col 2, Error - 'q' is unused. (no-unused-vars)",
    ];
    let found: Vec<String> = lines
        .iter()
        .filter_map(|line| scanner.line(line).found)
        .map(|found| {
            let Annotation {
                level,
                message,
                file,
                line,
                column,
                ..
            } = found.annotation;
            format!(
                "{level:?}|{}|{}|{}|{}|{message}",
                file.unwrap_or_default(),
                line.unwrap_or_default(),
                column.unwrap_or_default(),
                found.code.unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "Error|src/app.ts|3|7|2322|Type 'x' is wrong.",
            "Warning|src/app.ts|4|1|6133|unused",
            "Error||1|1|1|gone",
            "Error|src/app.ts|1|10|no-undef|'a' is not defined",
            "Warning|src/app.ts|2|5|semi|Missing semicolon ",
            "Error|b.js|8|2|no-unused-vars|'q' is unused.",
        ]
    );
}

#[test]
fn without_a_matcher_no_line_is_looked_at() {
    let matchers = Matchers::new(Place::default(), None);
    let mut scanner = matchers.scanner();
    assert!(!scanner.is_active());
    assert_eq!(scanner.line("error: x"), Scanned::default());
    matchers
        .add(&json!({ "problemMatcher": [simple("a", "error")] }).to_string())
        .unwrap();
    assert!(scanner.is_active());
}

#[test]
fn a_matcher_counts_from_the_next_line_on_and_in_later_steps() {
    // SPEC K-23
    let matchers = matchers(&[]);
    let mut scanner = matchers.scanner();
    assert!(scanner.line("e: 1").found.is_none());
    let text = json!({ "problemMatcher": [simple("a", "e")] }).to_string();
    matchers.add(&text).unwrap();
    assert_eq!(found(&mut scanner, &["e: 2"]), ["Error 2"]);
    assert_eq!(found(&mut matchers.scanner(), &["e: 3"]), ["Error 3"]);
    assert_eq!(matchers.remove_owner("A"), "Removed matchers: 'a'");
    assert!(!scanner.is_active());
    assert!(!matchers.scanner().is_active());
    assert_eq!(matchers.remove_owner("a"), "Removed matchers: ");
}

#[test]
fn an_owner_is_replaced_and_the_newest_is_asked_first() {
    // SPEC K-23
    let old = json!({ "owner": "O", "pattern": [{ "regexp": "x(.)", "message": 1 }] });
    let other = json!({ "owner": "p", "severity": "notice", "pattern": [{ "regexp": "(x.)", "message": 1 }] });
    let new = json!({ "owner": "o", "severity": "warning", "pattern": [{ "regexp": "x(..)", "message": 1 }] });
    let all = matchers(&[old.clone(), other.clone()]);
    assert_eq!(found(&mut all.scanner(), &["x12"]), ["Notice x1"]);
    let all = matchers(&[old, other, new]);
    assert_eq!(
        found(&mut all.scanner(), &["x12", "x1"]),
        ["Warning 12", "Notice x1"]
    );
    all.remove_owner("p");
    assert!(
        all.scanner().line("x1").found.is_none(),
        "the old one is gone"
    );
}

#[test]
fn a_file_removes_the_owners_it_names() {
    let folder = checkout();
    let matchers = Matchers::new(place(&folder), None);
    let text = json!({ "problemMatcher": [simple("a", "e"), simple("b", "f")] }).to_string();
    fs::write(folder.path().join("m.json"), text).unwrap();
    matchers.add_file("m.json").unwrap();
    assert_eq!(
        matchers.remove_file("m.json").unwrap(),
        "Removed matchers: 'a', 'b'"
    );
    assert!(!matchers.scanner().is_active());
    let message = matchers.add_file("gone.json").unwrap_err();
    assert_eq!(
        message,
        format!(
            "Could not find file '{}/gone.json'.",
            folder.path().display()
        )
    );
    assert!(matchers.add_file(".").is_err());
    assert_eq!(matchers.add("{}"), Ok(None));
}

#[test]
fn a_bad_file_changes_nothing() {
    let matchers = matchers(&[simple("a", "e")]);
    let text = json!({ "problemMatcher": [simple("b", "e"), { "owner": "c" }] }).to_string();
    assert_eq!(
        matchers.add(&text),
        Err("Matcher 'c' does not contain any patterns".into())
    );
    assert_eq!(matchers.remove_owner("b"), "Removed matchers: ");
}

#[test]
fn colours_are_taken_out() {
    // SPEC K-24
    let matchers = matchers(&[simple("a", "error")]);
    let line = "\u{1b}[1;31merror\u{1b}[0m: \u{1b}[mbad\u{1b}[2K";
    let found = matchers.scanner().line(line).found.unwrap();
    assert_eq!(found.line, "error: badK");
    assert_eq!(found.annotation.message, "badK");
}

fn three_lines(repeats: bool) -> serde_json::Value {
    json!({ "owner": "m", "pattern": [
        { "regexp": "^file (.*)$", "file": 1, "code": 1 },
        { "regexp": "^at (\\d+)$", "line": 1 },
        { "regexp": "^(\\w+)! (.*)$", "severity": 1, "message": 2, "loop": repeats }
    ]})
}

#[test]
fn several_lines_make_a_match() {
    // SPEC K-25
    let cases: [(&str, bool, &[&str], &[&str]); 9] = [
        (
            "in order",
            false,
            &["file a", "at 1", "error! x"],
            &["Error x"],
        ),
        ("a gap", false, &["file a", "", "at 1", "error! x"], &[]),
        (
            "a gap before the last",
            false,
            &["file a", "at 1", "", "error! x"],
            &[],
        ),
        (
            "no second hit",
            false,
            &["file a", "at 1", "error! x", "error! y"],
            &["Error x"],
        ),
        (
            "looped",
            true,
            &["file a", "at 1", "error! x", "warning! y"],
            &["Error x", "Warning y"],
        ),
        (
            "a miss ends the loop",
            true,
            &["file a", "at 1", "error! x", "-", "error! y"],
            &["Error x"],
        ),
        (
            "the first line again",
            false,
            &["file a", "file b", "at 1", "error! x"],
            &["Error x"],
        ),
        ("last line alone", true, &["error! x"], &[]),
        (
            "middle line again",
            false,
            &["file a", "at 1", "at 2", "error! x"],
            &[],
        ),
    ];
    for (name, repeats, lines, expected) in cases {
        let matchers = matchers(&[three_lines(repeats)]);
        assert_eq!(found(&mut matchers.scanner(), lines), expected, "{name}");
    }
}

#[test]
fn the_first_line_that_sets_a_field_counts() {
    // SPEC K-25: each field is set once by the rules, so this shows that earlier fields last.
    let matchers = matchers(&[three_lines(true)]);
    let mut scanner = matchers.scanner();
    let mut last = None;
    for line in ["file a", "at 1", "error! x", "error! y"] {
        last = scanner.line(line).found.or(last);
    }
    let last = last.unwrap();
    assert_eq!(
        (last.code.as_deref(), last.annotation.line),
        (Some("a"), Some(1))
    );
    assert_eq!(last.annotation.message, "y");
}

#[test]
fn a_step_begins_with_empty_state() {
    let matchers = matchers(&[three_lines(false)]);
    let mut first = matchers.scanner();
    assert_eq!(found(&mut first, &["file a", "at 1"]), Vec::<String>::new());
    assert_eq!(
        found(&mut matchers.scanner(), &["error! x"]),
        Vec::<String>::new()
    );
}

#[test]
fn a_match_resets_the_others() {
    // SPEC K-26
    let matchers = matchers(&[three_lines(false), simple("s", "e")]);
    let lines = ["file a", "at 1", "e: y", "error! x"];
    assert_eq!(found(&mut matchers.scanner(), &lines), ["Error y"]);
}

#[test]
fn a_match_that_says_nothing_leaves_the_line_to_others() {
    // SPEC K-26, K-27
    let silent = json!({ "owner": "silent", "pattern": [{ "regexp": "^(.*?): ( *)", "severity": 1, "message": 2 }] });
    let matchers = matchers(&[three_lines(false), simple("s", "e"), silent]);
    let mut scanner = matchers.scanner();
    assert_eq!(
        found(&mut scanner, &["file a", "at 1", "q: z", "error! x"]),
        Vec::<String>::new()
    );
    assert_eq!(found(&mut scanner, &["e: y"]), ["Error y"]);
    let looked = scanner.line("q: z");
    assert_eq!(looked.found, None);
    assert!(looked.debug[0].ends_with("because the message is empty."));
}

#[test]
fn severity_decides_the_level() {
    // SPEC K-27
    let cases = [
        ("e: m", Some(Level::Error)),
        ("e[]: m", Some(Level::Error)),
        ("e[ERROR]: m", Some(Level::Error)),
        ("e[Warning]: m", Some(Level::Warning)),
        ("e[notice]: m", Some(Level::Notice)),
        ("e[info]: m", None),
        ("e[error]:  ", None),
    ];
    let all = matchers(&[simple("s", "e")]);
    for (line, level) in cases {
        let found = all.scanner().line(line).found;
        assert_eq!(found.map(|found| found.annotation.level), level, "{line}");
    }
}

#[test]
fn positions_are_whole_numbers() {
    // SPEC K-27
    let config = json!({ "owner": "p", "pattern": [
        { "regexp": "^(.*)@(.*)$", "line": 1, "column": 2, "message": 0 }
    ]});
    let all = matchers(&[config]);
    for (line, expected, complaints) in [
        ("12@3", (Some(12), Some(3)), 0),
        ("@", (None, None), 0),
        ("-1@+2", (None, None), 2),
        ("1.5@ 3", (None, None), 2),
        ("2147483648@2147483647", (None, Some(2_147_483_647)), 1),
    ] {
        let scanned = all.scanner().line(line);
        let found = scanned.found.unwrap().annotation;
        assert_eq!((found.line, found.column), expected, "{line}");
        assert_eq!(scanned.debug.len(), complaints, "{line}");
    }
}

#[test]
fn from_path_says_where_a_file_counts_from() {
    // SPEC K-27
    let folder = checkout();
    let config = json!({ "problemMatcher": [{ "owner": "f", "fromPath": "src/default.json", "pattern": [
        { "regexp": "^(\\S+)(?: \\[(.*)\\])?$", "file": 1, "message": 0, "fromPath": 2 }
    ]}]});
    let all = Matchers::new(place(&folder), None);
    all.add(&config.to_string()).unwrap();
    for (line, file) in [
        ("app.ts [src/x.csproj]", Some("src/app.ts")),
        ("app.ts", Some("src/app.ts")),
        ("b.js [x.csproj]", Some("b.js")),
        ("b.js", None),
    ] {
        let found = all.scanner().line(line).found.unwrap();
        assert_eq!(found.annotation.file.as_deref(), file, "{line}");
    }
}

#[test]
fn a_matcher_that_takes_too_long_is_removed() {
    // SPEC K-22
    let slow =
        json!({ "owner": "slow", "pattern": [{ "regexp": "^(a|aa)*(?=c)\\1$", "message": 0 }] });
    let all = Matchers::new(Place::default(), Some("00:00:00.001"));
    for config in [slow, simple("s", "aaa")] {
        let text = json!({ "problemMatcher": [config] }).to_string();
        all.add(&text).unwrap();
    }
    let mut scanner = all.scanner();
    let looked = scanner.line(&"a".repeat(60));
    assert_eq!(looked.warnings.len(), 1);
    assert!(
        looked.warnings[0].starts_with("Removing issue matcher 'slow'. Matcher failed 3 times.")
    );
    assert!(scanner.line(&"a".repeat(60)).warnings.is_empty());
    assert_eq!(
        found(&mut scanner, &["aaa: still here"]),
        ["Error still here"]
    );
}

#[test]
fn spans_of_time_are_those_of_dotnet() {
    // SPEC K-22
    for (text, millis) in [
        ("00:00:02", Some(2000)),
        ("0:1", Some(60_000)),
        ("1.00:00:00.5", Some(86_400_500)),
        ("1", Some(86_400_000)),
        ("00:00:00", None),
        ("00:00:60", None),
        ("-00:00:01", None),
        ("2s", None),
        ("", None),
    ] {
        let found = time_span(text).map(|span| span.as_millis());
        assert_eq!(found, millis, "{text}");
    }
}

proptest! {
    #[test]
    fn no_file_breaks_it(text in "\\PC{0,60}") {
        assert!(matchers(&[]).add(&text).is_ok() || !text.is_empty());
    }

    #[test]
    fn no_line_breaks_it(lines in prop::collection::vec("(?:\\PC{0,30}|[ \\u{1b}\\[0-9m:a-z(),!]{0,30})", 0..12)) {
        let all = matchers(&[tsc(), eslint_stylish(), eslint_compact(), three_lines(true)]);
        let mut scanner = all.scanner();
        for line in &lines {
            scanner.line(line);
        }
    }
}
