//! What only somebody inside the container may do with files that its user made.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::{Path, PathBuf};

/// Removes everything in a folder. Whatever is mounted there is somebody's own and stays, with all above it.
pub(super) fn empty(folder: &Path) -> io::Result<()> {
    empty_around(folder, &mount_points(&fs::read("/proc/self/mountinfo")?))
}

fn empty_around(folder: &Path, mounted: &[PathBuf]) -> io::Result<()> {
    let mut failed = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if mounted.contains(&path) {
            continue;
        }
        let removed = if !fs::symlink_metadata(&path)?.is_dir() {
            fs::remove_file(&path)
        } else if mounted.iter().any(|point| point.starts_with(&path)) {
            empty_around(&path, mounted)
        } else {
            fs::remove_dir_all(&path)
        };
        // The rest may go all the same.
        if let Err(error) = removed {
            failed = Some(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

/// The fifth field of each line, in which blanks and such are octal.
fn mount_points(text: &[u8]) -> Vec<PathBuf> {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(|point| PathBuf::from(OsString::from_vec(unescaped(point))))
        .collect()
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let octal = tail
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(byte) = octal {
            plain.push(byte);
            rest = &tail[3..];
        } else {
            plain.push(*first);
            rest = tail;
        }
    }
    plain
}

/// Copies what is in a folder to another, after everything there, or these names, went.
pub(super) fn bring(from: &Path, to: &Path, replaced: Option<&[PathBuf]>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    match replaced {
        None => empty(to)?,
        Some(names) => {
            for name in names {
                remove(&to.join(name))?;
            }
        }
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// What stands in the way of a file gives way, as in a checkout.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let about = fs::symlink_metadata(from)?;
    let there = fs::symlink_metadata(to).ok();
    if about.is_dir() {
        if there.is_some_and(|there| !there.is_dir()) {
            fs::remove_file(to)?;
        }
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    remove(to)?;
    if about.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)
    } else {
        fs::copy(from, to).map(drop)
    }
}

/// Gone is fine.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A file above it: then it is not there either.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(()),
        other => other,
    }
}

/// Gives everything below a folder that is somebody else's to a user; links are not followed.
pub(super) fn own(folder: &Path, user: u32, group: u32) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let about = fs::symlink_metadata(&path)?;
        if about.uid() != user {
            lchown(&path, Some(user), Some(group))?;
        }
        if about.is_dir() {
            own(&path, user, group)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_is_spared() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/precious")).unwrap();
        fs::write(place.path().join("a/precious/file"), "").unwrap();
        fs::write(place.path().join("a/other"), "").unwrap();
        let line = format!(
            "36 35 98:0 /x {}/a/precious rw - ext4 /dev/x rw",
            place.path().display()
        );
        let mounted = mount_points(line.as_bytes());
        empty_around(place.path(), &mounted).unwrap();
        assert!(place.path().join("a/precious/file").is_file());
        assert!(!place.path().join("a/other").exists());
        let blank = mount_points(b"1 2 3 / /a\\040b rw");
        assert_eq!(blank, [PathBuf::from("/a b")]);
    }

    #[test]
    fn what_is_brought_replaces_what_was_there() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        for (path, text) in [
            ("from/a/b", "new"),
            ("from/c", "new"),
            ("to/a", "a file in the way"),
            ("to/c/d", "a folder in the way"),
            ("to/tracked", "of the last one"),
            ("to/kept", "of a step"),
        ] {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("c", from.join("link")).unwrap();
        bring(
            &from,
            &to,
            Some(&["tracked".into(), "tracked/below".into()]),
        )
        .unwrap();
        assert_eq!(fs::read_to_string(to.join("a/b")).unwrap(), "new");
        assert_eq!(fs::read_to_string(to.join("link")).unwrap(), "new");
        assert!(to.join("kept").exists() && !to.join("tracked").exists());
        bring(&from, &to, None).unwrap();
        assert!(to.join("c").is_file() && !to.join("kept").exists());
    }

    #[test]
    fn a_folder_is_emptied_and_stays() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        fs::write(place.path().join("a/b/c"), "").unwrap();
        fs::write(place.path().join("d"), "").unwrap();
        std::os::unix::fs::symlink("/etc", place.path().join("link")).unwrap();
        let about = fs::metadata(place.path()).unwrap();
        own(place.path(), about.uid(), about.gid()).unwrap();
        empty(place.path()).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        assert!(Path::new("/etc").is_dir());
        assert!(empty(&place.path().join("gone")).is_err());
    }
}
