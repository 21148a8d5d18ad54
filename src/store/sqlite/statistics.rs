//! Figures and statistics ([`crate::store::Statistics`]).

use crate::files::path::with_suffix;
use crate::lock::lock;
use crate::store::shared::statistics::{DAY, HOUR, MINUTE, NAMES, hour, hourly, minutely};
use crate::store::sqlite::database::connection;
use crate::store::sqlite::writer::Lane;
use crate::store::sqlite::{Options, Sqlite};
use crate::store::{Figures, Hour, LAST_UIDS, Large, LastHour, Result, STATISTICS_KEPT, Sample, Statistics};
use rusqlite::{Connection, Row, params_from_iter};
use std::path::Path;

impl Statistics for Sqlite {
    fn figures(&self) -> Result<Figures> {
        let mut figures = self.known_figures()?;
        figures.database_octets = length(&self.path);
        figures.wal_octets = length(&with_suffix(&self.path, "-wal"));
        Ok(figures)
    }

    fn largest(&self, limit: usize) -> Result<Vec<Large>> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT name, messages, bytes FROM usage JOIN mailboxes ON id = mailbox_id WHERE bytes > 0
                  ORDER BY bytes DESC, name LIMIT ?1",
            )?;
            let rows = select.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(Large { name: row.get(0)?, messages: number(row, 1)?, octets: number(row, 2)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn count(&self, now: i64, sample: &Sample) -> Result<()> {
        let sample = *sample;
        self.writer.write(Lane::Maintenance, 0, move |connection| count(connection, now, &sample))
    }

    fn hours(&self, from: i64) -> Result<Vec<Hour>> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT at, logins, failures, connections, most_sessions, deliveries, delivered_octets, refused,
                        retrieved, retrieved_octets, removed, messages, database_octets
                   FROM statistics WHERE at >= ?1 ORDER BY at",
            )?;
            let (mut rows, mut hours) = (select.query([from])?, Vec::new());
            while let Some(row) = rows.next()? {
                hours.push(hour(|at| Ok(row.get(at)?))?);
            }
            Ok(hours)
        })
    }

    fn last_hour(&self, now: i64) -> Result<LastHour> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT coalesce(sum(logins), 0), coalesce(sum(failures), 0), coalesce(sum(deliveries), 0)
                   FROM recent_minute WHERE at > ?1 AND at <= ?2",
            )?;
            Ok(select.query_row([now - HOUR, now], |row| {
                Ok(LastHour { logins: number(row, 0)?, failures: number(row, 1)?, deliveries: number(row, 2)? })
            })?)
        })
    }

    fn claim_postmaster_mail(&self, now: i64) -> Result<bool> {
        self.writer.write(Lane::Maintenance, 0, move |connection| {
            // A clock that was wrong once must not keep mail back for ever.
            let sql = "UPDATE counters SET warned_at = ?1 WHERE warned_at NOT BETWEEN ?1 - ?2 AND ?1 + ?2";
            Ok(connection.prepare_cached(sql)?.execute([now, DAY - 1])? > 0)
        })
    }
}

/// Figures, and a connection that knows whether they hold still: they are asked for again and again.
pub struct Known {
    connection: Connection,
    /// With SQLite's `data_version`, which moves with every commit of any other connection.
    figures: Option<(i64, Figures)>,
}

impl Sqlite {
    /// Sums over all mailboxes, anew only if somebody has written something.
    fn known_figures(&self) -> Result<Figures> {
        let mut known = lock(&self.figures);
        let known = match &mut *known {
            Some(known) => known,
            none => {
                let connection = connection::reader(&self.path, &Options::default())?;
                none.insert(Known { connection, figures: None })
            }
        };
        let version = known.connection.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        match &known.figures {
            Some((then, figures)) if *then == version => Ok(figures.clone()),
            _ => {
                let figures = figures(&known.connection)?;
                known.figures = Some((version, figures.clone()));
                Ok(figures)
            }
        }
    }
}

fn figures(connection: &Connection) -> Result<Figures> {
    let sum =
        "SELECT count(*), coalesce(sum(messages), 0), coalesce(sum(bytes), 0), coalesce(max(next_uid), 0) FROM usage";
    let (mut figures, last) = connection.prepare_cached(sum)?.query_row([], |row| {
        let (mailboxes, messages, octets) = (number(row, 0)?, number(row, 1)?, number(row, 2)?);
        Ok((Figures { mailboxes, messages, octets, ..Figures::default() }, number(row, 3)?))
    })?;
    if last >= LAST_UIDS {
        let names = "SELECT name FROM usage JOIN mailboxes ON id = mailbox_id WHERE next_uid >= ?1 LIMIT ?2";
        let mut select = connection.prepare_cached(names)?;
        let rows = select.query_map([LAST_UIDS as i64, NAMES], |row| row.get(0))?;
        figures.exhausted = rows.collect::<rusqlite::Result<_>>()?;
    }
    let pending = "SELECT count(*) FROM users WHERE is_hash = 0";
    figures.pending_passwords = connection.prepare_cached(pending)?.query_row([], |row| number(row, 0))?;
    let pages: i64 = connection.query_row("PRAGMA max_page_count", [], |row| row.get(0))?;
    let size: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    figures.database_limit = Some(pages.saturating_mul(size).max(0) as u64);
    Ok(figures)
}

/// Adds to the rows of the hour and the minute, inside somebody's transaction.
pub fn count(connection: &Connection, now: i64, sample: &Sample) -> Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO statistics (at, logins, failures, connections, most_sessions, deliveries, delivered_octets, refused,
                                 retrieved, retrieved_octets, removed, messages, database_octets)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT DO UPDATE SET logins = logins + excluded.logins, failures = failures + excluded.failures,
           connections = connections + excluded.connections, most_sessions = max(most_sessions, excluded.most_sessions),
           deliveries = deliveries + excluded.deliveries,
           delivered_octets = delivered_octets + excluded.delivered_octets, refused = refused + excluded.refused,
           retrieved = retrieved + excluded.retrieved,
           retrieved_octets = retrieved_octets + excluded.retrieved_octets, removed = removed + excluded.removed,
           messages = CASE excluded.database_octets WHEN 0 THEN messages ELSE excluded.messages END,
           database_octets = CASE excluded.database_octets WHEN 0 THEN database_octets ELSE excluded.database_octets END",
    )?;
    let inserted = upsert.execute(params_from_iter(hourly(now, sample)))?;
    debug_assert_eq!(inserted, 1);
    if let Some(row) = minutely(now, sample) {
        let mut upsert = connection.prepare_cached(
            "INSERT INTO recent_minute (at, logins, failures, deliveries) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET logins = logins + excluded.logins, failures = failures + excluded.failures,
               deliveries = deliveries + excluded.deliveries",
        )?;
        upsert.execute(row)?;
    }
    connection.prepare_cached("DELETE FROM statistics WHERE at < ?1")?.execute([now - STATISTICS_KEPT])?;
    connection.prepare_cached("DELETE FROM recent_minute WHERE at <= ?1")?.execute([now - HOUR - MINUTE])?;
    Ok(())
}

fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(|number| number.max(0) as u64)
}

/// Octets of a file; none if it is not there.
fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}
