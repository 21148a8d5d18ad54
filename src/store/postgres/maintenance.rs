//! The small batches of the maintenance thread. What one node at a time does is claimed with a [`lease`].

use super::engine::INSTANCE;
use super::libpq::{Connection, Row, ints, statement};
use super::writer::Lane;
use super::{Postgres, accounts, purge, warning};
use crate::lock::lock;
use crate::secret::Secret;
use crate::store::shared::read_marks;
use crate::store::{MailboxId, Maintenance, MessageId, Overfull, Pending, Replacement, Result, StoreError, UserId};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Maintenance for Postgres {
    fn lost(&self) -> Result<Option<String>> {
        match self.pool.with(|connection| connection.query(INSTANCE, [])?.only()?.text(0)) {
            Ok(instance) if instance == self.instance => Ok(None),
            Ok(_) => Ok(Some("the database was replaced by another one".into())),
            // One that is away comes back.
            Err(StoreError::Refused(why)) => Ok(Some(why)),
            Err(error) => Err(error),
        }
    }

    fn pending(&self, limit: usize) -> Result<Vec<Pending>> {
        let sql = "SELECT id, name, password, ntlm FROM users WHERE is_hash = 0 ORDER BY id LIMIT $1";
        self.pool.with(|connection| {
            let pending = |row: Row<'_>| {
                Ok(Pending {
                    user: UserId(row.int(0)?),
                    name: row.text(1)?,
                    password: Secret::from(row.bytes(2)?),
                    ntlm: row.is(3)?,
                })
            };
            connection.query(sql, [(limit as i64).into()])?.iter().map(pending).collect()
        })
    }

    fn pending_count(&self) -> Result<usize> {
        let sql = "SELECT count(*) FROM users WHERE is_hash = 0";
        self.pool.with(|connection| Ok(connection.query(sql, [])?.only()?.size(0)? as usize))
    }

    fn replace_passwords(&self, made: &[Replacement]) -> Result<Vec<Result<bool>>> {
        let mut made: Vec<_> = made.iter().cloned().enumerate().collect();
        // Ascending, so that two nodes do not wait for each other.
        made.sort_by_key(|(_, one)| one.user);
        let order: Vec<usize> = made.iter().map(|(at, _)| *at).collect();
        let replaced: Vec<Result<bool>> = self.writer.write(Lane::Maintenance, move |connection| {
            made.iter().map(|(_, one)| accounts::replace_pending(connection, one)).collect()
        })?;
        self.verifiers.fetch_add(1, Ordering::SeqCst);
        let mut answers: Vec<_> = order.into_iter().zip(replaced).collect();
        answers.sort_by_key(|(at, _)| *at);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    fn drop_unwanted_verifiers(&self) -> Result<usize> {
        // The schema's triggers erase at once, and nothing that we could cut keeps them: the log is the server's.
        Ok(0)
    }

    fn drop_foreign_verifiers(&self, mark: &str) -> Result<usize> {
        let mark = mark.to_owned();
        let dropped = self.writer.write(Lane::Maintenance, move |connection| {
            // The first node says which key file it is; all others must have the same.
            let adopt = "UPDATE site SET seal = $1 WHERE seal IS NULL";
            let seal = "SELECT seal FROM site";
            let rows = connection.run(&[statement(adopt, [mark.as_str().into()]), statement(seal, [])])?;
            if rows[1].only()?.text(0)? != mark {
                let text = "this is not the key file of the other nodes: copy theirs";
                return Err(StoreError::Refused(text.into()));
            }
            let sql = "DELETE FROM verifiers WHERE substr(value, 1, length($1)) <> $1";
            Ok(connection.query(sql, [mark.as_bytes().into()])?.changed())
        });
        self.verifiers.fetch_add(1, Ordering::SeqCst);
        dropped
    }

    fn has_seal(&self) -> Result<bool> {
        self.pool.with(|connection| connection.query("SELECT seal IS NOT NULL FROM site", [])?.only()?.is(0))
    }

    fn flush_marks(&self) -> Result<()> {
        read_marks::flush(&self.marks, |batch| {
            let stamp = self.stamps.stamp();
            self.writer.write(Lane::Maintenance, move |connection| mark(connection, &batch, stamp.now))
        })
    }

    fn shutdown(&self) {
        self.writer.shutdown();
    }

    fn finish(&self) -> Result<()> {
        // What was acknowledged is durable. The other nodes need not wait until our rows are old; where they must, they do.
        if let Err(error) = self.leave() {
            log::debug!("store: the database keeps this node's rows for a while: {error}");
        }
        Ok(())
    }

    fn reap(&self, now: i64, limit: usize) -> Result<usize> {
        // Only the maintenance thread comes here.
        let done = lock(&self.reaper).step(self, now, limit)?;
        self.metrics.expired.add(done as u64);
        self.metrics.reaped_at.store(now, Ordering::Relaxed);
        Ok(done)
    }

    fn overfull(&self, now: i64, limit: usize) -> Result<Vec<Overfull>> {
        if self.pool.with(|connection| warning::are_astray(connection, now))? {
            self.writer.write(Lane::Maintenance, move |connection| warning::mend(connection, now))?;
        }
        self.pool.with(|connection| warning::due(connection, now, limit))
    }

    fn warn(&self, mailbox: MailboxId, message: &[u8], now: i64) -> Result<bool> {
        let message = message.to_vec();
        let body = self.new_bodies(1)?;
        self.writer
            .write(Lane::Maintenance, move |connection| warning::deliver(connection, mailbox, body, &message, now))
    }

    fn purge(&self, now: i64, limit: usize) -> Result<usize> {
        let mut batch_size = lock(&self.purging);
        let limit = batch_size.limit(limit) as i64;
        let watched = lock(&self.watch).round(self.stamps.steady());
        let due = watched.is_some() || self.pool.with(|connection| purge::is_anything_due(connection, now))?;
        if !due {
            return Ok(0);
        }
        let node = self.node()?;
        let (done, began) = self.writer.write(Lane::Maintenance, move |connection| {
            let began = Instant::now();
            if !lease(connection, "purge", node)? {
                return Ok((0, began));
            }
            if let Some(seconds) = watched {
                purge::age(connection, seconds)?;
            }
            Ok((purge::step(connection, now, limit)?, began))
        })?;
        self.metrics.purged.add(done as u64);
        if done > 0 {
            batch_size.took(began);
        }
        Ok(done)
    }
}

impl Postgres {
    /// Removes what says that this node is there, and lets others do what it alone was to do.
    pub(super) fn leave(&self) -> Result<()> {
        // One that never had a number left nothing.
        let Some(node) = self.known_node() else { return Ok(()) };
        self.writer.write(Lane::Maintenance, move |connection| {
            connection.run(&[
                statement("DELETE FROM session WHERE node_id = $1", [node.into()]),
                statement("DELETE FROM session_end WHERE node_id = $1", [node.into()]),
                statement("DELETE FROM node WHERE id = $1", [node.into()]),
                statement("DELETE FROM lease WHERE node_id = $1", [node.into()]),
            ])?;
            Ok(())
        })
    }
}

/// Whether this node is the one that does it. It stays so as long as it comes again within half a minute.
pub(super) fn lease(connection: &mut Connection, task: &'static str, node: i64) -> Result<bool> {
    let sql = "INSERT INTO lease AS l (task, node_id, until) VALUES ($1, $2, now() + interval '30 seconds')
               ON CONFLICT (task) DO UPDATE SET node_id = excluded.node_id, until = excluded.until
                WHERE l.node_id = excluded.node_id OR l.until < now()";
    Ok(connection.query(sql, [task.into(), node.into()])?.changed() > 0)
}

/// A message that is read may get old sooner: then its mailbox is looked at sooner, also behind the back of a reaper that
/// is looking (-1).
const MARK: &str = "
  WITH marked AS (
    UPDATE message m SET read_at = $4 FROM unnest($1, $2, $3) AS w (mailbox_id, uid, body_id)
     WHERE m.mailbox_id = w.mailbox_id AND m.uid = w.uid AND m.body_id = w.body_id AND m.read_at IS NULL
    RETURNING m.mailbox_id, m.stored_at),
  counted AS (UPDATE usage SET version = version + 1 WHERE mailbox_id IN (SELECT mailbox_id FROM marked))
  UPDATE reaping r SET due_at = n.due_at
    FROM (SELECT mailbox_id, min(stored_at + 86400 * read_days) AS due_at FROM marked JOIN mailbox_retention USING (mailbox_id)
           WHERE read_days > 0 GROUP BY mailbox_id) AS n
   WHERE r.mailbox_id = n.mailbox_id AND r.due_at NOT IN (0, 9007199254740991) AND (r.due_at = -1 OR r.due_at > n.due_at)";

fn mark(connection: &mut Connection, messages: &[MessageId], now: i64) -> Result<()> {
    let mailboxes: BTreeSet<i64> = messages.iter().map(|one| one.mailbox.0).collect();
    let column = |of: fn(&MessageId) -> i64| ints(messages.iter().map(|one| Some(of(one))));
    let wanted = [column(|one| one.mailbox.0), column(|one| one.uid.0 as i64), column(|one| one.body), now.into()];
    connection.run(&[lock_all(mailboxes), statement(MARK, wanted)])?;
    Ok(())
}

/// Locks mailboxes in the order in which everybody does.
pub(super) fn lock_all(mailboxes: BTreeSet<i64>) -> super::libpq::Statement<'static> {
    let sql = "SELECT 1 FROM usage WHERE mailbox_id = ANY ($1) ORDER BY mailbox_id FOR NO KEY UPDATE";
    statement(sql, [ints(mailboxes.into_iter().map(Some))])
}
