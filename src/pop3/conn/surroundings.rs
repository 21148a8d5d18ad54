//! What a connection's policy follows from: settings, TLS, the client's address.

use crate::net::tls::Stream;
use crate::pop3::policy::Policy;
use crate::pop3::reply::Reply;
use crate::protocol_log::{Event, SessionLog};
use crate::sasl::Context;
use crate::shared::state::{Live, Site};
use crate::store::{MessageId, StoreError};
use log::warn;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// The outside of one connection.
pub(super) struct Surroundings {
    /// The settings, as of the last command.
    pub(super) live: Arc<Live>,
    /// The client's address.
    pub(super) peer: IpAddr,
    /// Ours.
    pub(super) local: IpAddr,
    /// Names the connection in the log.
    pub(super) id: u64,
    /// Under TLS.
    pub(super) tls: bool,
    trusted: bool,
    context: Context,
    log: SessionLog,
}

impl Surroundings {
    pub(super) fn new(site: &Site, local: SocketAddr, remote: SocketAddr, id: u64) -> Self {
        let live = site.live();
        let peer = remote.ip();
        let trusted = trusts(&live, peer);
        let context = live.context.clone();
        let log = SessionLog { id, local, remote, sequence: 0 };
        Self { live, peer, local: local.ip(), id, tls: false, trusted, context, log }
    }

    /// Writes a line of the protocol log, if there is one. `data` is only made if it is wanted.
    pub(super) fn log(&mut self, site: &Site, event: Event, data: impl FnOnce() -> String) {
        if !self.live.settings.protocol_log_enabled {
            return;
        }
        site.protocol_log.write(&self.live.settings, &mut self.log, event, &data());
    }

    /// Takes over settings that have changed.
    pub(super) fn refresh(&mut self, site: &Site) {
        let live = site.live();
        if !Arc::ptr_eq(&live, &self.live) {
            self.trusted = trusts(&live, self.peer);
            self.context = Context { end_point: self.context.end_point.take(), ..live.context.clone() };
            self.live = live;
        }
    }

    /// The connection is under TLS from now on.
    pub(super) fn secured(&mut self, stream: &Stream) {
        self.tls = true;
        self.context.end_point = stream.end_point().map(<[u8]>::to_vec);
    }

    /// What is said of a message that cannot be read. That it was deleted is nothing to log.
    pub(super) fn unreadable(&self, id: MessageId, error: &StoreError) -> Reply {
        if !matches!(error, StoreError::NoSuchMessage | StoreError::NoSuchMailbox) {
            warn!("{self}: message {} cannot be read: {error}", id.uid.0);
        }
        Reply::unreadable(error)
    }

    /// How long a client may take before it has logged in.
    pub(super) fn before_login(&self) -> Duration {
        self.live.settings.pre_authenticated_connection_timeout
    }

    pub(super) fn policy(&self) -> Policy<'_> {
        Policy {
            settings: &self.live.settings,
            tls: self.tls,
            trusted: self.trusted,
            stls: true,
            expire: self.live.expire,
            context: &self.context,
        }
    }
}

impl fmt::Display for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pop3 connection {} from {}", self.id, self.peer)
    }
}

fn trusts(live: &Live, peer: IpAddr) -> bool {
    live.settings.trusted_networks.iter().any(|network| network.contains(peer))
}
