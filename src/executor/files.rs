//! Files where commands run: those of this machine, or those of a container, as only somebody inside sees them.
//!
//! What a job made may be another user's, may be unreadable to lrun, and may be a link that means one thing inside
//! and another outside. So lrun asks the machine instead of looking itself.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, lchown};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::expr::hash_files;

/// Something to do with files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Gives the content of a regular file.
    Read(PathBuf),
    /// The same; the file is gone afterwards.
    Take(PathBuf),
    /// Writes a whole file; the folders above it are made.
    Write {
        path: PathBuf,
        mode: u32,
        bytes: Vec<u8>,
    },
    /// Gives `f` for a regular file, `d` for a folder, `o` for anything else; links are followed.
    Look(PathBuf),
    /// `hashFiles`: gives the digest (SPEC 2.6).
    Hash {
        workspace: PathBuf,
        args: Vec<String>,
    },
    /// Copies a folder to another, which belongs to this user then.
    Copy {
        from: PathBuf,
        to: PathBuf,
        user: u32,
        group: u32,
    },
    /// Moves or copies what is in a folder to another, which must lie within a third, after it was emptied: of
    /// everything, or of these names.
    Bring {
        from: PathBuf,
        within: PathBuf,
        to: PathBuf,
        replaced: Option<Vec<PathBuf>>,
        /// The files become those of whoever does it.
        anew: bool,
    },
}

/// What came of it.
pub type Outcome = io::Result<Vec<u8>>;

/// Somebody who does things with files.
pub trait Files: Debug + Send + Sync {
    /// One outcome for each operation.
    fn perform(&self, ops: Vec<Op>) -> Vec<Outcome>;

    /// The outcome of one.
    fn one(&self, op: Op) -> Outcome {
        let outcome = self.perform(vec![op]).pop();
        outcome.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    }

    fn read(&self, path: &Path) -> Outcome {
        self.one(Op::Read(path.to_owned()))
    }

    /// The error is the message of the function.
    fn hash_files(&self, workspace: &Path, args: Vec<String>) -> Result<String, String> {
        let workspace = workspace.to_owned();
        let digest = self.one(Op::Hash { workspace, args });
        let digest = digest.map_err(|error| error.to_string())?;
        String::from_utf8(digest).map_err(|error| error.to_string())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.one(Op::Look(path.to_owned()))
            .is_ok_and(|kind| kind == b"f")
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.one(Op::Look(path.to_owned()))
            .is_ok_and(|kind| kind == b"d")
    }
}

/// The files of this machine, or, in an agent, of its container.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn perform(&self, ops: Vec<Op>) -> Vec<Outcome> {
        ops.into_iter().map(perform).collect()
    }
}

/// The files of a job, shared by all that read them: those of this machine until it has another.
#[derive(Debug, Clone, Default)]
pub struct View(Arc<OnceLock<Arc<dyn Files>>>);

impl View {
    /// Shows the files of the job's own machine from now on.
    pub fn show(&self, files: Arc<dyn Files>) {
        // A job has one machine.
        drop(self.0.set(files));
    }
}

impl Files for View {
    fn perform(&self, ops: Vec<Op>) -> Vec<Outcome> {
        match self.0.get() {
            Some(files) => files.perform(ops),
            None => Disk.perform(ops),
        }
    }
}

fn perform(op: Op) -> Outcome {
    let nothing = |()| Vec::new();
    match op {
        Op::Read(path) => read(&path),
        Op::Take(path) => {
            let bytes = read(&path)?;
            // One that stays is in nobody's way.
            drop(fs::remove_file(&path));
            Ok(bytes)
        }
        Op::Write { path, mode, bytes } => write(&path, mode, &bytes).map(nothing),
        Op::Look(path) => {
            let about = fs::metadata(path)?;
            let kind = if about.is_file() {
                b"f"
            } else if about.is_dir() {
                b"d"
            } else {
                b"o"
            };
            Ok(kind.to_vec())
        }
        Op::Hash { workspace, args } => hash_files(&workspace, &args)
            .map(String::into_bytes)
            .map_err(io::Error::other),
        Op::Copy {
            from,
            to,
            user,
            group,
        } => {
            copy_tree(&from, &to)?;
            // A user who is not root keeps them; what all may read, lrun may.
            drop(own(&to, user, group));
            Ok(Vec::new())
        }
        Op::Bring {
            from,
            within,
            to,
            replaced,
            anew,
        } => bring(&from, (&within, &to), replaced.as_deref(), anew).map(nothing),
    }
}

/// A file that is read as a whole; GitHub's own limits are far below.
const LARGEST: u64 = 48 << 20;

fn read(path: &Path) -> Outcome {
    match fs::metadata(path)? {
        about if about.is_file() && about.len() == 0 => Ok(Vec::new()),
        about if about.len() > LARGEST => Err(io::Error::other(format!(
            "it has {} bytes, more than the {LARGEST} that are read",
            about.len()
        ))),
        about if about.is_file() => fs::read(path),
        about if about.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // A pipe or a device that a step put there would be read for ever.
        _ => Err(io::Error::other("not a regular file")),
    }
}

/// As a whole: a step that runs in the background may be reading it.
fn write(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let open = || {
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&new)
    };
    let mut file = match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            open()?
        }
        other => other?,
    };
    file.write_all(bytes)?;
    // What is for all is so whatever the umask is.
    if mode & 0o002 != 0 {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    fs::rename(&new, path)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    let about = fs::symlink_metadata(from)?;
    if about.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)
    } else if about.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy_tree(&entry.path(), &to.join(entry.file_name()))?;
        }
        Ok(())
    } else if about.is_file() {
        fs::copy(from, to).map(drop)
    } else {
        // A socket or a pipe is nothing to copy.
        Ok(())
    }
}

/// Gives a path with all below it to a user; links are not followed.
pub fn own(path: &Path, user: u32, group: u32) -> io::Result<()> {
    let about = fs::symlink_metadata(path)?;
    if about.is_dir() {
        for entry in fs::read_dir(path)? {
            own(&entry?.path(), user, group)?;
        }
    }
    if about.uid() == user {
        return Ok(());
    }
    lchown(path, Some(user), Some(group))
}

/// The error names the path: it is told to people.
fn at(path: &Path) -> impl Fn(io::Error) -> io::Error + '_ {
    |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn bring(
    from: &Path,
    (within, to): (&Path, &Path),
    replaced: Option<&[PathBuf]>,
    anew: bool,
) -> io::Result<()> {
    let real = to.ancestors().find_map(|path| path.canonicalize().ok());
    let home = within.canonicalize().map_err(at(within))?;
    let is_plain = !to.components().any(|part| part == Component::ParentDir);
    if !is_plain || !real.is_some_and(|real| real.starts_with(home)) {
        let text = format!(
            "Repository path '{}' is not under '{}'",
            to.display(),
            within.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    fs::create_dir_all(to).map_err(at(to))?;
    match replaced {
        None => empty(to, Vec::new())?,
        Some(names) => {
            for name in names {
                let path = to.join(name);
                remove(&path).map_err(at(&path))?;
            }
        }
    }
    move_into(from, to, anew)
}

/// What stands in the way of a file gives way, as in a checkout.
fn move_into(from: &Path, to: &Path, anew: bool) -> io::Result<()> {
    for entry in fs::read_dir(from).map_err(at(from))? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let there = fs::symlink_metadata(&target).ok();
        let both = entry.file_type()?.is_dir() && there.is_some_and(|there| there.is_dir());
        if both {
            move_into(&source, &target, anew)?;
            continue;
        }
        remove(&target).map_err(at(&target))?;
        // Other file systems, and layers, take copies only.
        if anew || fs::rename(&source, &target).is_err() {
            copy_tree(&source, &target).map_err(at(&target))?;
        }
    }
    Ok(())
}

/// Gone is fine.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A file above it: then it is not there either.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(()),
        other => other,
    }
}

/// Removes everything in a folder, but for some places. Whatever is mounted there is somebody's own and stays, with all above it.
pub(super) fn empty(folder: &Path, mut spared: Vec<PathBuf>) -> io::Result<()> {
    let mounted = fs::read("/proc/self/mountinfo").unwrap_or_default();
    spared.extend(mount_points(&mounted));
    empty_around(folder, &spared)
}

fn empty_around(folder: &Path, mounted: &[PathBuf]) -> io::Result<()> {
    let mut failed = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if mounted.contains(&path) {
            continue;
        }
        let removed = if !fs::symlink_metadata(&path)?.is_dir() {
            fs::remove_file(&path)
        } else if mounted.iter().any(|point| point.starts_with(&path)) {
            empty_around(&path, mounted)
        } else {
            fs::remove_dir_all(&path)
        };
        // The rest may go all the same.
        if let Err(error) = removed {
            failed = Some(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

/// The fifth field of each line, in which blanks and such are octal.
fn mount_points(text: &[u8]) -> Vec<PathBuf> {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(|point| PathBuf::from(OsString::from_vec(unescaped(point))))
        .collect()
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let octal = tail
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(byte) = octal {
            plain.push(byte);
            rest = &tail[3..];
        } else {
            plain.push(*first);
            rest = tail;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_is_spared() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/precious")).unwrap();
        fs::write(place.path().join("a/precious/file"), "").unwrap();
        fs::write(place.path().join("a/other"), "").unwrap();
        let line = format!(
            "36 35 98:0 /x {}/a/precious rw - ext4 /dev/x rw",
            place.path().display()
        );
        let mounted = mount_points(line.as_bytes());
        empty_around(place.path(), &mounted).unwrap();
        assert!(place.path().join("a/precious/file").is_file());
        assert!(!place.path().join("a/other").exists());
        let blank = mount_points(b"1 2 3 / /a\\040b rw");
        assert_eq!(blank, [PathBuf::from("/a b")]);
    }

    #[test]
    fn a_folder_is_emptied_and_stays() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        fs::write(place.path().join("a/b/c"), "").unwrap();
        fs::write(place.path().join("d"), "").unwrap();
        std::os::unix::fs::symlink("/etc", place.path().join("link")).unwrap();
        let about = fs::metadata(place.path()).unwrap();
        own(place.path(), about.uid(), about.gid()).unwrap();
        empty(place.path(), vec![]).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        assert!(Path::new("/etc").is_dir());
        assert!(empty(&place.path().join("gone"), vec![]).is_err());
    }

    #[test]
    fn what_is_brought_replaces_what_was_there() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        for (path, text) in [
            ("from/a/b", "new"),
            ("from/c", "new"),
            ("to/a", "a file in the way"),
            ("to/c/d", "a folder in the way"),
            ("to/tracked", "of the last one"),
            ("to/kept", "of a step"),
        ] {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("c", from.join("link")).unwrap();
        let again = place.path().join("again");
        copy_tree(&from, &again).unwrap();
        bring(
            &from,
            (place.path(), &to),
            Some(&["tracked".into(), "tracked/below".into()]),
            false,
        )
        .unwrap();
        assert_eq!(fs::read_to_string(to.join("a/b")).unwrap(), "new");
        assert_eq!(fs::read_to_string(to.join("link")).unwrap(), "new");
        assert!(to.join("kept").exists() && !to.join("tracked").exists());
        bring(&again, (place.path(), &to), None, true).unwrap();
        assert!(to.join("c").is_file() && !to.join("kept").exists());
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        // /dev/zero and a pipe without a writer never end.
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [link, place.path().to_owned()] {
            assert!(Disk.read(&path).is_err(), "{path:?}");
        }
        let gone = Disk.one(Op::Take(place.path().join("gone")));
        assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_written_where_its_folder_went() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b/file");
        for text in ["one", "two"] {
            let write = Op::Write {
                path: path.clone(),
                mode: 0o666,
                bytes: text.into(),
            };
            Disk.one(write).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o666
        );
        assert_eq!(Disk.one(Op::Take(path.clone())).unwrap(), b"two");
        assert!(!path.exists());
    }

    #[test]
    fn nothing_is_brought_out_of_the_workspace() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = place.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let (from, within, other) = (make("from"), make("within"), make("other"));
        fs::write(other.join("precious"), "").unwrap();
        std::os::unix::fs::symlink(&other, within.join("link")).unwrap();
        for to in [
            within.join("link"),
            within.join("link/new"),
            within.join("../other"),
        ] {
            let error = bring(&from, (&within, &to), None, false).unwrap_err();
            assert!(error.to_string().contains("is not under"), "{error}");
        }
        assert!(other.join("precious").exists());
    }
}
