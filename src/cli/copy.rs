//! `pillarbox copy`: a whole site from one database to another, of whichever engine.

use super::backup::refuse_in_use;
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
use std::path::{Path, PathBuf};
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
        let [from, to] = arguments(matches, "FROM or TO")?;
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
    not_in_use(from)?;
    not_in_use(to)?;
    let seal = Seal::look(&with_suffix(&from.beside, ".seal"), with_suffix(&to.beside, ".seal"))?;
    let copied = match &from.database {
        Database::File(path) => fill(&mut failing(from, sqlite::Whole::source(path))?, to, &seal),
        Database::Postgres(text) => fill(&mut failing(from, postgres::Whole::source(text))?, to, &seal),
    };
    print(&format!("{} messages copied and compared\n", copied?))
}

fn fill(from: &mut dyn Side, to: &Location, seal: &Seal) -> Result<u64, Error> {
    match &to.database {
        Database::File(path) => run(from, &mut failing(to, sqlite::Whole::target(path))?, to, seal),
        Database::Postgres(text) => run(from, &mut failing(to, postgres::Whole::target(text))?, to, seal),
    }
}

fn run(from: &mut dyn Side, target: &mut impl Target, to: &Location, seal: &Seal) -> Result<u64, Error> {
    // Nothing is written beside one that cannot be filled.
    failing(to, target.begin())?;
    seal.take()?;
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

/// What a server does meanwhile would not be in the copy, or not be seen by it.
fn not_in_use(location: &Location) -> Result<(), Error> {
    match &location.database {
        Database::File(path) if path.exists() => refuse_in_use(path, "its server"),
        Database::File(_) => Ok(()),
        Database::Postgres(text) => match failing(location, postgres::nodes(text))? {
            names if names.is_empty() => Ok(()),
            names => {
                let text = format!("{} is in use by {}: stop it first", location.database, names.join(", "));
                Err(Error::new(Code::TempFail, text))
            }
        },
    }
}

/// What was sealed with a key file can be read only with it: it is to come here.
struct Seal {
    octets: Option<Vec<u8>>,
    to: PathBuf,
}

impl Seal {
    fn look(from: &Path, to: PathBuf) -> Result<Self, Error> {
        let octets = fs::read(from).ok();
        match (&octets, fs::read(&to)) {
            (Some(seal), Ok(there)) if there != *seal => {
                Err(Error::new(Code::Config, format!("{to:?} is another key file than {from:?}: move it away")))
            }
            (_, Ok(_)) => Ok(Self { octets: None, to }),
            (_, Err(_)) => Ok(Self { octets, to }),
        }
    }

    fn take(&self) -> Result<(), Error> {
        let Some(seal) = &self.octets else { return Ok(()) };
        let written = AtomicFile::create(&self.to, 0o600).map_err(Failure::Unplaced).and_then(|draft| {
            draft.file().write_all(seal).map_err(Failure::Unplaced)?;
            draft.replace()
        });
        written.map_err(|failure| database::unwritable(&self.to, &failure))
    }
}
