//! From a workflow to all that it uses.

use std::fs;
use std::sync::Arc;

use indexmap::IndexMap;
use lrun::action::{NodeVersion, Reference, RemoteActions, Root};

use crate::Test;
use crate::world::{NODE, World, using, workflow};

pub const TESTS: &[Test] = &[
    ("composites_lead_on", composites_lead_on),
    ("called_workflows_lead_on", called_workflows_lead_on),
    ("only_the_jobs_that_run_count", only_the_jobs_that_run_count),
    ("rings_end", rings_end),
    ("pins_are_what_runs", pins_are_what_runs),
    (
        "problems_in_the_depth_name_the_way",
        problems_in_the_depth_name_the_way,
    ),
];

fn composite(uses: &[&str]) -> String {
    let steps: Vec<String> = uses
        .iter()
        .map(|uses| format!("{{uses: {uses}}}"))
        .collect();
    format!(
        "runs: {{using: composite, steps: [{}]}}\n",
        steps.join(", ")
    )
}

fn all(workflow: &lrun::workflow::Workflow) -> Root<'_> {
    Root {
        workflow,
        jobs: None,
        pins: None,
    }
}

fn texts(found: &[lrun::diagnostic::Diagnostic]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

fn composites_lead_on() {
    let world = World::new();
    // SPEC A-1, A-5.
    world.repository(
        "o/outer",
        "v1",
        &[
            (
                "sub/action.yaml",
                &composite(&["o/inner@v1", "$/other", "./made-by-a-step"]),
            ),
            ("other/action.yml", &composite(&["o/third@v1"])),
        ],
    );
    world.repository("o/inner", "v1", &[("action.yml", NODE)]);
    world.repository(
        "o/third",
        "v1",
        &[("action.yml", "runs: {using: node24, main: x}")],
    );
    world.repository("o/local", "v1", &[("action.yml", NODE)]);
    let local = world.path("root/.github/actions/mine");
    fs::create_dir_all(&local).unwrap();
    fs::write(local.join("action.yml"), composite(&["o/local@v1"])).unwrap();
    let remote = world.remote();
    let workflow = using(
        &[
            "o/outer/sub@v1",
            "./.github/actions/mine",
            "./not-there",
            "actions/checkout@v4",
            "docker://alpine",
        ]
        .map(str::to_owned),
    );
    let served = |reference: &Reference, _: Option<&lrun::workflow::Token>| matches!(reference, Reference::Remote { repo, .. } if repo == "checkout");
    assert_eq!(texts(&remote.prepare(&[all(&workflow)], &served)), [""; 0]);
    for repo in ["outer", "inner", "third", "local"] {
        assert!(remote.folder("o", repo, "v1").is_some(), "{repo}");
    }
    assert!(remote.known("actions", "checkout", "v4").is_none());
    let nodes: Vec<NodeVersion> = remote.node_versions().into_iter().collect();
    assert_eq!(nodes, [NodeVersion::Node20, NodeVersion::Node24]);
}

fn called_workflows_lead_on() {
    let world = World::new();
    let job = "    runs-on: ubuntu-latest\n    steps: [{uses: $/act}, {uses: o/inner@v1}]\n";
    let build = format!(
        "on: workflow_call\njobs:\n  a:\n    uses: ./.github/workflows/more.yml\n  b:\n{job}"
    );
    let more = "on: workflow_call\njobs:\n  c:\n    runs-on: ubuntu-latest\n    steps: [uses: o/deep@v1]\n";
    let commit = world.repository(
        "o/shared",
        "v1",
        &[
            (".github/workflows/build.yml", &build),
            (".github/workflows/more.yml", more),
            ("act/action.yml", &composite(&["o/third@v1"])),
        ],
    );
    for name in ["inner", "deep", "third"] {
        world.repository(&format!("o/{name}"), "v1", &[("action.yml", NODE)]);
    }
    let caller = workflow(
        "on: push\njobs:\n  x:\n    uses: o/shared/.github/workflows/build.yml@v1\n  y:\n    uses: o/shared/.github/workflows/none.yml@v1\n",
    );
    let remote = world.remote();
    assert_eq!(
        texts(&remote.prepare(&[all(&caller)], &|_, _| false)),
        [
            ".github/workflows/ci.yml:6:11: error: error parsing called workflow \"o/shared/.github/workflows/none.yml@v1\": workflow was not found."
        ]
    );
    for repo in ["inner", "deep", "third"] {
        assert!(remote.folder("o", repo, "v1").is_some(), "{repo}");
    }
    let (origin, reading) = remote
        .workflow(None, None, "o/shared/.github/workflows/build.yml@v1")
        .unwrap();
    assert!(reading.workflow.is_some());
    assert_eq!(
        remote.commit(&origin.owner, &origin.repo, &origin.git_ref),
        Some(commit)
    );
    // `./` and `$/` are that repository at that commit.
    for uses in [
        "./.github/workflows/more.yml",
        "$/.github/workflows/more.yml",
    ] {
        let (inner, reading) = remote.workflow(Some(&origin), None, uses).unwrap();
        assert_eq!(inner, origin);
        assert_eq!(
            reading.workflow.as_ref().unwrap().source.path,
            "o/shared/.github/workflows/more.yml@v1"
        );
        assert!(remote.workflow(None, None, uses).is_none());
    }
    assert_eq!(remote.workflows().len(), 2);
}

fn only_the_jobs_that_run_count() {
    let world = World::new();
    world.repository("o/r", "v1", &[("action.yml", NODE)]);
    let text = "on: push\njobs:\n  a:\n    runs-on: x\n    steps: [uses: o/r@v1]\n  b:\n    runs-on: x\n    steps: [uses: o/none@v1]\n";
    let workflow = workflow(text);
    let jobs = ["a".to_owned()];
    let root = Root {
        jobs: Some(&jobs),
        ..all(&workflow)
    };
    let remote = world.remote();
    assert_eq!(texts(&remote.prepare(&[root], &|_, _| false)), [""; 0]);
    assert_eq!(remote.counts().lookups, 1);
}

fn rings_end() {
    let world = World::new();
    world.repository(
        "o/a",
        "v1",
        &[("action.yml", &composite(&["o/b@v1", "o/b@v1", "$/"]))],
    );
    world.repository(
        "o/b",
        "v1",
        &[("action.yml", &composite(&["o/a@v1", "o/b@v1", "o/a@main"]))],
    );
    let ring = "on: workflow_call\njobs:\n  a:\n    uses: ./.github/workflows/r.yml\n  b:\n    uses: o/w/.github/workflows/r.yml@main\n";
    world.repository("o/w", "v1", &[(".github/workflows/r.yml", ring)]);
    let workflow = workflow(
        "on: push\njobs:\n  a:\n    uses: o/w/.github/workflows/r.yml@v1\n  b:\n    runs-on: x\n    steps: [uses: o/a@v1]\n",
    );
    let remote = world.remote();
    assert_eq!(
        texts(&remote.prepare(&[all(&workflow)], &|_, _| false)),
        [""; 0]
    );
    assert_eq!(remote.counts().fetches, 3);
}

fn pins_are_what_runs() {
    let world = World::new();
    let first = world.repository("o/r", "v1", &[("action.yml", &composite(&["o/s@v1"]))]);
    world.repository("o/r", "v1", &[("action.yml", NODE)]);
    let inner = world.repository("o/s", "v1", &[("action.yml", NODE)]);
    world.repository("o/s", "v1", &[("other", "")]);
    let pins: IndexMap<String, String> = [
        ("o/r@v1".to_owned(), first.clone()),
        ("o/s@v1".to_owned(), inner.clone()),
    ]
    .into();
    let workflow = using(&["o/r@v1".to_owned()]);
    let root = Root {
        pins: Some(Arc::new(pins)),
        ..all(&workflow)
    };
    let remote: RemoteActions = world.remote();
    assert_eq!(texts(&remote.prepare(&[root], &|_, _| false)), [""; 0]);
    assert_eq!(remote.counts().lookups, 0);
    assert!(remote.folder("o", "r", &first).is_some() && remote.folder("o", "s", &inner).is_some());
}

fn problems_in_the_depth_name_the_way() {
    let world = World::new();
    world.repository(
        "o/r",
        "v1",
        &[("sub/action.yml", &composite(&["o/none@v1"]))],
    );
    let workflow = using(&["o/r/sub@v1".to_owned()]);
    let found = world.remote().prepare(&[all(&workflow)], &|_, _| false);
    assert_eq!(
        texts(&found),
        [
            "o/r/sub@v1/action.yml:1:41: error: Unable to resolve action `o/none@v1`, repository not found"
        ]
    );
    assert_eq!(
        found[0].help[0],
        "it is used because of .github/workflows/ci.yml:6:15"
    );
}
