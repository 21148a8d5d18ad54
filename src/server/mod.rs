//! The running server: everything is bound first, then said to be ready; then it waits for signals.
//!
//! What lives here: start and end of the process. What must not be known here: POP3.
//!
//! # Threads
//! One accept loop a listener, a pool of workers (one per connection, made on demand), the store's
//! writer, the maintenance, and this thread, which waits for signals.

mod accept;
mod bind;
mod certificates;
mod drain;
pub mod exposure;
mod files;
mod identity_providers;
mod maintenance;
mod proxied;
pub mod service_manager;
mod session_monitor;
mod shutdown;
mod unix;
mod workers;

pub use files::{pair as certificate_pair, renew_seal};

use crate::auth::authenticator::Authenticator;
use crate::exit::{Code, Error};
use crate::files::path::with_suffix;
use crate::message::address::common_name;
use crate::metrics::StoreMetrics;
use crate::protocol_log::ProtocolLog;
use crate::settings::Settings;
use crate::shared::fault::Fault;
use crate::shared::snapshot::Snapshot;
use crate::shared::state::ServerState;
use crate::store::{Location, Options, Store, StoreError};
use crate::watch::{Watch, Watcher, answers};
use accept::Loop;
use bind::{Listener, Service};
use drain::SecondSignal;
use identity_providers::IdentityProviders;
use log::{info, warn};
use maintenance::Maintenance;
use session_monitor::SessionMonitor;
use shutdown::ShutdownRequest;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use workers::Workers;

/// How long commands that run may take after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// What the server is asked for at its start. Where all three lists are empty, the settings name the listeners.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServeOptions {
    /// The database, and what is beside it.
    pub location: Location,
    /// Listeners for POP3 in clear and with STLS.
    pub listen: Vec<String>,
    /// Listeners for POP3 over TLS.
    pub listen_tls: Vec<String>,
    /// Listeners for LMTP: addresses, or absolute paths of Unix sockets.
    pub lmtp: Vec<String>,
    /// Settings for this run, already checked.
    pub overrides: Vec<(String, String)>,
}

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// What kept it from starting; once it is ready, 74 when the database was removed or replaced, 70 when a
/// listener panicked.
pub fn run(options: ServeOptions) -> Result<(), Error> {
    serve(signals()?, Trial { options, fault: None, json: false })
}

/// A server for tests of clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trial {
    /// As for [`run`].
    pub options: ServeOptions,
    /// What is done wrong on purpose.
    pub fault: Option<Fault>,
    /// The listeners are announced as one line of JSON.
    pub json: bool,
}

/// Makes what `prepare` makes, and runs a server on it. A signal that comes meanwhile ends the server once it is ready,
/// and not the process in the middle.
///
/// # Errors
/// As [`run`], and those of `prepare`.
pub fn run_trial(prepare: impl FnOnce() -> Result<Trial, Error>) -> Result<(), Error> {
    let signals = signals()?;
    serve(signals, prepare()?)
}

fn signals() -> Result<Signals, Error> {
    Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|error| Error::new(Code::Software, format!("cannot wait for signals: {error}")))
}

fn serve(mut signals: Signals, trial: Trial) -> Result<(), Error> {
    let Trial { options, fault, json } = trial;
    let ending = ShutdownRequest::new(signals.handle());
    let store_metrics = Arc::<StoreMetrics>::default();
    let store_options = Options { metrics: store_metrics.clone(), ..Options::default() };
    let database = &options.location.database;
    let store: Arc<dyn Store> =
        service_manager::with_extended_timeout(|| database.open(store_options)).map_err(opening(&options))?;
    let beside = &options.location.beside;
    let credentials = Arc::new(files::credentials(beside)?);
    // First: what is offered follows from the verifiers that can be used.
    renew_seal(&*store, &credentials)?;
    let snapshot = first_snapshot(&*store, &options)?;
    let settings = &snapshot.settings;
    let room = files::room(settings);
    let tls = files::acceptor(settings, beside)?;
    let authenticator = Authenticator::new(store.clone(), credentials.clone());
    let mut providers = IdentityProviders::default();
    let configuration = maintenance::configuration(&snapshot, &mut providers);
    let (mut listeners, binds) = listeners(&options, settings)?;
    name_exposed(&options, settings, &listeners);
    let names = listeners.iter().map(|listener| format!("{} {}", listener.service, listener.address)).collect();
    let log = ProtocolLog::beside(beside);
    let mut state = ServerState::new(store.clone(), authenticator, tls, log, store_metrics, configuration);
    state.fault = fault;
    state.room = room.into();
    let server = Arc::new(state);
    for (name, address) in server.store.known_addresses().map_err(opening(&options))? {
        server.places.remember(address, &common_name(&name, &settings.domains));
    }
    let maintenance = Maintenance::start(&server, &options, snapshot, credentials, providers, &ending)?;
    let monitor = SessionMonitor::start(server.clone()).map_err(no_thread)?;
    let watch = Arc::new(Watch::new(server.clone(), beside.clone(), workers::host_name(), names, binds));
    let workers = Arc::new(Workers::new(&server.configuration().settings, watch.clone()));
    let watcher = Watcher::start(watch).map_err(no_thread)?;
    let status_socket = status_socket(beside);
    announce(&listeners, json.then(|| with_suffix(beside, ".crt")))?;
    listeners.extend(status_socket);
    let loops = start(listeners, &server, &workers, &ending)?;
    service_manager::ready();
    let watched = service_manager::watch(status(&server, &workers));
    let signalled = wait(&mut signals, &maintenance);
    service_manager::stopping();
    drop(watched);
    let drain_for = if signalled { server.configuration().settings.drain_seconds } else { Duration::ZERO };
    service_manager::with_extended_timeout(|| close(loops, drain_for, signals, &server, &workers));
    monitor.stop();
    // Nobody waits for an answer any more; what cannot be written at once is not worth waiting for.
    server.store.shutdown();
    watcher.stop();
    maintenance.stop();
    let finished = server.store.finish().map_err(opening(&options));
    ending.verdict().and(finished)
}

/// What holds at the start, when nothing that cannot be used is let pass.
fn first_snapshot(store: &dyn Store, options: &ServeOptions) -> Result<Snapshot, Error> {
    let (snapshot, errors) = Snapshot::default().read(store, &options.overrides).map_err(opening(options))?;
    if let Some(error) = errors.first() {
        return Err(Error::new(Code::Config, error.to_string()));
    }
    snapshot.settings.warnings().iter().for_each(|warning| warn!("settings: {warning}"));
    Ok(snapshot)
}

/// Sends new clients away for a while, then closes everything; running commands may finish.
fn close(loops: Vec<Loop>, drain_for: Duration, signals: Signals, server: &ServerState, workers: &Workers) {
    let second_signal = SecondSignal::listen(signals);
    let signalled_again = drain::drain(server, drain_for, &second_signal);
    loops.into_iter().for_each(Loop::stop);
    let grace = if signalled_again { Duration::ZERO } else { GRACE };
    drain::finish(server, workers, grace, &second_signal);
}

fn opening(options: &ServeOptions) -> impl Fn(StoreError) -> Error + '_ {
    |error| Error::database(&options.location.database, &error)
}

/// Says what lies open: that is allowed, but hardly meant.
fn name_exposed(options: &ServeOptions, settings: &Settings, listeners: &[Listener]) {
    let lmtp = listeners.iter().filter(|listener| listener.service == Service::Lmtp);
    let mut lines = exposure::open_files(&options.location, settings);
    lines.extend(exposure::open_lmtp(lmtp.map(|listener| listener.address.as_str())));
    lines.extend(exposure::root());
    lines.iter().for_each(|line| warn!("security: {line}"));
}

/// Where a status is asked for. The server does without it, if another one of this database has it, say.
fn status_socket(db: &Path) -> Option<Listener> {
    let path = answers::socket(db);
    bind::local(Service::Status, &path, 0o600, "")
        .inspect_err(|error| warn!("status: the command will not find this server: {error}"))
        .ok()
}

/// All listeners, and whether the settings say which there are of POP3 and LMTP. With any of these on the command line
/// only those are bound. A socket that the service manager hands over is used as well, and then no setting binds POP3,
/// nor LMTP if there is one of LMTP: socket units say what is listened on. HTTP has neither, so what `HttpBindings`
/// says is bound in any case.
fn listeners(options: &ServeOptions, settings: &Settings) -> Result<(Vec<Listener>, bool), Error> {
    let mut listeners = service_manager::inherited()?;
    let named = [&options.listen, &options.listen_tls, &options.lmtp].iter().any(|list| !list.is_empty());
    let binds = !named && listeners.is_empty();
    let none = Vec::new();
    let unless = |unwanted: bool, bindings| if unwanted { &none } else { bindings };
    let (plain, tls, lmtp) = if named {
        (&options.listen, &options.listen_tls, &options.lmtp)
    } else {
        let some = !listeners.is_empty();
        let some_lmtp = listeners.iter().any(|listener| listener.service == Service::Lmtp);
        (
            unless(some, &settings.unencrypted_or_tls_bindings),
            unless(some, &settings.ssl_bindings),
            unless(some_lmtp, &settings.lmtp_bindings),
        )
    };
    let plain = plain.iter().map(|text| bind::listener(Service::Pop3, text));
    let tls = tls.iter().map(|text| bind::listener(Service::Pop3s, text));
    let bound = plain.chain(tls).chain(lmtp.iter().map(|text| bind::lmtp(text, settings)));
    let bound = bound.chain(settings.http_bindings.iter().map(|text| bind::http(text)));
    listeners.extend(bound.collect::<Result<Vec<_>, _>>()?);
    Ok((listeners, binds))
}

/// One line per listener on stdout, then `ready`; or one line of JSON, with the file of the certificate.
fn announce(listeners: &[Listener], json: Option<PathBuf>) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let mut say = || {
        if let Some(certificate) = &json {
            let addresses = listeners.iter().map(|one| (one.service.to_string(), one.address.clone().into()));
            let file = ("certificate".to_owned(), certificate.display().to_string().into());
            writeln!(out, "{}", serde_json::Value::Object(addresses.chain([file]).collect()))?;
            return out.flush();
        }
        for listener in listeners {
            writeln!(out, "{} {}", listener.service, listener.address)?;
        }
        writeln!(out, "ready")?;
        out.flush()
    };
    say().map_err(|error| Error::new(Code::Io, format!("cannot write to standard output: {error}")))
}

fn start(
    listeners: Vec<Listener>,
    server: &Arc<ServerState>,
    workers: &Arc<Workers>,
    ending: &ShutdownRequest,
) -> Result<Vec<Loop>, Error> {
    let start = |listener| Loop::start(listener, server.clone(), workers.clone(), ending.clone());
    let loops: io::Result<Vec<Loop>> = listeners.into_iter().map(start).collect();
    loops.map_err(no_thread)
}

fn no_thread(error: io::Error) -> Error {
    Error::new(Code::Unavailable, format!("cannot create a thread: {error}"))
}

/// Until SIGTERM, SIGINT or a [`ShutdownRequest`]; SIGHUP reads files again. Says whether it was a signal.
fn wait(signals: &mut Signals, maintenance: &Maintenance) -> bool {
    for signal in signals.forever() {
        if signal != SIGHUP {
            info!("shutdown: signal {signal}: no new connections; running commands may finish");
            return true;
        }
        service_manager::reloading();
        maintenance.reload();
        service_manager::ready();
    }
    false
}

/// What `systemctl status` shows. The store is asked first: as long as the disk does not answer, neither do we.
fn status(server: &Arc<ServerState>, workers: &Arc<Workers>) -> impl Fn() -> Option<String> + Send + use<> {
    let (server, workers) = (server.clone(), workers.clone());
    move || {
        let _ = server.store.change_mark();
        Some(format!("{} POP3 connections, {} LMTP connections", workers.pop3.busy(), workers.lmtp.busy()))
    }
}
