//! Where the repository stands: its folders, HEAD, branches and tags.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Index, Oid, Repository};

use super::RepoError;

/// What a git hook says of the repository (DESIGN 4); paths count from `cwd`.
#[derive(Debug, Clone, Default)]
pub struct GitEnv {
    pub cwd: PathBuf,
    pub git_dir: Option<PathBuf>,
    pub work_tree: Option<PathBuf>,
    pub index_file: Option<PathBuf>,
}

impl GitEnv {
    /// Takes `GIT_DIR`, `GIT_WORK_TREE` and `GIT_INDEX_FILE`; an empty one is not set.
    pub fn from_vars(cwd: &Path, var: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name| {
            var(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            cwd: cwd.to_path_buf(),
            git_dir: path("GIT_DIR"),
            work_tree: path("GIT_WORK_TREE"),
            index_file: path("GIT_INDEX_FILE"),
        }
    }
}

/// What HEAD says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `None` before the first commit.
    pub sha: Option<String>,
    /// The full ref that HEAD names (`refs/heads/main`); `None` when detached.
    pub symbolic: Option<String>,
}

/// A repository with a working tree.
pub struct Repo {
    pub(super) git: Repository,
    top_level: PathBuf,
    index_path: PathBuf,
}

impl fmt::Debug for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repo({})", self.top_level.display())
    }
}

impl Repo {
    /// Finds the repository that `dir` is in, or the one that a hook names; `None` in a folder without git.
    pub fn discover(dir: &Path, env: &GitEnv) -> Result<Option<Self>, RepoError> {
        let found = match &env.git_dir {
            Some(git_dir) => Repository::open(env.cwd.join(git_dir)),
            None => Repository::discover(dir),
        };
        let git = match found {
            Ok(git) => git,
            Err(error) if error.code() == ErrorCode::NotFound && env.git_dir.is_none() => {
                return Ok(None);
            }
            Err(error) => return Err(refusal(dir, env, error)),
        };
        if let Some(work_tree) = &env.work_tree {
            git.set_workdir(&env.cwd.join(work_tree), false)
                .map_err(RepoError::git("can not use GIT_WORK_TREE"))?;
        }
        let Some(top_level) = git.workdir() else {
            return Err(RepoError::Bare(git.path().to_path_buf()));
        };
        let top_level = resolved(top_level)?;
        let index_path = match &env.index_file {
            Some(file) => env.cwd.join(file),
            None => git.path().join("index"),
        };
        if env.index_file.is_some() {
            Index::open(&index_path)
                .and_then(|mut index| git.set_index(&mut index))
                .map_err(|source| RepoError::Index {
                    path: index_path.clone(),
                    source,
                })?;
        }
        Ok(Some(Self {
            git,
            top_level,
            index_path,
        }))
    }

    /// The folder that the working tree starts in, links resolved.
    pub fn top_level(&self) -> &Path {
        &self.top_level
    }

    /// The git folder of this working tree.
    pub fn git_dir(&self) -> &Path {
        self.git.path()
    }

    /// The git folder that all working trees share.
    pub fn common_dir(&self) -> &Path {
        self.git.commondir()
    }

    /// The index in force: a hook's own, or the working tree's.
    pub fn index_path(&self) -> &Path {
        &self.index_path
    }

    /// Whether `root` is a folder inside the working tree: then it alone is the workspace, without `.git` (DESIGN 7).
    pub fn is_below_top_level(&self, root: &Path) -> bool {
        resolved(root).is_ok_and(|root| root != self.top_level && root.starts_with(&self.top_level))
    }

    /// The root relative to the top level, with `/`; `None` for one that is not below it.
    pub fn prefix_of(&self, root: &Path) -> Option<String> {
        let root = resolved(root).ok()?;
        let below = root.strip_prefix(&self.top_level).ok()?;
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        (!parts.is_empty()).then(|| parts.join("/"))
    }

    pub fn is_shallow(&self) -> bool {
        self.git.is_shallow()
    }

    pub fn head(&self) -> Head {
        let symbolic = self
            .git
            .find_reference("HEAD")
            .ok()
            .and_then(|head| head.symbolic_target().ok().flatten().map(str::to_owned));
        Head {
            sha: self.head_id().map(|id| id.to_string()),
            symbolic,
        }
    }

    /// The message of HEAD's commit: `[skip ci]` may stand there.
    pub fn head_message(&self) -> Option<String> {
        self.message_of(self.head_id()?)
    }

    /// The message of the commit with this full sha, if it is here.
    pub fn message_at(&self, sha: &str) -> Option<String> {
        self.message_of(self.commit_id(sha)?)
    }

    fn message_of(&self, id: Oid) -> Option<String> {
        let commit = self.git.find_commit(id).ok()?;
        Some(String::from_utf8_lossy(commit.message_bytes()).into_owned())
    }

    pub(super) fn head_id(&self) -> Option<Oid> {
        self.git.head().ok()?.peel_to_commit().ok().map(|c| c.id())
    }

    /// A value of git's configuration; an empty one counts as absent.
    pub(super) fn config(&self, key: &str) -> Option<String> {
        let value = self.git.config().ok()?.get_string(key).ok()?;
        Some(value).filter(|value| !value.is_empty())
    }
}

fn resolved(path: &Path) -> Result<PathBuf, RepoError> {
    path.canonicalize().map_err(|source| RepoError::Folder {
        path: path.to_path_buf(),
        source,
    })
}

fn refusal(dir: &Path, env: &GitEnv, source: git2::Error) -> RepoError {
    let path = env.git_dir.as_ref().map_or_else(
        || containing_git(dir).unwrap_or(dir).to_path_buf(),
        |git_dir| env.cwd.join(git_dir),
    );
    if source.code() == ErrorCode::Owner {
        RepoError::Untrusted(path)
    } else {
        RepoError::Open { path, source }
    }
}

/// The nearest folder upwards that has a `.git`.
fn containing_git(dir: &Path) -> Option<&Path> {
    dir.ancestors().find(|folder| folder.join(".git").exists())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::repo::scratch::Scratch;
    use crate::repo::{Content, JobView};

    fn discover(dir: &Path) -> Repo {
        Repo::discover(dir, &GitEnv::default()).unwrap().unwrap()
    }

    #[test]
    fn a_folder_without_git_has_no_repository() {
        let folder = TempDir::new().unwrap();
        let found = Repo::discover(folder.path(), &GitEnv::default()).unwrap();
        assert!(found.is_none());
    }

    #[test]
    fn a_folder_below_the_top_level_is_told_apart() {
        let scratch = Scratch::new();
        scratch.write("sub/dir/file", "1");
        let below = scratch.path.join("sub/dir");
        let repo = discover(&below);
        assert_eq!(repo.top_level(), scratch.path);
        assert!(repo.is_below_top_level(&below));
        assert_eq!(repo.prefix_of(&below).as_deref(), Some("sub/dir"));
        assert!(!repo.is_below_top_level(&scratch.path));
        assert!(!repo.is_below_top_level(scratch.path.parent().unwrap()));
        assert!(!repo.is_below_top_level(&scratch.path.join("absent")));
    }

    #[test]
    fn a_bare_repository_is_an_error() {
        let folder = TempDir::new().unwrap();
        Repository::init_bare(folder.path()).unwrap();
        let error = Repo::discover(folder.path(), &GitEnv::default()).unwrap_err();
        assert!(matches!(error, RepoError::Bare(_)), "{error}");
    }

    #[test]
    fn an_unborn_head_has_a_branch_and_no_sha() {
        let scratch = Scratch::new();
        let repo = scratch.repo();
        assert_eq!(
            repo.head(),
            Head {
                sha: None,
                symbolic: Some("refs/heads/main".to_owned()),
            }
        );
        assert_eq!(repo.current_ref(None, "trunk"), "refs/heads/main");
    }

    #[test]
    fn a_linked_worktree_has_its_own_head_and_index() {
        let scratch = Scratch::new();
        scratch.commit("a", "1");
        let path = scratch.path.parent().unwrap().join("linked");
        scratch.git.worktree("linked", &path, None).unwrap();
        let repo = discover(&path);
        assert_eq!(repo.top_level(), path);
        assert_eq!(repo.head().symbolic.as_deref(), Some("refs/heads/linked"));
        assert_ne!(repo.git_dir(), repo.common_dir());
        assert!(repo.index_path().starts_with(repo.git_dir()));
        let by_hook = GitEnv {
            cwd: path.clone(),
            git_dir: Some(repo.git_dir().to_path_buf()),
            ..GitEnv::default()
        };
        let hooked = Repo::discover(&scratch.path, &by_hook).unwrap().unwrap();
        assert_eq!(hooked.top_level(), path);
    }

    #[test]
    fn the_index_that_a_hook_names_is_the_one_that_counts() {
        // DESIGN 4: `git commit FILE` has an index of its own
        let scratch = Scratch::new();
        scratch.commit("a", "1");
        scratch.commit("b", "1");
        fs::copy(
            scratch.path.join(".git/index"),
            scratch.path.join(".git/next-index"),
        )
        .unwrap();
        scratch.write("a", "2");
        scratch.stage("a");
        let env = GitEnv::from_vars(&scratch.path, |name| match name {
            "GIT_DIR" => Some(".git".into()),
            "GIT_INDEX_FILE" => Some(".git/next-index".into()),
            "GIT_WORK_TREE" => Some(OsString::new()),
            _ => None,
        });
        let hooked = Repo::discover(&scratch.path, &env).unwrap().unwrap();
        assert_eq!(hooked.index_path(), scratch.path.join(".git/next-index"));
        let staged = JobView {
            content: Content::Staged,
            ..JobView::default()
        };
        assert!(hooked.uncommitted(&staged).unwrap().is_empty());
        assert!(hooked.dirty_tree(&staged).unwrap().is_clean());
        let plain = scratch.repo();
        assert_eq!(plain.uncommitted(&staged).unwrap().len(), 1);
        assert_eq!(plain.dirty_tree(&staged).unwrap().to_string(), "1 modified");
    }

    #[test]
    fn a_broken_git_dir_is_an_error_that_names_it() {
        let scratch = Scratch::new();
        let env = GitEnv {
            cwd: scratch.path.clone(),
            git_dir: Some("nowhere".into()),
            ..GitEnv::default()
        };
        let error = Repo::discover(&scratch.path, &env).unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}
