//! The engine's side of a copy of a whole site ([`crate::store::transfer`]).

use super::database::migrate::{
    UNFINISHED, create_for_copy, fresh, is_unfinished, make_private, newest_version, require_newest,
};
use super::database::recovery::{self, Leftover};
use super::database::{closing, connection};
use crate::store::transfer::{Cell, Facts, Kind, Piece, Side, Table, Target};
use crate::store::{Options, Result, StoreError};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row, ToSql, params, params_from_iter};
use std::path::Path;

/// Pieces that a body id has room for.
const CHUNKS: i64 = 4096;

/// A database that is read or filled as a whole. Nobody else can open it meanwhile.
pub struct Whole {
    connection: Connection,
}

impl Whole {
    /// One that is to be read.
    ///
    /// # Errors
    /// As [`super::Sqlite::open`]; [`StoreError::Busy`] for one that somebody has open.
    pub fn source(path: &Path) -> Result<Self> {
        let connection = exclusive(path)?;
        require_newest(&connection, path)?;
        connection.execute_batch("BEGIN")?;
        Ok(Self { connection })
    }

    /// One that is to be filled; it is made where there is none.
    ///
    /// # Errors
    /// As [`super::Sqlite::create_or_migrate`]; [`StoreError::Busy`] for one that somebody has open.
    pub fn target(path: &Path) -> Result<Self> {
        make_private(path)?;
        let mut connection = exclusive(path)?;
        // The log would grow as large as the copy.
        connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-8000")?;
        create_for_copy(&mut connection, path, &unfinished)?;
        Ok(Self { connection })
    }

    /// What is written here is one transaction.
    fn at_once(&self, write: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        write(&transaction)?;
        Ok(transaction.commit()?)
    }
}

fn exclusive(path: &Path) -> Result<Connection> {
    connection::require_file(path)?;
    let leftover = Leftover::look(path)?;
    let connection = connection::alone(path).map_err(|error| match error {
        StoreError::Busy(_) => StoreError::Busy(format!("{path:?} is in use: stop its server first")),
        error => error,
    })?;
    connection::prepare(&connection, &Options::default())?;
    leftover.settle(&connection)?;
    recovery::sync_directory(path)?;
    Ok(connection)
}

/// The rules go, and nobody takes it for a site.
fn unfinished(connection: &Connection) -> Result<()> {
    for (name, _) in triggers(connection)? {
        connection.execute_batch(&format!("DROP TRIGGER {name}"))?;
    }
    Ok(connection.pragma_update(None, "user_version", UNFINISHED)?)
}

/// How a key's columns are compared: octet by octet.
fn key(table: &Table) -> String {
    let column = |(name, kind): &(&str, Kind)| match kind {
        Kind::Text => format!("{name} COLLATE BINARY"),
        _ => (*name).to_owned(),
    };
    table.columns[..table.key].iter().map(column).collect::<Vec<_>>().join(", ")
}

fn cell(row: &Row<'_>, at: usize, table: &Table) -> Result<Cell> {
    let text = |octets: &[u8]| {
        let text = String::from_utf8(octets.to_vec());
        text.map(Cell::Text)
            .map_err(|_| StoreError::Damaged(format!("a row of {} has text that is not UTF-8", table.name)))
    };
    Ok(match (row.get_ref(at)?, table.columns[at].1) {
        (ValueRef::Null, _) => Cell::Null,
        (ValueRef::Integer(number), Kind::Int) => Cell::Int(number),
        (ValueRef::Text(octets) | ValueRef::Blob(octets), Kind::Text) => text(octets)?,
        (ValueRef::Text(octets) | ValueRef::Blob(octets), Kind::Octets) => Cell::Octets(octets.to_vec()),
        (other, _) => {
            let what = other.data_type();
            return Err(StoreError::Damaged(format!("column {} of {} holds {what}", table.columns[at].0, table.name)));
        }
    })
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Octets(octets) => ToSqlOutput::Borrowed(ValueRef::Blob(octets)),
        })
    }
}

fn marks(number: usize) -> String {
    (1..=number).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ")
}

impl Side for Whole {
    fn rows(&mut self, table: &Table, after: Option<&[Cell]>, limit: usize) -> Result<Vec<Vec<Cell>>> {
        let (mut sql, key) = (format!("SELECT {} FROM {}", table.names().join(", "), table.name), key(table));
        if let Some(after) = after {
            sql += &format!(" WHERE ({key}) > ({})", marks(after.len()));
        }
        sql += &format!(" ORDER BY {key} LIMIT {limit}");
        let mut select = self.connection.prepare_cached(&sql)?;
        let mut rows = select.query(params_from_iter(after.unwrap_or_default()))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push((0..table.columns.len()).map(|at| cell(row, at, table)).collect::<Result<_>>()?);
        }
        Ok(all)
    }

    fn pieces(&mut self, after: (i64, i64), limit: usize) -> Result<Vec<Piece>> {
        let behind = after.0.saturating_mul(CHUNKS).saturating_add(after.1.min(CHUNKS - 1));
        let mut select = self.connection.prepare_cached(
            "SELECT id / ?3, id % ?3, data FROM chunk WHERE id > ?1 AND id / ?3 NOT IN (SELECT body_id FROM staging)
              ORDER BY id LIMIT ?2",
        )?;
        let pieces = select
            .query_map(params![behind, limit as i64, CHUNKS], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(pieces.collect::<rusqlite::Result<_>>()?)
    }

    fn facts(&mut self) -> Result<Facts> {
        let sql = "SELECT first_uid, latest_at, warned_at,
                          coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'users'), 0),
                          coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'mailboxes'), 0) FROM counters";
        Ok(self.connection.query_row(sql, [], |row| {
            Ok(Facts {
                first_uid: row.get(0)?,
                latest_at: row.get(1)?,
                warned_at: row.get(2)?,
                last_user: row.get(3)?,
                last_mailbox: row.get(4)?,
            })
        })?)
    }
}

impl Target for Whole {
    const PIECE: usize = 256 << 10;

    fn begin(&mut self) -> Result<()> {
        if is_unfinished(&self.connection)? {
            return Ok(());
        }
        let any =
            "SELECT EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM mailboxes) OR EXISTS (SELECT 1 FROM chunk)";
        if self.connection.query_row(any, [], |row| row.get(0))? {
            return Err(StoreError::Refused(
                "there is something in it: only an empty database can be copied to".into(),
            ));
        }
        self.at_once(unfinished)
    }

    fn last(&mut self, table: &Table) -> Result<Option<Vec<Cell>>> {
        let columns = table.names()[..table.key].join(", ");
        let descending = table.names()[..table.key].join(" DESC, ");
        let sql = format!("SELECT {columns} FROM {} ORDER BY {descending} DESC LIMIT 1", table.name);
        let mut select = self.connection.prepare(&sql)?;
        let mut rows = select.query([])?;
        let key = |row: &Row<'_>| (0..table.key).map(|at| Ok(Cell::Int(row.get(at)?))).collect::<Result<Vec<_>>>();
        rows.next()?.map(key).transpose()
    }

    fn clear(&mut self, table: &Table) -> Result<()> {
        self.connection.execute(&format!("DELETE FROM {}", table.name), [])?;
        Ok(())
    }

    fn add(&mut self, table: &Table, rows: &[Vec<Cell>]) -> Result<()> {
        let names = table.names();
        let sql = format!("INSERT INTO {} ({}) VALUES ({})", table.name, names.join(", "), marks(names.len()));
        self.at_once(|connection| {
            let mut insert = connection.prepare_cached(&sql)?;
            rows.iter().try_for_each(|row| insert.execute(params_from_iter(row)).map(drop))?;
            Ok(())
        })
    }

    fn drop_last_body(&mut self) -> Result<i64> {
        let sql = "SELECT coalesce(max(id) / ?1, 0) FROM chunk";
        let last: i64 = self.connection.query_row(sql, [CHUNKS], |row| row.get(0))?;
        self.connection.execute("DELETE FROM chunk WHERE id BETWEEN ?1 * ?2 AND ?1 * ?2 + ?2 - 1", [last, CHUNKS])?;
        Ok(last)
    }

    fn add_pieces(&mut self, pieces: &[Piece]) -> Result<()> {
        self.at_once(|connection| {
            let mut insert = connection.prepare_cached("INSERT INTO chunk (id, data) VALUES (?1, ?2)")?;
            for (body, number, octets) in pieces {
                let id = body.checked_mul(CHUNKS).filter(|_| *number < CHUNKS).ok_or(StoreError::TooBig)?;
                insert.execute(params![id + number, octets])?;
            }
            Ok(())
        })
    }

    fn settle(&mut self, facts: &Facts) -> Result<()> {
        let Facts { first_uid, latest_at, warned_at, last_user, last_mailbox } = *facts;
        self.at_once(|connection| {
            connection.execute(
                "UPDATE counters SET first_uid = ?1, latest_at = ?2, warned_at = ?3, next_body_id = 1 + (
                   SELECT coalesce(max(body_id), 0) FROM (
                     SELECT max(id) / 4096 AS body_id FROM chunk UNION ALL SELECT max(body_id) FROM message
                     UNION ALL SELECT max(body_id) FROM deleted UNION ALL SELECT max(body_id) FROM purge))",
                [first_uid, latest_at, warned_at],
            )?;
            for (table, last) in [("users", last_user), ("mailboxes", last_mailbox)] {
                connection.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [table])?;
                connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", params![table, last])?;
            }
            Ok(())
        })
    }

    fn finish(&mut self) -> Result<()> {
        let ours = triggers(&fresh()?)?;
        self.at_once(|connection| {
            ours.iter().try_for_each(|(_, sql)| connection.execute_batch(sql))?;
            Ok(connection.pragma_update(None, "user_version", newest_version())?)
        })?;
        Ok(closing::settle(&self.connection)?)
    }
}

/// The names of triggers, and what makes them.
fn triggers(connection: &Connection) -> Result<Vec<(String, String)>> {
    let mut select = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
