//! From text to outline: legs, names, machines, conditions, called workflows.

use serde_json::json;

use super::{Sketch, Sketched};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::expr::Value;
use crate::plan::condition::Known;
use crate::plan::machine::{Arch, Backend, Machines, Os};
use crate::plan::matrix::MatrixFilter;
use crate::plan::outline::{JobOutline, Legs};
use crate::plan::reusable::Library;
use crate::plan::sample::{event, workflow};
use crate::plan::select::{Candidate, ChosenEvent, Request, State, select};
use crate::workflow::{ReadOptions, Workflow};

const CALLED: &str = "\
on:
  workflow_call:
    inputs:
      level: {type: string, default: low}
      fast: {type: boolean}
jobs:
  inner:
    name: inner ${{ inputs.level }}
    runs-on: ubuntu-latest
    steps: [run: a]
  slow:
    needs: inner
    if: ${{ !inputs.fast }}
    runs-on: ubuntu-latest
    steps: [run: a]
";

fn known(_: &Workflow) -> Known {
    Known {
        github: Value::from_json(&json!({"ref": "refs/heads/x", "event_name": "push"})),
        vars: Value::from_json(&json!({"SIZE": "2"})),
        ..Known::default()
    }
}

fn sketch_with(jobs: &str, matrix: &[&str], skip_unavailable: bool, only: &[&str]) -> Sketched {
    let top = workflow("ci.yml", &format!("name: CI\non: push\njobs:\n{jobs}"));
    let (library, found) = Library::load(
        &[&top],
        &|path| {
            if path == ".github/workflows/called.yml" {
                Ok(SourceFile::new(path, CALLED))
            } else {
                Err(Diagnostic::error("not-found", "There is no such file"))
            }
        },
        &ReadOptions::default(),
    );
    assert_eq!(found, []);
    let machines = Machines {
        os: Os::Linux,
        arch: Arch::X64,
        backend: Backend::Host,
        mappings: Vec::new(),
    };
    let filters = MatrixFilter::parse(matrix).unwrap();
    let sketch = Sketch {
        known: &known,
        called: &library,
        machines: &machines,
        matrix: &filters,
        skip_unavailable,
    };
    let candidates = [Candidate {
        file: "ci.yml",
        state: State::Valid(&top),
    }];
    let names: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
    let request = Request {
        jobs: &names,
        ..Request::default()
    };
    let selection = select(&candidates, &request, &event("push", "x", &json!({})), None);
    let chosen = ChosenEvent {
        name: "push".into(),
        reason: "typed".into(),
    };
    sketch.outline(&candidates, &chosen, &selection)
}

/// One line a job: `id@stage: leg, leg` or the reason why not.
fn line(job: &JobOutline) -> String {
    let what = if let Some(reason) = &job.skipped {
        format!("skipped: {reason}")
    } else if let Some(unavailable) = &job.unavailable {
        format!("unavailable: {}", unavailable.reason)
    } else {
        match &job.legs {
            Legs::Dynamic => "dynamic".into(),
            Legs::Known(legs) => {
                let legs = legs.iter().map(|leg| match &leg.unavailable {
                    Some(why) => format!("{} unavailable: {}", leg.name, why.reason),
                    None => format!("{} on {}", leg.name, leg.runs_on.join("+")),
                });
                legs.collect::<Vec<_>>().join(", ")
            }
        }
    };
    format!("{}@{}: {what}", job.id, job.stage)
}

fn lines(sketched: &Sketched) -> Vec<String> {
    assert!(
        sketched.diagnostics.is_empty(),
        "{:?}",
        sketched.diagnostics
    );
    sketched.outline.workflows[0]
        .jobs
        .iter()
        .map(line)
        .collect()
}

fn sketch(jobs: &str) -> Vec<String> {
    lines(&sketch_with(jobs, &[], false, &[]))
}

#[test]
fn legs_have_names_and_machines_of_their_own() {
    let found = sketch(
        "  build:
    strategy:
      matrix:
        os: [ubuntu-latest, macos-15]
        v: ${{ fromJSON('[1, 2]') }}
        exclude: [{os: macos-15, v: 1}]
    runs-on: ${{ matrix.os }}
    steps: [run: a]
  test:
    name: Test ${{ matrix.v }} of ${{ vars.SIZE }}
    strategy: {matrix: {v: [a]}}
    runs-on: [self-hosted, linux]
    steps: [run: a]
",
    );
    assert_eq!(
        found,
        [
            "build@0: build (ubuntu-latest, 1) on ubuntu-latest, build (ubuntu-latest, 2) on ubuntu-latest, build (macos-15, 2) unavailable: 'macos-15' is a macOS machine, and this one is Linux",
            "test@0: Test a of 2 on self-hosted+linux",
        ]
    );
}

#[test]
fn what_depends_on_needs_is_known_later() {
    let found = sketch(
        "  list:
    runs-on: self-hosted
    steps: [run: a]
  each:
    needs: list
    strategy: {matrix: {v: '${{ fromJSON(needs.list.outputs.v) }}'}}
    runs-on: self-hosted
    steps: [run: a]
  where:
    needs: list
    name: on ${{ needs.list.outputs.os }}
    runs-on: ${{ needs.list.outputs.os }}
    steps: [run: a]
",
    );
    assert_eq!(
        found,
        [
            "list@0: list on self-hosted",
            "each@1: dynamic",
            "where@1: on ${{ needs.list.outputs.os }} on ",
        ]
    );
}

#[test]
fn conditions_are_decided_and_passed_on() {
    let found = sketch(
        "  a:
    if: github.ref == 'refs/heads/main'
    runs-on: self-hosted
    steps: [run: a]
  b:
    needs: a
    runs-on: self-hosted
    steps: [run: a]
  c:
    needs: [b]
    if: always()
    runs-on: self-hosted
    steps: [run: a]
  d:
    needs: c
    if: failure()
    runs-on: self-hosted
    steps: [run: a]
",
    );
    assert_eq!(
        found,
        [
            "a@0: skipped: `if: github.ref == 'refs/heads/main'` is false",
            "b@1: skipped: it needs 'a', which does not run",
            "c@2: c on self-hosted",
            "d@3: d on self-hosted",
        ]
    );
}

const UNAVAILABLE: &str = "  mac:
    runs-on: macos-latest
    steps: [run: a]
  boxed:
    runs-on: ubuntu-latest
    container: alpine
    steps: [run: a]
  served:
    runs-on: ubuntu-latest
    services: {db: {image: postgres}}
    steps: [run: a]
  docker:
    runs-on: ubuntu-latest
    steps: [uses: 'docker://alpine']
  none:
    runs-on: ubuntu-latest
    container: ${{ vars.NOTHING }}
    steps: [run: a]
  after:
    needs: mac
    if: always()
    runs-on: ubuntu-latest
    steps: [run: a]
";

#[test]
fn what_can_not_run_here_is_named_and_its_dependants_wait_in_vain() {
    assert_eq!(
        sketch(UNAVAILABLE),
        [
            "mac@0: mac unavailable: 'macos-latest' is a macOS machine, and this one is Linux",
            "boxed@0: boxed unavailable: `container` needs a container engine, and none is used",
            "served@0: served unavailable: the service 'db' needs a container engine, and none is used",
            "docker@0: docker unavailable: the action 'docker://alpine' needs a container engine, and none is used",
            "none@0: none on ubuntu-latest",
            "after@1: skipped: 'mac' can not run here",
        ]
    );
}

#[test]
fn skipped_unavailable_legs_count_as_absent() {
    let found = lines(&sketch_with(UNAVAILABLE, &[], true, &["after"]));
    assert_eq!(
        found,
        [
            "mac@0: skipped: 'macos-latest' is a macOS machine, and this one is Linux (--skip-unavailable)",
            "after@1: after on ubuntu-latest",
        ]
    );
}

#[test]
fn called_workflows_unfold_below_their_caller() {
    let found = sketch(
        "  call:
    strategy: {matrix: {v: [a, b]}}
    uses: ./.github/workflows/called.yml
  quick:
    name: Quick
    needs: call
    uses: ./.github/workflows/called.yml
    with: {level: high, fast: true}
  far:
    uses: o/r/.github/workflows/x.yml@v1
  off:
    if: false
    uses: ./.github/workflows/called.yml
",
    );
    assert_eq!(
        found,
        [
            "call@0: call (a) on , call (b) on ",
            "call.inner@0: call (a) / inner low on ubuntu-latest, call (b) / inner low on ubuntu-latest",
            "call.slow@1: call (a) / slow on ubuntu-latest, call (b) / slow on ubuntu-latest",
            "quick@1: Quick on ",
            "quick.inner@1: Quick / inner high on ubuntu-latest",
            "quick.slow@2: skipped: `if: !inputs.fast` is false",
            "far@0: far on ",
            "off@0: skipped: `if: false` is false",
            "off.inner@0: skipped: `if: false` is false",
            "off.slow@1: skipped: `if: false` is false",
        ]
    );
}

#[test]
fn wrong_inputs_of_a_call_are_diagnostics() {
    let sketched = sketch_with(
        "  call:\n    uses: ./.github/workflows/called.yml\n    with: {fast: '${{ vars.SIZE }}'}\n",
        &[],
        false,
        &[],
    );
    let found: Vec<String> = sketched
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        found,
        [
            "ci.yml:5:11: error: .github/workflows/called.yml: input 'fast' can not be '2': it is a boolean, not a text (fromJSON makes one of a text)"
        ]
    );
}

const MATRIX: &str = "  a:
    strategy: {matrix: {v: [1, 2], os: [x]}}
    runs-on: self-hosted
    steps: [run: a]
  b:
    runs-on: self-hosted
    steps: [run: a]
";

#[test]
fn the_matrix_flag_leaves_legs_or_errors() {
    let table: [(&[&str], &[&str]); 3] = [
        (&["v:2"], &[]),
        (&["v:3"], &["--matrix leaves the job 'a' no leg"]),
        (&["w:3"], &["--matrix: no selected job has the key 'w'"]),
    ];
    for (flags, errors) in table {
        let sketched = sketch_with(MATRIX, flags, false, &[]);
        assert_eq!(sketched.matrix_errors, errors, "{flags:?}");
    }
    let kept = lines(&sketch_with(MATRIX, &["v:2"], false, &[]));
    assert_eq!(
        kept,
        ["a@0: a (2, x) on self-hosted", "b@0: b on self-hosted"]
    );
}

#[test]
fn a_matrix_that_gives_nothing_is_a_diagnostic_at_its_place() {
    let sketched = sketch_with(
        "  a:\n    strategy: {matrix: {v: \"${{ fromJSON('[]') }}\"}}\n    runs-on: x\n    steps: [run: a]\n",
        &[],
        false,
        &[],
    );
    assert_eq!(
        sketched.diagnostics[0].message,
        "Matrix vector 'v' does not contain any values"
    );
    assert_eq!(sketched.diagnostics[0].position().unwrap().line, 5);
}

#[test]
fn a_list_without_an_event_leaves_its_contexts_open() {
    let top = workflow(
        "ci.yml",
        "on: workflow_dispatch
jobs:
  a:
    name: a ${{ github.ref }}
    runs-on: self-hosted
    steps: [run: a]
  b:
    needs: a
    strategy: {matrix: {v: '${{ fromJSON(inputs.v) }}'}}
    runs-on: self-hosted
    steps: [run: a]
  c:
    if: github.ref == 'x'
    runs-on: self-hosted
    steps: [run: a]
",
    );
    let candidates = [Candidate {
        file: "ci.yml",
        state: State::Valid(&top),
    }];
    let sketch = Sketch {
        known: &known,
        called: &Library::default(),
        machines: &Machines {
            os: Os::Linux,
            arch: Arch::X64,
            backend: Backend::Host,
            mappings: Vec::new(),
        },
        matrix: &[],
        skip_unavailable: false,
    };
    let all = sketch.all(&candidates, &[]);
    assert_eq!(
        lines(&all),
        [
            "a@0: a ${{ github.ref }} on self-hosted",
            "b@1: dynamic",
            "c@0: c on self-hosted"
        ]
    );
    let some = sketch.all(&candidates, &["b".to_owned()]);
    assert_eq!(lines(&some).len(), 2);
    let none = sketch.all(&candidates, &["z".to_owned()]);
    assert!(none.outline.workflows.is_empty());
}

#[test]
fn what_is_wrong_in_a_workflow_that_stays_out_is_of_no_concern() {
    let top = workflow(
        "rel.yml",
        "on: release
jobs:
  a:
    strategy: {matrix: {v: \"${{ fromJSON('[]') }}\"}}
    runs-on: self-hosted
    steps: [run: a]
  b:
    strategy: {matrix: {v: [1]}}
    runs-on: self-hosted
    steps: [run: a]
",
    );
    let candidates = [Candidate {
        file: "rel.yml",
        state: State::Valid(&top),
    }];
    let sketch = Sketch {
        known: &known,
        called: &Library::default(),
        machines: &Machines {
            os: Os::Linux,
            arch: Arch::X64,
            backend: Backend::Host,
            mappings: Vec::new(),
        },
        matrix: &MatrixFilter::parse(&["v:2"]).unwrap(),
        skip_unavailable: false,
    };
    let push = event("push", "x", &json!({}));
    let selection = select(&candidates, &Request::default(), &push, None);
    let chosen = ChosenEvent {
        name: "push".into(),
        reason: "typed".into(),
    };
    let sketched = sketch.outline(&candidates, &chosen, &selection);
    assert_eq!(sketched.diagnostics, []);
    assert!(sketched.matrix_errors.is_empty());
    assert_eq!(sketched.outline.workflows[0].jobs.len(), 2);
}
