//! `pillarbox import`: messages of other programs and servers, with the unique-ids their clients know.

mod server;

use super::exit::{Code, Error};
use super::{Command, arguments, database, mailbox, print};
use crate::import::remote::Address;
use crate::import::transfer::{self, Report, Stop, Task};
use crate::import::{self, ImportError, Listed, Source, uidlist};
use crate::store::Mailbox;
use crate::store::sqlite::Sqlite;
use getopts::Matches;
use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a terminal is told.
const EVERY: Duration = Duration::from_millis(200);

pub(super) const COMMAND: Command = Command {
    name: "import",
    arguments: "-u USER PATH | pop3[s]://LOGIN@HOST[:PORT] | imap[s]://LOGIN@HOST[:PORT][/FOLDER]",
    summary: "takes messages over from files or another POP3 or IMAP server, unique-ids included",
    notes: "PATH is an mbox file, a Maildir (with the unique-ids of dovecot-uidlist or courierpop3dsizelist), an\n\
            .eml file or a folder of them. From another server the password is read from standard input; TLS is\n\
            used where there is any, and the certificate must be good. Messages whose unique-id is there already\n\
            are not stored again: an import that was cut can be run again. Exit 65: some messages were refused,\n\
            both sides differ at the end, or the server does not keep to its protocol; 69: the server cannot be\n\
            reached; 75: try again; 77: the server refuses the login; 78: no TLS, or a bad certificate.",
    options: |options| {
        mailbox::option(options);
        options.optopt("", "uidl", "a unique-id a line, or what UIDL printed, for the messages of PATH", "FILE");
        options.optflag("", "dry-run", "say what would be done, and change nothing");
        server::options(options);
    },
    run: |matches| {
        let user = mailbox::user(matches)?;
        let [from] = arguments(matches, "PATH")?;
        let store = database::open(&database::path(matches))?;
        let mailbox = mailbox::find(&store, &user)?;
        let import = Import { dry_run: matches.opt_present("dry-run"), limit: limit(&store)?, store, mailbox };
        if Address::is_one(&from) { import.server(&from, matches) } else { import.path(&from, matches) }
    },
};

fn limit(store: &Sqlite) -> Result<u64, Error> {
    Ok(database::settings(store)?.max_receive_size)
}

struct Import {
    store: Sqlite,
    mailbox: Mailbox,
    limit: u64,
    dry_run: bool,
}

impl Import {
    fn path(&self, from: &str, matches: &Matches) -> Result<(), Error> {
        let mut source = import::open(Path::new(from)).map_err(failed)?;
        let mut listed = source.list().map_err(failed)?;
        if let Some(file) = matches.opt_str("uidl") {
            let text = std::fs::read(&file)
                .map_err(|error| Error::file(format_args!("cannot read {file:?}"), &error, Code::Io))?;
            let ids = uidlist::given(&String::from_utf8_lossy(&text), listed.len()).map_err(failed)?;
            listed.iter_mut().zip(ids).for_each(|(message, id)| message.unique_id = Some(id));
        }
        let report = self.transfer(&mut *source, &listed)?;
        self.tell(&report, None)
    }

    fn task<'a>(&'a self, progress: &'a dyn Fn(usize, usize)) -> Task<'a> {
        Task { mailbox: self.mailbox.id, name: &self.mailbox.name, limit: self.limit, dry_run: self.dry_run, progress }
    }

    /// What was done is told, too, if something ends it early.
    fn transfer(&self, source: &mut dyn Source, listed: &[Listed]) -> Result<Report, Error> {
        let (meter, mut report) = (Meter::new(), Report::default());
        let show = |at, all| meter.show(at, all);
        let ended = transfer::run(&self.store, source, listed, self.task(&show), &mut report);
        meter.clear();
        match ended {
            Ok(()) => Ok(report),
            Err(stop) => {
                print(&self.counts(&report))?;
                Err(stopped(stop))
            }
        }
    }

    fn differences(&self, source: &mut dyn Source, listed: &[Listed], report: &Report) -> Result<Vec<String>, Error> {
        let found = transfer::differences(&self.store, source, listed, self.task(&|_, _| {}), report);
        found.or_else(|stop| {
            print(&self.counts(report))?;
            Err(stopped(stop))
        })
    }

    fn counts(&self, report: &Report) -> String {
        let Report { stored, present, refused, .. } = report;
        let verb = if self.dry_run { "would be imported" } else { "imported" };
        format!("{stored} {verb}, {present} there already, {} refused\n", refused.len())
    }

    /// What was done on stdout; what went wrong as one line.
    fn tell(&self, report: &Report, differences: Option<Vec<String>>) -> Result<(), Error> {
        let (mut text, refused) = (self.counts(report), &report.refused);
        if let Some(differences) = &differences {
            text += &match differences.len() {
                // What was refused is missing here, though its unique-id may stand for another message.
                0 if !refused.is_empty() => String::new(),
                0 => "both sides are the same\n".to_owned(),
                n => format!("{n} differences\n"),
            };
        }
        print(&text)?;
        let faults: Vec<&String> = refused.iter().chain(differences.iter().flatten()).collect();
        match faults.as_slice() {
            [] => Ok(()),
            [only] => Err(Error::new(Code::Data, only.as_str())),
            [first, rest @ ..] => Err(Error::new(Code::Data, format!("{first} (and {} more)", rest.len()))),
        }
    }
}

fn failed(error: ImportError) -> Error {
    match &error {
        ImportError::File(path, cause) => Error::file(format_args!("cannot read {path:?}"), cause, Code::Io),
        ImportError::Data(_) | ImportError::TooBig(_) | ImportError::Withheld(_) => {
            Error::new(Code::Data, error.to_string())
        }
        ImportError::Insecure(_) => Error::new(Code::Config, error.to_string()),
        ImportError::Unreachable(_) => Error::new(Code::Unavailable, error.to_string()),
        ImportError::Login(_) => Error::new(Code::NoPerm, error.to_string()),
        ImportError::Broken(_) => Error::new(Code::TempFail, format!("{error}: run the import again")),
    }
}

fn stopped(stop: Stop) -> Error {
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
