//! Every file of `fixtures/invalid` is said to be wrong exactly as the `.out` beside it shows. `LRUN_BLESS=1` rewrites them.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use lrun::workflow::{ReadOptions, load, read_workflow};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/invalid");

fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = Path::new(FOLDER)
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    files
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let bless = std::env::var_os("LRUN_BLESS").is_some();
    let mut differing = Vec::new();
    for path in files() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = load(&path, &name).unwrap();
        let reading = read_workflow(source, &ReadOptions::default());
        let mut out = String::new();
        for diagnostic in &reading.diagnostics {
            writeln!(out, "{diagnostic}").unwrap();
            for help in &diagnostic.help {
                writeln!(out, "  help: {help}").unwrap();
            }
        }
        let expected = path.with_extension("out");
        if bless {
            std::fs::write(&expected, &out).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != out {
            differing.push(format!("{name}:\n{out}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn each_file_shows_a_fault() {
    let files = files();
    assert!(files.len() >= 25);
    for path in files {
        let source = load(&path, "x.yml").unwrap();
        let reading = read_workflow(source, &ReadOptions::default());
        assert!(!reading.diagnostics.is_empty(), "{}", path.display());
        let broken = reading.errors().next().is_some();
        assert_eq!(broken, reading.workflow.is_none(), "{}", path.display());
    }
}

#[test]
fn what_can_not_be_loaded_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let error = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let read = |source| {
            read_workflow(source, &ReadOptions::default())
                .diagnostics
                .remove(0)
        };
        load(&path, name).map_or_else(|error| error.to_string(), |source| read(source).to_string())
    };
    assert_eq!(
        error("large.yml", &vec![b'#'; 2 << 20]),
        "large.yml:1:1: error: The maximum file size of 1048576 characters has been exceeded"
    );
    assert_eq!(
        error("huge.yml", &vec![b'#'; 9 << 20]),
        "huge.yml:1:1: error: The maximum file size of 1048576 characters has been exceeded"
    );
    assert_eq!(
        error("latin.yml", b"on: push\nname: \xe9t\xe9\n"),
        "latin.yml:2:7: error: The file is not UTF-8 text"
    );
    assert_eq!(
        error("bom.yml", b"\xef\xbb\xbfon: psh\njobs: {}\n"),
        "bom.yml:1:5: error: Unexpected value 'psh'"
    );
    assert_eq!(
        load(folder.path(), "dir.yml").unwrap_err().to_string(),
        "dir.yml:1:1: error: This is a directory, not a file"
    );
    assert_eq!(
        load(&folder.path().join("none.yml"), "none.yml")
            .unwrap_err()
            .to_string(),
        "none.yml:1:1: error: There is no such file"
    );
}
