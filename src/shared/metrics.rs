//! What a server counts of what it does. Nobody waits for anybody here, and nobody is named.

use crate::lock::IgnorePoison;
use crate::metrics::{Counter, Gauge, Page, StoreMetrics};
use crate::pop3::command;
use crate::sasl::MECHANISMS;
use crate::store::{Sample, StoreError, Uid};
use std::sync::{Arc, Mutex};

/// How a copy ended, as `pillarbox_deliveries_total` calls it.
const RESULTS: [&str; 4] = ["stored", "over_quota", "too_big", "failed"];

/// How a login ended, as `pillarbox_logins_total` calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoginResult {
    /// A session began.
    Accepted,
    /// The credentials were wrong.
    Refused,
    /// It could not be found out, or the maildrop could not be opened.
    Unavailable,
}

/// The results, in their order.
const LOGIN_RESULTS: [&str; 3] = ["accepted", "refused", "unavailable"];

/// Why a connection was sent away, as `pillarbox_refused_connections_total` calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusedBecause {
    /// `MaxConnections`, `LmtpMaxConnections`, or no thread is left.
    Full,
    /// `MaxConnectionFromSingleIP`.
    Address,
    /// The server drains or its store cannot be reached.
    Unavailable,
    /// A PROXY header was missing, or came from somebody who may not send one.
    Proxy,
}

const REFUSALS: [&str; 4] = ["full", "address", "unavailable", "proxy"];

/// The counters of one server.
#[derive(Default)]
pub struct Metrics {
    /// Those of its store.
    pub store: Arc<StoreMetrics>,
    /// Connections in clear.
    pub pop3: Counter,
    /// Connections under TLS from the start.
    pub pop3s: Counter,
    /// LMTP connections.
    pub lmtp: Counter,
    /// Those who are logged in.
    pub sessions: Gauge,
    /// Messages that RETR has sent.
    pub retrieved: Counter,
    /// Their octets.
    pub retrieved_octets: Counter,
    /// Messages that clients have deleted.
    pub removed: Counter,
    logins: [[Counter; LOGIN_RESULTS.len()]; MECHANISMS.len()],
    commands: [Counter; command::COUNT + 1],
    refused: [Counter; REFUSALS.len()],
    deliveries: [Counter; RESULTS.len()],
    delivered_octets: Counter,
    written: Mutex<Written>,
}

/// What of all this is in the statistics, and what is on its way there.
#[derive(Default)]
struct Written {
    kept: Sample,
    taken: Sample,
}

impl Metrics {
    /// Nothing was done yet; `store` is what the store counts.
    pub fn new(store: Arc<StoreMetrics>) -> Self {
        Self { store, ..Self::default() }
    }

    /// A login has ended so.
    pub fn login(&self, mechanism: &str, result: LoginResult) {
        if let Some(at) = MECHANISMS.iter().position(|row| row.name == mechanism) {
            self.logins[at][result as usize].add(1);
        }
    }

    /// A command came.
    pub fn command(&self, line: &[u8]) {
        self.commands[command::place(line)].add(1);
    }

    /// A connection was sent away.
    pub fn refuse(&self, why: RefusedBecause) {
        self.refused[why as usize].add(1);
    }

    /// A message of so many octets was delivered, or not, to each of its recipients.
    pub fn deliver(&self, octets: u64, answers: &[Result<Uid, StoreError>]) {
        for answer in answers {
            let result = match answer {
                Ok(_) => 0,
                Err(StoreError::OverQuota) => 1,
                Err(StoreError::TooBig) => 2,
                Err(_) => 3,
            };
            self.deliveries[result].add(1);
            self.delivered_octets.add(if answer.is_ok() { octets } else { 0 });
        }
    }

    /// A message was not taken in for `copies` recipients.
    pub fn lose(&self, copies: usize, error: &StoreError) {
        let result = if matches!(error, StoreError::TooBig) { 2 } else { 3 };
        self.deliveries[result].add(copies as u64);
    }

    /// What was done since this was asked last; then comes [`Metrics::keep`] or [`Metrics::put_back`].
    pub fn take(&self) -> Sample {
        let total = self.total();
        let mut written = self.written.lock().ignore_poison();
        let sample = Sample { most_sessions: self.sessions.take_most(), ..difference(&total, &written.taken) };
        written.taken = total;
        sample
    }

    /// What [`Metrics::take`] gave is in the statistics.
    pub fn keep(&self) {
        let mut written = self.written.lock().ignore_poison();
        written.kept = written.taken;
    }

    /// What [`Metrics::take`] gave could not be kept: it counts as not taken.
    pub fn put_back(&self) {
        let mut written = self.written.lock().ignore_poison();
        written.taken = written.kept;
    }

    /// What is not in the statistics yet, what is on its way included.
    pub fn untaken(&self) -> Sample {
        difference(&self.total(), &self.written.lock().ignore_poison().kept)
    }

    fn total(&self) -> Sample {
        let of = |result: LoginResult| self.logins.iter().map(|row| row[result as usize].get()).sum();
        Sample {
            logins: of(LoginResult::Accepted),
            failures: of(LoginResult::Refused),
            connections: self.pop3.get() + self.pop3s.get(),
            deliveries: self.deliveries[0].get(),
            delivered_octets: self.delivered_octets.get(),
            refused: self.deliveries[1..].iter().map(Counter::get).sum(),
            retrieved: self.retrieved.get(),
            retrieved_octets: self.retrieved_octets.get(),
            removed: self.removed.get(),
            ..Sample::default()
        }
    }

    /// Everything here, for Prometheus.
    pub fn write(&self, page: &mut Page) {
        page.family("connections_total", "counter", "Connections that were accepted.");
        for (service, counter) in [("pop3", &self.pop3), ("pop3s", &self.pop3s), ("lmtp", &self.lmtp)] {
            page.sample("connections_total", &format!("service=\"{service}\""), counter.get());
        }
        page.family("refused_connections_total", "counter", "Connections that were sent away.");
        for (why, counter) in REFUSALS.iter().zip(&self.refused) {
            page.sample("refused_connections_total", &format!("reason=\"{why}\""), counter.get());
        }
        page.single("sessions", "gauge", "POP3 sessions that are logged in.", self.sessions.get());
        page.family("logins_total", "counter", "Logins.");
        for (row, counters) in MECHANISMS.iter().zip(&self.logins) {
            for (result, counter) in LOGIN_RESULTS.iter().zip(counters) {
                let labels = format!("mechanism=\"{}\",result=\"{result}\"", row.name);
                page.sample("logins_total", &labels, counter.get());
            }
        }
        page.family("commands_total", "counter", "POP3 commands.");
        for (at, counter) in self.commands.iter().enumerate() {
            page.sample("commands_total", &format!("command=\"{}\"", command::name(at)), counter.get());
        }
        page.family("deliveries_total", "counter", "Copies of messages that came by LMTP.");
        for (result, counter) in RESULTS.iter().zip(&self.deliveries) {
            page.sample("deliveries_total", &format!("result=\"{result}\""), counter.get());
        }
        for (name, help, counter) in [
            ("delivered_octets_total", "Octets of the copies that were stored.", &self.delivered_octets),
            ("retrieved_messages_total", "Messages that RETR has sent.", &self.retrieved),
            ("retrieved_octets_total", "Octets of the messages that RETR has sent.", &self.retrieved_octets),
            ("removed_messages_total", "Messages that clients have deleted.", &self.removed),
            ("retention_steps_total", "Messages that were deleted by age, and looks for them.", &self.store.expired),
            ("purged_chunks_total", "Pieces of deleted messages that were freed.", &self.store.purged),
        ] {
            page.single(name, "counter", help, counter.get());
        }
        page.histogram("commit_seconds", "How long commits of the store took.", &self.store.commit);
        page.histogram("queue_seconds", "How long writes waited for their turn.", &self.store.queue);
    }
}

/// Of what only grows.
fn difference(now: &Sample, before: &Sample) -> Sample {
    Sample {
        logins: now.logins.saturating_sub(before.logins),
        failures: now.failures.saturating_sub(before.failures),
        connections: now.connections.saturating_sub(before.connections),
        deliveries: now.deliveries.saturating_sub(before.deliveries),
        delivered_octets: now.delivered_octets.saturating_sub(before.delivered_octets),
        refused: now.refused.saturating_sub(before.refused),
        retrieved: now.retrieved.saturating_sub(before.retrieved),
        retrieved_octets: now.retrieved_octets.saturating_sub(before.retrieved_octets),
        removed: now.removed.saturating_sub(before.removed),
        ..Sample::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_not_taken_again_unless_it_is_put_back() {
        let metrics = Metrics::default();
        metrics.login("PLAIN", LoginResult::Accepted);
        metrics.login("NTLM", LoginResult::Refused);
        metrics.deliver(10, &[Ok(Uid(1)), Ok(Uid(1)), Err(StoreError::OverQuota)]);
        let sample = metrics.take();
        assert_eq!((sample.logins, sample.failures, sample.deliveries), (1, 1, 2));
        assert_eq!((sample.delivered_octets, sample.refused), (20, 1));
        assert_eq!(metrics.take(), Sample::default());
        metrics.put_back();
        metrics.login("PLAIN", LoginResult::Accepted);
        assert_eq!(metrics.untaken().logins, 2);
        assert_eq!(metrics.take(), Sample { logins: 2, ..sample });
        assert_eq!(metrics.untaken().logins, 2, "it is on its way");
        metrics.keep();
        assert_eq!(metrics.untaken(), Sample::default());
    }

    #[test]
    fn commands_are_counted_by_keyword() {
        let metrics = Metrics::default();
        for line in [&b"RETR 1"[..], b"retr 2", b"", b"\xff", b"PASS secret"] {
            metrics.command(line);
        }
        let mut page = Page::default();
        metrics.write(&mut page);
        let text = page.finish();
        for line in ["command=\"RETR\"} 2", "command=\"other\"} 2", "command=\"PASS\"} 1"] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(!text.contains("secret"));
    }
}
