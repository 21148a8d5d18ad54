//! `pillarbox status`: what a running server and its database are doing.

use super::exit::{Code, Error};
use super::{Command, arguments, database, print};
use crate::files::socket_path::with_short_path;
use crate::net::tls::file_seconds_left;
use crate::server::certificate_pair;
use crate::settings::Settings;
use crate::store::{Location, Store};
use crate::watch::status::Status;
use crate::watch::warnings::Facts;
use crate::watch::{answers, machine, now};
use getopts::Matches;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a server may take for its answer.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) const COMMAND: Command = Command {
    name: "status",
    arguments: "",
    summary: "shows the state of the server and its database",
    notes: "Exit 0: all is well. 1: there are warnings. 2: no server answers, or it cannot reach its database.",
    options: |options| {
        options.optflag("", "json", "print one JSON object");
    },
    run: |matches| {
        let [] = arguments(matches, "")?;
        let location = database::location(matches)?;
        database::readable(&location)?;
        verdict(&location, matches)
    },
};

fn verdict(location: &Location, matches: &Matches) -> Result<(), Error> {
    let json = matches.opt_present("json");
    let (state, text) = match ask(&location.beside, if json { "/status" } else { "/status.txt" }).and_then(state) {
        Ok(answer) => answer,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(Error::file("cannot query the server", &error, Code::NoPerm));
        }
        Err(error) => {
            let status = stopped(location, &error);
            (status.state as u8, if json { status.json() } else { status.text() })
        }
    };
    print(&text)?;
    match state {
        0 => Ok(()),
        1 => Err(Error::answered(Code::Warnings)),
        _ => Err(Error::answered(Code::Down)),
    }
}

/// What the server of this database answers: its header, and what it was asked for.
pub(super) fn ask(db: &Path, what: &str) -> io::Result<(String, String)> {
    let mut stream = with_short_path(&answers::socket(db), |path| UnixStream::connect(path))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {what} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(unreadable)?;
    if head.starts_with("HTTP/1.1 200 ") { Ok((head.to_owned(), body.to_owned())) } else { Err(unreadable()) }
}

/// How the server says it is, and the text.
fn state((head, body): (String, String)) -> io::Result<(u8, String)> {
    let state = head.lines().find_map(|line| line.strip_prefix("Pillarbox-State: ")).ok_or_else(unreadable)?;
    Ok((state.parse().map_err(|_| unreadable())?, body))
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not from a Pillarbox server")
}

/// The state of a database whose server does not answer.
fn stopped(location: &Location, error: &io::Error) -> Status {
    let why = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => "no server is running".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "the server does not answer".to_owned(),
        _ => format!("cannot query the server: {error}"),
    };
    // One that hangs may hang at the disk.
    let store = if why.contains("does not answer") { None } else { database::open(location).ok() };
    facts(location, store.as_deref().map(|store| store as &dyn Store), why)
}

/// The same as far as it can be found out without asking a server.
pub(super) fn facts(location: &Location, store: Option<&dyn Store>, why: String) -> Status {
    let settings = store.and_then(|store| database::settings(store).ok()).unwrap_or_default();
    let facts = Facts {
        disk: machine::disk(&location.beside),
        certificate_seconds: certificate_seconds(&settings, &location.beside),
        figures: store.and_then(|store| store.figures().ok()),
        file_limit: machine::file_limit(),
        ..Facts::default()
    };
    let why = if store.is_none() { format!("{why}; the database was not read") } else { why };
    let mut status = Status::stopped(facts, why);
    status.counts = store.and_then(|store| store.last_hour(now()).ok());
    status
}

fn certificate_seconds(settings: &Settings, db: &Path) -> Option<i64> {
    let certificate = certificate_pair(settings, db).ok()?.certificate;
    file_seconds_left(&certificate).ok().flatten()
}
