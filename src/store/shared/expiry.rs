//! Deletion by age ([MS-STANXPOP3] E0005), a small step at a time.
//!
//! `reaping` says which mailboxes are due, so that nobody looks through all of them. A visit to a
//! mailbox looks for old messages on a connection that reads, some thousand rows at a time; the writer only
//! deletes what was found, and asks again whether it may. A visit that ends notes when the next is due: when the
//! first of the messages that are left gets old, or in a day, before what arrives from now on can.

use crate::store::Result;
use crate::store::shared::batch_size::BatchSize;
use std::collections::VecDeque;
use std::time::Instant;

/// Seconds; no visit is further away.
pub const DAY: i64 = 86_400;
/// Rows looked at in one step.
const ROWS: usize = 10_000;

/// The visits that have begun. Lost in a crash, they begin again.
#[derive(Default)]
pub struct Expiry {
    visits: VecDeque<Visit>,
    batch_size: BatchSize,
}

/// A visit to a mailbox.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Whose messages are looked at.
    pub mailbox: i64,
    /// How long it keeps them.
    pub days: Days,
    /// The last uid that was looked at.
    after: i64,
    /// When the next visit is due, as far as is known: in a day at most.
    pub due_at: i64,
}

/// Days that a mailbox keeps messages, 0: for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Days {
    /// Those that were read.
    pub read: i64,
    /// Those that were not.
    pub unread: i64,
}

/// What one look has found.
#[derive(Clone, Default)]
pub struct Found {
    /// Messages that are old, by their uids.
    pub old: Vec<(Visit, Vec<i64>)>,
    /// Visits that have come to their end.
    pub ended: Vec<Visit>,
}

/// What an engine does of it.
pub trait Expires {
    /// Whether a mailbox is due.
    fn is_anything_due(&self, now: i64) -> Result<bool>;

    /// Begins the next visits; mailboxes that keep everything need none. Nothing: another node is at it.
    fn take_up(&self, now: i64) -> Result<Option<Vec<Visit>>>;

    /// Looks for what is old, with [`Found::look`].
    fn look(&self, visits: &mut VecDeque<Visit>, now: i64, limit: usize) -> Result<Found>;

    /// Deletes what was found and notes when the next visits are due; says when the transaction began.
    fn delete(&self, found: Found, now: i64) -> Result<Instant>;
}

impl Expiry {
    /// See [`crate::store::Maintenance::reap`].
    pub fn step(&mut self, store: &impl Expires, now: i64, limit: usize) -> Result<usize> {
        if self.visits.is_empty() {
            if !store.is_anything_due(now)? {
                return Ok(0);
            }
            let Some(visits) = store.take_up(now)? else { return Ok(0) };
            self.visits.extend(visits);
            return Ok(1);
        }
        let done = self.go_on(store, now, limit);
        if done.is_err() {
            // They are due still, and begin again.
            self.visits.clear();
        }
        done
    }

    fn go_on(&mut self, store: &impl Expires, now: i64, limit: usize) -> Result<usize> {
        let found = store.look(&mut self.visits, now, self.batch_size.limit(limit))?;
        let deleted = found.old.iter().map(|(_, uids)| uids.len()).sum::<usize>();
        if deleted > 0 || !found.ended.is_empty() {
            self.batch_size.took(store.delete(found, now)?);
        }
        Ok(deleted.max(1))
    }
}

impl Visit {
    /// One that begins.
    pub fn new(mailbox: i64, days: Days, now: i64) -> Self {
        Self { mailbox, days, after: 0, due_at: now + DAY }
    }
}

impl Days {
    /// Nothing gets old.
    pub fn keep_everything(self) -> bool {
        self.read <= 0 && self.unread <= 0
    }

    /// When a message gets old, if it does.
    fn end(self, stored_at: i64, read: bool) -> Option<i64> {
        let days = if read { self.read } else { self.unread };
        (days > 0).then_some(stored_at + days * DAY)
    }
}

/// Takes a message: its uid, when it was stored, and whether it was read; says whether it wants the next.
pub type TakeMessage<'a> = dyn FnMut(i64, i64, bool) -> bool + 'a;

impl Found {
    /// Looks at [`ROWS`] messages, or as many as it takes to find `limit` that are old. `read` reads so many
    /// messages of a mailbox after a uid, in their order.
    pub fn look(
        visits: &mut VecDeque<Visit>,
        now: i64,
        limit: usize,
        mut read: impl FnMut(i64, i64, usize, &mut TakeMessage<'_>) -> Result<()>,
    ) -> Result<Self> {
        let (mut found, mut rows_left, mut old_left) = (Self::default(), ROWS, limit);
        // An engine may begin again on another connection: what was seen on the one that broke does not count.
        let mut going_on = visits.clone();
        while old_left > 0
            && let Some(visit) = going_on.front_mut()
        {
            let mut uids = Vec::new();
            read(visit.mailbox, visit.after, rows_left, &mut |uid, stored_at, read| {
                rows_left -= 1;
                visit.after = uid;
                match visit.days.end(stored_at, read) {
                    Some(end) if end <= now => {
                        uids.push(uid);
                        old_left -= 1;
                    }
                    Some(end) => visit.due_at = visit.due_at.min(end),
                    None => {}
                }
                old_left > 0
            })?;
            if !uids.is_empty() {
                found.old.push((visit.clone(), uids));
            }
            if rows_left == 0 || old_left == 0 {
                break;
            }
            found.ended.extend(going_on.pop_front());
        }
        *visits = going_on;
        Ok(found)
    }
}
