//! Version 1: a line of text.

use super::{Header, Malformed, Origin, Progress};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How it begins.
pub(super) const START: &[u8] = b"PROXY ";
/// Octets of the line with its CRLF at most (section 2.1).
const LONGEST_LINE: usize = 107;

/// Looks at a line that begins with [`START`].
pub(super) fn progress(octets: &[u8]) -> Result<Progress, Malformed> {
    if let Some(line) = octets.strip_suffix(b"\r\n") {
        return parse(line).map(Progress::Whole);
    }
    if octets.len() >= LONGEST_LINE || octets.ends_with(b"\n") {
        return Err(Malformed("a PROXY line that does not end in CRLF"));
    }
    Ok(Progress::Lacks(if octets.ends_with(b"\r") { 1 } else { 2 }))
}

fn parse(line: &[u8]) -> Result<Header, Malformed> {
    const BAD: Malformed = Malformed("a PROXY line that cannot be read");
    let text = std::str::from_utf8(line).map_err(|_| BAD)?;
    let words: Vec<&str> = text.split(' ').collect();
    match words.as_slice() {
        // Whatever follows is to be ignored.
        ["PROXY", "UNKNOWN", ..] => Ok(Header::Own),
        ["PROXY", family @ ("TCP4" | "TCP6"), from, to, from_port, to_port] => {
            let socket = |address: &str, port: &str| {
                let address = match *family {
                    "TCP4" => address.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
                    _ => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
                };
                let number: u16 = port.parse().ok().filter(|number: &u16| number.to_string() == port).ok_or(BAD)?;
                Ok(SocketAddr::new(address.ok_or(BAD)?, number))
            };
            Ok(Header::Client(Origin { peer: socket(from, from_port)?, local: socket(to, to_port)?, tls: None }))
        }
        _ => Err(BAD),
    }
}
