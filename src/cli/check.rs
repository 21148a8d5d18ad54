//! `pillarbox check`: is the database sound?

use super::exit::{Code, Error};
use super::{Command, arguments, database, print};
use crate::settings::Settings;
use crate::store::Maintenance;
use std::path::Path;

pub(super) const COMMAND: Command = Command {
    name: "check",
    arguments: "",
    summary: "verifies the database (integrity, counters, orphans); prints one line per fault",
    notes: "Exit 65: there are faults. May run while the server runs.",
    options: |_| {},
    run: |matches| {
        let [] = arguments(matches, "")?;
        let path = database::path(matches);
        let faults = faults(&path)?;
        match faults.len() {
            0 => Ok(()),
            number => {
                print(&faults.iter().map(|fault| format!("{}\n", fault.replace('\n', " "))).collect::<String>())?;
                Err(Error::new(Code::Data, format!("database {path:?} has faults: {number}")))
            }
        }
    },
};

fn faults(path: &Path) -> Result<Vec<String>, Error> {
    let faults = database::open(path).and_then(|store| {
        let mut faults = store.check().map_err(|error| Error::database(path, &error))?;
        match store.settings() {
            Ok(rows) => faults.extend(Settings::default().changed_by(&rows, &[]).1.iter().map(ToString::to_string)),
            Err(error) => faults.push(format!("settings: {error}")),
        }
        Ok(faults)
    });
    // What SQLite cannot read at all is what this command looks for.
    faults.map_err(|error| if error.code == Code::Software { Error { code: Code::Data, ..error } } else { error })
}
