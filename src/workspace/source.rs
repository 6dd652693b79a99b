//! The user's repository as the workspace reads it: index, HEAD, settings.

use std::path::PathBuf;
use std::process::Command;

use git2::{Config, Index, IndexEntry, IndexEntryExtendedFlag, IndexEntryFlag, Oid, Repository};

use super::{Options, Result, WorkspaceError, git, tree};

/// The user's repository, opened for reading.
pub(super) struct Source {
    pub repo: Repository,
    pub config: Config,
    /// Top of the working tree.
    pub top: PathBuf,
    /// Where the root lies below the top: empty, or `a/b`.
    pub prefix: Vec<u8>,
    index_file: Option<PathBuf>,
    /// The objects of the merge, where there is one.
    merged_objects: Option<PathBuf>,
}

impl Source {
    /// Opens the repository; `None` for a folder without git.
    pub(super) fn open(options: &Options) -> Result<Option<Self>> {
        let Some(git_dir) = &options.git_dir else {
            return Ok(None);
        };
        let repo = Repository::open(git_dir).map_err(git(git_dir))?;
        let merged_objects = options.merge.as_ref().map(|m| m.store.join("objects"));
        if let Some(objects) = &merged_objects {
            repo.odb()
                .and_then(|odb| odb.add_disk_alternate(&objects.to_string_lossy()))
                .map_err(git(objects))?;
        }
        let config = repo
            .config()
            .and_then(|mut config| config.snapshot())
            .map_err(git(git_dir))?;
        let root = options
            .root
            .canonicalize()
            .unwrap_or_else(|_| options.root.clone());
        let top = repo
            .workdir()
            .map(|dir| dir.canonicalize().unwrap_or_else(|_| dir.to_owned()))
            .filter(|top| root.starts_with(top))
            .unwrap_or_else(|| root.clone());
        let prefix = root
            .strip_prefix(&top)
            .map(|path| path.as_os_str().as_encoded_bytes().to_vec())
            .unwrap_or_default();
        let prefix = if cfg!(windows) {
            prefix
                .iter()
                .map(|b| if *b == b'\\' { b'/' } else { *b })
                .collect()
        } else {
            prefix
        };
        let index_file = options.index_file.as_ref().map(|file| top.join(file));
        Ok(Some(Self {
            repo,
            config,
            top,
            prefix,
            index_file,
            merged_objects,
        }))
    }

    pub(super) fn error(&self) -> impl Fn(git2::Error) -> WorkspaceError + '_ {
        |source| WorkspaceError::Git {
            path: self.repo.path().to_owned(),
            source,
        }
    }

    /// The index that counts: the hook's own if there is one.
    pub(super) fn index(&self) -> Result<Index> {
        let read = match &self.index_file {
            // The empty index of a first `git commit FILE` is a file that is not there.
            Some(file) if file.exists() => Index::open(file),
            Some(_) => Index::new(),
            None => self.repo.index(),
        };
        read.or_else(|error| self.listed_index().ok_or(error))
            .map_err(self.error())
    }

    /// The index as git itself lists it: libgit2 reads neither split nor sparse ones.
    fn listed_index(&self) -> Option<Index> {
        let mut git = Command::new("git");
        git.current_dir(&self.top)
            .args(["ls-files", "-z", "-t", "--stage"])
            .env("GIT_DIR", self.repo.path())
            .env("GIT_WORK_TREE", &self.top);
        match &self.index_file {
            Some(file) => git.env("GIT_INDEX_FILE", file),
            None => git.env_remove("GIT_INDEX_FILE"),
        };
        let listed = git.output().ok().filter(|output| output.status.success())?;
        let mut index = Index::new().ok()?;
        for line in listed
            .stdout
            .split(|b| *b == 0)
            .filter(|line| !line.is_empty())
        {
            index.add(&listed_entry(line)?).ok()?;
        }
        Some(index)
    }

    /// Where the objects lie: in the user's repository, and a merge's in lrun's own.
    pub(super) fn objects(&self) -> Vec<PathBuf> {
        let own = self.repo.commondir().join("objects");
        [own]
            .into_iter()
            .chain(self.merged_objects.clone())
            .map(|objects| objects.canonicalize().unwrap_or(objects))
            .collect()
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.config.get_bool(name).unwrap_or(default)
    }

    /// The rule files for ignored files that lie outside the tree, the weakest first.
    pub(super) fn exclude_files(&self) -> Vec<PathBuf> {
        let user = self
            .config
            .get_path("core.excludesfile")
            .ok()
            .or_else(default_excludes_file);
        let own = self.repo.commondir().join("info/exclude");
        user.into_iter().chain([own]).collect()
    }

    /// The commit at HEAD, if there is one.
    pub(super) fn head(&self) -> Option<git2::Commit<'_>> {
        self.repo.head().ok()?.peel_to_commit().ok()
    }

    /// The part of a commit's tree that is the workspace.
    pub(super) fn tree_of<'r>(
        &'r self,
        commit: &git2::Commit<'r>,
    ) -> Result<Option<git2::Tree<'r>>> {
        let tree = commit.tree().map_err(self.error())?;
        if self.prefix.is_empty() {
            return Ok(Some(tree));
        }
        let below = tree
            .get_path(super::entry::path_of(&self.prefix))
            .ok()
            .and_then(|entry| self.repo.find_tree(entry.id()).ok());
        Ok(below)
    }

    /// The entry's path below the root, if it lies there.
    pub(super) fn below<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        if self.prefix.is_empty() {
            return Some(path);
        }
        path.strip_prefix(self.prefix.as_slice())?
            .strip_prefix(b"/")
    }
}

/// `H 100644 <blob> 0<tab>path`; S marks what a sparse checkout leaves out.
fn listed_entry(line: &[u8]) -> Option<IndexEntry> {
    let tab = line.iter().position(|b| *b == b'\t')?;
    let mut words = std::str::from_utf8(&line[..tab]).ok()?.split(' ');
    let tag = words.next()?;
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let blob = Oid::from_str(words.next()?).ok()?;
    let stage: u16 = words.next()?.parse().ok()?;
    let mut entry = tree::index_entry(&tree::entry(line[tab + 1..].to_vec(), mode, blob));
    entry.flags |= stage << 12;
    if tag.eq_ignore_ascii_case("S") {
        entry.flags |= IndexEntryFlag::EXTENDED.bits();
        entry.flags_extended |= IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
    }
    Some(entry)
}

fn default_excludes_file() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".config")))?;
    Some(base.join("git/ignore"))
}

pub(super) fn is_intent_to_add(entry: &IndexEntry) -> bool {
    IndexEntryExtendedFlag::from_bits_truncate(entry.flags_extended).is_intent_to_add()
}

pub(super) fn is_skip_worktree(entry: &IndexEntry) -> bool {
    IndexEntryExtendedFlag::from_bits_truncate(entry.flags_extended).is_skip_worktree()
}

pub(super) fn stage(entry: &IndexEntry) -> u16 {
    (entry.flags >> 12) & 3
}

/// Folders of git objects that a checkout borrows, those that the user's repository borrows itself included.
pub fn borrowed(options: &Options) -> Vec<PathBuf> {
    let Ok(Some(source)) = Source::open(options) else {
        return Vec::new();
    };
    let mut folders = source.objects();
    submodules(&source.repo, &mut folders);
    let mut next = 0;
    while let Some(folder) = folders.get(next) {
        let lines = std::fs::read_to_string(folder.join("info/alternates")).unwrap_or_default();
        let more: Vec<PathBuf> = lines
            .lines()
            .map(|line| folder.join(line))
            .filter(|more| !folders.contains(more))
            .collect();
        folders.extend(more);
        next += 1;
    }
    folders
}

/// Objects of the submodules that are here, and of theirs.
fn submodules(repo: &Repository, folders: &mut Vec<PathBuf>) {
    for submodule in repo.submodules().unwrap_or_default() {
        let Ok(inner) = submodule.open() else {
            continue;
        };
        let objects = inner.commondir().join("objects");
        if !folders.contains(&objects) {
            folders.push(objects);
            submodules(&inner, folders);
        }
    }
}
