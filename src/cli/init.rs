//! `pillarbox init`: makes the database, or brings it to the newest schema.

use super::exit::Error;
use super::{Command, arguments, database};
use crate::server::service_manager::unhurried;
use crate::store::sqlite::Sqlite;

pub(super) const COMMAND: Command = Command {
    name: "init",
    arguments: "",
    summary: "makes the database, or brings it to the newest schema; nothing is lost by running it again",
    notes: "",
    options: |_| {},
    run: |matches| {
        let [] = arguments(matches, "")?;
        let path = database::file(matches, "init is still to come")?;
        database::creatable(&path)?;
        unhurried(|| Sqlite::create_or_migrate(&path)).map_err(|error| Error::database(path.display(), &error))?;
        Ok(())
    },
};
