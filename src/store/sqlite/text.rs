//! Text that people wrote. Since schema 7 all of it is UTF-8; a row from before may hold other octets, and
//! whoever meets it must not fail for that.

use rusqlite::{Result, Row};

/// Column `index`, with U+FFFD for what is not UTF-8.
pub fn lossy(row: &Row<'_>, index: usize) -> Result<String> {
    Ok(String::from_utf8_lossy(row.get_ref(index)?.as_bytes()?).into_owned())
}

/// The same where NULL is allowed.
pub fn lossy_or_null(row: &Row<'_>, index: usize) -> Result<Option<String>> {
    let octets = row.get_ref(index)?.as_bytes_or_null()?;
    Ok(octets.map(|octets| String::from_utf8_lossy(octets).into_owned()))
}
