//! `pillarbox hash`: prints what a password looks like in the database.

use super::password::{credential_error, credentials};
use super::{Command, arguments, password, print};
use crate::auth::credential::KeyFile;

pub(super) const COMMAND: Command = Command {
    name: "hash",
    arguments: "",
    summary: "reads a password as passwd does and prints its PHC string ($argon2id$...) for use in SQL",
    notes: "",
    options: |_| {},
    run: |matches| {
        let [] = arguments(matches, "")?;
        let password = password::read()?;
        let keys = KeyFile::in_memory().map_err(|error| credential_error(&error))?;
        let hash = credentials(keys)?.hash(&password).map_err(|error| credential_error(&error))?;
        print(&format!("{}\n", hash.expose_str().unwrap_or_default()))
    },
};
