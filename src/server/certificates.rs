//! Which certificate files are in use: those of the settings for all names, those of the table `certificates` for names
//! of their own. The files are looked at now and then, so that renewed ones need no signal.

use super::files;
use crate::net::tls::{Files, Name, Outcome};
use crate::shared::snapshot::Snapshot;
use crate::shared::state::ServerState;
use crate::store::CertificateFiles;
use log::{error, info, warn};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the files are read to see whether they changed.
const LOOK: Duration = Duration::from_secs(10);

/// The files that an administrator wants to be in use.
pub(super) struct Certificates {
    server: Arc<ServerState>,
    db: PathBuf,
    /// Those that the settings name; nothing: what they name makes no pair.
    general: Option<Files>,
    named: Vec<(Name, Files)>,
    look_at: Instant,
}

impl Certificates {
    pub(super) fn new(server: Arc<ServerState>, db: PathBuf) -> Self {
        Self { server, db, general: None, named: Vec::new(), look_at: Instant::now() }
    }

    /// Settings or rows may have changed.
    pub(super) fn apply(&mut self, snapshot: &Snapshot) {
        match files::pair(&snapshot.settings, &self.db) {
            Ok(pair) => self.general = Some(pair),
            Err(error) => warn!("tls: {error}; the old certificate stays in use: {}", self.server.tls.in_use()),
        }
        let files = |row: &CertificateFiles| Files { certificate: row.certificate.clone(), key: row.key.clone() };
        self.named = snapshot.certificates.iter().map(|row| (Some(row.name.clone()), files(row))).collect();
        self.update(false);
    }

    /// The files may have changed.
    pub(super) fn watch(&mut self, now: Instant) {
        if now >= self.look_at {
            self.update(false);
        }
    }

    /// SIGHUP: all are read again, and the log says what is in use.
    pub(super) fn reload(&mut self) {
        self.update(true);
    }

    fn update(&mut self, again: bool) {
        self.look_at = Instant::now() + LOOK;
        let general = self.general.iter().map(|files| (None, files.clone()));
        let wanted: Vec<(Name, Files)> = general.chain(self.named.iter().cloned()).collect();
        let outcomes = self.server.tls.update(&wanted, again);
        outcomes.iter().for_each(|outcome| self.log(outcome));
    }

    fn log(&self, Outcome { name, error, in_use }: &Outcome) {
        let whose = name.as_ref().map_or(String::new(), |name| format!(" for {name}"));
        match (error, in_use) {
            (None, Some(in_use)) => info!("tls: certificate in use{whose}: {in_use}"),
            (Some(error), Some(in_use)) => error!("tls: {error}; the old certificate{whose} stays in use: {in_use}"),
            (error, None) => {
                let error = error.as_ref().map(ToString::to_string).unwrap_or_default();
                error!("tls: {error}; using the certificate for all names{whose}: {}", self.server.tls.in_use());
            }
        }
    }
}
