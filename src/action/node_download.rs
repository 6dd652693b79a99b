//! Node.js from its makers where the machine has none that fits (SPEC A-41): checked, and kept in the tool cache.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use ureq::Agent;

/// Where its makers keep it.
pub const ADDRESS: &str = "https://nodejs.org/dist";

/// Where builds for musl are kept, which its makers do not test.
pub const MUSL_ADDRESS: &str = "https://unofficial-builds.nodejs.org/download/release";

const TRIES: u32 = 3;
const LIMIT: Duration = Duration::from_mins(20);
/// A list of checksums is a few KiB, one of all versions a few hundred.
const MAX_LIST: u64 = 8 * 1024 * 1024;

/// The C library that a build is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Libc {
    #[default]
    Native,
    /// Alpine's.
    Musl,
}

impl Libc {
    /// Where its builds lie in the tool cache.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Native => "node",
            Self::Musl => "node-musl",
        }
    }

    /// The address of its builds: the user's own (`LRUN_NODE_DIST_URL`, `LRUN_NODE_MUSL_DIST_URL`), or the usual one.
    pub fn address(self) -> String {
        let (variable, usual) = match self {
            Self::Native => ("LRUN_NODE_DIST_URL", ADDRESS),
            Self::Musl => ("LRUN_NODE_MUSL_DIST_URL", MUSL_ADDRESS),
        };
        let own = std::env::var(variable).ok().filter(|it| !it.is_empty());
        own.unwrap_or_else(|| usual.to_owned())
    }
}

/// Where Node.js comes from and where it is kept.
#[derive(Debug, Clone)]
pub struct NodeDownload {
    /// [`ADDRESS`], or a mirror with the same folders.
    pub address: String,
    /// `RUNNER_TOOL_CACHE`: it stands there as `node/<version>/<architecture>`, as `actions/setup-node` keeps it.
    pub tool_cache: PathBuf,
    /// Whether the network must not be used.
    pub offline: bool,
    pub libc: Libc,
}

/// Why there is no Node.js now.
#[derive(Debug, thiserror::Error)]
pub enum NodeDownloadError {
    #[error("Node.js {major} is not here, and --offline forbids to download it")]
    Offline { major: u32 },
    #[error("there is no build of Node.js {major} for {platform} at {address}")]
    NoBuild {
        major: u32,
        platform: String,
        address: String,
    },
    #[error("{address} can not be downloaded: {source}")]
    Download {
        address: String,
        source: Box<ureq::Error>,
    },
    #[error("{address} is damaged: its SHA-256 is {found}, and {expected} was announced")]
    Checksum {
        address: String,
        expected: String,
        found: String,
    },
    #[error("Node.js can not be put into {}: {source}", folder.display())]
    Store { folder: PathBuf, source: io::Error },
}

/// How to provide a node by hand.
pub fn help(tool_cache: &Path) -> String {
    format!(
        "install Node.js 24 so that `node` is in PATH, or unpack it as {}/node/VERSION/{}",
        tool_cache.display(),
        architecture()
    )
}

/// A build as the list of checksums names it.
#[derive(Debug, PartialEq, Eq)]
struct Build {
    file: String,
    version: String,
    sha256: String,
}

impl NodeDownload {
    /// The program of the newest Node.js of a major version; says what it downloads before it does.
    pub fn provide(
        &self,
        major: u32,
        announce: &dyn Fn(&str),
    ) -> Result<PathBuf, NodeDownloadError> {
        if self.offline {
            return Err(NodeDownloadError::Offline { major });
        }
        let agent = agent(&self.address);
        let platform = match self.libc {
            Libc::Native => platform(),
            Libc::Musl => format!("{}-musl", platform()),
        };
        let folder = self.folder(&agent, major, &platform)?;
        let list = fetch_list(&agent, &format!("{folder}/SHASUMS256.txt"))?;
        let build =
            find_build(&list, major, &platform).ok_or_else(|| NodeDownloadError::NoBuild {
                major,
                platform: platform.clone(),
                address: folder.clone(),
            })?;
        let address = format!("{folder}/{}", build.file);
        let place = Place::of(&self.tool_cache.join(self.libc.folder()), &build.version);
        place.fill(|archive| {
            announce(&format!(
                "downloading Node.js {} for {platform} from {address}",
                build.version
            ));
            download(&agent, &address, &build.sha256, archive)
        })
    }
}

impl NodeDownload {
    /// Where the newest build of a major version lies: under its usual name, or by the list of all versions.
    fn folder(
        &self,
        agent: &Agent,
        major: u32,
        platform: &str,
    ) -> Result<String, NodeDownloadError> {
        let address = self.address.trim_end_matches('/');
        if self.libc == Libc::Native {
            return Ok(format!("{address}/latest-v{major}.x"));
        }
        let list = fetch_list(agent, &format!("{address}/index.tab"))?;
        let version = newest(&list, major, platform);
        let version = version.ok_or_else(|| NodeDownloadError::NoBuild {
            major,
            platform: platform.to_owned(),
            address: address.to_owned(),
        })?;
        Ok(format!("{address}/v{version}"))
    }
}

/// The newest version of a list: `version`, a date and the platforms of its files, parted by tabs.
fn newest(list: &str, major: u32, platform: &str) -> Option<String> {
    let numbers = |version: &str| -> Option<Vec<u32>> {
        let parts = version.split('.').map(|part| part.parse().ok());
        parts
            .collect::<Option<Vec<u32>>>()
            .filter(|it| it.len() == 3)
    };
    list.lines()
        .filter_map(|line| {
            let mut columns = line.split('\t');
            let version = columns.next()?.strip_prefix('v')?;
            let files = columns.nth(1)?;
            let numbers = numbers(version)?;
            (numbers[0] == major && files.split(',').any(|file| file == platform))
                .then(|| (numbers, version.to_owned()))
        })
        .max()
        .map(|(_, version)| version)
}

/// Proxies are as the environment says, but not on the way to this machine.
fn agent(address: &str) -> Agent {
    let mut config = Agent::config_builder()
        .timeout_global(Some(LIMIT))
        .timeout_connect(Some(Duration::from_secs(30)));
    let host = address.split("://").nth(1).unwrap_or_default();
    if ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|own| host.starts_with(own))
    {
        config = config.proxy(None);
    }
    config.build().into()
}

/// `linux-x64`, as the builds are named.
fn platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win",
        other => other,
    };
    let architecture = match std::env::consts::ARCH {
        "arm" => "armv7l",
        "powerpc64" => "ppc64le",
        _ => architecture(),
    };
    format!("{os}-{architecture}")
}

/// As the tool cache names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn find_build(list: &str, major: u32, platform: &str) -> Option<Build> {
    list.lines().find_map(|line| {
        let (sha256, file) = line.split_once(char::is_whitespace)?;
        let file = file.trim();
        let version = file
            .strip_prefix("node-v")?
            .strip_suffix(&format!("-{platform}.tar.gz"))?;
        let fits = version.split('.').next()?.parse() == Ok(major)
            && version.split('.').count() == 3
            && version
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
            && sha256.len() == 64;
        fits.then(|| Build {
            file: file.to_owned(),
            version: version.to_owned(),
            sha256: sha256.to_ascii_lowercase(),
        })
    })
}

fn fetch_list(agent: &Agent, address: &str) -> Result<String, NodeDownloadError> {
    with_tries(address, || {
        let mut response = agent.get(address).call()?;
        let body = response.body_mut().with_config().limit(MAX_LIST);
        body.read_to_string()
    })
}

/// Downloads into a file and checks it.
fn download(
    agent: &Agent,
    address: &str,
    expected: &str,
    file: &mut File,
) -> Result<(), NodeDownloadError> {
    let found = with_tries(address, || {
        file.rewind()?;
        file.set_len(0)?;
        let mut body = agent.get(address).call()?.into_body().into_reader();
        let mut digest = Sha256::new();
        let mut part = vec![0; 64 * 1024];
        loop {
            match body.read(&mut part)? {
                0 => return Ok(hex::encode(digest.finalize())),
                length => {
                    digest.update(&part[..length]);
                    file.write_all(&part[..length])?;
                }
            }
        }
    })?;
    if found == expected {
        return Ok(());
    }
    Err(NodeDownloadError::Checksum {
        address: address.to_owned(),
        expected: expected.to_owned(),
        found,
    })
}

/// A server that answers clearly is not asked again.
fn with_tries<T>(
    address: &str,
    mut attempt: impl FnMut() -> Result<T, ureq::Error>,
) -> Result<T, NodeDownloadError> {
    let mut tries = 1;
    loop {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(error) => {
                let clear = matches!(error, ureq::Error::StatusCode(400..500));
                if clear || tries == TRIES {
                    return Err(NodeDownloadError::Download {
                        address: address.to_owned(),
                        source: Box::new(error),
                    });
                }
                tries += 1;
            }
        }
    }
}

/// Where a version stands in the tool cache.
struct Place {
    folder: PathBuf,
    architecture: PathBuf,
    /// Says to `actions/tool-cache` that the folder beside it is whole.
    marker: PathBuf,
    /// What is on its way.
    part: PathBuf,
    lock: PathBuf,
}

impl Place {
    fn of(node: &Path, version: &str) -> Self {
        let own = node.join(".lrun");
        let folder = node.join(version);
        Self {
            architecture: folder.join(architecture()),
            marker: folder.join(format!("{}.complete", architecture())),
            part: own.join(format!("{version}-{}.part", architecture())),
            lock: own.join(format!("{version}-{}.lock", architecture())),
            folder,
        }
    }

    /// The program; `bring` writes its archive where it is not here yet. Only one process at a time does.
    fn fill(
        &self,
        bring: impl FnOnce(&mut File) -> Result<(), NodeDownloadError>,
    ) -> Result<PathBuf, NodeDownloadError> {
        let store = |source| NodeDownloadError::Store {
            folder: self.folder.clone(),
            source,
        };
        let program = self.architecture.join("bin/node");
        let _lock = self.lock().map_err(store)?;
        if self.marker.is_file() && program.is_file() {
            return Ok(program);
        }
        let brought = self.prepare().map_err(store).and_then(|mut archive| {
            bring(&mut archive)?;
            self.unpack(archive).map_err(store)
        });
        let removed = remove(&self.part);
        brought?;
        removed.map_err(store)?;
        Ok(program)
    }

    fn lock(&self) -> io::Result<File> {
        if let Some(folder) = self.lock.parent() {
            fs::create_dir_all(folder)?;
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.lock)?;
        lock.lock()?;
        Ok(lock)
    }

    /// An empty file for the archive; a killed process may have left another.
    fn prepare(&self) -> io::Result<File> {
        remove(&self.part)?;
        fs::create_dir_all(self.part.join("tree"))?;
        File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(self.part.join("archive"))
    }

    fn unpack(&self, mut archive: File) -> io::Result<()> {
        archive.rewind()?;
        let tree = self.part.join("tree");
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(io::BufReader::new(archive)));
        tar.set_preserve_mtime(false);
        tar.unpack(&tree)?;
        let mut entries = fs::read_dir(&tree)?;
        let top = match (entries.next().transpose()?, entries.next()) {
            (Some(top), None) if top.path().join("bin/node").is_file() => top.path(),
            _ => return Err(io::Error::other("the archive holds no bin/node")),
        };
        fs::create_dir_all(&self.folder)?;
        remove(&self.architecture)?;
        fs::rename(top, &self.architecture)?;
        File::create(&self.marker)?.sync_all()
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "node_download_tests.rs"]
mod tests;
