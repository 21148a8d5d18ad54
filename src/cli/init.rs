//! `pillarbox init`: makes the database, or brings it to the newest schema.

use super::exit::Error;
use super::{Command, arguments, database};
use crate::server::service_manager::unhurried;
use crate::store::postgres::Postgres;
use crate::store::sqlite::Sqlite;
use crate::store::{Database, Location};

pub(super) const COMMAND: Command = Command {
    name: "init",
    arguments: "",
    summary: "makes the database, or brings it to the newest schema; nothing is lost by running it again",
    notes: "",
    options: |_| {},
    run: |matches| {
        let [] = arguments(matches, "")?;
        let Location { database, .. } = database::location(matches);
        let made = match &database {
            Database::File(path) => {
                database::creatable(path)?;
                unhurried(|| Sqlite::create_or_migrate(path))
            }
            Database::Postgres(text) => unhurried(|| Postgres::create_or_migrate(text)),
        };
        made.map_err(|error| Error::database(&database, &error))
    },
};
