//! The certificates in use, one for all names and those of names of their own. They can be exchanged while sessions run.

use super::error::TlsError;
use super::pair::{Content, Files, Pair};
use crate::lock::IgnorePoison;
use openssl::ssl::SslAcceptor;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

/// Accepts TLS. Each client gets the certificate of the name that it asks for (RFC 6066 section 3), or, if there is
/// none of that name or it asks for none, the one for all names.
pub struct Acceptor {
    general: RwLock<Arc<Pair>>,
    names: Arc<Names>,
    held: Mutex<BTreeMap<Name, Held>>,
}

/// A host name, or `*.` and a domain for the hosts directly below it; `None`: all names.
pub type Name = Option<String>;

/// What is known of the files for one name.
#[derive(Default)]
struct Held {
    /// Of the content that was tried last.
    tried: Option<[u8; 32]>,
    /// The last that could be used.
    pair: Option<Arc<Pair>>,
}

/// What became of files that were read because they had changed, or because it was asked for.
#[derive(Debug)]
pub struct Outcome {
    /// Whose files.
    pub name: Name,
    /// What is wrong with which of them.
    pub error: Option<TlsError>,
    /// The certificate in use now: its file, serial number, end. `None`: that for all names.
    pub in_use: Option<String>,
}

/// The pairs of names of their own, in lower case.
#[derive(Default)]
pub(super) struct Names(RwLock<HashMap<String, SslAcceptor>>);

impl Names {
    /// The host itself goes before `*`, which stands for one label (RFC 6125 section 6.4.3).
    pub(super) fn find(&self, asked: &str) -> Option<SslAcceptor> {
        let names = self.0.read().ignore_poison();
        let asked = asked.to_ascii_lowercase();
        let host = asked.strip_suffix('.').unwrap_or(&asked);
        let below = || names.get(&format!("*.{}", host.split_once('.')?.1));
        names.get(host).or_else(below).cloned()
    }
}

impl Acceptor {
    /// Reads a PEM certificate, followed by its chain, and the PEM key that belongs to it, for all names.
    ///
    /// # Errors
    /// What is wrong with which file. A certificate that expires soon is only a warning in the log.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
        let (names, content) = (Arc::<Names>::default(), Content::read(&files));
        let pair = Arc::new(Pair::new(&files, &content, Some(names.clone()))?);
        let held = Held { tried: Some(content.digest(&files)), pair: Some(pair.clone()) };
        Ok(Self { general: RwLock::new(pair), names, held: Mutex::new(BTreeMap::from([(None, held)])) })
    }

    /// From now on these files are those in use, as they are now: what has not changed since it was last read stays,
    /// unless all is to be read `again`, and so does what was in use for a name whose new files cannot be used. Without
    /// files for all names those pairs stay. Tickets of the pair for all names lead to full handshakes once it changes.
    pub fn update(&self, wanted: &[(Name, Files)], again: bool) -> Vec<Outcome> {
        let mut held = self.held.lock().ignore_poison();
        held.retain(|name, _| name.is_none() || wanted.iter().any(|(other, _)| other == name));
        let mut outcomes = Vec::new();
        for (name, files) in wanted {
            let entry = held.entry(name.clone()).or_default();
            let content = Content::read(files);
            let digest = content.digest(files);
            if !again && entry.tried == Some(digest) {
                continue;
            }
            entry.tried = Some(digest);
            let names = name.is_none().then(|| self.names.clone());
            let error = match Pair::new(files, &content, names) {
                Ok(pair) => {
                    entry.pair = Some(Arc::new(pair));
                    None
                }
                Err(error) => Some(error),
            };
            let in_use = entry.pair.as_deref().map(Pair::describe);
            outcomes.push(Outcome { name: name.clone(), error, in_use });
        }
        self.publish(&held);
        outcomes
    }

    fn publish(&self, held: &BTreeMap<Name, Held>) {
        let mut names = HashMap::new();
        for (name, held) in held {
            match (name, &held.pair) {
                (None, Some(pair)) => *self.general.write().ignore_poison() = pair.clone(),
                (Some(name), Some(pair)) => drop(names.insert(name.to_ascii_lowercase(), pair.acceptor.clone())),
                (_, None) => {}
            }
        }
        *self.names.0.write().ignore_poison() = names;
    }

    /// The certificate for all names: its file, serial number, end.
    pub fn in_use(&self) -> String {
        self.general().describe()
    }

    /// Seconds until the certificate for all names expires; negative once it has.
    pub fn seconds_left(&self) -> Option<i64> {
        self.general().seconds_left()
    }

    pub(super) fn general(&self) -> Arc<Pair> {
        self.general.read().ignore_poison().clone()
    }
}
