//! What all connections share: the store, the policy, the certificate, the settings of the moment
//! and the counters that bound everything.

use crate::auth::authenticator::Authenticator;
use crate::auth::limits::{Delays, Limits, Places, Refusals};
use crate::lock::IgnorePoison;
use crate::metrics::StoreMetrics;
use crate::net::tls::Acceptor;
use crate::protocol_log::ProtocolLog;
use crate::sasl::Context;
use crate::settings::Settings;
use crate::shared::buffers::Buffers;
use crate::shared::connections::Connections;
use crate::shared::fault::Fault;
use crate::shared::health::Health;
use crate::shared::metrics::Metrics;
use crate::store::{Expire, Store};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, RwLock};

/// What an administrator can change while we run. Replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// All settings.
    pub settings: Settings,
    /// What CAPA may promise before login (RFC 2449 section 6.7).
    pub expire: Expire,
    /// What new connections let mechanisms know; under TLS the end point is added.
    pub context: Context,
}

/// One running server.
pub struct ServerState {
    /// Mailboxes, users, settings.
    pub store: Arc<dyn Store>,
    /// Decides who may log in.
    pub authenticator: Authenticator,
    /// For STLS and implicit TLS.
    pub tls: Acceptor,
    /// Connections in all, per address, per user.
    pub limits: Limits,
    /// What failed logins cost.
    pub delays: Delays,
    /// How many logins may be under way.
    pub places: Arc<Places>,
    /// How often those who are in were compared with who may be. A login that began before the last time and is entered
    /// after it has to be looked at by itself.
    pub comparisons: AtomicU64,
    /// Refused connections, for the log.
    pub refusals: Refusals,
    /// Who said what, if anybody wants to know.
    pub protocol_log: ProtocolLog,
    /// The live sockets.
    pub connections: Arc<Connections>,
    /// What is done wrong on purpose; `serve` has none.
    pub fault: Option<Fault>,
    /// Whether new clients are served.
    pub health: Health,
    /// What was done.
    pub metrics: Metrics,
    /// For chunks of messages.
    pub buffers: Buffers,
    /// For how many POP3 connections file descriptors are enough.
    pub room: AtomicUsize,
    configuration: RwLock<Arc<Configuration>>,
}

impl ServerState {
    /// A server that nobody has connected to yet.
    pub fn new(
        store: Arc<dyn Store>,
        authenticator: Authenticator,
        tls: Acceptor,
        protocol_log: ProtocolLog,
        store_metrics: Arc<StoreMetrics>,
        configuration: Configuration,
    ) -> Self {
        Self {
            store,
            authenticator,
            tls,
            limits: Limits::default(),
            delays: Delays::default(),
            places: Arc::default(),
            comparisons: AtomicU64::default(),
            refusals: Refusals::default(),
            protocol_log,
            connections: Arc::default(),
            fault: None,
            health: Health::default(),
            metrics: Metrics::new(store_metrics),
            buffers: Buffers::default(),
            room: AtomicUsize::new(usize::MAX),
            configuration: RwLock::new(Arc::new(configuration)),
        }
    }

    /// The settings as they are now.
    pub fn configuration(&self) -> Arc<Configuration> {
        self.configuration.read().ignore_poison().clone()
    }

    /// From now on these settings hold.
    pub fn configure(&self, configuration: Configuration) {
        *self.configuration.write().ignore_poison() = Arc::new(configuration);
    }
}
