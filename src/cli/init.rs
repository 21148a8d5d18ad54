//! `pillarbox init`: makes the database, or brings it to the newest schema.

use super::exit::Error;
use super::{Command, arguments, database};
use crate::server::service_manager::with_extended_timeout;
use crate::store::postgres::Postgres;
use crate::store::sqlite::Sqlite;
use crate::store::{Database, Location};

pub(super) const COMMAND: Command = Command {
    name: "init",
    arguments: "",
    summary: "creates the database, or migrates it to the newest schema; running it again does no harm",
    notes: "",
    options: |_| {},
    run: |matches| {
        let [] = arguments(matches, "")?;
        let Location { database, .. } = database::location(matches)?;
        let made = match &database {
            Database::File(path) => {
                database::creatable(path)?;
                with_extended_timeout(|| Sqlite::create_or_migrate(path))
            }
            Database::Postgres(text) => with_extended_timeout(|| Postgres::create_or_migrate(text)),
        };
        made.map_err(|error| Error::database(&database, &error))
    },
};
