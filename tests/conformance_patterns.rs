//! Filter patterns, case by case; shown as ignored where the data is absent.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use lrun::diagnostic::Span;
use lrun::plan::pattern::{Filter, Pattern, Subject, oddity};
use lrun::plan::{GithubEvent, trigger};
use lrun::workflow::{Spanned, Trigger};
use serde_json::{Map, Value, json};

const DATA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/conformance/patterns.json"
);

fn main() -> ExitCode {
    let trials = match std::fs::read_to_string(DATA) {
        Ok(text) => trials(&serde_json::from_str(&text).unwrap()),
        Err(_) => vec![Trial::test("patterns", || Ok(())).with_ignored_flag(true)],
    };
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trials(data: &Value) -> Vec<Trial> {
    type Case = fn(&Value) -> Result<(), Failed>;
    let kinds: [(&str, Case); 3] = [
        ("match", matches),
        ("events", triggers),
        ("invalid", refused),
    ];
    let mut trials = Vec::new();
    for (kind, test) in kinds {
        for case in data[kind].as_array().unwrap() {
            let name = format!("{kind}::{}", case["id"].as_str().unwrap());
            let case = case.clone();
            trials.push(Trial::test(name, move || test(&case)));
        }
    }
    trials
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().unwrap().to_owned())
            .collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    }
}

fn expect(case: &Value, actual: bool) -> Result<(), Failed> {
    if case["runs"] == json!(actual) {
        Ok(())
    } else {
        Err(format!("runs: {actual}, in {case}").into())
    }
}

fn matches(case: &Value) -> Result<(), Failed> {
    let patterns = texts(&case["patterns"]);
    let inputs = texts(&case["inputs"]);
    let name = case["filter"].as_str().unwrap();
    let filter = if name.ends_with("-ignore") {
        Filter::ignore(&patterns)?
    } else {
        Filter::include(&patterns)?
    };
    let runs = if name.starts_with("paths") {
        filter.allows_any(&inputs)
    } else {
        inputs.iter().all(|input| filter.allows(input))
    };
    expect(case, runs)
}

fn triggers(case: &Value) -> Result<(), Failed> {
    let event = event(case);
    let runs = find_trigger(&case["on"], &event.name)
        .is_some_and(|trigger| trigger::stops(&trigger, &event, None).is_empty());
    expect(case, runs)
}

fn find_trigger(on: &Value, name: &str) -> Option<Trigger> {
    match on {
        Value::Object(events) => events.get(name).map(read_trigger),
        names => texts(names)
            .contains(&name.to_owned())
            .then(Trigger::default),
    }
}

fn read_trigger(config: &Value) -> Trigger {
    let list = |key: &str| {
        let patterns = config.get(key)?;
        let spanned = |value| Spanned {
            value,
            span: Span::default(),
        };
        Some(texts(patterns).into_iter().map(spanned).collect())
    };
    Trigger {
        types: list("types"),
        branches: list("branches"),
        branches_ignore: list("branches-ignore"),
        tags: list("tags"),
        tags_ignore: list("tags-ignore"),
        paths: list("paths"),
        paths_ignore: list("paths-ignore"),
        ..Trigger::default()
    }
}

fn event(case: &Value) -> GithubEvent {
    let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
    let git_ref = text("ref");
    let (ref_type, ref_name) = match git_ref.strip_prefix("refs/tags/") {
        Some(tag) => ("tag", tag),
        None => ("branch", git_ref.trim_start_matches("refs/heads/")),
    };
    let mut payload = Map::new();
    if let Some(action) = case.get("action") {
        payload.insert("action".into(), action.clone());
    }
    GithubEvent {
        name: text("event"),
        payload,
        sha: String::new(),
        ref_name: ref_name.to_owned(),
        ref_type: ref_type.to_owned(),
        git_ref: git_ref.clone(),
        head_ref: String::new(),
        base_ref: text("base"),
        changed_files: case.get("changed").map(texts),
        notes: Vec::new(),
    }
}

fn refused(case: &Value) -> Result<(), Failed> {
    let pattern = case["pattern"].as_str().unwrap();
    let read = Pattern::parse(pattern);
    if case["act_rejects_too"] == json!(true) {
        return match read {
            Ok(_) => Err(format!("not refused: {case}").into()),
            Err(_) => Ok(()),
        };
    }
    read?;
    let odd = [Subject::Ref, Subject::Path]
        .into_iter()
        .any(|subject| oddity(pattern, subject).is_some());
    if odd {
        Ok(())
    } else {
        Err(format!("nothing odd found: {case}").into())
    }
}
