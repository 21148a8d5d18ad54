//! What waits to be sent.
//!
//! Replies gather here and go out in one write when the client must be waited for, or when
//! [`FLUSH_AT`] octets have come together, so that a client that sends commands and reads nothing
//! makes the writer block and not the memory grow.
//!
//! The end of a multi-line response, CRLF.CRLF, goes out in one piece: many clients look for it at the end of what one
//! read gave them, and wait for ever where a write or a TLS record has split it.

use super::{IDLE, Transport};
use memchr::memmem;
use std::io::{self, IoSlice, Write};

/// Octets that may wait before they are written.
pub const FLUSH_AT: usize = 64 * 1024;
/// Pieces from this size on are written from where they are. It is also the size of the largest
/// TLS record (RFC 8446 section 5.1).
const DIRECT: usize = 16 * 1024;

/// What ends a multi-line response, with the line end before it (RFC 1939 section 3). In content it cannot stand.
const TERMINATOR: &[u8] = b"\r\n.\r\n";

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
    /// something long. What may be the start of a terminator waits for its rest.
    ///
    /// # Errors
    /// Those of writing; [`io::ErrorKind::TimedOut`] if the client takes nothing any more.
    pub fn spill(&mut self, stream: &mut impl Transport) -> io::Result<()> {
        if self.should_flush() { self.release(stream) } else { Ok(()) }
    }

    /// The same however little it is.
    ///
    /// # Errors
    /// As [`Output::spill`].
    pub fn release(&mut self, stream: &mut impl Transport) -> io::Result<()> {
        self.send(stream, self.buf.len() - unfinished(&self.buf))
    }

    /// Sends what waits, then `chunk`. A small chunk only joins what waits; a big one is written
    /// from where it is.
    ///
    /// # Errors
    /// As [`Output::spill`].
    pub fn write_through(&mut self, stream: &mut impl Transport, chunk: &[u8]) -> io::Result<()> {
        let whole = stream.unit() == usize::MAX;
        let join = match chunk.len() {
            small if small < DIRECT => small,
            _ if whole || self.buf.is_empty() => 0,
            // Filling up to a whole record spares TLS one for the few octets of `+OK`.
            _ => DIRECT.saturating_sub(self.buf.len()),
        };
        let (joined, rest) = chunk.split_at(join);
        self.push(joined);
        if rest.is_empty() {
            return self.spill(stream);
        }
        let (rest, kept) = rest.split_at(rest.len() - unfinished(rest));
        if whole {
            write_both(stream, &self.buf, rest)?;
            self.buf.clear();
        } else {
            self.send(stream, self.buf.len())?;
            stream.write_all(rest)?;
        }
        self.push(kept);
        Ok(())
    }

    /// Sends all that waits and gives the memory back: call it before the client is waited for.
    ///
    /// # Errors
    /// As [`Output::spill`].
    pub fn flush(&mut self, stream: &mut impl Transport) -> io::Result<()> {
        self.send(stream, self.buf.len())?;
        if self.buf.capacity() > IDLE {
            self.buf = Vec::new();
        }
        Ok(())
    }

    /// Sends so many octets.
    fn send(&mut self, stream: &mut impl Transport, octets: usize) -> io::Result<()> {
        let mut rest = &self.buf[..octets];
        while !rest.is_empty() {
            match stream.write(&rest[..cut(rest, stream.unit())]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => rest = &rest[n..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buf.drain(..octets);
        Ok(())
    }
}

/// How many of the octets go out first: `most`, or less if that would split a terminator.
fn cut(octets: &[u8], most: usize) -> usize {
    let reach = TERMINATOR.len() - 1;
    if octets.len() <= most {
        return octets.len();
    }
    let from = most.saturating_sub(reach);
    let around = &octets[from..octets.len().min(most + reach)];
    memmem::find(around, TERMINATOR).map_or(most, |at| from + at)
}

/// How many of the last octets may be the start of a terminator that is not complete yet.
fn unfinished(octets: &[u8]) -> usize {
    let starts = |n: &usize| octets.ends_with(&TERMINATOR[..*n]);
    if octets.ends_with(TERMINATOR) { 0 } else { (1..TERMINATOR.len()).rev().find(starts).unwrap_or(0) }
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
