//! What waits to be sent.
//!
//! Replies gather here and go out in one write when the client must be waited for, or when
//! [`FLUSH_AT`] octets have come together, so that a client that sends commands and reads nothing
//! makes the writer block and not the memory grow.

use super::{IDLE, Transport};
use std::io::{self, IoSlice, Write};

/// Octets that may wait before they are written.
pub const FLUSH_AT: usize = 64 * 1024;
/// Pieces from this size on are written from where they are. It is also the size of the largest
/// TLS record (RFC 8446 section 5.1).
const DIRECT: usize = 16 * 1024;

/// A buffer in front of a [`Transport`].
#[derive(Default)]
pub struct Output {
    buf: Vec<u8>,
}

impl Output {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends octets; nothing is sent yet.
    pub fn push(&mut self, octets: &[u8]) {
        self.buf.extend_from_slice(octets);
    }

    /// The buffer itself, for what appends to a vector (`dot::Stuffer`).
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buf
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// Enough waits that it should go out before more is added.
    pub fn should_flush(&self) -> bool {
        self.buf.len() >= FLUSH_AT
    }

    /// Sends what waits if it is [`FLUSH_AT`] octets or more; keeps the memory, for the middle of
    /// something long.
    ///
    /// # Errors
    /// Those of writing; [`io::ErrorKind::TimedOut`] if the client takes nothing any more.
    pub fn spill(&mut self, stream: &mut impl Transport) -> io::Result<()> {
        if self.should_flush() { self.send(stream) } else { Ok(()) }
    }

    /// Sends what waits, then `chunk`. A small chunk only joins what waits; a big one is written
    /// from where it is.
    ///
    /// # Errors
    /// As [`Output::spill`].
    pub fn write_through(&mut self, stream: &mut impl Transport, chunk: &[u8]) -> io::Result<()> {
        // Filling up to a whole record spares TLS one for the few octets of `+OK`.
        let join = if chunk.len() < DIRECT { chunk.len() } else { DIRECT.saturating_sub(self.buf.len()) };
        let join = if self.buf.is_empty() && chunk.len() >= DIRECT { 0 } else { join };
        let (joined, rest) = chunk.split_at(join);
        self.push(joined);
        if rest.is_empty() {
            return self.spill(stream);
        }
        write_both(stream, &self.buf, rest)?;
        self.buf.clear();
        Ok(())
    }

    /// Sends all that waits and gives the memory back: call it before the client is waited for.
    ///
    /// # Errors
    /// As [`Output::spill`].
    pub fn flush(&mut self, stream: &mut impl Transport) -> io::Result<()> {
        self.send(stream)?;
        if self.buf.capacity() > IDLE {
            self.buf = Vec::new();
        }
        Ok(())
    }

    fn send(&mut self, stream: &mut impl Transport) -> io::Result<()> {
        if !self.buf.is_empty() {
            stream.write_all(&self.buf)?;
            self.buf.clear();
        }
        Ok(())
    }
}

/// Writes two slices, with one system call where the stream can do that.
fn write_both(stream: &mut impl Write, mut head: &[u8], mut tail: &[u8]) -> io::Result<()> {
    while !head.is_empty() {
        match stream.write_vectored(&[IoSlice::new(head), IoSlice::new(tail)]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                tail = &tail[n.saturating_sub(head.len())..];
                head = &head[n.min(head.len())..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    stream.write_all(tail)
}
