//! The folders of one job, laid out as a runner lays them (SPEC 5.2).

use std::io;
use std::path::{Path, PathBuf};

/// Folders and files of a job. Everything below `root` goes when the job ends.
#[derive(Debug, Clone)]
pub struct Directories {
    pub root: PathBuf,
    /// `runner.workspace`.
    pub pipeline: PathBuf,
    /// `github.workspace`.
    pub workspace: PathBuf,
    /// `runner.temp`.
    pub temp: PathBuf,
    pub file_commands: PathBuf,
    pub event: PathBuf,
    pub tool_cache: PathBuf,
}

impl Directories {
    /// Makes the folders of a job below `root`; a bound workspace is the user's own folder.
    pub fn create(
        root: PathBuf,
        repository: &str,
        bound: Option<&Path>,
        tool_cache: PathBuf,
    ) -> io::Result<Self> {
        let name = repository.rsplit('/').next().unwrap_or(repository);
        let pipeline = root.join(name);
        let workspace = bound.map_or_else(|| pipeline.join(name), Path::to_path_buf);
        let temp = root.join("_temp");
        let made = Self {
            file_commands: temp.join("_runner_file_commands"),
            event: temp.join("_github_workflow").join("event.json"),
            root,
            pipeline,
            workspace,
            temp,
            tool_cache,
        };
        create(&made.file_commands)?;
        create(&made.temp.join("_github_workflow"))?;
        create(&made.workspace)?;
        create(&made.tool_cache)?;
        Ok(made)
    }

    /// Lets every user of a container work in them; the folder above keeps others out.
    pub fn open(&self) -> io::Result<()> {
        let home = self.temp.join("_github_home");
        create(&home)?;
        create(&self.pipeline)?;
        let all = [
            &self.root,
            &self.pipeline,
            &self.workspace,
            &self.temp,
            &self.file_commands,
            &self.temp.join("_github_workflow"),
            &home,
        ];
        for folder in all
            .into_iter()
            .filter(|folder| folder.starts_with(&self.root))
        {
            super::containers::open_to_all(folder)?;
        }
        Ok(())
    }

    /// Removes what the job left, also where it took away its own rights.
    pub fn remove(&self) -> io::Result<()> {
        remove_tree(&self.root)
    }
}

/// Removes a folder with all that is in it, also where rights were taken away; gone is fine.
pub(super) fn remove_tree(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(folder);
            std::fs::remove_dir_all(folder)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Makes a folder and those above it; an error names it.
fn create(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))
}

/// Gives the owner back the right to list and to remove, as `chmod -R u+rwx` does on folders.
fn open_up(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    // What can not be opened shows as the error of the removal that follows.
    if std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).is_err() {
        return;
    }
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_folder_that_can_not_be_made_is_named() {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("w"), "").unwrap();
        let root = base.path().join("w");
        let error = Directories::create(root.clone(), "octo/demo", None, root.clone()).unwrap_err();
        assert!(
            error.to_string().contains(root.to_str().unwrap()),
            "{error}"
        );
    }

    #[test]
    fn the_layout_is_a_runners() {
        // SPEC 5.2
        let base = tempfile::tempdir().unwrap();
        let made = Directories::create(
            base.path().join("w"),
            "octo/demo",
            None,
            base.path().join("tools"),
        )
        .unwrap();
        assert_eq!(made.workspace, base.path().join("w/demo/demo"));
        assert_eq!(made.pipeline, base.path().join("w/demo"));
        assert!(made.workspace.read_dir().unwrap().next().is_none());
    }

    #[test]
    fn a_read_only_folder_goes_too() {
        let base = tempfile::tempdir().unwrap();
        let made = Directories::create(
            base.path().join("w"),
            "demo",
            None,
            base.path().join("tools"),
        )
        .unwrap();
        let locked = made.workspace.join("locked");
        std::fs::create_dir(&locked).unwrap();
        std::fs::write(locked.join("file"), "x").unwrap();
        std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
        made.remove().unwrap();
        assert!(!made.root.exists());
    }
}
