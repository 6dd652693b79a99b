//! A file that is not of the known form is refused with its place, never used and never overwritten.

use std::fs;

use lrun::action::lock::read;
use lrun::diagnostic::SourceFile;

use crate::world::{LOCK, World};

const SHA: &str = "34e114876b0b11c390a56381ad16ebd13914f8d5";

/// A sound file with one part replaced.
fn with(from: &str, to: &str) -> String {
    let sound = sound();
    assert!(sound.contains(from), "{from}");
    sound.replacen(from, to, 1)
}

fn sound() -> String {
    format!(
        "\
version: 'v0.0.2'
workflows:
    '.github/workflows/ci.yml':
        - 'o/a@v1'
dependencies:
    'o/a@v1':
        ref: 'v1'
        commit: 'sha1-{SHA}'
        owner_id: 1
        repo_id: 2
        uses:
            - 'o/b@v1'
    'o/b@v1':
        ref: 'v1'
        commit: 'sha1-{SHA}'
        owner_id: 1
        repo_id: 3
"
    )
}

fn table() -> Vec<(String, &'static str)> {
    let dependency = "    'o/b@v1':\n";
    vec![
        (String::new(), "1:1: error: The lock file has no `version`"),
        ("\n# nothing\n".into(), "has no `version`"),
        (
            "- a\n".into(),
            "1:1: error: The lock file has to be a mapping",
        ),
        (
            with("version: 'v0.0.2'\n", ""),
            "1:1: error: The lock file has no `version`",
        ),
        (
            with("v0.0.2", "v0.0.1"),
            "1:10: error: The lock file has the version 'v0.0.1'; only v0.0.2 is known",
        ),
        (
            with("v0.0.2", "v0.1.0"),
            "1:10: error: The lock file has the version 'v0.1.0'",
        ),
        (
            with("'v0.0.2'", "2"),
            "1:10: error: The lock file has the version '2'",
        ),
        (
            with("'v0.0.2'", ""),
            "error: The lock file has the version ''",
        ),
        (
            with("'v0.0.2'", "[v0.0.2]"),
            "1:10: error: The lock file has the version ''",
        ),
        (
            with("workflows:", "workflow:"),
            "2:1: error: The lock file has the unknown key `workflow`",
        ),
        (
            with("        ref: 'v1'\n", ""),
            "6:5: error: `o/a@v1` has no `ref`",
        ),
        (
            with("        owner_id: 1\n", ""),
            "6:5: error: `o/a@v1` has no `owner_id`",
        ),
        (
            with("        repo_id: 2\n", ""),
            "6:5: error: `o/a@v1` has no `repo_id`",
        ),
        (
            with(&format!("        commit: 'sha1-{SHA}'\n"), ""),
            "6:5: error: `o/a@v1` has no `commit`",
        ),
        (
            with("repo_id: 2", "repo_id: 2\n        tag: 'v1'"),
            "11:9: error: `o/a@v1` has the unknown key `tag`",
        ),
        (
            with("owner_id: 1", "owner_id: 0"),
            "9:19: error: `owner_id` of `o/a@v1` has to be a positive whole number",
        ),
        (
            with("owner_id: 1", "owner_id: '1'"),
            "9:19: error: `owner_id`",
        ),
        (
            with("owner_id: 1", "owner_id: 1.5"),
            "9:19: error: `owner_id`",
        ),
        (with("repo_id: 2", "repo_id: -2"), "10:18: error: `repo_id`"),
        (
            with("ref: 'v1'", "ref: 'v2'"),
            "7:14: error: `ref` of `o/a@v1` is 'v2'",
        ),
        (
            with("ref: 'v1'", "ref: ''"),
            "7:14: error: `ref` of `o/a@v1` has to be a ref",
        ),
        (with("sha1-", "sha2-"), "8:17: error: `commit` of `o/a@v1`"),
        (with("sha1-", ""), "8:17: error: `commit` of `o/a@v1`"),
        (with("sha1-3", "sha1-"), "8:17: error: `commit` of `o/a@v1`"),
        (
            with("sha1-3", "sha1-g"),
            "8:17: error: `commit` of `o/a@v1`",
        ),
        (
            with("        - 'o/a@v1'", "        - 'o/a/sub@v1'"),
            "4:11: error: `o/a/sub@v1` is no pin",
        ),
        (
            with("        - 'o/a@v1'", "        - 5"),
            "4:11: error: `5` is no pin",
        ),
        (
            with("            - 'o/b@v1'", "            - 'o/b'"),
            "12:15: error: `o/b` is no pin",
        ),
        (
            with("    'o/a@v1':", "    'o/a':"),
            "6:5: error: `o/a` is no pin",
        ),
        (
            with("    'o/a@v1':", "    'o/a@v1:sha1-00':"),
            "6:5: error: `o/a@v1:sha1-00` is no pin",
        ),
        (
            with(".github/workflows/ci.yml", "../ci.yml"),
            "3:5: error: `../ci.yml` is no path of a workflow: it leaves the root",
        ),
        (
            with(".github/workflows/ci.yml", "/ci.yml"),
            "3:5: error: `/ci.yml` is no path of a workflow",
        ),
        (
            with(".github/workflows/ci.yml", "c:ci.yml"),
            "3:5: error: `c:ci.yml` is no path of a workflow",
        ),
        (
            with(dependency, "    'o/a@v1':\n"),
            "13:5: error: `o/a@v1` stands here twice; first in line 6",
        ),
        (
            with(dependency, "    'O/A@v1':\n"),
            "13:5: error: `o/a@v1` has two entries that differ",
        ),
        (
            with("repo_id: 2\n", "repo_id: 2\n        repo_id: 2\n"),
            "11:9: error: `repo_id` stands here twice",
        ),
        (
            with("            - 'o/b@v1'", "            - 'o/a@v1'"),
            "6:5: error: The `uses` of `o/a@v1` lead back to it",
        ),
        (
            format!("{}        uses:\n            - 'o/a@v1'\n", sound()),
            "lead back to it",
        ),
        (
            with("    'o/a@v1':\n", "    'o/a@v1': x\n    'o/c@v1':\n"),
            "6:15: error: `o/a@v1` has to be a mapping",
        ),
        (
            with("        - 'o/a@v1'", "        o/a@v1"),
            "4:9: error: `.github/workflows/ci.yml` has to be a list of pins",
        ),
        (
            with("    '.github/workflows/ci.yml':", "    '.github"),
            "error: ",
        ),
        (with("version", "\tversion"), "error: "),
        (format!("{}---\n{}", sound(), sound()), "error: "),
        (
            format!("{}#{}", sound(), "x".repeat(1 << 20)),
            "is larger than 1048576 bytes",
        ),
    ]
}

#[test]
fn a6_the_place_and_the_reason() {
    for (text, said) in table() {
        let errors = read(&SourceFile::new(LOCK, text.as_str())).unwrap_err();
        let first = errors[0].to_string();
        assert!(first.starts_with(LOCK), "{first}");
        assert!(first.contains(said), "{said}\n{first}\n{text:.400}");
        assert!(errors.iter().all(|error| !error.help.is_empty()), "{first}");
    }
    let errors = read(&SourceFile::new(LOCK, with("v0.0.2", "v0.1.0"))).unwrap_err();
    assert!(errors[0].help[0].contains("update lrun"), "{errors:?}");
}

#[test]
fn a6_all_mistakes_at_once() {
    let text = with("owner_id: 1", "owner_id: x").replace("workflows:", "flows:");
    let errors = read(&SourceFile::new(LOCK, text)).unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn a6_other_spellings_of_the_same_form_are_read() {
    let lock = |text: String| read(&SourceFile::new(LOCK, text)).unwrap().text();
    let written = lock(sound());
    assert!(written.starts_with("# This file is machine-generated by"));
    assert!(written.ends_with(&sound()));
    for text in [
        sound().replace('\'', "\""),
        sound().replace('\'', ""),
        sound().replace("o/a@", "O/A@").replace("o/b@", "O/b@"),
        sound().replace(SHA, &SHA.to_uppercase()),
        format!("# a comment\n{}", sound().replace("    ", "  ")),
        sound().replace('\n', "\r\n"),
    ] {
        assert_eq!(lock(text.clone()), written, "{text}");
    }
    // A number that YAML would shorten is a ref as written.
    let text = sound()
        .replace("o/a@v1", "o/a@1.10")
        .replacen("ref: 'v1'", "ref: 1.10", 1);
    assert!(lock(text).contains("        ref: '1.10'\n"));
    for text in [
        "version: v0.0.2\n",
        "version: v0.0.2\nworkflows:\ndependencies:\n",
    ] {
        assert!(lock(text.into()).ends_with("version: 'v0.0.2'\n"));
    }
    // The pin of a commit has the name that it was found by.
    let text =
        sound()
            .replace("o/a@v1", &format!("o/a@{SHA}"))
            .replacen("ref: 'v1'", "ref: 'v1.0.0'", 1);
    lock(text.clone());
    let other = text.replacen(
        &format!("sha1-{SHA}"),
        &format!("sha1-{}", "0".repeat(40)),
        1,
    );
    let errors = read(&SourceFile::new(LOCK, other)).unwrap_err();
    assert!(errors[0].message.contains("another one than its pin names"));
}

#[test]
fn a6_nothing_runs_and_nothing_is_overwritten() {
    let world = World::new();
    world.workflow("ci.yml", &[]).workflow("other.yml", &[]);
    for (index, (text, said)) in table().into_iter().enumerate() {
        // The library is asked about each; the program about some.
        if index % 5 != 0 {
            continue;
        }
        world.file(LOCK, &text);
        for args in [
            &["lock"][..],
            &["lock", "--relock"],
            &["lock", "--check"],
            &["lock", "--verify"],
            &["push", "-W", ".github/workflows/other.yml"],
        ] {
            let ended = world.lrun(args);
            ended.code(2).says("actions.lock").says_not("ran\n");
            let reason = said.split("error: ").last().unwrap();
            ended.says(reason);
        }
        assert_eq!(world.lock().unwrap(), text);
    }
    world.file(LOCK, "");
    fs::write(world.root().join(LOCK), b"version: 'v0.0.2' \xff").unwrap();
    world.lrun(&["lock"]).code(2).says("UTF-8");
    fs::remove_file(world.root().join(LOCK)).unwrap();
    std::os::unix::fs::symlink("nowhere", world.root().join(LOCK)).unwrap();
    world.lrun(&["lock"]).code(2).says("There is no such file");
    fs::remove_file(world.root().join(LOCK)).unwrap();
    fs::create_dir(world.root().join(LOCK)).unwrap();
    world.lrun(&["push"]).code(2).says("directory");
}
