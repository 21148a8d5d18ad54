//! Maildrops: snapshots, pieces of messages, read marks, UPDATE.

use super::Postgres;
use super::libpq::{Connection, Row, Rows, ints, statement};
use super::upload::Staging;
use super::writer::{Deletion, Lane};
use crate::lock::lock;
use crate::store::shared::listing_cache::MaildropState;
use crate::store::shared::upload_buffer::{DOTTED, IMPORTED, INTERNATIONALIZED};
use crate::store::{
    Entry, Envelope, Mail, MailboxId, Maildrop, Memory, MessageId, Result, ScanListing, StoreError, Uid, Upload,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// Rows of a listing that are read at once.
const ROWS: usize = 5000;
/// First pieces that are read at once: 1 MiB at most.
const PIECES: usize = 16;

impl Mail for Postgres {
    fn open(&self, mailbox: MailboxId) -> Result<Arc<ScanListing>> {
        let (kept, memory) = {
            let mut snapshots = lock(&self.snapshots);
            (snapshots.get(mailbox), snapshots.memory())
        };
        let read = |connection: &mut _| snapshot(connection, mailbox, kept.as_ref(), memory.clone());
        let (state, listing) = self.pool.with(read)?;
        if kept.is_none_or(|(old, _)| old != state) {
            lock(&self.snapshots).put(mailbox, state, listing.clone());
        }
        Ok(listing)
    }

    fn maildrop(&self, mailbox: MailboxId) -> Result<Maildrop> {
        let standing = self.standing_of(mailbox)?;
        let kept = lock(&self.snapshots).get(mailbox).filter(|(state, _)| *state == standing.state);
        let listing = kept.map_or_else(|| self.open(mailbox), |(_, listing)| Ok(listing))?;
        Ok(Maildrop { listing, exact_sizes: standing.exact_sizes, expire: standing.expire })
    }

    fn first_chunks(&self, messages: &[MessageId], take: &mut dyn FnMut(usize, Result<&[u8]>)) {
        if let [message] = messages {
            return self.one_chunk(*message, take);
        }
        let mut next = 0;
        let read = self.pool.with(|connection| first_chunks(connection, messages, &mut next, take));
        if let Err(error) = read {
            (next..messages.len()).for_each(|index| take(index, Err(error.clone())));
        }
    }

    fn read(&self, message: MessageId, number: u32, chunk: &mut Vec<u8>) -> Result<()> {
        chunk.clear();
        self.pool.with(|connection| match number {
            0 => first_piece(connection, message, &mut |_, octets| chunk.extend_from_slice(octets.unwrap_or_default())),
            _ => piece(connection, message.body, number, chunk),
        })
    }

    fn envelope(&self, message: MessageId) -> Result<Envelope> {
        let sql = "SELECT sender, received_at, unique_id, read_at IS NOT NULL, flags FROM message
                    WHERE mailbox_id = $1 AND uid = $2";
        self.pool.with(|connection| {
            let rows = connection.query(sql, [message.mailbox.0.into(), (message.uid.0 as i64).into()])?;
            let row = rows.first().ok_or(StoreError::NoSuchMessage)?;
            let flags = row.int(4)?;
            Ok(Envelope {
                sender: row.text(0)?,
                received_at: row.int_or_null(1)?,
                unique_id: row.text_or_null(2)?,
                read: row.is(3)?,
                imported: flags & IMPORTED != 0,
                internationalized: flags & INTERNATIONALIZED != 0,
            })
        })
    }

    fn mark_retrieved(&self, message: MessageId) {
        lock(&self.marks).add(message);
    }

    fn commit(&self, mailbox: MailboxId, messages: &[Uid]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        lock(&self.ahead).forget(mailbox);
        let uids = messages.iter().map(|uid| uid.0 as i64).collect();
        self.writer.delete(Deletion { mailbox, uids, stamp: self.stamps.stamp() })
    }

    fn deleted(&self, mailbox: MailboxId, unique_id: &str) -> Result<Option<Uid>> {
        let sql = "SELECT uid FROM deleted WHERE mailbox_id = $1 AND unique_id = $2
                   UNION ALL SELECT uid FROM deleted WHERE mailbox_id = $1 AND uid = $3 AND unique_id IS NULL";
        let number = Uid::decimal(unique_id).map(|uid| uid.0 as i64);
        self.pool.with(|connection| {
            let rows = connection.query(sql, [mailbox.0.into(), unique_id.into(), number.into()])?;
            rows.first().map(|row| Ok(Uid(row.size(0)?))).transpose()
        })
    }

    fn read_deleted(&self, mailbox: MailboxId, uid: Uid, number: u32, chunk: &mut Vec<u8>) -> Result<()> {
        chunk.clear();
        let sql = "SELECT body_id FROM deleted WHERE mailbox_id = $1 AND uid = $2";
        self.pool.with(|connection| {
            let rows = connection.query(sql, [mailbox.0.into(), (uid.0 as i64).into()])?;
            let body = rows.first().ok_or(StoreError::NoSuchMessage)?.int(0)?;
            piece(connection, body, number, chunk)
        })
    }

    fn skip_to(&self, mailbox: MailboxId, next: Uid) -> Result<()> {
        let next = next.min(Uid::GREATEST_SKIPPED).0 as i64;
        self.writer.write(Lane::Mail, move |connection| skip_to(connection, mailbox, next))
    }

    fn upload(&self, limit: u64) -> Box<dyn Upload + '_> {
        Box::new(Staging::new(self, limit))
    }
}

impl Postgres {
    /// A message of a client that asks for one at a time, and what it will ask for next.
    fn one_chunk(&self, message: MessageId, take: &mut dyn FnMut(usize, Result<&[u8]>)) {
        let since = Instant::now();
        if let Some(octets) = lock(&self.ahead).take(message, since) {
            return take(0, Ok(&octets));
        }
        let listing = lock(&self.snapshots).get(message.mailbox);
        let mut wanted = lock(&self.ahead).next(message, listing.as_ref().map(|(_, listing)| &**listing));
        wanted.insert(0, message);
        let (mut next, mut taken, mut more) = (0, false, VecDeque::new());
        let read = self.pool.with(|connection| {
            if wanted.len() == 1 {
                return first_piece(connection, message, take).map(|()| taken = true);
            }
            first_chunks(connection, &wanted, &mut next, &mut |at, chunk| match (at, chunk) {
                (0, chunk) => {
                    taken = true;
                    take(0, chunk);
                }
                (at, Ok(octets)) => more.push_back((wanted[at], octets.to_vec())),
                // It is gone already.
                (_, Err(_)) => {}
            })
        });
        match read {
            Err(error) if !taken => take(0, Err(error)),
            Err(_) => {}
            Ok(()) if more.is_empty() => {}
            Ok(()) => lock(&self.ahead).keep(message.mailbox, more, since),
        }
    }
}

/// Raises the next uid, and notes what is passed over in `unshown`.
fn skip_to(connection: &mut Connection, mailbox: MailboxId, next: i64) -> Result<()> {
    let locked = connection.run(&[
        statement("SELECT lock_mailboxes($1, $1)", [mailbox.0.into()]),
        statement("SELECT next_uid FROM usage WHERE mailbox_id = $1", [mailbox.0.into()]),
    ])?;
    let from = locked[1].first().ok_or(StoreError::NoSuchMailbox)?.int(0)?;
    if next <= from {
        return Ok(());
    }
    let grown = connection.query(
        "UPDATE unshown SET last = $3 - 1 WHERE mailbox_id = $1 AND last = $2 - 1
            AND first = (SELECT max(first) FROM unshown WHERE mailbox_id = $1)",
        [mailbox.0.into(), from.into(), next.into()],
    )?;
    if grown.changed() == 0 {
        let insert = "INSERT INTO unshown (mailbox_id, first, last) VALUES ($1, $2, $3 - 1)";
        connection.query(insert, [mailbox.0.into(), from.into(), next.into()])?;
    }
    connection.query("UPDATE usage SET next_uid = $2 WHERE mailbox_id = $1", [mailbox.0.into(), next.into()])?;
    Ok(())
}

const STATE: &str = "SELECT version, next_uid, messages FROM usage WHERE mailbox_id = $1";
/// A page of a listing in one row, whose columns are arrays: a row for each message takes the library more time than the server.
const LIST: &str = "
  SELECT array_agg(uid), array_agg(body_id), array_agg(size), array_agg(flags), array_agg(read_at IS NOT NULL), array_agg(unique_id)
    FROM (SELECT uid, body_id, size, flags, read_at, unique_id FROM message
           WHERE mailbox_id = $1 AND uid >= $2 ORDER BY uid LIMIT $3) AS page HAVING count(*) > 0";

/// The newest snapshot: the old one if nothing happened, the old one and what arrived if only that happened.
fn snapshot(
    connection: &mut Connection,
    mailbox: MailboxId,
    kept: Option<&(MaildropState, Arc<ScanListing>)>,
    memory: Arc<Memory>,
) -> Result<(MaildropState, Arc<ScanListing>)> {
    if let Some((old, listing)) = kept
        && state(&connection.query(STATE, [mailbox.0.into()])?)? == *old
    {
        return Ok((*old, listing.clone()));
    }
    // State and listing must be of one moment.
    let read = statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", []);
    let rows = connection.run(&[read, statement(STATE, [mailbox.0.into()])])?;
    let listed = state(&rows[1]).and_then(|now| list(connection, mailbox, now, kept));
    connection.query("COMMIT", [])?;
    let (now, mut listing) = listed?;
    listing.keep_texts(memory);
    Ok((now, Arc::new(listing)))
}

fn state(rows: &Rows) -> Result<MaildropState> {
    let row = rows.first().ok_or(StoreError::NoSuchMailbox)?;
    Ok(MaildropState { version: row.int(0)?, next_uid: row.int(1)?, messages: row.size(2)? as usize })
}

fn list(
    connection: &mut Connection,
    mailbox: MailboxId,
    now: MaildropState,
    kept: Option<&(MaildropState, Arc<ScanListing>)>,
) -> Result<(MaildropState, ScanListing)> {
    let (mut listing, mut from) = match kept {
        Some((old, listing)) if old.version == now.version => ((**listing).clone(), old.next_uid),
        _ => (ScanListing::default(), 0),
    };
    listing.reserve(now.messages.saturating_sub(listing.entries().len()));
    loop {
        let rows = connection.query(LIST, [mailbox.0.into(), from.into(), (ROWS as i64).into()])?;
        let taken = rows.first().map_or(Ok(0), |page| take_page(&page, &mut listing))?;
        if taken < ROWS {
            return Ok((now, listing));
        }
        from = listing.entries().last().map_or(from, |last| last.uid.0 as i64 + 1);
    }
}

/// Appends a page; says how many messages it has.
fn take_page(page: &Row<'_>, listing: &mut ScanListing) -> Result<usize> {
    let [uids, bodies, sizes] = [page.ints(0)?, page.ints(1)?, page.ints(2)?];
    let [flags, read] = [page.ints(3)?, page.ints(4)?];
    for (at, id) in page.array(5)?.enumerate() {
        let number = |column: &[i64]| column.get(at).copied().ok_or_else(uneven);
        let (flags, unique_id) = (number(&flags)?, id.map(|id| std::str::from_utf8(id).unwrap_or_default()));
        let entry = Entry {
            uid: Uid(number(&uids)? as u64),
            body: number(&bodies)?,
            octets: number(&sizes)? as u32,
            dotted: flags & DOTTED != 0,
            imported: flags & IMPORTED != 0 || unique_id.is_some(),
            internationalized: flags & INTERNATIONALIZED != 0,
            read: number(&read)? != 0,
        };
        listing.push(entry, unique_id);
    }
    Ok(uids.len())
}

fn uneven() -> StoreError {
    StoreError::Internal("the columns of a listing are not of one length".into())
}

const FIRST_PIECES: &str = "
  SELECT m.uid IS NOT NULL, c.data
    FROM unnest($1, $2, $3) WITH ORDINALITY AS wanted (mailbox_id, uid, body_id, place)
    LEFT JOIN message m ON m.mailbox_id = wanted.mailbox_id AND m.uid = wanted.uid AND m.body_id = wanted.body_id
    LEFT JOIN chunk c ON c.body_id = m.body_id AND c.piece = 0 ORDER BY wanted.place";

/// All of one moment: in one statement, or else in one transaction.
fn first_chunks(
    connection: &mut Connection,
    messages: &[MessageId],
    next: &mut usize,
    take: &mut dyn FnMut(usize, Result<&[u8]>),
) -> Result<()> {
    let several = messages.len() > PIECES;
    if several {
        connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", [])?;
    }
    // What was taken stays so if it must be begun again on another connection.
    while *next < messages.len() {
        let some = &messages[*next..messages.len().min(*next + PIECES)];
        let column = |of: fn(&MessageId) -> i64| ints(some.iter().map(|one| Some(of(one))));
        let wanted = [column(|one| one.mailbox.0), column(|one| one.uid.0 as i64), column(|one| one.body)];
        let rows = connection.query(FIRST_PIECES, wanted)?;
        for (row, message) in rows.iter().zip(some) {
            *next += 1;
            take(*next - 1, data(&row, *message));
        }
    }
    if several {
        connection.query("COMMIT", [])?;
    }
    Ok(())
}

fn data<'a>(row: &Row<'a>, message: MessageId) -> Result<&'a [u8]> {
    if !row.is(0)? {
        return Err(StoreError::NoSuchMessage);
    }
    let lost = || StoreError::Internal(format!("message {message:?} has lost its octets"));
    row.bytes_or_null(1).ok_or_else(lost)
}

fn first_piece(
    connection: &mut Connection,
    message: MessageId,
    take: &mut dyn FnMut(usize, Result<&[u8]>),
) -> Result<()> {
    let sql = "SELECT true, c.data FROM message m LEFT JOIN chunk c ON c.body_id = m.body_id AND c.piece = 0
                WHERE m.mailbox_id = $1 AND m.uid = $2 AND m.body_id = $3";
    let which = [message.mailbox.0.into(), (message.uid.0 as i64).into(), message.body.into()];
    let rows = connection.query(sql, which)?;
    let row = rows.first().ok_or(StoreError::NoSuchMessage)?;
    take(0, Ok(data(&row, message)?));
    Ok(())
}

/// After its own first piece a body may go on in another.
fn piece(connection: &mut Connection, body: i64, number: u32, chunk: &mut Vec<u8>) -> Result<()> {
    let first = "SELECT data FROM chunk WHERE body_id = $1 AND piece = $2";
    let later = "
      WITH tail AS (SELECT tail_id FROM continuation WHERE body_id = $1)
      SELECT data FROM chunk WHERE body_id = coalesce((SELECT tail_id FROM tail), $1)
                               AND piece = $2 - (SELECT count(*) FROM tail)";
    let sql = if number == 0 { first } else { later };
    let rows = connection.query(sql, [body.into(), i64::from(number).into()])?;
    if let Some(row) = rows.first() {
        chunk.extend_from_slice(row.bytes(0)?);
    }
    Ok(())
}
