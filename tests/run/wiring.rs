//! What surrounds steps: environments, hooks, matchers, groups, limits, names.

use lrun::event::{Annotation, EventKind, Level};
use lrun::executor::fake::{Fake, Reply};
use lrun::run::concurrency::{GroupRequest, Groups, Holder, Queue, Terms};
use tokio_util::sync::CancellationToken;

use crate::harness::{Scene, Seen};

const MATCHER: &str = r#"{"problemMatcher": [{"owner": "tool", "pattern": [
    {"regexp": "^(\\S+):(\\d+): (warning|error): (.*)$", "file": 1, "line": 2, "severity": 3, "message": 4}]}]}"#;

fn found(seen: &Seen) -> Vec<Annotation> {
    let annotation = |event: &lrun::event::Event| match &event.kind {
        EventKind::Annotation(found) => Some(found.clone()),
        _ => None,
    };
    seen.events.iter().filter_map(annotation).collect()
}

fn notes(seen: &Seen) -> Vec<String> {
    let note = |event: &lrun::event::Event| match &event.kind {
        // The scripted machine has no watchdog.
        EventKind::Note { text, .. } if !text.contains("watchdog") => Some(text.clone()),
        _ => None,
    };
    seen.events.iter().filter_map(note).collect()
}

/// Prints text, after writing a matcher file into the workspace.
fn with_matcher(text: &str) -> Reply {
    Reply::exit(0).stdout(text).act(|command| {
        std::fs::write(command.cwd.join("m.json"), MATCHER).unwrap();
        std::fs::write(command.cwd.join("a.c"), "").unwrap();
    })
}

#[tokio::test]
async fn a_matcher_finds_what_later_lines_and_steps_print() {
    // SPEC K-20, K-23, K-24, K-27
    let seen = Scene::steps(
        "      - run: prepare\n      - run: one\n      - run: two\n      - run: three\n",
    )
    .secret("TOKEN", "s3cret-text")
    .machine(
        Fake::new()
            .on("\nprepare", with_matcher("a.c:1: error: too early\n"))
            .on(
                "\none",
                Reply::exit(0).stdout(
                    "::add-matcher::m.json\nplain\n\u{1b}[31ma.c:2: error: s3cret-text\u{1b}[0m\n",
                ),
            )
            .on(
                "\ntwo",
                Reply::exit(0)
                    .stdout("a.c:3: warning: w\n::remove-matcher owner=tool::\na.c:4: error: e\n"),
            )
            .on("\nthree", Reply::exit(0).stdout("a.c:5: error: e\n")),
    )
    .run()
    .await;
    let found: Vec<String> = found(&seen)
        .into_iter()
        .map(|it| {
            format!(
                "{:?} {} {}:{} [{}]",
                it.level,
                it.message,
                it.file.unwrap_or_default(),
                it.line.unwrap_or_default(),
                it.log.unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "Error *** a.c:2 [a.c:2: error: ***]",
            "Warning w a.c:3 [a.c:3: warning: w]"
        ]
    );
    assert_eq!(seen.ended.exit_code, 0, "a match fails no step");
    let printed: Vec<&String> = seen
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepOutput { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(
        printed,
        [
            "a.c:1: error: too early",
            "plain",
            "a.c:4: error: e",
            "a.c:5: error: e"
        ]
    );
}

#[tokio::test]
async fn a_matcher_file_that_is_missing_fails_the_step() {
    // SPEC K-5
    let seen = Scene::steps("      - run: one\n")
        .machine(Fake::new().on("\none", Reply::exit(0).stdout("::add-matcher::gone.json\n")))
        .run()
        .await;
    let said = seen.annotations();
    assert_eq!(
        said[0],
        "Unable to process command '::add-matcher::gone.json' successfully."
    );
    assert!(said[1].starts_with("Could not find file"), "{said:?}");
    assert_eq!(seen.jobs(), ["job: failure"]);
}

const DEPLOY: &str = "  job:
    runs-on: self-hosted
    environment:
      name: Prod
      url: https://x.example/${{ steps.a.outputs.path }}
    env: {KEY: '${{ secrets.KEY }}', PLACE: '${{ vars.PLACE }}'}
    steps:
      - id: a
        run: ship
";

fn prod(scene: Scene) -> Scene {
    scene.adjust(|options| {
        options.vars.insert("place".to_owned(), "here".to_owned());
        let prod = options.environments.entry("prod");
        prod.secrets
            .insert("KEY".to_owned(), "of-the-environment".to_owned());
        prod.vars.insert("PLACE".to_owned(), "there".to_owned());
    })
}

#[tokio::test]
async fn a_job_has_its_environments_secrets_and_variables() {
    // SPEC C-11, C-12, J-5
    let seen = prod(Scene::jobs(DEPLOY))
        .secret("KEY", "of-the-repository")
        .machine(
            Fake::new().on(
                "\nship",
                Reply::exit(0)
                    .stdout("it is of-the-environment\n")
                    .writes("GITHUB_OUTPUT", "path=a/b\n"),
            ),
        )
        .run()
        .await;
    let call = &seen.fake.calls()[0];
    assert_eq!(call.env("KEY"), Some("of-the-environment"));
    assert_eq!(call.env("PLACE"), Some("there"));
    assert!(!seen.text().contains("of-the-environment"));
    assert_eq!(notes(&seen), ["environment Prod: https://x.example/a/b"]);
}

#[tokio::test]
async fn an_address_with_a_secret_is_withheld() {
    // SPEC J-5
    let seen = prod(Scene::jobs(DEPLOY))
        .machine(Fake::new().on(
            "\nship",
            Reply::exit(0).writes("GITHUB_OUTPUT", "path=of-the-environment\n"),
        ))
        .run()
        .await;
    assert_eq!(
        seen.annotations(),
        ["Skip setting environment url as environment 'Prod' may contain secret."]
    );
    assert_eq!(seen.ended.exit_code, 0);
}

#[tokio::test]
async fn an_environment_that_can_not_be_read_fails_its_jobs() {
    let jobs =
        format!("{DEPLOY}  other:\n    runs-on: self-hosted\n    steps: [{{run: 'true'}}]\n");
    let seen = prod(Scene::jobs(&jobs))
        .adjust(|options| {
            let prod = options.environments.entry("prod");
            prod.mistakes.push(".secrets.prod:1: no name".to_owned());
        })
        .run()
        .await;
    assert_eq!(seen.annotations(), [".secrets.prod:1: no name"]);
    assert_eq!(seen.jobs(), ["job: failure", "other: success"]);
}

fn hook(scene: Scene, name: &'static str, script: &'static str) -> Scene {
    scene.adjust(move |options| {
        let path = options.root.join(script);
        std::fs::write(&path, format!("{script}\n")).unwrap();
        options.runner_env.insert(name.into(), path.into());
    })
}

#[tokio::test]
async fn hooks_run_before_and_after_a_job() {
    // SPEC H-1
    let scene = Scene::jobs(
        "  job:\n    runs-on: self-hosted\n    env: {OF_JOB: x}\n    steps: [{run: bad}]\n",
    );
    let scene = hook(scene, "ACTIONS_RUNNER_HOOK_JOB_STARTED", "before.sh");
    let seen = hook(scene, "ACTIONS_RUNNER_HOOK_JOB_COMPLETED", "after.sh")
        .machine(
            Fake::new()
                .on(
                    "\nbefore.sh",
                    Reply::exit(0).writes("GITHUB_ENV", "FROM_HOOK=1\n"),
                )
                .on("\nbad", Reply::exit(1)),
        )
        .run()
        .await;
    assert_eq!(
        seen.story(),
        [
            "job.Set up runner: success",
            "job.Run bad: failure",
            "job.Complete runner: success",
            "job: failure"
        ]
    );
    let calls = seen.fake.calls();
    assert_eq!(calls[0].env("OF_JOB"), None);
    assert_eq!(calls[0].env("GITHUB_JOB"), Some("job"));
    assert_eq!(calls[1].env("FROM_HOOK"), Some("1"));
}

#[tokio::test]
async fn a_hook_that_fails_or_is_missing_fails_the_job() {
    // SPEC H-1
    let failing = hook(
        Scene::steps("      - run: one\n"),
        "ACTIONS_RUNNER_HOOK_JOB_STARTED",
        "before.sh",
    )
    .machine(Fake::new().on("\nbefore.sh", Reply::exit(3)));
    let missing = Scene::steps("      - run: one\n").adjust(|options| {
        let name = "ACTIONS_RUNNER_HOOK_JOB_STARTED".into();
        options.runner_env.insert(name, "/nowhere/before.sh".into());
    });
    for (scene, message) in [
        (failing, "Process completed with exit code 3."),
        (
            missing,
            "File doesn't exist: ACTIONS_RUNNER_HOOK_JOB_STARTED is set to '/nowhere/before.sh'; expected the absolute path of a script",
        ),
    ] {
        let seen = scene.run().await;
        assert_eq!(seen.annotations(), [message]);
        assert_eq!(
            seen.story(),
            [
                "job.Set up runner: failure",
                "job.Run one: skipped",
                "job: failure"
            ]
        );
    }
}

fn request(group: &str, cancel_in_progress: bool) -> GroupRequest {
    GroupRequest {
        terms: Terms {
            group: group.to_owned(),
            cancel_in_progress,
            queue: Queue::Single,
        },
        holder: Holder {
            workflow: "other".to_owned(),
            ..Holder::default()
        },
        within: Vec::new(),
    }
}

#[tokio::test]
async fn a_job_waits_for_its_group_and_says_for_whom() {
    // SPEC W-110, X-10
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("groups");
    let groups = Groups::new(&folder, "octo/demo");
    let never = CancellationToken::new();
    let permit = groups
        .acquire(&request("G", false), &never, &mut |_| {})
        .await
        .unwrap();
    let permit = std::sync::Mutex::new(Some(permit));
    let seen = Scene::jobs(
        "  job:\n    runs-on: self-hosted\n    concurrency: g\n    steps: [{run: one}]\n",
    )
    .adjust(move |options| options.groups = folder)
    .hear(move |event, _| {
        if let EventKind::Note { .. } = event.kind {
            drop(permit.lock().unwrap().take());
        }
    })
    .run()
    .await;
    let notes = notes(&seen);
    assert!(
        notes[0].starts_with("waits for the concurrency group 'g', which 'other' (run"),
        "{notes:?}"
    );
    assert_eq!(seen.jobs(), ["job: success"]);
}

#[tokio::test]
async fn another_run_cancels_a_workflow_in_progress() {
    // SPEC W-111; DESIGN 7: exit code 1
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("groups");
    let groups = Groups::new(&folder, "octo/demo");
    let seen = Scene::workflow(
        "on: push\nconcurrency: g\njobs:\n  job:\n    runs-on: self-hosted\n    steps: [{run: one}]\n  last:\n    needs: job\n    runs-on: self-hosted\n    steps: [{run: two}]\n",
    )
    .machine(Fake::new().on("\none", Reply::exit(0).until_stopped()))
    .adjust(move |options| options.groups = folder)
    .hear(move |event, _| {
        if matches!(event.kind, EventKind::StepStarted) {
            let groups = groups.clone();
            tokio::spawn(async move {
                let never = CancellationToken::new();
                let asked = request("g", true);
                drop(groups.acquire(&asked, &never, &mut |_| {}).await);
            });
        }
    })
    .run()
    .await;
    assert_eq!(seen.jobs(), ["job: cancelled", "last: skipped"]);
    assert_eq!(seen.ended.exit_code, 1);
    let notes = notes(&seen);
    assert!(
        notes[0].contains("Canceling since a higher priority waiting request for 'g' exists"),
        "{notes:?}"
    );
}

#[tokio::test]
async fn a_job_can_not_wait_for_a_group_around_it() {
    // SPEC X-10
    let call = "on: push\nconcurrency: g\njobs:\n  call:\n    uses: ./.github/workflows/b.yml\n";
    let called = "on: workflow_call\njobs:\n  job:\n    concurrency: {group: G}\n    runs-on: self-hosted\n    steps: [{run: one}]\n";
    let seen = Scene::workflow(call)
        .called(".github/workflows/b.yml", called)
        .run()
        .await;
    assert_eq!(seen.jobs(), ["call / job: cancelled"]);
    assert_eq!(
        seen.annotations(),
        [
            "Canceling since a deadlock for concurrency group 'G' was detected between 'top level workflow' and 'call / job'"
        ]
    );
    assert_eq!(seen.ended.exit_code, 1);
}

#[tokio::test]
async fn a_call_holds_its_group_for_all_of_its_jobs() {
    // SPEC U-10
    let call = "on: push\njobs:\n  call:\n    concurrency: g\n    uses: ./.github/workflows/b.yml\n  other:\n    concurrency: g\n    runs-on: self-hosted\n    steps: [{run: other}]\n";
    let called = "on: workflow_call\njobs:\n  a: {runs-on: self-hosted, steps: [{run: a}]}\n  b: {needs: a, runs-on: self-hosted, steps: [{run: b}]}\n";
    let seen = Scene::workflow(call)
        .called(".github/workflows/b.yml", called)
        .run()
        .await;
    let scripts = seen.scripts();
    let place = |script: &str| scripts.iter().position(|it| it == script).unwrap();
    assert_eq!(place("b") - place("a"), 1, "{scripts:?}");
    assert_eq!(seen.ended.exit_code, 0);
}

#[tokio::test]
async fn a_group_that_can_not_be_evaluated_stops_the_workflow() {
    let seen = Scene::workflow(
        "on: push\nconcurrency: ${{ github.none }}\njobs:\n  job:\n    runs-on: self-hosted\n    steps: [{run: one}]\n",
    )
    .run()
    .await;
    assert_eq!(
        seen.annotations(),
        ["Concurrency group name cannot be empty"]
    );
    assert_eq!(seen.jobs(), ["job: failure"]);
}

#[tokio::test]
async fn outputs_that_are_too_large_fail_the_job() {
    // SPEC R-6
    let jobs = "  a:
    runs-on: self-hosted
    outputs: {o: '${{ steps.s.outputs.o }}', p: '${{ steps.s.outputs.o }}', q: '${{ steps.s.outputs.o }}'}
    steps: [{id: s, run: one}]
  b:
    needs: a
    if: always()
    runs-on: self-hosted
    steps: [{run: \"'${{ needs.a.outputs.o }}'\"}]
";
    let large: &'static str = Box::leak(format!("o={}\n", "x".repeat(200 * 1024)).into_boxed_str());
    let seen = Scene::jobs(jobs)
        .machine(Fake::new().on("\none", Reply::exit(0).writes("GITHUB_OUTPUT", large)))
        .run()
        .await;
    assert_eq!(seen.jobs(), ["a: failure", "b: success"]);
    assert_eq!(seen.scripts()[1], "''");
    assert!(
        seen.annotations()[0].contains("GitHub takes at most 1024 KB of one job"),
        "{:?}",
        seen.annotations()
    );
}

#[tokio::test]
async fn a_long_timeout_is_cut_and_told() {
    let seen = Scene::jobs(
        "  a:\n    runs-on: ubuntu-latest\n    timeout-minutes: 400\n    steps: [{run: one, timeout-minutes: 500}]\n",
    )
    .run()
    .await;
    assert_eq!(
        seen.annotations(),
        [
            "timeout-minutes: 400 is more than a machine of GitHub gives a job: 360 minutes",
            "timeout-minutes: 500 is more than GitHub allows a step: 360"
        ]
    );
}

#[tokio::test]
async fn a_run_has_its_name_and_its_jobs_their_permissions() {
    // SPEC W-41, W-101, W-102
    let seen = Scene::workflow(
        "on: push\nrun-name: Ship ${{ github.ref_name }} by ${{ github.actor }}\npermissions: {contents: read}\njobs:\n  a: {runs-on: self-hosted, steps: [{run: one}]}\n  b:\n    permissions: {issues: write}\n    runs-on: self-hosted\n    steps: [{run: one}]\n",
    )
    .run()
    .await;
    let mut permissions = Vec::new();
    for event in &seen.events {
        match &event.kind {
            EventKind::RunStarted { run_names, .. } => {
                assert_eq!(run_names[..], ["Ship main by mona"]);
            }
            EventKind::JobStarted {
                permissions: of, ..
            } => permissions.extend(of.clone()),
            _ => {}
        }
    }
    permissions.sort();
    let pair = |name: &str, access: &str| (name.to_owned(), access.to_owned());
    assert_eq!(
        permissions,
        [
            pair("contents", "read"),
            pair("issues", "write"),
            pair("metadata", "read"),
            pair("metadata", "read")
        ]
    );
}

#[tokio::test]
async fn what_is_skipped_tells_each_part_of_its_condition() {
    let seen = Scene::jobs(
        "  a:\n    runs-on: self-hosted\n    steps: [{run: one, if: env.X == 'y'}]\n  b:\n    if: github.ref == 'refs/heads/other'\n    runs-on: self-hosted\n    steps: [{run: one}]\n",
    )
    .run()
    .await;
    let mut traces: Vec<String> = seen
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepSkipped { trace, .. } | EventKind::JobSkipped { trace, .. } => {
                trace.clone()
            }
            _ => None,
        })
        .collect();
    traces.sort();
    assert_eq!(traces.len(), 2, "{traces:?}");
    assert!(traces[0].contains("env.X → null"), "{traces:?}");
    assert!(
        traces[1].contains("github.ref → \"refs/heads/main\""),
        "{traces:?}"
    );
}

#[tokio::test]
async fn a_summary_too_many_is_told_once() {
    // SPEC K-45
    let steps = "      - run: one\n".repeat(22);
    let seen = Scene::steps(&steps)
        .machine(Fake::new().on("\none", Reply::exit(0).writes("GITHUB_STEP_SUMMARY", "x\n")))
        .run()
        .await;
    let warnings: Vec<Level> = found(&seen).iter().map(|it| it.level).collect();
    assert_eq!(warnings, [Level::Warning]);
}
