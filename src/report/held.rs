//! The log of a job that is not shown yet: in memory while small, then in a temporary file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

const MEMORY: usize = 128 * 1024;

/// Bytes that wait to be shown.
#[derive(Default)]
pub struct Held {
    file: Option<File>,
    /// What comes after the file's content.
    memory: Vec<u8>,
    /// Bytes that a full disk did not take.
    lost: usize,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} bytes in memory)", self.memory.len())
    }
}

impl Held {
    pub fn write(&mut self, bytes: &[u8]) {
        self.memory.extend_from_slice(bytes);
        if self.memory.len() >= MEMORY {
            if self.spill().is_err() {
                self.lost += self.memory.len();
            }
            self.memory.clear();
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(tempfile::tempfile()?),
        };
        file.write_all(&self.memory)
    }

    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.memory.is_empty() && self.lost == 0
    }

    /// Hands out everything, in pieces.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8])) {
        if let Some(mut file) = self.file.take()
            && file.seek(SeekFrom::Start(0)).is_ok()
        {
            let mut piece = vec![0; 32 * 1024];
            while let Ok(read @ 1..) = file.read(&mut piece) {
                take(&piece[..read]);
            }
        }
        if self.lost > 0 {
            take(format!("… {} bytes could not be kept\n", self.lost).as_bytes());
            self.lost = 0;
        }
        take(&std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_more_than_memory_holds() {
        let mut held = Held::default();
        let mut expected = Vec::new();
        for n in 0..100_000 {
            let line = format!("line {n}\n");
            held.write(line.as_bytes());
            expected.extend_from_slice(line.as_bytes());
        }
        let mut all = Vec::new();
        held.drain(|bytes| all.extend_from_slice(bytes));
        assert!(all == expected);
        assert!(held.is_empty());
    }
}
