//! Blobs on their way in: blocks in any order, each written once, where it will stay (SPEC P-11, P-30).

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::fault::{Code, Fault};

/// Bytes that must stay free on a disk.
const SPARE: u64 = 256 << 20;

/// Where one server's uploads lie until they are whole. What a killed lrun left there, the next one removes.
#[derive(Debug)]
pub struct Inbox {
    folder: PathBuf,
    /// Locked as long as the server lives.
    _alive: File,
    next: AtomicU64,
}

impl Inbox {
    /// Opens a folder of its own below `parent`, and removes those that nobody holds any more.
    pub fn open(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        let turn = File::create(parent.join(".lock"))?;
        turn.lock()?;
        sweep(parent);
        let folder = parent.join(uuid::Uuid::new_v4().simple().to_string());
        fs::create_dir(&folder)?;
        let alive = File::create(folder.join(ALIVE))?;
        alive.lock()?;
        Ok(Self {
            folder,
            _alive: alive,
            next: AtomicU64::new(1),
        })
    }

    /// A blob of at most so many bytes.
    pub fn receive(&self, most: u64) -> io::Result<Incoming> {
        let folder = self.room()?;
        // Not held open: an old client sends thousands of files at once.
        create(&folder.join(DATA))?;
        Ok(Incoming {
            folder,
            most,
            state: Mutex::default(),
        })
    }

    /// A new folder.
    pub fn room(&self) -> io::Result<PathBuf> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(number.to_string());
        fs::create_dir(&folder)?;
        Ok(folder)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        // The next server removes what this one can not.
        drop(fs::remove_dir_all(&self.folder));
    }
}

const ALIVE: &str = ".alive";
const DATA: &str = "data";

/// Removes what killed servers left below `parent`; true where one is at work there.
pub fn sweep_in(parent: &Path) -> io::Result<bool> {
    if !parent.is_dir() {
        return Ok(false);
    }
    let turn = File::create(parent.join(".lock"))?;
    turn.lock()?;
    sweep(parent);
    let mut left = fs::read_dir(parent)?.flatten();
    Ok(left.any(|entry| entry.path().is_dir()))
}

/// Removes the folders whose server is gone; the caller holds the lock.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let folder = entry.path();
        let held = File::open(folder.join(ALIVE)).is_ok_and(|alive| alive.try_lock().is_err());
        if folder.is_dir() && !held {
            drop(fs::remove_dir_all(folder));
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}

/// A blob that is being sent.
#[derive(Debug)]
pub struct Incoming {
    folder: PathBuf,
    most: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How long blocks are: number n of them lies at n times this.
    stride: u64,
    taken: HashSet<u64>,
    blocks: HashMap<Vec<u8>, Block>,
    spilled: u64,
    /// Who is writing now.
    writers: usize,
    /// The blob itself is somebody else's by now: nothing is written to it any more.
    sealed: bool,
    done: Option<Content>,
    content_type: Option<String>,
}

/// One block that has arrived.
#[derive(Debug, Clone)]
struct Block {
    place: Place,
    length: u64,
    digest: [u8; 32],
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// In the blob itself, from this byte on.
    Data(u64),
    /// In a file of its own: nobody could tell where it belongs.
    Own(PathBuf),
}

/// Where a block is written, as long as it is.
#[derive(Debug)]
struct Slot<'i> {
    incoming: &'i Incoming,
    file: Arc<File>,
    at: u64,
    place: Place,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.incoming.state().writers -= 1;
    }
}

/// A blob that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub path: PathBuf,
    pub size: u64,
    /// Equal for blobs with equal bytes that came in blocks of equal length: SHA-256 of the only block, else of all
    /// blocks' digests.
    pub digest: String,
}

impl Incoming {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the client says that it is.
    pub fn set_content_type(&self, content_type: &str) {
        self.state().content_type = Some(content_type.to_owned());
    }

    pub fn content_type(&self) -> Option<String> {
        self.state().content_type.clone()
    }

    pub fn content(&self) -> Option<Content> {
        self.state().done.clone()
    }

    /// Takes one block; it counts once [`Self::assemble`] names it.
    pub async fn take(&self, id: &[u8], length: Option<u64>, body: Body) -> Result<(), Fault> {
        let slot = self.slot(number_of(id), length)?;
        self.fill(id, slot, length, body).await
    }

    /// Takes the bytes from this place on (SPEC P-30); all of them count.
    pub async fn take_range(&self, at: u64, length: u64, body: Body) -> Result<(), Fault> {
        self.room_for(at.saturating_add(length), length)?;
        let slot = {
            let mut state = self.state();
            if state.sealed {
                let text = "the blob is whole already";
                return Err(Fault::new(Code::FailedPrecondition, text));
            }
            self.opened(&mut state, &self.folder.join(DATA), at, Place::Data(at))?
        };
        self.fill(&at.to_be_bytes(), slot, Some(length), body).await
    }

    async fn fill(
        &self,
        id: &[u8],
        slot: Slot<'_>,
        length: Option<u64>,
        body: Body,
    ) -> Result<(), Fault> {
        let received: u64 = self.state().blocks.values().map(|block| block.length).sum();
        let most = length.unwrap_or(self.most.saturating_sub(received));
        let (written, digest) = pour(body, Arc::clone(&slot.file), slot.at, most).await?;
        if length.is_some_and(|length| length != written) {
            let text = format!(
                "{written} bytes came where {} were announced",
                length.unwrap_or(0)
            );
            return Err(Fault::new(Code::Malformed, text));
        }
        let block = Block {
            place: slot.place.clone(),
            length: written,
            digest,
        };
        let mut state = self.state();
        state.done = None;
        state.blocks.insert(id.to_owned(), block);
        Ok(())
    }

    /// Whether a blob that reaches up to this byte is taken, and so many more bytes find room.
    fn room_for(&self, end: u64, more: u64) -> Result<(), Fault> {
        if end > self.most {
            return Err(Fault::new(
                Code::TooLarge,
                format!(
                    "it is larger than {} bytes, the most that is taken",
                    self.most
                ),
            ));
        }
        let free = free_bytes(&self.folder);
        if free < SPARE.saturating_add(more) {
            return Err(Fault::new(
                Code::TooLarge,
                format!(
                    "the disk is full: {} has {free} bytes left",
                    self.folder.display()
                ),
            ));
        }
        Ok(())
    }

    /// Where a block with this number in its name and of this length goes.
    fn slot(&self, number: Option<u64>, length: Option<u64>) -> Result<Slot<'_>, Fault> {
        let mut state = self.state();
        let length_here = length.unwrap_or(0);
        let sent: u64 = state.blocks.values().map(|block| block.length).sum();
        self.room_for(sent.saturating_add(length_here), length_here)?;
        if let (Some(number), Some(length)) = (number, length.filter(|length| *length > 0)) {
            if state.stride == 0 {
                state.stride = length;
            }
            let at = number.checked_mul(state.stride);
            let at = at.filter(|at| at.saturating_add(length) <= self.most);
            if let Some(at) = at
                && !state.sealed
                && length <= state.stride
                && state.taken.insert(number)
            {
                let path = self.folder.join(DATA);
                return self.opened(&mut state, &path, at, Place::Data(at));
            }
        }
        state.spilled += 1;
        let path = self.folder.join(format!("block-{}", state.spilled));
        create(&path)?;
        self.opened(&mut state, &path, 0, Place::Own(path.clone()))
    }

    fn opened(
        &self,
        state: &mut State,
        path: &Path,
        at: u64,
        place: Place,
    ) -> Result<Slot<'_>, Fault> {
        let file = File::options().write(true).open(path)?;
        state.writers += 1;
        Ok(Slot {
            incoming: self,
            file: Arc::new(file),
            at,
            place,
        })
    }

    /// Makes the blob of these blocks, in this order.
    pub fn assemble(&self, ids: &[Vec<u8>]) -> Result<Content, Fault> {
        let blocks: Vec<Block> = {
            let state = self.state();
            let find = |id: &Vec<u8>| state.blocks.get(id).cloned();
            let found: Option<Vec<Block>> = ids.iter().map(find).collect();
            found.ok_or_else(|| Fault::invalid("the list names a block that was not sent"))?
        };
        let mut end = 0_u64;
        let mut lies_in_order = true;
        for block in &blocks {
            lies_in_order &= block.place == Place::Data(end);
            end = end.saturating_add(block.length);
        }
        self.room_for(end, 0)?;
        let is_free = {
            let mut state = self.state();
            let is_free = lies_in_order && state.writers == 0 && !state.sealed;
            state.sealed |= is_free;
            is_free
        };
        // What somebody still writes to, or has taken away, is copied.
        let path = if is_free {
            let path = self.folder.join(DATA);
            File::options().write(true).open(&path)?.set_len(end)?;
            path
        } else {
            self.copied(&blocks)?
        };
        let digest = match blocks.as_slice() {
            [only] => only.digest,
            all => {
                let mut digest = Sha256::new();
                // Of no content that is one block.
                digest.update(format!("{} blocks\n", all.len()));
                for block in all {
                    digest.update(block.digest);
                }
                digest.finalize().into()
            }
        };
        let content = Content {
            path,
            size: end,
            digest: hex::encode(digest),
        };
        let mut state = self.state();
        // What the list does not name is gone, as on Azure.
        let named: HashSet<&Vec<u8>> = ids.iter().collect();
        state.blocks.retain(|id, _| named.contains(id));
        state.done = Some(content.clone());
        Ok(content)
    }

    /// Makes the blob of all ranges that came; they must be this many bytes without a gap.
    pub fn assemble_ranges(&self, size: u64) -> Result<Content, Fault> {
        let mut ids: Vec<Vec<u8>> = self.state().blocks.keys().cloned().collect();
        ids.sort_unstable();
        let mut end = 0;
        for id in &ids {
            let at = id
                .as_slice()
                .try_into()
                .map_or(u64::MAX, u64::from_be_bytes);
            if at != end {
                return Err(Fault::invalid(format!(
                    "the bytes from {end} on were not sent"
                )));
            }
            end += self.state().blocks.get(id).map_or(0, |block| block.length);
        }
        if end != size {
            let text = format!("{end} bytes were sent where {size} are to be kept");
            return Err(Fault::invalid(text));
        }
        let content = Content {
            // Ranges may have been sent twice: what counts is what is there.
            digest: digest_of(&self.assemble(&ids)?.path)?,
            ..self.assembled()?
        };
        self.state().done = Some(content.clone());
        Ok(content)
    }

    fn assembled(&self) -> Result<Content, Fault> {
        self.content()
            .ok_or_else(|| Fault::new(Code::FailedPrecondition, "the blob is not whole"))
    }

    /// Blocks that lie elsewhere, in one new file.
    fn copied(&self, blocks: &[Block]) -> io::Result<PathBuf> {
        let number = {
            let mut state = self.state();
            state.spilled += 1;
            state.spilled
        };
        let path = self.folder.join(format!("whole-{number}"));
        let mut whole = create(&path)?;
        for block in blocks {
            let (file, at) = match &block.place {
                Place::Data(at) => (self.folder.join(DATA), *at),
                Place::Own(path) => (path.clone(), 0),
            };
            let mut file = File::open(file)?;
            file.seek(io::SeekFrom::Start(at))?;
            io::copy(&mut file.take(block.length), &mut whole)?;
        }
        Ok(path)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // The inbox goes later, and what is left with it.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// What a disk has left for this user; where nobody can tell, it is not what stops a write.
pub fn free_bytes(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// SHA-256 of a file.
fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex::encode(digest.finalize())),
            length => digest.update(&piece[..length]),
        }
    }
}

/// The number that clients of Azure put at the end of a block's name.
fn number_of(id: &[u8]) -> Option<u64> {
    // Azure knows no more than 50 000 blocks; what stands before may end in digits, too.
    let digits = id.get(id.len().checked_sub(5)?..)?;
    std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()
}

/// Writes a body as it comes; gives its length and SHA-256.
pub async fn pour(
    body: Body,
    file: Arc<File>,
    at: u64,
    most: u64,
) -> Result<(u64, [u8; 32]), Fault> {
    // A few pieces of up to some hundred kB each: the network and the disk work at once, and memory stays flat.
    let (pieces, mut coming) = tokio::sync::mpsc::channel::<axum::body::Bytes>(2);
    let writing = tokio::task::spawn_blocking(move || {
        let mut end = at;
        let mut digest = Sha256::new();
        while let Some(piece) = coming.blocking_recv() {
            file.write_all_at(&piece, end)?;
            digest.update(&piece);
            end += piece.len() as u64;
        }
        Ok::<_, io::Error>(digest.finalize().into())
    });
    let mut stream = body.into_data_stream();
    let mut length = 0_u64;
    let mut fault = None;
    while let Some(piece) = stream.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                let text = format!("the body broke off: {error}");
                fault = Some(Fault::new(Code::Malformed, text));
                break;
            }
        };
        length = length.saturating_add(piece.len() as u64);
        if length > most {
            let text = format!("more than {most} bytes came");
            fault = Some(Fault::new(Code::TooLarge, text));
            break;
        }
        // The writer is gone only where it failed, and says so below.
        if pieces.send(piece).await.is_err() {
            break;
        }
    }
    drop(pieces);
    let written = writing
        .await
        .map_err(|error| Fault::new(Code::Internal, error.to_string()))?;
    match fault {
        Some(fault) => Err(fault),
        None => Ok((length, written?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(incoming: &Incoming, blocks: &[(&str, &str)]) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            for (id, text) in blocks {
                let body = Body::from((*text).to_owned());
                let length = Some(text.len() as u64);
                incoming.take(id.as_bytes(), length, body).await.unwrap();
            }
        });
    }

    fn assembled(incoming: &Incoming, ids: &[&str]) -> Result<(String, Content), Fault> {
        let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
        let content = incoming.assemble(&ids)?;
        Ok((fs::read_to_string(&content.path).unwrap(), content))
    }

    fn inbox() -> (tempfile::TempDir, Inbox) {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path()).unwrap();
        (folder, inbox)
    }

    #[test]
    fn blocks_come_in_any_order_and_lie_where_they_belong() {
        // SPEC P-11
        let (_folder, inbox) = inbox();
        let incoming = inbox.receive(100).unwrap();
        sent(
            &incoming,
            &[("x00001", "two-"), ("x00002", "3"), ("x00000", "one-")],
        );
        let (text, content) = assembled(&incoming, &["x00000", "x00001", "x00002"]).unwrap();
        assert_eq!((text.as_str(), content.size), ("one-two-3", 9));
        assert!(content.path.ends_with("data"), "{content:?}");
        assert_eq!(incoming.content(), Some(content));
    }

    #[test]
    fn the_list_decides_and_odd_blocks_are_copied() {
        let (_folder, inbox) = inbox();
        let incoming = inbox.receive(100).unwrap();
        // The short one first: the stride is wrong. A name without a number. One twice.
        let all = [
            ("x00002", "3"),
            ("x00000", "one-"),
            ("odd", "odd-"),
            ("x00002", "4"),
        ];
        sent(&incoming, &all);
        let (text, _) = assembled(&incoming, &["odd", "x00002", "x00000"]).unwrap();
        assert_eq!(text, "odd-4one-");
        let (text, content) = assembled(&incoming, &["x00000"]).unwrap();
        assert_eq!(text, "one-");
        assert_eq!(content.digest, hex::encode(Sha256::digest(b"one-")));
        // What a list leaves out is gone.
        assert!(assembled(&incoming, &["x00000", "odd"]).is_err());
    }

    #[test]
    fn nobody_writes_to_a_blob_that_was_given_away() {
        let (_folder, inbox) = inbox();
        let incoming = inbox.receive(100).unwrap();
        sent(&incoming, &[("x00000", "one-"), ("x00001", "two-")]);
        // One block is still on its way.
        let late = incoming.slot(Some(2), Some(4)).unwrap();
        let (text, content) = assembled(&incoming, &["x00000", "x00001"]).unwrap();
        assert_eq!(text, "one-two-");
        late.file.write_all_at(b"late", late.at).unwrap();
        drop(late);
        assert_eq!(fs::read_to_string(&content.path).unwrap(), "one-two-");
        // Afterwards blocks lie elsewhere, and a range is refused.
        let (_, content) = assembled(&incoming, &["x00000"]).unwrap();
        let taken = incoming.slot(Some(3), Some(4)).unwrap();
        assert!(matches!(taken.place, Place::Own(_)));
        drop(taken);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let range = incoming.take_range(0, 1, Body::from("x"));
        let refused = runtime.block_on(range).unwrap_err();
        assert_eq!(refused.code, Code::FailedPrecondition);
        assert_eq!(fs::read_to_string(&content.path).unwrap(), "one-");
    }

    #[test]
    fn what_was_not_sent_or_is_too_much_is_refused() {
        let (_folder, inbox) = inbox();
        let incoming = inbox.receive(8).unwrap();
        sent(&incoming, &[("x00000", "12345")]);
        let fault = assembled(&incoming, &["x00000", "x00001"]).unwrap_err();
        assert_eq!(fault.code, Code::InvalidArgument);
        let twice = assembled(&incoming, &["x00000", "x00000"]).unwrap_err();
        assert_eq!(twice.code, Code::TooLarge);
        assert_eq!(
            incoming.slot(Some(1), Some(4)).unwrap_err().code,
            Code::TooLarge
        );
    }

    #[test]
    fn a_body_longer_or_shorter_than_announced_is_refused() {
        let (_folder, inbox) = inbox();
        let incoming = inbox.receive(100).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        for (length, code) in [(3, Code::TooLarge), (9, Code::Malformed)] {
            let taken = incoming.take(b"x00000", Some(length), Body::from("12345"));
            assert_eq!(runtime.block_on(taken).unwrap_err().code, code);
        }
    }

    #[test]
    fn ranges_must_leave_no_gap() {
        // SPEC P-30
        let (_folder, inbox) = inbox();
        let incoming = inbox.receive(100).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let take = |at: u64, text: &'static str| {
            let body = Body::from(text);
            runtime
                .block_on(incoming.take_range(at, text.len() as u64, body))
                .unwrap();
        };
        take(4, "two");
        assert!(incoming.assemble_ranges(7).is_err());
        take(0, "one-");
        assert!(incoming.assemble_ranges(6).is_err());
        let content = incoming.assemble_ranges(7).unwrap();
        assert_eq!(fs::read_to_string(content.path).unwrap(), "one-two");
    }

    #[test]
    fn what_a_killed_server_left_is_removed() {
        let (folder, inbox) = inbox();
        let dead = folder.path().join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("data"), "half").unwrap();
        File::create(dead.join(ALIVE)).unwrap();
        let other = Inbox::open(folder.path()).unwrap();
        assert!(!dead.exists());
        assert!(inbox.folder.exists());
        let incoming = other.receive(1).unwrap();
        let room = incoming.folder.clone();
        drop(incoming);
        assert!(!room.exists());
    }
}
