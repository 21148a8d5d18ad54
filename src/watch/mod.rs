//! Watching over a running server: is its store reachable, what should somebody be warned of, what was done.
//!
//! What lives here: *when* is looked, and who is told. What follows from what is found is in [`warnings`]; what
//! the machine says in [`machine`]; [`status`], [`answers`] and [`prometheus`] are how it is asked for.

pub mod answers;
pub mod machine;
mod postmaster;
mod prometheus;
pub mod status;
pub mod warnings;

use crate::settings::Settings;
use crate::shared::state::{Configuration, ServerState};
use crate::store::{Envelope, Figures, Sample};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use log::{debug, error, warn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use warnings::{Facts, Warning};

/// How often the store is asked whether it is there.
const PROBE: Duration = Duration::from_secs(1);
/// How long an answer of the store is good for. One that hangs is found out by this.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// How often statistics are written and warnings looked for.
const LOOK: Duration = Duration::from_secs(30);
/// How often the same warning is logged.
const REPEAT_AFTER: Duration = Duration::from_secs(86_400);

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
        let (figures, trouble) = match figures {
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
        (facts, trouble)
    }

    /// Writes what was done since the last time, if anything was or a new hour has begun: an idle server leaves the
    /// disk alone.
    pub fn write_statistics(&self) {
        let (metrics, now) = (&self.server.metrics, now());
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sample = metrics.take();
        if let Ok(figures) = self.server.store.figures() {
            (sample.messages, sample.database_octets) = (figures.messages, figures.database_octets);
        }
        let hour = now - now.rem_euclid(3600);
        if *written == Some((hour, standing(&sample))) && sample == standing(&sample) {
            return;
        }
        match self.server.store.count(now, &sample) {
            Ok(()) => *written = Some((hour, standing(&sample))),
            Err(error) => {
                debug!("statistics cannot be written: {error}");
                metrics.put_back(&sample);
            }
        }
    }

    fn probe(&self) {
        // Anything that reads the database's file.
        match self.server.store.settings() {
            Ok(_) => self.server.health.reached(GOOD_FOR),
            Err(error) => {
                if self.server.health.unavailable().is_none() {
                    error!("the store cannot be reached, new clients are sent away: {error}");
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

/// The thread.
pub struct Watcher {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Starts it.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start(watch: Arc<Watch>) -> std::io::Result<Self> {
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let thread =
            std::thread::Builder::new().name("watch".into()).spawn(move || Rounds::new(watch).run(&stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends it; what was counted is written first.
    pub fn stop(self) {
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            error!("the watching thread had panicked");
        }
    }
}

/// What the thread remembers.
struct Rounds {
    watch: Arc<Watch>,
    looked: Option<Instant>,
    /// The configuration at the last look.
    configuration: Arc<Configuration>,
    /// Warnings that stand in the log, and since when.
    said: Vec<(Warning, Instant)>,
}

impl Rounds {
    fn new(watch: Arc<Watch>) -> Self {
        let configuration = watch.server.configuration();
        Self { watch, looked: None, configuration, said: Vec::new() }
    }

    fn run(mut self, stopped: &Receiver<()>) {
        while matches!(stopped.recv_timeout(PROBE), Err(RecvTimeoutError::Timeout)) {
            // A panic costs one round, not the watching.
            if catch_unwind(AssertUnwindSafe(|| self.round())).is_err() {
                error!("the watching thread panicked; it goes on");
            }
        }
        self.watch.write_statistics();
    }

    fn round(&mut self) {
        self.watch.probe();
        let configuration = self.watch.server.configuration();
        let changed = !Arc::ptr_eq(&configuration, &self.configuration);
        if changed || self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.configuration = configuration;
            self.looked = Some(Instant::now());
            self.watch.write_statistics();
            let warnings = warnings::warnings(&self.watch.facts().0);
            self.say(&warnings);
            self.mail(&warnings);
        }
    }

    /// Logs what is new, or has not been said for a day. A text that only counts on is the same warning.
    fn say(&mut self, warnings: &[Warning]) {
        let same = |one: &Warning, other: &Warning| (one.kind, one.urgent) == (other.kind, other.urgent);
        let listed = |one: &Warning| match one.kind {
            "settings" | "mailbox" | "machine" => warnings.contains(one),
            _ => warnings.iter().any(|other| same(one, other)),
        };
        self.said.retain(|(one, since)| since.elapsed() < REPEAT_AFTER && listed(one));
        for warning in warnings {
            let known = self.said.iter().any(|(one, _)| match one.kind {
                "settings" | "mailbox" | "machine" => one == warning,
                _ => same(one, warning),
            });
            if !known {
                warn!("{}", warning.text);
                self.said.push((warning.clone(), Instant::now()));
            }
        }
    }

    /// One mail a day to `PostmasterMailbox`.
    fn mail(&self, warnings: &[Warning]) {
        let (name, store) = (&self.configuration.settings.postmaster_mailbox, &self.watch.server.store);
        if warnings.is_empty() || name.is_empty() {
            return;
        }
        let sent = store.recipients(std::slice::from_ref(name)).and_then(|found| {
            let Some(mailbox) = found.first() else {
                debug!("PostmasterMailbox: there is no mailbox {name:?}");
                return Ok(());
            };
            if !store.claim_postmaster_mail(now())? {
                return Ok(());
            }
            let message = postmaster::message(warnings, &self.watch.host, now());
            let mut upload = store.upload(message.len() as u64);
            upload.push(&message)?;
            upload
                .deliver(&[mailbox.id], &Envelope::default())?
                .into_iter()
                .next()
                .map_or(Ok(()), |answer| answer.map(drop))
        });
        if let Err(error) = sent {
            warn!("the postmaster's mailbox {name:?} did not take the warnings: {error}");
        }
    }
}

/// Seconds since 1970 UTC.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64)
}
