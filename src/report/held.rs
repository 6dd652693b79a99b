//! The log of a job that is not shown yet: in memory while small, then in a temporary file.

use std::fmt;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use tempfile::SpooledTempFile;

const MEMORY: usize = 128 * 1024;

/// Bytes that wait to be shown.
#[derive(Default)]
pub struct Held {
    file: Option<SpooledTempFile>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Held({})",
            if self.is_empty() { "nothing" } else { "some" }
        )
    }
}

impl Held {
    pub fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let file = self
            .file
            .get_or_insert_with(|| tempfile::spooled_tempfile(MEMORY));
        // A full disk costs a part of the view, never the run.
        drop(file.write_all(bytes));
    }

    pub fn is_empty(&self) -> bool {
        self.file.is_none()
    }

    /// Hands out everything, in pieces.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8])) {
        let Some(mut file) = self.file.take() else {
            return;
        };
        if file.seek(SeekFrom::Start(0)).is_err() {
            return;
        }
        let mut piece = vec![0; 32 * 1024];
        while let Ok(read @ 1..) = file.read(&mut piece) {
            take(&piece[..read]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_more_than_memory_holds() {
        let mut held = Held::default();
        let piece = [b'x'; 1000];
        for _ in 0..3000 {
            held.write(&piece);
        }
        let mut total = 0;
        held.drain(|bytes| total += bytes.len());
        assert_eq!(total, 3_000_000);
        assert!(held.is_empty());
    }
}
