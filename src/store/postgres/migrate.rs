//! Making the tables, and bringing them to the newest schema.

use super::Postgres;
use super::libpq::{Connection, Conninfo};
use super::session::{SCHEMA, UNFINISHED, connect, schema, unfinished};
use crate::store::{Result, StoreError};

/// In order; the first one's number is [`SCHEMA`]'s start.
const INITIAL: &str = include_str!("../../../migrations/postgres/0100_initial.sql");

impl Postgres {
    /// Makes the tables in an empty database, as the role that is to own them; idempotent.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a server or database that will not do, [`StoreError::Denied`] where the role may not
    /// do it.
    pub fn create_or_migrate(text: &str) -> Result<()> {
        let mut connection = connect(&Conninfo::parse(text, "init")?)?;
        create(&mut connection, "")
    }
}

/// The same, and in the transaction that makes the tables this script.
///
/// # Errors
/// As [`Postgres::create_or_migrate`]; [`StoreError::Refused`] for one that a copy has not finished.
pub fn create(connection: &mut Connection, script: &str) -> Result<()> {
    match schema(connection)? {
        None => Ok(connection.script(&format!("BEGIN;\n{INITIAL}\n;{script} COMMIT"))?),
        Some(SCHEMA) => Ok(()),
        Some(UNFINISHED) => Err(unfinished()),
        Some(other) => Err(StoreError::Refused(format!("its schema is {other}, which this program does not know"))),
    }
}
