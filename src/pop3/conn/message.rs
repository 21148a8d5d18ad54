//! RETR and TOP: a message from the store to the client, chunk by chunk.
//!
//! The first chunk is read before anything is said, so that a message that is gone is `-ERR`. A
//! failure after `+OK` closes the connection: a final dot is never sent falsely.

use super::Connection;
use crate::message::dot::{Stuffer, Top};
use crate::message::downgrade::Downgrader;
use crate::pop3::reply::Reply;
use crate::store::MessageId;
use std::io;

/// What ends a multi-line response (RFC 1939 section 3).
pub(super) const END: &[u8] = b".\r\n";

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
            sent += self.chunk.len() as u64;
            if dotted {
                stuffer.push(&self.chunk, self.out.buffer());
                self.spill()?;
            } else {
                self.stream.set_write_timeout(self.timeout());
                self.out.write_through(&mut self.stream, &self.chunk)?;
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
            seen += self.chunk.len() as u64;
            let wanted = top.push(&self.chunk);
            stuffer.push(&self.chunk[..wanted], self.out.buffer());
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
    pub(super) fn downgraded(
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
        for number in 1.. {
            seen += self.chunk.len() as u64;
            ascii.clear();
            downgrader.push(&self.chunk, &mut ascii);
            let last = seen >= u64::from(octets);
            if last {
                downgrader.finish(&mut ascii);
            }
            let wanted = top.as_mut().map_or(ascii.len(), |top| top.push(&ascii));
            stuffer.push(&ascii[..wanted], self.out.buffer());
            self.spill()?;
            if last || top.as_ref().is_some_and(Top::finished) {
                break;
            }
            self.next_piece(id, number)?;
        }
        self.out.push(END);
        if unread && lines.is_none() {
            self.retrieved.push(id);
        }
        self.spill()
    }

    /// Reads the first chunk and says `reply`, or says why not.
    fn first_piece(&mut self, reply: &Reply, id: MessageId) -> io::Result<bool> {
        match self.server.store.read(id, 0, &mut self.chunk) {
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
        match self.server.store.read(id, number, &mut self.chunk) {
            Ok(()) if !self.chunk.is_empty() => Ok(()),
            Ok(()) => Err(io::Error::other(format!("message {} ends early", id.uid.0))),
            Err(error) => Err(io::Error::other(format!("message {}: {error}", id.uid.0))),
        }
    }
}
