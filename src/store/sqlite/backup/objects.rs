//! Whether the schema of a database is the one of this program: a trigger that somebody has added runs with every statement of
//! ours, and may copy passwords.
//!
//! Tables of other programs are no fault, as long as nothing of them hangs on ours; those of Litestream are not even news.

use crate::store::Objects;
use crate::store::sqlite::database::migrate;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};

/// Litestream's own.
const EXPECTED: [&str; 2] = ["_litestream_seq", "_litestream_lock"];

/// A row of `sqlite_schema`.
struct Object {
    kind: String,
    name: String,
    table: String,
    /// None: SQLite has made it for a constraint.
    sql: Option<String>,
}

impl Object {
    fn key(&self) -> (String, String) {
        (self.kind.clone(), self.name.to_ascii_lowercase())
    }

    /// SQLite's own: what makes ids and what ANALYZE has found.
    fn is_internal(&self) -> bool {
        self.name == "sqlite_sequence" || self.name.starts_with("sqlite_stat") || self.sql.is_none()
    }

    /// Its words, to find names in.
    fn mentions(&self, names: &HashSet<String>) -> bool {
        let sql = self.sql.as_deref().unwrap_or_default().to_ascii_lowercase();
        sql.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| names.contains(word))
    }
}

/// Compares a database with a fresh one of the newest schema.
///
/// # Errors
/// It cannot be read.
pub fn compare(connection: &Connection) -> rusqlite::Result<Objects> {
    let ours = objects(&migrate::fresh()?)?;
    let found = objects(connection)?;
    let tables: HashSet<String> = ours
        .iter()
        .filter(|object| object.kind == "table" || object.kind == "view")
        .map(|object| object.name.to_ascii_lowercase())
        .collect();
    let mut missing: HashMap<(String, String), Object> =
        ours.into_iter().map(|object| (object.key(), object)).collect();
    let mut objects = Objects::default();
    for object in found {
        let Object { kind, name, table, .. } = &object;
        match missing.remove(&object.key()) {
            Some(original) if original.sql == object.sql && original.table.eq_ignore_ascii_case(table) => {}
            Some(_) => objects.faults.push(format!("{kind} {name}: is not as this program has made it")),
            None if object.is_internal() || EXPECTED.contains(&name.as_str()) => {}
            None if matches!(kind.as_str(), "trigger" | "index") && tables.contains(&table.to_ascii_lowercase()) => {
                objects.faults.push(format!("{kind} {name} on {table}: is not of this program"));
            }
            None if kind == "view" && object.mentions(&tables) => {
                objects.faults.push(format!("view {name}: is not of this program, and shows what is in its tables"));
            }
            None if kind == "table" || kind == "view" => {
                objects.notes.push(format!("{kind} {name}: is not of this program"));
            }
            None => {}
        }
    }
    let mut gone: Vec<String> =
        missing.into_values().map(|Object { kind, name, .. }| format!("{kind} {name}: is missing")).collect();
    gone.sort();
    objects.faults.append(&mut gone);
    Ok(objects)
}

fn objects(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    let mut select = connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid")?;
    let text = |row: &rusqlite::Row<'_>, index| -> rusqlite::Result<Option<String>> {
        Ok(row.get_ref(index)?.as_bytes_or_null()?.map(|text| String::from_utf8_lossy(text).into_owned()))
    };
    let rows = select.query_map([], |row| {
        Ok(Object {
            kind: text(row, 0)?.unwrap_or_default(),
            name: text(row, 1)?.unwrap_or_default(),
            table: text(row, 2)?.unwrap_or_default(),
            sql: text(row, 3)?,
        })
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(sql: &str) -> Objects {
        let connection = migrate::fresh().unwrap();
        connection.execute_batch(sql).unwrap();
        compare(&connection).unwrap()
    }

    fn faults(sql: &str) -> Vec<String> {
        let objects = changed(sql);
        assert_eq!(objects.notes, [""; 0], "{sql}");
        objects.faults
    }

    #[test]
    fn a_fresh_database_is_as_it_is() {
        assert_eq!(changed(""), Objects::default());
        assert_eq!(changed("ANALYZE"), Objects::default());
        assert_eq!(
            changed(
                "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); CREATE TABLE _litestream_lock (id INTEGER)"
            ),
            Objects::default()
        );
    }

    #[test]
    fn what_hangs_on_our_tables_is_a_fault() {
        for (sql, fault) in [
            (
                "CREATE TRIGGER copy AFTER UPDATE OF password ON users BEGIN UPDATE users SET ntlm = 1; END",
                "trigger copy on users: is not of this program",
            ),
            (
                "CREATE TRIGGER copy INSTEAD OF INSERT ON messages BEGIN SELECT 1; END",
                "trigger copy on messages: is not of this program",
            ),
            ("CREATE INDEX fast ON message (size)", "index fast on message: is not of this program"),
            (
                "CREATE VIEW spy AS SELECT * FROM \"Users\"",
                "view spy: is not of this program, and shows what is in its tables",
            ),
            ("DROP TRIGGER message_check", "trigger message_check: is missing"),
            ("DROP INDEX deleted_at", "index deleted_at: is missing"),
            ("ALTER TABLE users ADD COLUMN note TEXT", "table users: is not as this program has made it"),
        ] {
            assert_eq!(faults(sql), [fault], "{sql}");
        }
        let replaced =
            "DROP TRIGGER message_check; CREATE TRIGGER message_check BEFORE INSERT ON message BEGIN SELECT 1; END";
        assert_eq!(faults(replaced), ["trigger message_check: is not as this program has made it"]);
    }

    #[test]
    fn what_keeps_to_itself_is_named_only() {
        let objects = changed(
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE);
             CREATE INDEX notes_text ON notes (text);
             CREATE TRIGGER notes_added AFTER INSERT ON notes BEGIN UPDATE notes SET text = 'x'; END;
             CREATE VIEW notes_view AS SELECT text FROM notes;",
        );
        assert_eq!(objects.faults, [""; 0]);
        assert_eq!(objects.notes, ["table notes: is not of this program", "view notes_view: is not of this program"]);
    }
}
