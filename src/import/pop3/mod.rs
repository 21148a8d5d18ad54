//! Another POP3 server as a source: its messages, its unique-ids, its order.

mod client;
mod url;

pub use url::Address;

use super::{ImportError, Listed, Result, Source, is_unique_id};
use crate::credential::Secret;
use client::Client;

/// A session with another server, which lasts as long as this; nothing is deleted there.
pub struct Pop3 {
    client: Client,
    name: String,
    /// The old server's message number of each message of the list.
    numbers: Vec<u64>,
}

impl Pop3 {
    /// Connects and logs in. Where TLS is there it is used, and the certificate is verified.
    ///
    /// # Errors
    /// The server cannot be reached, its certificate is not good, or it refuses the login.
    pub fn open(address: &Address, password: &Secret) -> Result<Self> {
        let mut client = Client::connect(address)?;
        client.log_in(&address.login, password)?;
        Ok(Self { client, name: address.to_string(), numbers: Vec::new() })
    }

    /// The password crosses the network in clear: the server has no TLS.
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
        let ids = self.client.pairs("UIDL")?;
        let wrong = |text: String| ImportError::Data(format!("{}: {text}", self.name));
        let mut listed = Vec::new();
        self.numbers.clear();
        for (number, octets) in sizes {
            let octets = octets.parse().map_err(|_| wrong(format!("LIST says {octets:?} of message {number}")))?;
            let unique_id = ids.iter().find(|(other, _)| *other == number).map(|(_, id)| id.clone());
            let unique_id = unique_id
                .filter(|id| is_unique_id(id))
                .ok_or_else(|| wrong(format!("UIDL has no unique-id for message {number}")))?;
            let place = format!("{}, message {number}", self.name);
            self.numbers.push(number);
            listed.push(Listed { place, unique_id: Some(unique_id), octets: Some(octets), ..Listed::default() });
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
