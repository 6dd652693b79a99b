//! The documentation is true: what it names is there, and what it tells people to type is what is tested.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^)#:]+)\)").unwrap());
static FLAG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[ `(])(--[a-z][a-z-]+)").unwrap());

static PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"`((?:\.ci|completions|docs|fixtures|scripts|src|tests)/[A-Za-z0-9_./-]*)`")
        .unwrap()
});

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(home().join(path)).unwrap()
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(home().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == extension))
        .collect();
    files.sort();
    files
}

/// The fixtures that a page links to.
fn linked(page: &Path) -> BTreeSet<PathBuf> {
    let text = fs::read_to_string(page).unwrap();
    LINK.captures_iter(&text)
        .map(|link| page.parent().unwrap().join(&link[1]))
        .map(|path| {
            path.canonicalize()
                .unwrap_or_else(|_| panic!("{}: {}", page.display(), path.display()))
        })
        .collect()
}

#[test]
fn every_page_of_a_feature_names_a_fixture() {
    for page in files("docs/features", "md") {
        assert!(!linked(&page).is_empty(), "{}", page.display());
    }
}

#[test]
fn every_fixture_has_a_page() {
    let linked: BTreeSet<PathBuf> = files("docs/features", "md")
        .iter()
        .flat_map(|page| linked(page))
        .collect();
    for fixture in files("fixtures/workflows", "yml") {
        let fixture = fixture.canonicalize().unwrap();
        assert!(
            linked.contains(&fixture),
            "no page names {}",
            fixture.display()
        );
    }
}

#[test]
fn every_fixture_says_what_it_shows() {
    for fixture in files("fixtures/workflows", "yml") {
        let text = fs::read_to_string(&fixture).unwrap();
        let first = text.lines().next().unwrap();
        assert!(
            first.starts_with("# ") && first.len() > 20,
            "{}: {first}",
            fixture.display()
        );
    }
}

/// All pages, with what is told of the project in words.
fn pages() -> Vec<PathBuf> {
    let mut pages = files("docs", "md");
    pages.extend(files("docs/features", "md"));
    pages.push(home().join("README.md"));
    pages.push(home().join("CHANGELOG.md"));
    pages
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        linked(&page);
    }
}

#[test]
fn every_path_that_is_told_of_is_there() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for path in PATH.captures_iter(&text) {
            assert!(
                home().join(&path[1]).exists(),
                "{}: {}",
                page.display(),
                &path[1]
            );
        }
    }
}

#[test]
fn every_room_stands_in_the_architecture() {
    let text = read("docs/architecture.md");
    for entry in fs::read_dir(home().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            ["lib", "main"].contains(&room) || text.contains(&format!("| `{room}` |")),
            "{room}"
        );
    }
}

#[test]
fn the_project_is_proved_by_the_readmes_own_command() {
    let readme = read("README.md");
    let command = readme
        .lines()
        .find_map(|line| line.strip_suffix("# passes the tests"))
        .unwrap()
        .trim();
    assert!(
        read(".ci/run").lines().any(|line| line == command),
        "{command}"
    );
}

#[test]
fn the_readme_runs_a_fixture_that_is_there() {
    let readme = read("README.md");
    let line = readme
        .lines()
        .find(|line| line.contains("runs a workflow on this machine"))
        .unwrap();
    let fixture = line
        .split_whitespace()
        .find(|word| word.starts_with("fixtures/"))
        .unwrap();
    assert!(home().join(fixture).exists());
}

#[test]
fn the_readmes_hook_and_makefile_are_those_that_are_tested() {
    let readme = read("README.md");
    let hook = read("tests/deployment/hook.rs");
    let make = read("tests/deployment.rs");
    assert!(readme.contains("#!/bin/sh\nexec lrun -q -j lint --staged\n"));
    assert!(hook.contains(r"#!/bin/sh\nexec lrun -q -j lint --staged\n"));
    for line in readme
        .split("```make\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap()
        .lines()
    {
        assert!(make.contains(&line.replace('\t', "\\t")), "{line}");
    }
}

#[test]
fn every_flag_that_is_told_of_is_there() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_lrun"))
        .arg("--list-options")
        .output()
        .unwrap();
    let options: serde_json::Value = serde_json::from_slice(&help.stdout).unwrap();
    let known: BTreeSet<&str> = options
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|option| option["name"].as_str())
        .collect();
    let others = [
        "--check",
        "--all-targets",
        "--release",
        "--locked",
        "--path",
        "--test",
        "--help",
        "--version",
    ];
    let mut pages = files("docs/features", "md");
    pages.push(home().join("README.md"));
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for flag in FLAG.captures_iter(&text) {
            let name = &flag[1];
            assert!(
                known.contains(&name[2..]) || others.contains(&name),
                "{}: {name}",
                page.display()
            );
        }
    }
}
