//! The accept loops: one thread a listener, which hands sockets to the pool and never waits for a
//! client: no handshake, no read, and no write that could block.

use super::bind::{Listener, Service, Visitor};
use super::proxied;
use super::shutdown::ShutdownRequest;
use super::workers::Workers;
use crate::auth::limits::{Full, Permit};
use crate::complaints::Complaints;
use crate::http;
use crate::lmtp;
use crate::net::pool::Refusal;
use crate::net::tls::Handle;
use crate::pop3::{self, reply::Reply};
use crate::shared::connections::FINISHING;
use crate::shared::metrics::RefusedBecause;
use crate::shared::state::ServerState;
use log::{debug, info, warn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What an accept loop waits after an error, for instance when there are no file descriptors left.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A running accept loop.
pub struct Loop {
    listener: Arc<Listener>,
    closed: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Loop {
    /// Starts the loop; a panic in it ends the process.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start(
        listener: Listener,
        server: Arc<ServerState>,
        workers: Arc<Workers>,
        ending: ShutdownRequest,
    ) -> io::Result<Self> {
        let (listener, closed) = (Arc::new(listener), Arc::new(AtomicBool::new(false)));
        let name = format!("accept {}", listener.address);
        let work = {
            let (listener, closed) = (listener.clone(), closed.clone());
            let what = format!("{} listener {}", listener.service, listener.address);
            move || ending.guard(&what, || run(&listener, &closed, &server, &workers))
        };
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        Ok(Self { listener, closed, thread })
    }

    /// No connection is accepted after this.
    pub fn stop(self) {
        self.closed.store(true, Ordering::SeqCst);
        self.listener.close();
        // A panic in it was said when it happened.
        let _ = self.thread.join();
    }
}

fn run(listener: &Listener, closed: &AtomicBool, server: &Arc<ServerState>, workers: &Arc<Workers>) {
    let mut complaints = Complaints::default();
    while !closed.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok(visitor) => match (listener.service, visitor.peer()) {
                (Service::Pop3 | Service::Pop3s, Some(peer)) => {
                    hand_over(listener.service, visitor, peer, server, workers)
                }
                (Service::Http | Service::Status, _) => hand_over_http(listener.service, visitor, server, workers),
                _ => hand_over_lmtp(visitor, server, workers),
            },
            Err(_) if closed.load(Ordering::SeqCst) => return,
            Err(error) if transient(&error) => {}
            Err(error) => {
                if complaints.is_due((), Instant::now()) {
                    warn!("{} listener {}: cannot accept: {error}", listener.service, listener.address);
                }
                std::thread::sleep(BACK_OFF);
            }
        }
    }
}

/// The client was gone before it was accepted (accept(2): treat as EAGAIN).
fn transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

fn hand_over(service: Service, visitor: Visitor, peer: SocketAddr, server: &Arc<ServerState>, workers: &Workers) {
    let configuration = server.configuration();
    let settings = &configuration.settings;
    // With the last file descriptor the database could not be opened any more, and who comes would wait unheard.
    let most = settings.max_connections.min(server.room.load(Ordering::Relaxed));
    let limits = (most, settings.max_connection_from_single_ip);
    let counter = if service == Service::Pop3 { &server.metrics.pop3 } else { &server.metrics.pop3s };
    counter.add(1);
    // A proxy is nobody's address: its client is counted once it is known.
    let proxied = proxied::is_expected(&configuration, peer.ip());
    let permit = match admit((!proxied).then_some(peer.ip()), server, limits) {
        Ok(permit) => permit,
        Err(full) => return refuse(service, visitor, peer, full, server, limits),
    };
    let socket = visitor.socket();
    let handle = socket.handle();
    let job = {
        let server = server.clone();
        let entry = server.connections.enter_stranger(handle.clone(), Some(permit));
        move || {
            let full = |limit| too_many(service, Full::Address, limit);
            proxied::welcome(&server, socket, peer, proxied, full, |socket, origin, _permit| {
                pop3::conn::serve(&server, socket, origin, entry, service == Service::Pop3s);
            });
        }
    };
    workers.pop3.set_max(settings.max_connections.saturating_add(FINISHING));
    match workers.submit_pop3(job) {
        Ok(()) => {}
        Err(Refusal::Full(_)) => {
            log_refusal(server, Some(peer), RefusedBecause::Full, "every worker is busy (MaxConnections)")
        }
        Err(Refusal::NoThread(_, error)) => {
            no_thread(service, &handle, server, &error);
        }
    }
}

/// Counts a connection. Where there are as many as `MaxConnections` allows, one that waits for its login makes room.
/// `peer` is none while it is not known.
fn admit(peer: Option<IpAddr>, server: &ServerState, limits: (usize, usize)) -> Result<Permit, Full> {
    let admit = || server.limits.connection(peer, limits.0, limits.1);
    match admit() {
        Err(Full::Server) if server.connections.make_room() => {
            server.metrics.refuse(RefusedBecause::Full);
            // The setting may have been lowered by more than one.
            admit()
        }
        done => done,
    }
}

/// Counts a connection that is sent away; one line a minute for each address.
pub(super) fn log_refusal(server: &ServerState, peer: Option<SocketAddr>, because: RefusedBecause, why: &str) {
    server.metrics.refuse(because);
    let peer = peer.map(|peer| peer.ip());
    if server.refusals.add(peer, why, Instant::now()) {
        match peer {
            Some(peer) => info!("server: connection from {peer} refused: {why}"),
            None => info!("lmtp: connection refused: {why}"),
        }
    }
}

/// Says why, if the kernel takes it at once; under TLS there is nobody to say it to.
fn refuse(
    service: Service,
    visitor: Visitor,
    peer: SocketAddr,
    full: Full,
    server: &ServerState,
    limits: (usize, usize),
) {
    let (because, limit) = match full {
        Full::Server => (RefusedBecause::Full, limits.0),
        Full::Address => (RefusedBecause::Address, limits.1),
    };
    let (of, setting) = which(full);
    log_refusal(server, Some(peer), because, &format!("{limit} connections are open {of} ({setting})"));
    visitor.say(&too_many(service, full, limit));
}

fn which(full: Full) -> (&'static str, &'static str) {
    match full {
        Full::Server => ("in all", "MaxConnections"),
        Full::Address => ("from your address", "MaxConnectionFromSingleIP"),
    }
}

/// What a client is told that makes one connection too many.
fn too_many(service: Service, full: Full, limit: usize) -> Vec<u8> {
    let mut text = Vec::new();
    match service {
        Service::Pop3 => {
            let (of, setting) = which(full);
            Reply::too_many(of, setting, limit).write(&mut text);
        }
        Service::Lmtp => lmtp::reply::Reply::too_many_connections(limit).write(&mut text),
        Service::Pop3s | Service::Http | Service::Status => {}
    }
    text
}

/// Sends a client away for whom the system gives no thread. One line a minute for all of them.
fn no_thread(service: Service, client: &Handle, server: &ServerState, error: &io::Error) {
    let mut text = Vec::new();
    match service {
        Service::Pop3 => Reply::UNAVAILABLE.write(&mut text),
        Service::Lmtp => lmtp::reply::Reply::no_thread().write(&mut text),
        // Under TLS there is nobody to say it to.
        Service::Pop3s | Service::Http | Service::Status => {}
    }
    client.say(&text);
    server.metrics.refuse(RefusedBecause::Full);
    if server.refusals.add(None, "no thread", Instant::now()) {
        warn!("server: connections refused: cannot create a thread: {error}");
    }
}

/// The pool is the limit.
fn hand_over_http(service: Service, visitor: Visitor, server: &Arc<ServerState>, workers: &Arc<Workers>) {
    let job = {
        let (server, workers) = (server.clone(), workers.clone());
        move || {
            let socket = visitor.socket();
            let _entry = server.connections.enter(socket.handle());
            let answer = |path: &str| workers.watch.answer(path, service == Service::Status);
            if let Err(error) = http::serve(socket, answer) {
                debug!("http: {error}");
            }
        }
    };
    let pool = if service == Service::Status { &workers.status } else { &workers.http };
    if pool.submit(job).is_err() {
        debug!("http: connection refused: every worker is busy");
    }
}

/// The pool is the limit: MTAs wait and come back.
fn hand_over_lmtp(visitor: Visitor, server: &Arc<ServerState>, workers: &Arc<Workers>) {
    let configuration = server.configuration();
    let limit = configuration.settings.lmtp_max_connections;
    server.metrics.lmtp.add(1);
    workers.lmtp.set_max(limit);
    if workers.lmtp.busy() >= limit {
        let why = format!("{limit} LMTP connections are open (LmtpMaxConnections)");
        log_refusal(server, visitor.peer(), RefusedBecause::Full, &why);
        let mut text = Vec::new();
        lmtp::reply::Reply::too_many_connections(limit).write(&mut text);
        return visitor.say(&text);
    }
    let (peer, socket) = (visitor.peer(), visitor.socket());
    let handle = socket.handle();
    let job = {
        let (server, workers) = (server.clone(), workers.clone());
        move || {
            let entry = server.connections.enter(socket.handle());
            let Some(peer) = peer else {
                return lmtp::conn::serve(&server, &workers.host, socket, None, entry);
            };
            let proxied = proxied::is_expected(&configuration, peer.ip());
            let full = |limit| too_many(Service::Lmtp, Full::Address, limit);
            proxied::welcome(&server, socket, peer, proxied, full, |socket, origin, _permit| {
                lmtp::conn::serve(&server, &workers.host, socket, Some(origin.peer.ip()), entry);
            });
        }
    };
    match workers.submit_lmtp(job) {
        Ok(()) => {}
        Err(Refusal::Full(_)) => {
            log_refusal(server, peer, RefusedBecause::Full, "every worker is busy (LmtpMaxConnections)")
        }
        Err(Refusal::NoThread(_, error)) => {
            no_thread(Service::Lmtp, &handle, server, &error);
        }
    }
}
