//! Another POP3 server as a source: its messages, its unique-ids, its order.

mod client;
mod content;
mod identity;
mod sizes;

use super::remote::{Address, Credential, Options, Server, Wire, said};
use super::{ImportError, Listed, Result, Source, is_unique_id};
use client::Client;
use content::Measure;
use identity::Identity;
use sizes::{Sizes, Verdict};

/// Largest message that is read only to learn whether sizes are exact, octets.
const LARGEST_SAMPLE: u64 = 1 << 20;

/// A session with another server, which lasts as long as this; nothing is deleted there.
pub struct Pop3 {
    client: Client,
    no_uidl: bool,
    /// Message numbers and sizes, in the order of the list.
    messages: Vec<(u64, u64)>,
    identity: Identity,
    sizes: Sizes,
}

impl Pop3 {
    /// Connects.
    ///
    /// # Errors
    /// The server cannot be reached, its certificate is not good, or it does not speak POP3.
    pub fn connect(address: &Address, options: &Options) -> Result<Self> {
        let client = Client::connect(address)?;
        let (messages, identity, sizes) = (Vec::new(), Identity::none(), Sizes::default());
        Ok(Self { client, no_uidl: options.no_uidl, messages, identity, sizes })
    }

    /// UIDL: message numbers and unique-ids, which rise.
    fn unique_ids(&mut self) -> Result<Vec<(u64, Vec<u8>)>> {
        self.identity = Identity::none();
        if self.no_uidl {
            return Ok(Vec::new());
        }
        self.client.say("UIDL")?.map_err(|text| {
            let text = format!("{text}: use --no-uidl to import without it and give messages new unique-ids");
            self.client.refused(&text, "UIDL")
        })?;
        let ids = self.client.pairs_that_come("UIDL")?;
        self.identity = Identity::of(&mut self.client, &ids)?;
        Ok(ids)
    }

    fn entry(&self, number: u64, octets: u64, shown: Option<Vec<u8>>) -> Listed {
        let place = format!("message {number}");
        let (unique_id, fault) = match shown.map(text) {
            _ if self.no_uidl => (None, None),
            Some(shown) => match fault(&shown) {
                None => (Some(shown), None),
                Some(fault) => (None, Some(format!("{place}: its unique-id {fault}"))),
            },
            None => (None, Some(format!("{place}: UIDL has no unique-id for it"))),
        };
        Listed { place, unique_id, fault, octets: Some(octets), ..Listed::default() }
    }

    /// Reads one message and makes sure that it is the one of the list.
    fn read(&mut self, at: usize, most: u64, sink: &mut dyn FnMut(&[u8])) -> Result<Measure> {
        let (number, _) = self.messages[at];
        let question = self.identity.question(&self.client, number);
        let measure = self.client.retrieve(number, question.as_deref(), most, sink)?;
        self.identity.confirm(&mut self.client, number, question.is_some())?;
        Ok(measure)
    }

    /// Ends the session if a message is not as large as LIST says, where that says something.
    fn weigh(&mut self, at: usize, measure: &Measure) -> Result<()> {
        let (_, stated) = self.messages[at];
        let mut verdict = self.sizes.judge(at, stated, measure);
        if verdict == Verdict::Doubtful {
            verdict = if self.others_fit(at)? { Verdict::Wrong } else { Verdict::Fine };
        }
        match verdict {
            Verdict::Wrong => {
                let came = measure.octets;
                let text = format!(
                    "{stated} octets in LIST, but {came} were received, and the sizes of other messages are exact"
                );
                Err(self.client.wire().malformed(&text))
            }
            _ => Ok(()),
        }
    }

    /// Reads the next messages, or those before, until it is clear whether sizes are exact.
    fn others_fit(&mut self, at: usize) -> Result<bool> {
        let small = |other: &usize| {
            let (_, stated) = self.messages[*other];
            stated <= LARGEST_SAMPLE && Sizes::counts(stated) && !self.sizes.has_seen(*other)
        };
        let lacking = self.sizes.lacking();
        let others: Vec<usize> =
            (at + 1..self.messages.len()).chain((0..at).rev()).filter(small).take(lacking).collect();
        for other in others.iter().filter(|_| others.len() == lacking) {
            let (_, stated) = self.messages[*other];
            match self.read(*other, 2 * LARGEST_SAMPLE, &mut |_| {}) {
                Ok(measure) if measure.is(stated) => {
                    self.sizes.judge(*other, stated, &measure);
                }
                Ok(_) | Err(ImportError::Withheld(_)) => break,
                Err(error) => return Err(of_message(error, self.messages[*other].0)),
            }
        }
        let proved = self.sizes.lacking() == 0;
        if !proved {
            self.sizes.give_up();
        }
        Ok(proved)
    }
}

impl Source for Pop3 {
    fn list(&mut self) -> Result<Vec<Listed>> {
        self.messages = Vec::new();
        for (number, rest) in self.client.pairs("LIST")? {
            let octets = rest.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            let octets = str::from_utf8(octets).ok().and_then(|octets| octets.parse().ok());
            let octets = octets
                .ok_or_else(|| self.client.wire().malformed(&format!("\"{number} {}\" (to LIST)", said(&rest))))?;
            self.messages.push((number, octets));
        }
        let mut ids = self.unique_ids()?.into_iter().peekable();
        let mut listed = Vec::with_capacity(self.messages.len());
        for (number, octets) in &self.messages {
            // Both lists rise; an id of no message is passed over.
            while ids.next_if(|(at, _)| at < number).is_some() {}
            let id = ids.next_if(|(at, _)| at == number).map(|(_, id)| id);
            listed.push(self.entry(*number, *octets, id));
        }
        Ok(listed)
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        octets.clear();
        self.stream(at, limit, &mut |piece| octets.extend_from_slice(piece))
    }

    fn stream(&mut self, at: usize, limit: u64, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        let (number, stated) = self.messages[at];
        let too_big = || ImportError::TooBig(format!("message {number}"));
        // Sizes may be those of storage, which is somewhat more.
        let slack = limit / 8 + (1 << 16);
        if stated > limit.saturating_add(slack) {
            return Err(too_big());
        }
        let most = limit.saturating_add(2 * slack);
        let mut size = 0;
        let measure = self.read(at, most, &mut |piece| {
            size += piece.len() as u64;
            // What is too big is read to its end, so that the session goes on.
            if size <= limit {
                sink(piece);
            }
        });
        let measure = measure.map_err(|error| of_message(error, number))?;
        if measure.octets > limit {
            return Err(too_big());
        }
        self.weigh(at, &measure).map_err(|error| of_message(error, number))
    }

    fn is_remote(&self) -> bool {
        true
    }
}

impl Server for Pop3 {
    fn wire(&self) -> &Wire {
        self.client.wire()
    }

    fn log_in(&mut self, login: &str, credential: &Credential) -> Result<()> {
        self.client.log_in(login, credential)
    }

    fn confirm(&mut self) -> Result<()> {
        self.identity.confirm_all(&mut self.client)
    }

    fn close(&mut self) {
        self.client.quit();
    }
}

/// An error that ends the session, with the message that it ended at.
fn of_message(error: ImportError, number: u64) -> ImportError {
    match error {
        ImportError::Data(text) => ImportError::Data(format!("message {number}: {text}")),
        ImportError::Broken(text) => ImportError::Broken(format!("message {number}: {text}")),
        other => other,
    }
}

/// A unique-id is ASCII; whatever else came stays visible as what it is not.
fn text(id: Vec<u8>) -> String {
    String::from_utf8(id).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// What is wrong with a unique-id (RFC 1939 section 7).
fn fault(unique_id: &str) -> Option<String> {
    match unique_id.chars().count() {
        _ if is_unique_id(unique_id) => None,
        0 => Some("is empty".to_owned()),
        length @ 71.. => Some(format!("has {length} characters, more than 70")),
        _ => Some("has characters outside 0x21 to 0x7E".to_owned()),
    }
}
