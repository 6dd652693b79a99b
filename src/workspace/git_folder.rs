//! The `.git` of a checkout, made new: refs, config, history border, borrowed objects, an index that matches HEAD.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use git2::{Index, IndexEntryExtendedFlag, IndexEntryFlag, IndexTime, Oid};

use super::entry::{Entry, Kind, Stat, path_of};
use super::head::{Head, History};
use super::source::Source;
use super::sparse::Sparse;
use super::tree::FILTER_SETTINGS;
use super::{Result, git, io};

/// What the `.git` is made from.
pub(super) struct Plan<'a> {
    pub source: &'a Source,
    pub history: &'a History,
    /// The files in place, with the blobs that they are known to equal.
    pub entries: &'a [Entry],
    pub sparse: &'a Sparse,
    pub remote_url: Option<&'a str>,
    /// The working tree.
    pub tree: &'a Path,
    /// Where its files lie now: the tree itself, or a layer of it.
    pub files: &'a Path,
    /// Where the git dir goes; away from `tree/.git` for a submodule.
    pub folder: PathBuf,
}

impl Plan<'_> {
    pub(super) fn make(&self) -> Result<()> {
        for folder in [
            "objects/info",
            "objects/pack",
            "refs/heads",
            "refs/tags",
            "info",
        ] {
            let path = self.folder.join(folder);
            fs::create_dir_all(&path).map_err(io("make", &path))?;
        }
        let objects = self.source.objects();
        let lines = objects.iter().map(|from| format!("{}\n", from.display()));
        self.write("objects/info/alternates", &lines.collect::<String>())?;
        self.write("config", &self.config())?;
        self.write(
            "description",
            "Made by lrun; the objects are the user's own.\n",
        )?;
        self.write("info/exclude", "")?;
        if let Some(text) = self.sparse.file() {
            self.write("info/sparse-checkout", &text)?;
        }
        self.refs()?;
        if !self.history.shallow.is_empty() {
            let lines: Vec<String> = self
                .history
                .shallow
                .iter()
                .map(ToString::to_string)
                .collect();
            self.write("shallow", &(lines.join("\n") + "\n"))?;
        }
        self.index()
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io("make", parent))?;
        }
        fs::write(&path, text).map_err(io("write", &path))
    }

    fn config(&self) -> String {
        let mut lines = vec![
            "[core]".to_owned(),
            "\trepositoryformatversion = 0".to_owned(),
            "\tbare = false".to_owned(),
            "\tlogallrefupdates = true".to_owned(),
        ];
        let mut set = |name: &str, value: &str| lines.push(format!("\t{name} = {}", quoted(value)));
        for setting in FILTER_SETTINGS {
            let name = setting.trim_start_matches("core.");
            match self.source.config.get_string(setting) {
                Ok(value) => set(name, &value),
                Err(_) if name == "filemode" => set(name, "true"),
                Err(_) => {}
            }
        }
        if !self.sparse.is_all() {
            set("sparseCheckout", "true");
            set(
                "sparseCheckoutCone",
                if self.sparse.is_cone() {
                    "true"
                } else {
                    "false"
                },
            );
        }
        if self.folder != self.tree.join(".git")
            && let Some(tree) = relative(&self.folder, self.tree)
        {
            set("worktree", &tree);
        }
        if let Some(url) = self.remote_url {
            lines.push("[remote \"origin\"]".to_owned());
            lines.push(format!("\turl = {}", quoted(url)));
            lines.push("\tfetch = +refs/heads/*:refs/remotes/origin/*".to_owned());
        }
        lines.push("[gc]\n\tauto = 0".to_owned());
        if let Head::Branch(branch) = &self.history.head {
            let section = branch.replace('\\', "\\\\").replace('"', "\\\"");
            lines.push(format!("[branch \"{section}\"]\n\tremote = origin"));
            lines.push(format!(
                "\tmerge = {}",
                quoted(&format!("refs/heads/{branch}"))
            ));
        }
        lines.push("[lrun]\n\tcheckout = true\n".to_owned());
        lines.join("\n")
    }

    fn refs(&self) -> Result<()> {
        let commit = self.history.commit;
        match &self.history.head {
            Head::Branch(branch) => {
                self.write("HEAD", &format!("ref: refs/heads/{branch}\n"))?;
                self.write(&format!("refs/heads/{branch}"), &format!("{commit}\n"))?;
            }
            Head::Detached => self.write("HEAD", &format!("{commit}\n"))?,
        }
        if self.history.refs.is_empty() {
            return Ok(());
        }
        let packed: Vec<String> = self
            .history
            .refs
            .iter()
            .map(|(name, oid)| format!("{oid} {name}\n"))
            .collect();
        self.write("packed-refs", &packed.concat())
    }

    /// Files that equal their blob carry their stat, so that `git status` has nothing to read.
    fn index(&self) -> Result<()> {
        let path = self.folder.join("index");
        let commit = self
            .source
            .repo
            .find_commit(self.history.commit)
            .map_err(self.source.error())?;
        let tree = commit.tree().map_err(self.source.error())?;
        let mut head = Index::new().map_err(self.source.error())?;
        head.read_tree(&tree).map_err(self.source.error())?;
        let known: HashMap<&[u8], Oid> = self
            .entries
            .iter()
            .map(|entry| (entry.path.as_slice(), entry.blob))
            .collect();
        let mut index = Index::open(&path).map_err(git(&path))?;
        for mut entry in head.iter() {
            if !self.sparse.includes(&entry.path) {
                entry.flags |= IndexEntryFlag::EXTENDED.bits();
                entry.flags_extended |= IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
            } else if Kind::of_mode(entry.mode) != Kind::Submodule
                && known.get(entry.path.as_slice()) == Some(&entry.id)
                && let Ok(metadata) = fs::symlink_metadata(self.files.join(path_of(&entry.path)))
            {
                fill_stat(&mut entry, &metadata);
            }
            index.add(&entry).map_err(git(&path))?;
        }
        index.write().map_err(git(&path))
    }
}

fn fill_stat(entry: &mut git2::IndexEntry, metadata: &fs::Metadata) {
    let stat = Stat::of(metadata);
    if Kind::of_mode(stat.mode).git_mode() != entry.mode {
        return;
    }
    let low = |value: u64| u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default();
    let time = |nanos: i64| {
        IndexTime::new(
            i32::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default(),
            u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default(),
        )
    };
    entry.ctime = time(stat.ctime);
    entry.mtime = time(stat.mtime);
    entry.ino = low(stat.ino);
    entry.file_size = low(stat.size);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        entry.dev = low(metadata.dev());
        entry.uid = metadata.uid();
        entry.gid = metadata.gid();
    }
}

/// A value of git's config file.
fn quoted(value: &str) -> String {
    format!(
        "\"{}\"",
        value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}

/// The way from one folder to another that share an ancestor.
pub(super) fn relative(from: &Path, to: &Path) -> Option<String> {
    let common = from.ancestors().find(|at| to.starts_with(at))?;
    let up = from.strip_prefix(common).ok()?.components().count();
    let down = to.strip_prefix(common).ok()?;
    let mut parts = vec!["..".to_owned(); up];
    parts.extend(down.iter().map(|part| part.to_string_lossy().into_owned()));
    Some(parts.join("/"))
}
