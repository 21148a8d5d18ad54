//! The small batches of the maintenance thread.

use crate::lock::lock;
use crate::secret::Secret;
use crate::store::shared::read_marks;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::accounts;
use crate::store::sqlite::database::connection;
use crate::store::sqlite::messages::upload;
use crate::store::sqlite::retention::purge;
use crate::store::sqlite::retention::quota_warning;
use crate::store::sqlite::writer::Lane;
use crate::store::{
    Advertised, CertificateFiles, Config, Expire, MailboxId, Maintenance, MessageId, Overfull, Pending, Replacement,
    Result, StoreError, Usable, UserId,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long purged mail, and one of many replaced passwords, may stay in the log: one truncation serves many steps.
const AFTER_MANY: Duration = Duration::from_secs(1);

impl Config for Sqlite {
    fn change_mark(&self) -> Result<i64> {
        // On the connection that writes: its own commits do not move its data_version.
        self.writer.alone(Lane::Maintenance, |connection| {
            // A change may be that Litestream came.
            connection::limit_log(connection)?;
            Ok(connection.query_row("PRAGMA data_version", [], |row| row.get(0))?)
        })
    }

    fn revocations(&self) -> Result<i64> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached("SELECT revoked FROM counters")?;
            Ok(select.query_row([], |row| row.get(0))?)
        })
    }

    fn settings(&self) -> Result<Vec<(String, Vec<u8>)>> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached("SELECT name, value FROM settings ORDER BY name")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get_ref(1)?.as_bytes()?.to_vec())))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn certificates(&self) -> Result<Vec<CertificateFiles>> {
        self.readers.with(|connection| {
            let sql = "SELECT name, certificate_file, key_file FROM certificates ORDER BY name";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query_map([], |row| {
                let path =
                    |column| Ok::<_, rusqlite::Error>(OsStr::from_bytes(row.get_ref(column)?.as_bytes()?).into());
                Ok(CertificateFiles { name: row.get(0)?, certificate: path(1)?, key: path(2)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn advertised(&self) -> Result<Advertised> {
        let known = *lock(&self.advertised);
        let known = self.readers.with(|connection| {
            let mark = advertised_mark(connection)?;
            match known.filter(|known| known.mark == mark) {
                Some(known) => Ok(known),
                None => advertised(connection),
            }
        })?;
        *lock(&self.advertised) = Some(known);
        Ok(known.advertised)
    }

    fn retention(&self, mailbox: MailboxId) -> Result<Expire> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached(&format!("SELECT days FROM ({RETENTION}) WHERE id = ?1"))?;
            let days = select.query_row([mailbox.0], |row| row.get(0)).optional()?;
            Ok(Expire::of(days.ok_or(StoreError::NoSuchMailbox)?))
        })
    }

    fn exact_sizes(&self, mailbox: MailboxId) -> Result<Option<bool>> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached("SELECT exact_rfc822_size FROM mailboxes WHERE id = ?1")?;
            let exact = select.query_row([mailbox.0], |row| row.get(0)).optional()?;
            exact.ok_or(StoreError::NoSuchMailbox)
        })
    }
}

impl Maintenance for Sqlite {
    fn lost(&self) -> Result<Option<String>> {
        match self.writer.failure() {
            Some(error) => Ok(Some(error.of(&self.path).to_string())),
            None => self.identity.lost(),
        }
    }

    fn pending(&self, limit: usize) -> Result<Vec<Pending>> {
        self.readers.with(|connection| {
            let sql = format!("SELECT id, name, password, ntlm FROM users WHERE {PLAIN} ORDER BY id LIMIT ?1");
            let mut select = connection.prepare_cached(&sql)?;
            let rows = select.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(Pending {
                    user: UserId(row.get(0)?),
                    name: row.get(1)?,
                    password: Secret::from(row.get_ref(2)?.as_bytes()?),
                    ntlm: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn pending_count(&self) -> Result<usize> {
        self.readers.with(|connection| {
            let sql = format!("SELECT count(*) FROM users WHERE {PLAIN}");
            Ok(connection.prepare_cached(&sql)?.query_row([], |row| row.get::<_, i64>(0))?.max(0) as usize)
        })
    }

    fn replace_passwords(&self, made: &[Replacement]) -> Result<Vec<Result<bool>>> {
        // Where many wait, the log is not truncated after each batch.
        let within = if made.len() > 1 { AFTER_MANY } else { Duration::ZERO };
        let made = made.to_vec();
        let replaced = self.writer.write(Lane::Maintenance, 0, move |connection| {
            made.iter().map(|one| accounts::replace_pending(connection, one)).collect()
        });
        self.writer.truncate_wal_within(within);
        replaced
    }

    fn drop_unwanted_verifiers(&self) -> Result<usize> {
        // The schema's triggers erase at once, in the shell too, and count: the log is still to be cut.
        let none = self.readers.with(|connection| {
            let mut select = connection.prepare_cached("SELECT erased = 0 FROM counters")?;
            Ok(select.query_row([], |row| row.get::<_, bool>(0))?)
        })?;
        if none {
            return Ok(0);
        }
        let erased = self.writer.write(Lane::Maintenance, 0, |connection| {
            let erased: i64 = connection.query_row("SELECT erased FROM counters", [], |row| row.get(0))?;
            connection.execute("UPDATE counters SET erased = 0", [])?;
            Ok(erased.max(0) as usize)
        })?;
        self.writer.truncate_wal_within(Duration::ZERO);
        Ok(erased)
    }

    fn drop_foreign_verifiers(&self, mark: &str) -> Result<usize> {
        const FOREIGN: &str = "FROM verifiers WHERE substr(CAST(value AS TEXT), 1, length(?1)) <> ?1";
        let any = self
            .readers
            .with(|connection| Ok(connection.prepare(&format!("SELECT 1 {FOREIGN}"))?.exists([&mark])?))?;
        if !any {
            return Ok(0);
        }
        let mark = mark.to_owned();
        let dropped = self.writer.write(Lane::Maintenance, 0, move |connection| {
            Ok(connection.execute(&format!("DELETE {FOREIGN}"), [&mark])?)
        })?;
        self.writer.truncate_wal_within(Duration::ZERO);
        Ok(dropped)
    }

    fn flush_marks(&self) -> Result<()> {
        read_marks::flush(&self.marks, |batch| {
            let stamp = self.stamps.stamp();
            self.writer.write(Lane::Maintenance, 0, move |connection| mark(connection, &batch, stamp.now))
        })
    }

    fn shutdown(&self) {
        self.writer.shutdown();
    }

    fn finish(&self) -> Result<()> {
        self.writer.finish()
    }

    fn reap(&self, now: i64, limit: usize) -> Result<usize> {
        // Only the maintenance thread comes here.
        let done = lock(&self.reaper).step(self, now, limit)?;
        self.metrics.expired.add(done as u64);
        self.metrics.reaped_at.store(now, Ordering::Relaxed);
        Ok(done)
    }

    fn overfull(&self, now: i64, limit: usize) -> Result<Vec<Overfull>> {
        if self.readers.with(|connection| quota_warning::are_astray(connection, now))? {
            self.writer.write(Lane::Maintenance, 0, move |connection| quota_warning::mend(connection, now))?;
        }
        self.readers.with(|connection| quota_warning::due(connection, now, limit))
    }

    fn warn(&self, mailbox: MailboxId, message: &[u8], now: i64) -> Result<bool> {
        let message = message.to_vec();
        self.writer.write(Lane::Maintenance, message.len(), move |connection| {
            quota_warning::deliver(connection, mailbox, &message, now)
        })
    }

    fn purge(&self, now: i64, limit: usize) -> Result<usize> {
        let mut batch_size = lock(&self.purging);
        let limit = batch_size.limit(limit) as i64;
        let watched = lock(&self.watch).round(self.stamps.steady());
        let (done, began) = self.writer.write(Lane::Maintenance, 0, move |connection| {
            let began = Instant::now();
            if let Some(seconds) = watched {
                upload::age(connection, seconds)?;
            }
            Ok((purge::step(connection, now, limit)?, began))
        })?;
        self.metrics.purged.add(done as u64);
        if done > 0 {
            batch_size.took(began);
            self.writer.truncate_wal_within(AFTER_MANY);
        }
        Ok(done)
    }
}

/// The words of the index `users_pending`, or SQLite would look at every user.
const PLAIN: &str = "is_hash = 0";

/// What CAPA may promise, and where `counters.advertised` stood then: all users and mailboxes are looked through only if
/// something has changed.
#[derive(Clone, Copy)]
pub struct KnownAdvertised {
    mark: i64,
    advertised: Advertised,
}

fn advertised_mark(connection: &Connection) -> Result<i64> {
    let mut select = connection.prepare_cached("SELECT advertised FROM counters")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// All of one moment.
fn advertised(connection: &Connection) -> Result<KnownAdvertised> {
    let transaction = connection.unchecked_transaction()?;
    let mark = advertised_mark(&transaction)?;
    let usable = transaction
        .prepare_cached(USABLE)?
        .query_row([], |row| Ok(Usable { ntlm: row.get(0)?, scram: row.get(1)? }))?;
    let expire = shortest_retention(&transaction)?;
    transaction.commit()?;
    Ok(KnownAdvertised { mark, advertised: Advertised { expire, usable } })
}

/// A user without any password can log in by GSSAPI or a token only, and needs no verifier; one whose
/// plain password waits has it in a moment, and nobody's CAPA shall change twice for that. (CASE: `is_hash` costs twenty
/// comparisons, and few users have no verifier.)
const USABLE: &str = "
  SELECT EXISTS (SELECT 1 FROM verifiers JOIN users ON id = user_id WHERE scheme = 'NT' AND pop_enabled),
         NOT EXISTS (SELECT 1 FROM users
           WHERE pop_enabled
             AND CASE WHEN EXISTS (SELECT 1 FROM verifiers WHERE user_id = id AND scheme = 'SCRAM-SHA-256') THEN 0 ELSE is_hash END)";

/// Days that a mailbox keeps its messages at least, 0: for ever. The shorter of read and unread, because
/// either may be what happens to a message (RFC 2449 section 6.7: the minimum).
const RETENTION: &str = "
  SELECT mailbox_id AS id, CASE WHEN read_days = 0 THEN unread_days WHEN unread_days = 0 THEN read_days
                                ELSE min(read_days, unread_days) END AS days
    FROM mailbox_retention";

/// The same of all mailboxes, one row for those with the same rules: the rules of 100,000 mailboxes are few.
const RETENTIONS: &str = "
  WITH own AS (SELECT DISTINCT retain_read_days, retain_unread_days, retention_hold FROM mailboxes),
       rule AS (
         SELECT CASE WHEN retention_hold THEN 0 ELSE coalesce(retain_read_days,
                  (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainReadDays')) END AS read_days,
                CASE WHEN retention_hold THEN 0 ELSE coalesce(retain_unread_days,
                  (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainUnreadDays')) END AS unread_days
           FROM own)
  SELECT CASE WHEN read_days = 0 THEN unread_days WHEN unread_days = 0 THEN read_days
              ELSE min(read_days, unread_days) END AS days
    FROM rule";

fn shortest_retention(connection: &Connection) -> Result<Expire> {
    let sql = format!("SELECT min(nullif(days, 0)), count(DISTINCT days), count(*) FROM ({RETENTIONS})");
    let (days, kinds, rules): (Option<u32>, i64, i64) =
        connection.prepare_cached(&sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if rules == 0 {
        return site_retention(connection);
    }
    Ok(Expire::shortest(days, kinds != 1))
}

/// What a first mailbox would get.
fn site_retention(connection: &Connection) -> Result<Expire> {
    let sql = "SELECT coalesce(min(nullif(CAST(value AS INTEGER), 0)), 0) FROM settings WHERE name IN ('RetainReadDays', 'RetainUnreadDays')";
    Ok(Expire::of(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?))
}

fn mark(connection: &Connection, messages: &[MessageId], now: i64) -> Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE message SET read_at = ?4
          WHERE mailbox_id = ?1 AND uid = ?2 AND body_id = ?3 AND read_at IS NULL",
    )?;
    for message in messages {
        update.execute(params![message.mailbox.0, message.uid.0 as i64, message.body, now])?;
    }
    Ok(())
}
