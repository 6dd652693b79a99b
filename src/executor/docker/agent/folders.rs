//! What only somebody inside the container may do with files that its user made.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::Path;

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
    use super::super::super::super::files::empty;
    use super::*;

    #[test]
    fn a_folder_is_emptied_and_stays() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        fs::write(place.path().join("a/b/c"), "").unwrap();
        fs::write(place.path().join("d"), "").unwrap();
        std::os::unix::fs::symlink("/etc", place.path().join("link")).unwrap();
        let about = fs::metadata(place.path()).unwrap();
        own(place.path(), about.uid(), about.gid()).unwrap();
        empty(place.path(), vec![]).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        assert!(Path::new("/etc").is_dir());
        assert!(empty(&place.path().join("gone"), vec![]).is_err());
    }
}
