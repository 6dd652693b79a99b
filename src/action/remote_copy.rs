//! A job's own copy of a fetched repository: an action may write beside itself, and the cache is everybody's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where a runner keeps `owner/repo@ref`.
pub(super) fn place(actions: &Path, owner: &str, repo: &str, git_ref: &str) -> PathBuf {
    actions.join(owner).join(repo).join(git_ref)
}

/// Copies a tree; a folder may be there, since one ref can be the start of another.
pub(super) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else if kind.is_symlink() {
            link(&fs::read_link(&source)?, &target)?;
        } else {
            reflink_copy::reflink_or_copy(&source, &target)?;
            // A reflink does not take the mode along.
            fs::set_permissions(&target, entry.metadata()?.permissions())?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(not(unix))]
fn link(to: &Path, at: &Path) -> io::Result<()> {
    fs::write(at, to.to_string_lossy().as_bytes())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_copy_has_the_modes_and_links_and_is_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, actions) = (folder.path().join("tree"), folder.path().join("_actions"));
        fs::create_dir_all(tree.join("dist")).unwrap();
        fs::write(tree.join("dist/run.sh"), "x").unwrap();
        fs::set_permissions(tree.join("dist/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("dist/run.sh", tree.join("run")).unwrap();
        for git_ref in ["v1/x", "v1"] {
            let copy = place(&actions, "o", "r", git_ref);
            copy_tree(&tree, &copy).unwrap();
            let script = copy.join("dist/run.sh");
            let mode = fs::metadata(&script).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{git_ref}");
            let link = fs::read_link(copy.join("run")).unwrap();
            assert_eq!(link, Path::new("dist/run.sh"), "{git_ref}");
            fs::write(&script, "mine").unwrap();
        }
        assert_eq!(fs::read_to_string(tree.join("dist/run.sh")).unwrap(), "x");
    }
}
