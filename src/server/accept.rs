//! The accept loops: one thread a listener, which hands sockets to the pool and never waits for a
//! client: no handshake, no read, and no write that could block.

use super::bind::{Listener, Service, Visitor};
use super::shutdown::ShutdownRequest;
use super::workers::Workers;
use crate::auth::limits::{Full, Permit};
use crate::lmtp;
use crate::net::pool::Refusal;
use crate::pop3::{self, reply::Reply};
use crate::shared::state::ServerState;
use log::{info, warn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What an accept loop waits after an error, for instance when there are no file descriptors left.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How often an accept loop complains.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// Workers beyond `MaxConnections`: one whose connection has ended or made room has given its permit back, and is not idle yet.
pub(super) const FINISHING: usize = 256;

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
    let mut said = None;
    while !closed.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok(visitor) => match (listener.service, visitor.peer()) {
                (Service::Pop3 | Service::Pop3s, Some(peer)) => {
                    hand_over(listener.service, visitor, peer, server, workers)
                }
                _ => hand_over_lmtp(visitor, server, workers),
            },
            Err(_) if closed.load(Ordering::SeqCst) => return,
            Err(error) if transient(&error) => {}
            Err(error) => {
                if said.is_none_or(|said: Instant| said.elapsed() >= REPEAT_AFTER) {
                    warn!("{} listener {}: accept: {error}", listener.service, listener.address);
                    said = Some(Instant::now());
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
    let limits = (settings.max_connections, settings.max_connection_from_single_ip);
    let permit = match admit(peer, server, limits) {
        Ok(permit) => permit,
        Err(full) => return refuse(service, visitor, peer, full, server, limits),
    };
    let job = {
        let (server, socket) = (server.clone(), visitor.socket());
        let entry = server.connections.enter_stranger(socket.handle(), Some(permit));
        move || pop3::conn::serve(&server, socket, peer, entry, service == Service::Pop3s)
    };
    workers.pop3.set_max(settings.max_connections.saturating_add(FINISHING));
    match workers.submit_pop3(job) {
        Ok(()) => {}
        Err(Refusal::Full(_)) => log_refusal(server, Some(peer), "every worker is busy (MaxConnections)"),
        Err(Refusal::NoThread(_, error)) => log_refusal(server, Some(peer), &format!("no thread: {error}")),
    }
}

/// Counts a connection. Where there are as many as `MaxConnections` allows, one that waits for its login makes room.
fn admit(peer: SocketAddr, server: &ServerState, limits: (usize, usize)) -> Result<Permit, Full> {
    let admit = || server.limits.connection(Some(peer.ip()), limits.0, limits.1);
    match admit() {
        // The setting may have been lowered by more than one.
        Err(Full::Server) if server.connections.make_room() => admit(),
        done => done,
    }
}

/// One line a minute for each address.
fn log_refusal(server: &ServerState, peer: Option<SocketAddr>, why: &str) {
    let peer = peer.map(|peer| peer.ip());
    if server.refusals.add(peer, why, Instant::now()) {
        match peer {
            Some(peer) => info!("{peer} refused: {why}"),
            None => info!("an LMTP connection refused: {why}"),
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
    let (of, setting, limit) = match full {
        Full::Server => ("in all", "MaxConnections", limits.0),
        Full::Address => ("from your address", "MaxConnectionFromSingleIP", limits.1),
    };
    log_refusal(server, Some(peer), &format!("{limit} connections are open {of} ({setting})"));
    let mut text = Vec::new();
    Reply::too_many(of, setting, limit).write(&mut text);
    if service == Service::Pop3 {
        visitor.say(&text);
    }
}

/// The pool is the limit: MTAs wait and come back.
fn hand_over_lmtp(visitor: Visitor, server: &Arc<ServerState>, workers: &Arc<Workers>) {
    let limit = server.configuration().settings.lmtp_max_connections;
    workers.lmtp.set_max(limit);
    if workers.lmtp.busy() >= limit {
        log_refusal(server, visitor.peer(), &format!("{limit} LMTP connections are open (LmtpMaxConnections)"));
        let mut text = Vec::new();
        lmtp::reply::Reply::too_many_connections(limit).write(&mut text);
        return visitor.say(&text);
    }
    let peer = visitor.peer();
    let job = {
        let (server, workers) = (server.clone(), workers.clone());
        let peer = peer.map(|peer| peer.ip());
        move || lmtp::conn::serve(&server, &workers.host, visitor.socket(), peer)
    };
    match workers.submit_lmtp(job) {
        Ok(()) => {}
        Err(Refusal::Full(_)) => log_refusal(server, peer, "every worker is busy (LmtpMaxConnections)"),
        Err(Refusal::NoThread(_, error)) => log_refusal(server, peer, &format!("no thread: {error}")),
    }
}
