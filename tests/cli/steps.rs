//! Steps on the host: scripts, command files, environment, actions.

use crate::lrun::Lrun;

fn job(steps: &str) -> String {
    format!("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n{steps}")
}

fn push(steps: &str) -> Lrun {
    Lrun::new()
        .workflow("ci.yml", &job(steps))
        .commit()
        .args(["push"])
}

#[test]
fn a_script_of_a_megabyte_works() {
    let mut script = "      - run: |\n".to_owned();
    while script.len() < 1_000_000 {
        script.push_str("          : a line of a long script that does nothing at all\n");
    }
    // The file limit of GitHub is 1 MiB, all of it counted.
    script.push_str("          echo the end\n");
    let events = push(&script).events();
    assert_eq!(events.code, Some(0), "{}", events.stderr);
    assert_eq!(events.lines("a"), ["the end"]);
}

#[test]
fn a_grandchild_that_holds_the_output_does_not_hang_the_step() {
    // SPEC S-12. The grandchild waits for a writer that never comes.
    let events = push(
        "      - run: |
          mkfifo {SCRATCH}/never
          cat {SCRATCH}/never &
          echo started
      - run: echo next
",
    )
    .events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.lines("a"), ["started", "next"]);
}

#[test]
fn standard_input_is_closed() {
    let events = push("      - run: cat; echo done\n").events();
    assert_eq!(events.lines("a"), ["done"]);
}

#[test]
fn steps_have_no_terminal() {
    let events = push("      - run: test -t 1 || echo no terminal\n").events();
    assert_eq!(events.lines("a"), ["no terminal"]);
}

#[test]
fn both_streams_are_told_apart() {
    let events = push("      - run: |\n          echo out\n          echo err >&2\n").events();
    let mut said: Vec<_> = events
        .of("step.output")
        .filter(|event| event["stream"] != "log")
        .map(|event| {
            (
                event["stream"].as_str().unwrap(),
                event["text"].as_str().unwrap(),
            )
        })
        .collect();
    said.sort_unstable();
    assert_eq!(said, [("stderr", "err"), ("stdout", "out")]);
}

#[test]
fn the_environment_of_a_step_wins_over_the_job_over_the_workflow() {
    let events = Lrun::new()
        .workflow(
            "ci.yml",
            "
on: push
env: { A: workflow, B: workflow, C: workflow, D: workflow }
jobs:
  a:
    runs-on: ubuntu-latest
    env: { B: job, C: job, D: job }
    steps:
      - run: |
          echo C=file >> \"$GITHUB_ENV\"
          echo D=file >> \"$GITHUB_ENV\"
      - env: { D: step }
        run: echo \"$A $B $C $D ${{ env.D }}\"
      - run: echo \"$A $B $C $D\"
",
        )
        .commit()
        .args(["push"])
        .events();
    assert_eq!(
        events.lines("a"),
        ["workflow job file step step", "workflow job file file"]
    );
}

#[test]
fn a_step_can_not_change_what_the_run_says() {
    // SPEC V-1.
    let events = push(
        "      - env: { GITHUB_SHA: mine, RUNNER_OS: mine, CI: 'no' }
        run: |
          test \"$GITHUB_SHA\" != mine && test \"$RUNNER_OS\" != mine && echo \"$CI\"
      - run: echo \"$CI $GITHUB_ACTIONS $GITHUB_REPOSITORY $GITHUB_REF_NAME $GITHUB_JOB $GITHUB_EVENT_NAME\"
      - run: echo \"[$GITHUB_HEAD_REF] [${GITHUB_TOKEN-unset}]\"
",
    )
    .events();
    assert_eq!(
        events.lines("a"),
        ["no", "true true octo/demo main a push", "[] [unset]"]
    );
}

#[test]
fn the_callers_own_variables_stay_out() {
    let events = push("      - run: echo \"[$GITHUB_SHA] [$RUNNER_NAME] [$LRUN_THING] [$GIT_DIR] [$MINE]\" | sed 's/[0-9a-f]\\{40\\}/SHA/'\n")
        .env("GITHUB_SHA", "outer")
        .env("LRUN_THING", "")
        .env("MINE", "kept")
        .events();
    assert_eq!(events.code, Some(0), "{}", events.stderr);
    let line = events.lines("a")[0].to_owned();
    assert!(
        line.starts_with("[SHA] [") && line.ends_with("] [] [] [kept]"),
        "{line}"
    );
}

#[test]
fn a_clean_environment_holds_nothing_of_the_callers() {
    let events = push("      - run: echo \"[${MINE-unset}] ${HOME:+home}\"\n")
        .env("MINE", "kept")
        .args(["push", "--clean-env"])
        .events();
    assert_eq!(events.lines("a"), ["[unset] home"]);
}

#[test]
fn added_paths_come_first_the_latest_before_all() {
    let events = push(
        "      - run: |
          for n in one two; do
            mkdir -p \"$RUNNER_TEMP/$n\"
            printf '#!/bin/sh\\necho %s\\n' $n > \"$RUNNER_TEMP/$n/which-one\"
            chmod +x \"$RUNNER_TEMP/$n/which-one\"
            echo \"$RUNNER_TEMP/$n\" >> \"$GITHUB_PATH\"
          done
      - run: which-one
",
    )
    .events();
    assert_eq!(events.lines("a"), ["two"]);
}

#[test]
fn a_line_that_is_no_pair_fails_the_step() {
    // SPEC K-40, K-41: pairs above it stay.
    let events = push(
        "      - id: it
        run: |
          echo good=1 >> \"$GITHUB_OUTPUT\"
          echo bad >> \"$GITHUB_OUTPUT\"
      - if: always()
        run: echo '${{ steps.it.outputs.good }} ${{ steps.it.outcome }}'
",
    )
    .events();
    assert_eq!(events.code, Some(1));
    assert_eq!(events.lines("a"), ["1 failure"]);
    assert!(
        events.annotations("error")[0]
            .contains("Unable to process file command 'output' successfully."),
        "{:?}",
        events.annotations("error")
    );
}

#[test]
fn old_commands_that_are_not_safe_fail() {
    let events = push("      - run: echo '::set-env name=A::b'\n").events();
    assert_eq!(events.code, Some(1));
    let events = push("      - id: it\n        run: echo '::set-output name=A::b'\n      - run: echo ${{ steps.it.outputs.A }}\n").events();
    assert_eq!(events.lines("a").last(), Some(&"b"));
}

#[test]
fn a_summary_is_an_event() {
    let events = push("      - run: echo '# Title' >> \"$GITHUB_STEP_SUMMARY\"\n").events();
    let summary: Vec<_> = events
        .of("step.summary")
        .map(|event| event["markdown"].as_str().unwrap().trim())
        .collect();
    assert_eq!(summary, ["# Title"]);
}

#[test]
fn continue_on_error_at_both_levels() {
    let events = Lrun::new()
        .workflow(
            "ci.yml",
            "
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - id: it
        continue-on-error: ${{ github.event_name == 'push' }}
        run: exit 1
      - run: echo '${{ steps.it.outcome }} ${{ steps.it.conclusion }} ${{ job.status }}'
  b:
    runs-on: ubuntu-latest
    continue-on-error: true
    steps:
      - run: exit 1
  c:
    needs: b
    runs-on: ubuntu-latest
    steps:
      - run: echo '${{ needs.b.result }}'
",
        )
        .commit()
        .args(["push"])
        .events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.lines("a"), ["failure success success"]);
    assert_eq!(events.lines("c"), ["success"]);
    let end = events
        .of("job.finished")
        .find(|event| event["job"]["id"] == "b")
        .unwrap();
    assert_eq!(end["outcome"], "failure");
}

#[test]
fn a_composite_action_is_steps_of_its_own() {
    let events = push(
        "      - uses: actions/checkout@v4
      - id: it
        continue-on-error: true
        env: { FROM: caller }
        uses: ./outer
        with: { word: hello }
      - run: echo '${{ steps.it.outputs.said }} ${{ steps.it.outcome }} $LATER'
      - run: echo \"$LATER\"
",
    )
    .file(
        "outer/action.yml",
        "
name: Outer
inputs:
  word: { default: none }
  other: { default: other }
outputs:
  said: { value: '${{ steps.in.outputs.said }}' }
runs:
  using: composite
  steps:
    - id: in
      uses: ./inner
      with: { word: '${{ inputs.word }} ${{ inputs.other }}' }
    - shell: bash
      run: |
        echo \"$FROM [${INPUT_WORD-unset}]\"
        echo LATER=later >> \"$GITHUB_ENV\"
    - shell: bash
      run: exit 3
    - shell: bash
      run: echo never
    - if: failure()
      shell: bash
      run: echo 'job is ${{ job.status }}'
",
    )
    .file(
        "inner/action.yml",
        "
name: Inner
inputs:
  word: { required: true }
outputs:
  said: { value: '${{ steps.in.outputs.said }}' }
runs:
  using: composite
  steps:
    - id: in
      shell: bash
      run: echo 'said=${{ inputs.word }}' >> \"$GITHUB_OUTPUT\"
",
    )
    .commit()
    .events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(
        events.lines("a"),
        [
            "caller [unset]",
            "job is success",
            "hello other failure $LATER",
            "later"
        ]
    );
}

#[test]
fn a_local_action_needs_the_checkout_first() {
    let events = push("      - uses: ./mine\n")
        .file(
            "mine/action.yml",
            "name: N\nruns: { using: node20, main: main.js }\n",
        )
        .commit()
        .events();
    assert_eq!(events.code, Some(1));
    let errors = events.annotations("error").join("\n");
    assert!(errors.contains("actions/checkout"), "{errors}");
}

#[test]
fn an_action_that_is_not_here_is_unavailable() {
    let events = push("      - uses: octo/elsewhere@v1\n").events();
    assert_eq!(events.code, Some(3), "{}", events.text());
    assert_eq!(events.job("a"), "unavailable");
}

#[test]
fn a_reusable_workflow_takes_inputs_and_gives_outputs() {
    let events = Lrun::new()
        .workflow(
            "ci.yml",
            "
on: push
env: { OUTER: outer }
jobs:
  call:
    strategy:
      matrix: { n: [1] }
    uses: ./.github/workflows/called.yml
    with: { word: hello }
    secrets: inherit
  after:
    needs: call
    runs-on: ubuntu-latest
    steps:
      - run: echo '${{ needs.call.outputs.said }} ${{ needs.call.result }}'
",
        )
        .workflow(
            "called.yml",
            "
on:
  workflow_call:
    inputs:
      word: { type: string, required: true }
      many: { type: number, default: 4 }
    outputs:
      said: { value: '${{ jobs.work.outputs.said }}' }
jobs:
  work:
    runs-on: ubuntu-latest
    outputs: { said: '${{ steps.it.outputs.said }}' }
    steps:
      - id: it
        run: |
          echo '${{ inputs.word }} ${{ inputs.many }} ${{ github.event_name }}'
          echo \"[$OUTER] ${{ secrets.TOKEN != '' }}\"
          echo said=done >> \"$GITHUB_OUTPUT\"
",
        )
        .commit()
        .args(["push", "-s", "TOKEN=hunter-2"])
        .events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    assert_eq!(events.lines("call (1) / work"), ["hello 4 push", "[] true"]);
    assert_eq!(events.lines("after"), ["done success"]);
}

#[test]
fn a_missing_called_workflow_is_an_error() {
    let ended = Lrun::new()
        .workflow(
            "ci.yml",
            "on: push\njobs:\n  a:\n    uses: ./.github/workflows/none.yml\n",
        )
        .commit()
        .args(["push"])
        .run();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.contains("none.yml"), "{ended}");
}

#[test]
#[ignore = "a minute: GitHub counts timeouts in whole minutes"]
fn timeouts_of_step_and_job() {
    let events = Lrun::new()
        .workflow(
            "ci.yml",
            "
on: push
jobs:
  step:
    runs-on: ubuntu-latest
    steps:
      - name: long
        timeout-minutes: 1
        run: sleep 600
      - if: failure()
        run: echo failed
  job:
    runs-on: ubuntu-latest
    timeout-minutes: 1
    steps:
      - run: sleep 600
      - if: always()
        run: echo '${{ job.status }}'
",
        )
        .commit()
        .args(["push", "--concurrent-jobs", "2"])
        .events();
    assert_eq!(events.code, Some(1), "{}", events.text());
    assert_eq!(events.lines("step"), ["failed"]);
    assert_eq!(events.job("step"), "failure");
    assert_eq!(events.lines("job"), ["cancelled"]);
    assert!(
        events
            .annotations("error")
            .contains(&"The action 'long' has timed out after 1 minutes."),
        "{:?}",
        events.annotations("error")
    );
}
