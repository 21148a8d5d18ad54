//! A session's place among those who are on, as administrators see it.

use super::connection_info::ConnectionInfo;
use crate::sasl::Login;
use crate::shared::state::ServerState;
use crate::store::SessionStart;
use std::time::{SystemTime, UNIX_EPOCH};

/// Somebody who is on; no longer once this is dropped. Neither waits for the disk.
pub(super) struct PresenceGuard<'a> {
    server: &'a ServerState,
    session: u64,
}

impl<'a> PresenceGuard<'a> {
    /// Notes a login by this mechanism.
    pub(super) fn arrive(
        server: &'a ServerState,
        about: &ConnectionInfo,
        login: &Login,
        mechanism: &'static str,
    ) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        server.metrics.sessions.enter();
        server.store.login(SessionStart {
            session: about.id,
            name: login.name.clone(),
            principal: login.principal.clone(),
            address: about.peer,
            tls: about.tls || about.proxied_tls.is_some(),
            mechanism,
            at: now.as_secs() as i64,
        });
        Self { server, session: about.id }
    }
}

impl Drop for PresenceGuard<'_> {
    fn drop(&mut self) {
        self.server.store.logout(self.session);
        self.server.metrics.sessions.leave();
    }
}
