//! GitHub's own expression cases, one test a case; ignored where the data is absent.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use lrun::expr::{Context, Expr, Names, Stage, Value};
use serde_json::{Map, Value as Json};

const DATA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/conformance/expressions"
);

fn main() -> ExitCode {
    let args = Arguments::from_args();
    libtest_mimic::run(&args, trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    let Ok(folder) = Path::new(DATA).read_dir() else {
        let absent = Trial::test("expressions", || Ok(()));
        return vec![absent.with_ignored_flag(true)];
    };
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
    files.sort();
    let mut trials = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let groups: Map<String, Json> = serde_json::from_str(&text).unwrap();
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        for (group, cases) in groups {
            for (at, case) in cases.as_array().unwrap().iter().enumerate() {
                let case = case.clone();
                let name = format!("{stem}/{group}/{at}");
                trials.push(Trial::test(name, move || check(&case)));
            }
        }
    }
    trials
}

/// Exactly the contexts of a case.
struct Contexts(Value);

impl Context for Contexts {
    fn named_value(&self, name: &str) -> Value {
        self.0.get(name)
    }

    fn call(&self, function: &str, _: &[Value]) -> Result<Value, String> {
        Err(format!("no function {function}"))
    }
}

fn check(case: &Json) -> Result<(), Failed> {
    let text = case["expr"].as_str().unwrap();
    let contexts = case.get("contexts").cloned().unwrap_or(Json::Null);
    let names = Names {
        values: contexts
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .map(|key| key.clone().into())
            .collect(),
        functions: Vec::new(),
    };
    let contexts = Contexts(Value::from_json(&contexts));
    let found = Expr::parse(text, &names).and_then(|expr| expr.evaluate(&contexts));
    match (found, case.get("result"), case.get("err")) {
        (Ok(value), Some(expected), _) => {
            same(value.kind(), &expected["kind"], text)?;
            if same_json(&value.to_json(), &expected["value"]) {
                return Ok(());
            }
            Err(format!("{text}\n found {value:?}\n expected {expected}").into())
        }
        (Err(error), _, Some(expected)) => {
            let stage = match error.stage {
                Stage::Lexing => "lexing",
                Stage::Parsing => "parsing",
                Stage::Evaluation => "evaluation",
            };
            same(stage, &expected["kind"], text)?;
            let part = expected["value"].as_str().unwrap();
            if error.to_string().contains(part) {
                return Ok(());
            }
            Err(format!("found {error}\n expected {part}").into())
        }
        (found, ..) => Err(format!("{text}\n found {found:?}\n expected {case}").into()),
    }
}

fn same(found: &str, expected: &Json, text: &str) -> Result<(), Failed> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{text}\n found {found}, expected {expected}").into())
}

/// Numbers compare as doubles; keys keep their order.
fn same_json(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|((k, a), (l, b))| k == l && same_json(a, b))
        }
        _ => left == right,
    }
}
