//! A workspace in layers: the snapshot below, and above it what the job's container writes (DESIGN 4).
//!
//! The kernel's overlayfs shows both as one tree to the container. Here that tree is read without a mount, by the
//! marks that overlayfs leaves in the upper layer: a character device 0/0 stands for a name that is gone, and the
//! attribute `user.overlay.opaque` for a folder that hides the one below it (kernel: Documentation/filesystems/
//! overlayfs.rst, mounted with `userxattr`).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Component, Path, PathBuf};

use super::Snapshot;
use crate::files::{Disk, Files};

/// Links that may lead to one another, as in the kernel.
const LINKS: usize = 40;

/// The two layers, and where they stand together.
#[derive(Debug, Clone)]
pub struct Layered {
    /// Held: the lower layer is in use.
    snapshot: Snapshot,
    upper: PathBuf,
    at: PathBuf,
}

/// What a layer has under a name.
enum Mark {
    Nothing,
    /// The name is gone, whatever is below.
    Gone,
    There(Metadata),
}

impl Layered {
    pub(super) fn new(snapshot: Snapshot, upper: PathBuf, at: PathBuf) -> Self {
        Self {
            snapshot,
            upper,
            at,
        }
    }

    /// The lower layer.
    pub fn lower(&self) -> &Path {
        self.snapshot.path()
    }

    /// The upper layer.
    pub fn upper(&self) -> &Path {
        &self.upper
    }

    /// The path below the workspace, if it is one.
    fn below<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.strip_prefix(&self.at).ok()
    }

    /// Where an entry of the merged tree lies; the folders above it are no links.
    fn lies(&self, relative: &Path) -> io::Result<PathBuf> {
        let (upper, lower) = self.layers(relative)?;
        upper
            .into_iter()
            .chain(lower)
            .next()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What the upper layer has at a path, and what shows of the lower one.
    fn layers(&self, relative: &Path) -> io::Result<(Option<PathBuf>, Option<PathBuf>)> {
        let mut upper = Some(self.upper.clone());
        let mut lower = Some(self.lower().to_owned());
        for name in relative.components() {
            let Component::Normal(name) = name else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            let below = lower.as_ref().map(|lower| lower.join(name));
            let Some(here) = upper.as_ref().map(|upper| upper.join(name)) else {
                lower = below.filter(|path| path.symlink_metadata().is_ok());
                continue;
            };
            match mark(&here)? {
                Mark::Nothing => {
                    upper = None;
                    lower = below.filter(|path| path.symlink_metadata().is_ok());
                }
                Mark::Gone => return Ok((None, None)),
                Mark::There(about) => {
                    let shows = about.is_dir() && !is_opaque(&here);
                    lower = below.filter(|path| {
                        shows && path.symlink_metadata().is_ok_and(|below| below.is_dir())
                    });
                    upper = Some(here);
                }
            }
        }
        Ok((upper, lower))
    }
}

impl Files for Layered {
    fn entry(&self, path: &Path) -> io::Result<PathBuf> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return self.real(path);
        };
        if path == self.at {
            return self.lies(Path::new(""));
        }
        if self.below(path).is_none() {
            return Disk.entry(path);
        }
        let whole = self.canonicalize(parent)?.join(name);
        match self.below(&whole) {
            Some(relative) => self.lies(relative),
            None => Ok(whole),
        }
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        let Some(relative) = self.below(path) else {
            return Disk.canonicalize(path);
        };
        let mut at = self.at.clone();
        let mut links = 0;
        let mut rest: Vec<OsString> = names(relative).into_iter().rev().collect();
        while let Some(name) = rest.pop() {
            if name == OsStr::new("..") {
                at.pop();
                continue;
            }
            at.push(&name);
            let lies = match self.below(&at) {
                Some(relative) => self.lies(relative)?,
                None => at.clone(),
            };
            if !fs::symlink_metadata(&lies)?.is_symlink() {
                continue;
            }
            links += 1;
            if links > LINKS {
                return Err(io::Error::other("too many links lead to one another"));
            }
            let target = fs::read_link(&lies)?;
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            rest.extend(names(&target).into_iter().rev());
        }
        Ok(at)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let whole = self.canonicalize(folder)?;
        let Some(relative) = self.below(&whole) else {
            return Disk.names(&whole);
        };
        let (upper, lower) = self.layers(relative)?;
        if upper.is_none() && lower.is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut found = BTreeSet::new();
        if let Some(lower) = lower {
            found.extend(Disk.names(&lower)?);
        }
        if let Some(upper) = upper {
            for entry in fs::read_dir(upper)? {
                let entry = entry?;
                match mark(&entry.path())? {
                    Mark::There(_) => found.insert(entry.file_name()),
                    Mark::Gone | Mark::Nothing => found.remove(&entry.file_name()),
                };
            }
        }
        Ok(found.into_iter().collect())
    }
}

/// The parts of a path that lead somewhere.
fn names(path: &Path) -> Vec<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

fn mark(path: &Path) -> io::Result<Mark> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.file_type().is_char_device() && about.rdev() == 0 => Ok(Mark::Gone),
        Ok(about) => Ok(Mark::There(about)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Mark::Nothing),
        Err(error) => Err(error),
    }
}

/// It hides the folder below it. `x` only says that names that are gone may be in it.
fn is_opaque(folder: &Path) -> bool {
    let mut value = [0; 8];
    rustix::fs::getxattr(folder, "user.overlay.opaque", &mut value[..])
        .is_ok_and(|length| value[..length] == *b"y")
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::{Mode, SFlag, mknod};

    use super::super::Options;
    use super::*;

    /// Below: `keep`, `gone`, `d/old`, `hidden/old`, `link -> d`. Above: `new`, `d/new`, a new `hidden`.
    fn layers() -> (tempfile::TempDir, Layered) {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("tree");
        for folder in ["d", "hidden"] {
            fs::create_dir_all(root.join(folder)).unwrap();
            fs::write(root.join(folder).join("old"), "old").unwrap();
        }
        for file in ["keep", "gone"] {
            fs::write(root.join(file), file).unwrap();
        }
        std::os::unix::fs::symlink("d", root.join("link")).unwrap();
        let options = Options {
            root,
            cache: place.path().join("cache"),
            ..Options::default()
        };
        let snapshot = Snapshot::prepare(&options).unwrap();
        let upper = place.path().join("upper");
        fs::create_dir_all(upper.join("d")).unwrap();
        fs::create_dir_all(upper.join("hidden")).unwrap();
        fs::write(upper.join("d/new"), "new").unwrap();
        fs::write(upper.join("hidden/new"), "new").unwrap();
        fs::write(upper.join("new"), "new").unwrap();
        let mode = Mode::from_bits_truncate(0o600);
        mknod(&upper.join("gone"), SFlag::S_IFCHR, mode, 0).unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(
            upper.join("hidden"),
            "user.overlay.opaque",
            &b"y"[..],
            flags,
        )
        .unwrap();
        let at = place.path().join("at");
        (place, Layered::new(snapshot, upper, at))
    }

    #[test]
    fn both_layers_show_as_one_tree() {
        let (place, files) = layers();
        let at = place.path().join("at");
        let names = |path: &str| -> Vec<String> {
            let names = files.names(&at.join(path)).unwrap();
            names.iter().map(|it| it.display().to_string()).collect()
        };
        assert_eq!(names("."), ["d", "hidden", "keep", "link", "new"]);
        assert_eq!(names("d"), ["new", "old"]);
        assert_eq!(names("link"), ["new", "old"]);
        assert_eq!(names("hidden"), ["new"]);
        for (path, is_there) in [
            ("keep", true),
            ("new", true),
            ("gone", false),
            ("d/old", true),
            ("link/new", true),
            ("link/../d/new", true),
            ("hidden/old", false),
            ("hidden/new", true),
            ("keep/below", false),
        ] {
            assert_eq!(files.is_file(&at.join(path)), is_there, "{path}");
        }
        assert!(
            files
                .symlink_metadata(&at.join("link"))
                .unwrap()
                .is_symlink()
        );
        assert!(files.is_dir(&at.join("link")));
        assert_eq!(
            files.canonicalize(&at.join("link/new")).unwrap(),
            at.join("d/new")
        );
    }

    #[test]
    fn paths_elsewhere_are_those_of_the_machine() {
        let (place, files) = layers();
        let elsewhere = place.path().join("tree/gone");
        assert!(files.is_file(&elsewhere));
        assert_eq!(files.entry(&elsewhere).unwrap(), elsewhere);
    }

    #[test]
    fn a_tree_is_copied_as_it_shows() {
        let (place, files) = layers();
        let to = place.path().join("copy");
        crate::files::copy(&files, &place.path().join("at"), &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("link/old")).unwrap(), "old");
        assert!(!to.join("gone").exists() && !to.join("hidden/old").exists());
        assert!(fs::symlink_metadata(to.join("link")).unwrap().is_symlink());
    }

    #[test]
    fn links_in_a_circle_are_an_error() {
        let (place, files) = layers();
        std::os::unix::fs::symlink("b", files.upper().join("a")).unwrap();
        std::os::unix::fs::symlink("a", files.upper().join("b")).unwrap();
        assert!(files.canonicalize(&place.path().join("at/a")).is_err());
    }
}
