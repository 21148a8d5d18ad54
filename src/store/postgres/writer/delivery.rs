//! What a delivery and a deletion are, and what becomes of them once their mailboxes are locked.

use crate::clock::{Stamp, is_noted, latest};
use crate::message::summary::Summary;
use crate::store::postgres::libpq::{Statement, byteas, ints, statement, texts};
use crate::store::shared::upload_buffer::MessageRow;
use crate::store::{MailboxId, Result, StoreError, Uid, storage_size};
use std::collections::BTreeMap;

/// By how much a mailbox jumps that may have given numbers on a primary that is gone.
const JUMP: i64 = 1 << 20;

/// A copy for one mailbox.
pub struct Copy {
    pub mailbox: MailboxId,
    pub body: i64,
    /// Its first piece, where that is not the one of all.
    pub own: Option<Vec<u8>>,
    /// Octets that it has more than the others.
    pub extra: i64,
}

/// The octets that all copies have in common.
pub struct Common {
    pub body: i64,
    /// Pieces that are staged.
    pub staged: i64,
    /// What is not.
    pub last: Vec<u8>,
    /// Copies begin with a piece of their own and go on here.
    pub is_tail: bool,
}

/// One message on its way to its mailboxes.
pub struct Delivery {
    pub copies: Vec<Copy>,
    pub common: Option<Common>,
    pub row: MessageRow,
    /// It is counted in its own transaction.
    pub counts: bool,
}

impl Delivery {
    /// For the batches.
    pub fn octets(&self) -> usize {
        let own: usize = self.copies.iter().map(|copy| 1000 + copy.own.as_ref().map_or(0, Vec::len)).sum();
        own + self.common.as_ref().map_or(0, |common| common.last.len())
    }

    /// It brings a unique-id.
    pub fn is_import(&self) -> bool {
        self.row.envelope.unique_id.is_some()
    }

    /// Its body in the table of uploads.
    pub fn staged(&self) -> Option<i64> {
        self.common.as_ref().filter(|common| common.staged > 0).map(|common| common.body)
    }

    /// That and how many pieces it must have.
    pub fn pieces(&self) -> Option<(i64, i64)> {
        self.staged().zip(self.common.as_ref().map(|common| common.staged))
    }
}

/// Messages of one mailbox that go.
pub struct Deletion {
    pub mailbox: MailboxId,
    pub uids: Vec<i64>,
    pub stamp: Stamp,
}

/// A mailbox whose row of `usage` is locked.
pub struct Locked {
    pub next_uid: i64,
    pub bytes: i64,
    pub epoch: i64,
    /// `site.uid_epoch`.
    pub site_epoch: i64,
    /// 0: none.
    pub quota: i64,
    pub warning: i64,
    messages_added: i64,
    bytes_added: i64,
}

impl Locked {
    pub fn new(next_uid: i64, bytes: i64, epochs: (i64, i64), quota: i64, warning: i64) -> Self {
        let (epoch, site_epoch) = epochs;
        Self { next_uid, bytes, epoch, site_epoch, quota, warning, messages_added: 0, bytes_added: 0 }
    }

    /// The number of the next message.
    fn next(&self) -> i64 {
        self.next_uid + if self.epoch < self.site_epoch { JUMP } else { 0 }
    }

    /// Takes in a message of so many octets of storage, if there is room.
    pub fn take(&mut self, storage: i64, is_taken: &mut dyn FnMut(i64) -> Result<bool>) -> Result<Result<i64>> {
        if self.quota > 0 && self.bytes + self.bytes_added + storage > self.quota {
            return Ok(Err(StoreError::OverQuota));
        }
        let mut uid = self.next();
        // Beyond what imports move past, one may have come as plain text.
        while uid as u64 > Uid::GREATEST_IMPORTED.0 && is_taken(uid)? {
            uid += 1;
        }
        if uid as u64 > Uid::GREATEST.0 {
            return Ok(Err(StoreError::OutOfUids));
        }
        (self.next_uid, self.epoch) = (uid + 1, self.site_epoch);
        self.messages_added += 1;
        self.bytes_added += storage;
        Ok(Ok(uid))
    }

    fn crosses(&self) -> bool {
        self.warning > 0 && self.bytes + self.bytes_added >= self.warning
    }
}

/// Everything that a batch writes.
#[derive(Default)]
pub struct Plan {
    /// Mailbox, uid, body of what is stored: what is looked for where the outcome is not known.
    pub stored: Vec<(i64, i64, i64)>,
    rows: Vec<Vec<Option<i64>>>,
    senders: Vec<String>,
    chunks: Vec<(i64, i64, Vec<u8>)>,
    summaries: Vec<(i64, Summary)>,
    shared: Vec<(i64, i64)>,
    continuations: Vec<(i64, i64)>,
    abandoned: Vec<i64>,
    deletions: Vec<(i64, Vec<i64>, i64)>,
    overfull: Vec<i64>,
    usage: Vec<[i64; 5]>,
    latest_at: Option<i64>,
}

impl Plan {
    /// Of a message whose uid the database decides: 0 until it is looked up.
    pub fn of_one(mailbox: i64, body: i64) -> Self {
        Self { stored: vec![(mailbox, 0, body)], ..Self::default() }
    }

    /// The date of what is stored, and whether it must be noted: once a minute, so that `site` stays cold.
    pub fn date(&mut self, stamp: Stamp, before: i64) -> i64 {
        let date = latest(stamp.date, self.latest_at.unwrap_or(before));
        if !is_noted(date, before) {
            self.latest_at = Some(date);
        }
        date
    }

    /// A row of `message`.
    pub fn store(&mut self, copy: &Copy, uid: i64, row: &MessageRow, date: i64) {
        let numbers = [copy.mailbox.0, uid, copy.body, row.size + copy.extra, row.flags(), row.received_at(), date];
        self.rows.push(numbers.into_iter().map(Some).chain([row.read_at()]).collect());
        self.senders.push(row.envelope.sender.clone());
    }

    /// The octets of a message, once it is known which copies there are.
    pub fn keep(&mut self, delivery: &Delivery, answers: &[Result<Uid>]) {
        let stored = || delivery.copies.iter().zip(answers).filter_map(|(copy, uid)| Some((copy, uid.as_ref().ok()?)));
        let summary = &delivery.row.summary;
        for (copy, uid) in stored() {
            self.stored.push((copy.mailbox.0, uid.0 as i64, copy.body));
            if let Some(own) = &copy.own {
                self.chunks.push((copy.body, 0, own.clone()));
                self.summaries.push((copy.body, summary.clone()));
            }
        }
        let (copies, Some(common)) = (stored().count() as i64, &delivery.common) else { return };
        if copies == 0 {
            self.abandoned.extend(delivery.staged());
            return;
        }
        if common.staged == 0 || !common.last.is_empty() {
            self.chunks.push((common.body, common.staged, common.last.clone()));
        }
        if copies > 1 {
            self.shared.push((common.body, copies));
        }
        match common.is_tail {
            true => self.continuations.extend(stored().map(|(copy, _)| (copy.body, common.body))),
            false => self.summaries.push((common.body, summary.clone())),
        }
    }

    /// Messages that go.
    pub fn delete(&mut self, deletion: &Deletion, date: i64, is_overfull: bool) {
        self.deletions.push((deletion.mailbox.0, deletion.uids.clone(), date));
        if is_overfull {
            self.overfull.push(deletion.mailbox.0);
        }
    }

    /// The counters, at the end.
    pub fn count(&mut self, locked: &BTreeMap<i64, Locked>) {
        for (id, one) in locked.iter().filter(|(_, one)| one.messages_added > 0) {
            self.usage.push([*id, one.next_uid, one.messages_added, one.bytes_added, one.epoch]);
            if one.crosses() {
                self.overfull.push(*id);
            }
        }
    }

    /// Everything but the commit.
    pub fn statements(&self) -> Vec<Statement<'static>> {
        let mut all = Vec::new();
        if !self.rows.is_empty() {
            let column = |at: usize| ints(self.rows.iter().map(|row| row[at]));
            let [a, b, c, d, e, f, g, h] = std::array::from_fn(column);
            all.push(statement(INSERT_MESSAGES, [a, b, c, d, e, f, g, h, texts(self.senders.iter().map(Some))]));
        }
        if !self.chunks.is_empty() {
            let bodies = ints(self.chunks.iter().map(|chunk| Some(chunk.0)));
            let pieces = ints(self.chunks.iter().map(|chunk| Some(chunk.1)));
            let data = byteas(self.chunks.iter().map(|chunk| chunk.2.as_slice()));
            all.push(statement(INSERT_CHUNKS, [bodies, pieces, data]));
        }
        // One that says nothing needs no row.
        let said: Vec<_> = self.summaries.iter().filter(|(_, said)| *said != Summary::default()).collect();
        if !said.is_empty() {
            let bodies = ints(said.iter().map(|(body, _)| Some(*body)));
            let column = |of: fn(&Summary) -> &Option<String>| texts(said.iter().map(|(_, one)| of(one).as_deref()));
            let (subject, from) = (column(|one| &one.subject), column(|one| &one.from_address));
            all.push(statement(INSERT_SUMMARIES, [bodies, subject, from, column(|one| &one.message_id)]));
        }
        for (sql, pairs) in [(INSERT_SHARED, &self.shared), (INSERT_CONTINUATIONS, &self.continuations)] {
            if !pairs.is_empty() {
                let (first, second) = (pairs.iter().map(|pair| Some(pair.0)), pairs.iter().map(|pair| Some(pair.1)));
                all.push(statement(sql, [ints(first), ints(second)]));
            }
        }
        if !self.abandoned.is_empty() {
            all.push(statement(INSERT_PURGE, [ints(self.abandoned.iter().copied().map(Some))]));
        }
        self.count_statements(&mut all);
        all
    }

    fn count_statements(&self, all: &mut Vec<Statement<'static>>) {
        if !self.usage.is_empty() {
            let column = |at: usize| ints(self.usage.iter().map(|row| Some(row[at])));
            let [a, b, c, d, e] = std::array::from_fn(column);
            all.push(statement(UPDATE_USAGE, [a, b, c, d, e]));
        }
        for (mailbox, uids, date) in &self.deletions {
            let uids = ints(uids.iter().copied().map(Some));
            all.push(statement(DELETE_MESSAGES, [(*mailbox).into(), uids, (*date).into()]));
        }
        if !self.overfull.is_empty() {
            let sql = "SELECT reconsider_overfull(id) FROM unnest($1) AS id";
            all.push(statement(sql, [ints(self.overfull.iter().copied().map(Some))]));
        }
        if let Some(date) = self.latest_at {
            all.push(statement("UPDATE site SET latest_at = $1", [date.into()]));
        }
    }
}

/// Octets of storage of one copy.
pub fn storage(row: &MessageRow, copy: &Copy) -> i64 {
    storage_size((row.size + copy.extra) as u64) as i64
}

const INSERT_MESSAGES: &str = "
  INSERT INTO message (mailbox_id, uid, body_id, size, flags, received_at, stored_at, read_at, sender)
  SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const INSERT_CHUNKS: &str = "INSERT INTO chunk (body_id, piece, data) SELECT * FROM unnest($1, $2, $3)";
const INSERT_SUMMARIES: &str =
    "INSERT INTO summary (body_id, subject, from_address, message_id) SELECT * FROM unnest($1, $2, $3, $4)";
const INSERT_SHARED: &str = "INSERT INTO shared (body_id, copies) SELECT * FROM unnest($1, $2)";
const INSERT_CONTINUATIONS: &str = "INSERT INTO continuation (body_id, tail_id) SELECT * FROM unnest($1, $2)";
const INSERT_PURGE: &str = "INSERT INTO purge (body_id, not_before) SELECT id, 0 FROM unnest($1) AS id";
const UPDATE_USAGE: &str = "
  UPDATE usage u SET next_uid = v.next_uid, messages = u.messages + v.messages, bytes = u.bytes + v.bytes, uid_epoch = v.epoch
    FROM unnest($1, $2, $3, $4, $5) AS v (id, next_uid, messages, bytes, epoch) WHERE u.mailbox_id = v.id";
const DELETE_MESSAGES: &str = "
  WITH gone AS (DELETE FROM message WHERE mailbox_id = $1 AND uid = ANY ($2) RETURNING *),
  kept AS (
    INSERT INTO deleted (mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender, deleted_at)
    SELECT mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender, $3 FROM gone)
  UPDATE usage u SET messages = u.messages - g.messages, bytes = u.bytes - g.bytes, version = u.version + 1
    FROM (SELECT count(*) AS messages, coalesce(sum(storage_size(size)), 0)::bigint AS bytes FROM gone) AS g
   WHERE u.mailbox_id = $1 AND g.messages > 0";

/// Takes uploads out of their table: those that are whole. What is counted is what a server that crashed has kept.
pub fn unstage(uploads: impl Iterator<Item = (i64, i64)>) -> Statement<'static> {
    let sql = "
      DELETE FROM staging s USING unnest($1, $2) AS u (body_id, pieces)
       WHERE s.body_id = u.body_id AND u.pieces = (SELECT count(*) FROM chunk c WHERE c.body_id = s.body_id)
      RETURNING s.body_id";
    let (bodies, pieces): (Vec<_>, Vec<_>) = uploads.map(|(body, pieces)| (Some(body), Some(pieces))).unzip();
    statement(sql, [ints(bodies), ints(pieces)])
}
