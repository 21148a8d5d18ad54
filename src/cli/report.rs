//! `pillarbox report`: the status page as a file.

use super::exit::Error;
use super::{Command, arguments, database, status};
use crate::files::atomic::{AtomicFile, Failure};
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
        let (path, target) = (database::path(matches), Path::new(&file));
        database::readable(&path)?;
        database::creatable(target)?;
        let page = match status::ask(&path, "/") {
            Ok((_, page)) => page,
            Err(_) => made_here(&path)?,
        };
        write(target, &page).map_err(|failure| database::unwritable(target, &failure))
    },
};

fn made_here(path: &Path) -> Result<String, Error> {
    let store = database::open(path)?;
    let status = status::facts(path, Some(&store), "no server is running".into());
    let report = answers::report(&store, &status, now()).map_err(|error| Error::database(path, &error))?;
    Ok(report.html())
}

/// It names mailboxes, so nobody else may read it.
fn write(target: &Path, page: &str) -> Result<(), Failure> {
    let draft = AtomicFile::create(target, 0o600).map_err(Failure::Unplaced)?;
    draft.file().write_all(page.as_bytes()).map_err(Failure::Unplaced)?;
    draft.replace()
}
