//! `github.run_id` and `github.run_number`: unique, and counted per workflow file.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::settings::Settings;
use crate::server::number;

/// A number that no other run of this machine has.
pub fn run_id() -> String {
    number::unique().to_string()
}

/// The next number of a workflow file. Where it can not be counted it is 1: no reason to fail a run.
pub fn next(settings: &Settings, workflow: &str) -> String {
    if let Some(number) = settings.github.get("GITHUB_RUN_NUMBER") {
        return number.clone();
    }
    let key = format!("{}\0{workflow}", settings.root.display());
    let name = hex::encode(&Sha256::digest(key.as_bytes())[..16]);
    count(&settings.data_dir.join("run-numbers"), &name).unwrap_or_else(|_| "1".to_owned())
}

/// Adds one under a lock: two runs at once get two numbers.
fn count(folder: &Path, name: &str) -> std::io::Result<String> {
    std::fs::create_dir_all(folder)?;
    let mut file: File = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(name))?;
    file.lock()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let number = text.trim().parse::<u64>().unwrap_or(0) + 1;
    file.rewind()?;
    file.set_len(0)?;
    write!(file, "{number}")?;
    Ok(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_up_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let numbers: Vec<String> = (0..3)
            .map(|_| count(folder.path(), "ci").unwrap())
            .collect();
        assert_eq!(numbers, ["1", "2", "3"]);
        assert_eq!(count(folder.path(), "other").unwrap(), "1");
    }
}
