//! Who is on and who was, in memory.

use super::Memory;
use crate::store::{Presence, Result, SessionStart};

impl Presence for Memory {
    fn login(&self, arrival: SessionStart) {
        let mut state = self.state();
        let address = arrival.address.to_canonical().to_string();
        let key = (arrival.name.clone(), address, arrival.mechanism.to_owned());
        let (last, count) = state.logins.entry(key).or_default();
        (*last, *count) = (arrival.at, *count + 1);
        state.on.push(arrival);
    }

    fn logout(&self, session: u64) {
        self.state().on.retain(|arrival| arrival.session != session);
    }

    fn flush_presence(&self) -> Result<()> {
        Ok(())
    }

    fn reset_presence(&self) -> Result<()> {
        self.state().on.clear();
        Ok(())
    }
}

impl Memory {
    /// The view `sessions`: name, principal, address, TLS.
    pub fn sessions(&self) -> Vec<(String, String, String, bool)> {
        let row = |arrival: &SessionStart| {
            let address = arrival.address.to_canonical().to_string();
            (arrival.name.clone(), arrival.principal.clone(), address, arrival.tls)
        };
        self.state().on.iter().map(row).collect()
    }

    /// The view `recent_logins`, by name: name, address, mechanism, count.
    pub fn recent_logins(&self) -> Vec<(String, String, String, i64)> {
        let row = |(key, value): (&(String, String, String), &(i64, i64))| {
            (key.0.clone(), key.1.clone(), key.2.clone(), value.1)
        };
        self.state().logins.iter().map(row).collect()
    }
}
