//! `lrun check`: diagnostics in the form asked for.

use std::collections::HashSet;
use std::fmt::Write as _;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Severity};
use crate::report::wording::counted;
use crate::report::{Colors, diagnostic};

/// The forms of `lrun check --format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CheckFormat {
    #[default]
    Text,
    Json,
    Sarif,
    Github,
}

impl ValueEnum for CheckFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json, Self::Sarif, Self::Github]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Github => "github",
        }))
    }
}

/// The diagnostics in a form, with a line break at its end.
pub fn render(diagnostics: &[Diagnostic], format: CheckFormat, colors: Colors) -> String {
    match format {
        CheckFormat::Text => text(diagnostics, colors),
        CheckFormat::Json => document(&entries(diagnostics).into()),
        CheckFormat::Sarif => document(&sarif(diagnostics)),
        CheckFormat::Github => diagnostics.iter().map(command).collect(),
    }
}

/// The stable form of diagnostics (DESIGN 7).
pub fn entries(diagnostics: &[Diagnostic]) -> Vec<Value> {
    diagnostics.iter().map(entry).collect()
}

/// 2 when an error is among them, else 0.
pub fn exit_code(diagnostics: &[Diagnostic]) -> u8 {
    if diagnostics.iter().any(Diagnostic::is_error) {
        2
    } else {
        0
    }
}

fn text(diagnostics: &[Diagnostic], colors: Colors) -> String {
    let mut text = String::new();
    for it in diagnostics {
        text.push_str(&diagnostic::render(it, colors));
        text.push('\n');
    }
    if !diagnostics.is_empty() {
        text.push_str(&counts(diagnostics));
        text.push('\n');
    }
    text
}

/// `2 errors, 1 warning in 3 files`.
fn counts(diagnostics: &[Diagnostic]) -> String {
    let of = |severity| {
        diagnostics
            .iter()
            .filter(|it| it.severity == severity)
            .count()
    };
    let mut line = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter(|severity| of(*severity) > 0)
        .map(|severity| counted(of(severity), severity.as_str()))
        .collect::<Vec<_>>()
        .join(", ");
    let files: HashSet<&str> = diagnostics
        .iter()
        .filter_map(|it| it.file.as_deref())
        .map(|file| file.path.as_str())
        .collect();
    if !files.is_empty() {
        _ = write!(line, " in {}", counted(files.len(), "file"));
    }
    line
}

fn document(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Where a diagnostic starts and ends: from 1, in characters, the end exclusive.
struct Place {
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl Place {
    fn of(it: &Diagnostic) -> Option<Self> {
        let file = it.file.as_ref()?;
        let span = it.span.unwrap_or_default();
        let start = file.position(span.start);
        let end = file.position(span.end.max(span.start));
        Some(Self {
            file: file.path.clone(),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
        })
    }
}

/// The stable form knows two severities.
fn severity(it: &Diagnostic) -> &'static str {
    match it.severity {
        Severity::Error => "error",
        Severity::Warning | Severity::Note => "warning",
    }
}

fn entry(it: &Diagnostic) -> Value {
    let place = Place::of(it);
    let number = |of: fn(&Place) -> usize| place.as_ref().map(of);
    json!({
        "file": place.as_ref().map(|place| place.file.as_str()),
        "line": number(|place| place.line),
        "column": number(|place| place.column),
        "end_line": number(|place| place.end_line),
        "end_column": number(|place| place.end_column),
        "severity": severity(it),
        "code": it.code,
        "message": it.message,
    })
}

fn sarif(diagnostics: &[Diagnostic]) -> Value {
    let mut codes: Vec<&str> = diagnostics.iter().map(|it| it.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|it| sarif_result(it, &codes))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| json!({ "id": code })).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn sarif_result(it: &Diagnostic, codes: &[&str]) -> Value {
    let message = std::iter::once(it.message.as_str())
        .chain(it.help.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join("\n");
    let mut result = json!({
        "ruleId": it.code,
        "ruleIndex": codes.binary_search(&it.code).unwrap_or_default(),
        "level": it.severity.as_str(),
        "message": { "text": message },
    });
    if let Some(place) = Place::of(it) {
        result["locations"] = json!([{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&place.file) },
            "region": {
                "startLine": place.line,
                "startColumn": place.column,
                "endLine": place.end_line,
                "endColumn": place.end_column,
            },
        }}]);
    }
    result
}

/// A path as a relative reference: bytes that a URI may not hold are escaped.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri
}

/// A workflow command (SPEC K-1, K-2), as GitHub turns it into an annotation.
fn command(it: &Diagnostic) -> String {
    let mut line = format!(
        "::{} ",
        if it.severity == Severity::Note {
            "notice"
        } else {
            severity(it)
        }
    );
    if let Some(place) = Place::of(it) {
        _ = write!(line, "file={},line={},", property(&place.file), place.line);
        // K-10: columns count only within one line.
        if place.line == place.end_line {
            _ = write!(
                line,
                "col={},endLine={},endColumn={},",
                place.column, place.end_line, place.end_column
            );
        } else {
            _ = write!(line, "endLine={},", place.end_line);
        }
    }
    _ = writeln!(line, "title={}::{}", property(it.code), data(&it.message));
    line
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
