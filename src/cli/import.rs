//! `pillarbox import`: messages of other programs and servers, with the unique-ids their clients know.

mod list;
mod server;
mod summary;

use super::exit::{Code, Error};
use super::{Command, arguments, database, mailbox, password, print};
use crate::files::path::url_scheme;
use crate::import::remote::Address;
use crate::import::transfer::{self, Report, Stop, Task};
use crate::import::uid_format::UidFormat;
use crate::import::{self, ImportError, Listed, Notes, Source, uidlist};
use crate::secret::Secret;
use crate::store::{Mailbox, Store};
use getopts::Matches;
use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a terminal is told.
const EVERY: Duration = Duration::from_millis(200);

pub(super) const COMMAND: Command = Command {
    name: "import",
    arguments: "-u USER PATH | -u USER pop3[s]://LOGIN@HOST[:PORT] | -u USER imap[s]://LOGIN@HOST[:PORT][/FOLDER] | \
                --list FILE",
    summary: "imports messages from files or another POP3 or IMAP server, including their unique-ids",
    notes: "PATH is an mbox file, a Maildir (with the unique-ids of dovecot-uidlist or courierpop3dsizelist), an\n\
            .eml or .emlx file, a directory of such files, an MH folder or a tree of mailboxes, also compressed with\n\
            gzip or zstd; links, devices and subfolders of a Maildir are not read. For a server, the password is read from standard\n\
            input; TLS is used if available, and the certificate must verify. Messages that were imported already are\n\
            skipped, so an interrupted import can be repeated. --list reads lines `user,source[,login[,password-file]]`,\n\
            continues after a failure and prints a table at the end. Exit 65: some messages were refused, a file is\n\
            not mail, both sides differ at the end, or the server violates the protocol; 69: the server cannot be\n\
            reached; 75: try again; 77: the server refuses the login; 78: no TLS, or a bad certificate.",
    options: |options| {
        mailbox::option(options);
        options.optopt("", "uidl", "one unique-id per line, or the output of UIDL, for the messages in PATH", "FILE");
        options.optopt(
            "",
            "uidl-format",
            "the old server's format of unique-ids: %u (uid), %v (UIDVALIDITY), %f (file name)",
            "FORMAT",
        );
        options.optflag("", "with-deleted", "import messages marked as deleted too");
        options.optopt("", "list", "import many mailboxes, CSV lines `user,source[,login[,password-file]]`", "FILE");
        options.optflag("", "dry-run", "show what would be done, change nothing");
        server::options(options);
    },
    run: |matches| {
        if let Some(file) = matches.opt_str("list") {
            return list::run(&file, matches);
        }
        let user = mailbox::user(matches)?;
        let [from] = arguments(matches, "PATH")?;
        let location = database::location(matches)?;
        let store: Arc<dyn Store> = database::open(&location)?;
        let done = Import::new(&store, &user, matches)?.take(&from, matches);
        done.and(database::finish(&*store, &location))
    },
};

pub(super) fn limit(store: &dyn Store) -> Result<u64, Error> {
    Ok(database::settings(store)?.max_receive_size)
}

struct Import {
    store: Arc<dyn Store>,
    mailbox: Mailbox,
    limit: u64,
    dry_run: bool,
    with_deleted: bool,
    /// Where it stands in no terminal and on no standard input.
    password: Option<Secret>,
    /// What the source says beside its messages.
    notes: RefCell<Notes>,
    /// What was done is noted here and not shown.
    row: Option<Cell<summary::ImportCounts>>,
}

impl Import {
    fn new(store: &Arc<dyn Store>, user: &str, matches: &Matches) -> Result<Self, Error> {
        Ok(Self {
            mailbox: mailbox::find(&**store, user)?,
            limit: limit(&**store)?,
            store: store.clone(),
            dry_run: matches.opt_present("dry-run"),
            with_deleted: matches.opt_present("with-deleted"),
            password: None,
            notes: RefCell::default(),
            row: None,
        })
    }

    fn take(&self, from: &str, matches: &Matches) -> Result<(), Error> {
        if Address::is_one(from) {
            return self.server(from, matches);
        }
        match url_scheme(from) {
            Some(scheme) => Err(Error::usage(format!(
                "{scheme}:// is not understood: mail comes from a path, or from pop3://, pop3s://, imap:// or imaps://"
            ))),
            None => self.path(from, matches),
        }
    }

    fn path(&self, from: &str, matches: &Matches) -> Result<(), Error> {
        let format = matches.opt_str("uidl-format").map(|text| {
            UidFormat::parse(&text).map_err(|what| Error::usage(format!("--uidl-format {text:?}: {what}")))
        });
        let (format, given) = (format.transpose()?, matches.opt_str("uidl"));
        if format.is_some() && given.is_some() {
            return Err(Error::usage("--uidl and --uidl-format cannot be combined"));
        }
        let mut source = import::open(Path::new(from), format.as_ref()).map_err(failed)?;
        let mut listed = source.list().map_err(failed)?;
        self.notes.replace(source.notes());
        if let Some(file) = given {
            let text = std::fs::read(&file)
                .map_err(|error| Error::file(format_args!("cannot read {file:?}"), &error, Code::Io))?;
            let ids = uidlist::given(&String::from_utf8_lossy(&text), listed.len()).map_err(failed)?;
            for (message, id) in listed.iter_mut().zip(ids) {
                (message.unique_id, message.claimed) = (Some(id), false);
            }
        }
        let report = self.transfer(&mut *source, &listed)?;
        self.tell(&report, None)
    }

    fn password(&self, login: &str) -> Result<Secret, Error> {
        match &self.password {
            Some(password) => Ok(password.clone()),
            None if self.row.is_some() => Err(Error::usage("a server source needs a password-file")),
            None => password::read_once(&format!("Password of {login}: ")),
        }
    }

    fn task<'a>(&'a self, progress: &'a dyn Fn(usize, usize)) -> Task<'a> {
        let Self { limit, dry_run, with_deleted, .. } = *self;
        Task { mailbox: self.mailbox.id, name: &self.mailbox.name, limit, dry_run, with_deleted, progress }
    }

    /// What was done is told, too, if something ends it early.
    fn transfer(&self, source: &mut dyn Source, listed: &[Listed]) -> Result<Report, Error> {
        let (meter, mut report) = (Meter::new(), Report::default());
        let show = |at, all| meter.show(at, all);
        let ended = transfer::run(&*self.store, source, listed, self.task(&show), &mut report);
        meter.clear();
        match ended {
            Ok(()) => Ok(report),
            Err(stop) => {
                self.say(&report, "")?;
                Err(stopped(stop))
            }
        }
    }

    fn differences(&self, source: &mut dyn Source, listed: &[Listed], report: &Report) -> Result<Vec<String>, Error> {
        let found = transfer::differences(&*self.store, source, listed, self.task(&|_, _| {}), report);
        found.or_else(|stop| {
            self.say(report, "")?;
            Err(stopped(stop))
        })
    }

    /// Shows the counts, or notes them; `more` is shown behind them.
    fn say(&self, report: &Report, more: &str) -> Result<(), Error> {
        match &self.row {
            Some(row) => row.set(summary::ImportCounts::of(report, &self.notes.borrow())),
            None => print(&(summary::text(report, &self.notes.borrow(), self.dry_run) + more))?,
        }
        Ok(())
    }

    /// What was done on stdout; what went wrong on stderr, a line each.
    fn tell(&self, report: &Report, differences: Option<Vec<String>>) -> Result<(), Error> {
        let refused = &report.refused;
        let compared = match &differences {
            None => String::new(),
            // What was refused is missing here, though its unique-id may stand for another message.
            Some(none) if none.is_empty() && !refused.is_empty() => String::new(),
            Some(none) if none.is_empty() => "both sides are the same\n".to_owned(),
            Some(differences) => format!("{} differences\n", differences.len()),
        };
        self.say(report, &compared)?;
        let faults: Vec<&String> = refused.iter().chain(differences.iter().flatten()).collect();
        match faults.as_slice() {
            [] => Ok(()),
            [only] => Err(Error::new(Code::Data, only.as_str())),
            [first, rest @ ..] => {
                let (now, last) = summary::faults(&faults);
                // Nobody is left to tell if stderr is closed; the code still says it.
                let _ = io::stderr().write_all(now.as_bytes());
                // A table has one line for them all.
                let table = || format!("{first} (and {} more)", rest.len());
                Err(Error::new(Code::Data, if self.row.is_some() { table() } else { last }))
            }
        }
    }
}

pub(super) fn failed(error: ImportError) -> Error {
    match &error {
        ImportError::File(path, cause) => Error::file(format_args!("cannot read {path:?}"), cause, Code::Io),
        ImportError::Data(_) | ImportError::TooBig(_) | ImportError::Withheld(_) | ImportError::NoMail(_) => {
            Error::new(Code::Data, error.to_string())
        }
        ImportError::Insecure(_) => Error::new(Code::Config, error.to_string()),
        ImportError::Unreachable(_) => Error::new(Code::Unavailable, error.to_string()),
        ImportError::Login(_) => Error::new(Code::NoPerm, error.to_string()),
        ImportError::Broken(_) => Error::new(Code::TempFail, format!("{error}: run the import again")),
    }
}

pub(super) fn stopped(stop: Stop) -> Error {
    match stop {
        Stop::Source(error) => failed(error),
        Stop::Store(place, error) => Error::store(place, &error),
    }
}

/// Progress, if somebody looks.
struct Meter {
    shown: bool,
    last: Cell<Option<Instant>>,
}

impl Meter {
    fn new() -> Self {
        Self { shown: io::stderr().is_terminal(), last: Cell::new(None) }
    }

    fn show(&self, at: usize, all: usize) {
        let due = self.last.get().is_none_or(|last| last.elapsed() >= EVERY);
        if self.shown && due {
            self.last.set(Some(Instant::now()));
            let _ = write!(io::stderr(), "\r{at} of {all} messages");
        }
    }

    fn clear(&self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
