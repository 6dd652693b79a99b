//! The walk through the working tree: tracked files, and what git does not ignore.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use git2::Oid;

use super::entry::{Entry, Kind, Stat, bytes_of, join, path_of};
use super::ignores::Ignores;
use super::source::Source;
use super::tracked::Tracked;
use super::{Options, Result, SECRET_FILES, io};

/// A walk through the working tree that collects what the rule lets in.
pub(super) struct Walk<'a> {
    root: PathBuf,
    with_ignored: bool,
    in_git: bool,
    tracked: &'a Tracked,
    /// Paths that stay out unless tracked; whole folders as well.
    excluded: HashSet<PathBuf>,
    cache: PathBuf,
    pub found: Vec<Entry>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        options: &'a Options,
        source: Option<&'a Source>,
        tracked: &'a Tracked,
    ) -> Self {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        // One spelling for all, so that paths can be compared.
        let root = real(&options.root);
        let named = options.exclude.iter().flat_map(|path| {
            let path = options.root.join(path);
            let spelled = path
                .strip_prefix(&options.root)
                .map(|below| root.join(below));
            [Some(real(&path)), spelled.ok()]
        });
        let excluded = SECRET_FILES
            .iter()
            .map(|name| root.join(name))
            .chain(named.flatten())
            .collect();
        Self {
            root,
            with_ignored: options.with_ignored,
            in_git: source.is_some(),
            tracked,
            excluded,
            cache: real(&options.cache),
            found: Vec::with_capacity(tracked.entries.len() + 16),
        }
    }

    /// Walks through everything.
    pub(super) fn walk(&mut self, source: Option<&Source>) -> Result<()> {
        let root = self.root.clone();
        let rules = rules_at(&root, source);
        self.folder(&root, &[], &rules, false)
    }

    fn folder(&mut self, folder: &Path, path: &[u8], rules: &Ignores, ignored: bool) -> Result<()> {
        let children = match fs::read_dir(folder) {
            Ok(children) => children,
            // A folder that vanished meanwhile, or one that git could not read either.
            Err(_) if folder != self.root.as_path() => return Ok(()),
            Err(error) => return Err(io("read", folder)(error)),
        };
        for child in children.flatten() {
            let name = child.file_name();
            if name == ".git" {
                continue;
            }
            let Ok(kind) = child.file_type() else {
                continue;
            };
            let file = child.path();
            let path = join(path, bytes_of(&name));
            if kind.is_dir() {
                self.enter(&file, path, rules, ignored)?;
            } else if kind.is_file() || kind.is_symlink() {
                self.file(&file, path, rules, ignored);
            }
        }
        Ok(())
    }

    fn enter(
        &mut self,
        folder: &Path,
        path: Vec<u8>,
        rules: &Ignores,
        ignored: bool,
    ) -> Result<()> {
        if self.tracked.is_submodule(&path) {
            self.found.push(Entry {
                path,
                kind: Kind::Submodule,
                stat: Stat::default(),
                blob: Oid::ZERO_SHA1,
                lfs: false,
                from_git: false,
            });
            return Ok(());
        }
        let tracked = self.tracked.folders.contains(&path);
        let ignored = ignored || rules.ignores(folder, true);
        if !tracked {
            let left_out = ignored && !self.with_ignored
                || self.excluded.contains(folder)
                || folder == self.cache
                // A repository of its own: git would not look into it either.
                || (self.in_git && !self.with_ignored && folder.join(".git").exists());
            if left_out {
                return Ok(());
            }
        }
        if ignored {
            return self.folder(folder, &path, rules, true);
        }
        let rules = rules.enter(folder);
        self.folder(folder, &path, &rules, false)
    }

    fn file(&mut self, file: &Path, path: Vec<u8>, rules: &Ignores, ignored: bool) {
        let known = self.tracked.entries.get(&path);
        if known.is_none() {
            let left_out = !self.with_ignored && (ignored || rules.ignores(file, false));
            if left_out || self.excluded.contains(file) {
                return;
            }
        }
        let Ok(metadata) = fs::symlink_metadata(file) else {
            return;
        };
        let stat = Stat::of(&metadata);
        let mut kind = Kind::of_mode(stat.mode);
        if let Some(known) = known
            && !self.tracked.file_modes
            && matches!(kind, Kind::File | Kind::Executable)
            && matches!(Kind::of_mode(known.mode), Kind::File | Kind::Executable)
        {
            kind = Kind::of_mode(known.mode);
        }
        self.found.push(Entry {
            path,
            kind,
            stat,
            blob: Oid::ZERO_SHA1,
            lfs: false,
            from_git: false,
        });
    }
}

/// The ignore rules that hold in the root already.
fn rules_at(root: &Path, source: Option<&Source>) -> Ignores {
    let Some(source) = source else {
        return Ignores::new(root, &[], false).enter(root);
    };
    let ignore_case = source.flag("core.ignorecase", false);
    let mut rules = Ignores::new(&source.top, &source.exclude_files(), ignore_case);
    let depth = path_of(&source.prefix).components().count();
    let between: Vec<&Path> = root.ancestors().take(depth + 1).collect();
    for folder in between.into_iter().rev() {
        rules = rules.enter(folder);
    }
    rules
}
