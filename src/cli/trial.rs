//! `pillarbox try`: a server for tests of clients, on a database that goes with it.

use super::exit::{Code, Error};
use super::password::{credential_error, credentials};
use super::serve::start_log;
use super::{Command, arguments, database, import, mailbox};
use crate::auth::credential::{Credentials, KeyFile};
use crate::files::path::with_suffix;
use crate::import as source;
use crate::import::transfer::{self, Report, Task};
use crate::net::tls;
use crate::secret::Secret;
use crate::server::{self, ServeOptions, Trial};
use crate::shared::fault::Fault;
use crate::store::sqlite::Sqlite;
use crate::store::{Database, Location, Store};
use getopts::Matches;
use std::fs;
use std::path::{Path, PathBuf};

/// Who there is without `--user`.
const DEMO: &str = "demo:demo";

/// Where the listeners are: the system picks the ports.
const LOOPBACK: &str = "127.0.0.1:0";

/// What differs from a server with its defaults: passwords may cross in clear, LIST is exact, and a wrong password
/// costs no time.
const SETTINGS: [(&str, &str); 3] =
    [("LoginType", "PlainTextLogin"), ("EnableExactRFC822Size", "1"), ("MaxLoginDelay", "0")];

pub(super) const COMMAND: Command = Command {
    name: "try",
    arguments: "",
    summary: "runs a server with a temporary database for testing clients",
    notes: "It listens on free ports of 127.0.0.1 and prints them like serve: pop3, pop3s, lmtp, then \"ready\".\n\
            SIGTERM or SIGINT (Ctrl-C) stops it and removes the database. Deliver mail over LMTP. LIST shows exact sizes,\n\
            unencrypted logins are allowed, unique-ids start at 1, and the certificate is self-signed. RUST_LOG=info\n\
            logs every session.\n\
            \n\
            Faults, on every POP3 connection:\n\
            \x20   slow[=N]         replies arrive one octet every N milliseconds (10). Provokes timeouts, and clients that\n\
            \x20                    expect one read to return a whole line\n\
            \x20   drop[=N]         the connection is cut in the middle of RETR of message N (1). Provokes partial messages\n\
            \x20                    that are kept, and mail downloaded twice\n\
            \x20   temp[=N]         command N (1) of a connection gets -ERR [SYS/TEMP]. Provokes clients that give up or ask\n\
            \x20                    for a new password instead of retrying\n\
            \x20   in-use           every login gets -ERR [IN-USE]. Provokes clients that treat it as a wrong password\n\
            \x20   split-end[=N]    the last N octets (2; 1 to 4) of CRLF \".\" CRLF arrive late, in a separate write or TLS\n\
            \x20                    record. Provokes clients that look for the end within one read, and hang\n\
            \x20   wrong-size[=N]   STAT and LIST show N percent (50; 0 to 1000) of the real size. Provokes clients that\n\
            \x20                    read as many octets as LIST says\n\
            \x20   new-uids         UIDL differs in every session. Provokes mail downloaded again and again\n\
            \x20   no-stuffing      dots at the start of a line are not doubled. Provokes lost dots, messages that end\n\
            \x20                    early, and clients that take mail for replies\n\
            \x20   expired          the certificate expired yesterday. Provokes clients that do not verify it",
    options: |options| {
        options.optmulti("", "user", "a user (default demo:demo)", "NAME:PASSWORD");
        options.optmulti("", "mail", "anything import reads, for USER (default: the first user)", "[USER=]PATH");
        options.optopt("", "fault", "misbehave on purpose", "KIND[=N]");
        options.optflag("", "json", "print one line of JSON instead of the listeners");
    },
    run: |matches| {
        let request = Request::new(matches)?;
        // What else there is to say concerns people who keep mail in it.
        start_log("error");
        let mut directory = None;
        server::run_trial(|| request.prepare(&directory.insert(TemporaryDirectory::new()?).0))
    },
};

/// What was typed.
struct Request {
    /// Names and passwords; never empty.
    users: Vec<(String, Secret)>,
    /// Users and paths.
    mail: Vec<(String, PathBuf)>,
    fault: Option<Fault>,
    json: bool,
}

impl Request {
    fn new(matches: &Matches) -> Result<Self, Error> {
        let [] = arguments(matches, "")?;
        let mut typed = matches.opt_strs("user");
        if typed.is_empty() {
            typed.push(DEMO.to_owned());
        }
        let users = typed.iter().map(|text| user(text)).collect::<Result<Vec<_>, _>>()?;
        let mail = matches.opt_strs("mail").iter().map(|text| mail(text, &users)).collect::<Result<_, _>>()?;
        let fault = matches.opt_str("fault").map(|text| Fault::parse(&text)).transpose();
        let fault = fault.map_err(|what| Error::usage(format!("--fault: {what}")))?;
        Ok(Self { users, mail, fault, json: matches.opt_present("json") })
    }

    /// Makes the database in this directory, with users and mail.
    fn prepare(&self, directory: &Path) -> Result<Trial, Error> {
        let db = directory.join("mail.db");
        Sqlite::create_or_migrate(&db).map_err(|error| Error::database(db.display(), &error))?;
        let location = Location::new(Database::File(db.clone()), None);
        let store = database::open(&location)?;
        let credentials = credentials(KeyFile::beside(&db))?;
        for (name, password) in &self.users {
            create(&*store, &credentials, name, password)?;
        }
        for (name, path) in &self.mail {
            fill(&*store, name, path)?;
        }
        if self.fault == Some(Fault::Expired) {
            tls::expired(&with_suffix(&db, ".crt"), &with_suffix(&db, ".key"))
                .map_err(|error| Error::new(Code::CantCreate, error.to_string()))?;
        }
        let listeners = || vec![LOOPBACK.to_owned()];
        let overrides = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options =
            ServeOptions { location, listen: listeners(), listen_tls: listeners(), lmtp: listeners(), overrides };
        Ok(Trial { options, fault: self.fault, json: self.json })
    }
}

fn user(text: &str) -> Result<(String, Secret), Error> {
    match text.split_once(':') {
        Some((name, password)) if !name.is_empty() && !password.is_empty() => Ok((name.to_owned(), password.into())),
        _ => Err(Error::usage(format!("--user {text:?}: it must be NAME:PASSWORD"))),
    }
}

/// `USER=PATH`, if there is such a user; a path may hold a `=`, too.
fn mail(text: &str, users: &[(String, Secret)]) -> Result<(String, PathBuf), Error> {
    let names = || users.iter().map(|(name, _)| name);
    match text.split_once('=') {
        Some((name, path)) if names().any(|known| known.eq_ignore_ascii_case(name)) => {
            Ok((name.to_owned(), path.into()))
        }
        Some((name, _)) if !name.contains('/') && !Path::new(text).exists() => {
            Err(Error::new(Code::NoUser, format!("--mail {text:?}: there is no user {name:?} (--user makes one)")))
        }
        _ => Ok((names().next().cloned().unwrap_or_default(), text.into())),
    }
}

fn create(store: &dyn Store, credentials: &Credentials, name: &str, password: &Secret) -> Result<(), Error> {
    let failed = |error| Error::store(format_args!("user {name:?}"), &error);
    let id = store.create_user(name).map_err(failed)?;
    let made = credentials.verifiers_for(name, id, password, false);
    let (hash, others) = made.map_err(|error| credential_error(&error))?;
    store.set_password(id, None, &hash, &others).map_err(failed)?;
    Ok(())
}

/// What cannot be taken over is an error: a test should not run with less mail than it was given.
fn fill(store: &dyn Store, user: &str, path: &Path) -> Result<(), Error> {
    let mailbox = mailbox::find(store, user)?;
    let mut source = source::open(path, None).map_err(import::failed)?;
    let listed = source.list().map_err(import::failed)?;
    let mut report = Report::default();
    let task = Task {
        mailbox: mailbox.id,
        name: &mailbox.name,
        limit: import::limit(store)?,
        dry_run: false,
        with_deleted: false,
        progress: &|_, _| {},
    };
    transfer::run(store, &mut *source, &listed, task, &mut report).map_err(import::stopped)?;
    match report.refused.first() {
        None => Ok(()),
        Some(first) => Err(Error::new(Code::Data, first.as_str())),
    }
}

/// A directory that nobody else can read, and that goes when this is dropped.
struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    fn new() -> Result<Self, Error> {
        let template = std::env::temp_dir().join("pillarbox-try-XXXXXX");
        // mkdtemp(3) makes it with mode 0700.
        let made = nix::unistd::mkdtemp(&template);
        let failed = |errno: nix::errno::Errno| {
            Error::file(format_args!("cannot create the directory {template:?}"), &errno.into(), Code::CantCreate)
        };
        made.map(Self).map_err(failed)
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            log::warn!("try: cannot remove {:?}: {error}", self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parsed;
    use super::*;

    fn request(arguments: &[&str]) -> Result<Request, Error> {
        Request::new(&parsed(&COMMAND, arguments).unwrap())
    }

    #[test]
    fn without_a_user_there_is_demo() {
        let request = request(&["--mail", "./x=y"]).unwrap();
        assert_eq!(request.users, [("demo".to_owned(), Secret::from("demo"))]);
        assert_eq!(request.mail, [("demo".to_owned(), PathBuf::from("./x=y"))]);
    }

    #[test]
    fn users_have_passwords_and_mail_has_a_user() {
        let request = request(&["--user", "a:b:c", "--user=bob:x", "--mail", "BOB=in=box", "--mail", "b"]).unwrap();
        assert_eq!(request.users[0], ("a".to_owned(), Secret::from("b:c")));
        assert_eq!(request.mail, [("BOB".to_owned(), "in=box".into()), ("a".to_owned(), "b".into())]);
    }

    #[test]
    fn what_is_typed_wrong_is_a_usage_error() {
        for wrong in [&["--user", "bob"][..], &["--user", ":x"], &["--user", "x:"], &["--fault", "x"], &["stray"]] {
            assert_eq!(request(wrong).err().map(|error| error.code), Some(Code::Usage), "{wrong:?}");
        }
    }

    #[test]
    fn every_fault_is_in_the_help() {
        Fault::kinds().for_each(|kind| assert!(COMMAND.notes.contains(&format!("\n    {kind}")), "{kind}"));
    }
}
