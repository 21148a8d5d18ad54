//! Who serves connections: a pool for each protocol, so that neither keeps the other waiting.

use crate::net::pool::{Pool, STACK};
use crate::settings::Settings;
use crate::watch::Watch;
use std::sync::Arc;
use std::time::Instant;

/// HTTP requests at the same time.
const HTTP: usize = 8;

/// The pools.
pub struct Workers {
    /// For POP3.
    pub pop3: Pool,
    /// For LMTP.
    pub lmtp: Pool,
    /// For HTTP.
    pub http: Pool,
    /// For our own commands: nobody else keeps them waiting.
    pub status: Pool,
    /// This machine's name, for greetings and trace headers.
    pub host: String,
    /// Answers HTTP.
    pub watch: Arc<Watch>,
}

impl Workers {
    /// Nobody works yet.
    pub fn new(settings: &Settings, watch: Arc<Watch>) -> Self {
        Self {
            pop3: Pool::new("pop3", settings.max_connections, STACK),
            lmtp: Pool::new("lmtp", settings.lmtp_max_connections, STACK),
            http: Pool::new("http", HTTP, STACK),
            status: Pool::new("status", HTTP, STACK),
            host: host_name(),
            watch,
        }
    }

    /// Waits for all work to end; says how many connections have not ended at `deadline`.
    pub fn join(&self, deadline: Instant) -> usize {
        [&self.pop3, &self.lmtp, &self.http, &self.status].map(|pool| pool.join(deadline)).iter().sum()
    }
}

/// The kernel's name of this machine; `localhost` where that is no domain (RFC 5321 section 4.1.2).
pub fn host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name = name.to_string_lossy();
    let sound = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.');
    if !name.is_empty() && name.bytes().all(sound) { name.into_owned() } else { "localhost".to_owned() }
}
