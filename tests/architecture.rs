//! Keeps the picture at the top of `src/lib.rs` true, and the habits that no lint knows.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

static IMPORT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bcrate::(\w+)").unwrap());
static GROUP: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)\bcrate::\{(.*?)\};").unwrap());
static PRINT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\be?print(ln)?!\s*\(|\bdbg!\s*\(").unwrap());

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                files.push((name.replace('\\', "/"), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// The floors of the picture, the ground floor first; each is a list of rooms.
fn floors() -> Vec<Vec<String>> {
    let (_, lib) = sources()
        .into_iter()
        .find(|(name, _)| name == "lib.rs")
        .unwrap();
    let picture = lib.split("```").nth(1).unwrap();
    let mut floors: Vec<Vec<String>> = picture
        .lines()
        .skip(1)
        .filter_map(|line| line.strip_prefix("//!   "))
        .map(|line| {
            let rooms = line.split("     ").next().unwrap();
            rooms.split_whitespace().map(str::to_owned).collect()
        })
        .collect();
    floors.reverse();
    floors
}

fn room(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

fn imports(text: &str) -> Vec<String> {
    let single = IMPORT.captures_iter(text).map(|found| found[1].to_owned());
    let grouped = GROUP.captures_iter(text).flat_map(|found| {
        let mut depth = 0;
        let mut firsts = Vec::new();
        for part in found[1].split_inclusive(['{', '}', ',']) {
            let word: String = part
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if depth == 0 && !word.is_empty() {
                firsts.push(word);
            }
            depth += match part.chars().last() {
                Some('{') => 1,
                Some('}') => -1,
                _ => 0,
            };
        }
        firsts
    });
    single.chain(grouped).collect()
}

#[test]
fn every_room_stands_on_a_floor() {
    let floors = floors();
    let rooms: Vec<&String> = floors.iter().flatten().collect();
    for (path, _) in sources() {
        let room = room(&path).to_owned();
        if !matches!(room.as_str(), "main" | "lib") {
            assert!(
                rooms.contains(&&room),
                "{path}: {room} is not in the picture of src/lib.rs"
            );
        }
    }
}

#[test]
fn a_room_imports_only_from_lower_floors() {
    let floor: BTreeMap<String, usize> = floors()
        .into_iter()
        .enumerate()
        .flat_map(|(n, rooms)| rooms.into_iter().map(move |room| (room, n)))
        .collect();
    let mut breaks = Vec::new();
    for (path, text) in sources() {
        let own = room(&path);
        let Some(own_floor) = floor.get(own) else {
            continue;
        };
        for import in imports(&text) {
            if import == own {
                continue;
            }
            match floor.get(&import) {
                Some(other) if other < own_floor => {}
                Some(_) => breaks.push(format!("{path}: {own} may not import {import}")),
                None => breaks.push(format!("{path}: crate::{import} is no room")),
            }
        }
    }
    breaks.dedup();
    assert!(breaks.is_empty(), "\n{}", breaks.join("\n"));
}

#[test]
fn every_file_says_its_job_first() {
    for (path, text) in sources() {
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.strip_prefix("//! ").is_some_and(|job| job.len() > 5),
            "{path} opens with {first:?}"
        );
    }
}

#[test]
fn only_the_door_prints() {
    for (path, text) in sources() {
        if matches!(room(&path), "main" | "cli" | "report") {
            continue;
        }
        for (n, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            assert!(!PRINT.is_match(code), "src/{path}:{}: {line}", n + 1);
        }
    }
}
