//! GitHub's own reader cases: verdict, jobs and the exact template; for errors verdict, places and reasons.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod template;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use lrun::diagnostic::{Diagnostic, Severity, SourceFile};
use lrun::workflow::permissions::PermissionsPolicy;
use lrun::workflow::reusable::{CallRules, check_calls};
use lrun::workflow::{ReadOptions, Reading, read_workflow};
use serde_json::Value;

const DATA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/conformance/workflows"
);

/// Cases, or grades of cases, that are left out, and why.
const LEFT_OUT: &[(&str, &str, &str)] = &[
    (
        "errors-anchor-tag.yml",
        "",
        "from before anchors were allowed",
    ),
    (
        "errors-max-result-size.yml",
        "",
        "counts the bytes of GitHub's own objects",
    ),
    (
        "errors-reusable-workflow-max-result-size.yml",
        "",
        "counts the bytes of GitHub's own objects",
    ),
];

/// Whose reasons a YAML library words.
const YAML_REASONS: &[&str] = &["error.yml", "errors-yaml-tags-explicit-unsupported.yml"];

/// GitHub's reader stops before the service that refuses jobs without steps (SPEC W-72).
const WITHOUT_STEPS: &[&str] = &["concurrency.yml", "misc-jobs.yml"];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    libtest_mimic::run(&args, trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    let Ok(index) = std::fs::read_to_string(Path::new(DATA).join("index.json")) else {
        return vec![Trial::test("workflows", || Ok(())).with_ignored_flag(true)];
    };
    let index: Vec<Value> = serde_json::from_str(&index).unwrap();
    let mut trials = Vec::new();
    for record in index {
        let file = record["file"].as_str().unwrap().to_owned();
        let authority = record["authority"].as_str().unwrap();
        let grades = match record["expect"].as_str().unwrap() {
            "errors" => ["verdict", "position", "reason"],
            _ => ["verdict", "jobs", "exact"],
        };
        for grade in grades {
            let left_out = LEFT_OUT
                .iter()
                .any(|(name, one, _)| *name == file && (one.is_empty() || *one == grade));
            let name = format!("{authority}/{grade}/{file}");
            let record = record.clone();
            trials.push(Trial::test(name, move || run(&record, grade)).with_ignored_flag(left_out));
        }
    }
    trials
}

/// A case, read.
struct Case {
    expected: Value,
    include_source: bool,
    typescript_only: bool,
    reading: Reading,
    called: HashMap<String, Arc<Reading>>,
    errors: Vec<Diagnostic>,
}

fn run(record: &Value, grade: &str) -> Result<(), Failed> {
    let case = read(record);
    let file = record["file"].as_str().unwrap();
    let messages: Vec<String> = case.errors.iter().map(ToString::to_string).collect();
    let expects_errors = case.expected.get("errors").is_some();
    if expects_errors == case.errors.is_empty() {
        return Err(format!("errors expected: {expects_errors}, found: {messages:#?}").into());
    }
    match grade {
        "verdict" => Ok(()),
        "position" => {
            let expected: Vec<_> = expected_errors(&case.expected)
                .into_iter()
                .filter_map(|one| one.0)
                .collect();
            let found = case
                .errors
                .iter()
                .filter_map(|one| one.position().map(|at| (at.line, at.column)));
            let mut found: Vec<_> = found.collect();
            let mut wanted = expected.clone();
            wanted.sort_unstable();
            found.sort_unstable();
            found.dedup();
            wanted.dedup();
            if expected.is_empty() || found == wanted {
                return Ok(());
            }
            Err(format!("expected {wanted:?}, found {messages:#?}").into())
        }
        "reason" if YAML_REASONS.contains(&file) => Ok(()),
        "reason" => {
            let mut wanted: Vec<_> = expected_errors(&case.expected)
                .into_iter()
                .map(|one| one.1)
                .collect();
            let mut found: Vec<_> = case
                .errors
                .iter()
                .map(|one| comparable(&one.message))
                .collect();
            wanted.sort();
            found.sort();
            let same = wanted.len() == found.len()
                && wanted.iter().zip(&found).all(|(wanted, found)| {
                    match wanted.strip_suffix("[...]") {
                        Some(start) => found.starts_with(start),
                        None => wanted == found,
                    }
                });
            if same {
                Ok(())
            } else {
                Err(format!("expected {wanted:#?}, found {found:#?}").into())
            }
        }
        _ => compare(&case, grade),
    }
}

fn compare(case: &Case, grade: &str) -> Result<(), Failed> {
    let mut template = template::Template {
        include_source: case.include_source,
        called: &case.called,
        files: Vec::new(),
    };
    let mut found = template.workflow(case.reading.workflow.as_ref().unwrap());
    let mut expected = case.expected.clone();
    if let Some(map) = expected.as_object_mut() {
        // Event data of editors; `on` has tests of its own.
        map.remove("events");
    }
    if case.typescript_only
        && let Some(map) = found.as_object_mut()
    {
        map.remove("input-types");
    }
    if grade == "jobs" {
        found = outline(&found["jobs"]);
        expected = outline(&expected["jobs"]);
    }
    let mut differences = Vec::new();
    differ("", &expected, &found, &mut differences);
    if differences.is_empty() {
        Ok(())
    } else {
        Err(differences.join("\n").into())
    }
}

/// Ids, kinds, needs, nested jobs and numbers of steps.
fn outline(jobs: &Value) -> Value {
    let jobs = jobs.as_array().map(Vec::as_slice).unwrap_or_default();
    jobs.iter()
        .map(|job| {
            serde_json::json!({
                "id": job["id"], "type": job["type"], "needs": job["needs"],
                "steps": job["steps"].as_array().map(Vec::len), "jobs": outline(&job["jobs"]),
            })
        })
        .collect()
}

fn differ(path: &str, expected: &Value, found: &Value, out: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(left), Value::Object(right)) => {
            for key in left
                .keys()
                .chain(right.keys().filter(|key| !left.contains_key(*key)))
            {
                differ(&format!("{path}/{key}"), &expected[key], &found[key], out);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (at, (left, right)) in left.iter().zip(right).enumerate() {
                differ(&format!("{path}/{at}"), left, right, out);
            }
        }
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => {}
        _ if expected == found => {}
        _ => out.push(format!("{path}: expected {expected}, found {found}")),
    }
}

fn read(record: &Value) -> Case {
    let file = record["file"].as_str().unwrap();
    let text = std::fs::read_to_string(PathBuf::from(DATA).join(file)).unwrap();
    let mut parts = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push_str(line);
        }
    }
    for part in &mut parts {
        part.truncate(part.trim_end_matches('\n').len());
    }
    let number = |name: &str| {
        record["options"][name]
            .as_u64()
            .map(|n| usize::try_from(n).unwrap())
    };
    let mut options = ReadOptions {
        complete: !WITHOUT_STEPS.contains(&file),
        ..ReadOptions::default()
    };
    options.max_depth = number("max-depth").unwrap_or(options.max_depth);
    options.max_file_size = number("max-file-size").unwrap_or(options.max_file_size);
    let mut rules = CallRules::default();
    rules.max_depth = number("max-nested-reusable-workflows-depth").unwrap_or(rules.max_depth);
    if record["options"]["permissions-policy"] == "LimitedRead" {
        rules.policy = PermissionsPolicy::LimitedRead;
    }
    let expected = serde_json::from_str(parts.last().unwrap()).unwrap();
    let source = SourceFile::new(format!(".github/workflows/{file}"), parts[1].as_str());
    let reading = read_workflow(source, &options);
    let mut called = HashMap::new();
    if record["options"]["skip-reusable-workflows"] != true && file.contains("reusable") {
        for pair in parts[2..parts.len() - 1].chunks(2) {
            let name = pair[0].trim().to_owned();
            let source = SourceFile::new(name.as_str(), pair[1].as_str());
            called.insert(name, Arc::new(read_workflow(source, &options)));
        }
    }
    // What only editors refuse is a warning here (SPEC W-50).
    let least = match record["authority"].as_str() {
        Some("typescript-only") => Severity::Warning,
        _ => Severity::Error,
    };
    let diagnostics = reading.diagnostics.iter();
    let mut errors: Vec<Diagnostic> = diagnostics
        .filter(|one| one.severity >= least)
        .cloned()
        .collect();
    if let Some(workflow) = &reading.workflow {
        let mut find = |uses: &str, _: &SourceFile| called.get(uses).cloned();
        errors.extend(check_calls(workflow, rules, &mut find));
    }
    Case {
        expected,
        include_source: record["include_source"] == true,
        typescript_only: record["authority"] == "typescript-only",
        reading,
        called,
        errors,
    }
}

/// Place and reason of each expected message.
fn expected_errors(expected: &Value) -> Vec<(Option<(usize, usize)>, String)> {
    let messages = expected["errors"].as_array().unwrap().iter();
    messages
        .map(|error| {
            let text = error["Message"].as_str().unwrap();
            let text = text
                .strip_prefix("In ")
                .map_or(text, |_| text.rsplit("called workflow ").next().unwrap());
            if let Some((_, rest)) = text.split_once(" (Line: ") {
                let (place, reason) = rest.split_once("): ").unwrap();
                let (line, column) = place.split_once(", Col: ").unwrap();
                return (
                    Some((line.parse().unwrap(), column.parse().unwrap())),
                    comparable(reason),
                );
            }
            let reason = text.split_once(".yml: ").map_or(text, |(_, reason)| reason);
            let reason = reason
                .split_once(".yml@v1: ")
                .map_or(reason, |(_, reason)| reason);
            (None, comparable(reason))
        })
        .collect()
}

/// A reason without what may differ: the place inside it, a slip of the pen, permissions that are newer.
fn comparable(reason: &str) -> String {
    let mut reason = reason.replace(" and and ", " and ");
    if let (Some(from), Some(to)) = (reason.find(" on line "), reason.find(" is invalid for")) {
        reason.replace_range(from..to, "");
    }
    for name in [
        "artifact-metadata",
        "attestations",
        "code-quality",
        "copilot-requests",
        "drives",
    ] {
        for level in ["write", "read", "none"] {
            reason = reason.replace(&format!("{name}: {level}, "), "");
        }
    }
    for name in [
        "models: read",
        "models: none",
        "vulnerability-alerts: read",
        "vulnerability-alerts: none",
    ] {
        reason = reason.replace(&format!(", {name}"), "");
    }
    reason
}
