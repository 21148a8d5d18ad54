//! Another POP3 server as a source: its messages, its unique-ids, its order.

mod client;
mod url;

pub use url::Address;

use super::{ImportError, Listed, Result, Source, is_unique_id};
use crate::auth::credential::Secret;
use client::Client;
use std::collections::HashMap;

/// A session with another server, which lasts as long as this; nothing is deleted there.
pub struct Pop3 {
    client: Client,
    name: String,
    /// The old server's message number of each message of the list.
    numbers: Vec<u64>,
}

impl Pop3 {
    /// Connects. Where TLS is there it is used, and the certificate is verified.
    ///
    /// # Errors
    /// The server cannot be reached, or its certificate is not good.
    pub fn connect(address: &Address) -> Result<Self> {
        Ok(Self { client: Client::connect(address)?, name: address.to_string(), numbers: Vec::new() })
    }

    /// Sends the password.
    ///
    /// # Errors
    /// The server refuses the login.
    pub fn log_in(&mut self, login: &str, password: &Secret) -> Result<()> {
        self.client.log_in(login, password)
    }

    /// A password would cross the network in clear: the server has no TLS.
    pub fn is_clear(&self) -> bool {
        !self.client.is_tls()
    }

    /// Says goodbye.
    pub fn close(mut self) {
        self.client.quit();
    }
}

impl Source for Pop3 {
    fn list(&mut self) -> Result<Vec<Listed>> {
        let sizes = self.client.pairs("LIST")?;
        let mut ids: HashMap<u64, String> = self.client.pairs("UIDL")?.into_iter().collect();
        let wrong = |text: String| ImportError::Data(format!("{}: {text}", self.name));
        let mut listed = Vec::new();
        self.numbers.clear();
        for (number, octets) in sizes {
            let octets = octets.parse().map_err(|_| wrong(format!("LIST says {octets:?} of message {number}")))?;
            let (place, unique_id) = (format!("{}, message {number}", self.name), ids.remove(&number));
            let fault = match &unique_id {
                Some(unique_id) => fault(unique_id).map(|fault| format!("{place}: its unique-id {fault}")),
                None => Some(format!("{place}: UIDL has no unique-id for it")),
            };
            let unique_id = unique_id.filter(|_| fault.is_none());
            self.numbers.push(number);
            listed.push(Listed { place, unique_id, fault, octets: Some(octets), ..Listed::default() });
        }
        Ok(listed)
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        self.client.retrieve(self.numbers[at], limit, octets)
    }

    fn is_remote(&self) -> bool {
        true
    }
}

/// What is wrong with a unique-id (RFC 1939 section 7).
fn fault(unique_id: &str) -> Option<String> {
    match unique_id.chars().count() {
        _ if is_unique_id(unique_id) => None,
        0 => Some("is empty".to_owned()),
        length @ 71.. => Some(format!("has {length} characters, which is more than 70")),
        _ => Some("has other characters than 0x21 to 0x7E".to_owned()),
    }
}
