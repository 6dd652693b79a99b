//! Which event, which workflows: the sentences of the contract, one by one.

use std::sync::Arc;

use serde_json::json;

use super::{
    Candidate, Choice, Request, SelectError, SelectedWorkflow, State, choose_event, select,
};
use crate::plan::github_event::GithubEvent;
use crate::plan::sample::{event, workflow};
use crate::workflow::Workflow;

fn jobs(names: &[&str]) -> String {
    let jobs = names.iter().map(|name| {
        let (id, needs) = name.split_once('<').unwrap_or((name, ""));
        format!("  {id}:\n    needs: [{needs}]\n    runs-on: self-hosted\n    steps: [run: a]\n")
    });
    jobs.collect()
}

/// `on` in flow style, and jobs as `id` or `id<need,need`.
fn make(files: &[(&str, &str, &[&str])]) -> Vec<Arc<Workflow>> {
    files
        .iter()
        .map(|(path, on, names)| workflow(path, &format!("on: {on}\njobs:\n{}", jobs(names))))
        .collect()
}

fn candidates(workflows: &[Arc<Workflow>]) -> Vec<Candidate<'_>> {
    workflows
        .iter()
        .map(|workflow| Candidate {
            file: &workflow.source.path,
            state: State::Valid(workflow),
        })
        .collect()
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The event and its reason, or the error.
fn chosen(workflows: &[Arc<Workflow>], request: &Request<'_>) -> String {
    match choose_event(&candidates(workflows), request) {
        Ok(event) => event.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn the_event_follows_the_order_of_the_contract() {
    let ci = make(&[("ci.yml", "[pull_request, push]", &["build"])]);
    let dispatch = make(&[
        ("a.yml", "push", &["build"]),
        ("b.yml", "workflow_dispatch", &["deploy"]),
    ]);
    let only = make(&[("b.yml", "workflow_call", &["called"])]);
    let called_beside = make(&[
        ("a.yml", "release", &["ship"]),
        ("b.yml", "workflow_call", &["called"]),
    ]);
    let many = make(&[("a.yml", "[release, issues]", &["x"])]);
    let plain = Request::default();
    let inputs = Request {
        inputs_typed: true,
        ..Request::default()
    };
    let detect = Request {
        detect_event: true,
        ..Request::default()
    };
    let typed = |event| Request {
        event: Some(event),
        ..Request::default()
    };
    let deploy = strings(&["deploy"]);
    let with_job = Request {
        jobs: &deploy,
        jobs_typed: true,
        ..Request::default()
    };
    let with_job_and_event = Request {
        event: Some("push"),
        ..with_job.clone()
    };
    let table = [
        (&ci, plain.clone(), "push (ci.yml lists it)"),
        (&ci, typed("pull_request"), "pull_request (typed)"),
        (&ci, inputs.clone(), "push (ci.yml lists it)"),
        (
            &dispatch,
            inputs.clone(),
            "workflow_dispatch (--input is given and b.yml lists it)",
        ),
        (&dispatch, plain.clone(), "push (a.yml lists it)"),
        // Only the workflows that have the job count.
        (
            &dispatch,
            with_job.clone(),
            "workflow_dispatch (the only event listed)",
        ),
        (&dispatch, with_job_and_event, "push (typed)"),
        (
            &only,
            plain.clone(),
            "workflow_call (the only event listed)",
        ),
        (
            &called_beside,
            plain.clone(),
            "release (the only event listed)",
        ),
        (
            &called_beside,
            typed("workflow_call"),
            "workflow_call (typed)",
        ),
        (
            &many,
            plain.clone(),
            "error: several events could start this: issues, release",
        ),
        (
            &many,
            detect.clone(),
            "issues (--detect-event: the first by alphabet)",
        ),
        (
            &ci,
            detect,
            "pull_request (--detect-event: the first by alphabet)",
        ),
        (
            &ci,
            typed("release"),
            "error: no workflow lists the event 'release'; listed: pull_request, push",
        ),
    ];
    for (workflows, request, expected) in table {
        assert_eq!(chosen(workflows, &request), expected, "{request:?}");
    }
    assert_eq!(
        choose_event(&[], &Request::default()),
        Err(SelectError::NoWorkflow)
    );
}

#[test]
fn unknown_and_scattered_jobs_are_refused() {
    let workflows = make(&[
        ("a.yml", "push", &["build", "test"]),
        ("b.yml", "release", &["ship"]),
    ]);
    let choose = |names: &[&str]| {
        let jobs = strings(names);
        let request = Request {
            jobs: &jobs,
            jobs_typed: true,
            ..Request::default()
        };
        chosen(&workflows, &request)
    };
    assert_eq!(
        choose(&["biuld"]),
        "error: no workflow has a job 'biuld' (did you mean 'build'?)"
    );
    assert_eq!(
        choose(&["build", "ship"]),
        "error: job 'ship' is only in workflows that do not list 'push' (b.yml); the other jobs asked for are in ones that do"
    );
    assert_eq!(choose(&["ship"]), "release (the only event listed)");
    let unknown = SelectError::UnknownJob {
        name: "x".into(),
        near: None,
        available: strings(&["build", "ship"]),
    };
    assert_eq!(unknown.help().unwrap(), "jobs: build, ship");
}

fn pushed(branch: &str) -> GithubEvent {
    event("push", branch, &json!({}))
}

fn one(on: &str, request: &Request<'_>, event: &GithubEvent) -> SelectedWorkflow {
    let workflows = make(&[(
        "ci.yml",
        on,
        &["lint", "build", "test<build", "deploy<test"],
    )]);
    let mut selection = select(&candidates(&workflows), request, event, None);
    selection.workflows.remove(0)
}

#[test]
fn filters_keep_out_and_say_so() {
    let changed = |files: &[&str]| GithubEvent {
        changed_files: Some(strings(files)),
        ..pushed("main")
    };
    let tag = GithubEvent {
        ref_type: "tag".into(),
        ..pushed("v1")
    };
    let request = |action: &str| event("pull_request", "x", &json!({"action": action}));
    let skip = event(
        "push",
        "main",
        &json!({"head_commit": {"message": "fix [Skip CI]"}}),
    );
    let trailer = event(
        "push",
        "main",
        &json!({"head_commit": {"message": "fix\n\n\nskip-checks: true"}}),
    );
    let source_run = event(
        "workflow_run",
        "main",
        &json!({"action": "completed", "workflow_run": {"name": "Build", "head_branch": "dev"}}),
    );
    let table = [
        (
            "{push: {branches: [main, 'rel/**']}}",
            pushed("x"),
            "`branches: [main, rel/**]` does not fit the branch 'x'",
        ),
        (
            "{push: {branches-ignore: ['x*']}}",
            pushed("xy"),
            "`branches-ignore: [x*]` keeps out the branch 'xy'",
        ),
        (
            "{push: {branches: [main]}}",
            tag.clone(),
            "`branches: [main]` alone lets only branches in, not the tag 'v1'",
        ),
        (
            "{push: {tags: ['v*']}}",
            pushed("main"),
            "`tags: [v*]` alone lets only tags in, not the branch 'main'",
        ),
        (
            "{push: {tags-ignore: ['v*']}}",
            tag.clone(),
            "`tags-ignore: [v*]` keeps out the tag 'v1'",
        ),
        (
            "{push: {paths: ['src/**']}}",
            changed(&["doc/a.md"]),
            "`paths: [src/**]` fits none of the changed files ('doc/a.md')",
        ),
        (
            "{push: {paths-ignore: ['**.md']}}",
            changed(&["a.md", "b.md"]),
            "`paths-ignore: [**.md]` keeps out all of the 2 changed files ('a.md' …)",
        ),
        (
            "{push: {paths: ['src/**']}}",
            changed(&[]),
            "`paths: [src/**]` needs a changed file, and there is none",
        ),
        (
            "{pull_request: {branches: [dev]}}",
            request("opened"),
            "`branches: [dev]` does not fit the base branch 'main'",
        ),
        (
            "{pull_request: {types: [labeled]}}",
            request("opened"),
            "`types: [labeled]` leaves out 'opened'",
        ),
        (
            "pull_request",
            request("closed"),
            "without `types` a pull request counts when opened, synchronize or reopened, not when 'closed'",
        ),
        (
            "{workflow_run: {workflows: [Test], branches: [dev]}}",
            source_run.clone(),
            "`workflows: [Test]` leaves out the workflow 'Build'",
        ),
        (
            "{workflow_run: {workflows: [Build], branches: [main]}}",
            source_run,
            "`branches: [main]` does not fit the head branch of the source run 'dev'",
        ),
        ("push", skip, "the commit message says '[skip ci]'"),
        (
            "push",
            trailer,
            "the commit message says 'skip-checks: true'",
        ),
        (
            "{push: {branches: [main], paths: [a]}}",
            GithubEvent {
                ref_name: "x".into(),
                ..changed(&["b"])
            },
            "`branches: [main]` does not fit the branch 'x'; `paths: [a]` fits none of the changed files ('b')",
        ),
    ];
    for (on, event, reason) in table {
        let found = one(on, &Request::default(), &event);
        assert!(!found.triggered, "{on}");
        assert_eq!(found.reason, reason, "{on}");
        assert_eq!(
            found.help.unwrap(),
            format!("lrun {} -W ci.yml", event.name),
            "{on}"
        );
    }
}

#[test]
fn the_payload_speaks_before_the_head_commit() {
    // SPEC T-23.
    let said = |payload: &serde_json::Value, name: &str, head: Option<&str>| {
        let workflows = make(&[("ci.yml", "[push, pull_request]", &["a"])]);
        let event = event(name, "main", payload);
        let selection = select(&candidates(&workflows), &Request::default(), &event, head);
        selection.triggered().count()
    };
    let clean = json!({"head_commit": {"message": "fix"}});
    assert_eq!(said(&clean, "push", Some("[skip ci]")), 1);
    assert_eq!(said(&json!({}), "push", Some("[skip ci]")), 0);
    assert_eq!(said(&json!({}), "pull_request", Some("x [no ci]")), 0);
    assert_eq!(said(&json!({}), "pull_request", Some("skip ci")), 1);
}

#[test]
fn what_passes_runs_all_jobs_in_file_order() {
    let found = one("push", &Request::default(), &pushed("x"));
    assert!(found.triggered);
    assert_eq!(found.reason, "lists 'push'");
    assert_eq!(found.jobs, ["lint", "build", "test", "deploy"]);
    let other = one("[release, issues]", &Request::default(), &pushed("x"));
    assert_eq!(
        (
            other.triggered,
            other.reason.as_str(),
            other.help.as_deref()
        ),
        (
            false,
            "does not list 'push' (lists release, issues)",
            Some("lrun release")
        )
    );
    // Without a diff the workflow runs (SPEC W-59).
    assert!(one("{push: {paths: [a]}}", &Request::default(), &pushed("x")).triggered);
}

#[test]
fn only_the_command_line_lifts_filters() {
    let on = "{push: {branches: [main]}}";
    let jobs = strings(&["TEST"]);
    let with = |jobs, jobs_typed, workflows| Request {
        jobs,
        jobs_typed,
        workflows,
        ..Request::default()
    };
    let none: &[String] = &[];
    let table = [
        (with(none, false, Choice::All), None),
        (with(none, false, Choice::Folder), None),
        (with(none, false, Choice::Configured), None),
        (with(&jobs, false, Choice::All), None),
        (with(none, false, Choice::File), Some("-W")),
        (with(&jobs, true, Choice::Configured), Some("-j")),
    ];
    for (request, flag) in table {
        let found = one(on, &request, &pushed("x"));
        assert_eq!(found.triggered, flag.is_some(), "{request:?}");
        let Some(flag) = flag else { continue };
        assert_eq!(found.lifted, ["branches"]);
        assert_eq!(
            found.reason,
            format!("{flag} runs it, though `branches: [main]` does not fit the branch 'x'")
        );
    }
    let found = one(on, &with(&jobs, true, Choice::All), &pushed("main"));
    assert_eq!(found.jobs, ["build", "test"]);
    assert!(found.lifted.is_empty());
}

#[test]
fn a_job_runs_on_an_event_that_none_lists_with_a_warning() {
    let workflows = make(&[("a.yml", "push", &["build"]), ("b.yml", "push", &["ship"])]);
    let jobs = strings(&["build"]);
    let request = Request {
        event: Some("release"),
        jobs: &jobs,
        jobs_typed: true,
        ..Request::default()
    };
    assert_eq!(chosen(&workflows, &request), "release (typed)");
    let release = event("release", "main", &json!({"action": "published"}));
    let selection = select(&candidates(&workflows), &request, &release, None);
    assert_eq!(
        selection.warnings,
        ["no workflow with the job 'build' lists 'release': on GitHub this would never run"]
    );
    assert!(selection.workflows[0].triggered);
    assert_eq!(selection.workflows[1].reason, "has no job build");
    assert_eq!(selection.triggered().count(), 1);
}

#[test]
fn broken_workflows_end_the_run_only_where_they_are_selected() {
    let good = make(&[("a.yml", "push", &["build"])]);
    let on_push = &good[0].on;
    let release = workflow("x.yml", &format!("on: release\njobs:\n{}", jobs(&["a"])));
    let jobs = strings(&["build"]);
    let table = [
        // (on of the broken one, -j, broken and selected)
        (Some(on_push), false, true),
        (Some(&release.on), false, false),
        (None, false, true),
        (None, true, false),
        (Some(on_push), true, false),
    ];
    for (on, with_job, selected) in table {
        let mut all = candidates(&good);
        all.push(Candidate {
            file: "broken.yml",
            state: State::Broken {
                on,
                jobs: Vec::new(),
            },
        });
        let request = Request {
            jobs: if with_job { &jobs } else { &[] },
            jobs_typed: with_job,
            ..Request::default()
        };
        assert_eq!(choose_event(&all, &request).unwrap().name, "push");
        let selection = select(&all, &request, &pushed("main"), None);
        let expected: (&[usize], &[usize]) = if selected { (&[1], &[]) } else { (&[], &[1]) };
        assert_eq!(
            (selection.broken.as_slice(), selection.ignored.as_slice()),
            expected
        );
        assert!(!selection.workflows[1].triggered);
    }
}

#[test]
fn more_than_300_files_give_a_warning_where_github_would_not_see() {
    let files: Vec<String> = (0..400).map(|n| format!("f{n}")).collect();
    let event = GithubEvent {
        changed_files: Some(files),
        ..pushed("main")
    };
    let workflows = make(&[("ci.yml", "{push: {paths: [f399]}}", &["build"])]);
    let selection = select(&candidates(&workflows), &Request::default(), &event, None);
    assert!(selection.workflows[0].triggered);
    assert!(selection.warnings[0].starts_with("ci.yml: GitHub looks at the first 300 of 400"));
}
