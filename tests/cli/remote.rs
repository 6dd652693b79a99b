//! Actions and workflows of other repositories, fetched from a GitHub that is a folder of bare repositories.

use crate::events::Events;
use crate::hub::{calls, publish, world};
use crate::lrun::Lrun;

/// Says its name and its `INPUT_WHO`.
const COMPOSITE: &str = "inputs: {who: {default: nobody}}
runs:
  using: composite
  steps:
    - run: echo \"outer for ${{ inputs.who }} from ${{ github.action_repository }}@${{ github.action_ref }}\"
      shell: sh
    - uses: o/inner/deep@v2
      with: {who: '${{ inputs.who }}'}
    - uses: $/beside
";

fn said(text: &str) -> String {
    format!("runs: {{using: composite, steps: [{{shell: sh, run: 'echo {text}'}}]}}\n")
}

fn job(steps: &str) -> String {
    format!("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n{steps}")
}

#[track_caller]
fn passed(lrun: &Lrun) -> Events {
    let events = lrun.events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    events
}

#[test]
fn composites_of_other_repositories_use_more_of_them() {
    // SPEC
    let lrun = world(&job(
        "      - uses: o/outer@main\n        with: {who: Mona}\n",
    ));
    publish(
        &lrun,
        "o/outer",
        "v1",
        &[
            ("action.yml", COMPOSITE),
            ("beside/action.yml", &said("beside")),
        ],
    );
    publish(
        &lrun,
        "o/inner",
        "v2",
        &[("deep/action.yaml", &said("inner for ${{ inputs.who }}"))],
    );
    let events = passed(&lrun);
    assert_eq!(
        events.lines("a"),
        [
            "outer for Mona from o/outer@main",
            "inner for Mona",
            "beside"
        ]
    );
}

#[test]
fn a_moving_ref_is_looked_up_once_a_run_and_a_commit_never_again() {
    let sha = "0".repeat(40);
    let steps = "      - uses: o/a@v1\n      - uses: o/a/sub@v1\n      - uses: o/b@COMMIT\n";
    let lrun = world(&job(&steps.replace("COMMIT", &sha)));
    let files = [
        ("action.yml", said("root")),
        ("sub/action.yml", said("sub")),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, &**text)).collect();
    publish(&lrun, "o/a", "v1", &files);
    let commit = publish(&lrun, "o/b", "v1", &files);
    let lrun = lrun.workflow("ci.yml", &job(&steps.replace("COMMIT", &commit)));
    lrun.git(&["commit", "--quiet", "--all", "--message", "Name the commit"]);
    calls(&lrun);

    assert_eq!(passed(&lrun).lines("a"), ["root", "sub", "root"]);
    assert_eq!(calls(&lrun), (1, 2));
    assert_eq!(passed(&lrun).lines("a"), ["root", "sub", "root"]);
    assert_eq!(calls(&lrun), (1, 0));

    publish(&lrun, "o/a", "v1", &[("action.yml", &said("moved"))]);
    calls(&lrun);
    assert_eq!(passed(&lrun).lines("a"), ["moved", "sub", "root"]);
    assert_eq!(calls(&lrun), (1, 1));
}

#[test]
fn offline_takes_the_cache_or_names_all_that_is_missing() {
    let steps = "      - uses: o/a@v1\n      - uses: o/b/sub@v2\n";
    let lrun = world(&job(steps)).args(["push", "--offline"]);
    publish(&lrun, "o/a", "v1", &[("action.yml", &said("a"))]);
    publish(&lrun, "o/b", "v2", &[("sub/action.yml", &said("b"))]);
    calls(&lrun);
    let ended = lrun.run();
    assert_eq!(ended.code, Some(3), "{ended}");
    for name in ["o/a@v1", "o/b/sub@v2"] {
        let text = format!("{name} is not in the cache, and --offline forbids to fetch it");
        assert!(ended.stderr.contains(&text), "{ended}");
    }
    assert_eq!(calls(&lrun), (0, 0));

    let lrun = lrun.args(["push"]);
    passed(&lrun);
    calls(&lrun);
    let lrun = lrun.args(["push", "--offline"]);
    assert_eq!(passed(&lrun).lines("a"), ["a", "b"]);
    assert_eq!(calls(&lrun), (0, 0));
}

#[test]
fn what_is_not_there_is_said_with_its_place_and_nothing_runs() {
    let steps = "      - run: echo ran\n      - uses: o/a@v9\n      - uses: o/none@v1\n";
    let lrun = world(&job(steps));
    publish(&lrun, "o/a", "v1", &[("action.yml", &said("a"))]);
    let ended = lrun.run();
    assert_eq!(ended.code, Some(3), "{ended}");
    let text = format!("{}{}", ended.stdout, ended.stderr);
    assert!(
        text.contains("Unable to resolve action `o/a@v9`, unable to find version `v9`"),
        "{ended}"
    );
    assert!(!text.contains("] ran"), "{ended}");
}

const CALLED: &str = "
on:
  workflow_call:
    inputs: {who: {type: string}}
    outputs: {told: {value: '${{ jobs.inside.outputs.told }}'}}
jobs:
  inside:
    runs-on: ubuntu-latest
    outputs: {told: '${{ steps.tell.outputs.told }}'}
    steps:
      - id: tell
        run: echo \"told=${{ inputs.who }} by ${{ job.workflow_ref }}\" >> $GITHUB_OUTPUT
      - uses: $/action
  further:
    uses: ./.github/workflows/further.yml
";

const FURTHER: &str = "
on: workflow_call
jobs:
  deep:
    runs-on: ubuntu-latest
    steps:
      - run: echo deep in ${{ job.workflow_repository }}, called by $GITHUB_REPOSITORY
";

#[test]
fn here_is_there_inside_a_workflow_of_another_repository() {
    // SPEC U-2, U-5, A-5
    let lrun = world(
        "
on: push
jobs:
  call:
    uses: o/flows/.github/workflows/called.yml@v1
    with: {who: Mona}
  after:
    needs: call
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ needs.call.outputs.told }}
",
    );
    publish(
        &lrun,
        "o/flows",
        "v1",
        &[
            (".github/workflows/called.yml", CALLED),
            (".github/workflows/further.yml", FURTHER),
            ("action/action.yml", &said("an action beside")),
        ],
    );
    let events = passed(&lrun);
    let lines: Vec<&str> = events
        .of("step.output")
        .filter(|event| event["stream"] != "log")
        .filter_map(|event| event["text"].as_str())
        .collect();
    for text in [
        "an action beside",
        "deep in o/flows, called by octo/demo",
        "Mona by o/flows/.github/workflows/called.yml@v1",
    ] {
        assert!(lines.contains(&text), "{lines:?}");
    }
}

fn lock(lrun: Lrun, commit: &str) -> Lrun {
    let text = format!(
        "version: 'v0.0.2'\nworkflows:\n    '.github/workflows/ci.yml':\n        - 'o/a@v1'\ndependencies:\n    \
         'o/a@v1':\n        ref: 'v1'\n        commit: 'sha1-{commit}'\n        owner_id: 1\n        repo_id: 2\n"
    );
    lrun.file(".github/workflows/actions.lock", &text)
}

#[test]
fn a_locked_workflow_runs_the_locked_commit() {
    // SPEC A-6
    let lrun = world(&job("      - uses: o/a@v1\n"));
    let commit = publish(&lrun, "o/a", "v1", &[("action.yml", &said("locked"))]);
    publish(&lrun, "o/a", "v1", &[("action.yml", &said("moved"))]);
    let lrun = lock(lrun, &commit);
    calls(&lrun);
    let events = passed(&lrun);
    assert_eq!(events.lines("a"), ["locked"]);
    assert_eq!(calls(&lrun).0, 0, "a commit needs no looking up");
}

#[test]
fn an_action_that_the_lock_does_not_cover_stops_all() {
    // SPEC A-6
    let lrun = world(&job(
        "      - run: echo ran\n      - uses: o/a@v1\n      - uses: o/b@v1\n",
    ));
    let commit = publish(&lrun, "o/a", "v1", &[("action.yml", &said("a"))]);
    publish(&lrun, "o/b", "v1", &[("action.yml", &said("b"))]);
    let lrun = lock(lrun, &commit);
    let ended = lrun.run();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert_eq!(ended.stdout, "", "{ended}");
    assert!(ended.stderr.contains("o/b@v1"), "{ended}");
    assert!(ended.stderr.contains("ci.yml:"), "{ended}");
    assert_eq!(calls(&lrun), (0, 0));
}

#[test]
fn what_locked_actions_use_in_turn_is_held_to_the_lock() {
    // SPEC A-6
    let lrun = world(&job("      - run: echo ran\n      - uses: o/a@v1\n"));
    let inner = "runs: {using: composite, steps: [{uses: o/b@v1}]}\n";
    let commit = publish(&lrun, "o/a", "v1", &[("action.yml", inner)]);
    publish(&lrun, "o/b", "v1", &[("action.yml", &said("b"))]);
    let lrun = lock(lrun, &commit);
    let ended = lrun.run();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert_eq!(ended.stdout, "", "{ended}");
    assert!(ended.stderr.contains("o/b@v1"), "{ended}");
}

#[test]
fn checkout_of_another_repository_is_the_real_action() {
    // SPEC P-90
    let steps = "      - uses: actions/checkout@v4
      - run: ls
      - uses: actions/checkout@v4
        with: {repository: o/other, path: elsewhere}
";
    let lrun = world(&job(steps)).file("own.txt", "");
    let action = said("real checkout of ${{ inputs.repository }} into ${{ inputs.path }}");
    publish(&lrun, "actions/checkout", "v4", &[("action.yml", &action)]);
    let events = passed(&lrun);
    assert_eq!(
        events.lines("a"),
        ["own.txt", "real checkout of o/other into elsewhere"]
    );
}

#[test]
fn the_real_checkout_can_be_asked_for() {
    let lrun =
        world(&job("      - uses: actions/checkout@v4\n")).args(["push", "--no-skip-checkout"]);
    publish(
        &lrun,
        "actions/checkout",
        "v4",
        &[("action.yml", &said("real"))],
    );
    assert_eq!(passed(&lrun).lines("a"), ["real"]);
}

#[test]
fn an_action_may_write_beside_itself() {
    let write = "runs: {using: composite, steps: [{shell: sh, run: 'cd $GITHUB_ACTION_PATH && ls && touch trace'}]}\n";
    let lrun = world(&job("      - uses: o/a@v1\n"));
    publish(&lrun, "o/a", "v1", &[("action.yml", write)]);
    for _ in 0..2 {
        assert_eq!(passed(&lrun).lines("a"), ["action.yml"]);
    }
}

#[test]
fn the_cache_lies_where_it_is_told_to() {
    let lrun = world(&job("      - uses: o/a@v1\n"));
    let cache = lrun.scratch().join("elsewhere");
    let lrun = lrun.args(["push", "--action-cache-path", cache.to_str().unwrap()]);
    publish(&lrun, "o/a", "v1", &[("action.yml", &said("a"))]);
    passed(&lrun);
    assert!(cache.join("lrun/actions").is_dir());
}

#[test]
fn what_is_cached_can_be_taken_without_asking() {
    let lrun = world(&job("      - uses: o/a@v1\n"));
    publish(&lrun, "o/a", "v1", &[("action.yml", &said("first"))]);
    passed(&lrun);
    publish(&lrun, "o/a", "v1", &[("action.yml", &said("moved"))]);
    calls(&lrun);
    let steps = "      - uses: o/a@v1\n      - uses: o/b@v1\n";
    let lrun = lrun
        .workflow("ci.yml", &job(steps))
        .args(["push", "--action-offline-mode"]);
    publish(&lrun, "o/b", "v1", &[("action.yml", &said("missing"))]);
    assert_eq!(passed(&lrun).lines("a"), ["first", "missing"]);
    assert_eq!(calls(&lrun), (1, 1), "only for what was not there");
}

#[test]
fn another_server_has_its_own_actions_and_may_take_some_from_github() {
    let steps =
        "      - uses: o/here@v1\n      - uses: o/there@v1\n      - run: echo $GITHUB_SERVER_URL\n";
    let lrun = world(&job(steps))
        .env("GIT_CONFIG_COUNT", "2")
        .env(
            "GIT_CONFIG_KEY_1",
            "url.file://{SCRATCH}/hub/own/.insteadOf",
        )
        .env("GIT_CONFIG_VALUE_1", "https://git.example.org/")
        .args([
            "push",
            "--github-instance",
            "git.example.org",
            "--replace-ghe-action-with-github-com",
            "o/there",
        ]);
    publish(&lrun, "own/o/here", "v1", &[("action.yml", &said("here"))]);
    publish(&lrun, "o/there", "v1", &[("action.yml", &said("there"))]);
    assert_eq!(
        passed(&lrun).lines("a"),
        ["here", "there", "https://git.example.org"]
    );
}

#[test]
fn an_action_that_only_a_local_action_names_is_fetched() {
    // SPEC A-1
    let lrun = world(&job(
        "      - uses: actions/checkout@v4\n      - uses: ./made\n      - run: |\n          mkdir late && printf 'runs: {using: composite, steps: [{uses: o/late@v1}]}' > late/action.yml\n      - uses: ./late\n",
    ))
    .file("made/action.yml", "runs: {using: composite, steps: [{uses: o/early@v1}]}\n");
    publish(&lrun, "o/early", "v1", &[("action.yml", &said("early"))]);
    publish(&lrun, "o/late", "v1", &[("action.yml", &said("late"))]);
    assert_eq!(passed(&lrun).lines("a"), ["early", "late"]);
}

#[test]
fn the_depth_of_a_problem_is_told() {
    let lrun = world(&job("      - run: echo ran\n      - uses: o/outer@v1\n"));
    let outer = "runs: {using: composite, steps: [{uses: o/none@v1}]}\n";
    publish(&lrun, "o/outer", "v1", &[("action.yml", outer)]);
    let ended = lrun.run();
    assert_eq!(ended.code, Some(3), "{ended}");
    let text = format!("{}{}", ended.stdout, ended.stderr);
    assert!(
        text.contains("Unable to resolve action `o/none@v1`, repository not found"),
        "{ended}"
    );
    assert!(text.contains("ci.yml:7"), "{ended}");
    assert!(!text.contains("] ran"), "{ended}");
}

/// A workflow with one job that calls, and one that must not run beside a call that GitHub refuses.
fn caller(call: &str) -> String {
    format!(
        "on: push\njobs:\n  c:\n{call}\n  d:\n    runs-on: ubuntu-latest\n    steps: [run: echo ran]\n"
    )
}

#[test]
fn calls_of_workflows_elsewhere_are_judged_before_anything_runs() {
    // SPEC 1.3, U-1, U-3, U-4, U-6: as those of the own repository, whatever the `if` of the call.
    let one = |head: &str, job: &str| {
        format!("{head}\njobs:\n  j:\n    runs-on: ubuntu-latest\n{job}    steps: [run: echo hi]\n")
    };
    let needs = "on:\n  workflow_call:\n    inputs: {level: {type: number, required: true}}\n    secrets: {S: {required: true}}";
    let files = [
        ("nocall.yml", one("on: push", "")),
        ("needs.yml", one(needs, "")),
        (
            "writes.yml",
            one("on: workflow_call", "    permissions: {contents: write}\n"),
        ),
        (
            "broken.yml",
            "on: workflow_call\njobs: {j: {runs-on: x, steps: [runn: x]}}\n".to_owned(),
        ),
        (
            "ring.yml",
            "on: workflow_call\njobs: {j: {uses: ./.github/workflows/ring.yml}}\n".to_owned(),
        ),
    ];
    let uses = |file: &str| format!("    uses: o/wf/.github/workflows/{file}@v1");
    let table = [
        ("nocall.yml", "", "workflow_call key is not defined"),
        ("needs.yml", "", "Input level is required"),
        ("needs.yml", "", "Secret S is required"),
        (
            "needs.yml",
            "\n    with: {level: high}\n    secrets: {S: x, T: y}",
            "Unexpected value 'high'",
        ),
        (
            "needs.yml",
            "\n    with: {level: 1}\n    secrets: {S: x, T: y}",
            "Invalid secret, T is not defined",
        ),
        (
            "writes.yml",
            "\n    permissions: {contents: read}",
            "is requesting 'contents: write'",
        ),
        ("broken.yml", "", "Unexpected value 'runn'"),
        ("ring.yml", "", "the workflow calls itself"),
        ("none.yml", "", "workflow was not found"),
    ];
    for (file, rest, message) in table {
        for condition in ["", "    if: ${{ github.ref == 'x' }}\n"] {
            let lrun = world(&caller(&format!("{condition}{}{rest}", uses(file))));
            let files: Vec<_> = files
                .iter()
                .map(|(name, text)| (format!(".github/workflows/{name}"), text.as_str()))
                .collect();
            let files: Vec<_> = files.iter().map(|(name, text)| (&**name, *text)).collect();
            publish(&lrun, "o/wf", "v1", &files);
            let ended = lrun.run();
            assert_eq!(
                ended.code,
                Some(2),
                "{file}: {}{}",
                ended.stdout,
                ended.stderr
            );
            assert!(ended.stderr.contains(message), "{file}: {}", ended.stderr);
            assert!(!ended.stdout.contains("ran"), "{file}: {}", ended.stdout);
        }
    }
}

#[test]
fn an_action_that_github_could_not_have_either_is_no_matter_of_conditions() {
    // SPEC: looked up and read before the first step.
    let ring = |next: &str| format!("runs: {{using: composite, steps: [{{uses: {next}}}]}}\n");
    let (there, back) = (ring("o/a/back@v1"), ring("o/a/there@v1"));
    let files = [
        ("odd/action.yml", "runs: {using: node99, main: x}\n"),
        ("empty/file", ""),
        ("there/action.yml", there.as_str()),
        ("back/action.yml", back.as_str()),
    ];
    for (uses, reason) in [
        ("o/a@v9", "unable to find version `v9`"),
        ("o/a/odd@v1", "node99"),
        (
            "o/a/empty@v1",
            "Can't find 'action.yml', 'action.yaml' or 'Dockerfile' for action 'o/a/empty@v1'",
        ),
        (
            "o/a/there@v1",
            "Composite action depth exceeded max depth 9 (o/a/there@v1 → o/a/back@v1",
        ),
        ("$/none", "for action '$/none'"),
    ] {
        for condition in [
            "if: github.ref == 'refs/heads/release'",
            "continue-on-error: true",
        ] {
            let steps =
                format!("      - run: echo first\n      - uses: {uses}\n        {condition}\n");
            let lrun = world(&job(&steps));
            publish(&lrun, "o/a", "v1", &files);
            let events = lrun.events();
            assert_eq!(
                events.code,
                Some(3),
                "{uses}: {}{}",
                events.stderr,
                events.text()
            );
            assert_eq!(events.lines("a"), [""; 0], "{uses}");
            let told = events.of("job.unavailable").next().unwrap()["reason"].to_string();
            assert!(told.contains(reason), "{uses}: {told}");
        }
        // The guard that people keep deployments with.
        let steps = format!(
            "      - run: echo first\n      - uses: {uses}\n        if: ${{{{ !env.ACT }}}}\n"
        );
        let lrun = world(&job(&steps));
        publish(&lrun, "o/a", "v1", &files);
        passed(&lrun);
    }
}

#[test]
fn a_plan_does_not_know_what_a_workflow_elsewhere_has() {
    let lrun = world(&caller("    uses: o/wf/.github/workflows/w.yml@v1")).args(["plan", "push"]);
    let ended = lrun.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stdout.contains("unavailable"), "{}", ended.stdout);
    let row = "  0  c  calls o/wf/.github/workflows/w.yml@v1\n";
    assert!(ended.stdout.contains(row), "{}", ended.stdout);
}

#[test]
fn what_an_action_made_by_a_step_uses_is_had_before_its_first_step() {
    // SPEC A-1
    let steps = "      - run: |
          mkdir dyn
          echo 'runs: {using: composite, steps: [{uses: o/gone@v9, continue-on-error: true}, {shell: sh, run: echo inner}]}' > dyn/action.yml
      - uses: ./dyn
";
    let events = world(&job(steps)).events();
    assert_eq!(events.code, Some(1), "{}", events.text());
    assert_eq!(events.lines("a"), [""; 0]);
    assert!(events.text().contains("o/gone@v9"), "{}", events.text());
}
