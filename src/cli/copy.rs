//! `pillarbox copy`: a whole site from one database to another, of whichever engine.

use super::exit::{Code, Error};
use super::{Command, arguments, database, print};
use crate::files::atomic::{AtomicFile, Failure};
use crate::files::path::with_suffix;
use crate::store::transfer::{self, Side, Target};
use crate::store::{Database, Location, Result as Stored, postgres, sqlite};
use getopts::Matches;
use std::cell::Cell;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a terminal is told.
const EVERY: Duration = Duration::from_millis(500);

pub(super) const COMMAND: Command = Command {
    name: "copy",
    arguments: "FROM TO",
    summary: "copies a whole site to another database: a file, or PostgreSQL",
    notes: "FROM and TO are what -d takes. Every unique-id, verifier, quota, date, read state and deleted message is the same\n\
            afterwards, and both are compared at the end. No server may run on either; TO must be empty. One that was cut\n\
            goes on when it is run again, and until it has ended nobody opens TO. Exit 65: the two differ.",
    options: |options| {
        options.optopt("", "state", "where the files beside a PostgreSQL database are (/var/lib/pillarbox)", "DIR");
    },
    run: |matches| {
        let [from, to] = arguments(matches, "FROM and TO")?;
        let from = location(&from, matches);
        let to = location(&to, matches);
        if from.database == to.database {
            return Err(Error::usage("FROM and TO are the same database"));
        }
        copy(&from, &to)
    },
};

fn location(typed: &str, matches: &Matches) -> Location {
    let database = Database::parse(typed.into());
    // A file has its companions where it is.
    let state = matches.opt_str("state").filter(|_| matches!(database, Database::Postgres(_)));
    Location::new(database, state.as_deref().map(Path::new))
}

fn copy(from: &Location, to: &Location) -> Result<(), Error> {
    database::readable(from)?;
    take_seal(&with_suffix(&from.beside, ".seal"), &with_suffix(&to.beside, ".seal"))?;
    let copied = match &from.database {
        Database::File(path) => fill(&mut failing(from, sqlite::Whole::source(path))?, to),
        Database::Postgres(text) => fill(&mut failing(from, postgres::Whole::source(text))?, to),
    };
    print(&format!("{} messages copied and compared\n", copied?))
}

fn fill(from: &mut dyn Side, to: &Location) -> Result<u64, Error> {
    match &to.database {
        Database::File(path) => run(from, &mut failing(to, sqlite::Whole::target(path))?, to),
        Database::Postgres(text) => run(from, &mut failing(to, postgres::Whole::target(text))?, to),
    }
}

fn run(from: &mut dyn Side, target: &mut impl Target, to: &Location) -> Result<u64, Error> {
    let (shown, last) = (io::stderr().is_terminal(), Cell::new(Instant::now()));
    let progress = |octets: u64| {
        if shown && last.get().elapsed() >= EVERY {
            last.set(Instant::now());
            let _ = write!(io::stderr(), "\r{} MiB", octets >> 20);
        }
    };
    let done = transfer::run(from, target, &progress);
    if shown {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    done.map_err(|error| match error {
        crate::store::StoreError::Damaged(text) => Error::new(Code::Data, text),
        error => Error::database(&to.database, &error),
    })
}

fn failing<T>(of: &Location, opened: Stored<T>) -> Result<T, Error> {
    opened.map_err(|error| Error::database(&of.database, &error))
}

/// What was sealed with a key file can be read only with it.
fn take_seal(from: &Path, to: &Path) -> Result<(), Error> {
    let Ok(seal) = fs::read(from) else { return Ok(()) };
    match fs::read(to) {
        Ok(there) if there == seal => Ok(()),
        Ok(_) => Err(Error::new(Code::Config, format!("{to:?} is another key file than {from:?}: move it away"))),
        Err(_) => {
            let written = AtomicFile::create(to, 0o600).map_err(Failure::Unplaced).and_then(|draft| {
                draft.file().write_all(&seal).map_err(Failure::Unplaced)?;
                draft.replace()
            });
            written.map_err(|failure| database::unwritable(to, &failure))
        }
    }
}
