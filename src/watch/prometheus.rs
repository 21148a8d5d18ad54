//! What Prometheus scrapes: the counters, and what the store and the machine say at this moment.

use super::Watch;
use super::warnings::{KINDS, warnings};
use crate::metrics::Page;
use std::sync::atomic::Ordering;

impl Watch {
    /// The page of `/metrics`.
    pub(super) fn metrics(&self) -> String {
        let mut page = Page::default();
        page.family("build_info", "gauge", "The version that runs.");
        page.sample("build_info", concat!("version=\"", env!("CARGO_PKG_VERSION"), "\""), 1);
        page.single("start_time_seconds", "gauge", "When the server was started, seconds since 1970.", self.started);
        let well = u8::from(self.server.health.unavailable().is_none());
        page.single("healthy", "gauge", "New clients are served.", well);
        let open = self.server.connections.len();
        page.single("connections", "gauge", "Connections that are open.", open);
        self.server.metrics.write(&mut page);
        let (facts, _) = self.facts();
        if let Some(figures) = &facts.figures {
            for (name, help, value) in [
                ("mailboxes", "Mailboxes.", figures.mailboxes),
                ("messages", "Messages in all mailboxes.", figures.messages),
                ("mailboxes_octets", "Storage size of all mailboxes.", figures.octets),
                ("pending_passwords", "Plain-text passwords that wait for their hashes.", figures.pending_passwords),
                ("database_octets", "Size of the database file.", figures.database_octets),
                ("wal_octets", "Size of the write-ahead log.", figures.wal_octets),
            ] {
                page.single(name, "gauge", help, value);
            }
        }
        if let Some(disk) = facts.disk {
            page.single("disk_free_octets", "gauge", "What is free on the database's disk.", disk.free);
            page.single("disk_octets", "gauge", "Size of the database's disk.", disk.total);
        }
        if let Some(seconds) = facts.certificate_seconds {
            page.single("certificate_left_seconds", "gauge", "Time until the certificate expires.", seconds);
        }
        let reaped = self.server.metrics.store.reaped_at.load(Ordering::Relaxed);
        if reaped > 0 {
            let help = "When old messages were last looked for, seconds since 1970.";
            page.single("retention_last_round_seconds", "gauge", help, reaped);
        }
        let found = warnings(&facts);
        page.family("warnings", "gauge", "Warnings that stand, by what they are about.");
        for kind in KINDS {
            let number = found.iter().filter(|warning| warning.kind == kind).count();
            page.sample("warnings", &format!("kind=\"{kind}\""), number);
        }
        page.finish()
    }
}
