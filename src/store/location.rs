//! Where a database is, and opening it.

use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::{Engine, Options, Result};
use crate::files::path::url_scheme;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which database, in the words of `-d`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Database {
    /// A file of SQLite.
    File(PathBuf),
    /// A connection string of libpq: a URI or `KEY=VALUE` words ("Connection Strings" in PostgreSQL's manual).
    Postgres(String),
}

/// Words that a connection string of libpq may begin with.
const KEYS: [&str; 8] = ["host", "hostaddr", "port", "dbname", "user", "service", "sslmode", "application_name"];

impl Database {
    /// What was typed: a connection string, else a file.
    ///
    /// # Errors
    /// A line that says what is understood: it is a URL of something else.
    pub fn parse(typed: OsString) -> std::result::Result<Self, String> {
        match typed.into_string() {
            Ok(text) if text.is_empty() => Err("the name of the database is empty".to_owned()),
            Ok(text) if is_connection_string(&text) => Ok(Self::Postgres(text)),
            Ok(text) => match url_scheme(&text) {
                Some(scheme) => Err(format!(
                    "{scheme}:// is not understood: a database is a file of SQLite or a connection string (postgresql://..., \
                     or host=... dbname=...)"
                )),
                None => Ok(Self::File(text.into())),
            },
            Err(name) => Ok(Self::File(name.into())),
        }
    }

    /// Opens what is there.
    ///
    /// # Errors
    /// What the engine says.
    pub fn open(&self, options: Options) -> Result<Arc<dyn Engine>> {
        match self {
            Self::File(path) => Ok(Arc::new(Sqlite::open(path, options)?)),
            Self::Postgres(text) => Ok(Arc::new(Postgres::open(text, options)?)),
        }
    }
}

fn is_connection_string(text: &str) -> bool {
    let uri = ["postgresql://", "postgres://"].iter().any(|scheme| text.starts_with(scheme));
    let word = text.split_once('=').is_some_and(|(key, _)| KEYS.contains(&key.trim()));
    uri || word
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            // One with a password is refused, but this is how it is called then.
            Self::Postgres(text)
                if text.contains("password")
                    || text.rsplit_once('@').is_some_and(|(user, _)| user.matches(':').count() > 1) =>
            {
                f.write_str("the PostgreSQL database")
            }
            Self::Postgres(text) => f.write_str(text),
        }
    }
}

/// A database and the files that a node keeps beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// Which database.
    pub database: Database,
    /// What the names of the files beside it begin with: key file, certificate, status socket.
    pub beside: PathBuf,
}

/// Where files are that belong to no file of SQLite.
const STATE: &str = "/var/lib/pillarbox";

impl Location {
    /// The files beside a database are in the directory `state`; without one beside its file, else where packages put them.
    pub fn new(database: Database, state: Option<&Path>) -> Self {
        let beside = match (&database, state) {
            (Database::File(file), None) => file.clone(),
            (Database::File(file), Some(state)) => state.join(file.file_name().unwrap_or(file.as_os_str())),
            (Database::Postgres(_), state) => state.unwrap_or(Path::new(STATE)).join("pillarbox"),
        };
        Self { database, beside }
    }

    /// The file, if it is one of SQLite.
    pub fn file(&self) -> Option<&Path> {
        match &self.database {
            Database::File(file) => Some(file),
            Database::Postgres(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_are_told_from_files() {
        for text in
            ["postgresql://db/mail", "postgres:///mail?host=/run", "host=a dbname=b", "dbname=b", "service=mail"]
        {
            assert_eq!(Database::parse(text.into()), Ok(Database::Postgres(text.into())));
        }
        for text in ["mail.db", "/var/a=b.db", "a=b", "postgresql:x", "host"] {
            assert_eq!(Database::parse(text.into()), Ok(Database::File(text.into())));
        }
        for text in ["mysql://u:secret@db/mail", "sqlite:///var/mail.db", "file:///mail.db", "Postgresql://db/mail"] {
            let error = Database::parse(text.into()).unwrap_err();
            assert!(error.contains("postgresql://") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        let shown = |text: &str| Database::Postgres(text.into()).to_string();
        assert_eq!(shown("postgresql://u:secret@db/x"), "the PostgreSQL database");
        assert_eq!(shown("host=db password=secret"), "the PostgreSQL database");
        assert_eq!(shown("postgresql://u@db:5432/x"), "postgresql://u@db:5432/x");
    }

    #[test]
    fn files_beside_keep_the_name_of_the_database() {
        let beside = |typed: &str, state: Option<&str>| {
            Location::new(Database::parse(typed.into()).unwrap(), state.map(Path::new)).beside
        };
        assert_eq!(beside("a/mail.db", None), Path::new("a/mail.db"));
        assert_eq!(beside("a/mail.db", Some("/s")), Path::new("/s/mail.db"));
        assert_eq!(beside("dbname=x", None), Path::new("/var/lib/pillarbox/pillarbox"));
        assert_eq!(beside("dbname=x", Some("/s")), Path::new("/s/pillarbox"));
    }
}
