//! What a connection's policy follows from: settings, TLS, the client's address.

use crate::net::proxy::Origin;
use crate::net::tls::Stream;
use crate::pop3::policy::Policy;
use crate::pop3::reply::Reply;
use crate::protocol_log::{Event, SessionLog};
use crate::sasl::Context;
use crate::shared::state::{Configuration, ServerState};
use crate::store::{MessageId, StoreError};
use log::log;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The outside of one connection.
pub(super) struct ConnectionInfo {
    /// The settings, as of the last command.
    pub(super) configuration: Arc<Configuration>,
    /// The client's address.
    pub(super) peer: IpAddr,
    /// Ours.
    pub(super) local: IpAddr,
    /// Names the connection in the log.
    pub(super) id: u64,
    /// Under TLS.
    pub(super) tls: bool,
    /// Under TLS with a proxy that has said so.
    pub(super) proxied_tls: Option<String>,
    trusted: bool,
    context: Context,
    log: SessionLog,
}

impl ConnectionInfo {
    pub(super) fn new(server: &ServerState, origin: Origin, id: u64) -> Self {
        let Origin { peer: remote, local, tls: proxied_tls } = origin;
        let configuration = server.configuration();
        let peer = remote.ip();
        let trusted = trusts(&configuration, peer);
        let context = configuration.context.clone();
        let log = SessionLog::new(id, local, remote);
        Self { configuration, peer, local: local.ip(), id, tls: false, proxied_tls, trusted, context, log }
    }

    /// Writes a line of the protocol log, if there is one. `data` is only made if it is wanted.
    pub(super) fn log(&mut self, server: &ServerState, event: Event, data: impl FnOnce() -> String) {
        if !self.configuration.settings.protocol_log_enabled {
            return;
        }
        server.protocol_log.write(&self.configuration.settings, &mut self.log, event, &data());
    }

    /// Somebody has logged in.
    pub(super) fn logged_in(&mut self) {
        self.log.logged_in();
    }

    /// Takes over settings that have changed.
    pub(super) fn refresh(&mut self, server: &ServerState) {
        let configuration = server.configuration();
        if !Arc::ptr_eq(&configuration, &self.configuration) {
            self.trusted = trusts(&configuration, self.peer);
            let (end_point, exporter) = (self.context.end_point.take(), self.context.exporter.take());
            self.context = Context { end_point, exporter, ..configuration.context.clone() };
            self.configuration = configuration;
        }
    }

    /// The connection is under TLS from now on.
    pub(super) fn secured(&mut self, stream: &Stream) {
        self.tls = true;
        self.context.end_point = stream.end_point().map(<[u8]>::to_vec);
        self.context.exporter = stream.exporter().map(<[u8]>::to_vec);
    }

    /// What is said of a message that cannot be read. That it was deleted is nothing to log.
    pub(super) fn unreadable(&self, id: MessageId, error: &StoreError) -> Reply {
        if !matches!(error, StoreError::NoSuchMessage | StoreError::NoSuchMailbox) {
            log!(error.severity(), "{self}: message {} cannot be read: {error}", id.uid.0);
        }
        Reply::unreadable(error)
    }

    /// How long a client may take before it has logged in.
    pub(super) fn before_login(&self) -> Duration {
        self.configuration.settings.pre_authenticated_connection_timeout
    }

    pub(super) fn policy(&self) -> Policy<'_> {
        Policy {
            settings: &self.configuration.settings,
            tls: self.tls,
            trusted: self.trusted || self.proxied_tls.is_some(),
            // TLS within TLS is not what the client asked its proxy for.
            stls: self.proxied_tls.is_none(),
            expire: self.configuration.expire,
            context: &self.context,
        }
    }
}

impl fmt::Display for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pop3 connection {} from {}", self.id, self.peer)
    }
}

fn trusts(configuration: &Configuration, peer: IpAddr) -> bool {
    configuration.settings.trusted_networks.iter().any(|network| network.contains(peer))
}
