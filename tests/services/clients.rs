//! GitHub's own npm clients, and real actions where a mirror of them is at hand.
//!
//! `LRUN_TEST_CLIENTS` is a folder with the installed clients and their round trips, `LRUN_TEST_ACTIONS` a folder of bare
//! repositories, `OWNER/NAME.git`. Without them these tests are shown as ignored.

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;

use crate::desk::{Desk, Job};
use crate::lrun::Lrun;
use crate::tool::{is_here, trial};
use crate::world;

pub fn trials() -> Vec<Trial> {
    let has_clients = is_here("node") && clients().is_some();
    let has_engine = std::env::var_os("LRUN_TEST_DOCKER").is_some();
    let with =
        |name: &str, there: bool, test: fn()| trial(name, &[], test).with_ignored_flag(!there);
    vec![
        with(
            "clients: @actions/artifact makes its round trip",
            has_clients,
            artifact,
        ),
        with(
            "clients: @actions/cache makes its round trip",
            has_clients,
            cache,
        ),
        with(
            "clients: @actions/cache speaks the older protocol",
            has_clients,
            old_cache,
        ),
        with(
            "clients: both in a workflow on this machine",
            has_clients,
            on_host,
        ),
        with(
            "clients: both in containers",
            has_clients && has_engine,
            in_containers,
        ),
        with(
            "clients: in containers of an engine elsewhere",
            has_engine,
            elsewhere,
        ),
        with(
            "clients: what a script exports reaches later steps",
            has_clients,
            exported,
        ),
        with(
            "clients: real actions on this machine",
            has_actions(),
            actions_on_host,
        ),
        with(
            "clients: real actions in containers",
            has_actions() && has_engine,
            actions_in_containers,
        ),
    ]
}

/// Where the clients are installed.
fn clients() -> Option<PathBuf> {
    let folder = match std::env::var_os("LRUN_TEST_CLIENTS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/testbed/clients"),
    };
    let folder = folder.canonicalize().ok()?;
    folder
        .join("node_modules/@actions/artifact")
        .is_dir()
        .then_some(folder)
}

fn node(job: &Job, script: &str, env: &[(&str, &str)]) {
    let url = format!("{}/", job.base);
    let output = Command::new("node")
        .arg(clients().unwrap().join(script))
        .arg("9")
        .env_remove("ACTIONS_CACHE_URL")
        .env("ACTIONS_RUNTIME_TOKEN", &job.token)
        .env("ACTIONS_RESULTS_URL", &url)
        .env("GITHUB_SERVER_URL", "https://github.com")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.lines().filter(|line| line.starts_with("ok ")).count() > 5,
        "{text}"
    );
}

fn artifact() {
    let desk = Desk::new();
    node(&desk.job("run", "main"), "artifact-roundtrip.mjs", &[]);
}

fn cache() {
    let desk = Desk::new();
    let env = [("ACTIONS_CACHE_SERVICE_V2", "True")];
    node(&desk.job("run", "main"), "cache-roundtrip.mjs", &env);
}

fn old_cache() {
    let desk = Desk::new();
    let job = desk.job("run", "main");
    let url = format!("{}/", job.base);
    node(&job, "cache-roundtrip.mjs", &[("ACTIONS_CACHE_URL", &url)]);
}

const ACTION: &str = "
name: Round trip
inputs:
  script: { required: true }
runs: { using: node20, main: main.js }
";

const MAIN: &str = "
const { spawnSync } = require('node:child_process')
const run = spawnSync(process.execPath, [process.env.INPUT_SCRIPT, '2'], { stdio: 'inherit' })
process.exit(run.status)
";

/// A job whose steps are the two round trips, by clients that lie there.
fn round_trips(more: &str, clients: &str) -> String {
    format!(
        "
{more}
    steps:
      - uses: actions/checkout@v4
      - uses: ./trip
        with: {{ script: {clients}/artifact-roundtrip.mjs }}
      - uses: ./trip
        with: {{ script: {clients}/cache-roundtrip.mjs }}
"
    )
}

fn in_repository(workflow: &str) -> Lrun {
    Lrun::new()
        .file("trip/action.yml", ACTION)
        .file("trip/main.js", MAIN)
        .workflow("ci.yml", workflow)
        .commit()
        .args(["push"])
}

fn on_host() {
    let folder = clients().unwrap();
    let job = round_trips("    runs-on: ubuntu-latest", &folder.display().to_string());
    let lrun = in_repository(&format!("on: push\njobs:\n  a:{job}"));
    let ended = lrun.run();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(
        ended
            .stdout
            .contains("download is byte for byte the upload"),
        "{ended}"
    );
    assert!(
        ended.stdout.contains("restore-keys: prefix, newest wins"),
        "{ended}"
    );
    assert!(
        ended.stderr.contains("artifacts: big0.bin (524.29 kB)"),
        "{ended}"
    );
}

fn in_containers() {
    let folder = clients().unwrap();
    let image = world::base();
    let boxed = format!(
        "    runs-on: ubuntu-latest\n    container: {{ image: {image}, volumes: ['{}:/clients'] }}",
        folder.display()
    );
    // Two workflows: both leave an artifact of one name.
    let workflow = |job: &str| format!("on: push\njobs:\n  a:{}", round_trips(job, "/clients"));
    let lrun = in_repository(&workflow("    runs-on: ubuntu-latest"))
        .workflow("boxed.yml", &workflow(&boxed))
        .commit();
    let lrun = lrun.words(vec![
        "push".to_owned(),
        format!("--platform=ubuntu-latest={image}"),
        format!("--container-options=-v {}:/clients", folder.display()),
    ]);
    let events = world::passes(&world::on_this_engine(lrun));
    let text = events.text();
    assert_eq!(
        text.matches("download is byte for byte the upload").count(),
        2,
        "{text}"
    );
    assert_eq!(
        text.matches("restore-keys: prefix, newest wins").count(),
        2,
        "{text}"
    );
}

/// An engine that shares no files reaches the services by the network.
fn elsewhere() {
    let parcel = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/actions/parcel");
    let image = world::base();
    let steps = "
    steps:
      - uses: actions/checkout@v4
      - uses: ./dash
        with: { a-b: kept }
      - uses: octo/parcel@v1
        with: { do: send, name: '${{ github.job }}', text: from afar }
      - uses: octo/parcel@v1
        id: it
        with: { do: fetch, name: '${{ github.job }}' }
      - run: echo \"${{ steps.it.outputs.text }}\"
";
    let workflow = format!(
        "on: push\njobs:\n  hosted:\n    runs-on: ubuntu-latest{steps}  boxed:\n    runs-on: ubuntu-latest\n    container: {image}{steps}"
    );
    let lrun = Lrun::new()
        .file(
            "dash/action.yml",
            "name: Dash\ninputs: { a-b: { required: true } }\nruns: { using: node20, main: main.js }\n",
        )
        .file("dash/main.js", "console.log(process.env['INPUT_A-B'])\n")
        .workflow("ci.yml", &workflow)
        .commit()
        .words(vec![
            "push".to_owned(),
            format!("--platform=ubuntu-latest={image}"),
            format!("--local-repository=octo/parcel@v1={}", parcel.display()),
        ])
        .env("LRUN_BACKEND", "auto")
        .env("DOCKER_HOST", &world::front());
    let events = world::passes(&lrun);
    for job in ["hosted", "boxed"] {
        let lines = events.lines(job);
        assert!(
            lines.contains(&"kept") && lines.contains(&"from afar"),
            "{lines:?}"
        );
    }
}

/// As actions do that hand the services to tools in `run` steps.
fn exported() {
    let lrun = Lrun::new()
        .file("hand/action.yml", "name: Hand\nruns: { using: node20, main: main.js }\n")
        .file(
            "hand/main.js",
            "const { appendFileSync } = require('node:fs')
for (const name of ['ACTIONS_RESULTS_URL', 'ACTIONS_RUNTIME_TOKEN'])
  appendFileSync(process.env.GITHUB_ENV, `${name}=${process.env[name]}\\n`)
console.log(`token ${process.env.ACTIONS_RUNTIME_TOKEN}`)
",
        )
        .workflow(
            "ci.yml",
            r#"
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: test -z "$ACTIONS_RUNTIME_TOKEN"
      - uses: ./hand
      - run: |
          code=$(node -e 'fetch(process.env.ACTIONS_RESULTS_URL + "twirp/github.actions.results.api.v1.CacheService/GetCacheEntryDownloadURL", {
            method: "POST",
            headers: { authorization: `Bearer ${process.env.ACTIONS_RUNTIME_TOKEN}`, "content-type": "application/json" },
            body: JSON.stringify({ key: "k", version: "v" })
          }).then(async it => console.log(it.status, await it.text()))')
          echo "$code"
"#,
        )
        .commit()
        .args(["push"]);
    let ended = lrun.run();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stdout.contains("200 {\"ok\":false"), "{ended}");
    // Nobody reads the token in a log.
    assert!(ended.stdout.contains("token ***"), "{ended}");
    assert!(!ended.stdout.contains("eyJ"), "{ended}");
}

fn mirror() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("LRUN_TEST_ACTIONS")?);
    let wanted = ["upload-artifact", "download-artifact", "cache"];
    wanted
        .iter()
        .all(|name| folder.join(format!("actions/{name}.git")).is_dir())
        .then_some(folder)
}

fn has_actions() -> bool {
    is_here("node") && mirror().is_some()
}

const REAL: &str = r#"
on: push
jobs:
  make:
    runs-on: ubuntu-latest
    steps:
      - run: mkdir -p "out/sub dir" && seq 100000 > out/big && echo é > "out/sub dir/é" && touch out/empty
      - uses: actions/upload-artifact@v4
        with: { name: app, path: out }
      - uses: actions/upload-artifact@v4
        with: { name: app, path: out/big, overwrite: true }
      - uses: actions/upload-artifact@v4
        with: { name: part-1, path: "out/sub dir" }
      - uses: actions/upload-artifact@v4
        with: { name: part-2, path: out/empty }
      - uses: actions/upload-artifact/merge@v4
        with: { name: all, pattern: part-* }
      - uses: actions/cache@v4
        id: cache
        with: { path: out, key: key-1 }
      - run: echo "hit ${{ steps.cache.outputs.cache-hit }}"
  take:
    needs: make
    runs-on: ubuntu-latest
    steps:
      - uses: actions/download-artifact@v4
        with: { name: app, path: got }
      - uses: actions/download-artifact@v4
        with: { pattern: part-*, path: merged, merge-multiple: true }
      - run: seq 100000 | cmp - got/big && ls got merged && cat merged/é
"#;

fn real(change: impl Fn(Lrun) -> Lrun) {
    let mirror = mirror().unwrap();
    let lrun = Lrun::new().workflow("ci.yml", REAL).commit().args(["push"]);
    let lrun = lrun
        .env("GIT_CONFIG_COUNT", "1")
        .env(
            "GIT_CONFIG_KEY_0",
            &format!("url.file://{}/.insteadOf", mirror.display()),
        )
        .env("GIT_CONFIG_VALUE_0", "https://github.com/");
    let lrun = change(lrun);
    let first = lrun.run();
    assert_eq!(first.code, Some(0), "{first}");
    assert!(
        first
            .stdout
            .contains("Cache not found for input keys: key-1"),
        "{first}"
    );
    let second = lrun.run();
    assert_eq!(second.code, Some(0), "{second}");
    assert!(second.stdout.contains("hit true"), "{second}");
    let listed = lrun.args(["artifacts", "latest"]).run();
    for name in ["app", "part-1", "part-2", "all"] {
        assert!(listed.stdout.contains(&format!("{name} ")), "{listed}");
    }
}

fn actions_on_host() {
    real(|lrun| lrun);
}

fn actions_in_containers() {
    real(|lrun| {
        let platform = format!("--platform=ubuntu-latest={}", world::base());
        world::on_this_engine(lrun.words(vec!["push".to_owned(), platform]))
    });
}
