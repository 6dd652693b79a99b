//! Artifacts: what a job leaves for other jobs and for people (SPEC 12.2, 12.5).

pub(super) mod legacy;
pub(super) mod rest;
pub(super) mod service;
pub mod store;
pub mod unzip;

pub use legacy::walk;

use super::fault::Fault;

/// Artifacts of one job (SPEC 15).
pub const MOST_PER_JOB: usize = 500;

/// Refuses what no artifact may be called (SPEC P-13).
pub fn check_name(name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(Fault::invalid("the artifact has no name"));
    }
    if let Some(bad) = name.chars().find(|c| is_bad(*c) || matches!(c, '/' | '\\')) {
        return Err(Fault::invalid(format!(
            "the artifact name {name:?} has {bad:?} in it; not allowed are \" : < > | * ? \\ / and control characters"
        )));
    }
    if matches!(name, "." | "..") || name.len() > 255 {
        return Err(Fault::invalid(format!(
            "{name:?} can not be the name of an artifact: expected a file name of at most 255 bytes"
        )));
    }
    Ok(())
}

/// Refuses a path that is not below its artifact (SPEC P-13).
pub fn check_path(path: &str) -> Result<(), Fault> {
    let refuse = |why: &str| Err(Fault::invalid(format!("the path {path:?} {why}")));
    if path.is_empty() || path.len() > 4096 {
        return refuse("is empty or too long");
    }
    if let Some(bad) = path.chars().find(|c| is_bad(*c) || *c == '\\') {
        return refuse(&format!("has {bad:?} in it"));
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return refuse("is not plainly below its artifact");
    }
    Ok(())
}

fn is_bad(c: char) -> bool {
    c.is_control() || matches!(c, '"' | ':' | '<' | '>' | '|' | '*' | '?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_files() {
        // SPEC P-13
        for good in ["app", "a b", "é.zip", ".hidden", "a..b", "x'y&z"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a/b", "a\\b", "a:b", "a\nb", "..", ".", "a\0b", "*"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name(&"x".repeat(256)).is_err());
    }

    #[test]
    fn paths_stay_below() {
        for good in ["a", "a/b.txt", "..a/b", "a b/c"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in [
            "", "/a", "a//b", "../a", "a/../b", "a/.", "a\\b", "a\0", "C:/x",
        ] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }
}
