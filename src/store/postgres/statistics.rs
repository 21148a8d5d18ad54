//! Figures and statistics ([`crate::store::Statistics`]).

use super::Postgres;
use super::libpq::{Connection, Row, Statement, statement};
use super::writer::Lane;
use crate::store::shared::statistics::{DAY, HOUR, MINUTE, NAMES, hour, hourly, minutely};
use crate::store::{Figures, Hour, LAST_UIDS, Large, LastHour, Result, STATISTICS_KEPT, Sample, Statistics};

impl Statistics for Postgres {
    fn figures(&self) -> Result<Figures> {
        self.pool.with(figures)
    }

    fn largest(&self, limit: usize) -> Result<Vec<Large>> {
        let sql = "SELECT name, messages, bytes FROM usage JOIN mailboxes ON id = mailbox_id WHERE bytes > 0
                    ORDER BY bytes DESC, name LIMIT $1";
        self.pool.with(|connection| {
            let large = |row: Row<'_>| Ok(Large { name: row.text(0)?, messages: row.size(1)?, octets: row.size(2)? });
            connection.query(sql, [(limit as i64).into()])?.iter().map(large).collect()
        })
    }

    fn count(&self, now: i64, sample: &Sample) -> Result<()> {
        let sample = *sample;
        self.writer.write(Lane::Maintenance, move |connection| {
            connection.run(&counting(now, &sample))?;
            Ok(())
        })
    }

    fn hours(&self, from: i64) -> Result<Vec<Hour>> {
        let sql = "SELECT at, logins, failures, connections, most_sessions, deliveries, delivered_octets, refused,
                          retrieved, retrieved_octets, removed, messages, database_octets
                     FROM statistics WHERE at >= $1 ORDER BY at";
        self.pool
            .with(|connection| connection.query(sql, [from.into()])?.iter().map(|row| hour(|at| row.int(at))).collect())
    }

    fn last_hour(&self, now: i64) -> Result<LastHour> {
        let sql = "SELECT coalesce(sum(logins), 0)::bigint, coalesce(sum(failures), 0)::bigint,
                          coalesce(sum(deliveries), 0)::bigint
                     FROM recent_minute WHERE at > $1 AND at <= $2";
        self.pool.with(|connection| {
            let rows = connection.query(sql, [(now - HOUR).into(), now.into()])?;
            let row = rows.only()?;
            Ok(LastHour { logins: row.size(0)?, failures: row.size(1)?, deliveries: row.size(2)? })
        })
    }

    fn claim_postmaster_mail(&self, now: i64) -> Result<bool> {
        self.writer.write(Lane::Maintenance, move |connection| {
            // A clock that was wrong once must not keep mail back for ever.
            let sql = "UPDATE site SET warned_at = $1 WHERE warned_at NOT BETWEEN $1 - $2 AND $1 + $2";
            Ok(connection.query(sql, [now.into(), (DAY - 1).into()])?.changed() > 0)
        })
    }
}

fn figures(connection: &mut Connection) -> Result<Figures> {
    let sum = "SELECT count(*), coalesce(sum(messages), 0)::bigint, coalesce(sum(bytes), 0)::bigint,
                      coalesce(max(next_uid), 0), (SELECT count(*) FROM users WHERE is_hash = 0),
                      pg_database_size(current_database())
                 FROM usage";
    let rows = connection.query(sum, [])?;
    let row = rows.only()?;
    let mut figures = Figures {
        mailboxes: row.size(0)?,
        messages: row.size(1)?,
        octets: row.size(2)?,
        pending_passwords: row.size(4)?,
        database_octets: row.size(5)?,
        // The log is the server's.
        wal_octets: 0,
        database_limit: None,
        exhausted: Vec::new(),
    };
    if row.size(3)? >= LAST_UIDS {
        let names = "SELECT name FROM usage JOIN mailboxes ON id = mailbox_id WHERE next_uid >= $1 LIMIT $2";
        let rows = connection.query(names, [(LAST_UIDS as i64).into(), NAMES.into()])?;
        figures.exhausted = rows.iter().map(|row| row.text(0)).collect::<Result<_>>()?;
    }
    Ok(figures)
}

const HOURLY: &str = "
  INSERT INTO statistics AS s (at, logins, failures, connections, most_sessions, deliveries, delivered_octets, refused,
                               retrieved, retrieved_octets, removed, messages, database_octets)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
  ON CONFLICT (at) DO UPDATE SET logins = s.logins + excluded.logins, failures = s.failures + excluded.failures,
    connections = s.connections + excluded.connections,
    most_sessions = greatest(s.most_sessions, excluded.most_sessions),
    deliveries = s.deliveries + excluded.deliveries,
    delivered_octets = s.delivered_octets + excluded.delivered_octets, refused = s.refused + excluded.refused,
    retrieved = s.retrieved + excluded.retrieved,
    retrieved_octets = s.retrieved_octets + excluded.retrieved_octets, removed = s.removed + excluded.removed,
    messages = CASE excluded.database_octets WHEN 0 THEN s.messages ELSE excluded.messages END,
    database_octets = CASE excluded.database_octets WHEN 0 THEN s.database_octets ELSE excluded.database_octets END";

const MINUTELY: &str = "
  INSERT INTO recent_minute AS m (at, logins, failures, deliveries) VALUES ($1, $2, $3, $4)
  ON CONFLICT (at) DO UPDATE SET logins = m.logins + excluded.logins, failures = m.failures + excluded.failures,
    deliveries = m.deliveries + excluded.deliveries";

/// Adds to the rows of the hour and the minute, inside somebody's transaction.
pub fn counting(now: i64, sample: &Sample) -> Vec<Statement<'static>> {
    let mut all = vec![Statement { sql: HOURLY.into(), parameters: hourly(now, sample).map(Into::into).into() }];
    if let Some(row) = minutely(now, sample) {
        all.push(statement(MINUTELY, row.map(Into::into)));
    }
    all.push(statement("DELETE FROM statistics WHERE at < $1", [(now - STATISTICS_KEPT).into()]));
    all.push(statement("DELETE FROM recent_minute WHERE at <= $1", [(now - HOUR - MINUTE).into()]));
    all
}
