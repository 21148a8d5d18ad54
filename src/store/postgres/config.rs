//! What administrators decide.

use super::Postgres;
use super::libpq::Connection;
use super::writer::Lane;
use crate::lock::lock;
use crate::store::{Advertised, CertificateFiles, Config, Expire, MailboxId, Result, StoreError, Usable};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long it is believed what CAPA may promise, if nobody says that it changed.
const BELIEVED: Duration = Duration::from_secs(60);

/// What it was.
#[derive(Clone, Copy)]
pub struct KnownAdvertised {
    /// The change mark, and how often this node had written verifiers.
    state: (i64, u64),
    since: Instant,
    advertised: Advertised,
}

impl Config for Postgres {
    fn change_mark(&self) -> Result<i64> {
        self.pool.with(|connection| connection.query("SELECT changed FROM change", [])?.only()?.int(0))
    }

    fn revocations(&self) -> Result<i64> {
        self.pool.with(|connection| connection.query("SELECT revoked FROM change", [])?.only()?.int(0))
    }

    fn settings(&self) -> Result<Vec<(String, Vec<u8>)>> {
        self.pool.with(|connection| {
            let rows = connection.query("SELECT name, value FROM settings ORDER BY name", [])?;
            rows.iter().map(|row| Ok((row.text(0)?, row.bytes(1)?.to_vec()))).collect()
        })
    }

    fn certificates(&self) -> Result<Vec<CertificateFiles>> {
        let sql = "SELECT name, certificate_file, key_file FROM certificates ORDER BY name";
        self.pool.with(|connection| {
            let files = |row: super::libpq::Row<'_>| {
                Ok(CertificateFiles { name: row.text(0)?, certificate: row.text(1)?.into(), key: row.text(2)?.into() })
            };
            connection.query(sql, [])?.iter().map(files).collect()
        })
    }

    fn advertised(&self) -> Result<Advertised> {
        // It looks at all users and mailboxes.
        let state = (self.change_mark()?, self.verifiers.load(Ordering::SeqCst));
        let known = *lock(&self.advertised);
        if let Some(known) = known
            && known.state == state
            && known.since.elapsed() < BELIEVED
        {
            return Ok(known.advertised);
        }
        let advertised = self.pool.with(|connection| {
            Ok(Advertised { expire: shortest_retention(connection)?, usable: usable(connection)? })
        })?;
        let told = |known: KnownAdvertised| known.state.0 != state.0 && known.state.1 == state.1;
        if known.is_some_and(|known| known.advertised.usable != advertised.usable && !told(known)) {
            // A login here has made the first verifier of its kind, or the last that was missing: other nodes are told.
            self.writer.write(Lane::Maintenance, |connection| {
                connection.query("SELECT note_change(false)", [])?;
                Ok(())
            })?;
        }
        *lock(&self.advertised) = Some(KnownAdvertised { state, since: Instant::now(), advertised });
        Ok(advertised)
    }

    fn retention(&self, mailbox: MailboxId) -> Result<Expire> {
        self.pool.with(|connection| {
            let rows = connection.query(RETENTION_OF, [mailbox.0.into()])?;
            Ok(Expire::of(rows.first().ok_or(StoreError::NoSuchMailbox)?.size(0)? as u32))
        })
    }

    fn exact_sizes(&self, mailbox: MailboxId) -> Result<Option<bool>> {
        self.pool.with(|connection| {
            let rows = connection.query("SELECT exact_rfc822_size FROM mailboxes WHERE id = $1", [mailbox.0.into()])?;
            Ok(rows.first().ok_or(StoreError::NoSuchMailbox)?.int_or_null(0)?.map(|exact| exact != 0))
        })
    }
}

fn usable(connection: &mut Connection) -> Result<Usable> {
    let rows = connection.query(USABLE, [])?;
    let row = rows.only()?;
    Ok(Usable { ntlm: row.is(0)?, scram: row.is(1)? })
}

/// A user without any password can log in by GSSAPI or a token only, and needs no verifier; one whose
/// plain password waits has it in a moment, and nobody's CAPA shall change twice for that.
const USABLE: &str = "
  SELECT EXISTS (SELECT 1 FROM verifiers JOIN users ON id = user_id WHERE scheme = 'NT' AND pop_enabled = 1),
         NOT EXISTS (SELECT 1 FROM users
           WHERE pop_enabled = 1 AND is_hash = 1
             AND NOT EXISTS (SELECT 1 FROM verifiers WHERE user_id = id AND scheme = 'SCRAM-SHA-256'))";

/// Days that a mailbox keeps its messages at least, 0: for ever. The shorter of read and unread, because
/// either may be what happens to a message (RFC 2449 section 6.7: the minimum).
const RETENTION_OF: &str = "
  SELECT coalesce(least(nullif(read_days, 0), nullif(unread_days, 0)), 0) FROM mailbox_retention WHERE mailbox_id = $1";
const RETENTION: &str = "
  SELECT min(nullif(days, 0)), count(DISTINCT days), count(*)
    FROM (SELECT coalesce(least(nullif(read_days, 0), nullif(unread_days, 0)), 0) AS days FROM mailbox_retention) AS kept";
/// What a first mailbox would get.
const SITE_RETENTION: &str = "
  SELECT coalesce(min(nullif(value::bigint, 0)), 0) FROM settings WHERE name IN ('RetainReadDays', 'RetainUnreadDays')";

fn shortest_retention(connection: &mut Connection) -> Result<Expire> {
    let rows = connection.query(RETENTION, [])?;
    let row = rows.only()?;
    let (days, kinds, mailboxes) = (row.int_or_null(0)?, row.int(1)?, row.int(2)?);
    if mailboxes == 0 {
        return Ok(Expire::of(connection.query(SITE_RETENTION, [])?.only()?.size(0)? as u32));
    }
    Ok(Expire::shortest(days.map(|days| days as u32), kinds != 1))
}
