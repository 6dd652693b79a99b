//! Whole workflows: the model, warnings, and that nothing makes the reader panic.

use proptest::prelude::*;

use super::*;
use crate::workflow::{
    Access, CallSecrets, EVENTS, Grant, InputType, JobKind, Permissions, StepKind,
};

const EVERYTHING: &str = include_str!("../../fixtures/valid/every-key.yml");

fn reading(text: &str) -> Reading {
    read_workflow(SourceFile::new("w.yml", text), &ReadOptions::default())
}

fn said(text: &str) -> Vec<String> {
    reading(text)
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn workflow(text: &str) -> Arc<Workflow> {
    let reading = reading(text);
    reading
        .workflow
        .unwrap_or_else(|| panic!("{:#?}", reading.diagnostics))
}

#[test]
fn every_key_is_read() {
    assert_eq!(said(EVERYTHING), Vec::<String>::new());
    let workflow = workflow(EVERYTHING);
    assert_eq!(workflow.display_name(), "every key");
    assert_eq!(workflow.on.events.len(), 6);
    let dispatch = &workflow.on.events["workflow_dispatch"];
    assert_eq!(dispatch.inputs["level"].kind, InputType::Choice);
    assert_eq!(dispatch.inputs["level"].options, ["low", "high"]);
    assert_eq!(
        workflow.on.events["schedule"].schedules[0].cron.value,
        "30 5 * * 1-5"
    );
    let push = &workflow.on.events["push"];
    assert_eq!(push.branches.as_ref().unwrap()[1].value, "releases/**");
    let Some(Permissions {
        grant: grant @ Grant::Map(_),
        ..
    }) = &workflow.permissions
    else {
        panic!()
    };
    assert_eq!(grant.access("contents"), Access::Read);
    let JobKind::Steps(job) = &workflow.jobs["build"].kind else {
        panic!()
    };
    let ids: Vec<_> = job.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "__actions_checkout",
            "server",
            "__run",
            "__wait",
            "__cancel",
            "__wait-all",
            "__parallel"
        ]
    );
    assert!(job.steps[1].background);
    assert!(matches!(&job.steps[6].kind, StepKind::Parallel(steps) if steps.len() == 2));
    let JobKind::Call(call) = &workflow.jobs["call"].kind else {
        panic!()
    };
    assert!(matches!(call.secrets, CallSecrets::Inherit));
    assert_eq!(workflow.jobs["call"].needs[0].value, "build");
}

#[test]
fn keys_that_are_not_acted_on_are_said() {
    let workflow = workflow(EVERYTHING);
    let notices: Vec<_> = workflow
        .not_acted_on(false)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(notices.len(), 3, "{notices:#?}");
    for key in ["timezone", "snapshot", "id-token: write"] {
        assert!(
            notices
                .iter()
                .any(|notice| notice.contains(&format!("`{key}`"))),
            "{key}: {notices:#?}"
        );
    }
}

#[test]
fn all_events_are_known() {
    for event in EVENTS {
        let jobs = "jobs: {a: {runs-on: x, steps: [{run: x}]}}";
        for on in [
            format!("on: {event}"),
            format!("on: [{event}]"),
            format!("on: {{{event}: }}"),
        ] {
            let allowed = *event == "schedule" && on.contains('{');
            assert_eq!(said(&format!("{on}\n{jobs}")).is_empty(), !allowed, "{on}");
        }
    }
}

#[test]
fn angle_brackets_are_noted_once() {
    let text = "on: push\njobs:\n  a:\n    runs-on: $<< github.x >>\n    steps:\n      - run: cat $<<EOF >> $<< github.y >>\n";
    assert_eq!(
        said(text),
        ["w.yml:4:14: note: GitHub itself takes `$<< >>` as text"]
    );
    let options = ReadOptions {
        angle_delimiters: false,
        ..ReadOptions::default()
    };
    assert!(
        read_workflow(SourceFile::new("w.yml", text), &options)
            .diagnostics
            .is_empty()
    );
}

#[test]
fn faults_show_their_place_inside_the_text() {
    let text = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: |\n          echo\n          é ${{ nope }}\n";
    let reading = reading(text);
    let one = &reading.diagnostics[0];
    assert_eq!(one.to_string().split(": ").next(), Some("w.yml:6:14"));
    let file = one.file.as_ref().unwrap();
    assert_eq!(
        file.position(one.labels[0].span.start),
        crate::diagnostic::Position {
            line: 8,
            column: 17
        }
    );
}

#[test]
fn triggers_survive_errors_elsewhere() {
    let reading = reading("on: {push: {branches: main}}\njobs: {a: {runs-on: []}, b: 1}\n");
    assert!(reading.workflow.is_none());
    assert_eq!(
        reading.triggers.unwrap().events["push"]
            .branches
            .as_ref()
            .unwrap()[0]
            .value,
        "main"
    );
}

#[test]
fn long_files_are_judged_at_once() {
    let started = std::time::Instant::now();
    let steps = "- run: x\n".repeat(12_000);
    let long = workflow(&format!(
        "on: push\njobs:\n a:\n  runs-on: x\n  steps:\n  {}",
        steps.replace('\n', "\n  ")
    ));
    assert_eq!(
        long.jobs["a"].steps().unwrap().last().unwrap().id,
        "__run_12000"
    );
    let link = |at: usize| {
        format!(
            " j{at}: {{needs: j{}, runs-on: x, steps: [run: x]}}\n",
            at - 1
        )
    };
    let chain = "on: push\njobs:\n j0: {runs-on: x, steps: [run: x]}\n".to_owned()
        + &(1..3000).map(link).collect::<Vec<_>>().concat();
    assert_eq!(workflow(&chain).jobs.len(), 3000);
    let bad = "on: {push: {x: 1}}\njobs:\n".to_owned()
        + &(0..9000)
            .map(|at| format!(" {at}: 1\n"))
            .collect::<Vec<_>>()
            .concat();
    assert_eq!(reading(&bad).diagnostics.len(), 50);
    let warnings = (0..99)
        .map(|at| format!("  x{at}: 1\n"))
        .collect::<Vec<_>>()
        .concat();
    assert!(
        reading(&format!("on:\n push:\n{warnings}jobs: 1\n"))
            .errors()
            .next()
            .is_some()
    );
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn mutated_workflows_never_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "\\PC{0,6}|[\\[\\]{}:&*!|>'\"#,\\n \\t$-]{1,4}"), 1..8)) {
        let mut text: Vec<char> = EVERYTHING.chars().collect();
        for (at, removed, inserted) in edits {
            let from = at.index(text.len());
            let to = (from + removed).min(text.len());
            text.splice(from..to, inserted.chars());
            if text.is_empty() {
                text.push('a');
            }
        }
        let text: String = text.into_iter().collect();
        for diagnostic in reading(&text).diagnostics {
            prop_assert!(!diagnostic.to_string().is_empty());
            prop_assert!(diagnostic.span.is_some_and(|span| span.start <= span.end && span.end <= text.len()));
        }
    }
}

#[test]
fn w8_a_merge_key_is_explained_where_it_stands() {
    let reading = reading(
        "on: push\nenv: &env {A: 1}\njobs:\n  a:\n    runs-on: x\n    env:\n      <<: *env\n    steps: [{run: a}]\n",
    );
    let [one] = reading.diagnostics.as_slice() else {
        panic!("{:#?}", reading.diagnostics)
    };
    assert_eq!(one.message, "A mapping was not expected");
    assert_eq!(one.labels[0].text, "merged here");
    assert!(one.help[0].contains("no merge keys"), "{:?}", one.help);
}
