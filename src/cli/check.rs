//! `pillarbox check`: is the database sound?

use super::exit::{Code, Error};
use super::{Command, arguments, database, print};
use crate::server::exposure;
use crate::settings::Settings;
use crate::store::{Location, Objects};

pub(super) const COMMAND: Command = Command {
    name: "check",
    arguments: "",
    summary: "verifies the database (integrity, counters, orphans, schema, file modes); prints one line per fault",
    notes: "Exit 65: there are faults. Lines starting with \"note:\" are not faults. The server may be running.",
    options: |_| {},
    run: |matches| {
        let [] = arguments(matches, "")?;
        let location = database::location(matches)?;
        let (faults, notes) = findings(&location)?;
        let notes = notes.iter().map(|note| format!("note: {note}"));
        let lines = faults.iter().cloned().chain(notes);
        print(&lines.map(|line| format!("{}\n", line.replace('\n', " "))).collect::<String>())?;
        match faults.len() {
            0 => Ok(()),
            number => Err(Error::new(
                Code::Data,
                format!("database {:?} has faults: {number}", location.database.to_string()),
            )),
        }
    },
};

/// Faults, and what is worth knowing but none.
fn findings(location: &Location) -> Result<(Vec<String>, Vec<String>), Error> {
    let faults = database::open(location).and_then(|store| {
        let mut faults = store.check().map_err(|error| Error::database(&location.database, &error))?;
        let mut settings = Settings::default();
        match store.settings() {
            Ok(rows) => {
                let (read, errors) = settings.changed_by(&rows, &[]);
                faults.extend(errors.iter().map(ToString::to_string));
                settings = read;
            }
            Err(error) => faults.push(format!("settings: {error}")),
        }
        let mut objects =
            store.objects().unwrap_or_else(|error| Objects { faults: vec![error.to_string()], notes: vec![] });
        objects.faults.retain(|fault| !faults.contains(fault));
        faults.append(&mut objects.faults);
        faults.extend(exposure::open_files(location, &settings));
        objects.notes.extend(exposure::open_lmtp(settings.lmtp_bindings.iter().map(String::as_str)));
        Ok((faults, objects.notes))
    });
    // What SQLite cannot read at all is what this command looks for.
    faults.map_err(|error| if error.code == Code::Software { Error { code: Code::Data, ..error } } else { error })
}
