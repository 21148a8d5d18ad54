//! RETR and TOP: a message from the store to the client, piece by piece.
//!
//! The first piece is read before anything is said, so that a message that is gone is `-ERR`. A
//! failure after `+OK` closes the connection: a final dot is never sent falsely.

use super::Connection;
use crate::dot::{Stuffer, Top};
use crate::downgrade::Downgrader;
use crate::pop3::reply::Reply;
use crate::store::MessageId;
use std::io;

/// What ends a multi-line response (RFC 1939 section 3).
pub(super) const END: &[u8] = b".\r\n";
/// How much of a message is rewritten before anybody looks whether the client is still there, octets.
const SLICE: usize = 16 * 1024;

impl Connection<'_> {
    /// RETR.
    pub(super) fn whole(
        &mut self,
        reply: &Reply,
        id: MessageId,
        octets: u32,
        dotted: bool,
        unread: bool,
    ) -> io::Result<()> {
        if !self.first_piece(reply, id)? {
            return Ok(());
        }
        let mut stuffer = Stuffer::new();
        let mut sent = 0;
        for number in 1.. {
            sent += self.piece.len() as u64;
            if dotted {
                stuffer.push(&self.piece, self.out.buffer());
                self.spill()?;
            } else {
                self.stream.set_write_timeout(self.timeout());
                self.out.write_through(&mut self.stream, &self.piece)?;
            }
            if sent >= u64::from(octets) {
                break;
            }
            self.next_piece(id, number)?;
        }
        self.out.push(END);
        if unread {
            self.retrieved.push(id);
        }
        self.spill()
    }

    /// TOP (RFC 1939 section 7): reads no further than it must.
    pub(super) fn top(&mut self, reply: &Reply, id: MessageId, octets: u32, lines: u64) -> io::Result<()> {
        if !self.first_piece(reply, id)? {
            return Ok(());
        }
        let mut top = Top::new(lines);
        let mut stuffer = Stuffer::new();
        let mut seen = 0;
        for number in 1.. {
            seen += self.piece.len() as u64;
            let wanted = top.push(&self.piece);
            stuffer.push(&self.piece[..wanted], self.out.buffer());
            self.spill()?;
            if top.finished() || seen >= u64::from(octets) {
                break;
            }
            self.next_piece(id, number)?;
        }
        self.out.push(END);
        self.spill()
    }

    /// RETR or TOP of an internationalized message for a client that is not in UTF-8 mode.
    pub(super) fn surrogate(
        &mut self,
        reply: &Reply,
        id: MessageId,
        octets: u32,
        lines: Option<u64>,
        unread: bool,
    ) -> io::Result<()> {
        if !self.first_piece(reply, id)? {
            return Ok(());
        }
        let (mut downgrader, mut stuffer, mut top) = (Downgrader::new(), Stuffer::new(), lines.map(Top::new));
        let (mut seen, mut ascii) = (0, Vec::new());
        'pieces: for number in 1.. {
            let piece = std::mem::take(&mut self.piece);
            seen += piece.len() as u64;
            let last = seen >= u64::from(octets);
            let mut rest = piece.as_slice();
            loop {
                let (slice, behind) = rest.split_at(rest.len().min(SLICE));
                ascii.clear();
                downgrader.push(slice, &mut ascii);
                let end = last && behind.is_empty();
                if end {
                    downgrader.finish(&mut ascii);
                }
                let wanted = top.as_mut().map_or(ascii.len(), |top| top.push(&ascii));
                stuffer.push(&ascii[..wanted], self.out.buffer());
                if end || top.as_ref().is_some_and(Top::finished) {
                    break 'pieces;
                }
                if behind.is_empty() {
                    break;
                }
                rest = behind;
                self.look_up()?;
            }
            self.look_up()?;
            self.piece = piece;
            self.next_piece(id, number)?;
        }
        self.out.push(END);
        if unread && lines.is_none() {
            self.retrieved.push(id);
        }
        self.spill()
    }

    /// Between two slices of work: what there is goes out, and nobody works for a client that has left.
    fn look_up(&mut self) -> io::Result<()> {
        if self.stream.is_gone() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.stream.set_write_timeout(self.timeout());
        self.out.flush(&mut self.stream)
    }

    /// Reads the first piece and says `reply`, or says why not.
    fn first_piece(&mut self, reply: &Reply, id: MessageId) -> io::Result<bool> {
        match self.site.store.read(id, 0, &mut self.piece) {
            Ok(()) => {
                reply.write(self.out.buffer());
                Ok(true)
            }
            Err(error) => {
                self.about.unreadable(id, &error).write(self.out.buffer());
                self.spill()?;
                Ok(false)
            }
        }
    }

    fn next_piece(&mut self, id: MessageId, number: u32) -> io::Result<()> {
        match self.site.store.read(id, number, &mut self.piece) {
            Ok(()) if !self.piece.is_empty() => Ok(()),
            Ok(()) => Err(io::Error::other(format!("message {} ends early", id.uid.0))),
            Err(error) => Err(io::Error::other(format!("message {}: {error}", id.uid.0))),
        }
    }
}
