//! Who serves connections: a pool for each protocol, so that neither keeps the other waiting.

use crate::net::pool::{Pool, STACK};
use crate::settings::Settings;
use std::time::Instant;

/// The pools.
pub struct Workers {
    /// For POP3.
    pub pop3: Pool,
    /// For LMTP.
    pub lmtp: Pool,
    /// This machine's name, for greetings and trace headers.
    pub host: String,
}

impl Workers {
    /// Nobody works yet.
    pub fn new(settings: &Settings) -> Self {
        Self {
            pop3: Pool::new("pop3", settings.max_connections, STACK),
            lmtp: Pool::new("lmtp", settings.lmtp_max_connections, STACK),
            host: host_name(),
        }
    }

    /// Waits for all work to end; says how many connections have not ended at `deadline`.
    pub fn join(&self, deadline: Instant) -> usize {
        self.pop3.join(deadline) + self.lmtp.join(deadline)
    }
}

/// The kernel's name of this machine; `localhost` where that is no domain (RFC 5321 section 4.1.2).
fn host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name = name.to_string_lossy();
    let sound = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.');
    if !name.is_empty() && name.bytes().all(sound) { name.into_owned() } else { "localhost".to_owned() }
}
