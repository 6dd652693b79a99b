//! One file of a workspace: what it is, how its source stood, and which git blob it equals.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use git2::Oid;

/// What git knows about a file besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Executable,
    Symlink,
    Submodule,
}

impl Kind {
    pub(super) fn of_mode(mode: u32) -> Self {
        match mode & 0o170_000 {
            0o160_000 => Self::Submodule,
            0o120_000 => Self::Symlink,
            _ if mode & 0o100 != 0 => Self::Executable,
            _ => Self::File,
        }
    }

    pub(super) fn git_mode(self) -> u32 {
        match self {
            Self::File => 0o100_644,
            Self::Executable => 0o100_755,
            Self::Symlink => 0o120_000,
            Self::Submodule => 0o160_000,
        }
    }
}

/// How a file stood when it was read, as precise as git's index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stat {
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime: i64,
    pub ctime: i64,
    pub ino: u64,
    pub mode: u32,
}

impl Stat {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let nanos =
            |secs: i64, nanos: i64| secs.saturating_mul(1_000_000_000).saturating_add(nanos);
        Self {
            size: metadata.size(),
            mtime: nanos(metadata.mtime(), metadata.mtime_nsec()),
            ctime: nanos(metadata.ctime(), metadata.ctime_nsec()),
            ino: metadata.ino(),
            mode: metadata.mode(),
        }
    }

    #[cfg(not(unix))]
    pub(super) fn of(metadata: &Metadata) -> Self {
        let mtime = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .and_then(|age| i64::try_from(age.as_nanos()).ok())
            .unwrap_or_default();
        let mode = if metadata.is_symlink() {
            0o120_000
        } else {
            0o100_644
        };
        Self {
            size: metadata.len(),
            mtime,
            ctime: mtime,
            ino: 0,
            mode,
        }
    }

    /// When it last changed in any way; unlike the mtime nobody can set it.
    pub(super) fn touched(&self) -> i64 {
        self.ctime
    }
}

/// A file of the workspace. Its path is relative, with `/`, as git spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub path: Vec<u8>,
    pub kind: Kind,
    /// Of the file in the user's tree; zero where the content comes from git.
    pub stat: Stat,
    /// The blob that this content equals as git would store it; zero if unknown.
    pub blob: Oid,
    /// An LFS file: the workspace gets its pointer.
    pub lfs: bool,
    /// The content is `blob` out of the object database, not a file of the user's tree.
    pub from_git: bool,
}

impl Entry {
    pub(super) fn file_path(&self, root: &Path) -> PathBuf {
        root.join(path_of(&self.path))
    }

    /// The same content in the same form.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.lfs == other.lfs
            && self.from_git == other.from_git
            && if self.from_git {
                self.blob == other.blob
            } else {
                self.stat == other.stat
            }
    }
}

/// A path as git spells it, as this system's.
#[cfg(unix)]
pub(super) fn path_of(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
pub(super) fn path_of(bytes: &[u8]) -> &Path {
    Path::new(std::str::from_utf8(bytes).unwrap_or("\u{fffd}"))
}

/// A file name as git spells it.
pub(super) fn bytes_of(name: &OsStr) -> &[u8] {
    name.as_encoded_bytes()
}

/// `parent/name`, or `name` at the top.
pub(super) fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(parent.len() + name.len() + 1);
    if !parent.is_empty() {
        path.extend_from_slice(parent);
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}
