//! Bringing files to a place: copy or reflink, symlinks as links, modes as git keeps them; and removing trees.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::entry::{Entry, Kind};
use super::{Result, WorkspaceError, lfs};

/// How regular files get to the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// An own copy, sharing blocks where the file system can.
    Copy,
    /// The same file: only within the cache, where nobody writes into files.
    HardLink,
}

/// Places the entries, which lie in `from` under the same paths, into `to`.
///
/// With `pointers`, LFS entries become their pointer (the source is the user's tree).
/// Gives the paths that vanished from `from` meanwhile: files of a tree that somebody is working in.
pub(super) fn place(
    entries: &[&Entry],
    from: &Path,
    to: &Path,
    how: How,
    pointers: bool,
) -> Result<Vec<Vec<u8>>> {
    make_folders(entries, to)?;
    let placer = Placer {
        from,
        to,
        how,
        pointers,
        reflink: AtomicBool::new(true),
    };
    let next = AtomicUsize::new(0);
    let work = || {
        let mut gone = Vec::new();
        while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
            match placer.place(entry) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    gone.push(entry.path.clone());
                }
                Err(source) => {
                    return Err(WorkspaceError::Io {
                        action: "copy",
                        path: entry.file_path(from),
                        source,
                    });
                }
            }
        }
        Ok(gone)
    };
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8)
        .min(entries.len() / 64 + 1);
    if threads < 2 {
        return work();
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut gone = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(result) => gone.extend(result?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(gone)
    })
}

/// Makes the folder of every entry; entries of one folder mostly follow each other.
fn make_folders(entries: &[&Entry], to: &Path) -> Result<()> {
    let make = |folder: &Path| fs::create_dir_all(folder).map_err(super::io("make", folder));
    make(to)?;
    let mut done: HashSet<PathBuf> = HashSet::new();
    for entry in entries {
        let path = entry.file_path(to);
        let folder = if entry.kind == Kind::Submodule {
            Some(path.as_path())
        } else {
            path.parent()
        };
        if let Some(folder) = folder
            && !done.contains(folder)
        {
            make(folder)?;
            done.insert(folder.to_owned());
        }
    }
    Ok(())
}

struct Placer<'a> {
    from: &'a Path,
    to: &'a Path,
    how: How,
    pointers: bool,
    /// The file systems may share blocks; the first refusal settles it.
    reflink: AtomicBool,
}

impl Placer<'_> {
    fn place(&self, entry: &Entry) -> io::Result<()> {
        let from = entry.file_path(self.from);
        let to = entry.file_path(self.to);
        match entry.kind {
            Kind::Submodule => Ok(()),
            Kind::Symlink => symlink(&fs::read_link(&from)?, &to),
            Kind::File | Kind::Executable => match self.how {
                How::HardLink => {
                    fs::hard_link(&from, &to).or_else(|_| self.copy(entry, &from, &to))
                }
                How::Copy if self.pointers && entry.lfs => {
                    let pointer = lfs::pointer_of(&from)?;
                    fs::write(&to, pointer)?;
                    set_mode(&to, entry.kind)
                }
                How::Copy => self.copy(entry, &from, &to),
            },
        }
    }

    fn copy(&self, entry: &Entry, from: &Path, to: &Path) -> io::Result<()> {
        if self.reflink.load(Ordering::Relaxed) {
            match reflink_copy::reflink(from, to) {
                Ok(()) => return set_mode(to, entry.kind),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                Err(_) => self.reflink.store(false, Ordering::Relaxed),
            }
        }
        copy_file(from, to, entry.kind)
    }
}

/// Copies content; the mode is git's (644 or 755), whatever the source has.
pub(super) fn copy_file(from: &Path, to: &Path, kind: Kind) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(to)?;
    io::copy(&mut source, &mut target)?;
    set_file_mode(&target, kind)
}

#[cfg(unix)]
fn mode_bits(kind: Kind) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    fs::Permissions::from_mode(if kind == Kind::Executable {
        0o755
    } else {
        0o644
    })
}

#[cfg(unix)]
pub(super) fn set_mode(path: &Path, kind: Kind) -> io::Result<()> {
    fs::set_permissions(path, mode_bits(kind))
}

#[cfg(unix)]
fn set_file_mode(file: &File, kind: Kind) -> io::Result<()> {
    file.set_permissions(mode_bits(kind))
}

/// Shuts others out of a folder: the copy of a private tree is private.
#[cfg(unix)]
pub(super) fn keep_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
pub(super) fn keep_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn set_mode(_: &Path, _: Kind) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn set_file_mode(_: &File, _: Kind) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
pub(super) fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
pub(super) fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

/// Removes a file, link or whole tree, also one with folders that are write-protected; gone is fine.
pub(super) fn remove(path: &Path) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let removed = if metadata.is_dir() {
        fs::remove_dir_all(path).or_else(|error| {
            if error.kind() != io::ErrorKind::PermissionDenied {
                return Err(error);
            }
            unlock(path)?;
            fs::remove_dir_all(path)
        })
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(super::io("remove", path)),
    }
}

/// Lets the owner write into every folder of a tree (Go's module cache takes that away).
fn unlock(folder: &Path) -> io::Result<()> {
    keep_private(folder)?;
    for child in fs::read_dir(folder)? {
        let child = child?;
        if child.file_type()?.is_dir() {
            unlock(&child.path())?;
        }
    }
    Ok(())
}

/// Empties a folder, which stays.
pub(super) fn empty(folder: &Path) -> Result<()> {
    empty_around(folder, &[])
}

/// The same, but for some places and all above them.
pub(super) fn empty_around(folder: &Path, spare: &[PathBuf]) -> Result<()> {
    let children = match fs::read_dir(folder) {
        Ok(children) => children,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(super::io("read", folder)(error)),
    };
    for child in children {
        let path = child.map_err(super::io("read", folder))?.path();
        if spare.contains(&path) {
            continue;
        }
        if spare.iter().any(|place| place.starts_with(&path)) {
            empty_around(&path, spare)?;
        } else {
            remove(&path)?;
        }
    }
    Ok(())
}
