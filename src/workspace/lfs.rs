//! Git LFS: the pointer that stands for a file, and the content that a pointer stands for.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use git2::{AttrCheckFlags, Repository};
use sha2::{Digest as _, Sha256};

use super::entry::{Entry, Kind, path_of};
use super::{Result, WorkspaceError, place};

const VERSION: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// The specification's upper bound of a pointer.
const POINTER_MAX: u64 = 1024;

/// What the pointer of a file says; a file that is a pointer already is its own.
pub(super) fn pointer_of(file: &Path) -> io::Result<Vec<u8>> {
    if let Some(pointer) = read_pointer(file)? {
        return Ok(pointer);
    }
    let size = fs::metadata(file)?.len();
    if size == 0 {
        // LFS keeps empty files as they are.
        return Ok(Vec::new());
    }
    let mut pointer = VERSION.to_vec();
    let rest = format!("oid sha256:{}\nsize {size}\n", digest_of(file)?);
    pointer.extend_from_slice(rest.as_bytes());
    Ok(pointer)
}

fn read_pointer(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut source = File::open(file)?;
    if source.metadata()?.len() > POINTER_MAX {
        return Ok(None);
    }
    let mut text = Vec::new();
    source.read_to_end(&mut text)?;
    Ok(text.starts_with(VERSION).then_some(text))
}

fn digest_of(file: &Path) -> io::Result<String> {
    let mut source = File::open(file)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = source.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    Ok(hex::encode(hasher.finalize()))
}

/// Which files git attributes give to LFS.
pub(super) struct Attributes<'r> {
    repo: &'r Repository,
    used: bool,
}

impl<'r> Attributes<'r> {
    /// Looks whether any attributes file of the tree speaks of LFS: asking per file is slow.
    pub(super) fn new<'p>(
        repo: &'r Repository,
        top: &Path,
        tracked: impl Iterator<Item = &'p [u8]>,
    ) -> Self {
        let speaks = |file: &Path| {
            fs::read(file).is_ok_and(|text| memchr::memmem::find(&text, b"filter=lfs").is_some())
        };
        let used = speaks(&repo.commondir().join("info/attributes"))
            || tracked
                .filter(|path| path.ends_with(b".gitattributes"))
                .any(|path| speaks(&top.join(path_of(path))));
        Self { repo, used }
    }

    /// `path` counts from the top of the working tree.
    pub(super) fn is_lfs(&self, path: &[u8]) -> bool {
        self.used
            && self
                .repo
                .get_attr_bytes(path_of(path), "filter", AttrCheckFlags::FILE_THEN_INDEX)
                .is_ok_and(|value| value == Some(b"lfs"))
    }
}

/// Replaces the pointers among the entries in `dest` by their content.
///
/// It comes from the repository's LFS store, else from the same file of the user's tree.
pub(super) fn fill<'e>(
    entries: impl Iterator<Item = &'e Entry>,
    dest: &Path,
    git_dir: &Path,
    root: &Path,
) -> Result<usize> {
    let mut filled = 0;
    for entry in entries {
        if !matches!(entry.kind, Kind::File | Kind::Executable) {
            continue;
        }
        let file = entry.file_path(dest);
        let Some(oid) = read_pointer(&file)
            .ok()
            .flatten()
            .and_then(|text| oid_of(&text))
        else {
            continue;
        };
        let stored = store_path(git_dir, &oid);
        let worked = entry.file_path(root);
        let source = if stored.is_file() {
            stored
        } else if digest_of(&worked).is_ok_and(|digest| digest == oid) {
            worked
        } else {
            return Err(WorkspaceError::LfsMissing {
                path: String::from_utf8_lossy(&entry.path).into_owned(),
            });
        };
        place::copy_file(&source, &file, entry.kind).map_err(super::io("copy", &source))?;
        filled += 1;
    }
    Ok(filled)
}

fn oid_of(pointer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(pointer).ok()?;
    let oid = text
        .lines()
        .find_map(|line| line.strip_prefix("oid sha256:"))?;
    (oid.len() == 64 && oid.bytes().all(|b| b.is_ascii_hexdigit())).then(|| oid.to_owned())
}

fn store_path(git_dir: &Path, oid: &str) -> PathBuf {
    let mut name = String::from("lfs/objects/");
    let _infallible = write!(name, "{}/{}/{oid}", &oid[..2], &oid[2..4]);
    git_dir.join(name)
}
