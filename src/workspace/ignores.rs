//! Which untracked files git ignores: `.gitignore` folder by folder, `info/exclude`, `core.excludesFile`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The rules that hold in one folder; those of deeper folders come first.
#[derive(Debug, Clone)]
pub(super) struct Ignores {
    levels: Option<Arc<Level>>,
    ignore_case: bool,
}

#[derive(Debug)]
struct Level {
    rules: Gitignore,
    above: Option<Arc<Self>>,
}

impl Ignores {
    /// The rules that hold everywhere below `top`: the weakest first.
    pub(super) fn new(top: &Path, files: &[PathBuf], ignore_case: bool) -> Self {
        let mut ignores = Self {
            levels: None,
            ignore_case,
        };
        for file in files {
            ignores = ignores.with(top, file);
        }
        ignores
    }

    /// Adds the `.gitignore` of `folder`, if it is there.
    pub(super) fn enter(&self, folder: &Path) -> Self {
        self.with(folder, &folder.join(".gitignore"))
    }

    fn with(&self, base: &Path, file: &Path) -> Self {
        let mut builder = GitignoreBuilder::new(base);
        // A pattern that cannot be read matches nothing, as in git.
        builder.add(file);
        if builder.case_insensitive(self.ignore_case).is_err() {
            return self.clone();
        }
        match builder.build() {
            Ok(rules) if !rules.is_empty() => Self {
                levels: Some(Arc::new(Level {
                    rules,
                    above: self.levels.clone(),
                })),
                ignore_case: self.ignore_case,
            },
            _ => self.clone(),
        }
    }

    pub(super) fn ignores(&self, path: &Path, is_dir: bool) -> bool {
        let mut level = self.levels.as_ref();
        while let Some(at) = level {
            match at.rules.matched(path, is_dir) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => level = at.above.as_ref(),
            }
        }
        false
    }
}
