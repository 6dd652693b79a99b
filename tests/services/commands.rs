//! `lrun artifacts`, `lrun cache`, and the flags of the services, by an action that speaks the protocol with Node.js alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::lrun::{Ended, Lrun};
use crate::tool::trial;

pub fn trials() -> Vec<Trial> {
    let node = &["node"];
    vec![
        trial(
            "commands: what a run leaves is listed and extracted",
            node,
            artifacts,
        ),
        trial("commands: artifacts that are not there", &[], no_artifacts),
        trial(
            "commands: --artifact-server-path lays artifacts as act does",
            node,
            laid,
        ),
        trial(
            "commands: workflows of one run have names of their own",
            node,
            two_workflows,
        ),
        trial(
            "commands: caches are listed, explained and removed",
            node,
            caches,
        ),
        trial(
            "commands: words that `lrun cache` does not know",
            &[],
            wrong_words,
        ),
        trial("commands: --no-cache-server", node, no_caches),
        trial(
            "commands: --cache-server-path and --cache-server-external-url",
            node,
            elsewhere,
        ),
        trial("commands: --env gives other services", node, given),
        trial("commands: --oidc", node, oidc),
        trial("commands: --chain hands artifacts on", node, chained),
    ]
}

/// A repository with the fixtures' action, which a folder serves.
fn with_parcel(workflow: &str) -> Lrun {
    let parcel = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/actions/parcel");
    let mut lrun = Lrun::new();
    for name in ["action.yml", "main.js"] {
        let text = fs::read_to_string(parcel.join(name)).unwrap();
        lrun = lrun.file(&format!("parcel/{name}"), &text);
    }
    lrun.workflow("ci.yml", workflow).commit().env(
        "LRUN_LOCAL_REPOSITORY",
        "octo/parcel@v1={SCRATCH}/demo/parcel",
    )
}

const STEPS: &str = "
    runs-on: ubuntu-latest
    steps:
      - uses: octo/parcel@v1
        with: { do: restore, name: tools-2 }
      - uses: octo/parcel@v1
        with: { do: save, name: tools-1, text: a hammer }
      - uses: octo/parcel@v1
        with: { do: send, name: app.txt, text: it is built }
";

fn workflow() -> String {
    format!("on: push\njobs:\n  a:{STEPS}")
}

#[track_caller]
fn green(lrun: &Lrun) -> Ended {
    let ended = lrun.run();
    assert_eq!(ended.code, Some(0), "{ended}");
    ended
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended}"))
}

fn artifacts() {
    let lrun = with_parcel(&workflow()).args(["push"]);
    let ended = green(&lrun);
    assert!(
        ended
            .stderr
            .contains("artifacts: app.txt (11 B); `lrun artifacts "),
        "{ended}"
    );
    let lrun = lrun.args(["artifacts", "--json"]);
    let all = json(&green(&lrun));
    let run = all[0]["run"].as_str().unwrap().to_owned();
    assert_eq!(
        (all[0]["name"].as_str(), all[0]["size"].as_u64()),
        (Some("app.txt"), Some(11))
    );
    assert_eq!(all[0]["workflow"], ".github/workflows/ci.yml");
    // By the whole id, its end, and as the newest.
    for wanted in [run.as_str(), &run[run.len() - 6..], "latest"] {
        let lrun = lrun_again(&lrun, &["artifacts", wanted]);
        assert!(lrun.stdout.contains("app.txt"), "{lrun}");
    }
    let extracted = lrun_again(
        &lrun,
        &["artifacts", "latest", "app.txt", "--extract", "out"],
    );
    assert_eq!(extracted.code, Some(0), "{extracted}");
    let file = lrun.root().join("out/app.txt");
    assert_eq!(fs::read_to_string(&file).unwrap(), "it is built");
    fs::write(&file, "mine").unwrap();
    let again = lrun_again(
        &lrun,
        &["artifacts", "latest", "app.txt", "--extract", "out"],
    );
    assert_eq!(again.code, Some(2), "{again}");
    assert!(
        again
            .stderr
            .contains("is there already, and is not replaced"),
        "{again}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let near = lrun_again(&lrun, &["artifacts", "latest", "ap.txt"]);
    assert!(
        near.code == Some(2) && near.stderr.contains("did you mean `app.txt`?"),
        "{near}"
    );
    // Nobody else may read what a run left.
    let runs = lrun.scratch().join("home/data/lrun/runs");
    let folder = fs::read_dir(runs).unwrap().next().unwrap().unwrap();
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o077, 0);
}

/// Another command in the same repository.
fn lrun_again(lrun: &Lrun, args: &[&str]) -> Ended {
    let root = lrun.root();
    let mut command = lrun.command(env!("CARGO_BIN_EXE_lrun"), &root);
    let output = command.args(args).output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn no_artifacts() {
    let lrun = Lrun::new()
        .commit()
        .args(["artifacts"])
        .stdout("no artifacts\n");
    let lrun = lrun.stderr("").success();
    for (args, part) in [
        (
            ["artifacts", "latest"],
            "no run of this repository has artifacts",
        ),
        (
            ["artifacts", "--extract=x"],
            "whose artifacts? No run is named",
        ),
    ] {
        let ended = lrun_again(&lrun, &args);
        assert_eq!(ended.code, Some(2), "{ended}");
        assert!(ended.stderr.contains(part), "{ended}");
    }
}

fn laid() {
    let lrun = with_parcel(&workflow()).args(["push", "--artifact-server-path=out"]);
    for _ in 0..2 {
        // The second run overwrites, as act's would.
        green(&lrun);
        let file = lrun.root().join("out/1/app.txt/app.txt");
        assert_eq!(fs::read_to_string(file).unwrap(), "it is built");
    }
    // What was asked for and not done is no success.
    let lrun = lrun
        .file("taken", "")
        .args(["push", "--artifact-server-path=taken"]);
    let ended = lrun.run();
    assert_eq!(ended.code, Some(1), "{ended}");
    let text = "can not lay the artifact app.txt";
    assert!(ended.stderr.contains(text), "{ended}");
}

fn two_workflows() {
    let lrun = with_parcel(&workflow());
    let lrun = lrun
        .workflow("other.yml", &workflow())
        .commit()
        .args(["push"]);
    green(&lrun);
    let all = json(&green(&lrun.args(["artifacts", "latest", "--json"])));
    assert_eq!(all.as_array().unwrap().len(), 2);
}

fn caches() {
    let lrun = with_parcel(&workflow()).args(["push"]);
    let first = green(&lrun);
    assert!(
        first.stdout.contains("nothing is kept for tools-2"),
        "{first}"
    );
    let cache = |args: &[&str]| lrun_again(&lrun, &[&["cache"], args].concat());
    let listed = cache(&["list"]);
    assert!(
        listed.stdout.contains("tools-1  8 B   refs/heads/main"),
        "{listed}"
    );
    let why = cache(&["why", "tools-2"]);
    assert!(
        why.stdout.contains("tools-2: looked for in vain at "),
        "{why}"
    );
    assert!(
        why.stdout
            .contains("after \"tools-\" it has \"1\", not \"2\""),
        "{why}"
    );
    // On another branch it is another's.
    lrun.git(&["checkout", "--quiet", "-b", "feature"]);
    let second = green(&lrun);
    assert!(second.stdout.contains("found tools-1"), "{second}");
    let why = cache(&["why", "tools-2"]);
    assert!(
        why.stdout
            .contains("a restore key found tools-1 in its place"),
        "{why}"
    );
    let json = json(&cache(&["stats", "--json"]));
    assert_eq!(
        (json["entries"].as_u64(), json["bytes"].as_u64()),
        (Some(2), Some(8)),
        "{json}"
    );
    lrun.git(&["checkout", "--quiet", "main"]);
    assert!(
        cache(&["rm", "tols-1"])
            .stderr
            .contains("did you mean `tools-1`?")
    );
    let removed = cache(&["rm", "tools-*"]);
    assert_eq!(removed.stdout, "removed 2 entries, 8 B\n", "{removed}");
    assert_eq!(cache(&[]).stdout, "no caches\n");
    assert!(
        cache(&["why", "tools-2"])
            .stdout
            .contains("there are no caches of this repository")
    );
    green(&lrun);
    assert_eq!(cache(&["clear"]).stdout, "removed 1 entry, 8 B\n");
}

fn wrong_words() {
    let lrun = Lrun::new().commit();
    for (args, part) in [
        (vec!["cache", "lst"], "did you mean `list`?"),
        (vec!["cache", "rm"], "No key is named"),
        (vec!["cache", "why"], "explains one key"),
        (vec!["cache", "stats", "x"], "does not take the word `x`"),
        (
            vec!["cache", "rm", "x"],
            "no cache has the key or the id `x`",
        ),
        (vec!["cache", "--cache-size=much"], "is no size"),
    ] {
        let ended = lrun_again(&lrun, &args);
        assert_eq!(ended.code, Some(2), "{ended}");
        assert!(ended.stderr.contains(part), "{ended}");
    }
}

const SHOW: &str = "
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./show
";

fn showing(permissions: &str) -> Lrun {
    Lrun::new()
        .file("show/action.yml", "name: Show\nruns: { using: node20, main: main.js }\n")
        .file(
            "show/main.js",
            "for (const name of Object.keys(process.env).filter(it => it.startsWith('ACTIONS_')).sort())
  console.log(name, /TOKEN$/.test(name) ? process.env[name].length > 3 : process.env[name].replace(/:\\d+/, ':PORT'))
",
        )
        .workflow("ci.yml", &format!("on: push\n{permissions}\njobs:\n  a:{SHOW}"))
        .commit()
}

/// The variables that an action sees.
fn shown(lrun: &Lrun) -> Vec<String> {
    let ended = green(lrun);
    let lines = ended.stdout.lines();
    lines
        .filter_map(|line| line.strip_prefix("[a] "))
        .filter(|line| line.starts_with("ACTIONS_"))
        .map(str::to_owned)
        .collect()
}

fn no_caches() {
    // SPEC 4.2
    let lrun = showing("").args(["push"]);
    let url = "http://127.0.0.1:PORT/";
    let all = [
        "ACTIONS_CACHE_SERVICE_V2 True".to_owned(),
        format!("ACTIONS_CACHE_URL {url}"),
        format!("ACTIONS_RESULTS_URL {url}"),
        "ACTIONS_RUNTIME_TOKEN true".to_owned(),
        format!("ACTIONS_RUNTIME_URL {url}"),
    ];
    assert_eq!(shown(&lrun), all);
    let lrun = lrun.args(["push", "--no-cache-server"]);
    assert_eq!(shown(&lrun), all[2..]);
}

fn elsewhere() {
    let lrun = with_parcel(&workflow()).args(["push", "--cache-server-path=kept"]);
    green(&lrun);
    assert!(lrun.root().join("kept/lrun/entries").is_dir());
    assert!(!lrun.scratch().join("home/cache/lrun/caches").exists());
    let lrun = showing("").args(["push", "--cache-server-external-url=http://far:1/x"]);
    let shown = shown(&lrun);
    assert_eq!(shown[0], "ACTIONS_CACHE_URL http://far:PORT/x/");
    assert!(!shown.iter().any(|line| line.contains("V2")), "{shown:?}");
}

fn given() {
    let lrun = showing("").args([
        "push",
        "--env=ACTIONS_CACHE_URL=http://far:1/",
        "--env=ACTIONS_RUNTIME_TOKEN=abc",
        "--env=ACTIONS_CACHE_MODE=read",
    ]);
    let shown = shown(&lrun);
    assert!(
        shown.contains(&"ACTIONS_CACHE_URL http://far:PORT/".to_owned()),
        "{shown:?}"
    );
    assert!(
        shown.contains(&"ACTIONS_CACHE_MODE read".to_owned()),
        "{shown:?}"
    );
    assert!(
        shown.contains(&"ACTIONS_RUNTIME_TOKEN false".to_owned()),
        "{shown:?}"
    );
    assert!(!shown.iter().any(|line| line.contains("V2")), "{shown:?}");
    let lrun = with_parcel(&workflow()).args(["push", "--env=ACTIONS_CACHE_MODE=read"]);
    let ended = green(&lrun);
    assert!(ended.stdout.contains("cache write denied"), "{ended}");
}

fn oidc() {
    let id_token = "permissions: { id-token: write }";
    let asks = |lrun: Lrun| {
        shown(&lrun)
            .iter()
            .filter(|it| it.contains("ID_TOKEN"))
            .count()
    };
    assert_eq!(asks(showing(id_token).args(["push", "--oidc"])), 2);
    // Not without the flag, and not without the permission (SPEC W-102).
    assert_eq!(asks(showing(id_token).args(["push"])), 0);
    assert_eq!(asks(showing("").args(["push", "--oidc"])), 0);
    assert_eq!(
        asks(showing("permissions: { contents: read }").args(["push", "--oidc"])),
        0
    );
    // SPEC V-5: scripts too.
    let script = r#"
on: push
permissions: { id-token: write }
jobs:
  a:
    runs-on: ubuntu-latest
    environment: prod
    steps:
      - run: |
          test -z "$ACTIONS_RUNTIME_TOKEN"
          node -e 'fetch(process.env.ACTIONS_ID_TOKEN_REQUEST_URL + "&audience=vault", {
            headers: { authorization: "Bearer " + process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN }
          }).then(async it => {
            const claims = JSON.parse(Buffer.from((await it.json()).value.split(".")[1], "base64url"))
            for (const name of ["iss", "sub", "aud", "event_name", "environment", "job_workflow_ref", "runner_environment"]) console.log(name, claims[name])
          })'
"#;
    let lrun = Lrun::new().workflow("ci.yml", script).commit();
    let ended = green(&lrun.args(["push", "--oidc=https://issuer.example/"]));
    for line in [
        "iss https://issuer.example",
        "sub repo:octo/demo:environment:prod",
        "aud vault",
        "event_name push",
        "environment prod",
        "job_workflow_ref octo/demo/.github/workflows/ci.yml@refs/heads/main",
    ] {
        assert!(
            ended.stdout.contains(&format!("[a] {line}\n")),
            "{line}: {ended}"
        );
    }
}

fn chained() {
    let next = "
on: { workflow_run: { workflows: [First], types: [completed] } }
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: echo \"run ${{ github.event.workflow_run.id }}, not ${{ github.run_id }}\"
";
    let lrun = with_parcel(&format!("name: First\n{}", workflow()));
    let lrun = lrun.workflow("next.yml", next).commit();
    let lrun = lrun.args(["push", "--chain"]);
    let ended = green(&lrun);
    let said = ended
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("[a] run "));
    let (run, own) = said.unwrap().split_once(", not ").unwrap();
    assert_ne!(run, own);
    let listed = lrun_again(&lrun, &["artifacts", run]);
    assert_eq!(listed.code, Some(0), "{listed}");
}
