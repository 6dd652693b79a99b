//! Reading files that may lie elsewhere than their paths say: a job's workspace in layers (DESIGN 4).

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A tree of files under absolute paths.
pub trait Files: fmt::Debug + Send + Sync {
    /// Where what stands at the path lies on this machine. A link itself, not what it leads to; the folders above are
    /// resolved.
    fn entry(&self, path: &Path) -> io::Result<PathBuf>;

    /// The path free of links; an error where nothing stands there.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;

    /// The names in a folder, in no order.
    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>>;

    /// Where the file or folder lies on this machine, links followed.
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        self.entry(&self.canonicalize(path)?)
    }

    fn symlink_metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::symlink_metadata(self.entry(path)?)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::metadata(self.real(path)?)
    }

    fn is_file(&self, path: &Path) -> bool {
        self.metadata(path).is_ok_and(|about| about.is_file())
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.metadata(path).is_ok_and(|about| about.is_dir())
    }
}

/// The files of this machine as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn entry(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }
}

/// The files of a job, shared by all that read them: those on disk until its workspace is laid out another way.
#[derive(Debug, Clone, Default)]
pub struct View(Arc<OnceLock<Box<dyn Files>>>);

impl View {
    /// Shows other files from now on; only the first call counts.
    pub fn show(&self, files: impl Files + 'static) {
        // A job's workspace is laid out once.
        drop(self.0.set(Box::new(files)));
    }

    /// The paths are those of this machine.
    pub fn is_plain(&self) -> bool {
        self.0.get().is_none()
    }

    fn files(&self) -> &dyn Files {
        self.0.get().map_or(&Disk, |files| &**files)
    }
}

impl Files for View {
    fn entry(&self, path: &Path) -> io::Result<PathBuf> {
        self.files().entry(path)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.files().canonicalize(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        self.files().names(folder)
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        self.files().real(path)
    }
}

/// Copies what a path leads to, with links as links; what is there is replaced.
pub fn copy(files: &dyn Files, from: &Path, to: &Path) -> io::Result<()> {
    let source = files.entry(from)?;
    let about = fs::symlink_metadata(&source)?;
    if about.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(&source)?, to);
    }
    if !about.is_dir() {
        return if about.is_file() {
            fs::copy(&source, to).map(drop)
        } else {
            // A socket or a pipe is nothing to copy.
            Ok(())
        };
    }
    fs::create_dir_all(to)?;
    for name in files.names(from)? {
        copy(files, &from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
