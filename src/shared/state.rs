//! What all connections share: the store, the door, the certificate, the settings of the moment
//! and the counters that bound everything.

use crate::auth::authenticator::Authenticator;
use crate::auth::limits::{Delays, Limits};
use crate::net::tls::Acceptor;
use crate::protocol_log::ProtocolLog;
use crate::sasl::Context;
use crate::settings::Settings;
use crate::shared::connections::Registry;
use crate::store::{Expire, Store};
use std::sync::{Arc, PoisonError, RwLock};

/// What an administrator can change while we run. Replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// All settings.
    pub settings: Settings,
    /// What CAPA may promise before login (RFC 2449 section 6.7).
    pub expire: Expire,
    /// What new connections let mechanisms know; under TLS the end point is added.
    pub context: Context,
}

/// One running server.
pub struct Site {
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
    /// Who said what, if anybody wants to know.
    pub protocol_log: ProtocolLog,
    /// The live sockets.
    pub registry: Registry,
    live: RwLock<Arc<Live>>,
}

impl Site {
    /// A server that nobody has connected to yet.
    pub fn new(
        store: Arc<dyn Store>,
        authenticator: Authenticator,
        tls: Acceptor,
        protocol_log: ProtocolLog,
        live: Live,
    ) -> Self {
        Self {
            store,
            authenticator,
            tls,
            limits: Limits::default(),
            delays: Delays::default(),
            protocol_log,
            registry: Registry::default(),
            live: RwLock::new(Arc::new(live)),
        }
    }

    /// The settings as they are now.
    pub fn live(&self) -> Arc<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on these settings hold.
    pub fn set_live(&self, live: Live) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
    }
}
