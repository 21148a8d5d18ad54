//! The maintenance thread of a running server: what [`crate::reaper`] needs of the rest.

use super::ServeOptions;
use super::certificates::Certificates;
use super::files;
use super::identity_providers::IdentityProviders;
use super::shutdown::ShutdownRequest;
use crate::auth::credential::Credentials;
use crate::clock::SystemClock;
use crate::exit::{Code, Error};
use crate::lock::lock;
use crate::message::address::common_name;
use crate::reaper::{self, Host, Reaper, Verifiers};
use crate::sasl::Context;
use crate::settings::SETTINGS;
use crate::shared::snapshot::Snapshot;
use crate::shared::state::{Configuration, ServerState};
use crate::store::{Advertised, Pending};
use crossbeam_channel::Sender;
use log::{error, warn};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

/// The thread, from start to end.
pub(super) struct Maintenance {
    stop: Sender<()>,
    thread: JoinHandle<()>,
    host: Arc<ServerHost>,
}

impl Maintenance {
    /// Nothing of what it does is waited for, or for two seconds at most: a slow disk or a lock keeps nobody from being served.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub(super) fn start(
        server: &Arc<ServerState>,
        options: &ServeOptions,
        snapshot: Snapshot,
        credentials: Arc<Credentials>,
        providers: IdentityProviders,
        ending: &ShutdownRequest,
    ) -> Result<Self, Error> {
        let mut certificates = Certificates::new(server.clone(), options.location.beside.clone());
        certificates.apply(&snapshot);
        credentials.set_scram_iterations(snapshot.settings.scram_iterations);
        let published = Mutex::new(Published { snapshot: snapshot.clone(), certificates, providers });
        let host = Arc::new(ServerHost { server: server.clone(), credentials, ending: ending.clone(), published });
        let reaper = Reaper::new(server.store.clone(), snapshot, options.overrides.clone(), host.clone());
        // Where that takes long it is done later, before anybody new is written.
        if let Err(error) = server.store.reset_presence() {
            warn!("store: cannot remove the sessions of a crashed server yet: {error}");
        }
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let thread = reaper::spawn(reaper, SystemClock::default(), stopped)
            .map_err(|error| Error::new(Code::Unavailable, format!("cannot create a thread: {error}")))?;
        Ok(Self { stop, thread, host })
    }

    /// SIGHUP: reads certificate, keytab and token keys again, and forgets which passwords were right a
    /// moment ago.
    pub(super) fn reload(&self) {
        self.host.reload();
    }

    /// Ends the thread; what waits is written first.
    pub(super) fn stop(self) {
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            error!("reaper: the thread panicked");
        }
    }
}

/// What new connections go by.
pub(super) fn configuration(snapshot: &Snapshot, providers: &mut IdentityProviders) -> Configuration {
    let Snapshot { settings, advertised: Advertised { expire, usable }, .. } = snapshot;
    providers.refresh(settings);
    let context = Context {
        extended_protection: settings.extended_protection_policy,
        ntlm: settings.enable_gssapi_and_ntlm_auth && usable.ntlm,
        scram: usable.scram,
        ..providers.context()
    };
    Configuration { settings: settings.clone(), expire: *expire, context }
}

/// The running server, as the maintenance knows it: what an administrator has changed is carried to the sessions.
struct ServerHost {
    server: Arc<ServerState>,
    credentials: Arc<Credentials>,
    ending: ShutdownRequest,
    published: Mutex<Published>,
}

/// What holds, and the files that go with it.
struct Published {
    snapshot: Snapshot,
    certificates: Certificates,
    providers: IdentityProviders,
}

impl Host for ServerHost {
    fn verifiers(&self, pending: &Pending) -> Result<Verifiers, String> {
        let name = common_name(&pending.name, &self.server.configuration().settings.domains);
        let (hash, others) = self
            .credentials
            .verifiers_behind_logins(&name, pending.user, &pending.password, pending.ntlm)
            .map_err(|error| error.to_string())?;
        Ok(Verifiers { hash, others })
    }

    fn changed(&self, snapshot: &Snapshot) {
        let before = &self.server.configuration().settings;
        for row in SETTINGS.iter().filter(|row| row.waits_for_a_start(before, &snapshot.settings)) {
            warn!("settings: {}: the change takes effect after a restart", row.name);
        }
        let mut published = lock(&self.published);
        published.snapshot = snapshot.clone();
        published.certificates.apply(snapshot);
        self.publish(&mut published);
    }

    fn tidy(&self) {
        self.credentials.tidy();
        self.server.places.tidy(Instant::now());
        let mut published = lock(&self.published);
        published.certificates.watch(Instant::now());
        let Published { snapshot, providers, .. } = &mut *published;
        if providers.retry(&snapshot.settings) {
            self.publish(&mut published);
        }
    }

    fn lost(&self, text: String) {
        self.ending.end(Error::new(Code::Io, text));
    }
}

impl ServerHost {
    fn publish(&self, published: &mut Published) {
        let Published { snapshot, providers, .. } = published;
        self.credentials.set_scram_iterations(snapshot.settings.scram_iterations);
        self.server.room.store(files::room(&snapshot.settings), Ordering::Relaxed);
        self.server.configure(configuration(snapshot, providers));
    }

    fn reload(&self) {
        self.credentials.forget();
        let mut published = lock(&self.published);
        published.certificates.reload();
        published.providers.renew();
        self.publish(&mut published);
    }
}
