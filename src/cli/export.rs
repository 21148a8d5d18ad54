//! `pillarbox export`: a mailbox as a Maildir, with its unique-ids as Dovecot notes them, so that
//! `import` and other servers find them.

use super::exit::{Code, Error};
use super::{Command, arguments, database, mailbox, print};
use crate::files::atomic::{AtomicFile, Directory};
use crate::files::path::directory;
use crate::import::percent;
use crate::store::{Entry, Envelope, MailboxId, MessageId, Store, StoreError};
use std::fs::{self, DirBuilder, FileTimes};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const COMMAND: Command = Command {
    name: "export",
    arguments: "-u USER DIR",
    summary: "writes a mailbox as a Maildir, including its unique-ids",
    notes: "DIR must be new or empty. Importing it reproduces the mailbox. Exit 73: DIR is not empty.",
    options: mailbox::option,
    run: |matches| {
        let user = mailbox::user(matches)?;
        let [target] = arguments(matches, "DIR")?;
        let store = database::open(&database::location(matches)?)?;
        let mailbox = mailbox::find(&*store, &user)?;
        let count = Export::new(&*store, mailbox.id, Path::new(&target))?.run()?;
        print(&format!("{count} exported\n"))
    },
};

struct Export<'a> {
    store: &'a dyn Store,
    mailbox: MailboxId,
    maildir: &'a Path,
    /// Directories to be synced once all messages are there.
    changed: Vec<Directory>,
    /// `dovecot-uidlist`, version 3.
    list: String,
}

impl<'a> Export<'a> {
    fn new(store: &'a dyn Store, mailbox: MailboxId, maildir: &'a Path) -> Result<Self, Error> {
        let failed = |error| Error::file(format_args!("cannot create {maildir:?}"), &error, Code::CantCreate);
        let occupied = fs::read_dir(maildir).is_ok_and(|mut entries| entries.next().is_some());
        if occupied {
            return Err(Error::new(Code::CantCreate, format!("{maildir:?} is not empty")));
        }
        let is_new = !maildir.exists();
        for name in ["cur", "new", "tmp"] {
            DirBuilder::new().recursive(true).mode(0o700).create(maildir.join(name)).map_err(failed)?;
        }
        let mut changed = ["cur", "new"].map(|name| maildir.join(name)).to_vec();
        if is_new {
            changed.push(directory(&maildir.canonicalize().map_err(failed)?).to_owned());
        }
        let changed = changed.iter().map(|path| Directory::open(path)).collect::<io::Result<_>>().map_err(failed)?;
        Ok(Self { store, mailbox, maildir, changed, list: String::new() })
    }

    /// Answers how many messages were written.
    fn run(mut self) -> Result<usize, Error> {
        let failed = |error| Error::store("cannot open the mailbox", &error);
        let listing = self.store.open(self.mailbox).map_err(failed)?;
        let mut count = 0;
        for (at, entry) in listing.entries().iter().enumerate() {
            let unique_id = listing.legacy_id(at).map_or_else(|| entry.uid.0.to_string(), str::to_owned);
            if self.message(count + 1, entry, &unique_id)? {
                count += 1;
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let head = format!("3 V{} N{}\n", now & 0x7fff_ffff, count + 1);
        let path = self.maildir.join("dovecot-uidlist");
        let written = self.changed.iter().try_for_each(Directory::sync).and_then(|()| {
            let list = AtomicFile::create(&path, 0o600)?;
            list.file().write_all((head + &self.list).as_bytes())?;
            Ok(list.replace()?)
        });
        written.map_err(|error| cannot_write(&path, &error))?;
        Ok(count)
    }

    /// `false`: the message was deleted since.
    fn message(&mut self, number: usize, entry: &Entry, unique_id: &str) -> Result<bool, Error> {
        let id = MessageId { mailbox: self.mailbox, uid: entry.uid, body: entry.body };
        let failed = |error| Error::store(format_args!("message {unique_id}"), &error);
        let (envelope, first) = match self.first(id) {
            Ok(found) => found,
            Err(StoreError::NoSuchMessage) => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let received_at = u64::try_from(envelope.received_at.unwrap_or(0)).unwrap_or(0);
        let name = format!("{received_at}.{number}.pillarbox,S={}", entry.octets);
        let place = match envelope.read {
            true => self.maildir.join("cur").join(format!("{name}:2,S")),
            false => self.maildir.join("new").join(&name),
        };
        let unwritten = |error: io::Error| cannot_write(&place, &error);
        let draft = AtomicFile::create_as(self.maildir.join("tmp").join(&name), &place, 0o600).map_err(unwritten)?;
        let mut chunk = first;
        for next in 1.. {
            if chunk.is_empty() {
                break;
            }
            draft.file().write_all(&chunk).map_err(unwritten)?;
            self.store.read(id, next, &mut chunk).map_err(failed)?;
        }
        // The date of a file is when the message was received.
        let date = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(received_at));
        draft.file().set_times(date).and_then(|()| draft.rename()).map_err(unwritten)?;
        let sender = percent::encoded(&envelope.sender);
        self.list += &format!("{number} P{unique_id} R{sender} :{name}\n");
        Ok(true)
    }

    fn first(&self, id: MessageId) -> Result<(Envelope, Vec<u8>), StoreError> {
        let mut chunk = Vec::new();
        self.store.read(id, 0, &mut chunk)?;
        Ok((self.store.envelope(id)?, chunk))
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Error {
    Error::file(format_args!("cannot write {path:?}"), error, Code::CantCreate)
}
