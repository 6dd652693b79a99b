//! The calling folder and the root of the project.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::CliError;

/// The folder that lrun is in, after `-C`.
pub fn calling(environment: &Environment, directory: Option<&str>) -> Result<PathBuf, CliError> {
    let Some(directory) = directory.filter(|text| !text.is_empty()) else {
        return Ok(environment.folder.clone());
    };
    let folder = environment.folder.join(directory);
    match std::fs::canonicalize(&folder) {
        Ok(folder) if folder.is_dir() => Ok(folder),
        Ok(_) => Err(CliError::new(format!(
            "cannot enter `{directory}`: not a folder"
        ))),
        Err(error) => Err(CliError::new(format!(
            "cannot enter `{directory}`: {error}"
        ))),
    }
}

/// The folder that holds `.github/workflows`: the calling one, else the git top level.
pub fn root(environment: &Environment, calling: &Path) -> PathBuf {
    if calling.join(".github").join("workflows").is_dir() {
        return calling.to_owned();
    }
    top_level(environment, calling).unwrap_or_else(|| calling.to_owned())
}

/// The top of the work tree; git tells its hooks by `GIT_WORK_TREE` where it is not to be seen.
fn top_level(environment: &Environment, calling: &Path) -> Option<PathBuf> {
    if let Some(tree) = environment.filled("GIT_WORK_TREE") {
        let tree = std::fs::canonicalize(environment.folder.join(tree)).ok();
        if let Some(tree) = tree.filter(|tree| calling.starts_with(tree)) {
            return Some(tree);
        }
    }
    calling
        .ancestors()
        .find(|folder| folder.join(".git").exists())
        .map(Path::to_owned)
}
