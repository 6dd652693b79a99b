//! Digests that are computed here again, by hand.

use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::hash_files;

fn workspace(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// The digest over the digests of these contents.
fn digest(contents: &[&str]) -> String {
    let mut all = Vec::new();
    for content in contents {
        all.extend_from_slice(&Sha256::digest(content));
    }
    hex::encode(Sha256::digest(&all))
}

fn hash(folder: &Path, patterns: &[&str]) -> Result<String, String> {
    let args: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
    hash_files(folder, &args)
}

#[test]
fn e51_hashes_the_digests_in_order() {
    let folder = workspace(&[
        ("b/x.lock", "1"),
        ("a.lock", "2"),
        ("b.lock", "3"),
        ("b/.y.lock", "4"),
    ]);
    let all = hash(folder.path(), &["**/*.lock"]).unwrap();
    assert_eq!(all, digest(&["2", "4", "1", "3"]));
    assert_eq!(
        hash(folder.path(), &["b.lock", "a.lock"]).unwrap(),
        digest(&["3", "2"])
    );
}

#[test]
fn e51_one_known_digest() {
    // sha256(sha256("")), both binary.
    let folder = workspace(&[("empty", "")]);
    assert_eq!(
        hash(folder.path(), &["empty"]).unwrap(),
        "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"
    );
}

#[test]
fn e51_no_file_gives_nothing() {
    let folder = workspace(&[("a", "1")]);
    fs::create_dir(folder.path().join("dir")).unwrap();
    for patterns in [&["nothing"][..], &["dir"], &["dir/"], &["# a"], &[""]] {
        assert_eq!(hash(folder.path(), patterns).unwrap(), "", "{patterns:?}");
    }
}

#[test]
fn e53_negation_counts_in_its_order() {
    let folder = workspace(&[("a", "1"), ("d/b", "2"), ("d/c", "3")]);
    assert_eq!(hash(folder.path(), &["**", "!d"]).unwrap(), digest(&["1"]));
    assert_eq!(
        hash(folder.path(), &["**", "!d", "d/c"]).unwrap(),
        digest(&["1", "3"])
    );
    assert_eq!(
        hash(folder.path(), &["!a", "**\n!d/b"]).unwrap(),
        digest(&["1", "3"])
    );
}

#[test]
fn e53_a_file_counts_once() {
    let folder = workspace(&[("a", "1"), ("b", "2")]);
    assert_eq!(
        hash(folder.path(), &["b", "a", "b", "*"]).unwrap(),
        digest(&["1", "2"])
    );
}

#[test]
fn e51_what_lies_outside_is_left_out() {
    let folder = workspace(&[("in/a", "1"), ("out/b", "2")]);
    let outside = format!("{}/**", folder.path().display());
    let inner = folder.path().join("in");
    assert_eq!(hash(&inner, &[&outside]).unwrap(), digest(&["1"]));
    assert!(
        hash(&inner, &["../out/b"])
            .unwrap_err()
            .contains("'.' and '..' is not allowed")
    );
}

#[test]
fn e50_knows_one_option() {
    let folder = workspace(&[("a", "1")]);
    let found = hash(folder.path(), &["--FOLLOW-symbolic-links", "a"]);
    assert_eq!(found.unwrap(), digest(&["1"]));
    let error = hash(folder.path(), &["--other", "a"]).unwrap_err();
    assert!(error.starts_with("Invalid glob option --other"), "{error}");
}

#[cfg(unix)]
#[test]
fn e52_links_are_followed_when_asked_for() {
    use std::os::unix::fs::symlink;
    let folder = workspace(&[("real/a", "1"), ("b", "2")]);
    let at = |name: &str| folder.path().join(name);
    symlink("real", at("link")).unwrap();
    symlink("nothing", at("broken")).unwrap();
    symlink("..", at("real/circle")).unwrap();
    symlink("b", at("c")).unwrap();
    // A link to a file is hashed, one to a folder is not entered.
    assert_eq!(
        hash(folder.path(), &["**"]).unwrap(),
        digest(&["2", "2", "1"])
    );
    let followed = hash(folder.path(), &["--follow-symbolic-links", "**"]);
    assert_eq!(followed.unwrap(), digest(&["2", "2", "1", "1"]));
}
