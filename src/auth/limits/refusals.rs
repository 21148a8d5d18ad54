//! Lines about refused connections: one a minute for each address, with a count.
//!
//! A flood would write thousands a second, and a journal that cannot keep up drops what fail2ban should see. Each failed login
//! keeps its own line; that is not here.

use super::network;
use crate::lock::IgnorePoison;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often the same is said of the same address.
const MINUTE: Duration = Duration::from_secs(60);
/// Addresses that are told apart; of more nothing is said but how many there were.
const MOST: usize = 1024;

/// What was refused, by address; none: a local socket, or one of too many.
#[derive(Default)]
pub struct Refusals {
    of: Mutex<HashMap<Option<IpAddr>, RefusalRow>>,
}

struct RefusalRow {
    since: Instant,
    /// Refused since that was said.
    more: u64,
    why: String,
}

impl Refusals {
    /// Notes that a connection from `peer` was refused. `true`: that is to be logged now.
    #[must_use]
    pub fn add(&self, peer: Option<IpAddr>, why: &str, now: Instant) -> bool {
        let mut rows = self.of.lock().ignore_poison();
        let peer = peer.map(network);
        let key = if rows.contains_key(&peer) || rows.len() < MOST { peer } else { None };
        match rows.get_mut(&key) {
            Some(row) => {
                row.more += 1;
                row.why.clear();
                row.why.push_str(why);
                false
            }
            None => {
                rows.insert(key, RefusalRow { since: now, more: 0, why: why.to_owned() });
                true
            }
        }
    }

    /// What is to be logged at `now` of refusals that were only counted; to be called every now and then.
    pub fn due(&self, now: Instant) -> Vec<String> {
        let mut rows = self.of.lock().ignore_poison();
        let mut lines = Vec::new();
        rows.retain(|peer, row| {
            if now.saturating_duration_since(row.since) < MINUTE {
                return true;
            }
            let said = std::mem::take(&mut row.more);
            row.since = now;
            if said > 0 {
                let peer = peer.map_or_else(|| "others".to_owned(), |peer| peer.to_string());
                lines.push(format!("server: connections from {peer} refused {said} more times: {}", row.why));
            }
            said > 0
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u16) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, (last >> 8) as u8, last as u8]))
    }

    #[test]
    fn a_flood_is_two_lines_a_minute() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let logged = (0..13_000).filter(|_| refusals.add(peer(1), "full", at(1))).count();
        assert_eq!(logged, 1);
        assert!(refusals.add(peer(2), "full", at(2)), "another address");
        assert_eq!(refusals.due(at(60)), [""; 0]);
        assert_eq!(refusals.due(at(61)), ["server: connections from 10.0.0.1 refused 12999 more times: full"]);
        assert!(!refusals.add(peer(1), "full", at(62)), "not twice a minute");
        assert_eq!(refusals.due(at(121)), ["server: connections from 10.0.0.1 refused 1 more times: full"]);
        assert_eq!(refusals.due(at(181)), [""; 0]);
        assert!(refusals.add(peer(1), "full", at(182)), "forgotten by now");
    }

    #[test]
    fn memory_is_bounded() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        let logged = (0..5000).filter(|last| refusals.add(peer(*last), "full", now)).count();
        assert_eq!(logged, MOST + 1);
        let lines = refusals.due(now + MINUTE);
        assert_eq!(lines, [format!("server: connections from others refused {} more times: full", 5000 - MOST - 1)]);
    }
}
