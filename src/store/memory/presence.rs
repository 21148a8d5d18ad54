//! Who is on and who was, in memory.

use super::Memory;
use crate::store::{FAILURES, LoginFailure, Presence, Result, SessionStart, UserId};
use std::net::IpAddr;

impl Presence for Memory {
    fn login(&self, arrival: SessionStart) {
        let mut state = self.state();
        let address = arrival.address.to_canonical().to_string();
        let key = (arrival.name.clone(), address, arrival.mechanism.to_owned());
        let (last, count) = state.logins.entry(key).or_default();
        (*last, *count) = (arrival.at, *count + 1);
        let user = state.users.values_mut().find(|user| user.name.eq_ignore_ascii_case(&arrival.name));
        if let Some(user) = user {
            user.last_login = user.last_login.max(Some(arrival.at));
        }
        state.on.push(arrival);
    }

    fn logout(&self, session: u64) {
        self.state().on.retain(|arrival| arrival.session != session);
    }

    fn login_failed(&self, failure: LoginFailure) {
        let mut state = self.state();
        let address = failure.address.to_canonical().to_string();
        let key = (failure.name, address, failure.mechanism.to_owned());
        let (last, count) = state.failures.entry(key).or_default();
        (*last, *count) = (failure.at, *count + 1);
        while state.failures.len() > FAILURES {
            let oldest = state.failures.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone());
            oldest.and_then(|key| state.failures.remove(&key));
        }
    }

    fn known_addresses(&self) -> Result<Vec<(String, IpAddr)>> {
        let state = self.state();
        let known = |(name, address, _): &(String, String, String)| Some((name.clone(), address.parse().ok()?));
        Ok(state.logins.keys().filter_map(known).collect())
    }

    fn dismissed(&self) -> Result<Vec<u64>> {
        let state = self.state();
        Ok(state.on.iter().map(|arrival| arrival.session).filter(|id| state.dismissed.contains(id)).collect())
    }

    fn sessions_elsewhere(&self, _: UserId) -> Result<usize> {
        Ok(0)
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
        let state = self.state();
        let row = |arrival: &SessionStart| {
            let address = arrival.address.to_canonical().to_string();
            (arrival.name.clone(), arrival.principal.clone(), address, arrival.tls)
        };
        state.on.iter().filter(|arrival| !state.dismissed.contains(&arrival.session)).map(row).collect()
    }

    /// `users.last_login`.
    pub fn last_login(&self, name: &str) -> Option<i64> {
        self.state().user_named(name).and_then(|(_, user)| user.last_login)
    }

    /// `DELETE FROM sessions` of this name.
    pub fn dismiss(&self, name: &str) {
        self.change(|state| {
            let named = state.on.iter().filter(|arrival| arrival.name.eq_ignore_ascii_case(name));
            let ids: Vec<u64> = named.map(|arrival| arrival.session).collect();
            state.dismissed.extend(ids);
        });
    }

    /// The view `recent_failures`, by name: name, address, mechanism, count.
    pub fn recent_failures(&self) -> Vec<(String, String, String, i64)> {
        let state = self.state();
        let rows = state.failures.iter();
        rows.map(|((name, address, mechanism), (_, count))| (name.clone(), address.clone(), mechanism.clone(), *count))
            .collect()
    }

    /// The view `recent_logins`, by name: name, address, mechanism, count.
    pub fn recent_logins(&self) -> Vec<(String, String, String, i64)> {
        let row = |(key, value): (&(String, String, String), &(i64, i64))| {
            (key.0.clone(), key.1.clone(), key.2.clone(), value.1)
        };
        self.state().logins.iter().map(row).collect()
    }
}
