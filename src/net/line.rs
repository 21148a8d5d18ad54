//! Lines in, replies out.
//!
//! What lives here: a bounded reader of command lines and a buffer for what is sent back, over
//! anything that is a [`Transport`]. What must not be known here: sockets, TLS, POP3, what a line
//! means.
//!
//! * No unbounded buffer: an over-long line is thrown away as it comes, up to and including its
//!   LF, and the session stays in step with the client.
//! * The time is bounded per line, not per read, so that one octet a minute does not hold a worker.
//! * While it waits for the client a session holds at most [`IDLE`] octets here, and the same in
//!   its [`Output`]; one that takes content in keeps [`BULK`] octets ([`LineReader::for_content`]).

mod output;
#[cfg(test)]
mod tests;

pub use output::{FLUSH_AT, Output};

use std::io::{self, Read, Write};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Octets that a reader keeps while it waits for the next command.
pub const IDLE: usize = 1024;
/// Octets that are kept of an over-long line.
const HEAD: usize = 16;
/// Octets that [`LineReader::fill`] holds at most.
pub const BULK: usize = 32 * 1024;

/// What lines are read from and replies are written to.
pub trait Transport: Read + Write {
    /// Reads that have no answer at `deadline` fail with [`io::ErrorKind::TimedOut`] or
    /// [`io::ErrorKind::WouldBlock`]. Holds for all reads until it is set again.
    fn read_by(&mut self, deadline: Instant);

    /// The most octets of one write that go out as a unit, a TLS record say. Never fewer than 512.
    fn unit(&self) -> usize {
        usize::MAX
    }
}

/// What [`LineReader::next`] found.
#[derive(Debug)]
pub enum Line<'a> {
    /// A line without its line end (CRLF or a bare LF).
    Line(&'a [u8]),
    /// The line had more than `limit` octets; all of it is gone, the next one can be read.
    TooLong,
    /// The client closed the connection, perhaps in the middle of a line.
    Eof,
    /// The line was not complete in time.
    TimedOut,
    /// The connection failed.
    Failed(io::Error),
}

/// Why there is nothing more to read.
#[derive(Debug)]
pub enum Stop {
    /// The client closed the connection.
    Eof,
    /// The time is up.
    TimedOut,
    /// The connection failed.
    Failed(io::Error),
}

impl From<Stop> for Line<'_> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Eof => Line::Eof,
            Stop::TimedOut => Line::TimedOut,
            Stop::Failed(error) => Line::Failed(error),
        }
    }
}

/// Bounded reader of lines. Octets that came behind a line wait for the next call.
#[derive(Default)]
pub struct LineReader {
    /// All of it is initialised; what waits is `start..end`.
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// How the last over-long line began.
    head: [u8; HEAD],
    /// The size that an empty buffer goes back to; 0: [`IDLE`].
    kept: usize,
}

impl LineReader {
    /// An empty reader; memory is taken at the first read.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader for a session that takes content in ([`LineReader::fill`]) again and again: once it has a buffer for that, it keeps
    /// it. Getting and clearing a new one each time is dear.
    pub fn for_content() -> Self {
        Self { kept: BULK, ..Self::default() }
    }

    /// The next line, of at most `limit` octets with its line end (RFC 2449 section 4 counts the
    /// CRLF). `timeout` is for the whole line, from the first time that the client must be waited
    /// for; a line that waits here already costs no system call.
    pub fn next(&mut self, stream: &mut impl Transport, limit: usize, timeout: Duration) -> Line<'_> {
        self.next_limited_by(stream, |_| limit, timeout)
    }

    /// The same with a limit that is asked for when the line has come, with what there is of it: the limit may have
    /// changed since then, and it may depend on the line's first words.
    pub fn next_limited_by(
        &mut self,
        stream: &mut impl Transport,
        limit: impl FnMut(&[u8]) -> usize,
        timeout: Duration,
    ) -> Line<'_> {
        match self.locate(stream, limit, timeout) {
            Ok(Some(line)) => Line::Line(&self.buf[line]),
            Ok(None) => Line::TooLong,
            Err(stop) => stop.into(),
        }
    }

    /// How the line began that was [`Line::TooLong`], as far as it is kept.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    fn keep_head(&mut self, from: usize) {
        let head = &self.buf[from..self.end.min(from + HEAD).max(from)];
        self.head = [b' '; HEAD];
        self.head[..head.len()].copy_from_slice(head);
    }

    /// A complete line waits already: the client pipelines, and replies need not be flushed yet.
    pub fn has_line(&self) -> bool {
        memchr::memchr(b'\n', self.buffered()).is_some()
    }

    /// Drops all that was read: nothing sent in clear survives STLS (RFC 2595 section 4).
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What has been read and not been taken, for content that is not lines (LMTP DATA).
    pub fn buffered(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// Takes the first `n` octets of [`LineReader::buffered`].
    pub fn consume(&mut self, n: usize) {
        self.start = self.end.min(self.start + n);
    }

    /// Waits until more is buffered; `timeout` is for this one read. Does nothing once [`BULK`]
    /// octets wait: take them first.
    ///
    /// # Errors
    /// Why there is no more to come.
    pub fn fill(&mut self, stream: &mut impl Transport, timeout: Duration) -> Result<(), Stop> {
        if self.buffered().len() >= BULK {
            return Ok(());
        }
        self.make_room(BULK);
        stream.read_by(Instant::now() + timeout);
        self.receive(stream)
    }

    /// Where the next line is in `buf`, without its line end; `None`: it was too long.
    fn locate(
        &mut self,
        stream: &mut impl Transport,
        mut limit: impl FnMut(&[u8]) -> usize,
        timeout: Duration,
    ) -> Result<Option<Range<usize>>, Stop> {
        let mut searched = 0;
        let mut waits = false;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffered()[searched..]) {
                let octets = searched + at + 1;
                let from = self.start;
                let limit = limit(&self.buf[from..from + octets]);
                self.consume(octets);
                if octets > limit {
                    self.keep_head(from);
                    return Ok(None);
                }
                return Ok(Some(from..content_end(&self.buf[..from + octets], from)));
            }
            searched = self.buffered().len();
            if !waits {
                stream.read_by(Instant::now() + timeout);
                waits = true;
            }
            if searched > 0 && searched >= limit(self.buffered()) {
                self.keep_head(self.start);
                return self.discard_line(stream).map(|()| None);
            }
            self.make_room(IDLE);
            self.receive(stream)?;
        }
    }

    /// Throws away what comes, up to and including the next LF, without keeping it.
    fn discard_line(&mut self, stream: &mut impl Transport) -> Result<(), Stop> {
        loop {
            (self.start, self.end) = (0, 0);
            self.receive(stream)?;
            if let Some(at) = memchr::memchr(b'\n', self.buffered()) {
                self.consume(at + 1);
                return Ok(());
            }
        }
    }

    /// Makes room behind what waits. An empty buffer becomes `least` octets; a full one doubles.
    fn make_room(&mut self, least: usize) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.buf.len() < least || self.buf.len() > least.max(self.kept) {
                self.buf = vec![0; least];
            }
        } else if self.end == self.buf.len() || self.buf.len() < least {
            self.buf.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let wanted = if self.end == self.buf.len() { 2 * self.end } else { self.buf.len() };
            self.buf.resize(wanted.max(least), 0);
        }
    }

    /// One read behind what waits.
    fn receive(&mut self, stream: &mut impl Transport) -> Result<(), Stop> {
        loop {
            match stream.read(&mut self.buf[self.end..]) {
                Ok(0) => return Err(Stop::Eof),
                Ok(n) => {
                    self.end += n;
                    return Ok(());
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => return Err(Stop::TimedOut),
                    _ => return Err(Stop::Failed(error)),
                },
            }
        }
    }
}

/// The end of the content of a line that starts at `from` and ends in LF: one CR goes with it.
fn content_end(line: &[u8], from: usize) -> usize {
    let end = line.len() - 1;
    if end > from && line[end - 1] == b'\r' { end - 1 } else { end }
}
