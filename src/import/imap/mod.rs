//! A folder of an IMAP server as a source: its messages in the order of their UIDs, with received dates and read marks.
//!
//! What lives here: a small client of RFC 3501 that only reads (EXAMINE, BODY.PEEK). Unique-ids are made of UID and
//! UIDVALIDITY as the server's own POP3 service does it, so that clients know what they have.

mod client;
mod response;
mod token;
mod utf7;

use super::remote::{Address, Credential, Options, Server, Wire};
use super::uid_format::UidFormat;
use super::{ImportError, Listed, Result, Source};
use client::{Client, Sink};
use response::Fetched;

/// What Dovecot shows by default.
pub const DEFAULT_FORMAT: &str = "%08Xu%08Xv";

/// A session with an IMAP server, which lasts as long as this.
pub struct Imap {
    client: Client,
    folder: String,
    format: UidFormat,
    /// UID and octets of each message of the list.
    messages: Vec<(u32, u64)>,
}

impl Imap {
    /// Connects.
    ///
    /// # Errors
    /// The server cannot be reached, its certificate is not good, or it does not speak IMAP.
    pub fn connect(address: &Address, options: &Options) -> Result<Self> {
        let format = options.format.clone().map_or_else(|| UidFormat::parse(DEFAULT_FORMAT), Ok);
        let format = format.map_err(ImportError::Data)?;
        let (client, folder) = (Client::connect(address)?, address.folder.clone());
        Ok(Self { client, folder, format, messages: Vec::new() })
    }

    fn entry(&self, message: &Fetched, uid: u32, validity: u32) -> Listed {
        let place = format!("message {uid}");
        let (unique_id, fault) = match self.format.unique_id(uid.into(), validity.into(), None) {
            Ok(id) => (Some(id), None),
            Err(what) => (None, Some(format!("{place}: {what}"))),
        };
        let Fetched { seen, deleted, received_at, octets, .. } = *message;
        Listed { place, unique_id, fault, octets, received_at, read: seen, deleted, ..Listed::default() }
    }
}

impl Source for Imap {
    fn list(&mut self) -> Result<Vec<Listed>> {
        let (validity, exist) = self.client.examine(&self.folder)?;
        self.messages = Vec::new();
        let mut found: Vec<(u32, Fetched)> = Vec::new();
        if exist > 0 {
            self.client.overview(&mut |fetched| {
                if let Some(uid) = fetched.uid {
                    found.push((uid, fetched));
                }
            })?;
        }
        found.sort_by_key(|(uid, _)| *uid);
        if let Some(twice) = found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(self.client.wire().malformed(&format!("UID {} for two messages", twice[0].0)));
        }
        let mut listed = Vec::new();
        for (uid, fetched) in found {
            self.messages.push((uid, fetched.octets.unwrap_or(0)));
            listed.push(self.entry(&fetched, uid, validity));
        }
        Ok(listed)
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        octets.clear();
        self.stream(at, limit, &mut |piece| octets.extend_from_slice(piece))
    }

    fn stream(&mut self, at: usize, limit: u64, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        let (uid, stated) = self.messages[at];
        let too_big = || ImportError::TooBig(format!("message {uid}"));
        if stated > limit {
            return Err(too_big());
        }
        let mut size = 0;
        let mut take = |piece: &[u8]| {
            size += piece.len() as u64;
            // What is too big is read to its end, so that the session goes on.
            if size <= limit {
                sink(piece);
            }
        };
        let most = limit.saturating_mul(2);
        self.client.message(uid, Sink { most, take: &mut take }).map_err(|error| match error {
            ImportError::Data(text) => ImportError::Data(format!("message {uid}: {text}")),
            ImportError::Broken(text) => ImportError::Broken(format!("message {uid}: {text}")),
            other => other,
        })?;
        if size > limit { Err(too_big()) } else { Ok(()) }
    }

    fn is_remote(&self) -> bool {
        true
    }
}

impl Server for Imap {
    fn wire(&self) -> &Wire {
        self.client.wire()
    }

    fn log_in(&mut self, login: &str, credential: &Credential) -> Result<()> {
        self.client.log_in(login, credential)
    }

    fn close(&mut self) {
        self.client.quit();
    }
}
