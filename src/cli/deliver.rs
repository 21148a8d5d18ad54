//! `pillarbox deliver`: takes one message from standard input, as a mail program's pipe gives it.
//!
//! Mail programs believe the exit code, so 0 is answered only when every recipient's copy is durable.

mod input;
mod leading;

use super::exit::{Code, Error, code_of};
use super::{Command, database};
use crate::lmtp::path::{LONGEST_SENDER, quoted, unquoted};
use crate::message::address::recipient_names;
use crate::message::dot::Normaliser;
use crate::settings::Settings;
use crate::store::{Engine, Envelope, Location, Mailbox, MailboxId, Options, Store, StoreError, Upload, storage_size};
use input::Input;
use leading::EnvelopeStripper;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How much of standard input is held at a time, octets.
const CHUNK: usize = 64 * 1024;

/// How long the message may take without `--timeout`.
const TIMEOUT: Duration = Duration::from_secs(3600);

pub(super) const COMMAND: Command = Command {
    name: "deliver",
    arguments: "RECIPIENT...",
    summary: "stores one message from standard input in each recipient's mailbox",
    notes: "Exit 0: every copy is on disk. 67: a recipient is unknown, nothing was stored for anybody.\n\
            75: try again later (a mailbox is over its quota or out of unique-ids, though the others have their\n\
            copies; the message was not complete in time; the database is locked or damaged; the disk is full or\n\
            failed). 69: over quota, and OverQuotaPermanent is set. 65: the message is larger than MaxReceiveSize.\n\
            66: there is no database. 77: no permission to open the database.",
    options: |options| {
        options.optopt("f", "sender", "envelope sender, written to Return-Path (\"\" or \"<>\": none)", "SENDER");
        options.optopt("", "timeout", "seconds to wait for the message (3600)", "SECONDS");
    },
    run: |matches| {
        if matches.free.is_empty() {
            return Err(Error::usage("RECIPIENT is missing"));
        }
        let sender = matches.opt_str("f").map(|sender| reverse_path(&sender)).transpose()?;
        let timeout = matches.opt_str("timeout").map_or(Ok(TIMEOUT), |seconds| duration(&seconds))?;
        deliver(&database::location(matches)?, &matches.free, sender.as_deref(), timeout)
    },
};

/// `SECONDS` of `--timeout`.
fn duration(seconds: &str) -> Result<Duration, Error> {
    match seconds.parse::<u32>() {
        Ok(number) if number > 0 => Ok(Duration::from_secs(number.into())),
        _ => Err(Error::usage(format!("--timeout: {seconds:?} must be a number of seconds, 1 or more"))),
    }
}

/// `SENDER` of `-f` as it is meant, without angle brackets and quotation marks.
fn reverse_path(sender: &str) -> Result<String, Error> {
    let path = sender.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(sender);
    let meant = match path.starts_with('"') {
        true => unquoted(path).ok(),
        false => Some(path.to_owned()).filter(|path| !path.contains(['<', '>'])),
    };
    let sound = |path: &String| !path.contains(char::is_control) && quoted(path).len() <= LONGEST_SENDER;
    meant.filter(sound).ok_or_else(|| Error::usage(format!("-f: {sender:?} is not a valid sender")))
}

/// `RECIPIENT` as it is meant: some mail programs hand a local part over in quotation marks.
fn meant(recipient: &str) -> String {
    let inner = recipient.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(recipient);
    let quoted = inner.starts_with('"').then(|| unquoted(inner).ok()).flatten();
    quoted.unwrap_or_else(|| inner.to_owned())
}

fn deliver(location: &Location, recipients: &[String], sender: Option<&str>, timeout: Duration) -> Result<(), Error> {
    let store = open(location)?;
    let settings = database::settings(&*store).map_err(mendable)?;
    let to = Recipients::find(&*store, &settings, recipients)?;
    to.require_room()?;
    let trace = sender.map(|sender| format!("Return-Path: <{}>\r\n", quoted(sender))).unwrap_or_default();
    // What we put before a message does not make it too large.
    let mut upload = store.upload(settings.max_receive_size.saturating_add(trace.len() as u64));
    push(&mut *upload, trace.as_bytes())?;
    let normaliser = if sender.is_some() { Normaliser::behind_fields() } else { Normaliser::new() };
    let stripper = EnvelopeStripper::new(sender.is_some());
    take_in(&mut Input::new(io::stdin(), timeout), normaliser, stripper, &mut *upload)?;
    let envelope = Envelope { sender: sender.unwrap_or_default().to_owned(), ..Envelope::default() };
    let answers = upload.deliver(&to.mailboxes, &envelope);
    let answers = answers.map_err(|error| store_error("the message was not stored", &error))?;
    let finished = database::finish(&*store, location).map_err(mendable);
    to.verdict(answers.iter().map(|answer| answer.as_ref().err())).and(finished)
}

/// A disk that is full or failed and a damaged database will be mended: the message can come again. (A database
/// that has lost its header is damaged, too; anywhere else it is not to be told from another program's file.)
fn open(location: &Location) -> Result<Arc<dyn Engine>, Error> {
    database::open_with(location, Options { counts_deliveries: true, ..Options::default() }).map_err(
        |error| match error.code {
            Code::Config if location.file().is_some_and(has_lost_its_header) => Error { code: Code::TempFail, ..error },
            _ => mendable(error),
        },
    )
}

fn mendable(error: Error) -> Error {
    match error.code {
        Code::Io | Code::Software | Code::Unavailable => Error { code: Code::TempFail, ..error },
        _ => error,
    }
}

/// "Database File Format", section 1.3, in SQLite's documentation: how each file begins that is not empty.
fn has_lost_its_header(path: &Path) -> bool {
    const HEADER: &[u8; 16] = b"SQLite format 3\0";
    let mut start = Vec::new();
    let read =
        crate::files::regular::open(path).and_then(|file| file.take(HEADER.len() as u64).read_to_end(&mut start));
    read.is_ok() && !start.is_empty() && start != HEADER
}

/// Streams a message through the normaliser; memory does not grow with it.
fn take_in(
    from: &mut impl Read,
    mut normaliser: Normaliser,
    mut leading: EnvelopeStripper,
    upload: &mut (dyn Upload + '_),
) -> Result<(), Error> {
    let (mut chunk, mut lines, mut message) = (vec![0; CHUNK], Vec::with_capacity(2 * CHUNK), Vec::new());
    loop {
        let read = match from.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(Error::new(
                    Code::TempFail,
                    "the message was not complete in time (--timeout): nothing was stored",
                ));
            }
            Err(error) => return Err(Error::file("cannot read the message", &error, Code::Io)),
        };
        lines.clear();
        match read {
            0 => normaliser.finish(&mut lines),
            _ => normaliser.push(&chunk[..read], &mut lines),
        }
        message.clear();
        leading.push(&lines, &mut message);
        if read == 0 {
            leading.finish(&mut message);
            return push(upload, &message);
        }
        push(upload, &message)?;
    }
}

fn push(upload: &mut (dyn Upload + '_), octets: &[u8]) -> Result<(), Error> {
    upload.push(octets).map_err(|error| store_error("the message was not stored", &error))
}

/// Where the copies go: one a mailbox, however many addresses lead to it.
#[derive(Default)]
struct Recipients {
    /// How mail over quota is refused (`OverQuotaPermanent`); nothing: as what may pass.
    over_quota: Option<Code>,
    mailboxes: Vec<MailboxId>,
    /// The recipient that led to the mailbox, for messages.
    names: Vec<String>,
    /// What the emptiest of the mailboxes has left.
    room: u64,
}

impl Recipients {
    fn find(store: &dyn Store, settings: &Settings, recipients: &[String]) -> Result<Self, Error> {
        let (mut found, mut unknown) = (Self::default(), Vec::new());
        found.over_quota = settings.over_quota_permanent.then_some(Code::Unavailable);
        for recipient in recipients {
            let names = recipient_names(&meant(recipient), &settings.domains, &settings.recipient_delimiter);
            let mailboxes =
                store.recipients(&names).map_err(|error| store_error("cannot look up recipients", &error))?;
            if mailboxes.is_empty() {
                unknown.push(format!("{recipient:?}"));
            }
            mailboxes.iter().for_each(|mailbox| found.add(mailbox, recipient));
        }
        if unknown.is_empty() {
            return Ok(found);
        }
        Err(Error::new(Code::NoUser, format!("unknown recipient: {}", unknown.join(", "))))
    }

    /// Nobody shall send a message that no mailbox has room for.
    fn require_room(&self) -> Result<(), Error> {
        if self.room >= storage_size(1) {
            return Ok(());
        }
        self.verdict(self.mailboxes.iter().map(|_| Some(&StoreError::OverQuota)))
    }

    /// What the mail program is told of the copies, whose errors come in the order of the mailboxes.
    fn verdict<'a>(&self, errors: impl Iterator<Item = Option<&'a StoreError>>) -> Result<(), Error> {
        let refused = errors.zip(&self.names).filter_map(|(error, name)| Some((name.as_str(), error?)));
        verdict(refused.collect(), self.mailboxes.len(), self.over_quota)
    }

    fn add(&mut self, mailbox: &Mailbox, recipient: &str) {
        if !self.mailboxes.contains(&mailbox.id) {
            self.mailboxes.push(mailbox.id);
            self.names.push(recipient.to_owned());
            self.room = self.room.max(mailbox.room);
        }
    }
}

/// A full disk and a damaged database are mended by somebody, and then the message can come again:
/// mail programs return it to its sender at any code but 75.
fn code(error: &StoreError) -> Code {
    match code_of(error) {
        Code::Io | Code::Software | Code::Unavailable => Code::TempFail,
        code => code,
    }
}

fn store_error(what: &str, error: &StoreError) -> Error {
    Error::new(code(error), format!("{what}: {error}"))
}

/// What the mail program is told of the copies that were refused. As soon as one of several was stored,
/// only "try again" is true: any other code would have the message returned to its sender.
fn verdict(refused: Vec<(&str, &StoreError)>, copies: usize, over_quota: Option<Code>) -> Result<(), Error> {
    let Some((_, first)) = refused.first() else { return Ok(()) };
    let code_of = |error: &StoreError| match (error, over_quota) {
        (StoreError::OverQuota, Some(code)) => code,
        _ => code(error),
    };
    let code = code_of(first);
    let same = refused.len() == copies && refused.iter().all(|(_, error)| code_of(error) == code);
    let list: Vec<String> = refused.iter().map(|(name, error)| format!("{name:?}: {error}")).collect();
    Err(Error::new(if same { code } else { Code::TempFail }, format!("not stored for {}", list.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_lose_their_brackets_and_hide_no_lines() {
        let longest = "x".repeat(983);
        for (given, path) in [
            ("", ""),
            ("<>", ""),
            ("a@b.example", "a@b.example"),
            ("<a@b.example>", "a@b.example"),
            ("\"a b\"@c.example", "a b@c.example"),
            ("<\"a\\\"<>\"@c.example>", "a\"<>@c.example"),
            ("a b@c.example", "a b@c.example"),
            (&longest, &longest),
        ] {
            assert_eq!(reverse_path(given).unwrap(), path);
        }
        let (long, quotes) = ("x".repeat(984), "(".repeat(982));
        for wrong in ["a\r\nX: y", "a>b", "<<a>>", "a\0", "\"a\r\n\"@b", "\"a", "\"a\"b", &long, &quotes] {
            assert_eq!(reverse_path(wrong).unwrap_err().code, Code::Usage, "{wrong:?}");
        }
    }

    #[test]
    fn several_copies_fail_for_good_only_together() {
        let (quota, gone, io) = (StoreError::OverQuota, StoreError::NoSuchMailbox, StoreError::Io("full".into()));
        let code = |refused: &[&StoreError], copies| {
            let refused = refused.iter().map(|error| ("alice", *error)).collect();
            verdict(refused, copies, None).map_or_else(|error| error.code as u8, |()| 0)
        };
        for (refused, copies, expected) in [
            (&[][..], 2, 0),
            (&[&quota], 1, 75),
            (&[&quota], 2, 75),
            (&[&gone], 1, 67),
            (&[&gone], 2, 75),
            (&[&gone, &gone], 2, 67),
            (&[&io, &io], 2, 75),
            (&[&io, &gone], 2, 75),
        ] {
            assert_eq!(code(refused, copies), expected, "{refused:?} of {copies}");
        }
        let text = verdict(vec![("alice", &quota)], 2, None).unwrap_err().text;
        assert_eq!(text, "not stored for \"alice\": mailbox is over its quota");
    }
}
