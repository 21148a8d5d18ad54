//! Which database a command works on, and opening it.

use super::exit::{Code, Error};
use crate::files::atomic::{Directory, Failure};
use crate::files::path::directory;
use crate::settings::Settings;
use crate::store::sqlite::Sqlite;
use crate::store::{Database, Engine, Location, Options as StoreOptions, Store};
use getopts::{Matches, Options};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Links that lead to a file at most, as Linux has it.
const LINKS: usize = 40;

/// Where packages put it.
const DEFAULT: &str = "/var/lib/pillarbox/mail.db";

/// Adds `-d, --db DATABASE` and `--state DIR`.
pub fn option(options: &mut Options) {
    options.optopt("d", "db", "the database (default: $PILLARBOX_DB or /var/lib/pillarbox/mail.db)", "DATABASE");
    options.optopt("", "state", "the directory for the files beside the database (default: the database's own)", "DIR");
}

/// The database: `-d`, else `$PILLARBOX_DB`, else the default; and the files beside it.
///
/// # Errors
/// 64 for what is neither a file nor a connection string.
pub fn location(matches: &Matches) -> Result<Location, Error> {
    let database = parse(choose(matches.opt_str("d"), std::env::var_os("PILLARBOX_DB")))?;
    Ok(Location::new(database, matches.opt_str("state").as_deref().map(Path::new)))
}

/// What was typed where a database is meant.
///
/// # Errors
/// As [`location`].
pub fn parse(typed: OsString) -> Result<Database, Error> {
    Database::parse(typed).map_err(Error::usage)
}

/// The same for a command that works on files only. `instead` says what does the same on PostgreSQL.
///
/// # Errors
/// 64 for a database that is no file.
pub fn file(matches: &Matches, instead: &str) -> Result<PathBuf, Error> {
    match location(matches)?.database {
        Database::File(file) => Ok(file),
        Database::Postgres(_) => {
            Err(Error::usage(format!("this command is for SQLite files; on PostgreSQL {instead}")))
        }
    }
}

fn choose(option: Option<String>, variable: Option<OsString>) -> OsString {
    let variable = variable.filter(|value| !value.is_empty());
    option.map(OsString::from).or(variable).unwrap_or_else(|| DEFAULT.into())
}

/// Opens the database that a command works on.
///
/// # Errors
/// 66 if it does not exist, 77 if it may not be read or written, else what the engine says.
pub fn open(location: &Location) -> Result<Arc<dyn Engine>, Error> {
    open_with(location, StoreOptions::default())
}

/// The same with options of the store.
///
/// # Errors
/// As [`open`].
pub fn open_with(location: &Location, options: StoreOptions) -> Result<Arc<dyn Engine>, Error> {
    readable(location)?;
    // A command does one thing at a time, and every connection costs a reading of the schema.
    let opened = location.database.open(StoreOptions { readers: 1, ..options });
    opened.map_err(|error| Error::database(&location.database, &error))
}

/// Opens a database that must be a file.
///
/// # Errors
/// As [`open`].
pub fn open_file(path: &Path) -> Result<Sqlite, Error> {
    openable(path)?;
    let opened = Sqlite::open(path, StoreOptions { readers: 1, ..StoreOptions::default() });
    opened.map_err(|error| Error::database(path.display(), &error))
}

/// Ends the work of a command that has written: what is acknowledged is on the disk.
///
/// # Errors
/// 74: a sync failed.
pub fn finish(store: &dyn Store, location: &Location) -> Result<(), Error> {
    store.finish().map_err(|error| Error::database(&location.database, &error))
}

/// Whether a file can be opened, in words that SQLite's own error has not. (A server says what it has to say when it is
/// reached.)
///
/// # Errors
/// As [`open`].
pub fn readable(location: &Location) -> Result<(), Error> {
    location.file().map_or(Ok(()), openable)
}

fn openable(path: &Path) -> Result<(), Error> {
    match File::options().read(true).write(true).open(path) {
        // What cannot be synced is not begun.
        Ok(_) => match Directory::open(directory(&path.canonicalize().unwrap_or_else(|_| path.to_owned()))) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::file(format_args!("cannot open the database {path:?}"), &error, Code::Io)),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::new(Code::NoInput, format!("there is no database {path:?} (run pillarbox init to create it)")))
        }
        Err(error) => Err(Error::file(format_args!("cannot open the database {path:?}"), &error, Code::Io)),
    }
}

/// Whether a file can be made there, in words that SQLite's own error has not.
///
/// # Errors
/// 73 if its directory does not exist or something that is no regular file has the name, 77 if nothing may be written
/// there, or the directory cannot be read: it could not be synced.
pub fn creatable(path: &Path) -> Result<(), Error> {
    let what = format!("cannot create {path:?}");
    if let Ok(there) = std::fs::metadata(path).map(|there| there.file_type())
        && !there.is_file()
    {
        // A device would be lost for all when a finished copy takes its name.
        let kind = if there.is_dir() { "a directory" } else { "not a regular file" };
        return Err(Error::new(Code::CantCreate, format!("{what}: it is {kind}")));
    }
    let directory = directory(path);
    Directory::open(directory).map_err(|error| Error::file(&what, &error, Code::CantCreate))?;
    let may_write = nix::unistd::access(directory, nix::unistd::AccessFlags::W_OK);
    may_write.map_err(|error| Error::file(&what, &error.into(), Code::CantCreate))
}

/// Where a file of this name is to be made: links lead to it, and stay.
///
/// # Errors
/// As [`creatable`].
pub fn place(path: &Path) -> Result<PathBuf, Error> {
    creatable(path)?;
    let mut place = path.to_owned();
    for _ in 0..LINKS {
        let Ok(to) = std::fs::read_link(&place) else { break };
        place = directory(&place).join(to);
    }
    creatable(&place)?;
    // SQLite follows no links where it is to make a file.
    match (directory(&place).canonicalize(), place.file_name()) {
        (Ok(directory), Some(name)) => Ok(directory.join(name)),
        _ => Ok(place),
    }
}

/// "cannot write FILE". What has its place and may lose it again is an I/O error, whatever the reason.
pub fn unwritable(target: &Path, failure: &Failure) -> Error {
    let what = format!("cannot write {target:?}");
    match failure {
        Failure::Unplaced(error) => Error::file(what, error, Code::CantCreate),
        Failure::Unsynced(_) => Error::new(Code::Io, format!("{target:?}: {failure}")),
    }
}

/// The settings in force for a command. One that cannot be used has its default: mail must not bounce for it.
/// (`serve` does not start, and `check` names it.)
///
/// # Errors
/// What the engine says.
pub fn settings(store: &dyn Store) -> Result<Settings, Error> {
    let rows = store.settings().map_err(|error| Error::store("cannot read the settings", &error))?;
    Ok(Settings::default().changed_by(&rows, &[]).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_can_be_made_where_there_is_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(creatable(&directory.path().join("x.db")), Ok(()));
        assert_eq!(creatable(Path::new("x.db")), Ok(()));
        for wrong in [directory.path(), &directory.path().join("no/x.db"), Path::new("Cargo.toml/x.db")] {
            assert_eq!(creatable(wrong).unwrap_err().code, Code::CantCreate, "{wrong:?}");
        }
    }

    #[test]
    fn the_option_wins_over_the_variable_and_the_variable_over_the_default() {
        assert_eq!(choose(Some("a".into()), Some("b".into())), "a");
        assert_eq!(choose(None, Some("b".into())), "b");
        assert_eq!(choose(None, Some("".into())), DEFAULT);
        assert_eq!(choose(None, None), "/var/lib/pillarbox/mail.db");
    }
}
