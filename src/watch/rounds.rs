//! The threads that look, and who they tell.

use super::warnings::{self, Warning};
use super::{Watch, now, postmaster};
use crate::shared::state::Configuration;
use crate::store::Envelope;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use log::{debug, error, warn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the store is asked whether it is there, and whether something was changed.
const ROUND: Duration = Duration::from_secs(1);
/// How often statistics are written and warnings looked for.
const LOOK: Duration = Duration::from_secs(30);
/// How often the same warning is logged.
const REPEAT_AFTER: Duration = Duration::from_secs(86_400);

/// Two threads: what is written may wait for somebody's lock, and whoever asks for our health must not.
pub struct Watcher {
    stop: Sender<()>,
    threads: [JoinHandle<()>; 2],
}

impl Watcher {
    /// Starts them.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub fn start(watch: Arc<Watch>) -> std::io::Result<Self> {
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let (probed, mut rounds) = (watch.clone(), Rounds::new(watch.clone()));
        let probe = start("probe", stopped.clone(), move || probed.probe(), || ())?;
        let watch = start("watch", stopped, move || rounds.round(), move || watch.write_statistics())?;
        Ok(Self { stop, threads: [probe, watch] })
    }

    /// Ends them; what was counted is written first.
    pub fn stop(self) {
        drop(self.stop);
        for thread in self.threads {
            if thread.join().is_err() {
                error!("monitor: a thread panicked");
            }
        }
    }
}

/// Does `round` until the channel is closed, then `last`.
fn start(
    name: &'static str,
    stopped: Receiver<()>,
    mut round: impl FnMut() + Send + 'static,
    last: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let work = move || {
        while matches!(stopped.recv_timeout(ROUND), Err(RecvTimeoutError::Timeout)) {
            // A panic costs one round, not the watching.
            if catch_unwind(AssertUnwindSafe(&mut round)).is_err() {
                error!("monitor: thread {name} panicked, continuing");
            }
        }
        last();
    };
    std::thread::Builder::new().name(name.into()).spawn(work)
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

    fn round(&mut self) {
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
                warn!("{}: {}", warning.kind, warning.text);
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
                debug!("monitor: PostmasterMailbox: there is no mailbox {name:?}");
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
            warn!("monitor: PostmasterMailbox: cannot store the warnings in {name:?}: {error}");
        }
    }
}
