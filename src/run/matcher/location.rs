//! Which file of the repository a match means (SPEC K-27).

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use crate::executor::files::{Files as _, View};
use crate::run::paths::Paths;

/// How far up a repository is looked for.
const DEEPEST: usize = 50;
/// Folders that are remembered.
const REMEMBERED: usize = 100;

/// The workflow's repository as a job sees it.
#[derive(Debug, Clone, Default)]
pub struct Place {
    pub workspace: PathBuf,
    /// Lines of a `.git/config` that name the repository, in lower case.
    lines: Vec<String>,
    /// The workspace stands for the repository though no remote of it says so.
    is_bare_copy: bool,
    /// How the job's processes write paths.
    paths: Paths,
    /// How its files are read.
    files: View,
}

impl Place {
    /// `server_url` and `repository` as `github.*` has them; `remote_url` is what the user's own clone says.
    pub fn new(
        workspace: impl Into<PathBuf>,
        server_url: &str,
        repository: &str,
        remote_url: Option<&str>,
    ) -> Self {
        let server = server_url.trim_end_matches('/');
        let host = server.split("://").nth(1).unwrap_or(server);
        let host = host.split([':', '/']).next().unwrap_or(host);
        let mut urls = vec![
            format!("{server}/{repository}"),
            format!("git@{host}:{repository}.git"),
        ];
        urls.extend(remote_url.map(str::to_owned));
        Self {
            workspace: workspace.into(),
            lines: urls
                .iter()
                .map(|url| format!("url = {url}").to_lowercase())
                .collect(),
            is_bare_copy: false,
            paths: Paths::default(),
            files: View::default(),
        }
    }

    /// Paths are written as the processes of a container see them (SPEC K-11).
    #[must_use]
    pub fn seen_through(mut self, paths: &Paths) -> Self {
        self.paths = paths.clone();
        self
    }

    /// Files are read as the job reads them.
    #[must_use]
    pub fn read_by(mut self, files: &View) -> Self {
        self.files = files.clone();
        self
    }

    /// The workspace holds the repository's files without its `.git`, or that has no remote: none can be asked.
    #[must_use]
    pub fn without_git(mut self) -> Self {
        self.is_bare_copy = true;
        self
    }

    /// The content of a file; a path that is not absolute stands in the workspace.
    pub fn read(&self, file: &str) -> Result<Vec<u8>, String> {
        let path = self.workspace.join(self.paths.real(Path::new(file)));
        let shown = self.paths.shown(&path);
        self.files.read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("Could not find file '{}'.", shown.display()),
            _ => format!("can not read '{}': {error}", shown.display()),
        })
    }

    fn is_named_in(&self, config: &str) -> bool {
        config
            .lines()
            // A checkout that lrun makes has its addresses in quotes.
            .map(|line| line.trim().replace('"', "").to_lowercase())
            .any(|line| self.lines.contains(&line))
    }
}

/// Finds files, and remembers which folders belong to the repository.
#[derive(Debug, Default)]
pub(super) struct Locator {
    folders: HashMap<PathBuf, Option<PathBuf>>,
}

impl Locator {
    /// The file relative to its repository, or why it is dropped.
    pub fn locate(&mut self, place: &Place, file: &str, from: &str) -> Result<String, String> {
        let mut path = place.paths.real(Path::new(file));
        if !from.trim().is_empty()
            && !path.is_absolute()
            && let Some(folder) = Path::new(from).parent()
        {
            path = folder.join(path);
        }
        let path = normalized(&place.workspace.join(path));
        let shown = path.display();
        if !place.files.is_file(&path) {
            return Err(format!(
                "Dropping file value '{shown}'. Path does not exist"
            ));
        }
        let root = self.repository(place, &path, 0);
        let inside = root
            .as_deref()
            .and_then(|root| path.strip_prefix(root).ok());
        match inside {
            Some(inside) => Ok(inside
                .to_string_lossy()
                .replace(std::path::MAIN_SEPARATOR, "/")),
            None => Err(format!(
                "Dropping file value '{shown}'. Path is not under the workflow repo."
            )),
        }
    }

    /// The folder of the repository that a path lies in, if it is the workflow's.
    fn repository(&mut self, place: &Place, path: &Path, depth: usize) -> Option<PathBuf> {
        if self.folders.len() > REMEMBERED {
            self.folders.clear();
        }
        let folder = path.parent().filter(|_| depth <= DEEPEST)?;
        if let Some(known) = self.folders.get(folder) {
            return known.clone();
        }
        let config = folder.join(".git").join("config");
        let found = if place.is_bare_copy && folder == place.workspace {
            Some(folder.to_owned())
        } else if let Ok(text) = place.files.read(&config) {
            place
                .is_named_in(&String::from_utf8_lossy(&text))
                .then(|| folder.to_owned())
        } else {
            self.repository(place, folder, depth + 1)
        };
        self.folders.insert(folder.to_owned(), found.clone());
        found
    }
}

/// The path without `.` and `..`, as its text has them.
fn normalized(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SERVER: &str = "https://github.com";

    fn repository(url: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        fs::create_dir_all(folder.path().join("src/deep")).unwrap();
        let config = format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n");
        fs::write(folder.path().join(".git/config"), config).unwrap();
        fs::write(folder.path().join("src/deep/a.ts"), "").unwrap();
        folder
    }

    fn locate(url: &str, file: &str, from: &str) -> Result<String, String> {
        let folder = repository(url);
        let place = Place::new(folder.path(), SERVER, "octo/hello", None);
        Locator::default().locate(&place, file, from)
    }

    #[test]
    fn an_address_in_quotes_is_the_same() {
        // SPEC K-27
        let found = locate("\"https://github.com/octo/hello\"", "src/deep/a.ts", "");
        assert_eq!(found.as_deref(), Ok("src/deep/a.ts"));
    }

    #[test]
    fn a_file_of_the_repository_is_named_relative_to_it() {
        // SPEC K-27
        let url = "https://github.com/octo/hello";
        for (file, from) in [
            ("src/deep/a.ts", ""),
            ("./src/../src/deep/a.ts", ""),
            ("deep/a.ts", "src/project.json"),
            ("a.ts", "src/deep/project.json"),
            ("src/deep/a.ts", "project.json"),
        ] {
            assert_eq!(
                locate(url, file, from).as_deref(),
                Ok("src/deep/a.ts"),
                "{file}"
            );
        }
        let folder = repository(url);
        let place = Place::new("/elsewhere", SERVER, "octo/hello", None);
        let absolute = folder.path().join("src/deep/a.ts");
        let found = Locator::default().locate(&place, &absolute.to_string_lossy(), "x/y");
        assert_eq!(found.as_deref(), Ok("src/deep/a.ts"));
    }

    #[test]
    fn the_remote_must_be_the_workflows() {
        // SPEC K-27
        for (url, is_it) in [
            ("https://github.com/Octo/Hello", true),
            ("git@github.com:octo/hello.git", true),
            ("https://github.com/octo/hello.git", false),
            ("https://github.com/octo/other", false),
            ("https://example.com/octo/hello", false),
        ] {
            assert_eq!(locate(url, "src/deep/a.ts", "").is_ok(), is_it, "{url}");
        }
    }

    #[test]
    fn what_the_users_clone_says_counts_too() {
        let own = "ssh://git@example.com/octo/hello.git";
        let folder = repository(own);
        let place = Place::new(folder.path(), SERVER, "octo/hello", Some(own));
        let found = Locator::default().locate(&place, "src/deep/a.ts", "");
        assert_eq!(found.as_deref(), Ok("src/deep/a.ts"));
    }

    #[test]
    fn a_nested_repository_hides_the_outer_one() {
        let folder = repository("https://github.com/octo/hello");
        let inner = folder.path().join("src/.git");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("config"), "url = https://github.com/octo/other").unwrap();
        let place = Place::new(folder.path(), SERVER, "octo/hello", None);
        let dropped = Locator::default().locate(&place, "src/deep/a.ts", "");
        assert!(
            dropped
                .unwrap_err()
                .ends_with("not under the workflow repo.")
        );
    }

    #[test]
    fn what_is_not_there_is_dropped() {
        let url = "https://github.com/octo/hello";
        for file in ["src/b.ts", "src", "../../../x", "\0"] {
            let dropped = locate(url, file, "").unwrap_err();
            assert!(dropped.ends_with("Path does not exist"), "{file:?}");
        }
    }

    #[test]
    fn a_workspace_without_git_may_stand_for_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.ts"), "").unwrap();
        let place = Place::new(folder.path(), SERVER, "octo/hello", None);
        assert!(Locator::default().locate(&place, "a.ts", "").is_err());
        let found = Locator::default().locate(&place.without_git(), "a.ts", "");
        assert_eq!(found.as_deref(), Ok("a.ts"));
    }
}
