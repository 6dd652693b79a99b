//! Removes directories, but never one that lies elsewhere than it should.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Removes a directory (or what else has this name) that lies below one of the roots; links are not followed.
pub fn remove_below(roots: &[PathBuf], path: &Path) -> io::Result<()> {
    if !lies_below(roots, path)? {
        let text = format!("'{}' lies outside", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    if !fs::symlink_metadata(path)?.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        done => done,
    }
}

fn lies_below(roots: &[PathBuf], path: &Path) -> io::Result<bool> {
    let plain = path.is_absolute() && !path.components().any(|part| part == Component::ParentDir);
    let (Some(parent), Some(_), true) = (path.parent(), path.file_name(), plain) else {
        return Ok(false);
    };
    let parent = parent.canonicalize()?;
    Ok(roots
        .iter()
        .filter_map(|root| root.canonicalize().ok())
        .any(|root| parent.starts_with(root)))
}

/// Makes directories writable whose owner took that right away, as module caches do.
#[cfg(unix)]
fn open_up(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn open_up(_directory: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn removes_only_below_its_roots() {
        let place = tempfile::tempdir().unwrap();
        let (root, other) = (place.path().join("root"), place.path().join("other"));
        fs::create_dir_all(root.join("job/read-only/inner")).unwrap();
        fs::create_dir_all(other.join("precious")).unwrap();
        symlink(&other, root.join("link")).unwrap();
        symlink(&other, root.join("job/link")).unwrap();
        let locked = fs::Permissions::from_mode(0o500);
        fs::set_permissions(root.join("job/read-only"), locked).unwrap();
        let roots = [root.clone()];

        for outside in [
            other.clone(),
            root.clone(),
            root.join("link/precious"),
            root.join("../other/precious"),
            PathBuf::from("job"),
        ] {
            assert!(remove_below(&roots, &outside).is_err(), "{outside:?}");
        }
        remove_below(&roots, &root.join("job")).unwrap();
        remove_below(&roots, &root.join("link")).unwrap();
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
        assert!(other.join("precious").is_dir());
    }
}
