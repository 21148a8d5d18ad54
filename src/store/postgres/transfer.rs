//! The engine's side of a copy of a whole site ([`crate::store::transfer`]).

use super::libpq::{Connection, Conninfo, Row, Statement, Value, byteas, ints, statement, texts};
use super::migrate::create;
use super::session::{SCHEMA, UNFINISHED, connect, keep_out_others, look_at_timeline, prepared, schema};
use crate::store::transfer::{Cell, Facts, Kind, Piece, Side, Table, Target};
use crate::store::{Result, StoreError};

/// Tables whose rules sleep meanwhile.
const RULED: [&str; 8] =
    ["settings", "certificates", "users", "verifiers", "mailboxes", "aliases", "delegates", "deleted_mailbox"];

/// The rules go to sleep, and nobody opens it.
fn unfinished() -> String {
    let asleep = RULED.map(|table| format!("ALTER TABLE {table} DISABLE TRIGGER USER;")).concat();
    format!("{asleep} UPDATE site SET schema = {UNFINISHED};")
}

/// A database that is read or filled as a whole. No node or command opens it meanwhile.
pub struct Whole {
    connection: Connection,
}

impl Whole {
    /// One that is to be read. What administrators write from now on is not seen.
    ///
    /// # Errors
    /// As [`super::Postgres::open`]; [`StoreError::Busy`] for one that somebody has open.
    pub fn source(text: &str) -> Result<Self> {
        let mut connection = connect(&Conninfo::parse(text, "copy")?)?;
        keep_out_others(&mut connection)?;
        let mut connection = prepared(connection)?;
        look_at_timeline(&mut connection, None)?;
        connection.script("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0")?;
        connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", [])?;
        Ok(Self { connection })
    }

    /// One that is to be filled; its tables are made where there are none.
    ///
    /// # Errors
    /// As [`super::Postgres::create_or_migrate`]; [`StoreError::Busy`] for one that somebody has open.
    pub fn target(text: &str) -> Result<Self> {
        let mut connection = connect(&Conninfo::parse(text, "copy")?)?;
        keep_out_others(&mut connection)?;
        connection.script("SET statement_timeout = 0; SET client_min_messages = 'warning'")?;
        if schema(&mut connection)? != Some(UNFINISHED) {
            create(&mut connection, &unfinished())?;
        }
        Ok(Self { connection })
    }
}

/// How a key's columns are compared: as in SQLite, octet by octet.
fn key(table: &Table) -> String {
    let column = |(name, kind): &(&str, Kind)| match kind {
        Kind::Text => format!("{name}::text COLLATE \"C\""),
        _ => (*name).to_owned(),
    };
    table.columns[..table.key].iter().map(column).collect::<Vec<_>>().join(", ")
}

/// A column as it is to be read. A mailbox whose number must jump jumps now.
fn shown(table: &Table, name: &str) -> String {
    match name {
        "next_uid" if has_epoch(table) => {
            "next_uid + CASE WHEN uid_epoch < (SELECT uid_epoch FROM site) THEN 1048576 ELSE 0 END".into()
        }
        _ => name.to_owned(),
    }
}

/// Its numbers jump after a promotion.
fn has_epoch(table: &Table) -> bool {
    ["usage", "deleted_mailbox", "retired"].contains(&table.name)
}

fn cell(row: &Row<'_>, at: usize, kind: Kind) -> Result<Cell> {
    Ok(match kind {
        Kind::Int => row.int_or_null(at)?.map_or(Cell::Null, Cell::Int),
        Kind::Text => row.text_or_null(at)?.map_or(Cell::Null, Cell::Text),
        Kind::Octets => row.bytes_or_null(at).map_or(Cell::Null, |octets| Cell::Octets(octets.to_vec())),
    })
}

fn value(cell: &Cell) -> Value<'_> {
    match cell {
        Cell::Null => None::<i64>.into(),
        Cell::Int(number) => (*number).into(),
        Cell::Text(text) => text.as_str().into(),
        Cell::Octets(octets) => octets.as_slice().into(),
    }
}

impl Side for Whole {
    fn rows(&mut self, table: &Table, after: Option<&[Cell]>, limit: usize) -> Result<Vec<Vec<Cell>>> {
        let columns = table.names().iter().map(|name| shown(table, name)).collect::<Vec<_>>().join(", ");
        let (mut sql, key) = (format!("SELECT {columns} FROM {}", table.name), key(table));
        let mut parameters: Vec<Value<'_>> = Vec::new();
        if let Some(after) = after {
            parameters.extend(after.iter().map(value));
            let marks: Vec<String> = (1..=after.len()).map(|at| format!("${at}")).collect();
            sql += &format!(" WHERE ({key}) > ({})", marks.join(", "));
        }
        sql += &format!(" ORDER BY {key} LIMIT {limit}");
        let answers = self.connection.run(&[Statement { sql: sql.into(), parameters }])?;
        let kinds = || table.columns.iter().map(|(_, kind)| *kind).enumerate();
        let row = |row: Row<'_>| kinds().map(|(at, kind)| cell(&row, at, kind)).collect();
        answers.first().map_or(Ok(Vec::new()), |rows| rows.iter().map(row).collect())
    }

    fn pieces(&mut self, after: (i64, i64), limit: usize) -> Result<Vec<Piece>> {
        let sql = "SELECT body_id, piece, data FROM chunk
                    WHERE (body_id, piece) > ($1, $2) AND NOT EXISTS (SELECT 1 FROM staging s WHERE s.body_id = chunk.body_id)
                    ORDER BY body_id, piece LIMIT $3";
        let rows = self.connection.query(sql, [after.0.into(), after.1.into(), (limit as i64).into()])?;
        rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?, row.bytes(2)?.to_vec()))).collect()
    }

    fn facts(&mut self) -> Result<Facts> {
        let sql = "SELECT first_uid, latest_at, warned_at,
                          (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM users_id_seq),
                          (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM mailboxes_id_seq) FROM site";
        let rows = self.connection.query(sql, [])?;
        let row = rows.only()?;
        Ok(Facts {
            first_uid: row.int(0)?,
            latest_at: row.int(1)?,
            warned_at: row.int(2)?,
            last_user: row.int(3)?,
            last_mailbox: row.int(4)?,
        })
    }
}

impl Target for Whole {
    const PIECE: usize = 64 << 10;

    fn begin(&mut self) -> Result<()> {
        let sql = "SELECT schema, EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM mailboxes) OR EXISTS (SELECT 1 FROM chunk)
                     FROM site";
        let rows = self.connection.query(sql, [])?;
        if rows.only()?.int(0)? == UNFINISHED {
            return Ok(());
        }
        if rows.only()?.is(1)? {
            return Err(StoreError::Refused(
                "there is something in it: only an empty database can be copied to".into(),
            ));
        }
        Ok(self.connection.script(&format!("BEGIN; {} COMMIT", unfinished()))?)
    }

    fn last(&mut self, table: &Table) -> Result<Option<Vec<Cell>>> {
        let columns = table.names()[..table.key].join(", ");
        let descending = table.names()[..table.key].join(" DESC, ");
        let sql = format!("SELECT {columns} FROM {} ORDER BY {descending} DESC LIMIT 1", table.name);
        let rows = self.connection.query(sql, [])?;
        let key = |row: Row<'_>| (0..table.key).map(|at| Ok(Cell::Int(row.int(at)?))).collect();
        rows.first().map(key).transpose()
    }

    fn clear(&mut self, table: &Table) -> Result<()> {
        self.connection.query(format!("DELETE FROM {}", table.name), [])?;
        Ok(())
    }

    fn add(&mut self, table: &Table, rows: &[Vec<Cell>]) -> Result<()> {
        let column = |at: usize, kind: Kind| match kind {
            Kind::Int => ints(rows.iter().map(|row| if let Cell::Int(number) = row[at] { Some(number) } else { None })),
            Kind::Text => {
                texts(rows.iter().map(|row| if let Cell::Text(text) = &row[at] { Some(text.as_str()) } else { None }))
            }
            Kind::Octets => {
                byteas(rows.iter().map(|row| if let Cell::Octets(octets) = &row[at] { octets.as_slice() } else { &[] }))
            }
        };
        let parameters = table.columns.iter().enumerate().map(|(at, (_, kind))| column(at, *kind)).collect();
        let marks: Vec<String> = (1..=table.columns.len()).map(|at| format!("${at}")).collect();
        // The numbers that come have been shown on no primary of ours.
        let (epoch, now) = match has_epoch(table) {
            true => (", uid_epoch", ", (SELECT uid_epoch FROM site)"),
            false => ("", ""),
        };
        let (columns, marks) = (table.names().join(", "), marks.join(", "));
        let sql = format!("INSERT INTO {} ({columns}{epoch}) SELECT *{now} FROM unnest({marks})", table.name);
        self.connection.run(&[Statement { sql: sql.into(), parameters }])?;
        Ok(())
    }

    fn drop_last_body(&mut self) -> Result<i64> {
        let last = self.connection.query("SELECT coalesce(max(body_id), 0) FROM chunk", [])?.only()?.int(0)?;
        self.connection.query("DELETE FROM chunk WHERE body_id = $1", [last.into()])?;
        Ok(last)
    }

    fn add_pieces(&mut self, pieces: &[Piece]) -> Result<()> {
        let (bodies, numbers) = (pieces.iter().map(|one| Some(one.0)), pieces.iter().map(|one| Some(one.1)));
        let sql = "INSERT INTO chunk (body_id, piece, data) SELECT * FROM unnest($1, $2, $3)";
        let data = byteas(pieces.iter().map(|one| one.2.as_slice()));
        self.connection.query(sql, [ints(bodies), ints(numbers), data])?;
        Ok(())
    }

    fn settle(&mut self, facts: &Facts) -> Result<()> {
        let Facts { first_uid, latest_at, warned_at, last_user, last_mailbox } = *facts;
        // Bodies that are new from now on are of a later epoch than all that came.
        let site = "UPDATE site SET first_uid = $1, latest_at = $2, warned_at = $3, next_epoch = greatest(next_epoch,
                      (SELECT coalesce(max(body_id), 0) >> 24 FROM (
                         SELECT max(body_id) AS body_id FROM chunk UNION ALL SELECT max(body_id) FROM message
                         UNION ALL SELECT max(body_id) FROM deleted UNION ALL SELECT max(body_id) FROM purge) AS known) + 1)";
        let sequence = "SELECT setval($1::text::regclass, greatest($2, 1), $2 > 0)";
        self.connection.run(&[
            statement(site, [first_uid.into(), latest_at.into(), warned_at.into()]),
            statement(sequence, ["users_id_seq".into(), last_user.into()]),
            statement(sequence, ["mailboxes_id_seq".into(), last_mailbox.into()]),
            statement("SELECT setval('purge_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM purge))", []),
        ])?;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let awake = RULED.map(|table| format!("ALTER TABLE {table} ENABLE TRIGGER USER;")).concat();
        let done = format!(
            "BEGIN; {awake} UPDATE site SET schema = {SCHEMA}; UPDATE change SET changed = txid_current(); COMMIT; ANALYZE"
        );
        Ok(self.connection.script(&done)?)
    }
}
