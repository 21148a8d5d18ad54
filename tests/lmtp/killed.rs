//! SIGKILL in a stream of deliveries: what was acknowledged is there, once, and whole.

use crate::support::messages::message;
use crate::support::{Lmtp, Server, Site};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const ROUNDS: u64 = 12;
const CLIENTS: usize = 4;

/// Every third message has several chunks.
fn numbered(number: u64) -> Vec<u8> {
    let lines = if number.is_multiple_of(3) { 9000 } else { 20 };
    message(&format!("number {number}"), &format!(".body of number {number}, with a line\r\n").repeat(lines))
}

/// Delivers new messages until the server is gone; answers those that were acknowledged.
fn stream(address: std::net::SocketAddr, next: &AtomicU64) -> Vec<u64> {
    let mut lmtp = Lmtp::tcp(address);
    let mut acknowledged = Vec::new();
    while let Some(number) = attempt(&mut lmtp, next) {
        acknowledged.push(number);
    }
    acknowledged
}

fn attempt(lmtp: &mut Lmtp, next: &AtomicU64) -> Option<u64> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    let head = if number < CLIENTS as u64 { "LHLO x\r\n" } else { "RSET\r\n" };
    let mut wire = format!("{head}LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<alice>\r\nDATA\r\n").into_bytes();
    wire.extend(crate::support::messages::stuffed(&numbered(number)));
    wire.extend(b".\r\n");
    if !lmtp.try_send(&wire) {
        return None;
    }
    loop {
        let reply = lmtp.try_reply()?;
        if reply.contains(" stored") {
            return Some(number);
        }
        assert!(reply.starts_with('2') || reply.starts_with("354"), "{reply}");
    }
}

/// All of alice's messages: each is compared with what was sent. Number and how often it is there.
fn found(server: &Server) -> HashMap<u64, usize> {
    let mut client = server.alice();
    let count = client.stat().0;
    let mut found = HashMap::new();
    for at in 1..=count {
        let octets = client.multi(&format!("RETR {at}"));
        let start = memchr::memmem::find(&octets, b"From: a@example.org").unwrap();
        let subject = String::from_utf8_lossy(&octets[start..start + 60]).into_owned();
        let number: u64 = subject.split("number ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
        assert!(octets[start..] == numbered(number), "message {number} is damaged");
        *found.entry(number).or_default() += 1;
    }
    client.quit();
    found
}

#[test]
fn every_acknowledged_message_is_found_afterwards_and_none_twice() {
    let site: Arc<Site> = Site::with_alice(&[]);
    site.set("ProhibitSendReceiveQuota", "0");
    let (next, mut acknowledged) = (AtomicU64::new(0), Vec::new());
    for round in 0..ROUNDS {
        let server = site.serve(&[]);
        let address = server.address("lmtp");
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| stream(address, &next))).collect();
            // Some moment of a busy time, another one in each round.
            std::thread::sleep(Duration::from_millis(40 + 23 * round));
            server.kill();
            for client in clients {
                acknowledged.extend(client.join().unwrap());
            }
        });
    }
    assert!(acknowledged.len() > ROUNDS as usize, "only {} deliveries", acknowledged.len());
    let server = site.serve(&[]);
    let found = found(&server);
    for number in &acknowledged {
        assert_eq!(found.get(number), Some(&1), "message {number} was acknowledged");
    }
    assert!(found.values().all(|times| *times == 1));
    site.assert_sound();
}
