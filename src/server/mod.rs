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
pub mod exposure;
mod files;
mod identity_providers;
mod maintenance;
pub mod service_manager;
mod session_monitor;
mod shutdown;
mod unix;
mod workers;

use crate::auth::authenticator::Authenticator;
use crate::exit::{Code, Error};
use crate::protocol_log::ProtocolLog;
use crate::settings::Settings;
use crate::shared::state::ServerState;
use crate::store::sqlite::{Options, Sqlite};
use crate::store::{Store, StoreError};
use accept::Loop;
use bind::{Listener, Service};
use identity_providers::IdentityProviders;
use log::{info, warn};
use maintenance::Maintenance;
use session_monitor::SessionMonitor;
use shutdown::ShutdownRequest;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use workers::Workers;

/// How long commands that run may take after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// What the server is asked for at its start. Where all three lists are empty, the settings name the listeners.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServeOptions {
    /// The database.
    pub db: PathBuf,
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
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|error| Error::new(Code::Software, format!("cannot wait for signals: {error}")))?;
    let ending = ShutdownRequest::new(signals.handle());
    let store: Arc<dyn Store> = Arc::new(
        service_manager::unhurried(|| Sqlite::open(&options.db, Options::default())).map_err(opening(&options))?,
    );
    let rows = store.settings().map_err(opening(&options))?;
    let settings =
        Settings::from_rows(&rows, &options.overrides).map_err(|error| Error::new(Code::Config, error.to_string()))?;
    settings.warnings().iter().for_each(|warning| warn!("{warning}"));
    files::raise_limit(settings.max_connections.saturating_add(settings.lmtp_max_connections));
    let credentials = Arc::new(files::credentials(&options.db)?);
    let tls = files::acceptor(&settings, &options.db)?;
    let authenticator = Authenticator::new(store.clone(), credentials.clone());
    let mut trust = IdentityProviders::default();
    let configuration = maintenance::configuration(&*store, &settings, &mut trust).map_err(opening(&options))?;
    let listeners = listeners(&options, &settings)?;
    name_exposed(&options, &settings, &listeners);
    let log = ProtocolLog::beside(&options.db);
    let server = Arc::new(ServerState::new(store.clone(), authenticator, tls, log, configuration));
    files::renew_seal(&*server.store, &credentials);
    let maintenance = Maintenance::start(&server, &options, settings, credentials, trust, &ending)?;
    let monitor = SessionMonitor::start(server.clone())
        .map_err(|error| Error::new(Code::Unavailable, format!("cannot make a thread: {error}")))?;
    let workers = Arc::new(Workers::new(&server.configuration().settings));
    announce(&listeners)?;
    let loops = start(listeners, &server, &workers, &ending)?;
    service_manager::ready();
    let watched = service_manager::watch(status(&server, &workers));
    wait(&mut signals, &maintenance);
    service_manager::stopping();
    drop(watched);
    loops.into_iter().for_each(Loop::stop);
    service_manager::unhurried(|| finish(&server, &workers));
    monitor.stop();
    // Nobody waits for an answer any more; what cannot be written at once is not worth waiting for.
    server.store.shutdown();
    maintenance.stop();
    ending.verdict()
}

fn opening(options: &ServeOptions) -> impl Fn(StoreError) -> Error + '_ {
    |error| Error::database(&options.db, &error)
}

/// Says what lies open: that is allowed, but hardly meant.
fn name_exposed(options: &ServeOptions, settings: &Settings, listeners: &[Listener]) {
    let lmtp = listeners.iter().filter(|listener| listener.service == Service::Lmtp);
    let mut lines = exposure::open_files(&options.db, settings);
    lines.extend(exposure::open_lmtp(lmtp.map(|listener| listener.address.as_str())));
    lines.extend(exposure::root());
    lines.iter().for_each(|line| warn!("{line}"));
}

/// With any listener on the command line only those are bound. A socket that the service manager hands over is used
/// as well, and then no setting binds POP3, nor LMTP if there is one of LMTP: socket units say what is listened on.
fn listeners(options: &ServeOptions, settings: &Settings) -> Result<Vec<Listener>, Error> {
    let mut listeners = service_manager::inherited()?;
    let named = [&options.listen, &options.listen_tls, &options.lmtp].iter().any(|list| !list.is_empty());
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
    listeners.extend(bound.collect::<Result<Vec<_>, _>>()?);
    Ok(listeners)
}

/// One line per listener on stdout, then `ready`.
fn announce(listeners: &[Listener]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let mut say = || {
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
    loops.map_err(|error| Error::new(Code::Unavailable, format!("cannot make a thread: {error}")))
}

/// Until SIGTERM, SIGINT or a [`ShutdownRequest`]; SIGHUP reads files again.
fn wait(signals: &mut Signals, maintenance: &Maintenance) {
    for signal in signals.forever() {
        if signal != SIGHUP {
            return info!("signal {signal}: no new connections; commands that run may finish");
        }
        service_manager::reloading();
        maintenance.reload();
        service_manager::ready();
    }
}

/// What `systemctl status` shows. The store is asked first: as long as the disk does not answer, neither do we.
fn status(server: &Arc<ServerState>, workers: &Arc<Workers>) -> impl Fn() -> Option<String> + Send + use<> {
    let (server, workers) = (server.clone(), workers.clone());
    move || {
        let _ = server.store.change_mark();
        Some(format!("{} POP3 connections, {} LMTP connections", workers.pop3.busy(), workers.lmtp.busy()))
    }
}

/// Running commands may finish, for [`GRACE`] at most.
fn finish(server: &ServerState, workers: &Workers) {
    server.connections.stop();
    let cut = workers.join(Instant::now() + GRACE);
    if cut > 0 {
        warn!("{cut} connections were cut");
    }
}
