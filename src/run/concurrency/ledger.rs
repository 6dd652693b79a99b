//! Who runs and who waits in a group: one locked file each, so that a killed process leaves no trace that counts.
//!
//! A repository has one folder. A member's file is `<group>.<number>.pending`, then `.running`; its process holds an
//! exclusive lock on it, and a file that can be locked belongs to nobody any more. `<group>.<number>.stop` beside it
//! asks the member to end, and says who asks. `guard` is locked for every change but a member's own leaving.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::Holder;

const PENDING: &str = "pending";
const RUNNING: &str = "running";
const STOP: &str = "stop";

/// The files of one group.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    folder: PathBuf,
    group: String,
}

/// One that is alive.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub number: u64,
    pub is_running: bool,
    /// It was asked to end.
    pub is_stopped: bool,
    pub holder: Holder,
}

/// A place in the group; leaving is dropping it.
#[derive(Debug)]
pub(super) struct Ticket {
    ledger: Ledger,
    number: u64,
    is_running: bool,
    /// Holds the lock.
    _file: File,
}

impl Ledger {
    pub fn open(folder: &Path, repository: &str, group: &str) -> io::Result<Self> {
        let folder = folder.join(digest(&repository.to_lowercase()));
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            group: digest(&group.to_lowercase()),
        })
    }

    /// The right to change something; none while another has it.
    pub fn guard(&self) -> io::Result<Option<File>> {
        let file = open(&self.folder.join("guard"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn path(&self, number: u64, kind: &str) -> PathBuf {
        self.folder
            .join(format!("{}.{number:020}.{kind}", self.group))
    }

    /// Kinds of files by member.
    fn files(&self) -> io::Result<BTreeMap<u64, Vec<&'static str>>> {
        let mut files: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let mut parts = name.to_str().unwrap_or_default().split('.');
            if parts.next() != Some(self.group.as_str()) {
                continue;
            }
            let number = parts.next().and_then(|number| number.parse().ok());
            let kind = parts.next().and_then(|kind| {
                [PENDING, RUNNING, STOP]
                    .into_iter()
                    .find(|known| *known == kind)
            });
            if let (Some(number), Some(kind)) = (number, kind) {
                files.entry(number).or_default().push(kind);
            }
        }
        Ok(files)
    }

    /// Those that are alive, the first to come first.
    pub fn members(&self) -> io::Result<Vec<Member>> {
        let mut members = Vec::new();
        for (number, kinds) in self.files()? {
            let kind = [RUNNING, PENDING]
                .into_iter()
                .find(|kind| kinds.contains(kind));
            if let Some(kind) = kind
                && let Some(holder) = holder(&self.path(number, kind))
            {
                members.push(Member {
                    number,
                    is_running: kind == RUNNING,
                    is_stopped: kinds.contains(&STOP),
                    holder,
                });
            }
        }
        Ok(members)
    }

    /// Removes what the dead left; only under the guard, where no file is about to be locked.
    pub fn sweep(&self) -> io::Result<()> {
        for (number, kinds) in self.files()? {
            let is_alive = kinds
                .iter()
                .any(|kind| *kind != STOP && holder(&self.path(number, kind)).is_some());
            if !is_alive {
                for kind in kinds {
                    remove(&self.path(number, kind));
                }
            }
        }
        Ok(())
    }

    /// Takes the last place; only under the guard.
    pub fn enter(&self, holder: &Holder, is_running: bool) -> io::Result<Ticket> {
        let last = self.files()?.into_keys().next_back();
        let number = last.unwrap_or(0) + 1;
        let path = self.path(number, if is_running { RUNNING } else { PENDING });
        let mut file = open(&path)?;
        file.lock()?;
        let written = serde_json::to_vec(holder)
            .map_err(io::Error::other)
            .and_then(|text| file.write_all(&text));
        let ticket = Ticket {
            ledger: self.clone(),
            number,
            is_running,
            _file: file,
        };
        written.map(|()| ticket)
    }

    /// Asks a member to end; only under the guard.
    pub fn ask_to_stop(&self, number: u64, by: &Holder) -> io::Result<()> {
        let text = serde_json::to_vec(by).map_err(io::Error::other)?;
        // A reader must not find half of it.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&text)?;
        file.persist(self.path(number, STOP))
            .map_err(|error| error.error)?;
        Ok(())
    }
}

impl Ticket {
    pub fn is_running(&self) -> bool {
        self.is_running
    }

    /// Who asks this member to end.
    pub fn stopped_by(&self) -> Option<Holder> {
        let text = fs::read(self.ledger.path(self.number, STOP)).ok()?;
        Some(serde_json::from_slice(&text).unwrap_or_default())
    }

    /// The one that it has to wait for: what runs, else who came before.
    pub fn ahead(&self) -> io::Result<Option<Holder>> {
        let mut members = self.ledger.members()?;
        members.retain(|member| {
            member.number != self.number
                && (member.is_running || (member.number < self.number && !member.is_stopped))
        });
        members.sort_by_key(|member| !member.is_running);
        Ok(members.into_iter().next().map(|member| member.holder))
    }

    /// From now on it runs; only under the guard.
    pub fn promote(&mut self) -> io::Result<()> {
        let from = self.ledger.path(self.number, PENDING);
        fs::rename(from, self.ledger.path(self.number, RUNNING))?;
        self.is_running = true;
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let kind = if self.is_running { RUNNING } else { PENDING };
        remove(&self.ledger.path(self.number, kind));
        remove(&self.ledger.path(self.number, STOP));
    }
}

/// What stands in a member's file, if its process is alive.
fn holder(path: &Path) -> Option<Holder> {
    let file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let text = fs::read(path).unwrap_or_default();
            Some(serde_json::from_slice(&text).unwrap_or_default())
        }
        _ => None,
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// What can not be removed is swept by the next who comes.
fn remove(path: &Path) {
    fs::remove_file(path).unwrap_or_default();
}

fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..16])
}
