//! Jobs and legs: needs, matrices, unavailable legs, called workflows, cancelling.

use std::sync::Arc;

use lrun::event::EventKind;
use lrun::executor::fake::{Fake, Reply};
use tokio::sync::Semaphore;

use crate::harness::Scene;

fn job(id: &str, keys: &str, script: &str) -> String {
    format!("  {id}:\n    runs-on: self-hosted\n{keys}    steps: [{{run: {script}}}]\n")
}

#[tokio::test]
async fn a_jobs_condition_looks_at_all_that_it_needs() {
    // SPEC E-66, E-67, R-1
    let table = [
        ("", "skipped"),
        ("    if: always()\n", "success"),
        ("    if: failure()\n", "success"),
        ("    if: success()\n", "skipped"),
        ("    if: cancelled()\n", "skipped"),
        ("    if: needs.b.result == 'skipped'\n", "skipped"),
        (
            "    if: always() && needs.b.result == 'skipped'\n",
            "success",
        ),
    ];
    for (condition, end) in table {
        let jobs = [
            job("a", "", "bad"),
            job("b", "    needs: a\n", "b"),
            job("c", &format!("    needs: b\n{condition}"), "c"),
        ];
        let seen = Scene::jobs(&jobs.concat())
            .machine(Fake::new().on("\nbad", Reply::exit(1)))
            .run()
            .await;
        let expected = [
            "a: failure".to_owned(),
            "b: skipped".into(),
            format!("c: {end}"),
        ];
        assert_eq!(seen.jobs(), expected, "{condition}");
        assert_eq!(seen.ended.exit_code, 1);
    }
}

#[tokio::test]
async fn a_tolerated_job_fails_nobody() {
    // SPEC R-2
    let jobs = job("a", "    continue-on-error: true\n", "bad") + &job("b", "    needs: a\n", "b");
    let seen = Scene::jobs(&jobs)
        .machine(Fake::new().on("\nbad", Reply::exit(1)))
        .run()
        .await;
    assert_eq!(seen.jobs(), ["a: failure, then success", "b: success"]);
    assert_eq!(seen.ended.exit_code, 0);
}

#[tokio::test]
async fn fail_fast_ends_running_and_queued_legs() {
    // SPEC X-6, X-7, R-3
    let jobs = job(
        "m",
        "    strategy: {max-parallel: 2, matrix: {n: [1, 2, 3]}}\n",
        "'leg${{ matrix.n }}'",
    ) + &job(
        "after",
        "    needs: m\n    if: always()\n",
        "'r ${{ needs.m.result }}'",
    );
    let seen = Scene::jobs(&jobs)
        .machine(
            Fake::new()
                .on("\nleg1", Reply::exit(0).until_stopped())
                .on("\nleg2", Reply::exit(1)),
        )
        .run()
        .await;
    assert_eq!(
        seen.jobs(),
        [
            "after: success",
            "m (1): cancelled",
            "m (2): failure",
            "m (3): skipped"
        ]
    );
    assert_eq!(seen.scripts().last().unwrap(), "r failure");
}

#[tokio::test]
async fn a_tolerated_leg_ends_no_other() {
    // SPEC X-6
    let keys = "    continue-on-error: ${{ matrix.n == 1 }}\n    strategy: {max-parallel: 1, matrix: {n: [1, 2]}}\n";
    let seen = Scene::jobs(&job("m", keys, "'leg${{ matrix.n }}'"))
        .machine(Fake::new().on("\nleg1", Reply::exit(1)))
        .run()
        .await;
    assert_eq!(
        seen.jobs(),
        ["m (1): failure, then success", "m (2): success"]
    );
    assert_eq!(seen.ended.exit_code, 0);
}

#[tokio::test]
async fn legs_start_in_order_and_the_last_output_with_text_counts() {
    // SPEC X-7, R-4
    let keys = "    strategy: {max-parallel: 1, matrix: {n: [1, 2, 3, 4]}}\n    outputs: {x: '${{ steps.s.outputs.x }}'}\n";
    let jobs = job("m", keys, "'leg${{ matrix.n }}', id: s")
        + &job("after", "    needs: m\n", "'x ${{ needs.m.outputs.x }}'");
    let seen = Scene::jobs(&jobs)
        .machine(
            Fake::new()
                .on("\nleg1", Reply::exit(0).writes("GITHUB_OUTPUT", "x=one\n"))
                .on(
                    "\nleg3",
                    Reply::exit(0).writes("GITHUB_OUTPUT", "x=three\n"),
                ),
        )
        .run()
        .await;
    assert_eq!(seen.scripts(), ["leg1", "leg2", "leg3", "leg4", "x three"]);
}

#[tokio::test]
async fn outputs_come_from_failed_jobs_and_never_hold_a_secret() {
    // SPEC J-5, J-6
    let keys = "    outputs: {x: '${{ steps.s.outputs.x }}', y: '${{ steps.s.outputs.y }}'}\n";
    let jobs = job("a", keys, "bad, id: s")
        + &job(
            "b",
            "    needs: a\n    if: always()\n",
            "'[${{ needs.a.outputs.x }}${{ needs.a.outputs.y }}]'",
        );
    let seen = Scene::jobs(&jobs)
        .secret("KEY", "hunter2")
        .machine(Fake::new().on(
            "\nbad",
            Reply::exit(1).writes("GITHUB_OUTPUT", "x=open\ny=hunter2\n"),
        ))
        .run()
        .await;
    assert_eq!(seen.scripts()[1], "[open]");
    assert!(
        seen.annotations()
            .contains(&"Skip output 'y' since it may contain secret.".to_owned())
    );
}

#[tokio::test]
async fn a_matrix_of_an_output_is_expanded_when_it_is_known() {
    let jobs = job(
        "a",
        "    outputs: {m: '${{ steps.s.outputs.m }}'}\n",
        "make, id: s",
    ) + &job(
        "b",
        "    needs: a\n    strategy: {matrix: {n: '${{ fromJSON(needs.a.outputs.m) }}'}}\n",
        "leg",
    );
    let machine = |text| Fake::new().on("\nmake", Reply::exit(0).writes("GITHUB_OUTPUT", text));
    let seen = Scene::jobs(&jobs).machine(machine("m=[7,8]\n")).run().await;
    assert_eq!(
        seen.jobs(),
        ["a: success", "b (7): success", "b (8): success"]
    );
    let broken = Scene::jobs(&jobs).machine(machine("m=[\n")).run().await;
    assert_eq!(broken.jobs(), ["a: success", "b: failure"]);
    assert_eq!(broken.ended.exit_code, 1);
}

#[tokio::test]
async fn a_job_that_can_not_be_set_up_runs_no_step() {
    // SPEC J-4
    let seen = Scene::jobs(&job("a", "    env: {A: '${{ fromJSON(vars.X) }}'}\n", "x"))
        .run()
        .await;
    assert_eq!(seen.jobs(), ["a: failure"]);
    assert!(seen.fake.calls().is_empty());
    assert!(!seen.place.path().join("run").exists());
}

#[tokio::test]
async fn what_can_not_run_here_is_never_a_success() {
    // DESIGN 7 "Unavailable"
    let jobs = [
        "  mac: {runs-on: macos-latest, steps: [{run: x}]}\n",
        "  needs-it: {needs: mac, if: always(), runs-on: self-hosted, steps: [{run: y}]}\n",
        "  docker: {runs-on: self-hosted, container: alpine, steps: [{run: x}]}\n",
        "  other: {runs-on: self-hosted, container: '', steps: [{run: z}]}\n",
    ];
    let scene = || Scene::jobs(&jobs.concat());
    let seen = scene().run().await;
    assert_eq!(
        seen.jobs(),
        [
            "docker: unavailable",
            "mac: unavailable",
            "needs-it: skipped",
            "other: success"
        ]
    );
    assert_eq!((seen.ended.exit_code, seen.ended.unavailable), (3, 2));
    let skipping = scene()
        .adjust(|options| options.skip_unavailable = true)
        .run()
        .await;
    assert_eq!(skipping.jobs()[2], "needs-it: success");
    assert_eq!(skipping.ended.exit_code, 0);
}

#[tokio::test]
async fn a_failure_beside_what_can_not_run_is_a_failure() {
    let called = "on: workflow_call\njobs:\n".to_owned()
        + &job("a", "", "bad")
        + "  b: {runs-on: macos-latest, steps: [{run: x}]}\n";
    let seen = Scene::jobs("  call: {uses: ./.github/workflows/c.yml}\n")
        .called(".github/workflows/c.yml", &called)
        .machine(Fake::new().on("\nbad", Reply::exit(1)))
        .run()
        .await;
    assert_eq!(seen.jobs(), ["call / a: failure", "call / b: unavailable"]);
    assert_eq!(seen.ended.exit_code, 1);
}

const CALLED: &str = r"
on:
  workflow_call:
    inputs: {who: {type: string, default: nobody}}
    secrets: {key: {required: true}}
    outputs: {said: {value: '${{ jobs.inner.outputs.said }}'}}
env: {HERE: called}
jobs:
  inner:
    runs-on: self-hosted
    outputs: {said: '${{ steps.s.outputs.said }}'}
    steps:
      - id: s
        run: 'inner ${{ inputs.who }} ${{ env.HERE }}${{ env.THERE }} [${{ secrets.other }}] ${{ github.workflow }}'
        env: {KEY: '${{ secrets.key }}'}
";

#[tokio::test]
async fn a_called_workflow_sees_what_it_is_given() {
    // SPEC U-3 to U-5, U-7, U-8
    let text = r"
name: Outer
on: push
env: {THERE: caller}
jobs:
  call:
    strategy: {matrix: {n: [1]}}
    uses: ./.github/workflows/c.yml
    with: {who: 'n${{ matrix.n }}'}
    secrets: {key: '${{ secrets.MINE }}'}
  after:
    needs: call
    runs-on: self-hosted
    steps: [{run: 'after ${{ needs.call.outputs.said }}'}]
";
    let seen = Scene::workflow(text)
        .called(".github/workflows/c.yml", CALLED)
        .secret("MINE", "hunter2")
        .secret("OTHER", "elsewhere")
        .machine(Fake::new().on(
            "\ninner",
            Reply::exit(0).writes("GITHUB_OUTPUT", "said=hello\n"),
        ))
        .run()
        .await;
    assert_eq!(seen.scripts(), ["inner n1 called [] Outer", "after hello"]);
    assert_eq!(seen.fake.calls()[0].env("KEY"), Some("hunter2"));
    assert_eq!(seen.jobs(), ["after: success", "call (1) / inner: success"]);
}

#[tokio::test]
async fn a_call_without_a_required_secret_fails() {
    // SPEC U-4
    let call = "  call: {uses: ./.github/workflows/c.yml, secrets: {key: '${{ secrets.NONE }}'}}\n";
    let seen = Scene::jobs(call)
        .called(".github/workflows/c.yml", CALLED)
        .run()
        .await;
    assert_eq!(
        seen.annotations(),
        ["Secret key is required, but not provided while calling."]
    );
    assert_eq!(seen.ended.exit_code, 1);
}

#[tokio::test]
async fn a_cancelled_run_goes_on_with_what_asks_for_it() {
    // SPEC X-4, E-68, R-5
    let jobs = [
        job("a", "", "slow"),
        job("kept", "    if: always()\n", "gated"),
        job("later", "    needs: a\n    if: always()\n", "later"),
        job("never", "    needs: a\n", "never"),
        "  call: {needs: a, if: always(), uses: ./.github/workflows/c.yml}\n".to_owned(),
    ];
    let gate = Arc::new(Semaphore::new(0));
    let open = Arc::clone(&gate);
    let called = "on: workflow_call\njobs:\n".to_owned()
        + &job("in", "", "within")
        + &job("clean", "    if: cancelled()\n", "clean");
    let seen = Scene::jobs(&jobs.concat())
        .called(".github/workflows/c.yml", &called)
        .machine(
            Fake::new()
                .on("\nslow", Reply::exit(0).until_stopped())
                .on("\ngated", Reply::exit(0).until(&gate)),
        )
        .hear(move |event, stop| match &event.kind {
            EventKind::StepStarted => stop.cancel.cancel(),
            EventKind::JobFinished { .. } => open.add_permits(1),
            _ => {}
        })
        .run()
        .await;
    assert_eq!(
        seen.jobs(),
        [
            "a: cancelled",
            "call / clean: success",
            "call / in: skipped",
            "kept: success",
            "later: success",
            "never: skipped"
        ]
    );
    assert_eq!(seen.ended.exit_code, 1);
}

#[tokio::test]
async fn the_limit_of_jobs_at_once_holds() {
    let jobs: String = (0..5).map(|n| job(&format!("j{n}"), "", "x")).collect();
    let running = Arc::new(std::sync::Mutex::new((0, 0)));
    let count = Arc::clone(&running);
    Scene::jobs(&jobs)
        .adjust(|options| options.parallel = 2)
        .hear(move |event, _| {
            let mut count = count.lock().unwrap();
            match &event.kind {
                EventKind::JobStarted { .. } => count.0 += 1,
                EventKind::JobFinished { .. } => count.0 -= 1,
                _ => {}
            }
            count.1 = count.1.max(count.0);
        })
        .run()
        .await;
    assert_eq!(*running.lock().unwrap(), (0, 2));
}

#[tokio::test]
async fn a_workflow_that_reads_a_token_is_told_that_there_is_none() {
    // DESIGN 7
    let jobs = job("a", "", "'x ${{ github.token }}'");
    let told = |seen: &crate::harness::Seen| seen.text().contains("reads GITHUB_TOKEN");
    assert!(told(&Scene::jobs(&jobs).run().await));
    let given = Scene::jobs(&jobs).secret("GITHUB_TOKEN", "token-token");
    assert!(!told(&given.run().await));
}

#[tokio::test]
async fn a_secret_shows_in_no_name_of_a_job() {
    // SPEC M-5
    let keys = "    name: 'job ${{ matrix.n }}'\n    strategy: {matrix: {n: [hunter2]}}\n";
    let seen = Scene::jobs(&job("a", keys, "x"))
        .secret("KEY", "hunter2")
        .run()
        .await;
    assert_eq!(seen.jobs(), ["job ***: success"]);
}
