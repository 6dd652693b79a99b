//! Evaluated tokens follow the rules of literals.

use super::*;
use crate::workflow::{JobKind, ReadOptions, StepsJob, Workflow, read_workflow};

struct Contexts(serde_json::Value);

impl Context for Contexts {
    fn named_value(&self, name: &str) -> Value {
        Value::from_json(&self.0).get(name)
    }

    fn call(&self, function: &str, _: &[Value]) -> Result<Value, String> {
        Ok(Value::Bool(function == "success"))
    }
}

fn workflow(job: &str) -> Workflow {
    let text = format!("on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{{run: echo}}]\n{job}");
    let reading = read_workflow(SourceFile::new("w.yml", text), &ReadOptions::default());
    let said: Vec<_> = reading
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    reading
        .workflow
        .and_then(Arc::into_inner)
        .unwrap_or_else(|| panic!("{said:#?}"))
}

fn with<T>(job: &str, check: impl Fn(&Evaluator<'_>, &StepsJob) -> T) -> T {
    let workflow = workflow(job);
    let context = Contexts(serde_json::json!({
        "matrix": {
            "text": "5", "number": 5, "yes": true, "list": ["a", "b"], "map": {"A": 1, "B": "x"}, "null": null,
            "container": {"image": "docker://node", "ports": [80, "90:90"], "env": {"X": 1}},
        },
    }));
    let evaluator = Evaluator {
        context: &context,
        source: &workflow.source,
    };
    let JobKind::Steps(job) = &workflow.jobs["a"].kind else {
        panic!()
    };
    check(&evaluator, job)
}

#[test]
fn w21_a_text_is_no_number() {
    let minutes = |text: &str| {
        with(
            &format!("    timeout-minutes: {text}\n"),
            |evaluator, job| {
                evaluator
                    .number(job.timeout_minutes.as_ref().unwrap())
                    .map_err(|error| error.to_string())
            },
        )
    };
    assert_eq!(minutes("7"), Ok(7.0));
    assert_eq!(minutes("${{ matrix.number }}"), Ok(5.0));
    assert_eq!(minutes("${{ fromJSON(matrix.text) }}"), Ok(5.0));
    let invalid = "The template is not valid. w.yml (Line: 6, Col: 22): Unexpected value '5'";
    assert_eq!(minutes("${{ matrix.text }}"), Err(invalid.into()));
    let list = "The template is not valid. w.yml (Line: 6, Col: 22): A sequence was not expected";
    assert_eq!(minutes("${{ matrix.list }}"), Err(list.into()));
}

#[test]
fn w24_w23_maps() {
    let env = |text: &str| {
        with(&format!("    env: {text}\n"), |evaluator, job| {
            let map = evaluator
                .string_map(job.env.as_ref().unwrap())
                .map_err(|error| error.message)?;
            Ok(map
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
                .join(" "))
        })
    };
    assert_eq!(
        env("{A: 1.0, B: ~, C: true, D: '${{ matrix.number }}x'}"),
        Ok("A=1 B= C=true D=5x".into())
    );
    assert_eq!(env("${{ matrix.map }}"), Ok("A=1 B=x".into()));
    assert_eq!(env("{'${{ matrix.text }}': y}"), Ok("5=y".into()));
    assert_eq!(
        env("{Z: 0, '${{ insert }}': '${{ matrix.map }}'}"),
        Ok("Z=0 A=1 B=x".into())
    );
    assert_eq!(
        env("{a: 0, '${{ insert }}': '${{ matrix.map }}'}"),
        Err::<String, _>("'A' is already defined".to_owned())
    );
    assert_eq!(
        env("{A: '${{ matrix.list }}'}"),
        Err("A sequence was not expected".to_owned())
    );
    assert_eq!(
        env("${{ matrix.text }}"),
        Err("Unexpected value '5'".to_owned())
    );
}

#[test]
fn w26b_lists_are_spliced() {
    let labels = |text: &str| {
        with(
            &format!("    strategy: {{matrix: {{x: {text}}}}}\n"),
            |evaluator, _| {
                let workflow = workflow(&format!("    strategy: {{matrix: {{x: {text}}}}}\n"));
                let strategy = workflow.jobs["a"].strategy.as_ref().unwrap();
                let vector = strategy
                    .value
                    .get("matrix")
                    .and_then(|matrix| matrix.get("x"))
                    .unwrap();
                evaluator.value(vector).unwrap().to_json()
            },
        )
    };
    assert_eq!(
        labels("[1, '${{ fromJSON(''[2, [3]]'') }}', [4]]"),
        serde_json::json!([1, 2, [3], [4]])
    );
}

#[test]
fn w71_runs_on() {
    let runs_on = |text: &str| {
        let mut workflow = workflow("");
        let read = read_workflow(
            SourceFile::new(
                "w.yml",
                format!("on: push\njobs: {{a: {{runs-on: {text}, steps: [{{run: x}}]}}}}"),
            ),
            &ReadOptions::default(),
        );
        workflow.jobs = Arc::into_inner(read.workflow.unwrap()).unwrap().jobs;
        let context = Contexts(serde_json::json!({"matrix": {"list": ["a", "b"], "text": "5"}}));
        let JobKind::Steps(job) = &workflow.jobs["a"].kind else {
            panic!()
        };
        let evaluator = Evaluator {
            context: &context,
            source: &workflow.source,
        };
        evaluator
            .runs_on(&job.runs_on)
            .map_err(|error| error.message)
    };
    assert_eq!(runs_on("ubuntu-latest").unwrap().labels, ["ubuntu-latest"]);
    assert_eq!(runs_on("'${{ matrix.list }}'").unwrap().labels, ["a", "b"]);
    let both = runs_on("{group: org/x, labels: ['${{ matrix.text }}', y]}").unwrap();
    assert_eq!(
        (both.group.as_deref(), both.labels),
        (Some("org/x"), vec!["5".to_owned(), "y".to_owned()])
    );
    assert_eq!(
        runs_on("'${{ matrix.none }}'").unwrap_err(),
        "Unexpected value ''"
    );
    assert!(runs_on("{group: '${{ format(''a/b/c'') }}'}").is_err());
}

#[test]
fn w120_containers() {
    let text = "    container: ${{ matrix.container }}\n    services: {db: {image: 'x:${{ matrix.number }}', command: run}, none: '${{ matrix.none }}'}\n";
    with(text, |evaluator, job| {
        let container = evaluator
            .container(job.container.as_ref().unwrap())
            .unwrap()
            .unwrap();
        assert_eq!(container.image, "node", "W-122");
        assert_eq!(container.ports, ["80", "90:90"]);
        assert_eq!(container.env["X"], "1");
        let services = evaluator.services(job.services.as_ref().unwrap()).unwrap();
        assert_eq!(
            services["db"].as_ref().unwrap().command.as_deref(),
            Some("run")
        );
        assert_eq!(services["none"], None, "W-122");
    });
}

#[test]
fn e62_conditions_are_truthy() {
    let holds = |text: &str| {
        let workflow = workflow(&format!("    if: {text}\n"));
        let context = Contexts(serde_json::json!({"github": {"ref": "x"}}));
        let evaluator = Evaluator {
            context: &context,
            source: &workflow.source,
        };
        evaluator
            .condition(&workflow.jobs["a"].condition)
            .map_err(|error| error.to_string())
    };
    assert_eq!(holds("github.ref"), Ok(true));
    assert_eq!(holds("github.ref == 'y'"), Ok(false));
    assert_eq!(holds("${{ github.ref }} == 'y'"), Ok(true), "E-60");
    assert!(holds("fromJSON('{')").is_err());
}
