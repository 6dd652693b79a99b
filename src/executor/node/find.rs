//! Looks for Node.js where people and their tools install it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::{Node, Version};

const PROGRAM: &str = if cfg!(windows) { "node.exe" } else { "node" };

/// Where to look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Places<'a> {
    /// A `PATH`.
    pub path: Option<&'a OsStr>,
    /// `RUNNER_TOOL_CACHE`.
    pub tool_cache: Option<&'a Path>,
    /// The home folder, with what version managers keep there.
    pub home: Option<&'a Path>,
    /// A file that remembers the versions of programs; made and renewed as needed.
    pub memory: Option<&'a Path>,
}

/// Every Node.js in these places, in this order: PATH, tool cache, version managers.
pub fn find_nodes(places: Places<'_>) -> Vec<Node> {
    let mut memory = Memory::load(places.memory);
    let mut found: Vec<(PathBuf, Node)> = Vec::new();
    for (path, named) in candidates(places) {
        let Ok(real) = path.canonicalize() else {
            continue;
        };
        if found.iter().any(|(known, _)| *known == real) {
            continue;
        }
        if let Some(version) = named.or_else(|| memory.version(&path)) {
            found.push((real, Node { path, version }));
        }
    }
    memory.save();
    found.into_iter().map(|(_, node)| node).collect()
}

/// Official builds in a folder of a tool cache: `VERSION/x64/bin/node`.
pub fn unpacked(folder: &Path) -> Vec<Node> {
    let node = |(folder, version): (PathBuf, Version)| Node {
        path: folder.join(architecture()).join("bin").join(PROGRAM),
        version,
    };
    let found = versioned(folder).into_iter().map(node);
    found.filter(|node| node.path.is_file()).collect()
}

/// Programs, and the versions that their folders are named after.
fn candidates(places: Places<'_>) -> Vec<(PathBuf, Option<Version>)> {
    let folders = places.path.into_iter().flat_map(std::env::split_paths);
    let mut found: Vec<_> = folders
        .map(|folder| (folder.join(PROGRAM), None))
        .filter(|(path, _)| path.is_absolute())
        .collect();
    let mut versions = |root: PathBuf, inner: &str| {
        for (folder, version) in versioned(&root) {
            found.push((folder.join(inner).join(PROGRAM), Some(version)));
        }
    };
    if let Some(cache) = places.tool_cache {
        versions(cache.join("node"), &format!("{}/bin", architecture()));
    }
    if let Some(home) = places.home {
        versions(home.join(".nvm/versions/node"), "bin");
        versions(
            home.join(".local/share/fnm/node-versions"),
            "installation/bin",
        );
        versions(home.join(".fnm/node-versions"), "installation/bin");
        versions(
            home.join("Library/Application Support/fnm/node-versions"),
            "installation/bin",
        );
        versions(home.join(".volta/tools/image/node"), "bin");
        versions(home.join(".asdf/installs/nodejs"), "bin");
        versions(home.join(".local/share/mise/installs/node"), "bin");
        versions(home.join("n/n/versions/node"), "bin");
    }
    versions("/usr/local/n/versions/node".into(), "bin");
    found.retain(|(path, _)| path.is_file());
    found
}

/// This machine's architecture as the tool cache names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The folders below `root` that are named after a version, the newest first.
fn versioned(root: &Path) -> Vec<(PathBuf, Version)> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            // `20` and `lts` are links of version managers to a full version beside them.
            let name = name
                .to_str()
                .filter(|name| name.matches('.').count() == 2)?;
            Some((root.join(name), Version::parse(name)?))
        })
        .collect();
    found.sort_by_key(|(_, version)| Reverse(*version));
    found
}

/// What programs said about their versions, so that they are asked once.
#[derive(Debug, Default)]
struct Memory {
    file: Option<PathBuf>,
    known: BTreeMap<PathBuf, Remembered>,
    changed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Remembered {
    modified: u128,
    size: u64,
    version: Version,
}

impl Memory {
    fn load(file: Option<&Path>) -> Self {
        let known = file
            .and_then(|file| fs::read(file).ok())
            .and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            file: file.map(Path::to_owned),
            known: known.unwrap_or_default(),
            changed: false,
        }
    }

    fn version(&mut self, path: &Path) -> Option<Version> {
        let data = fs::metadata(path).ok()?;
        let modified = data
            .modified()
            .ok()?
            .duration_since(UNIX_EPOCH)
            .ok()?
            .as_nanos();
        let known = self.known.get(path);
        if let Some(known) = known.filter(|k| k.modified == modified && k.size == data.len()) {
            return Some(known.version);
        }
        let version = ask(path)?;
        let remembered = Remembered {
            modified,
            size: data.len(),
            version,
        };
        self.known.insert(path.to_owned(), remembered);
        self.changed = true;
        Some(version)
    }

    /// A memory that can not be kept costs time only.
    fn save(&self) {
        let (true, Some(file)) = (self.changed, &self.file) else {
            return;
        };
        let Some(folder) = file.parent() else {
            return;
        };
        let written = fs::create_dir_all(folder)
            .and_then(|()| tempfile::NamedTempFile::new_in(folder))
            .and_then(|new| {
                serde_json::to_writer(&new, &self.known)?;
                new.persist(file).map_err(|error| error.error)
            });
        drop(written);
    }
}

fn ask(path: &Path) -> Option<Version> {
    let output = Command::new(path)
        .arg("--version")
        .env_remove("NODE_OPTIONS")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then_some(())?;
    Version::parse(&String::from_utf8_lossy(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn finds_nodes_where_tools_keep_them_and_asks_each_once() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let script = |name: &str, text: &str| {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).unwrap();
        };
        let log = at("asked");
        let text = format!(
            "#!/bin/sh\necho asked >> '{}'\necho v22.1.2\n",
            log.display()
        );
        script("bin/node", &text);
        script("broken/node", "#!/bin/sh\nexit 1\n");
        // A process that another test is starting may hold a script open for writing a moment longer.
        for name in ["bin/node", "broken/node"] {
            while Command::new(at(name)).output().is_err() {
                std::thread::yield_now();
            }
        }
        fs::remove_file(&log).unwrap();
        for name in [
            &format!("cache/node/20.19.0/{}/bin/node", architecture()),
            &format!("cache/node/24.2.0/{}/bin/node", architecture()),
            "cache/node/24.3.0/other/bin/node",
            "home/.nvm/versions/node/v24.9.0/bin/node",
            "home/.local/share/fnm/node-versions/v18.1.0/installation/bin/node",
            "home/.local/share/mise/installs/node/21.0.0/bin/node",
            "home/.volta/tools/image/node/16.0.0/bin/node",
        ] {
            script(name, "");
        }
        std::os::unix::fs::symlink("21.0.0", at("home/.local/share/mise/installs/node/21"))
            .unwrap();
        let path = std::env::join_paths([at("broken"), at("bin"), at("none"), at("bin")]).unwrap();
        let (cache, home, memory) = (at("cache"), at("home"), at("memory/nodes.json"));
        let places = Places {
            path: Some(&path),
            tool_cache: Some(&cache),
            home: Some(&home),
            memory: Some(&memory),
        };
        for _ in 0..2 {
            let found: Vec<_> = find_nodes(places)
                .into_iter()
                .filter(|node| node.path.starts_with(root.path()))
                .map(|node| node.version.to_string())
                .collect();
            let expected = [
                "22.1.2", "24.2.0", "20.19.0", "24.9.0", "18.1.0", "16.0.0", "21.0.0",
            ];
            assert_eq!(found, expected, "A-41");
        }
        assert_eq!(fs::read_to_string(log).unwrap(), "asked\n");
    }
}
