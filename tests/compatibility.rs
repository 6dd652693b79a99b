//! The page of compatibility is made from its data, and the data names proofs that are there.
//!
//! `LRUN_BLESS=1 cargo test --test compatibility` writes the page anew.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// The sections of what GitHub does; the open points after them are no behaviour.
const SECTIONS: &str = "1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8 1.9 1.10 1.11 1.12 2.1 2.2 2.3 2.4 2.5 2.6 2.7 3.1 3.2 \
    4.1 4.2 4.3 4.4 5.1 5.2 5.3 5.4 6.1 6.2 6.3 6.4 6.5 6.6 6.7 6.8 6.9 7.1 7.2 7.3 8 9 10 11 \
    12.1 12.2 12.3 12.4 12.5 12.6 12.7 13 14.1 14.2 15";

const HEAD: &str = "# Compatibility with GitHub Actions

<!-- Made from compatibility.toml by tests/compatibility.rs: change that file, not this one. -->

*works*: as on GitHub, shown by what is named beside. *partly*: what is missing stands beside. *not yet*: reported when a workflow
uses it; nothing passes in silence. Numbers are the sections of lrun's specification, which the tests cite.
";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    section: Vec<Section>,
    difference: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    number: String,
    about: String,
    state: State,
    proof: Vec<String>,
    #[serde(default)]
    note: String,
}

#[derive(Debug, Deserialize, PartialEq, Clone, Copy)]
enum State {
    #[serde(rename = "works")]
    Works,
    #[serde(rename = "partly")]
    Partly,
    #[serde(rename = "not yet")]
    NotYet,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    lrun: String,
    github: String,
    why: String,
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn data() -> Data {
    let text = fs::read_to_string(home().join("docs/compatibility.toml")).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("docs/compatibility.toml: {error}"))
}

/// The name of a proof, as the page says it.
fn link(proof: &str) -> String {
    let name = proof
        .strip_prefix("fixtures/workflows/")
        .or_else(|| proof.strip_prefix("fixtures/reusable/.github/workflows/"))
        .map_or(proof, |name| name.trim_end_matches(".yml"));
    format!("[{name}](../{proof})")
}

fn page(data: &Data) -> String {
    let mut text = format!("{HEAD}\n| | what | state | shown by |\n| --- | --- | --- | --- |\n");
    for section in &data.section {
        let state = match section.state {
            State::Works => "works",
            State::Partly => "partly",
            State::NotYet => "not yet",
        };
        let note = if section.note.is_empty() {
            String::new()
        } else {
            format!("; {}", section.note)
        };
        let proofs: Vec<String> = section.proof.iter().map(|proof| link(proof)).collect();
        _ = writeln!(
            text,
            "| {} | {}{note} | {state} | {} |",
            section.number,
            section.about,
            proofs.join(", ")
        );
    }
    text.push_str("\n## Deliberate differences\n\n| lrun | GitHub | why |\n| --- | --- | --- |\n");
    for one in &data.difference {
        _ = writeln!(text, "| {} | {} | {} |", one.lrun, one.github, one.why);
    }
    text
}

#[test]
fn the_page_is_made_from_the_data() {
    let path = home().join("docs/compatibility.md");
    let made = page(&data());
    if std::env::var_os("LRUN_BLESS").is_some() {
        fs::write(path, made).unwrap();
        return;
    }
    assert!(
        fs::read_to_string(path).unwrap() == made,
        "docs/compatibility.md is not what its data says: LRUN_BLESS=1 cargo test --test compatibility"
    );
}

#[test]
fn every_section_has_its_row_once() {
    let data = data();
    let rows: Vec<&str> = data.section.iter().map(|it| it.number.as_str()).collect();
    assert_eq!(rows, SECTIONS.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn what_works_is_proved_and_what_does_not_says_what_is_missing() {
    for section in data().section {
        match section.state {
            State::Works => assert!(!section.proof.is_empty(), "{}", section.number),
            State::Partly => assert!(
                !section.proof.is_empty() && !section.note.is_empty(),
                "{}",
                section.number
            ),
            State::NotYet => {}
        }
    }
}

#[test]
fn every_proof_is_there_and_is_compared() {
    for section in data().section {
        for proof in &section.proof {
            let path = home().join(proof);
            let says = format!("{}: {proof}", section.number);
            assert!(path.exists(), "{says}");
            if proof.starts_with("fixtures/invalid/") {
                assert!(path.with_extension("out").exists(), "{says}");
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let tests = ["#[test]", "::test]", "Trial::test", "trial(", "TESTS"];
                let tests = |text: &str| tests.iter().any(|mark| text.contains(mark));
                // The tests of a binary may lie in the folder beside it.
                assert!(tests(&text) || text.contains("\nmod "), "{says}");
            } else if proof.starts_with("fixtures/workflows/") {
                let text = fs::read_to_string(&path).unwrap();
                // A deployment needs a machine of its own, which its tests build.
                let ran = text.contains("\n# Run: lrun ") && path.with_extension("out").exists();
                let deployed = fs::read_to_string(home().join("tests/deployment.rs")).unwrap();
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(ran || deployed.contains(name), "{says}");
            }
        }
    }
}

#[test]
fn every_fixture_is_the_proof_of_a_row() {
    let data = data();
    let proofs: BTreeSet<&str> = data
        .section
        .iter()
        .flat_map(|section| section.proof.iter().map(String::as_str))
        .collect();
    for folder in ["fixtures/workflows", "fixtures/reusable/.github/workflows"] {
        for entry in fs::read_dir(home().join(folder)).unwrap() {
            let entry = entry.unwrap().path();
            if entry.extension().is_none_or(|it| it != "yml") {
                continue;
            }
            let name = entry.file_name().unwrap().to_str().unwrap();
            let path = format!("{folder}/{name}");
            // Without a command it is called by another.
            let text = fs::read_to_string(&entry).unwrap();
            let stands_alone = folder == "fixtures/workflows" || text.contains("\n# Run: ");
            if stands_alone {
                assert!(proofs.contains(path.as_str()), "no row names {path}");
            }
        }
    }
}
