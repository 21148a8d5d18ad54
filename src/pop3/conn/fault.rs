//! Where a [`Fault`] of `pillarbox try` acts on a connection. Without one nothing here does anything.

use super::Connection;
use crate::net::line::Transport;
use crate::net::tls::Stream;
use crate::pop3::Step;
use crate::pop3::reply::Reply;
use crate::pop3::transaction::{Message, Transfer};
use crate::shared::fault::Fault;
use crate::store::{Entry, ScanListing, Uid};
use memchr::memmem;
use std::io::{self, IoSlice, Read, Write};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What ends a multi-line response, and the line end before it.
const TERMINATOR: &[u8] = b"\r\n.\r\n";

/// How late the end of a response comes when it is split.
const LATE: Duration = Duration::from_millis(50);

/// The way to the client.
pub(super) struct Wire {
    stream: Stream,
    fault: Option<Fault>,
    /// The rest of a terminator comes next, and late.
    split: bool,
    /// Octets that still go out before the connection is cut.
    left: Option<usize>,
}

impl Wire {
    pub(super) fn new(stream: Stream, fault: Option<Fault>) -> Self {
        Self { stream, fault, split: false, left: None }
    }

    /// See [`Stream::close`].
    pub(super) fn close(self) {
        self.stream.close();
    }

    /// See [`Stream::set_write_timeout`].
    pub(super) fn set_write_timeout(&mut self, timeout: Duration) {
        self.stream.set_write_timeout(timeout);
    }

    fn write_with(&mut self, fault: Fault, buf: &[u8]) -> io::Result<usize> {
        match fault {
            Fault::Slow(pause) => {
                std::thread::sleep(pause);
                self.stream.write(&buf[..buf.len().min(1)])
            }
            Fault::SplitEnd(late) => {
                if std::mem::take(&mut self.split) {
                    std::thread::sleep(LATE);
                }
                let first = memmem::find(buf, TERMINATOR).map(|at| at + TERMINATOR.len() - late);
                let written = self.stream.write(&buf[..first.unwrap_or(buf.len())])?;
                self.split = first == Some(written);
                Ok(written)
            }
            _ => match self.left {
                None => self.stream.write(buf),
                Some(0) => {
                    // No close_notify either: a cable that was pulled says no goodbye.
                    self.stream.handle().inspect(|handle| handle.shutdown());
                    Err(io::ErrorKind::ConnectionAborted.into())
                }
                Some(left) => {
                    let written = self.stream.write(&buf[..buf.len().min(left)])?;
                    self.left = Some(left - written);
                    Ok(written)
                }
            },
        }
    }
}

impl Deref for Wire {
    type Target = Stream;
    fn deref(&self) -> &Stream {
        &self.stream
    }
}

impl DerefMut for Wire {
    fn deref_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buf)
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self.fault {
            None => self.stream.write(buf),
            Some(fault) => self.write_with(fault, buf),
        }
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.fault {
            None => self.stream.write_vectored(bufs),
            Some(fault) => bufs.iter().find(|buf| !buf.is_empty()).map_or(Ok(0), |buf| self.write_with(fault, buf)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Transport for Wire {
    fn read_by(&mut self, deadline: Instant) {
        self.stream.read_by(deadline);
    }

    fn unit(&self) -> usize {
        self.stream.unit()
    }
}

/// The fault of a connection, and what it has to know.
pub(super) struct FaultState {
    fault: Option<Fault>,
    /// Commands so far.
    commands: u64,
    /// The maildrop as it is.
    listing: Arc<ScanListing>,
}

impl FaultState {
    pub(super) fn new(fault: Option<Fault>) -> Self {
        Self { fault, commands: 0, listing: Arc::default() }
    }

    /// What is said in place of doing the next command.
    pub(super) fn refused_command(&mut self) -> Option<Reply> {
        let Some(Fault::Temp(number)) = self.fault else { return None };
        self.commands += 1;
        (self.commands == number).then_some(Reply::UNAVAILABLE)
    }

    /// What is said to somebody who has logged in, in place of opening the maildrop.
    pub(super) fn refused_login(&self) -> Option<Reply> {
        (self.fault == Some(Fault::InUse)).then_some(Reply::IN_USE)
    }

    /// The maildrop as this `session` is to see it.
    pub(super) fn listing(&mut self, true_listing: Arc<ScanListing>, session: u64) -> Arc<ScanListing> {
        let Some(fault) = self.fault else { return true_listing };
        self.listing = true_listing.clone();
        match fault {
            Fault::WrongSize(percent) => {
                let wrong = |entry: &Entry| wrong_size(entry.octets, percent);
                Arc::new(changed(&true_listing, |at, entry| {
                    (Entry { octets: wrong(entry), ..*entry }, true_listing.legacy_id(at).map(str::to_owned))
                }))
            }
            Fault::NewUids => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let id = |entry: &Entry| format!("{now:x}.{session:x}.{}", entry.uid.0);
                Arc::new(changed(&true_listing, |_, entry| (*entry, Some(id(entry)))))
            }
            _ => true_listing,
        }
    }

    /// Number of a message, from 1, and its true length, octets.
    fn known(&self, uid: Uid) -> Option<(u64, u32)> {
        let at = self.listing.entries().iter().position(|entry| entry.uid == uid)?;
        Some((at as u64 + 1, self.listing.entries()[at].octets))
    }
}

fn changed(listing: &ScanListing, change: impl Fn(usize, &Entry) -> (Entry, Option<String>)) -> ScanListing {
    let mut new = ScanListing::default();
    for (at, entry) in listing.entries().iter().enumerate() {
        let (entry, unique_id) = change(at, entry);
        new.push(entry, unique_id.as_deref());
    }
    new
}

/// So many percent of the octets, but never the right size.
fn wrong_size(octets: u32, percent: u64) -> u32 {
    let wrong = u32::try_from(u64::from(octets) * percent / 100).unwrap_or(u32::MAX);
    if wrong == octets { octets.saturating_add(1) } else { wrong }
}

impl Connection<'_> {
    /// The step as it is done with the connection's fault. Whether a message is small does not matter then: what is
    /// gathered could not be told apart on the wire.
    pub(super) fn with_fault(&mut self, step: Step) -> io::Result<Step> {
        match (self.fault.fault, step) {
            (Some(fault), Step::Send(reply, Transfer::Message(message) | Transfer::SmallMessage(message))) => {
                let message = self.faulty_message(fault, &reply, message)?;
                Ok(Step::Send(reply, Transfer::Message(message)))
            }
            (_, step) => Ok(step),
        }
    }

    fn faulty_message(&mut self, fault: Fault, reply: &Reply, message: Message) -> io::Result<Message> {
        let Some((number, octets)) = self.fault.known(message.id.uid) else { return Ok(message) };
        if fault == Fault::Drop(number) && message.top.is_none() {
            // What was asked for before arrives whole.
            self.flush()?;
            let mut first_line = Vec::new();
            reply.write(&mut first_line);
            self.stream.left = Some(first_line.len() + octets as usize / 2);
        }
        Ok(Message { octets, dotted: message.dotted && fault != Fault::NoStuffing, ..message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_size_is_wrong() {
        for octets in [0, 1, 2, 100, 101, u32::MAX - 1] {
            for percent in [0, 50, 99, 101, 1000] {
                assert_ne!(wrong_size(octets, percent), octets, "{octets} {percent}");
            }
        }
        assert_eq!(wrong_size(700, 50), 350);
    }
}
