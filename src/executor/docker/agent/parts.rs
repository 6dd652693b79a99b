//! What the agent needs inside a container: lrun itself, its loader and its libraries.
//!
//! The container's own C library may be another one, or older, or none. So lrun's are brought along and the loader is
//! called by its name, which works in every image for this machine's architecture.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a container has what belongs to lrun.
pub const FOLDER: &str = "/.lrun";

/// The files, and the command line that starts the agent from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// What to mount, and where.
    pub mounts: Vec<(PathBuf, String)>,
    pub command: Vec<String>,
}

impl Parts {
    /// Prepares the parts of `program`; its libraries are kept in a folder of the cache.
    pub fn of(program: &Path, cache: &Path) -> io::Result<Self> {
        let own = format!("{FOLDER}/lrun");
        let mut parts = Self {
            mounts: vec![(program.to_owned(), own.clone())],
            command: Vec::new(),
        };
        if let Some(loader) = interpreter(program)? {
            let libraries = libraries(program, &loader, cache)?;
            let inside = format!("{FOLDER}/lib");
            parts.command = vec![
                format!("{inside}/loader"),
                "--library-path".to_owned(),
                inside.clone(),
            ];
            parts.mounts.push((libraries, inside));
        }
        parts.command.extend([own, super::COMMAND.to_owned()]);
        Ok(parts)
    }
}

/// The folder with the loader and the libraries, filled once for each build of the program.
fn libraries(program: &Path, loader: &Path, cache: &Path) -> io::Result<PathBuf> {
    let about = fs::metadata(program)?;
    let mut key = DefaultHasher::new();
    (program, about.len(), about.modified()?).hash(&mut key);
    let folder = cache.join("agent").join(format!("{:016x}", key.finish()));
    if folder.is_dir() {
        return Ok(folder);
    }
    let parent = cache.join("agent");
    fs::create_dir_all(&parent)?;
    let new = tempfile::Builder::new()
        .prefix(".new")
        .tempdir_in(&parent)?;
    fs::copy(loader, new.path().join("loader"))?;
    for (name, path) in needed(program, loader)? {
        fs::copy(path, new.path().join(name))?;
    }
    open_to_all(new.path())?;
    let new = new.keep();
    match fs::rename(&new, &folder) {
        // Another lrun was faster.
        Err(_) if folder.is_dir() => fs::remove_dir_all(new)?,
        result => result?,
    }
    Ok(folder)
}

/// A container's user is seldom this one.
fn open_to_all(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let open = || fs::Permissions::from_mode(0o755);
    for entry in fs::read_dir(folder)? {
        fs::set_permissions(entry?.path(), open())?;
    }
    fs::set_permissions(folder, open())
}

/// Names and places of the libraries, as the loader itself finds them.
fn needed(program: &Path, loader: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let listed = Command::new(loader).arg("--list").arg(program).output()?;
    if !listed.status.success() {
        let text = String::from_utf8_lossy(&listed.stderr).into_owned();
        return Err(io::Error::other(text));
    }
    let text = String::from_utf8_lossy(&listed.stdout);
    let read = |line: &str| {
        let (name, path) = line.trim().split_once(" => ")?;
        let path = path.rsplit_once(" (").map_or(path, |(path, _)| path);
        path.starts_with('/')
            .then(|| (name.to_owned(), PathBuf::from(path)))
    };
    Ok(text.lines().filter_map(read).collect())
}

/// The loader that a program names (ELF's `PT_INTERP`); a static one names none.
fn interpreter(program: &Path) -> io::Result<Option<PathBuf>> {
    const PT_INTERP: u32 = 3;
    let mut file = fs::File::open(program)?;
    let mut header = [0; 64];
    file.read_exact(&mut header)?;
    // 64 bits, little-endian: what lrun is built for.
    if header[..6] != *b"\x7fELF\x02\x01" {
        return Err(io::Error::other("lrun is no ELF program of 64 bits"));
    }
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(chunk(bytes, at));
    let half = |bytes: &[u8], at: usize| u16::from_le_bytes(chunk(bytes, at));
    let (start, size, count) = (word(&header, 32), half(&header, 54), half(&header, 56));
    for index in 0..count {
        let mut entry = [0; 56];
        let at = start + u64::from(index) * u64::from(size);
        file.seek(io::SeekFrom::Start(at))?;
        file.read_exact(&mut entry)?;
        if u32::from_le_bytes(chunk(&entry, 0)) != PT_INTERP {
            continue;
        }
        file.seek(io::SeekFrom::Start(word(&entry, 8)))?;
        let mut name = Vec::new();
        file.take(word(&entry, 32).min(4096))
            .read_to_end(&mut name)?;
        let name = String::from_utf8_lossy(&name);
        return Ok(Some(PathBuf::from(name.trim_end_matches('\0'))));
    }
    Ok(None)
}

fn chunk<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_run_by_themselves() {
        // This very test, started the way the agent is: it lists itself.
        let cache = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        for _ in 0..2 {
            let parts = Parts::of(&program, cache.path()).unwrap();
            let Some((libraries, _)) = parts.mounts.get(1) else {
                return;
            };
            let listed = Command::new(libraries.join("loader"))
                .env_clear()
                .arg("--library-path")
                .arg(libraries)
                .arg(&program)
                .args(["--list", "the_parts_run_by_themselves"])
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&listed.stdout);
            assert!(
                text.contains("the_parts_run_by_themselves: test"),
                "{listed:?}"
            );
        }
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let script = place.path().join("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        assert!(Parts::of(&script, place.path()).is_err());
    }
}
