//! The PROXY protocol, versions 1 and 2 (haproxy's doc/proxy-protocol.txt): who the client of a proxy is.
//!
//! What lives here: the header, from octets to [`Header`]. What must not be known here: who may send one.
//!
//! * A header is bounded ([`LONGEST_HEADER`]) and read to its last octet and no further: what follows is the client's.
//! * What is no header is found out at the first octet that cannot be one.

mod version1;
mod version2;

use crate::net::tls::Socket;
use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Instant;

/// Octets of a header at most. Version 1 has 107 by definition; version 2 could have 65,551, but proxies send hundreds.
pub const LONGEST_HEADER: usize = 4096;

/// What a header says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Header {
    /// The proxy speaks for itself (LOCAL, UNKNOWN): the connection is its own, say a health check.
    Own,
    /// It speaks for a client.
    Client(Origin),
}

/// Where a client comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Where the client is.
    pub peer: SocketAddr,
    /// Where the client connected to.
    pub local: SocketAddr,
    /// The client is under TLS with a proxy: version and cipher, as far as the proxy says (PP2_TYPE_SSL).
    pub tls: Option<String>,
}

/// Why it is no header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What the octets are that have come so far.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Progress {
    /// The beginning of a header: at least so many octets more belong to it.
    Lacks(usize),
    /// A header.
    Whole(Header),
}

/// Looks at what has come so far.
fn progress(octets: &[u8]) -> Result<Progress, Malformed> {
    let begins = |with: &[u8]| octets.iter().zip(with).all(|(one, other)| one == other);
    let shortest = version1::START.len().min(version2::SIGNATURE.len());
    if !begins(version1::START) && !begins(version2::SIGNATURE) {
        return Err(Malformed("no PROXY header"));
    }
    if octets.len() < shortest {
        return Ok(Progress::Lacks(shortest - octets.len()));
    }
    if begins(version1::START) { version1::progress(octets) } else { version2::progress(octets) }
}

/// A line that is a header, or a piece of one, from somebody who was not taken for a proxy.
pub fn is_stray(line: &[u8]) -> bool {
    // To a reader of lines, version 2 is two empty ones, this, and QUIT.
    line.starts_with(version1::START) || line == b"\0"
}

/// Reads a header, all of it before `deadline`.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] for what is none, [`io::ErrorKind::UnexpectedEof`], or the socket's own.
pub fn read(socket: &mut Socket, deadline: Instant) -> io::Result<Header> {
    socket.read_by(deadline);
    let (mut octets, mut lacks) = (Vec::new(), 1);
    loop {
        let begin = octets.len();
        octets.resize(begin + lacks, 0);
        let got = socket.read(&mut octets[begin..])?;
        octets.truncate(begin + got);
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match progress(&octets) {
            Ok(Progress::Whole(header)) => return Ok(header),
            Ok(Progress::Lacks(more)) => lacks = more,
            Err(why) => return Err(io::Error::new(io::ErrorKind::InvalidData, why.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
