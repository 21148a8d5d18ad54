//! One message on its way in.
//!
//! A message of one chunk is written by one job. Of a larger one every chunk is a job of its own, under a row of
//! [`staging`] that the last job removes: a crash or a dropped connection leaves only that row, and the server does the
//! rest (RFC 5321 section 6.1: nothing is ours before the answer).
//!
//! Copies with a header of their own are bodies of their own while they are small. Those of a larger message are a header
//! each, and go on in one body that they have in common ([`copies`]).

mod copies;
mod group;
mod staging;

use crate::store::shared::upload_buffer::{MessageRow, UploadBuffer};
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::date;
use crate::store::sqlite::messages::body_ids::body_id;
use crate::store::sqlite::messages::format::CHUNK;
use crate::store::sqlite::statistics;
use crate::store::sqlite::writer::Lane;
use crate::store::{Envelope, MailboxId, Result, Sample, Uid, Upload};
use rusqlite::Connection;

pub use group::deliver as deliver_group;

pub use copies::next_uid;
pub use copies::{insert_chunk, insert_summary};
pub use staging::age;

/// Octets that a message's row and counters write, for the writer's batches.
const ROW_OCTETS: usize = 1000;

/// Octets that a message with a header of its own has at most to be all of one chunk. The smaller are never split:
/// [`crate::store::Mail::first_chunks`] promises that.
const WHOLE: usize = 64 << 10;

/// A message whose chunks are in memory (the last one) and in the database (those before).
pub struct Staging<'a> {
    store: &'a Sqlite,
    buffer: UploadBuffer,
    staged: Staged,
}

/// Full chunks in the database.
#[derive(Default)]
struct Staged {
    /// The body that they belong to, once there is one.
    body: Option<i64>,
    chunks: i64,
}

impl Staged {
    /// Writes a chunk away.
    fn write(&mut self, store: &Sqlite, chunk: Vec<u8>) -> Result<()> {
        let (body, number) = (self.body, self.chunks);
        let at_hand = if body.is_none() { store.bodies.take() } else { None };
        let (body, rest) = store.writer.write(Lane::Mail, chunk.len(), move |connection| {
            let (body, rest) = match body {
                Some(body) => staging::go_on(connection, body).map(|()| (body, 0..0))?,
                None => staging::begin(connection, at_hand)?,
            };
            insert_chunk(connection, body, number, &chunk)?;
            Ok((body, rest))
        })?;
        store.bodies.put(rest);
        self.body = Some(body);
        self.chunks += 1;
        Ok(())
    }
}

impl<'a> Staging<'a> {
    /// Nothing is written yet.
    pub fn new(store: &'a Sqlite, limit: u64) -> Self {
        Self { store, buffer: UploadBuffer::new(limit, CHUNK), staged: Staged::default() }
    }

    /// Lets the reaper have what was staged, without waiting for it.
    fn abandon(&mut self) {
        if let Some(body) = self.staged.body.take() {
            let work = move |connection: &_| staging::abandon(connection, body);
            if let Err(error) = self.store.writer.submit(Lane::Maintenance, ROW_OCTETS, work) {
                log::warn!("store: an aborted upload stays for a day: {error}");
            }
        }
    }

    /// What was staged, and what was not.
    fn parts(&mut self) -> (Option<(i64, i64)>, Vec<u8>) {
        (self.staged.body.map(|body| (body, self.staged.chunks)), self.buffer.rest())
    }

    /// The end: nothing is left to be abandoned if there is a copy.
    fn stored(mut self, answers: Vec<Result<Uid>>) -> Result<Vec<Result<Uid>>> {
        if answers.iter().any(Result::is_ok) {
            self.staged.body = None;
        }
        Ok(answers)
    }
}

impl Upload for Staging<'_> {
    fn push(&mut self, octets: &[u8]) -> Result<()> {
        let Self { store, buffer, staged } = self;
        let taken = buffer.push(octets, |chunk| staged.write(store, chunk));
        if taken.is_err() {
            self.abandon();
        }
        taken
    }

    fn deliver(mut self: Box<Self>, to: &[MailboxId], envelope: &Envelope) -> Result<Vec<Result<Uid>>> {
        let mut row = self.buffer.row(envelope, self.store.stamps.stamp())?;
        let counts = self.store.counts_deliveries;
        let (staged, last) = self.parts();
        let at_hand = if staged.is_none() { self.store.bodies.take() } else { None };
        let (to, octets) = (to.to_vec(), last.len() + to.len() * ROW_OCTETS);
        let (answers, rest) = self.store.writer.write(Lane::Mail, octets, move |connection| {
            give_date(connection, &mut row)?;
            let (body, number, rest) = match staged {
                Some((body, number)) => (body, number, 0..0),
                None => body_id(connection, at_hand).map(|(body, rest)| (body, 0, rest))?,
            };
            let answers = copies::of_one_body(connection, body, number, &last, &to, &row)?;
            if counts {
                count(connection, &answers, &row);
            }
            Ok((answers, rest))
        })?;
        self.store.bodies.put(rest);
        self.stored(answers)
    }

    fn deliver_each(mut self: Box<Self>, to: &[(MailboxId, String)], envelope: &Envelope) -> Result<Vec<Result<Uid>>> {
        let header = to.iter().map(|(_, header)| header.len()).max().unwrap_or(0);
        let mut row = self.buffer.row(envelope, self.store.stamps.stamp())?;
        let counts = self.store.counts_deliveries;
        if self.staged.body.is_none() && self.buffer.len() + header > WHOLE {
            self.staged.write(self.store, self.buffer.rest())?;
        }
        let (staged, last) = self.parts();
        let octets = if staged.is_some() { last.len() } else { last.len() * to.len() };
        let (to, octets) = (to.to_vec(), octets + to.len() * (header + ROW_OCTETS));
        let answers = self.store.writer.write(Lane::Mail, octets, move |connection| {
            give_date(connection, &mut row)?;
            let answers = match staged {
                None => copies::of_their_own(connection, &last, &to, &row),
                Some((tail, number)) => copies::with_a_tail(connection, tail, number, &last, &to, &row),
            }?;
            if counts {
                count(connection, &answers, &row);
            }
            Ok(answers)
        })?;
        self.stored(answers)
    }
}

/// The date is given in the transaction.
fn give_date(connection: &Connection, row: &mut MessageRow) -> Result<()> {
    row.stamp.date = date::give(connection, row.stamp.date)?;
    Ok(())
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// In the statistics. What cannot be counted is delivered all the same.
fn count(connection: &Connection, answers: &[Result<Uid>], row: &MessageRow) {
    let deliveries = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
    let sample = Sample {
        deliveries,
        delivered_octets: deliveries * row.size as u64,
        refused: answers.len() as u64 - deliveries,
        ..Sample::default()
    };
    if let Err(error) = statistics::count(connection, row.stamp.now, &sample) {
        log::debug!("store: a delivery was not counted: {error}");
    }
}

#[cfg(test)]
mod tests;
