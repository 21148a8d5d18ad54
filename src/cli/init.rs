//! `pillarbox init`: makes the database, or brings it to the newest schema.

use super::exit::Error;
use super::{Command, arguments, database};
use crate::server::service_manager::with_extended_timeout;
use crate::store::sqlite::Sqlite;

pub(super) const COMMAND: Command = Command {
    name: "init",
    arguments: "",
    summary: "creates the database, or migrates it to the newest schema; running it again does no harm",
    notes: "",
    options: |_| {},
    run: |matches| {
        let [] = arguments(matches, "")?;
        let path = database::file(matches, "init is still to come")?;
        database::creatable(&path)?;
        with_extended_timeout(|| Sqlite::create_or_migrate(&path))
            .map_err(|error| Error::database(path.display(), &error))?;
        Ok(())
    },
};
