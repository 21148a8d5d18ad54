//! `pillarbox copy`: a whole site from one database to another, of whichever engine.

use super::exit::{Code, Error};
use super::{Command, arguments, database, print};
use crate::files::atomic::{AtomicFile, Failure};
use crate::files::path::with_suffix;
use crate::store::transfer::{self, Side, TABLES, Target};
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
        let from = location(&from, matches)?;
        let to = location(&to, matches)?;
        if from.database == to.database {
            return Err(Error::usage("FROM and TO are the same database"));
        }
        copy(&from, &to)
    },
};

fn location(typed: &str, matches: &Matches) -> Result<Location, Error> {
    let database = database::parse(typed.into())?;
    // A file has its companions where it is.
    let state = matches.opt_str("state").filter(|_| matches!(database, Database::Postgres(_)));
    Ok(Location::new(database, state.as_deref().map(Path::new)))
}

fn copy(from: &Location, to: &Location) -> Result<(), Error> {
    database::readable(from)?;
    if let Some(path) = to.file() {
        database::creatable(path)?;
    }
    let seal = Seal::look(from, to)?;
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
    failing(to, seal.require(from))??;
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

/// What was sealed with a key file can be read only with it: it is to come here.
struct Seal {
    octets: Option<Vec<u8>>,
    from: PathBuf,
    to: PathBuf,
    /// What is said where it cannot be read or written.
    hint: &'static str,
}

impl Seal {
    fn look(from: &Location, to: &Location) -> Result<Self, Error> {
        let hint = match (&from.database, &to.database) {
            (Database::File(_), Database::File(_)) => "",
            _ => " (--state names the directory for the files beside a PostgreSQL database)",
        };
        let [from, to] = [from, to].map(|location| with_suffix(&location.beside, ".seal"));
        let read = |path: &Path| match fs::read(path) {
            Ok(octets) => Ok(Some(octets)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(hinted(Error::file(format_args!("cannot read {path:?}"), &error, Code::Io), hint)),
        };
        let (octets, there) = (read(&from)?, read(&to)?);
        if octets.is_some() && there.as_ref().is_some_and(|there| Some(there) != octets.as_ref()) {
            return Err(Error::new(Code::Config, format!("{to:?} is another key file than {from:?}: move it away")));
        }
        Ok(Self { octets, from, to, hint })
    }

    /// # Errors
    /// 66: there is none, and something was sealed with it.
    fn require(&self, from: &mut dyn Side) -> Stored<Result<(), Error>> {
        let sealed = TABLES.iter().filter(|table| table.name == "verifiers");
        for table in sealed {
            if self.octets.is_none() && !from.rows(table, None, 1)?.is_empty() {
                let text = format!("there is no key file {:?}, which passwords are sealed with", self.from);
                return Ok(Err(hinted(Error::new(Code::NoInput, text), self.hint)));
            }
        }
        Ok(Ok(()))
    }

    fn take(&self) -> Result<(), Error> {
        let Some(seal) = self.octets.as_ref().filter(|_| !self.to.exists()) else { return Ok(()) };
        let written = AtomicFile::create(&self.to, 0o600).map_err(Failure::Unplaced).and_then(|draft| {
            draft.file().write_all(seal).map_err(Failure::Unplaced)?;
            draft.replace()
        });
        written.map_err(|failure| hinted(database::unwritable(&self.to, &failure), self.hint))
    }
}

fn hinted(error: Error, hint: &str) -> Error {
    Error { text: error.text + hint, ..error }
}
