//! RETR and TOP: a message from the store to the client, chunk by chunk.
//!
//! The first chunk is read before anything is said, so that a message that is gone is `-ERR`. A
//! failure after `+OK` closes the connection: a final dot is never sent falsely.

use super::Connection;
use crate::message::dot::{Stuffer, Top};
use crate::message::downgrade::Downgrader;
use crate::pop3::reply::Reply;
use crate::pop3::transaction::Message;
use crate::store::MessageId;
use std::io;

/// What ends a multi-line response (RFC 1939 section 3).
pub(super) const END: &[u8] = b".\r\n";

/// What a client gets of a message: chunk, downgraded if it must be, cut where TOP ends.
struct Form {
    downgrader: Option<Downgrader>,
    downgraded: Vec<u8>,
    top: Option<Top>,
}

impl Form {
    fn new(message: &Message) -> Self {
        Self {
            downgrader: message.downgraded.then(Downgrader::new),
            downgraded: Vec::new(),
            top: message.top.map(Top::new),
        }
    }

    /// What is sent of the next chunk, before stuffing; and whether nothing after it is wanted.
    fn push<'a>(&'a mut self, chunk: &'a [u8], last: bool) -> (&'a [u8], bool) {
        let octets = match &mut self.downgrader {
            None => chunk,
            Some(downgrader) => {
                self.downgraded.clear();
                downgrader.push(chunk, &mut self.downgraded);
                if last {
                    downgrader.finish(&mut self.downgraded);
                }
                &self.downgraded
            }
        };
        match &mut self.top {
            None => (octets, last),
            Some(top) => {
                let wanted = top.push(octets);
                (&octets[..wanted], last || top.finished())
            }
        }
    }
}

impl Connection<'_> {
    /// RETR, or TOP (RFC 1939 sections 5 and 7), which reads no further than it must.
    pub(super) fn message(&mut self, reply: &Reply, message: &Message) -> io::Result<()> {
        if !self.first_chunk(reply, message.id)? {
            return Ok(());
        }
        let mut form = Form::new(message);
        let mut stuffer = message.dotted.then(Stuffer::new);
        let mut read = 0;
        for number in 1.. {
            read += self.chunk.len() as u64;
            let (octets, finished) = form.push(&self.chunk, read >= u64::from(message.octets));
            self.stream.set_write_timeout(self.timeout());
            match &mut stuffer {
                Some(stuffer) => {
                    stuffer.push(octets, self.out.buffer());
                    self.out.spill(&mut self.stream)?;
                }
                None => self.out.write_through(&mut self.stream, octets)?,
            }
            if finished {
                break;
            }
            self.next_chunk(message.id, number)?;
        }
        self.out.push(END);
        self.tally.sent(message, &self.server.metrics);
        if message.counts_as_read() {
            self.retrieved.push(message.id);
        }
        self.spill()
    }

    /// Reads the first chunk and says `reply`, or says why not.
    fn first_chunk(&mut self, reply: &Reply, id: MessageId) -> io::Result<bool> {
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

    fn next_chunk(&mut self, id: MessageId, number: u32) -> io::Result<()> {
        match self.server.store.read(id, number, &mut self.chunk) {
            Ok(()) if !self.chunk.is_empty() => Ok(()),
            Ok(()) => Err(io::Error::other(format!("message {} ends early", id.uid.0))),
            Err(error) => Err(io::Error::other(format!("message {}: {error}", id.uid.0))),
        }
    }
}
