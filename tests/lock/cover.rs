//! Coverage from the workflows and the file alone, and what a run is held to.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::world::{LOCK, World};

const SHA: &str = "34e114876b0b11c390a56381ad16ebd13914f8d5";

/// A lock file: lists of workflows, and pins with what they use.
fn lock(workflows: &[(&str, &[&str])], dependencies: &[(&str, &[&str])]) -> String {
    let list = |indent: &str, pins: &[&str]| {
        let lines = pins.iter().map(|pin| format!("{indent}- '{pin}'\n"));
        lines.collect::<String>()
    };
    let mut text = "version: 'v0.0.2'\nworkflows:\n".to_owned();
    for (path, pins) in workflows {
        let list = list("        ", pins);
        let list = if list.is_empty() {
            " []\n".to_owned()
        } else {
            format!("\n{list}")
        };
        _ = write!(text, "    '.github/workflows/{path}':{list}");
    }
    text.push_str("dependencies:\n");
    for (pin, uses) in dependencies {
        let git_ref = pin.split_once('@').unwrap().1;
        _ = write!(
            text,
            "    '{pin}':\n        ref: '{git_ref}'\n        commit: 'sha1-{SHA}'\n        owner_id: 1\n        repo_id: 2\n"
        );
        if !uses.is_empty() {
            _ = write!(text, "        uses:\n{}", list("            ", uses));
        }
    }
    text
}

struct Row {
    what: &'static str,
    uses: &'static [&'static str],
    listed: &'static [&'static str],
    dependencies: &'static [(&'static str, &'static [&'static str])],
    /// Code, and the line of the workflow or (after `L`) of the lock file.
    found: &'static [(&'static str, &'static str)],
    code: i32,
}

const TABLE: &[Row] = &[
    Row {
        what: "covered, whatever the case and the path",
        uses: &["O/A/sub@v1.0.0", "o/a@v1.0.0"],
        listed: &["o/a@v1.0.0"],
        dependencies: &[("o/a@v1.0.0", &[])],
        found: &[],
        code: 0,
    },
    Row {
        what: "a ref is not without case",
        uses: &["o/a@V1"],
        listed: &["o/a@v1"],
        dependencies: &[("o/a@v1", &[])],
        found: &[("ref-changed", "7"), ("stale", "L4")],
        code: 2,
    },
    Row {
        what: "not in the list",
        uses: &["o/a@v1"],
        listed: &[],
        dependencies: &[],
        found: &[("not-pinned", "7")],
        code: 2,
    },
    Row {
        what: "an entry that the workflow does not list",
        uses: &["o/a@v1"],
        listed: &["o/b@v1.0.0"],
        dependencies: &[("o/a@v1", &[]), ("o/b@v1.0.0", &[])],
        found: &[("not-pinned", "7"), ("stale", "L4")],
        code: 2,
    },
    Row {
        what: "in the list, but without an entry",
        uses: &["o/a@v1"],
        listed: &["o/a@v1"],
        dependencies: &[],
        found: &[("not-pinned", "7")],
        code: 2,
    },
    Row {
        what: "another ref",
        uses: &["o/a@v2"],
        listed: &["o/a@v1"],
        dependencies: &[("o/a@v1", &[])],
        found: &[("ref-changed", "7"), ("stale", "L4")],
        code: 2,
    },
    Row {
        what: "two refs of one repository",
        uses: &["o/a@v1.0.0", "o/a@v2.0.0"],
        listed: &["o/a@v1.0.0", "o/a@v2.0.0"],
        dependencies: &[("o/a@v1.0.0", &[]), ("o/a@v2.0.0", &[])],
        found: &[],
        code: 0,
    },
    Row {
        what: "a list of direct and transitive pins",
        uses: &["o/a@v1.0.0"],
        listed: &["o/a@v1.0.0", "o/b@v1", "o/c@v1"],
        dependencies: &[
            ("o/a@v1.0.0", &["o/b@v1"]),
            ("o/b@v1", &["o/c@v1"]),
            ("o/c@v1", &[]),
        ],
        found: &[],
        code: 0,
    },
    Row {
        what: "a list of direct pins only",
        uses: &["o/a@v1.0.0"],
        listed: &["o/a@v1.0.0"],
        dependencies: &[
            ("o/a@v1.0.0", &["o/b@v1"]),
            ("o/b@v1", &["o/c@v1"]),
            ("o/c@v1", &[]),
        ],
        found: &[],
        code: 0,
    },
    Row {
        what: "an action's own action without an entry, two levels down",
        uses: &["o/a@v1.0.0"],
        listed: &["o/a@v1.0.0"],
        dependencies: &[("o/a@v1.0.0", &["o/b@v1"]), ("o/b@v1", &["o/c@v1"])],
        found: &[("not-pinned", "L19")],
        code: 2,
    },
    Row {
        what: "a stale pin",
        uses: &["o/a@v1.0.0"],
        listed: &["o/a@v1.0.0", "o/b@v1"],
        dependencies: &[("o/a@v1.0.0", &[]), ("o/b@v1", &[])],
        found: &[("stale", "L5")],
        code: 0,
    },
    Row {
        what: "a bare commit without a pin",
        uses: &["o/a@34e114876b0b11c390a56381ad16ebd13914f8d5"],
        listed: &[],
        dependencies: &[],
        found: &[("sha-as-ref", "7")],
        code: 0,
    },
    Row {
        what: "a bare commit that a tag is locked to",
        uses: &["o/a@34e114876b0b11c390a56381ad16ebd13914f8d5"],
        listed: &["o/a@v1"],
        dependencies: &[("o/a@v1", &[])],
        found: &[("sha-as-ref", "7")],
        code: 0,
    },
    Row {
        what: "a short commit is a ref",
        uses: &["o/a@34e1148"],
        listed: &[],
        dependencies: &[],
        found: &[("not-pinned", "7")],
        code: 2,
    },
    Row {
        what: "images and own actions need none",
        uses: &["docker://alpine:3", "$/own"],
        listed: &[],
        dependencies: &[],
        found: &[],
        code: 0,
    },
    Row {
        what: "an own action has no ref",
        uses: &["$/own@v1"],
        listed: &[],
        dependencies: &[],
        found: &[("invalid-self-repository-ref", "7")],
        code: 2,
    },
];

#[test]
fn a6_findings_by_githubs_names() {
    for row in TABLE {
        let world = World::new();
        world
            .workflow("ci.yml", row.uses)
            .file("own/action.yml", "runs:\n  using: node20\n  main: x.js\n")
            .file(LOCK, &lock(&[("ci.yml", row.listed)], row.dependencies));
        let ended = world.lrun(&["lock", "--check", "--format", "github"]);
        let found: Vec<(String, String)> = ended
            .stdout
            .lines()
            .filter(|line| !line.starts_with("::notice"))
            .map(|line| {
                let between = |from: &str, to: &str| {
                    let rest = line.split_once(from).unwrap().1;
                    rest.split_once(to).unwrap().0.to_owned()
                };
                let in_lock = between("file=", ",").ends_with("actions.lock");
                let mark = if in_lock { "L" } else { "" };
                (
                    between("title=", "::"),
                    format!("{mark}{}", between("line=", ",")),
                )
            })
            .collect();
        let expected: Vec<(String, String)> = row
            .found
            .iter()
            .map(|(code, line)| ((*code).to_owned(), (*line).to_owned()))
            .collect();
        assert_eq!(found, expected, "{}: {ended:#?}", row.what);
        ended.code(row.code);
        assert_eq!(world.api.heard(), [], "no network");
        // A run is held up by the same errors, and by nothing else.
        let ran = world.lrun(&["push"]);
        if row.code == 2 {
            ran.code(2).says_not("echo ran");
        } else {
            assert_ne!(ran.code, 2, "{}: {ran:#?}", row.what);
        }
    }
}

#[test]
fn a6_refs_that_may_move_are_named_when_asked() {
    let world = World::new();
    world
        .workflow("ci.yml", &["o/a@v1"])
        .file(LOCK, &lock(&[("ci.yml", &["o/a@v1"])], &[("o/a@v1", &[])]));
    world
        .lrun(&["lock", "--check"])
        .code(0)
        .says_not("version-ref");
    world
        .lrun(&["lock", "--check", "-v"])
        .code(0)
        .says("version-ref");
    let json = world.lrun(&["lock", "--check", "--json"]);
    let list: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(list[0]["code"], "version-ref");
    assert_eq!(list[0]["line"], 7);
    world
        .lrun(&["lock", "--check", "-q"])
        .code(0)
        .says_not("covers");
}

#[test]
fn a6_workflows_outside_the_file_are_not_covered() {
    let world = World::new();
    world
        .workflow("ci.yml", &["o/a@v1.0.0"])
        .workflow("other.yml", &["o/a@v1.0.0"])
        .file(
            LOCK,
            &lock(&[("ci.yml", &["o/a@v1.0.0"])], &[("o/a@v1.0.0", &[])]),
        );
    world
        .lrun(&["lock", "--check"])
        .code(2)
        .says("other.yml:7:15")
        .says("run `lrun lock`");
    // One file, as a hook names it, in any way to write its path.
    for path in [
        ".github/workflows/ci.yml",
        "./.github/../.github/workflows/ci.yml",
    ] {
        world.lrun(&["lock", "--check", path, LOCK]).code(0);
    }
    world.lrun(&["lock", "--check", "-W", "other.yml"]).code(2);
    world
        .lrun(&["lock", "--check", ".github/workflows"])
        .code(2);
    fs::remove_file(world.root().join(LOCK)).unwrap();
    world
        .lrun(&["lock", "--check"])
        .code(2)
        .says("ci.yml:7:15")
        .says("2 errors");
}

#[test]
fn a6_workflows_that_are_no_more() {
    let world = World::new();
    world.workflow("ci.yml", &[]).file(
        LOCK,
        &lock(
            &[("ci.yml", &[]), ("gone.yml", &["o/a@v1"])],
            &[("o/a@v1", &[])],
        ),
    );
    world
        .lrun(&["lock", "--check"])
        .code(0)
        .says("stale-workflow")
        .says("actions.lock:4:5");
    world
        .lrun(&["lock", "--check", ".github/workflows/ci.yml"])
        .code(0)
        .says_not("stale-workflow");
}

#[test]
fn a6_a_workflow_that_can_not_be_read_covers_nothing() {
    let world = World::new();
    world
        .file(".github/workflows/ci.yml", "on: [push\n")
        .file(LOCK, &lock(&[("ci.yml", &[])], &[]));
    world.lrun(&["lock", "--check"]).code(2).says("ci.yml:");
    world.lrun(&["lock"]).code(2).says("nothing was written");
}

#[test]
fn a6_only_onboarded_workflows_are_held_unless_locked_is_given() {
    let world = World::new();
    world
        .file("own/action.yml", "runs:\n  using: composite\n  steps: []\n")
        .workflow("ci.yml", &["$/own"])
        .workflow("free.yml", &[])
        .workflow("local.yml", &["./own"])
        .file(
            ".github/workflows/skipped.yml",
            "on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: o/a@v1\n        if: false\n",
        )
        .file(LOCK, &lock(&[("ci.yml", &[])], &[]));
    let run = |file: &str, more: &[&str]| {
        let mut args = vec!["push", "-W", file];
        args.extend_from_slice(more);
        world.lrun(&args)
    };
    run("free.yml", &["--locked"]).says("echo ran");
    run("skipped.yml", &[]).says_not("not-pinned");
    run("skipped.yml", &["--locked"])
        .code(2)
        .says("not-pinned")
        .says("skipped.yml:6:15")
        .says("run `lrun lock`");
    run("local.yml", &["--locked"]).code(2).says("local-action");
    fs::remove_file(world.root().join(LOCK)).unwrap();
    run("skipped.yml", &["--locked"]).code(2).says("not-pinned");
}
