//! Where the repository stands: its folders, HEAD, branches and tags.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use git2::{BranchType, ErrorCode, Index, Oid, Repository};

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

    pub(super) fn head_id(&self) -> Option<Oid> {
        self.git.head().ok()?.peel_to_commit().ok().map(|c| c.id())
    }

    /// The ref that a run of HEAD is about: HEAD's own branch, else the branch, then the tag that points at the commit,
    /// else the default branch (DESIGN 7).
    pub fn current_ref(&self, remote: Option<&str>, default_branch: &str) -> String {
        let fallback = format!("refs/heads/{default_branch}");
        if let Some(symbolic) = self.head().symbolic {
            return symbolic;
        }
        let Some(head) = self.head_id() else {
            return fallback;
        };
        let branches = self.branches_at(head, remote);
        if branches.iter().any(|branch| branch == default_branch) {
            return fallback;
        }
        if let Some(branch) = branches.first() {
            return format!("refs/heads/{branch}");
        }
        match self.tags_at(head).first() {
            Some(tag) => format!("refs/tags/{tag}"),
            None => fallback,
        }
    }

    /// Branches at a commit by name: local ones, then those of the remote.
    fn branches_at(&self, commit: Oid, remote: Option<&str>) -> Vec<String> {
        let mut found = Vec::new();
        for kind in [BranchType::Local, BranchType::Remote] {
            let mut names: Vec<String> = self
                .git
                .branches(Some(kind))
                .into_iter()
                .flatten()
                .filter_map(Result::ok)
                .filter(|(branch, _)| branch.get().target() == Some(commit))
                .filter_map(|(branch, _)| {
                    let name = branch.name().ok().flatten()?;
                    match kind {
                        BranchType::Local => Some(name.to_owned()),
                        BranchType::Remote => {
                            Some(name.strip_prefix(remote?)?.strip_prefix('/')?.to_owned())
                        }
                    }
                })
                .collect();
            names.sort();
            found.append(&mut names);
        }
        found
    }

    /// Tags at a commit, annotated or not, by name.
    pub(super) fn tags_at(&self, commit: Oid) -> Vec<String> {
        let mut tags: Vec<String> = self
            .git
            .references_glob("refs/tags/*")
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .filter(|tag| tag.peel_to_commit().is_ok_and(|c| c.id() == commit))
            .filter_map(|tag| Some(tag.name().ok()?.strip_prefix("refs/tags/")?.to_owned()))
            .collect();
        tags.sort();
        tags
    }

    /// The commit that a full ref stands for, tags peeled.
    pub(super) fn commit_at_ref(&self, full_ref: &str) -> Option<Oid> {
        let reference = self.git.find_reference(full_ref).ok()?;
        reference.peel_to_commit().ok().map(|commit| commit.id())
    }

    /// The commit of a branch: as it stands here, else as the remote was last seen to have it.
    pub(super) fn branch_tip(&self, branch: &str, remote: Option<&str>) -> Option<Oid> {
        self.commit_at_ref(&format!("refs/heads/{branch}"))
            .or_else(|| self.remote_tip(branch, remote))
    }

    /// The commit of a branch as the remote was last seen to have it.
    pub(super) fn remote_tip(&self, branch: &str, remote: Option<&str>) -> Option<Oid> {
        self.commit_at_ref(&format!("refs/remotes/{}/{branch}", remote?))
    }

    /// The commit with this full sha, if it is here.
    pub(super) fn commit_id(&self, sha: &str) -> Option<Oid> {
        if sha.len() != super::ZEROS.len() {
            return None;
        }
        let commit = self.git.find_commit(Oid::from_str(sha).ok()?).ok()?;
        Some(commit.id())
    }

    /// The remote branch that the current one follows, as a full ref, if one is configured.
    pub fn upstream(&self) -> Option<String> {
        let branch = self.head().symbolic?;
        let name = self.git.branch_upstream_name(&branch).ok()?;
        name.as_str().ok().map(str::to_owned)
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
