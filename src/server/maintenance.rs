//! The maintenance thread of a running server: what [`crate::reaper`] needs of the rest.

use super::ServeOptions;
use super::certificates::Certificates;
use super::identity_providers::IdentityProviders;
use super::shutdown::ShutdownRequest;
use crate::auth::credential::Credentials;
use crate::clock::SystemClock;
use crate::exit::{Code, Error};
use crate::lock::IgnorePoison;
use crate::message::address::common_name;
use crate::reaper::{self, Hooks, Reaper, Verifiers};
use crate::sasl::Context;
use crate::settings::{SETTINGS, Settings};
use crate::shared::state::{Configuration, ServerState};
use crate::store::{Pending, Store};
use crossbeam_channel::Sender;
use log::{error, warn};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;

/// The thread, from start to end.
pub(super) struct Maintenance {
    stop: Sender<()>,
    thread: JoinHandle<()>,
    change: Arc<Mutex<Change>>,
    credentials: Arc<Credentials>,
}

impl Maintenance {
    /// Nothing of what it does is waited for, or for two seconds at most: a slow disk or a lock keeps nobody from being served.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub(super) fn start(
        server: &Arc<ServerState>,
        options: &ServeOptions,
        settings: Settings,
        credentials: Arc<Credentials>,
        trust: IdentityProviders,
        ending: &ShutdownRequest,
    ) -> Result<Self, Error> {
        let ending = ending.clone();
        let change = Arc::new(Mutex::new(Change::new(server.clone(), options, &settings, trust, credentials.clone())));
        let (changed, tidied) = (change.clone(), change.clone());
        let (makes, tidies) = (credentials.clone(), credentials.clone());
        let (served, tidied_places) = (server.clone(), server.places.clone());
        let hooks = Hooks {
            verifiers: Box::new(move |pending| verifiers(&makes, pending, &served.configuration().settings.domains)),
            changed: Box::new(move |settings| lock(&changed).apply(settings)),
            tidy: Box::new(move || {
                tidies.tidy();
                tidied_places.tidy(Instant::now());
                lock(&tidied).retry();
            }),
            lost: Box::new(move |text| ending.end(Error::new(Code::Io, text))),
        };
        let reaper = Reaper::new(server.store.clone(), Arc::new(settings), options.overrides.clone(), hooks);
        // Where that takes long it is done later, before anybody new is written.
        if let Err(error) = server.store.reset_presence() {
            warn!("store: cannot remove the sessions of a crashed server yet: {error}");
        }
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let thread = reaper::spawn(reaper, SystemClock::default(), stopped)
            .map_err(|error| Error::new(Code::Unavailable, format!("cannot create a thread: {error}")))?;
        Ok(Self { stop, thread, change, credentials })
    }

    /// SIGHUP: reads certificate, keytab and token keys again, and forgets which passwords were right a
    /// moment ago.
    pub(super) fn reload(&self) {
        self.credentials.forget();
        lock(&self.change).reload();
    }

    /// Ends the thread; what waits is written first.
    pub(super) fn stop(self) {
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            error!("reaper: the thread panicked");
        }
    }
}

fn lock(change: &Mutex<Change>) -> MutexGuard<'_, Change> {
    change.lock().ignore_poison()
}

fn verifiers(credentials: &Credentials, pending: &Pending, domains: &[String]) -> Result<Verifiers, String> {
    let (hash, others) = credentials
        .verifiers_behind_logins(&common_name(&pending.name, domains), pending.user, &pending.password, pending.ntlm)
        .map_err(|error| error.to_string())?;
    Ok(Verifiers { hash, others })
}

/// What new connections go by.
///
/// # Errors
/// The database cannot be read.
pub(super) fn configuration(
    store: &dyn Store,
    settings: &Settings,
    trust: &mut IdentityProviders,
) -> crate::store::Result<Configuration> {
    let usable = store.usable()?;
    trust.refresh(settings);
    let context = Context {
        extended_protection: settings.extended_protection_policy,
        ntlm: settings.enable_gssapi_and_ntlm_auth && usable.ntlm,
        scram: usable.scram,
        ..trust.context()
    };
    Ok(Configuration { settings: settings.clone(), expire: store.shortest_retention()?, context })
}

/// Carries what an administrator has changed to the sessions.
struct Change {
    server: Arc<ServerState>,
    certificates: Certificates,
    trust: IdentityProviders,
    credentials: Arc<Credentials>,
}

impl Change {
    fn new(
        server: Arc<ServerState>,
        options: &ServeOptions,
        settings: &Settings,
        trust: IdentityProviders,
        credentials: Arc<Credentials>,
    ) -> Self {
        credentials.set_scram_iterations(settings.scram_iterations);
        let mut certificates = Certificates::new(server.clone(), options.location.beside.clone());
        certificates.apply(settings);
        Self { server, certificates, trust, credentials }
    }

    fn apply(&mut self, settings: &Arc<Settings>) {
        let before = &self.server.configuration().settings;
        for row in SETTINGS.iter().filter(|row| row.waits_for_a_start(before, settings)) {
            warn!("settings: {}: the change takes effect after a restart", row.name);
        }
        self.certificates.apply(settings);
        self.publish(settings);
    }

    fn publish(&mut self, settings: &Settings) {
        self.credentials.set_scram_iterations(settings.scram_iterations);
        match configuration(&*self.server.store, settings, &mut self.trust) {
            Ok(configuration) => self.server.configure(configuration),
            Err(error) => warn!("settings: cannot read changes: {error}"),
        }
    }

    fn reload(&mut self) {
        self.certificates.reload();
        self.trust.renew();
        self.publish(&self.server.configuration().settings);
    }

    fn retry(&mut self) {
        self.certificates.watch(Instant::now());
        let configuration = self.server.configuration();
        if self.trust.retry(&configuration.settings) {
            self.publish(&configuration.settings);
        }
    }
}
