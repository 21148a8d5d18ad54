//! `pillarbox report`: the status page as a file.

use super::exit::Error;
use super::{Command, arguments, database, status};
use crate::files::atomic::{AtomicFile, Failure};
use crate::store::Location;
use crate::watch::{answers, now};
use std::io::Write;
use std::path::Path;

pub(super) const COMMAND: Command = Command {
    name: "report",
    arguments: "FILE.html",
    summary: "writes the status page with its charts as a file",
    notes: "The page comes from the running server; if there is none, from the database alone.",
    options: |_| {},
    run: |matches| {
        let [file] = arguments(matches, "FILE.html")?;
        let (location, target) = (database::location(matches)?, Path::new(&file));
        database::readable(&location)?;
        database::creatable(target)?;
        let page = match status::ask(&location.beside, "/") {
            Ok((_, page)) => page,
            Err(_) => made_here(&location)?,
        };
        write(target, &page).map_err(|failure| database::unwritable(target, &failure))
    },
};

fn made_here(location: &Location) -> Result<String, Error> {
    let store = database::open(location)?;
    let status = status::facts(location, Some(&*store), "no server is running".into());
    let report =
        answers::report(&*store, &status, now()).map_err(|error| Error::database(&location.database, &error))?;
    Ok(report.html())
}

/// It names mailboxes, so nobody else may read it.
fn write(target: &Path, page: &str) -> Result<(), Failure> {
    let draft = AtomicFile::create(target, 0o600).map_err(Failure::Unplaced)?;
    draft.file().write_all(page.as_bytes()).map_err(Failure::Unplaced)?;
    draft.replace()
}
