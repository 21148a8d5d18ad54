//! Watching over a running server: is its store reachable, what should somebody be warned of, what was done.
//!
//! What lives here: what is looked at; [`rounds`] says when, and who is told. What follows from what is found is in [`warnings`]; what
//! the machine says in [`machine`]; [`status`], [`answers`] and [`prometheus`] are how it is asked for.

pub mod answers;
pub mod machine;
mod postmaster;
mod prometheus;
mod rounds;
pub mod status;
pub mod warnings;

use crate::lock::IgnorePoison;
use crate::settings::Settings;
use crate::shared::state::ServerState;
use crate::store::{Figures, Sample, StoreError};
use log::{Level, debug, log};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use warnings::Facts;

pub use rounds::Watcher;

/// How long an answer of the store is good for. One that hangs is found out by this.
const GOOD_FOR: Duration = Duration::from_secs(10);

/// What is watched.
pub struct Watch {
    server: Arc<ServerState>,
    db: PathBuf,
    /// This machine's name.
    host: String,
    /// What is listened on, as `serve` prints it.
    listeners: Vec<String>,
    /// The settings that the server was started with.
    settings: Settings,
    /// The settings of bindings were used: none were named on the command line or handed over.
    binds: bool,
    started: i64,
    /// The hour of the last row that was written, and what of it may stand still.
    written: Mutex<Option<(i64, Sample)>>,
}

impl Watch {
    /// Of a server that has bound `listeners`.
    pub fn new(server: Arc<ServerState>, db: PathBuf, host: String, listeners: Vec<String>, binds: bool) -> Self {
        let settings = server.configuration().settings.clone();
        Self { server, db, host, listeners, settings, binds, started: now(), written: Mutex::default() }
    }

    /// What warnings follow from; the error is the store's.
    pub fn facts(&self) -> (Facts, Option<String>) {
        let settings = &self.server.configuration().settings;
        let figures: Result<Figures, String> = self.server.store.figures().map_err(|error| error.to_string());
        let (figures, store_error) = match figures {
            Ok(figures) => (Some(figures), None),
            Err(error) => (None, Some(format!("the store cannot be reached: {error}"))),
        };
        let connections = settings.max_connections.saturating_add(settings.lmtp_max_connections);
        let facts = Facts {
            disk: machine::disk(&self.db),
            certificate_seconds: self.server.tls.seconds_left(),
            figures,
            file_limit: machine::file_limit(),
            stale: warnings::stale(settings, &self.settings, self.binds),
            machine: machine::too_low(connections as u64),
        };
        (facts, store_error)
    }

    /// Writes what was done since the last time, if anything was or a new hour has begun: an idle server leaves the
    /// disk alone.
    pub fn write_statistics(&self) {
        let (metrics, now) = (&self.server.metrics, now());
        let mut written = self.written.lock().ignore_poison();
        let mut sample = metrics.take();
        if let Ok(figures) = self.server.store.figures() {
            (sample.messages, sample.database_octets) = (figures.messages, figures.database_octets);
        }
        let hour = now - now.rem_euclid(3600);
        if *written == Some((hour, standing(&sample))) && sample == standing(&sample) {
            return;
        }
        match self.server.store.count(now, &sample) {
            Ok(()) => {
                metrics.keep();
                *written = Some((hour, standing(&sample)));
            }
            Err(error) => {
                debug!("monitor: cannot write statistics: {error}");
                metrics.put_back();
            }
        }
    }

    fn probe(&self) {
        // Anything that reads the database's file.
        match self.server.store.settings() {
            Ok(_) => self.server.health.reached(GOOD_FOR),
            Err(error) => {
                if self.server.health.unavailable().is_none() {
                    let told = matches!(error, StoreError::Unavailable(_));
                    let level = if told { Level::Debug } else { Level::Error };
                    log!(level, "server: turning new clients away: cannot reach the database: {error}");
                }
                self.server.health.failed();
            }
        }
    }
}

/// What stays the same while nothing is done.
fn standing(sample: &Sample) -> Sample {
    let Sample { most_sessions, messages, database_octets, .. } = *sample;
    Sample { most_sessions, messages, database_octets, ..Sample::default() }
}

/// Seconds since 1970 UTC.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64)
}
