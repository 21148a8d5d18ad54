//! One message on its way in.
//!
//! Of a large message some pieces at a time are written under a row of `staging`, which the delivery removes. These
//! commits wait for no disk: that of the delivery does, and what was written before it is in the log before it. A server
//! that crashes meanwhile may have lost some: so the delivery counts the pieces.

use super::Postgres;
use super::libpq::{Connection, byteas, ints};
use super::writer::{Common, Copy, Delivery, Lane};
use crate::store::shared::upload_buffer::{MessageRow, UploadBuffer};
use crate::store::{Envelope, MailboxId, Result, StoreError, Uid, Upload};

/// Octets in a piece.
const PIECE: usize = 64 << 10;
/// Octets that are written at once.
const AT_ONCE: usize = 4 * PIECE;

/// A message whose pieces are in memory (the last ones) and in the database (those before).
pub struct Staging<'a> {
    store: &'a Postgres,
    buffer: UploadBuffer,
    /// The body that the written pieces belong to, and how many there are.
    staged: Option<(i64, i64)>,
}

/// Writes away what is there.
fn write(store: &Postgres, staged: &mut Option<(i64, i64)>, octets: Vec<u8>) -> Result<()> {
    let (body, before) = match *staged {
        Some(staged) => staged,
        None => (store.new_bodies(1)?, 0),
    };
    let pieces = octets.len().div_ceil(PIECE) as i64;
    store.writer.write(Lane::Mail, move |connection| stage(connection, body, before, &octets))?;
    *staged = Some((body, before + pieces));
    Ok(())
}

impl<'a> Staging<'a> {
    /// Nothing is written yet.
    pub fn new(store: &'a Postgres, limit: u64) -> Self {
        Self { store, buffer: UploadBuffer::new(limit, AT_ONCE), staged: None }
    }

    /// Writes away what is not written yet.
    fn stage(&mut self) -> Result<()> {
        let rest = self.buffer.rest();
        write(self.store, &mut self.staged, rest)
    }

    /// The first of so many ids.
    fn new_bodies(&self, number: i64) -> Result<i64> {
        self.store.new_bodies(number)
    }

    /// Lets the reaper have what was staged, without waiting for it.
    fn abandon(&mut self) {
        if let Some((body, _)) = self.staged.take() {
            let work = move |connection: &mut Connection| {
                let sql = "WITH gone AS (DELETE FROM staging WHERE body_id = $1 RETURNING body_id)
                           INSERT INTO purge (body_id, not_before) SELECT body_id, 0 FROM gone";
                connection.query(sql, [body.into()])?;
                Ok(())
            };
            if let Err(error) = self.store.writer.submit(Lane::Maintenance, work) {
                log::warn!("store: an upload that was dropped stays for a day: {error}");
            }
        }
    }

    /// All but the last piece is written, if it is more than one.
    fn end(&mut self) -> Result<()> {
        if self.buffer.len() > PIECE || (self.staged.is_some() && self.buffer.len() > 0) {
            self.stage()?;
        }
        Ok(())
    }

    fn common(&mut self, is_tail: bool) -> Result<Common> {
        let (body, staged) = match self.staged {
            Some(staged) => staged,
            None => (self.new_bodies(1)?, 0),
        };
        Ok(Common { body, staged, last: self.buffer.rest(), is_tail })
    }

    fn store(mut self, copies: Vec<Copy>, common: Option<Common>, row: MessageRow) -> Result<Vec<Result<Uid>>> {
        let counts = self.store.counts_deliveries;
        let answers = self.store.writer.deliver(Delivery { copies, common, row, counts })?;
        // What was refused is left to the reaper by the transaction, unless it found nothing.
        if !answers.iter().all(|answer| matches!(answer, Err(StoreError::Abandoned))) {
            self.staged = None;
        }
        Ok(answers)
    }
}

impl Upload for Staging<'_> {
    fn push(&mut self, octets: &[u8]) -> Result<()> {
        let Self { store, buffer, staged } = self;
        let taken = buffer.push(octets, |octets| write(store, staged, octets));
        if taken.is_err() {
            self.abandon();
        }
        taken
    }

    fn deliver(mut self: Box<Self>, to: &[MailboxId], envelope: &Envelope) -> Result<Vec<Result<Uid>>> {
        let row = self.buffer.row(envelope, self.store.stamps.stamp())?;
        self.end()?;
        let common = self.common(false)?;
        let copy = |mailbox: &MailboxId| Copy { mailbox: *mailbox, body: common.body, own: None, extra: 0 };
        let copies = to.iter().map(copy).collect();
        self.store(copies, Some(common), row).and_then(whole)
    }

    fn deliver_each(mut self: Box<Self>, to: &[(MailboxId, String)], envelope: &Envelope) -> Result<Vec<Result<Uid>>> {
        let row = self.buffer.row(envelope, self.store.stamps.stamp())?;
        let header = to.iter().map(|(_, header)| header.len()).max().unwrap_or(0);
        let is_split = self.staged.is_some() || self.buffer.len() + header > PIECE;
        if is_split && self.buffer.len() > 0 {
            self.stage()?;
        }
        let first = self.new_bodies(to.len() as i64)?;
        let message = if is_split { Vec::new() } else { self.buffer.rest() };
        let copy = |(at, (mailbox, header)): (usize, &(MailboxId, String))| Copy {
            mailbox: *mailbox,
            body: first + at as i64,
            own: Some([header.as_bytes(), &message].concat()),
            extra: header.len() as i64,
        };
        let copies = to.iter().enumerate().map(copy).collect();
        let common = if is_split { Some(self.common(true)?) } else { None };
        self.store(copies, common, row).and_then(whole)
    }
}

/// An upload that was given up is nobody's copy's fault.
fn whole(answers: Vec<Result<Uid>>) -> Result<Vec<Result<Uid>>> {
    match answers.first() {
        Some(Err(StoreError::Abandoned)) => Err(StoreError::Abandoned),
        _ => Ok(answers),
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Writes pieces of a body, of which `staged` are there.
fn stage(connection: &mut Connection, body: i64, staged: i64, octets: &[u8]) -> Result<()> {
    connection.query("SET LOCAL synchronous_commit = off", [])?;
    let row = match staged {
        0 => connection.query("INSERT INTO staging (body_id) VALUES ($1)", [body.into()])?,
        _ => connection.query("UPDATE staging SET seen = 0, idle = 0 WHERE body_id = $1", [body.into()])?,
    };
    if row.changed() != 1 {
        return Err(StoreError::Abandoned);
    }
    let pieces = ints((staged..).take(octets.len().div_ceil(PIECE)).map(Some));
    let sql =
        "INSERT INTO chunk (body_id, piece, data) SELECT $1, piece, data FROM unnest($2, $3) AS new (piece, data)";
    connection.query(sql, [body.into(), pieces, byteas(octets.chunks(PIECE))])?;
    Ok(())
}
