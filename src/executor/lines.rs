//! A pipe read in large pieces that end at line breaks.

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Output;
use crate::event::Stream;

const PIECE: usize = 64 * 1024;

/// A line that grows longer is cut.
const LONGEST: usize = 1024 * 1024;

/// One output of a process.
#[derive(Debug)]
pub(super) struct Pipe<R> {
    source: Option<R>,
    stream: Stream,
    buffer: Vec<u8>,
    /// The last piece ended with a carriage return: a line feed that follows belongs to it.
    after_return: bool,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    pub(super) fn new(source: Option<R>, stream: Stream) -> Self {
        Self {
            source,
            stream,
            buffer: Vec::new(),
            after_return: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.source.is_some()
    }

    /// Appends what is there; 0 at the end, of which a broken pipe is one. Safe to drop halfway.
    pub(super) async fn read(&mut self) -> usize {
        let Some(source) = &mut self.source else {
            return 0;
        };
        self.buffer.reserve(PIECE);
        source.read_buf(&mut self.buffer).await.unwrap_or(0)
    }

    /// Hands on the whole lines among what was read; everything at the end.
    pub(super) fn deliver(&mut self, fresh: usize, output: &mut dyn Output) {
        if fresh > 0 {
            self.deliver_lines(fresh, output);
        } else {
            self.source = None;
            self.finish(output);
        }
    }

    fn deliver_lines(&mut self, fresh: usize, output: &mut dyn Output) {
        if self.after_return {
            self.after_return = false;
            if self.buffer.first() == Some(&b'\n') {
                self.buffer.remove(0);
                if self.buffer.is_empty() {
                    return;
                }
            }
        }
        let before = self.buffer.len().saturating_sub(fresh);
        let end = match memchr::memrchr2(b'\n', b'\r', &self.buffer[before..]) {
            Some(at) => before + at + 1,
            None if self.buffer.len() >= LONGEST => boundary(&self.buffer, LONGEST),
            None => return,
        };
        self.after_return = end == self.buffer.len() && self.buffer.ends_with(b"\r");
        output.chunk(self.stream, &self.buffer[..end]);
        self.buffer.drain(..end);
    }

    /// Hands on what has no line break behind it.
    pub(super) fn finish(&mut self, output: &mut dyn Output) {
        if self.after_return && self.buffer.first() == Some(&b'\n') {
            self.buffer.remove(0);
        }
        if !self.buffer.is_empty() {
            output.chunk(self.stream, &self.buffer);
            self.buffer.clear();
        }
    }
}

/// The last place up to `limit` that does not split a UTF-8 character.
fn boundary(bytes: &[u8], limit: usize) -> usize {
    let limit = limit.min(bytes.len());
    (limit.saturating_sub(3)..=limit)
        .rev()
        .find(|at| bytes.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80))
        .unwrap_or(limit)
}
