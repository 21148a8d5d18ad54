//! Connections that come through a proxy of `ProxyNetworks`: who the client really is, before anybody greets them.

use super::accept::log_refusal;
use crate::auth::limits::Permit;
use crate::net::proxy::{self, Header, Origin};
use crate::net::tls::Socket;
use crate::shared::metrics::RefusedBecause;
use crate::shared::state::{Configuration, ServerState};
use log::{debug, info};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Whether this peer must send a PROXY header.
pub(super) fn is_expected(configuration: &Configuration, peer: IpAddr) -> bool {
    configuration.settings.proxy_networks.iter().any(|network| network.contains(peer))
}

/// Finds out where the connection comes from and has it served. Without the header that is `expected` it is closed
/// without a word, as it is if it makes room for others. A client that has too many connections is told `full`, made of the limit.
pub(super) fn welcome(
    server: &ServerState,
    mut socket: Socket,
    peer: SocketAddr,
    expected: bool,
    full: impl FnOnce(usize) -> Vec<u8>,
    serve: impl FnOnce(Socket, Origin, Option<Permit>),
) {
    let own = Origin { peer, local: socket.local_address().unwrap_or(peer), tls: None };
    if !expected {
        return serve(socket, own, None);
    }
    match read(server, &mut socket) {
        Ok(Header::Own) => serve(socket, own, None),
        Ok(Header::Client(client)) => {
            let limit = server.configuration().settings.max_connection_from_single_ip;
            let address = client.peer.ip();
            match server.limits.address(address, limit) {
                Some(permit) => serve(socket, client, Some(permit)),
                None => {
                    let why = format!("{limit} connections are open from your address (MaxConnectionFromSingleIP)");
                    log_refusal(server, Some(client.peer), RefusedBecause::Address, &why);
                    // Nobody waits for it: the client may be gone already.
                    let _ = socket.write_all(&full(limit));
                }
            }
        }
        // A health check that only connects.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            debug!("proxy: {}: disconnected without sending anything", peer.ip())
        }
        Err(error) => {
            server.metrics.refuse(RefusedBecause::Proxy);
            info!("proxy: {}: closed without the PROXY header that ProxyNetworks requires: {}", peer.ip(), why(&error));
        }
    }
}

fn read(server: &ServerState, socket: &mut Socket) -> io::Result<Header> {
    let timeout = server.configuration().settings.pre_authenticated_connection_timeout;
    proxy::read(socket, Instant::now() + timeout)
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "timed out".into(),
        _ => error.to_string(),
    }
}
