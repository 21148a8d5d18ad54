//! One message on its way in.
//!
//! A message of one chunk is written by one job. Of a larger one every chunk is a job of its own,
//! under a `purge` row that the last job removes: a crash or a dropped connection leaves only that
//! row, and the reaper does the rest (RFC 5321 section 6.1: nothing is ours before the answer).

use crate::clock::Stamp;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::database::error;
use crate::store::sqlite::date;
use crate::store::sqlite::messages::body_ids::body_id;
use crate::store::sqlite::messages::format::{CHUNK, CHUNKS, DOTTED, INTERNATIONALIZED};
use crate::store::sqlite::statistics;
use crate::store::sqlite::writer::Lane;
use crate::store::{Envelope, MailboxId, Result, Sample, StoreError, Uid, Upload};
use rusqlite::{Connection, OptionalExtension, params};
use std::ops::Range;

/// Seconds after which an upload that never ended may be purged: longer than any client may take.
const ABANDONED: i64 = 86_400;

/// Octets that a message's row and counters write, for the writer's batches.
const ROW_OCTETS: usize = 1000;

/// A message whose chunks are in memory (the last one) and in the database (those before).
pub struct Staging<'a> {
    store: &'a Sqlite,
    chunk: Vec<u8>,
    /// The body that the full chunks belong to, once there is one.
    body: Option<i64>,
    chunks: i64,
    octets: u64,
    limit: u64,
    dots: Dots,
}

impl<'a> Staging<'a> {
    /// Nothing is written yet.
    pub fn new(store: &'a Sqlite, limit: u64) -> Self {
        Self { store, chunk: Vec::new(), body: None, chunks: 0, octets: 0, limit, dots: Dots::default() }
    }

    /// Writes the full chunk away.
    fn stage(&mut self) -> Result<()> {
        let (chunk, body, number) = (std::mem::take(&mut self.chunk), self.body, self.chunks);
        let at_hand = if body.is_none() { self.store.bodies.take() } else { None };
        let stamp = self.store.stamps.stamp();
        let (body, rest) = self.store.writer.write(Lane::Mail, chunk.len(), move |connection| {
            let (body, rest) = match body {
                Some(body) => (body, 0..0),
                None => begin(connection, at_hand, stamp)?,
            };
            insert_chunk(connection, body, number, &chunk)?;
            Ok((body, rest))
        })?;
        self.store.bodies.put(rest);
        self.body = Some(body);
        self.chunks += 1;
        Ok(())
    }

    /// Lets the reaper have what was staged, without waiting for it.
    fn abandon(&mut self) {
        if let Some(body) = self.body.take() {
            let submitted = self.store.writer.submit(Lane::Maintenance, ROW_OCTETS, move |connection| {
                connection.execute("UPDATE purge SET not_before = 0 WHERE body_id = ?1", [body])?;
                Ok(())
            });
            if let Err(error) = submitted {
                log::warn!("store: an upload that was dropped stays for a day: {error}");
            }
        }
    }
}

impl Upload for Staging<'_> {
    fn push(&mut self, mut octets: &[u8]) -> Result<()> {
        self.octets += octets.len() as u64;
        if self.octets > self.limit {
            self.chunk = Vec::new();
            self.abandon();
            return Err(StoreError::TooBig);
        }
        self.dots.look(octets);
        while !octets.is_empty() {
            if self.chunk.len() == CHUNK {
                self.stage()?;
            }
            let (now, later) = octets.split_at(octets.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            octets = later;
        }
        Ok(())
    }

    fn deliver(mut self: Box<Self>, to: &[MailboxId], envelope: &Envelope) -> Result<Vec<Result<Uid>>> {
        if self.octets > self.limit {
            return Err(StoreError::TooBig);
        }
        let (last, staged) = (std::mem::take(&mut self.chunk), self.body.map(|body| (body, self.chunks)));
        let at_hand = if staged.is_none() { self.store.bodies.take() } else { None };
        let (to, octets) = (to.to_vec(), last.len() + to.len() * ROW_OCTETS);
        let (stamp, counts) = (self.store.stamps.stamp(), self.store.counts_deliveries);
        let row = Row { size: self.octets as i64, dotted: self.dots.found, envelope: envelope.clone(), stamp };
        let (answers, rest) = self.store.writer.write(Lane::Mail, octets, move |connection| {
            let (body, number, rest) = match staged {
                Some((body, number)) => (body, number, 0..0),
                None => body_id(connection, at_hand).map(|(body, rest)| (body, 0, rest))?,
            };
            let row = Row { stamp: Stamp { date: date::give(connection, stamp.date)?, ..stamp }, ..row };
            let answers = finish(connection, body, number, &last, &to, &row)?;
            if counts {
                count(connection, &answers, &row);
            }
            Ok((answers, rest))
        })?;
        self.store.bodies.put(rest);
        if answers.iter().any(Result::is_ok) {
            self.body = None;
        }
        self.store.place.check()?;
        Ok(answers)
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// What every copy of a message has in common.
struct Row {
    size: i64,
    dotted: bool,
    envelope: Envelope,
    stamp: Stamp,
}

/// The rows first: they find out about the quota before an octet is written.
fn finish(
    connection: &Connection,
    body: i64,
    number: i64,
    last: &[u8],
    to: &[MailboxId],
    row: &Row,
) -> Result<Vec<Result<Uid>>> {
    let mut answers = Vec::with_capacity(to.len());
    for &mailbox in to {
        answers.push(insert_copy(connection, mailbox, body, row)?);
    }
    let copies = answers.iter().filter(|answer| answer.is_ok()).count();
    if copies == 0 {
        return Ok(answers);
    }
    if number == 0 || !last.is_empty() {
        insert_chunk(connection, body, number, last)?;
    }
    if number > 0 {
        connection.prepare_cached("DELETE FROM purge WHERE body_id = ?1")?.execute([body])?;
    }
    if copies > 1 {
        connection
            .prepare_cached("INSERT INTO shared (body_id, copies) VALUES (?1, ?2)")?
            .execute(params![body, copies as i64])?;
    }
    Ok(answers)
}

/// In the statistics. What cannot be counted is delivered all the same.
fn count(connection: &Connection, answers: &[Result<Uid>], row: &Row) {
    let deliveries = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
    let sample = Sample {
        deliveries,
        delivered_octets: deliveries * row.size as u64,
        refused: answers.len() as u64 - deliveries,
        ..Sample::default()
    };
    if let Err(error) = statistics::count(connection, row.stamp.now, &sample) {
        log::debug!("a delivery was not counted: {error}");
    }
}

/// One copy. The inner error is this copy's own; the outer one ends the job.
fn insert_copy(connection: &Connection, mailbox: MailboxId, body: i64, row: &Row) -> Result<Result<Uid>> {
    // Not RETURNING: it makes a table for what it returns, which costs as much as the row.
    let mut select = connection.prepare_cached("SELECT next_uid FROM usage WHERE mailbox_id = ?1")?;
    let Some(uid) = select.query_row([mailbox.0], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(Err(StoreError::NoSuchMailbox));
    };
    // A statement that RAISE(ABORT)s takes back what it and its triggers did, and nothing else.
    let mut insert = connection.prepare_cached(
        "INSERT INTO message (mailbox_id, uid, body_id, size, flags, unique_id, received_at, stored_at, sender, read_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let Envelope { sender, received_at, unique_id, read, internationalized } = &row.envelope;
    let Stamp { now, date } = row.stamp;
    let (received_at, read_at) = (received_at.unwrap_or(now), read.then_some(now));
    let flags = if row.dotted { DOTTED } else { 0 } | if *internationalized { INTERNATIONALIZED } else { 0 };
    let values = params![mailbox.0, uid, body, row.size, flags, unique_id, received_at, date, sender, read_at];
    match insert.execute(values) {
        Ok(_) => Ok(Ok(Uid(uid as u64))),
        Err(error) => match StoreError::from(error) {
            error if error::is_of_the_row(&error) => Ok(Err(error)),
            error => Err(error),
        },
    }
}

pub fn insert_chunk(connection: &Connection, body: i64, number: i64, chunk: &[u8]) -> Result<()> {
    if number >= CHUNKS {
        return Err(StoreError::TooBig);
    }
    let mut insert = connection.prepare_cached("INSERT INTO chunk (id, data) VALUES (?1, ?2)")?;
    insert.execute(params![body * CHUNKS + number, chunk])?;
    Ok(())
}

/// A body id of its own, noted for purging until the message is whole.
fn begin(connection: &Connection, at_hand: Option<i64>, stamp: Stamp) -> Result<(i64, Range<i64>)> {
    let (body, rest) = body_id(connection, at_hand)?;
    let date = date::give(connection, stamp.date)?;
    let mut insert = connection.prepare_cached("INSERT INTO purge (body_id, not_before) VALUES (?1, ?2)")?;
    insert.execute([body, date + ABANDONED])?;
    Ok((body, rest))
}

/// Finds out whether some line starts with a dot, however the octets come in.
#[derive(Debug)]
pub struct Dots {
    pub found: bool,
    at_line_start: bool,
}

impl Default for Dots {
    fn default() -> Self {
        Self { found: false, at_line_start: true }
    }
}

impl Dots {
    pub fn look(&mut self, octets: &[u8]) {
        let (Some(first), Some(last)) = (octets.first(), octets.last()) else { return };
        self.found =
            self.found || (self.at_line_start && *first == b'.') || memchr::memmem::find(octets, b"\n.").is_some();
        self.at_line_start = *last == b'\n';
    }
}
