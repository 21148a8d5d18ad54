//! What `pillarbox status` says: of a running server, or of a database that none serves.

use super::warnings::{Facts, Warning, warnings};
use crate::report::size;
use crate::store::LastHour;
use serde_json::json;

/// How it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// Nothing to say.
    Well,
    /// Somebody should look.
    Warnings,
    /// No server answers, or its store does not.
    Down,
}

/// The state of a server and its database. What is not known is `None`.
#[derive(Clone, Debug)]
pub struct Status {
    /// How it is.
    pub state: Condition,
    /// When the server was started, as a date of RFC 3339.
    pub since: Option<String>,
    /// What is listened on, as `serve` prints it.
    pub listeners: Vec<String>,
    /// POP3 sessions that are logged in.
    pub sessions: Option<u64>,
    /// Of the last hour.
    pub counts: Option<LastHour>,
    /// What warnings follow from, and more.
    pub facts: Facts,
    /// When messages were last looked for that are too old, as a date of RFC 3339.
    pub reaper: Option<String>,
    /// Everything that somebody should hear of.
    pub warnings: Vec<Warning>,
}

impl Status {
    /// Of a running server. `error` is why its store does not answer.
    pub fn running(facts: Facts, error: Option<String>) -> Self {
        let mut status = Self::of(facts);
        if let Some(text) = error {
            status.down(text);
        }
        status
    }

    /// Of a database that no server answers for.
    pub fn stopped(facts: Facts, why: String) -> Self {
        let mut status = Self::of(facts);
        status.down(why);
        status
    }

    fn of(facts: Facts) -> Self {
        let warnings = warnings(&facts);
        let state = if warnings.is_empty() { Condition::Well } else { Condition::Warnings };
        Self { state, since: None, listeners: Vec::new(), sessions: None, counts: None, facts, reaper: None, warnings }
    }

    fn down(&mut self, text: String) {
        self.state = Condition::Down;
        self.warnings.insert(0, Warning { kind: "server", urgent: true, text });
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        let figures = self.facts.figures.as_ref();
        let texts: Vec<&str> = self.warnings.iter().map(|warning| warning.text.as_str()).collect();
        let value = json!({
            "state": self.word(),
            "version": env!("CARGO_PKG_VERSION"),
            "since": self.since,
            "listeners": self.listeners,
            "sessions": self.sessions,
            "logins": self.counts.map(|counts| counts.logins),
            "failures": self.counts.map(|counts| counts.failures),
            "deliveries": self.counts.map(|counts| counts.deliveries),
            "pending_passwords": figures.map(|figures| figures.pending_passwords),
            "mailboxes": figures.map(|figures| figures.mailboxes),
            "messages": figures.map(|figures| figures.messages),
            "database_octets": figures.map(|figures| figures.database_octets),
            "wal_octets": figures.map(|figures| figures.wal_octets),
            "free_octets": self.facts.disk.map(|disk| disk.free),
            "certificate_days": self.facts.certificate_days(),
            "reaper": self.reaper,
            "warnings": texts,
        });
        format!("{value:#}\n")
    }

    /// The same for people: names and values.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let figures = self.facts.figures.as_ref();
        let octets = |octets: Option<u64>| octets.map(size);
        let count = |number: Option<u64>| number.map(|number| number.to_string());
        let hour =
            |of: fn(&LastHour) -> u64| self.counts.as_ref().map(|counts| format!("{} in the last hour", of(counts)));
        let mut rows = vec![("state", Some(self.word().into())), ("since", self.since.clone())];
        rows.extend(self.listeners.iter().map(|listener| ("listener", Some(listener.clone()))));
        rows.extend([
            ("sessions", count(self.sessions)),
            ("logins", hour(|counts| counts.logins)),
            ("failures", hour(|counts| counts.failures)),
            ("deliveries", hour(|counts| counts.deliveries)),
            ("pending passwords", count(figures.map(|figures| figures.pending_passwords))),
            ("mailboxes", count(figures.map(|figures| figures.mailboxes))),
            ("messages", count(figures.map(|figures| figures.messages))),
            ("database", octets(figures.map(|figures| figures.database_octets))),
            ("write-ahead log", octets(figures.map(|figures| figures.wal_octets))),
            ("free on disk", octets(self.facts.disk.map(|disk| disk.free))),
            ("certificate", self.facts.certificate_days().map(|days| format!("{days} days"))),
            ("reaper", self.reaper.clone()),
        ]);
        rows.extend(self.warnings.iter().map(|warning| ("warning", Some(warning.text.clone()))));
        rows.into_iter().map(|(name, value)| (name, value.unwrap_or_else(|| "-".into()))).collect()
    }

    /// The same as lines of text.
    pub fn text(&self) -> String {
        let rows = self.rows();
        let lines = rows.iter().map(|(name, value)| format!("{name:18} {}\n", value.replace('\n', " ")));
        format!("{:18} {}\n", "version", env!("CARGO_PKG_VERSION")) + &lines.collect::<String>()
    }

    fn word(&self) -> &'static str {
        match self.state {
            Condition::Well => "well",
            Condition::Warnings => "warnings",
            Condition::Down => "down",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::warnings::Disk;

    #[test]
    fn the_state_follows_from_the_warnings() {
        let well = Status::running(Facts::default(), None);
        assert_eq!(well.state, Condition::Well);
        let full = Facts { disk: Some(Disk { total: 100, free: 1 }), ..Facts::default() };
        assert_eq!(Status::running(full.clone(), None).state, Condition::Warnings);
        let down = Status::stopped(full, "nobody answers".into());
        assert_eq!((down.state, down.warnings.len()), (Condition::Down, 2));
        let read: serde_json::Value = serde_json::from_str(&down.json()).unwrap();
        assert_eq!((&read["state"], &read["warnings"][0]), (&"down".into(), &"nobody answers".into()));
        assert!(read["since"].is_null() && read["free_octets"] == 1);
        assert!(down.text().lines().all(|line| !line.trim().is_empty()));
    }
}
