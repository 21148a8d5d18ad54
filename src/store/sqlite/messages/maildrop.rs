//! Maildrops: snapshots, chunks of messages, read marks, UPDATE.

use crate::lock::lock;
use crate::store::shared::listing_cache::MaildropState;
use crate::store::shared::upload_buffer::{DOTTED, IMPORTED, INTERNATIONALIZED};
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::date;
use crate::store::sqlite::messages::format::CHUNKS;
use crate::store::sqlite::messages::upload::{Staging, deliver_group};
use crate::store::sqlite::writer::Lane;
use crate::store::{
    Entry, Envelope, Expire, Mail, MailboxId, Maildrop, Memory, MessageId, Result, ScanListing, StoreError, Uid, Upload,
};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::fmt::Write as _;
use std::sync::Arc;

/// Octets that deleting one message writes, for the writer's batches.
const DELETE_OCTETS: usize = 200;

/// Octets that skipping numbers writes.
const SKIP_OCTETS: usize = 100;

impl Mail for Sqlite {
    fn open(&self, mailbox: MailboxId) -> Result<Arc<ScanListing>> {
        Ok(self.maildrop(mailbox)?.listing)
    }

    fn maildrop(&self, mailbox: MailboxId) -> Result<Maildrop> {
        let (kept, memory) = {
            let mut snapshots = lock(&self.snapshots);
            (snapshots.get(mailbox), snapshots.memory())
        };
        let (state, maildrop) = self.readers.with(|connection| snapshot(connection, mailbox, kept.as_ref(), memory))?;
        if kept.is_none_or(|(old, _)| old != state) {
            lock(&self.snapshots).put(mailbox, state, maildrop.listing.clone());
        }
        Ok(maildrop)
    }

    fn first_chunks(&self, messages: &[MessageId], take: &mut dyn FnMut(usize, Result<&[u8]>)) {
        let mut next = 0;
        let read = self.readers.with(|connection| first_chunks(connection, messages, &mut next, take));
        if let Err(error) = read {
            (next..messages.len()).for_each(|index| take(index, Err(error.clone())));
        }
    }

    fn read(&self, message: MessageId, number: u32, chunk: &mut Vec<u8>) -> Result<()> {
        let read = self.readers.with(|connection| match number {
            0 => first_piece(connection, message, chunk),
            _ => later_piece(connection, message.body, number, chunk),
        });
        if read.is_err() {
            chunk.clear();
        }
        read
    }

    fn envelope(&self, message: MessageId) -> Result<Envelope> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT sender, received_at, unique_id, read_at IS NOT NULL, flags FROM message
                  WHERE mailbox_id = ?1 AND uid = ?2",
            )?;
            let envelope = select.query_row((message.mailbox.0, message.uid.0 as i64), |row| {
                Ok(Envelope {
                    sender: row.get(0)?,
                    received_at: row.get(1)?,
                    unique_id: row.get(2)?,
                    read: row.get(3)?,
                    imported: row.get::<_, i64>(4)? & IMPORTED != 0,
                    internationalized: row.get::<_, i64>(4)? & INTERNATIONALIZED != 0,
                })
            });
            envelope.optional()?.ok_or(StoreError::NoSuchMessage)
        })
    }

    fn mark_retrieved(&self, message: MessageId) {
        lock(&self.marks).add(message);
    }

    fn commit(&self, mailbox: MailboxId, messages: &[Uid]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let marks = lock(&self.marks).take(mailbox, messages);
        let (uids, stamp) = (uid_list(messages.iter().map(|uid| uid.0)), self.stamps.stamp());
        let done = self.writer.write(Lane::Mail, messages.len() * DELETE_OCTETS, move |connection| {
            date::deleting(connection, stamp.date, || {
                connection.prepare_cached(DELETE)?.execute(params![mailbox.0, uids])?;
                Ok(())
            })
        });
        if done.is_err() {
            marks.into_iter().for_each(|mark| self.mark_retrieved(mark));
        }
        done
    }

    fn deleted(&self, mailbox: MailboxId, unique_id: &str) -> Result<Option<Uid>> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT uid FROM deleted WHERE mailbox_id = ?1 AND unique_id = ?2
                 UNION ALL SELECT uid FROM deleted
                  WHERE mailbox_id = ?1 AND uid = CAST(?2 AS INTEGER) AND CAST(uid AS TEXT) = ?2 AND unique_id IS NULL",
            )?;
            let uid = select.query_row((mailbox.0, unique_id), |row| row.get::<_, i64>(0)).optional()?;
            Ok(uid.map(|uid| Uid(uid as u64)))
        })
    }

    fn read_deleted(&self, mailbox: MailboxId, uid: Uid, number: u32, chunk: &mut Vec<u8>) -> Result<()> {
        self.readers.with(|connection| {
            let mut select =
                connection.prepare_cached("SELECT body_id FROM deleted WHERE mailbox_id = ?1 AND uid = ?2")?;
            let body = select.query_row((mailbox.0, uid.0 as i64), |row| row.get::<_, i64>(0)).optional()?;
            later_piece(connection, body.ok_or(StoreError::NoSuchMessage)?, number, chunk)
        })
    }

    fn skip_to(&self, mailbox: MailboxId, next: Uid) -> Result<()> {
        let next = next.min(Uid::GREATEST_SKIPPED).0 as i64;
        self.writer.write(Lane::Mail, SKIP_OCTETS, move |connection| skip_to(connection, mailbox, next))
    }

    fn upload(&self, limit: u64) -> Box<dyn Upload + '_> {
        Box::new(Staging::new(self, limit))
    }

    fn deliver_all(&self, to: MailboxId, messages: Vec<(Vec<u8>, Envelope)>) -> Vec<Result<Uid>> {
        deliver_group(self, to, messages).unwrap_or_else(|error| vec![Err(error)])
    }
}

const STANDING: &str = "
  SELECT u.version, u.next_uid, u.messages, m.exact_rfc822_size,
         CASE WHEN r.read_days = 0 THEN r.unread_days WHEN r.unread_days = 0 THEN r.read_days
              ELSE min(r.read_days, r.unread_days) END
    FROM usage u JOIN mailboxes m ON m.id = u.mailbox_id JOIN mailbox_retention r ON r.mailbox_id = u.mailbox_id
   WHERE u.mailbox_id = ?1";

/// One statement for all: each has a journal of its own, in case that it fails halfway.
const DELETE: &str = "DELETE FROM message WHERE mailbox_id = ?1 AND uid IN (SELECT value FROM json_each(?2))";

/// A list for `json_each`.
pub fn uid_list(uids: impl Iterator<Item = u64>) -> String {
    let mut list = String::from("[");
    for uid in uids {
        if list.len() > 1 {
            list.push(',');
        }
        // A String takes it.
        let _ = write!(list, "{uid}");
    }
    list.push(']');
    list
}

/// Raises the next uid, and notes what is passed over in `unshown`, as the trigger `message_imported` does.
fn skip_to(connection: &Connection, mailbox: MailboxId, next: i64) -> Result<()> {
    let (MaildropState { next_uid: from, .. }, ..) = standing(connection, mailbox)?;
    if next <= from {
        return Ok(());
    }
    let grown = connection.execute(
        "UPDATE unshown SET last = ?3 - 1 WHERE mailbox_id = ?1 AND last = ?2 - 1
            AND first = (SELECT max(first) FROM unshown WHERE mailbox_id = ?1)",
        [mailbox.0, from, next],
    )?;
    if grown == 0 {
        connection.execute(
            "INSERT INTO unshown (mailbox_id, first, last) VALUES (?1, ?2, ?3 - 1)",
            [mailbox.0, from, next],
        )?;
    }
    connection.execute("UPDATE usage SET next_uid = ?2 WHERE mailbox_id = ?1", [mailbox.0, next])?;
    Ok(())
}

/// The newest snapshot: the old one if nothing happened, the old one and what arrived if only that happened.
fn snapshot(
    connection: &Connection,
    mailbox: MailboxId,
    kept: Option<&(MaildropState, Arc<ScanListing>)>,
    memory: Arc<Memory>,
) -> Result<(MaildropState, Maildrop)> {
    if let Some((old, listing)) = kept {
        let (now, exact_sizes, expire) = standing(connection, mailbox)?;
        if now == *old {
            return Ok((now, Maildrop { listing: listing.clone(), exact_sizes, expire }));
        }
    }
    // State and listing must be of one moment: a read transaction.
    let transaction = connection.unchecked_transaction()?;
    let (now, exact_sizes, expire) = standing(&transaction, mailbox)?;
    let (mut listing, from) = match kept {
        Some((old, listing)) if old.version == now.version => ((**listing).clone(), old.next_uid),
        _ => (ScanListing::default(), 0),
    };
    listing.reserve(now.messages.saturating_sub(listing.entries().len()));
    list(&transaction, mailbox, from, &mut listing)?;
    transaction.commit()?;
    listing.keep_texts(memory);
    Ok((now, Maildrop { listing: Arc::new(listing), exact_sizes, expire }))
}

/// Where a maildrop stands, and what holds for it.
fn standing(connection: &Connection, mailbox: MailboxId) -> Result<(MaildropState, Option<bool>, Expire)> {
    let mut select = connection.prepare_cached(STANDING)?;
    select
        .query_row([mailbox.0], |row| {
            let state =
                MaildropState { version: row.get(0)?, next_uid: row.get(1)?, messages: row.get::<_, u32>(2)? as usize };
            Ok((state, row.get(3)?, Expire::of(row.get(4)?)))
        })
        .optional()?
        .ok_or(StoreError::NoSuchMailbox)
}

fn list(connection: &Connection, mailbox: MailboxId, from: i64, listing: &mut ScanListing) -> Result<()> {
    let mut messages = connection.prepare_cached(
        "SELECT uid, body_id, size, flags, read_at IS NOT NULL, unique_id FROM message
          WHERE mailbox_id = ?1 AND uid >= ?2 ORDER BY uid",
    )?;
    let mut rows = messages.query((mailbox.0, from))?;
    while let Some(row) = rows.next()? {
        listing.push(entry(row)?, row.get_ref(5)?.as_str_or_null().map_err(rusqlite::Error::from)?);
    }
    Ok(())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        uid: Uid(row.get::<_, i64>(0)? as u64),
        body: row.get(1)?,
        octets: row.get(2)?,
        dotted: row.get::<_, i64>(3)? & DOTTED != 0,
        imported: row.get::<_, i64>(3)? & IMPORTED != 0 || row.get_ref(5)? != ValueRef::Null,
        internationalized: row.get::<_, i64>(3)? & INTERNATIONALIZED != 0,
        read: row.get(4)?,
    })
}

/// The first chunk, looked up through the live row: what was deleted is not sent any more.
const FIRST_PIECE: &str = "SELECT c.data FROM message m LEFT JOIN chunk c ON c.id = m.body_id * 4096
  WHERE m.mailbox_id = ?1 AND m.uid = ?2 AND m.body_id = ?3";

/// Octets up to which a chunk is taken from SQLite's row.
const SMALL: i64 = 64 << 10;

/// The same: its id, and its octets if they are few.
const FIRST_CHUNK: &str = "
  SELECT c.id, CASE WHEN length(c.data) <= ?4 THEN c.data END FROM message m LEFT JOIN chunk c ON c.id = m.body_id * 4096
   WHERE m.mailbox_id = ?1 AND m.uid = ?2 AND m.body_id = ?3";

const LATER_CHUNK: &str = "
  SELECT id, CASE WHEN length(data) <= ?4 THEN data END FROM chunk
   WHERE id = coalesce((SELECT tail_id * ?3 + ?2 - 1 FROM continuation WHERE body_id = ?1 AND ?2 > 0), ?1 * ?3 + ?2)";

/// One read transaction for all: to begin and end one costs as much as to read a small message.
fn first_chunks(
    connection: &Connection,
    messages: &[MessageId],
    next: &mut usize,
    take: &mut dyn FnMut(usize, Result<&[u8]>),
) -> Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let mut select = transaction.prepare_cached(FIRST_PIECE)?;
    for (index, message) in messages.iter().enumerate() {
        let mut rows = select.query((message.mailbox.0, message.uid.0 as i64, message.body))?;
        let data = match rows.next()? {
            None => Err(StoreError::NoSuchMessage),
            Some(row) => data(row, *message),
        };
        *next = index + 1;
        take(index, data);
    }
    Ok(())
}

fn first_piece(connection: &Connection, message: MessageId, chunk: &mut Vec<u8>) -> Result<()> {
    let mut select = connection.prepare_cached(FIRST_CHUNK)?;
    let mut rows = select.query(params![message.mailbox.0, message.uid.0 as i64, message.body, SMALL])?;
    let row = rows.next()?.ok_or(StoreError::NoSuchMessage)?;
    if row.get_ref(0)? == ValueRef::Null {
        return Err(lost(message));
    }
    take_chunk(connection, row, chunk)
}

/// Replaces `chunk` by that of a row of its id, and its octets if they are few. Those of a large one are copied once, from
/// the database's pages to where they are wanted; SQLite's row would be another copy. The row keeps both of one moment.
fn take_chunk(connection: &Connection, row: &Row<'_>, chunk: &mut Vec<u8>) -> Result<()> {
    if let Some(octets) = row.get_ref(1)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
        chunk.clear();
        chunk.extend_from_slice(octets);
        return Ok(());
    }
    let blob = connection.blob_open("main", "chunk", "data", row.get(0)?, true)?;
    // What stands in it is not cleared: it is written over.
    chunk.resize(blob.len(), 0);
    blob.read_at_exact(chunk, 0)?;
    Ok(blob.close()?)
}

fn data<'a>(row: &'a Row<'_>, message: MessageId) -> Result<&'a [u8]> {
    let data = row.get_ref(0)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
    data.ok_or_else(|| lost(message))
}

fn lost(message: MessageId) -> StoreError {
    StoreError::Internal(format!("message {message:?} has lost its octets"))
}

fn later_piece(connection: &Connection, body: i64, number: u32, chunk: &mut Vec<u8>) -> Result<()> {
    if i64::from(number) >= CHUNKS {
        chunk.clear();
        return Ok(());
    }
    let mut select = connection.prepare_cached(LATER_CHUNK)?;
    let mut rows = select.query([body, i64::from(number), CHUNKS, SMALL])?;
    match rows.next()? {
        Some(row) => take_chunk(connection, row, chunk),
        None => {
            chunk.clear();
            Ok(())
        }
    }
}
