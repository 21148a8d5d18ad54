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
/// How much of a message is rewritten before anybody looks whether the client is still there, octets.
const SLICE: usize = 16 * 1024;

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
        let mut chunk = self.server.buffers.take();
        let sent = self.message_through(&mut chunk, reply, message);
        self.server.buffers.give(chunk);
        sent
    }

    fn message_through(&mut self, chunk: &mut Vec<u8>, reply: &Reply, message: &Message) -> io::Result<()> {
        if !self.first_chunk(chunk, reply, message.id)? {
            return Ok(());
        }
        let mut form = Form::new(message);
        let mut stuffer = message.dotted.then(Stuffer::new);
        let mut read = 0;
        for number in 1.. {
            read += chunk.len() as u64;
            if self.send_chunk(&mut form, &mut stuffer, chunk, read >= u64::from(message.octets))? {
                break;
            }
            self.next_chunk(chunk, message.id, number)?;
        }
        self.out.push(END);
        self.tally.sent(message, &self.server.metrics);
        if message.counts_as_read() {
            self.retrieved.push(message.id);
        }
        self.spill()
    }

    /// Sends what is wanted of a chunk, in slices if it has to be rewritten; says whether nothing after it is wanted.
    fn send_chunk(
        &mut self,
        form: &mut Form,
        stuffer: &mut Option<Stuffer>,
        chunk: &[u8],
        last: bool,
    ) -> io::Result<bool> {
        let size = if form.downgrader.is_some() { SLICE } else { chunk.len() };
        let mut rest = chunk;
        loop {
            let (slice, behind) = rest.split_at(rest.len().min(size));
            let (octets, finished) = form.push(slice, last && behind.is_empty());
            self.stream.set_write_timeout(self.timeout());
            match stuffer {
                Some(stuffer) => {
                    stuffer.push(octets, self.out.buffer());
                    self.out.spill(&mut self.stream)?;
                }
                None => self.out.write_through(&mut self.stream, octets)?,
            }
            if finished || behind.is_empty() {
                return Ok(finished);
            }
            // What there is goes out, and nobody works for a client that has left.
            if self.stream.is_gone() {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            self.out.release(&mut self.stream)?;
            rest = behind;
        }
    }

    /// Reads the first chunk and says `reply`, or says why not.
    fn first_chunk(&mut self, chunk: &mut Vec<u8>, reply: &Reply, id: MessageId) -> io::Result<bool> {
        match self.server.store.read(id, 0, chunk) {
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

    fn next_chunk(&mut self, chunk: &mut Vec<u8>, id: MessageId, number: u32) -> io::Result<()> {
        if let Some(reason) = self.entry.end_reason() {
            return Err(io::Error::other(format!("message {} is cut: {reason:?}", id.uid.0)));
        }
        match self.server.store.read(id, number, chunk) {
            Ok(()) if !chunk.is_empty() => Ok(()),
            Ok(()) => Err(io::Error::other(format!("message {} ends early", id.uid.0))),
            Err(error) => Err(io::Error::other(format!("message {}: {error}", id.uid.0))),
        }
    }
}
