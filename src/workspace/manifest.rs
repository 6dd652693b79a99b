//! The list of what a snapshot holds, on disk beside it: lrun's own form of git's index.

use std::fs;
use std::path::Path;

use git2::Oid;

use super::entry::{Entry, Kind, Stat};
use super::{Result, io};

const MAGIC: &[u8] = b"lrun snapshot 1\n";

/// The entries of a snapshot, sorted by path.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// The file system's clock when reading began; files touched at or after it may have changed unseen.
    pub stamp: i64,
    /// What besides the files decides the content (filter settings).
    pub filters: Vec<u8>,
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// Reads a manifest; one that is missing or damaged is none.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let data = fs::read(path).ok()?;
        let mut reader = Reader(data.strip_prefix(MAGIC)?);
        let stamp = reader.i64()?;
        let filters = reader.bytes()?.to_vec();
        let count = usize::try_from(reader.u64()?).ok()?;
        let mut entries = Vec::with_capacity(count.min(data.len() / 64));
        for _ in 0..count {
            entries.push(reader.entry()?);
        }
        reader.0.is_empty().then_some(Self {
            stamp,
            filters,
            entries,
        })
    }

    /// Writes it whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut out = Vec::with_capacity(self.entries.len() * 120 + 64);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.stamp.to_le_bytes());
        put_bytes(&mut out, &self.filters);
        out.extend_from_slice(&(self.entries.len() as u64).to_le_bytes());
        for entry in &self.entries {
            put_entry(&mut out, entry);
        }
        let half = path.with_extension("half");
        fs::write(&half, out).map_err(io("write", &half))?;
        fs::rename(&half, path).map_err(io("write", path))
    }

    pub(super) fn find(&self, path: &[u8]) -> Option<&Entry> {
        self.entries
            .binary_search_by(|entry| entry.path.as_slice().cmp(path))
            .ok()
            .map(|at| &self.entries[at])
    }

    /// Whether the stat of an entry proves that nothing changed since (git's racy rule).
    pub(super) fn trusts(&self, entry: &Entry) -> bool {
        entry.from_git || entry.stat.touched() < self.stamp
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    put_bytes(out, &entry.path);
    out.push(match entry.kind {
        Kind::File => 0,
        Kind::Executable => 1,
        Kind::Symlink => 2,
        Kind::Submodule => 3,
    });
    out.push(u8::from(entry.lfs));
    out.push(u8::from(entry.from_git));
    let stat = &entry.stat;
    out.extend_from_slice(&stat.size.to_le_bytes());
    out.extend_from_slice(&stat.mtime.to_le_bytes());
    out.extend_from_slice(&stat.ctime.to_le_bytes());
    out.extend_from_slice(&stat.ino.to_le_bytes());
    out.extend_from_slice(&stat.mode.to_le_bytes());
    out.extend_from_slice(entry.blob.as_bytes());
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn i64(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u64()?).ok()?;
        self.take(len)
    }

    fn entry(&mut self) -> Option<Entry> {
        let path = self.bytes()?.to_vec();
        let kind = match self.u8()? {
            0 => Kind::File,
            1 => Kind::Executable,
            2 => Kind::Symlink,
            3 => Kind::Submodule,
            _ => return None,
        };
        let lfs = self.u8()? != 0;
        let from_git = self.u8()? != 0;
        let stat = Stat {
            size: self.u64()?,
            mtime: self.i64()?,
            ctime: self.i64()?,
            ino: self.u64()?,
            mode: u32::from_le_bytes(self.take(4)?.try_into().ok()?),
        };
        let blob = Oid::from_bytes(self.take(20)?).ok()?;
        Some(Entry {
            path,
            kind,
            stat,
            blob,
            lfs,
            from_git,
        })
    }
}
