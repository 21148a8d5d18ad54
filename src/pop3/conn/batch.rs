//! Small messages of pipelined RETRs, read together: a read transaction costs as much as a small
//! message, and nobody waits for the client while they are gathered.

use super::Connection;
use crate::message::dot::Stuffer;
use crate::net::line::FLUSH_AT;
use crate::pop3::reply::Reply;
use crate::store::MessageId;
use std::io;

/// The largest message that is gathered, octets: one chunk in every engine.
pub(super) const SMALL: u32 = 32 * 1024;
/// Most messages gathered.
const MOST: usize = 64;

/// RETRs that were understood and not answered yet.
#[derive(Default)]
pub(super) struct Batch {
    ids: Vec<MessageId>,
    answers: Vec<Answer>,
    octets: usize,
}

/// What is said before a message, and what is known of it.
struct Answer {
    reply: Reply,
    dotted: bool,
    unread: bool,
}

impl Connection<'_> {
    /// Adds a RETR; the answer goes out with the next ones, or at the latest before the client is
    /// waited for.
    pub(super) fn gather(
        &mut self,
        reply: Reply,
        id: MessageId,
        octets: u32,
        dotted: bool,
        unread: bool,
    ) -> io::Result<()> {
        self.batch.ids.push(id);
        self.batch.answers.push(Answer { reply, dotted, unread });
        self.batch.octets += octets as usize;
        if self.batch.ids.len() >= MOST || self.batch.octets >= FLUSH_AT { self.send_batch() } else { Ok(()) }
    }

    /// Answers what was gathered, in order.
    pub(super) fn send_batch(&mut self) -> io::Result<()> {
        if self.batch.ids.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        let (about, out, retrieved) = (&self.about, self.out.buffer(), &mut self.retrieved);
        self.server.store.first_chunks(&batch.ids, &mut |index, chunk| {
            let (id, answer) = (batch.ids[index], &batch.answers[index]);
            match chunk {
                Ok(octets) => {
                    answer.write(octets, out);
                    if answer.unread {
                        retrieved.push(id);
                    }
                }
                Err(error) => about.unreadable(id, &error).write(out),
            }
        });
        self.spill()
    }
}

impl Answer {
    fn write(&self, message: &[u8], out: &mut Vec<u8>) {
        self.reply.write(out);
        let mut stuffer = Stuffer::new();
        if self.dotted {
            stuffer.push(message, out);
            stuffer.finish(out);
        } else {
            out.extend_from_slice(message);
            out.extend_from_slice(super::message::END);
        }
    }
}
