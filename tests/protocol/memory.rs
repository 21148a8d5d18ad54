//! Taking in and sending 50 MiB costs less than 8 MiB of memory.

use crate::support::messages::PLAIN;
use crate::support::server::memory;
use crate::support::texts::OK;
use crate::support::{Client, Site};
use std::io::{Read, Write};
use std::process::Child;
use std::time::Duration;

/// What 50 MiB may cost, KiB.
const BOUND: u64 = 8 * 1024;

/// The message's octets, made and checked chunk by chunk: 800 times 64 KiB.
const CHUNKS: usize = 800;

/// 64 KiB of lines, some of which begin with a dot.
fn chunk() -> Vec<u8> {
    let line = [&b".a line of sixty-four octets that begins with a dot, as some do."[..62], b"\r\n"].concat();
    let plain = [&b"Another line of sixty-four octets, which begins with no dot at all"[..62], b"\r\n"].concat();
    [line, plain].concat().repeat(512)
}

#[test]
fn fifty_mebioctets() {
    let site = Site::with_alice(&[PLAIN]);
    // Otherwise the server hashes the password while memory is looked at, and a hash takes 19 MiB.
    site.succeed(&["passwd", "alice"], b"se cret\n");
    let small = deliver(&site, 0);
    let large = deliver(&site, CHUNKS);
    assert!(large < small + BOUND, "deliver: {large} KiB against {small} KiB for a small message");
    let server = site.serve(&[("EnableExactRFC822Size", "1")]);
    for connect in [|s: &crate::Server| s.connect(), |s: &crate::Server| s.connect_tls()] {
        let mut client = connect(&server);
        client.log_in("alice", "se cret");
        client.multi("RETR 1");
        let before = server.peak_memory();
        client.expect("LIST 3", &format!("+OK 3 {}\r\n", 8 + CHUNKS * 65_536));
        client.expect("RETR 3", OK);
        expect_message(&mut client);
        client.expect("TOP 3 100000000", OK);
        expect_message(&mut client);
        client.quit();
        let growth = server.peak_memory().saturating_sub(before);
        assert!(growth < BOUND, "RETR: {growth} KiB more");
    }
    site.assert_sound();
}

/// Delivers that many chunks; answers the greatest memory `deliver` had, KiB.
fn deliver(site: &Site, chunks: usize) -> u64 {
    let mut child = site.command(&["deliver", "alice"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let chunk = chunk();
    stdin.write_all(b"S: x\r\n\r\n").unwrap();
    for _ in 0..chunks {
        stdin.write_all(&chunk).unwrap();
    }
    drop(stdin);
    let peak = peak_until_end(&mut child);
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(child.wait().unwrap().success(), "{errors}");
    peak
}

/// The high-water mark of a process, read until it has ended: it never falls, so the last one counts.
fn peak_until_end(child: &mut Child) -> u64 {
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = memory(child.id(), "VmHWM:").unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_micros(500));
    }
    assert!(peak > 0, "it ended before it could be measured");
    peak
}

/// Reads the large message chunk by chunk.
fn expect_message(client: &mut Client) {
    assert_eq!(client.octets(8), b"S: x\r\n\r\n");
    let stuffed = crate::support::messages::stuffed(&chunk());
    for number in 0..CHUNKS {
        assert!(client.octets(stuffed.len()) == stuffed, "chunk {number} differs");
    }
    assert_eq!(client.octets(3), b".\r\n");
}
