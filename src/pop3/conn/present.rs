//! A session's place among those who are on, as administrators see it.

use super::surroundings::Surroundings;
use crate::sasl::Login;
use crate::store::{Arrival, Store};
use std::time::{SystemTime, UNIX_EPOCH};

/// Somebody who is on; no longer once this is dropped. Neither waits for the disk.
pub(super) struct Present<'a> {
    store: &'a dyn Store,
    session: u64,
}

impl<'a> Present<'a> {
    /// Notes a login by this mechanism.
    pub(super) fn arrive(store: &'a dyn Store, about: &Surroundings, login: &Login, mechanism: &'static str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        store.arrived(Arrival {
            session: about.id,
            name: login.name.clone(),
            principal: login.principal.clone(),
            address: about.peer,
            tls: about.tls,
            mechanism,
            at: now.as_secs() as i64,
        });
        Self { store, session: about.id }
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.store.left(self.session);
    }
}
