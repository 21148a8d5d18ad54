//! The date that age counts from. It does not go back: `counters.latest_at` is the latest that was given, to the minute.
//!
//! The rule is [`crate::clock::latest`]; the schema's triggers have it too, for the shell (`counters.latest_at` of `schema.sql`).

use crate::clock::{FAR, is_noted, latest};
use crate::store::Result;
use rusqlite::Connection;

/// What `latest_at` becomes with the date `?1`, for an UPDATE of `counters`.
const LATEST: &str = "CASE WHEN latest_at BETWEEN ?1 AND ?1 + ?2 THEN latest_at ELSE ?1 END";

/// The date of what this transaction stores.
pub fn give(connection: &Connection, date: i64) -> Result<i64> {
    let mut select = connection.prepare_cached("SELECT latest_at FROM counters")?;
    let before = select.query_row([], |row| row.get(0))?;
    let date = latest(date, before);
    if !is_noted(date, before) {
        connection.prepare_cached("UPDATE counters SET latest_at = ?1")?.execute([date])?;
    }
    Ok(date)
}

/// Has the trigger date what `delete` deletes by `date`, and not by a clock of its own. What fails or panics
/// takes the whole job back, so that nobody else ever sees a date that is given.
pub fn deleting(connection: &Connection, date: i64, delete: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut given = connection.prepare_cached(&format!("UPDATE counters SET date_given = 1, latest_at = {LATEST}"))?;
    given.execute([date, FAR])?;
    delete()?;
    connection.prepare_cached("UPDATE counters SET date_given = 0")?.execute([])?;
    Ok(())
}
