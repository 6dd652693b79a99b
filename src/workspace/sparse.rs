//! Which files a sparse checkout brings: cone mode (folders) or patterns.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::entry::path_of;
use super::request::CheckoutRequest;

/// The wish of a sparse checkout.
#[derive(Debug)]
pub(super) enum Sparse {
    All,
    /// Whole folders, with the files of every folder on the way to them.
    Cone(Vec<String>),
    Patterns {
        rules: Gitignore,
        lines: Vec<String>,
    },
}

impl Sparse {
    pub(super) fn of(request: &CheckoutRequest) -> Self {
        let lines = &request.sparse_checkout;
        if lines.is_empty() {
            return Self::All;
        }
        if request.sparse_cone {
            let mut folders: Vec<String> = lines
                .iter()
                .map(|line| line.trim_matches('/').to_owned())
                .filter(|folder| !folder.is_empty() && folder != ".")
                .collect();
            folders.sort();
            folders.dedup();
            return Self::Cone(folders);
        }
        let mut builder = GitignoreBuilder::new("");
        for line in lines {
            // git takes a pattern that it cannot read as one that matches nothing.
            drop(builder.add_line(None, line));
        }
        match builder.build() {
            Ok(rules) => Self::Patterns {
                rules,
                lines: lines.clone(),
            },
            Err(_) => Self::All,
        }
    }

    pub(super) fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    pub(super) fn includes(&self, path: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Cone(folders) => {
                let Some(slash) = memchr::memrchr(b'/', path) else {
                    return true;
                };
                let parent = &path[..slash];
                folders.iter().any(|folder| {
                    let folder = folder.as_bytes();
                    below(path, folder) || below(folder, parent) || folder == parent
                })
            }
            Self::Patterns { rules, .. } => {
                let path = path_of(path);
                let mut is_dir = false;
                // The deepest folder with an opinion decides.
                for at in path.ancestors().filter(|at| !at.as_os_str().is_empty()) {
                    match rules.matched(at, is_dir) {
                        Match::Ignore(_) => return true,
                        Match::Whitelist(_) => return false,
                        Match::None => is_dir = true,
                    }
                }
                false
            }
        }
    }

    /// The text of `info/sparse-checkout`.
    pub(super) fn file(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Patterns { lines, .. } => Some(format!("\n{}\n", lines.join("\n"))),
            Self::Cone(folders) => Some(cone_file(folders)),
        }
    }

    pub(super) fn is_cone(&self) -> bool {
        matches!(self, Self::Cone(_))
    }
}

fn below(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with(b"/"))
}

fn cone_file(folders: &[String]) -> String {
    let mut parents: Vec<&str> = folders
        .iter()
        .flat_map(|folder| folder.match_indices('/').map(|(at, _)| &folder[..at]))
        .collect();
    parents.sort_unstable();
    parents.dedup();
    let inside = |path: &str| {
        folders
            .iter()
            .any(|f| f == path || below(path.as_bytes(), f.as_bytes()))
    };
    let mut lines = vec!["/*".to_owned(), "!/*/".to_owned()];
    for parent in parents.into_iter().filter(|parent| !inside(parent)) {
        lines.push(format!("/{parent}/"));
        lines.push(format!("!/{parent}/*/"));
    }
    lines.extend(folders.iter().map(|folder| format!("/{folder}/")));
    lines.join("\n") + "\n"
}
