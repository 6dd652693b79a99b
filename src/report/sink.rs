//! A buffered stream that is flushed at boundaries, when full, and when its content grows old.

use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

const FULL: usize = 64 * 1024;
const OLD: Duration = Duration::from_millis(100);

/// Where a listener writes; after the first failed write (the reader is gone) it swallows everything.
pub struct Sink {
    out: Option<Box<dyn Write + Send>>,
    buffer: Vec<u8>,
    flushed: Instant,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sink({} bytes)", self.buffer.len())
    }
}

impl Sink {
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            out: Some(out),
            buffer: Vec::with_capacity(2 * FULL),
            flushed: Instant::now(),
        }
    }

    /// The bytes not yet written, to append to.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    pub fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    /// Flushes if much has gathered or some of it is old.
    pub fn settle(&mut self) {
        if self.is_due() {
            self.flush();
        }
    }

    /// Whether the time has come to flush.
    pub fn is_due(&self) -> bool {
        self.is_full() || self.flushed.elapsed() >= OLD
    }

    pub fn is_full(&self) -> bool {
        self.buffer.len() >= FULL
    }

    pub fn is_pending(&self) -> bool {
        !self.buffer.is_empty()
    }

    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if let Some(out) = &mut self.out
            && out
                .write_all(&self.buffer)
                .and_then(|()| out.flush())
                .is_err()
        {
            self.out = None;
        }
        self.buffer.clear();
        self.flushed = Instant::now();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.flush();
    }
}
