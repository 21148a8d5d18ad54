//! `pillarbox check`: is the database sound?

use super::exit::{Code, Error};
use super::{Command, arguments, database, print};

pub(super) const COMMAND: Command = Command {
    name: "check",
    arguments: "",
    summary: "verifies the database (integrity, counters, orphans); prints one line per fault",
    notes: "Exit 65: there are faults. May run while the server runs.",
    options: |_| {},
    run: |matches| {
        let [] = arguments(matches, "")?;
        let path = database::path(matches);
        let faults = database::open(&path)?.check().map_err(|error| database::failed(&path, &error))?;
        match faults.len() {
            0 => Ok(()),
            number => {
                print(&faults.iter().map(|fault| format!("{}\n", fault.replace('\n', " "))).collect::<String>())?;
                Err(Error::new(Code::Data, format!("database {path:?} has faults: {number}")))
            }
        }
    },
};
