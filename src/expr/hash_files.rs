//! `hashFiles`: one digest over all files that patterns match (SPEC 2.6).

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::glob::{self, Pattern};

const TIMEOUT: Duration = Duration::from_mins(2);
const FOLLOW: &str = "--follow-symbolic-links";

/// Hashes the files of a workspace; the arguments are those of the call, the error its message.
pub fn hash_files(workspace: &Path, args: &[String]) -> Result<String, String> {
    let mut args = args.to_vec();
    let mut follow = false;
    if let Some(first) = args.first().filter(|first| first.starts_with("--")) {
        if !first.eq_ignore_ascii_case(FOLLOW) {
            return Err(format!(
                "Invalid glob option {first}, avaliable option: '{FOLLOW}'."
            ));
        }
        follow = true;
        args.remove(0);
    }
    let shown = args.join(", ").replace('\'', "''");
    let failed = |why: &str| {
        format!(
            "hashFiles('{shown}') failed. Fail to hash files under directory '{}': {why}",
            workspace.display()
        )
    };
    let workspace_parts = parts_of(workspace);
    let home = std::env::home_dir().unwrap_or_default();
    let patterns = glob::read(&args.join("\n"), &workspace_parts, &parts_of(&home))
        .map_err(|why| failed(&why))?;
    let mut search = Search {
        patterns,
        workspace: workspace_parts,
        follow,
        deadline: Instant::now() + TIMEOUT,
        chain: Vec::new(),
        digest: None,
    };
    match search.run() {
        Ok(()) => Ok(search
            .digest
            .map(|d| hex::encode(d.finalize()))
            .unwrap_or_default()),
        Err(why) if why.kind() == io::ErrorKind::TimedOut => Err(format!(
            "hashFiles('{shown}') couldn't finish within {} seconds.",
            TIMEOUT.as_secs()
        )),
        Err(why) => Err(failed(&why.to_string())),
    }
}

/// A path below the root, split; what the system does not take for text is shown as best it can be.
fn parts_of(path: &Path) -> Vec<String> {
    let part = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::Prefix(prefix) => Some(prefix.as_os_str().to_string_lossy().into_owned()),
        _ => None,
    };
    path.components().filter_map(part).collect()
}

fn path_of(parts: &[String]) -> PathBuf {
    let root = if cfg!(windows) { "" } else { "/" };
    PathBuf::from(format!("{root}{}", parts.join("/")))
}

struct Search {
    patterns: Vec<Pattern>,
    workspace: Vec<String>,
    follow: bool,
    deadline: Instant,
    /// The real paths of the directories that lead here, against circles of links.
    chain: Vec<PathBuf>,
    /// `None` until a file matches.
    digest: Option<Sha256>,
}

/// Something to look at.
struct Item {
    path: PathBuf,
    parts: Vec<String>,
    level: usize,
}

impl Search {
    fn run(&mut self) -> io::Result<()> {
        let mut stack = Vec::new();
        for parts in glob::search_paths(&self.patterns).into_iter().rev() {
            let path = path_of(&parts);
            match path.symlink_metadata() {
                Ok(_) => stack.push(Item {
                    path,
                    parts,
                    level: 0,
                }),
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                // Below a file there is nothing to search: GitHub fails here too.
                Err(why) => return Err(why),
            }
        }
        while let Some(item) = stack.pop() {
            if Instant::now() > self.deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.visit(&item, &mut stack)?;
        }
        Ok(())
    }

    fn visit(&mut self, item: &Item, stack: &mut Vec<Item>) -> io::Result<()> {
        let found = glob::matched(&self.patterns, &item.parts);
        let descends = glob::may_match_below(&self.patterns, &item.parts);
        if !(found.file || found.directory || descends) {
            return Ok(());
        }
        let metadata = if self.follow {
            fs::metadata(&item.path)
        } else {
            fs::symlink_metadata(&item.path)
        };
        // Gone, or a link to nothing.
        let Ok(metadata) = metadata else {
            return Ok(());
        };
        if metadata.is_dir() {
            if self.follow && !self.enter(item)? {
                return Ok(());
            }
            if found.directory || descends {
                push_children(item, stack)?;
            }
            return Ok(());
        }
        if found.file {
            self.hash(item)?;
        }
        Ok(())
    }

    /// Whether this directory is not one of those that lead to it.
    fn enter(&mut self, item: &Item) -> io::Result<bool> {
        let real = fs::canonicalize(&item.path)?;
        self.chain.truncate(item.level);
        if self.chain.contains(&real) {
            return Ok(false);
        }
        self.chain.push(real);
        Ok(true)
    }

    fn hash(&mut self, item: &Item) -> io::Result<()> {
        let inside =
            item.parts.len() > self.workspace.len() && item.parts.starts_with(&self.workspace);
        if !inside || !fs::metadata(&item.path).is_ok_and(|target| target.is_file()) {
            return Ok(());
        }
        let mut file = fs::File::open(&item.path)?;
        let mut one = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            one.update(&buffer[..read]);
        }
        self.digest.get_or_insert_default().update(one.finalize());
        Ok(())
    }
}

/// Children go on the stack in reverse, so that they come off it by name.
fn push_children(item: &Item, stack: &mut Vec<Item>) -> io::Result<()> {
    let mut names: Vec<OsString> = fs::read_dir(&item.path)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<_>>()?;
    names.sort_unstable_by(|a, b| b.as_encoded_bytes().cmp(a.as_encoded_bytes()));
    for name in names {
        let mut parts = item.parts.clone();
        parts.push(name.to_string_lossy().into_owned());
        stack.push(Item {
            path: item.path.join(&name),
            parts,
            level: item.level + 1,
        });
    }
    Ok(())
}

#[cfg(test)]
#[path = "hash_files_tests.rs"]
mod tests;
