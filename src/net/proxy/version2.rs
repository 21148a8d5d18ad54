//! Version 2: octets.

use super::{Header, LONGEST_HEADER, Malformed, Origin, Progress};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How it begins. To somebody who does not know it this is two empty lines, one with a NUL, and QUIT.
pub(super) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const HEAD: usize = 16;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

const PP2_TYPE_CRC32C: u8 = 0x03;
const PP2_TYPE_SSL: u8 = 0x20;
const PP2_SUBTYPE_SSL_VERSION: u8 = 0x21;
const PP2_SUBTYPE_SSL_CIPHER: u8 = 0x23;
/// Of the first octet of PP2_TYPE_SSL: the client is under TLS.
const PP2_CLIENT_SSL: u8 = 0x01;

const SHORT: Malformed = Malformed("a PROXY header that is shorter than what it holds");

/// Looks at what begins as [`SIGNATURE`] does.
pub(super) fn progress(octets: &[u8]) -> Result<Progress, Malformed> {
    let Some((head, rest)) = octets.split_at_checked(HEAD) else {
        return Ok(Progress::Lacks(HEAD - octets.len()));
    };
    let (command, family) = (head[12], head[13]);
    if !matches!(command, LOCAL | PROXY) {
        return Err(Malformed("a PROXY header of another version or command"));
    }
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if length > LONGEST_HEADER - HEAD {
        return Err(Malformed("a PROXY header that is too long"));
    }
    if rest.len() < length {
        return Ok(Progress::Lacks(length - rest.len()));
    }
    if command == LOCAL { Ok(Progress::Whole(Header::Own)) } else { parse(octets, family).map(Progress::Whole) }
}

fn parse(whole: &[u8], family: u8) -> Result<Header, Malformed> {
    let rest = &whole[HEAD..];
    let (addresses, extensions) = match family {
        // Nothing is known of the client (AF_UNSPEC), or it has no address (AF_UNIX).
        0x00 => (None, rest),
        0x31 => (None, rest.get(216..).ok_or(SHORT)?),
        0x11 => (Some(pair::<4>(rest).ok_or(SHORT)?), &rest[12..]),
        0x21 => (Some(pair::<16>(rest).ok_or(SHORT)?), &rest[36..]),
        _ => return Err(Malformed("a PROXY header of an unknown address family")),
    };
    let tls = read_extensions(whole, extensions)?;
    Ok(addresses.map_or(Header::Own, |(peer, local)| Header::Client(Origin { peer, local, tls })))
}

/// Two addresses of `N` octets and two ports.
fn pair<const N: usize>(octets: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (from, rest) = octets.split_at_checked(N)?;
    let (to, ports) = rest.split_at_checked(N)?;
    let address = |octets: &[u8]| match <[u8; 4]>::try_from(octets) {
        Ok(four) => Some(IpAddr::V4(Ipv4Addr::from(four))),
        Err(_) => <[u8; 16]>::try_from(octets).ok().map(|sixteen| IpAddr::V6(Ipv6Addr::from(sixteen))),
    };
    let port = |at: usize| Some(u16::from_be_bytes([*ports.get(at)?, *ports.get(at + 1)?]));
    Some((SocketAddr::new(address(from)?, port(0)?), SocketAddr::new(address(to)?, port(2)?)))
}

/// What PP2_TYPE_SSL says; a checksum must be right.
fn read_extensions(whole: &[u8], mut rest: &[u8]) -> Result<Option<String>, Malformed> {
    let mut tls = None;
    while !rest.is_empty() {
        let (kind, value, after) = extension(rest)?;
        match kind {
            PP2_TYPE_CRC32C => check(whole, whole.len() - rest.len() + 3, value)?,
            PP2_TYPE_SSL => tls = read_ssl(value)?,
            _ => {}
        }
        rest = after;
    }
    Ok(tls)
}

/// Type, value, and what follows.
fn extension(octets: &[u8]) -> Result<(u8, &[u8], &[u8]), Malformed> {
    let (head, rest) = octets.split_at_checked(3).ok_or(SHORT)?;
    let length = usize::from(u16::from_be_bytes([head[1], head[2]]));
    let (value, after) = rest.split_at_checked(length).ok_or(SHORT)?;
    Ok((head[0], value, after))
}

fn read_ssl(value: &[u8]) -> Result<Option<String>, Malformed> {
    // One octet of flags, four that tell what came of a client's certificate.
    let (head, mut rest) = value.split_at_checked(5).ok_or(SHORT)?;
    let (mut version, mut cipher) = (String::from("TLS"), String::new());
    while !rest.is_empty() {
        let (kind, value, after) = extension(rest)?;
        match kind {
            PP2_SUBTYPE_SSL_VERSION => version = shown(value),
            PP2_SUBTYPE_SSL_CIPHER => cipher = format!(" {}", shown(value)),
            _ => {}
        }
        rest = after;
    }
    Ok((head[0] & PP2_CLIENT_SSL != 0).then(|| version + &cipher))
}

/// For the log.
fn shown(octets: &[u8]) -> String {
    octets.iter().take(64).map(|octet| if octet.is_ascii_graphic() { char::from(*octet) } else { '?' }).collect()
}

/// The checksum that stands at `at` is that of the header with zeros in its place (section 2.2.4).
fn check(whole: &[u8], at: usize, value: &[u8]) -> Result<(), Malformed> {
    let wrong = Malformed("a PROXY header whose checksum is wrong");
    let said = <[u8; 4]>::try_from(value).map_err(|_| wrong)?;
    let zeroed = whole.iter().enumerate().map(|(i, octet)| if (at..at + 4).contains(&i) { 0 } else { *octet });
    if crc32c(zeroed) == u32::from_be_bytes(said) { Ok(()) } else { Err(wrong) }
}

/// CRC32c (RFC 4960 appendix B), bit by bit: headers are short and rare.
pub(super) fn crc32c(octets: impl Iterator<Item = u8>) -> u32 {
    !octets.fold(!0, |crc, octet| {
        (0..8).fold(crc ^ u32::from(octet), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    })
}
