//! From a source into a mailbox, one message after the other, and the comparison at the end.

mod differences;
mod group;
mod same;
mod streamed;

use super::{ImportError, Listed, Source, header};
use crate::message::dot::Normaliser;
use crate::store::{Entry, Envelope, Mail, MailboxId, ScanListing, StoreError, Uid, Upload};
use group::Group;
use same::{Same, has_octets, is_same};
use std::collections::{HashMap, HashSet};
use std::fmt;

pub use differences::differences;

/// Octets that are given to the store at a time.
const PIECE: usize = 256 * 1024;

/// Numbers that another server may give out until the last import from it, while new mail comes here already.
const HEADROOM: u64 = 1 << 16;

/// What is to be done.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// Where the messages go.
    pub mailbox: MailboxId,
    /// Its name, for people.
    pub name: &'a str,
    /// `MaxReceiveSize`, octets.
    pub limit: u64,
    /// Only look.
    pub dry_run: bool,
    /// Take messages that are marked as deleted, too.
    pub with_deleted: bool,
    /// Called before each message with its position from 0 and the number of all.
    pub progress: &'a dyn Fn(usize, usize),
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Messages stored (in a dry run: that would be).
    pub stored: usize,
    /// Messages that the mailbox had already.
    pub present: usize,
    /// Messages that were left out because they are marked as deleted.
    pub left_out: usize,
    /// Messages that got a number of their own because another one has the unique-id that they claim, one text each.
    pub own_number: Vec<String>,
    /// Why messages were not stored, one text each.
    pub refused: Vec<String>,
    /// Positions of the messages whose octets were read and are those of the mailbox.
    checked: HashSet<usize>,
    /// Positions of the messages that were refused.
    unsettled: HashSet<usize>,
}

impl Report {
    fn refuse(&mut self, position: usize, why: String) {
        self.unsettled.insert(position);
        self.refused.push(why);
    }
}

/// What ends a transfer in the middle. What was stored before stays.
#[derive(Debug)]
pub enum Stop {
    /// The source.
    Source(ImportError),
    /// The mailbox; with the place of the message.
    Store(String, StoreError),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Store(place, error) => write!(f, "{place}: {error}"),
        }
    }
}

impl From<ImportError> for Stop {
    fn from(error: ImportError) -> Self {
        Self::Source(error)
    }
}

/// What the mailbox knows of a unique-id.
struct Known {
    entry: Entry,
    /// It came with an import; else the number is its own.
    imported: bool,
}

/// A mailbox that messages are put into.
struct Transfer<'a> {
    store: &'a dyn Mail,
    listed: &'a [Listed],
    task: Task<'a>,
    known: HashMap<String, Known>,
    /// Unique-ids that the source shows more than once (RFC 1939 section 7 allows it for copies).
    twice: HashSet<String>,
    /// The messages that were imported before, by their octets.
    same: Same<'a>,
    group: Group,
    report: &'a mut Report,
    /// A message as it was found, and as it is stored.
    found: Vec<u8>,
    normal: Vec<u8>,
}

/// Puts all messages of `listed` into the mailbox, in their order, and counts in `report` what is done, also
/// if it ends early.
///
/// # Errors
/// [`Stop`]; messages that are refused are no reason to stop, they stand in the report.
pub fn run(
    store: &dyn Mail,
    source: &mut dyn Source,
    listed: &[Listed],
    task: Task<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let listing = opened(store, task.mailbox)?;
    let known = known(&listing);
    let (found, normal) = (Vec::new(), Vec::new());
    let same = Same::new(store, task.mailbox, &listing, listed);
    let mut transfer = Transfer {
        store,
        listed,
        task,
        known,
        twice: twice(listed),
        same,
        group: Group::default(),
        report,
        found,
        normal,
    };
    if !task.dry_run {
        skip(store, task.mailbox, listed, if source.is_remote() { HEADROOM } else { 0 })?;
    }
    for (at, message) in listed.iter().enumerate() {
        (task.progress)(at, listed.len());
        if let Err(stop) = transfer.message(source, at, message) {
            // What came before it stays.
            return transfer.store_group().and(Err(stop));
        }
    }
    transfer.store_group()
}

/// Mail that is delivered meanwhile must not get a number that a message of the list has.
fn skip(store: &dyn Mail, mailbox: MailboxId, listed: &[Listed], headroom: u64) -> Result<(), Stop> {
    let numbers = listed.iter().filter_map(|message| number(message.unique_id.as_deref()?));
    let Some(greatest) = numbers.max() else { return Ok(()) };
    let next = greatest.saturating_add(1 + headroom);
    store.skip_to(mailbox, Uid(next)).map_err(|error| Stop::Store("mailbox".into(), error))
}

/// The number that new mail could get, too.
fn number(unique_id: &str) -> Option<u64> {
    Uid::imported(unique_id).map(|uid| uid.0)
}

fn opened(store: &dyn Mail, mailbox: MailboxId) -> Result<std::sync::Arc<ScanListing>, Stop> {
    store.open(mailbox).map_err(|error| Stop::Store("mailbox".into(), error))
}

fn twice(listed: &[Listed]) -> HashSet<String> {
    let mut seen = HashSet::new();
    let ids = listed.iter().filter_map(|message| message.unique_id.as_ref());
    ids.filter(|id| !seen.insert(*id)).cloned().collect()
}

/// The messages of a mailbox by what UIDL shows for them.
fn known(listing: &ScanListing) -> HashMap<String, Known> {
    let shown = |(at, entry): (usize, &Entry)| {
        let imported = listing.legacy_id(at);
        let id = imported.map_or_else(|| entry.uid.0.to_string(), str::to_owned);
        (id, Known { entry: *entry, imported: imported.is_some() })
    };
    listing.entries().iter().enumerate().map(shown).collect()
}

impl Transfer<'_> {
    fn message(&mut self, source: &mut dyn Source, at: usize, message: &Listed) -> Result<(), Stop> {
        if let Some(fault) = &message.fault {
            self.report.refuse(at, fault.clone());
            return Ok(());
        }
        if message.deleted && !self.task.with_deleted {
            self.report.left_out += 1;
            self.report.unsettled.insert(at);
            return Ok(());
        }
        let known = message.unique_id.as_ref().and_then(|id| self.known.get(id));
        let known = known.map(|known| (known.entry, known.imported));
        // Over the network the unique-id must do; the comparison looks at sizes.
        let again = message.unique_id.as_ref().is_some_and(|id| self.twice.contains(id));
        if matches!(known, Some((_, true))) && source.is_remote() && !again {
            self.report.present += 1;
            return Ok(());
        }
        if self.task.dry_run && source.is_remote() && known.is_none() {
            self.report.stored += 1;
            return Ok(());
        }
        if source.is_remote() {
            return self.pass_on(source, at, message, known.map(|(entry, _)| entry));
        }
        match source.fetch(at, self.task.limit, &mut self.found) {
            Ok(()) => {}
            Err(error) if error.is_of_one_message() => {
                self.report.refuse(at, error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        normalise(&self.found, &mut self.normal);
        match known {
            Some((entry, _)) => self.compare(at, message, entry),
            None if message.unique_id.is_none() => self.keep(at, message),
            None if self.task.dry_run => {
                self.report.stored += 1;
                Ok(())
            }
            None => self.store(at, message, message.unique_id.as_deref()),
        }
    }

    /// The mailbox has this unique-id: is it this message?
    fn compare(&mut self, position: usize, message: &Listed, entry: Entry) -> Result<(), Stop> {
        let same = is_same(self.store, self.task.mailbox, entry, &self.normal);
        let same = same.map_err(|error| Stop::Store(message.place.clone(), error))?;
        if !same && message.claimed { self.keep(position, message) } else { self.compared(position, message, same) }
    }

    fn compared(&mut self, position: usize, message: &Listed, same: bool) -> Result<(), Stop> {
        if same {
            self.report.present += 1;
            self.report.checked.insert(position);
        } else {
            let id = message.unique_id.as_deref().unwrap_or_default();
            let text = format!("{}: unique-id {id:?} was given to another message in the mailbox", message.place);
            self.report.refuse(position, text);
        }
        Ok(())
    }

    /// Stores a message with a number of its own, unless an imported one has its octets.
    fn keep(&mut self, position: usize, message: &Listed) -> Result<(), Stop> {
        let there = self.same.take(&self.normal).map_err(|error| Stop::Store(message.place.clone(), error))?;
        // Its unique-id is not the mailbox's: the comparison would miss it.
        self.report.unsettled.insert(position);
        if there {
            self.report.present += 1;
            return Ok(());
        }
        let stored = self.report.stored;
        if self.task.dry_run {
            self.report.stored += 1;
        } else {
            self.store(position, message, None)?;
        }
        if let Some(id) = message.unique_id.as_ref().filter(|_| self.report.stored > stored) {
            let text = format!("{}: unique-id {id:?} belongs to another message, so it got a new one", message.place);
            self.report.own_number.push(text);
        }
        Ok(())
    }

    fn store(&mut self, position: usize, message: &Listed, unique_id: Option<&str>) -> Result<(), Stop> {
        let envelope = envelope(message, unique_id, &self.found);
        if self.can_wait(message) {
            return self.wait(position, envelope);
        }
        self.store_group()?;
        let at = |error| Stop::Store(message.place.clone(), error);
        let mut upload = self.store.upload(self.task.limit);
        for piece in self.normal.chunks(PIECE) {
            match upload.push(piece) {
                Ok(()) => {}
                Err(StoreError::TooBig) => {
                    self.report.refuse(position, ImportError::TooBig(message.place.clone()).to_string());
                    return Ok(());
                }
                Err(error) => return Err(at(error)),
            }
        }
        if self.deliver(upload, position, message, &envelope).map_err(at)? {
            Ok(())
        } else {
            self.keep(position, message)
        }
    }

    /// Ends an upload. `false`: the unique-id is only claimed, and another message had it.
    fn deliver(
        &mut self,
        upload: Box<dyn Upload + '_>,
        position: usize,
        message: &Listed,
        envelope: &Envelope,
    ) -> Result<bool, StoreError> {
        let unique_id = envelope.unique_id.as_ref();
        let answers = upload.deliver(&[self.task.mailbox], envelope)?;
        match answers.into_iter().next().unwrap_or(Err(StoreError::NoSuchMailbox)) {
            Ok(uid) => {
                self.report.stored += 1;
                self.report.checked.insert(position);
                if unique_id.is_some() { self.remember(message, uid) } else { Ok(()) }?;
            }
            Err(StoreError::Refused(_)) if message.claimed && unique_id.is_some() && !self.was_deleted(message)? => {
                return Ok(false);
            }
            Err(StoreError::Refused(text)) => {
                let why = self.why(message, text)?;
                self.report.refuse(position, why);
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Whether this very message was deleted here, and can be brought back.
    fn was_deleted(&self, message: &Listed) -> Result<bool, StoreError> {
        let id = message.unique_id.as_deref().unwrap_or_default();
        match self.store.deleted(self.task.mailbox, id)? {
            Some(uid) => {
                has_octets(&self.normal, |number, piece| self.store.read_deleted(self.task.mailbox, uid, number, piece))
            }
            None => Ok(false),
        }
    }

    /// Why the mailbox refuses a unique-id: it gave it to somebody before.
    fn why(&self, message: &Listed, refusal: String) -> Result<String, StoreError> {
        let (id, place) = (message.unique_id.as_deref().unwrap_or_default(), &message.place);
        let name = self.task.name.replace('\'', "''");
        Ok(match self.store.deleted(self.task.mailbox, id)? {
            Some(Uid(uid)) => format!(
                "{place}: the message with unique-id {id:?} was deleted here; UPDATE recoverable SET deleted_at = NULL \
                 WHERE mailbox = '{name}' AND uid = {uid} brings it back"
            ),
            None => format!("{place}: unique-id {id:?}: {refusal}"),
        })
    }

    fn remember(&mut self, message: &Listed, uid: Uid) -> Result<(), StoreError> {
        if let Some(id) = message.unique_id.as_ref().filter(|id| self.twice.contains(*id)) {
            let listing = self.store.open(self.task.mailbox)?;
            if let Some(entry) = listing.entries().iter().rev().find(|entry| entry.uid == uid) {
                self.known.insert(id.clone(), Known { entry: *entry, imported: true });
            }
        }
        Ok(())
    }
}

/// What is stored beside a message, which was found as `found` (or its header).
fn envelope(message: &Listed, unique_id: Option<&str>, found: &[u8]) -> Envelope {
    Envelope {
        sender: message.sender.clone().or_else(|| header::sender(found)).unwrap_or_default(),
        received_at: message.received_at.or_else(|| header::received_at(found)).filter(|time| *time >= 0),
        unique_id: unique_id.map(str::to_owned),
        read: message.read,
        imported: unique_id.is_none(),
        internationalized: header::is_internationalized(found),
    }
}

/// Replaces `normal` by the stored form of a message.
fn normalise(found: &[u8], normal: &mut Vec<u8>) {
    let mut normaliser = Normaliser::default();
    normal.clear();
    normaliser.push(found, normal);
    normaliser.finish(normal);
}

#[cfg(test)]
mod tests;
