//! Small messages of pipelined RETRs, read together: a read transaction costs as much as a small
//! message, and nobody waits for the client while they are gathered.

use super::Connection;
use super::message::END;
use crate::message::dot::Stuffer;
use crate::net::line::FLUSH_AT;
use crate::pop3::reply::Reply;
use crate::pop3::transaction::Message;
use crate::store::MessageId;
use std::io;

/// Most messages gathered.
const MOST: usize = 64;

/// RETRs that were understood and not answered yet.
#[derive(Default)]
pub(super) struct Batch {
    ids: Vec<MessageId>,
    answers: Vec<(Reply, Message)>,
    octets: usize,
}

impl Connection<'_> {
    /// Adds a RETR; the answer goes out with the next ones, or at the latest before the client is
    /// waited for.
    pub(super) fn gather(&mut self, reply: Reply, message: Message) -> io::Result<()> {
        self.batch.ids.push(message.id);
        self.batch.octets += message.octets as usize;
        self.batch.answers.push((reply, message));
        if self.batch.ids.len() >= MOST || self.batch.octets >= FLUSH_AT { self.send_batch() } else { Ok(()) }
    }

    /// Answers what was gathered, in order.
    pub(super) fn send_batch(&mut self) -> io::Result<()> {
        if self.batch.ids.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        let (about, out, retrieved) = (&self.about, self.out.buffer(), &mut self.retrieved);
        let (tally, metrics) = (&mut self.tally, &self.server.metrics);
        self.server.store.first_chunks(&batch.ids, &mut |index, chunk| {
            let (reply, message) = &batch.answers[index];
            match chunk {
                Ok(octets) => {
                    reply.write(out);
                    write_whole(message, octets, out);
                    tally.sent(message, metrics);
                    if message.counts_as_read() {
                        retrieved.push(message.id);
                    }
                }
                Err(error) => about.unreadable(message.id, &error).write(out),
            }
        });
        self.spill()
    }
}

/// A message of one chunk, and its end.
fn write_whole(message: &Message, octets: &[u8], out: &mut Vec<u8>) {
    if message.dotted {
        let mut stuffer = Stuffer::new();
        stuffer.push(octets, out);
        stuffer.finish(out);
    } else {
        out.extend_from_slice(octets);
        out.extend_from_slice(END);
    }
}
