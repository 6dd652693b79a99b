//! The Node.js that JavaScript actions run on: which there are here, and which one an action gets (SPEC A-41).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

const PROGRAM: &str = if cfg!(windows) { "node.exe" } else { "node" };

/// `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Reads `v24.1.0`, `24.1.0`, `24`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let mut number = |needed: bool| match parts.next() {
            Some(part) => part.parse().ok(),
            None => (!needed).then_some(0),
        };
        Some(Self(number(true)?, number(false)?, number(false)?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// One Node.js of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub path: PathBuf,
    pub version: Version,
}

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

/// No Node.js fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the action needs Node.js {needed} or newer, but {}",
    found_text(found)
)]
pub struct NoNode {
    pub needed: u32,
    pub found: Vec<Node>,
}

fn found_text(found: &[Node]) -> String {
    if found.is_empty() {
        return "no Node.js was found in PATH, the tool cache or the folders of version managers"
            .to_owned();
    }
    let all: Vec<_> = found
        .iter()
        .map(|node| format!("{} ({})", node.version, node.path.display()))
        .collect();
    format!("only these were found: {}", all.join(", "))
}

/// What an action that names `using: node<major>` runs on.
///
/// An action for 12, 16 or 20 gets a 24 where there is one, else the 20 or newer that there is; with
/// `prefer_20` (see [`prefers_20`]) a 20 comes first.
pub fn choose_node(nodes: &[Node], using: u32, prefer_20: bool) -> Result<&Node, NoNode> {
    // No Node.js 24 exists for Linux on 32-bit ARM.
    let exists = !cfg!(all(target_os = "linux", target_arch = "arm"));
    let needed = if using >= 24 && exists { using } else { 20 };
    let wished = if needed == 20 && prefer_20 {
        20
    } else {
        needed.max(24)
    };
    let newest_of = |major| {
        let mut of_major: Vec<_> = nodes.iter().filter(|n| n.version.0 == major).collect();
        // Stable: of equals the one found first.
        of_major.sort_by_key(|node| Reverse(node.version));
        of_major.first().copied()
    };
    let other = || {
        let majors = nodes.iter().map(|node| node.version.0);
        majors.filter(|major| *major >= needed).min()
    };
    newest_of(wished)
        .or_else(|| newest_of(other()?))
        .ok_or_else(|| NoNode {
            needed,
            found: nodes.to_vec(),
        })
}

/// An action for Node.js 20 or older shall have a 20, as `ACTIONS_ALLOW_USE_UNSECURE_NODE_VERSION` asks, and the
/// warning where it and `FORCE_JAVASCRIPT_ACTIONS_TO_NODE24` both come from one source.
pub fn prefers_20<'a>(
    step: impl Fn(&str) -> Option<&'a str>,
    runner: impl Fn(&str) -> Option<&'a str>,
) -> (bool, Option<String>) {
    const ALLOW: &str = "ACTIONS_ALLOW_USE_UNSECURE_NODE_VERSION";
    const FORCE: &str = "FORCE_JAVASCRIPT_ACTIONS_TO_NODE24";
    let read = |name| {
        let set = |value: &&str| !value.is_empty();
        let found = step(name).filter(set).map(|value| (value, "workflow"));
        let (value, source) = found.or_else(|| Some((runner(name).filter(set)?, "system")))?;
        let value = value.trim().to_uppercase();
        matches!(value.as_str(), "TRUE" | "$TRUE" | "1").then_some(source)
    };
    match (read(ALLOW), read(FORCE)) {
        (Some(allow), Some(force)) if allow == force => {
            let warning = format!(
                "Both {FORCE} and {ALLOW} environment variables are set to true in the {allow} environment. This is likely a configuration error. Using the default Node version: node24."
            );
            (false, Some(warning))
        }
        (allow, _) => (allow.is_some(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(versions: &[&str]) -> Vec<Node> {
        let node = |text: &&str| Node {
            path: format!("/n/{text}/node").into(),
            version: Version::parse(text).unwrap(),
        };
        versions.iter().map(node).collect()
    }

    #[test]
    fn chooses_by_the_rules_of_github() {
        type Row<'a> = (&'a [&'a str], u32, bool, Option<&'a str>);
        let table: &[Row<'_>] = &[
            (&["20.1.0", "24.1.0"], 20, false, Some("24.1.0")),
            (&["20.1.0", "24.1.0"], 16, false, Some("24.1.0")),
            (&["20.1.0", "24.1.0"], 12, true, Some("20.1.0")),
            (&["24.1.0", "24.3.0", "24.2.9"], 20, false, Some("24.3.0")),
            (&["18.0.0", "20.1.0", "22.0.0"], 20, false, Some("20.1.0")),
            (&["22.0.0", "26.0.0"], 20, false, Some("22.0.0")),
            (&["22.0.0"], 20, true, Some("22.0.0")),
            (&["26.0.0", "25.1.0"], 24, false, Some("25.1.0")),
            (&["20.1.0", "24.1.0"], 24, true, Some("24.1.0")),
            (&["20.1.0", "22.0.0"], 24, false, None),
            (&["18.0.0"], 20, false, None),
            (&[], 20, false, None),
        ];
        for (found, using, prefer, expected) in table {
            let nodes = nodes(found);
            let chosen = choose_node(&nodes, *using, *prefer).ok();
            let chosen = chosen.map(|node| node.version.to_string());
            assert_eq!(chosen.as_deref(), *expected, "A-41 {found:?} {using}");
        }
    }

    #[test]
    fn the_error_names_what_was_found() {
        let text = choose_node(&nodes(&["18.2.0"]), 20, false)
            .unwrap_err()
            .to_string();
        assert_eq!(
            text,
            "the action needs Node.js 20 or newer, but only these were found: 18.2.0 (/n/18.2.0/node)"
        );
        let text = choose_node(&[], 24, false).unwrap_err().to_string();
        assert!(text.starts_with("the action needs Node.js 24 or newer, but no Node.js was found"));
    }

    #[test]
    fn reads_the_switches_from_the_step_first() {
        const ALLOW: &str = "ACTIONS_ALLOW_USE_UNSECURE_NODE_VERSION";
        const FORCE: &str = "FORCE_JAVASCRIPT_ACTIONS_TO_NODE24";
        type Env<'a> = &'a [(&'a str, &'a str)];
        let table: &[(Env<'_>, Env<'_>, bool, bool)] = &[
            (&[], &[], false, false),
            (&[(ALLOW, "TRUE")], &[], true, false),
            (&[], &[(ALLOW, "true")], true, false),
            (&[(ALLOW, "false")], &[(ALLOW, "true")], false, false),
            (&[(FORCE, "true")], &[], false, false),
            (&[(ALLOW, "true"), (FORCE, "true")], &[], false, true),
            (&[], &[(ALLOW, "true"), (FORCE, "true")], false, true),
            (&[(FORCE, "true")], &[(ALLOW, "true")], true, false),
        ];
        let get = |env: Env<'static>| {
            move |name: &str| env.iter().find(|(k, _)| *k == name).map(|(_, v)| *v)
        };
        for (step, runner, prefers, warns) in table {
            let (found, warning) = prefers_20(get(step), get(runner));
            assert_eq!(
                (found, warning.is_some()),
                (*prefers, *warns),
                "A-41 {step:?} {runner:?}"
            );
        }
    }

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
