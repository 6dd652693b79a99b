//! Where values come from: secrets, vars, env, inputs, events, and the order of sources.

use crate::lrun::Lrun;

fn job(line: &str) -> String {
    format!(
        "on: [push, pull_request]\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: {line}\n"
    )
}

fn repository(line: &str) -> Lrun {
    Lrun::new()
        .workflow("ci.yml", &job(line))
        .commit()
        .args(["push"])
}

#[track_caller]
fn said(it: &Lrun) -> Vec<String> {
    let events = it.events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    events.lines("a").into_iter().map(str::to_owned).collect()
}

#[test]
fn the_files_in_the_root_are_read() {
    let it = repository(
        "echo \"${{ vars.COLOUR }} $FOUND ${{ env.FOUND }} ${{ secrets.token == 'hunter-2' }}\"",
    )
    .file(".vars", "colour=blue\n")
    .file(".env", "FOUND=found\n")
    .file(".secrets", "TOKEN=hunter-2\n");
    assert_eq!(said(&it), ["blue found found true"]);
    let events = it.events();
    assert!(
        events.notes().iter().any(|note| note.contains("FOUND")),
        "{:?}",
        events.notes()
    );
}

#[test]
fn a_found_env_file_ranks_below_the_workflow_a_named_one_above() {
    let yaml = job("echo \"$A\"").replace("jobs:", "env: { A: workflow }\njobs:");
    let it = Lrun::new()
        .workflow("ci.yml", &yaml)
        .file(".env", "A=found\n")
        .file("my.env", "A=named\n")
        .commit();
    assert_eq!(said(&it.args(["push"])), ["workflow"]);
    let it = Lrun::new()
        .workflow("ci.yml", &yaml)
        .file("my.env", "A=named\n")
        .commit();
    assert_eq!(said(&it.args(["push", "--env-file", "my.env"])), ["named"]);
    let it = Lrun::new().workflow("ci.yml", &yaml).commit();
    assert_eq!(said(&it.args(["push", "--env", "A=flag"])), ["flag"]);
}

#[test]
fn a_secret_comes_from_the_environment() {
    let it = repository("echo '${{ secrets.TOKEN == 'hunter-2' }} ${{ secrets.TOKEN }}'")
        .env("TOKEN", "hunter-2")
        .args(["push", "-s", "token"]);
    assert_eq!(said(&it), ["true ***"]);
}

#[test]
fn missing_secrets_are_all_named() {
    let ended = repository("echo")
        .args(["push", "-s", "ONE", "-s", "TWO"])
        .run();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(
        ended.stderr.contains("ONE") && ended.stderr.contains("TWO"),
        "{ended}"
    );
}

#[test]
fn the_order_of_sources() {
    let it = || {
        repository("echo '${{ github.actor }}'")
            .file("../home/.actrc", "--actor home\n")
            .args(["push"])
    };
    assert_eq!(said(&it()), ["home"]);
    let it2 = || it().file(".actrc", "# mine\n--actor root\n");
    assert_eq!(said(&it2()), ["root"]);
    let it3 = || it2().file("lrun.toml", "actor = \"toml\"\n");
    assert_eq!(said(&it3()), ["toml"]);
    let it4 = || it3().env("LRUN_ACTOR", "variable");
    assert_eq!(said(&it4()), ["variable"]);
    assert_eq!(said(&it4().args(["push", "-a", "flag"])), ["flag"]);
}

#[test]
fn unknown_flags_warn_in_actrc() {
    let events = repository("echo fine")
        .file(".actrc", "--no-such-flag x\n")
        .events();
    assert_eq!(events.code, Some(0), "{}", events.stderr);
    let said = format!("{}{:?}", events.stderr, events.notes());
    assert!(said.contains("no-such-flag"), "{said}");
}

#[test]
fn platforms_that_actrc_maps_to_images_run_on_the_host() {
    let it = repository("echo host").file(
        ".actrc",
        "-P ubuntu-latest=catthehacker/ubuntu:act-latest\n",
    );
    assert_eq!(said(&it), ["host"]);
    let it = Lrun::new()
        .workflow(
            "ci.yml",
            &job("echo mapped").replace("ubuntu-latest", "my-own-label"),
        )
        .commit()
        .args(["push", "-P", "my-own-label=-self-hosted"]);
    assert_eq!(said(&it), ["mapped"]);
}

#[test]
fn act_is_in_the_environment() {
    let it = repository("echo \"$ACT $LRUN ${{ env.ACT }}\"");
    assert_eq!(said(&it), ["true true true"]);
}

#[test]
fn inputs_are_typed_and_have_defaults() {
    let yaml = "
on:
  workflow_dispatch:
    inputs:
      count: { type: number, default: 3 }
      sure: { type: boolean }
      level: { type: choice, options: [low, high], default: low }
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: echo '${{ inputs.count == 3 }} ${{ inputs.sure == false }} ${{ inputs.level }} ${{ github.event.inputs.count }}'
";
    let it = || Lrun::new().workflow("ci.yml", yaml).commit();
    assert_eq!(said(&it().args(["workflow_dispatch"])), ["true true low 3"]);
    // An input on the command line means this event.
    assert_eq!(
        said(&it().args(["--input", "level=high"])),
        ["true true high 3"]
    );
    for wrong in ["level=middle", "sure=maybe", "count=many", "other=1"] {
        let ended = it().args(["workflow_dispatch", "--input", wrong]).run();
        assert_eq!(ended.code, Some(2), "{wrong}: {ended}");
    }
    let it = it().file(".input", "level=high\nunknown=skipped\n");
    assert_eq!(said(&it.args(["workflow_dispatch"])), ["true true high 3"]);
}

#[test]
fn an_event_file_may_be_a_pipe() {
    let it = repository("echo '${{ github.ref_name }} ${{ github.event.extra }} ${{ github.event.repository.name }}'")
        .stdin("{\"ref\": \"refs/tags/v1\", \"extra\": \"more\"}")
        .args(["push", "-e", "/dev/stdin"]);
    assert_eq!(said(&it), ["v1 more demo"]);
}

#[test]
fn an_event_file_that_is_no_object_is_an_error() {
    for text in ["[]", "not json", ""] {
        let it = repository("echo")
            .file("event.json", text)
            .args(["push", "-e", "event.json"]);
        assert_eq!(it.run().code, Some(2), "{text}");
    }
}

#[test]
fn a_pull_request_has_its_refs() {
    let it = repository(
        "echo \"$GITHUB_REF $GITHUB_HEAD_REF $GITHUB_BASE_REF ${{ github.event.pull_request.base.ref }} ${{ github.event.number }}\"",
    );
    it.git(&["switch", "--quiet", "--create", "topic"]);
    let lines = said(&it.args(["pull_request"]));
    assert!(lines[0].contains(" topic main main "), "{lines:?}");
    assert!(lines[0].starts_with("refs/pull/"), "{lines:?}");
}

#[test]
fn a_push_has_its_commit() {
    let it = repository(
        "echo '${{ github.event.head_commit.message }} ${{ github.event.after == github.sha }} ${{ github.event.repository.full_name }}'",
    );
    assert_eq!(said(&it), ["Say hello true octo/demo"]);
}

#[test]
fn a_schedule_has_the_text_of_its_clock() {
    let yaml = job("echo '${{ github.event.schedule }}'").replace(
        "[push, pull_request]",
        "{ schedule: [{ cron: '5 3 * * 1' }, { cron: '0 4 * * *' }] }",
    );
    let it = Lrun::new().workflow("ci.yml", &yaml).commit();
    assert_eq!(said(&it.args(["schedule"])), ["5 3 * * 1"]);
}

#[test]
fn matrix_values_can_be_picked() {
    let yaml = job("echo '${{ matrix.n }}'").replace(
        "    steps",
        "    strategy: { matrix: { n: [1, 2, 3] } }\n    steps",
    );
    let it = || Lrun::new().workflow("ci.yml", &yaml).commit();
    let events = it()
        .args(["push", "--matrix", "n:2", "--matrix", "n:3"])
        .events();
    let mut started = events.started();
    started.sort_unstable();
    assert_eq!(started, ["a (2)", "a (3)"]);
    assert_eq!(it().args(["push", "--matrix", "n:9"]).run().code, Some(2));
}

#[test]
fn a_job_runs_with_its_needs() {
    let yaml = "
on: push
jobs:
  a: { runs-on: ubuntu-latest, steps: [{ run: echo }] }
  b: { runs-on: ubuntu-latest, needs: a, steps: [{ run: echo }] }
  c: { runs-on: ubuntu-latest, steps: [{ run: echo }] }
";
    let it = || Lrun::new().workflow("ci.yml", yaml).commit();
    assert_eq!(it().args(["-j", "b"]).events().started(), ["a", "b"]);
    let events = it().args(["-j", "a", "-j", "c"]).events();
    let mut started = events.started();
    started.sort_unstable();
    assert_eq!(started, ["a", "c"]);
    let ended = it().args(["-j", "bb"]).run();
    assert!(ended.stderr.contains('b'), "{ended}");
}

#[test]
fn a_directory_is_entered_first() {
    let it = Lrun::without_git().file("sub/.github/workflows/ci.yml", &job("echo sub"));
    assert_eq!(said(&it.args(["-C", "sub", "push"])), ["sub"]);
}

#[test]
fn the_event_is_found_when_none_is_typed() {
    let only = |event: &str| {
        Lrun::new()
            .workflow(
                "ci.yml",
                &job("echo '${{ github.event_name }}'").replace("[push, pull_request]", event),
            )
            .commit()
    };
    assert_eq!(
        said(&only("{ schedule: [{ cron: '0 3 * * *' }] }").args([])),
        ["schedule"]
    );
    assert_eq!(said(&only("[push, release]").args([])), ["push"]);
    let ended = only("[release, issues]").args([]).run();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(
        ended.stderr.contains("release") && ended.stderr.contains("issues"),
        "{ended}"
    );
    assert_eq!(
        said(&only("[release, issues]").args(["--detect-event"])),
        ["issues"]
    );
}

#[test]
fn an_event_without_a_listener_is_an_error_but_for_a_named_job() {
    let it = repository("echo '${{ github.event_name }}'");
    assert_eq!(it.args(["issues"]).run().code, Some(2));
    let it = repository("echo '${{ github.event_name }}'").args(["issues", "-j", "a"]);
    assert_eq!(said(&it), ["issues"]);
}

#[test]
fn angle_delimiters_can_be_turned_off() {
    let it = || repository("echo '$<< github.event_name >>'");
    assert_eq!(said(&it()), ["push"]);
    let it = it().file("lrun.toml", "delimiters = \"github\"\n");
    assert_eq!(said(&it), ["$<< github.event_name >>"]);
}

#[test]
fn workflows_may_lie_elsewhere() {
    let it = Lrun::new()
        .file("ci/other.yml", &job("echo other"))
        .commit();
    assert_eq!(said(&it.args(["push", "-W", "ci/other.yml"])), ["other"]);
    let it = Lrun::new()
        .file("ci/other.yml", &job("echo other"))
        .commit();
    assert_eq!(said(&it.args(["push", "-W", "ci"])), ["other"]);
}

const DEPLOY: &str = "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    environment: { name: Production, url: 'https://x.example/${{ vars.PLACE }}' }
    steps:
      - uses: actions/checkout@v4
      - env: { KEY: '${{ secrets.KEY }}' }
        run: |
          echo \"$KEY ${{ secrets.KEY == 'of-production' }} ${{ vars.PLACE }}\"
          ls -A | grep production || echo none
";

#[test]
fn an_environment_has_files_of_its_own() {
    // SPEC C-11; DESIGN 4: no job sees the files
    let it = Lrun::new()
        .workflow("ci.yml", DEPLOY)
        .commit()
        .file(".secrets.production", "KEY=of-production\n")
        .file(".vars.production", "PLACE=there\n")
        .file(".vars", "PLACE=here\n")
        .args(["push", "-s", "KEY=of-repository"]);
    let events = it.events();
    let lines = events.lines("a");
    assert!(lines.contains(&"*** true there"), "{lines:?}");
    assert!(lines.contains(&"none"), "{lines:?}");
    assert!(!events.text().contains("of-production"));
    let address = "environment Production: https://x.example/there";
    assert!(events.text().contains(address), "{}", events.text());
}

#[test]
fn a_file_of_an_environment_that_can_not_be_read_fails_its_job_alone() {
    let yaml =
        DEPLOY.to_owned() + "  b:\n    runs-on: ubuntu-latest\n    steps: [{ run: echo fine }]\n";
    let events = Lrun::new()
        .workflow("ci.yml", &yaml)
        .commit()
        .file(".vars.production", "no name here\n")
        .args(["push"])
        .events();
    assert_eq!(events.code, Some(1));
    assert!(
        events.text().contains(".vars.production:1:"),
        "{}",
        events.text()
    );
    assert_eq!(events.lines("b"), ["fine"]);
}
