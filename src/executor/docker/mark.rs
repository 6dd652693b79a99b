//! Marks: files that say whose containers, networks, volumes and folders are.
//!
//! All that a run makes in an engine carries the path of its mark. Whoever holds the mark's lock is at work; nobody
//! has to tidy up for that, since the lock goes with the process. A mark that was kept says that the user wants to
//! find these things again; any other that nobody holds is of a run that was killed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const KEPT: &str = "kept";

/// A mark that this process holds.
#[derive(Debug)]
pub struct Mark {
    path: PathBuf,
    file: File,
}

impl Mark {
    /// Takes the mark, if nobody holds it; with it comes what was noted when it was kept.
    pub fn take(path: &Path) -> io::Result<Option<(Self, Option<String>)>> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => return Ok(None),
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
            // Whoever had it may have taken it away meanwhile.
            let still = fs::metadata(path)
                .is_ok_and(|there| file.metadata().is_ok_and(|own| own.ino() == there.ino()));
            if !still {
                continue;
            }
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            file.set_len(0)?;
            file.rewind()?;
            let kept = text.strip_prefix(KEPT).map(|note| note.trim().to_owned());
            let path = path.to_owned();
            return Ok(Some((Self { path, file }, kept)));
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What carries it stays until it is asked to go.
    pub fn keep(mut self, note: &str) -> io::Result<()> {
        writeln!(self.file, "{KEPT} {note}")
    }

    /// Nothing carries it any more.
    pub fn end(self) {
        // What can not be removed is a dead mark to the next start.
        drop(fs::remove_file(&self.path));
    }
}

/// Nobody holds the mark.
pub fn is_over(mark: &Path) -> bool {
    match File::open(mark) {
        Ok(file) => file.try_lock().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Nobody holds the mark, and nobody wanted it kept.
pub fn is_dead(mark: &Path) -> bool {
    is_over(mark) && !is_kept(mark)
}

fn is_kept(mark: &Path) -> bool {
    fs::read_to_string(mark).is_ok_and(|text| text.starts_with(KEPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_one_holders() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run.alive");
        assert!(is_dead(&path));
        let (mark, kept) = Mark::take(&path).unwrap().unwrap();
        assert!(kept.is_none() && !is_over(&path));
        assert!(Mark::take(&path).unwrap().is_none());
        mark.keep("a container").unwrap();
        assert!(is_over(&path) && !is_dead(&path));
        let (mark, kept) = Mark::take(&path).unwrap().unwrap();
        assert_eq!(kept.as_deref(), Some("a container"));
        // Killed now, it is of no use to anybody.
        drop(mark);
        assert!(is_dead(&path));
        let (mark, kept) = Mark::take(&path).unwrap().unwrap();
        assert!(kept.is_none());
        mark.end();
        assert!(!path.exists());
    }
}
