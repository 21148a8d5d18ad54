//! Trace headers: what a copy gets in front when it is delivered (RFC 5321 section 4.4).

use super::command::Mail;
use super::path::quoted;
use super::transaction::Copy;
use crate::message::date;
use core::net::IpAddr;
use std::fmt;

/// Where a message came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// A network client.
    Address(IpAddr),
    /// A process of this machine, through a Unix socket.
    Local,
}

impl fmt::Display for Peer {
    /// An address literal of RFC 5321 section 4.1.3.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => write!(f, "[{address}]"),
            Self::Address(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(address) => write!(f, "[{address}]"),
                None => write!(f, "[IPv6:{address}]"),
            },
            Self::Local => f.write_str("local socket"),
        }
    }
}

/// What the trace of a message says beside the copy.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// What LHLO said.
    pub client: &'a str,
    /// Where the connection came from.
    pub peer: Peer,
    /// This machine's name.
    pub host: &'a str,
    /// Names the delivery in the log.
    pub id: &'a str,
    /// Seconds since 1970 UTC.
    pub time: i64,
}

/// The header fields in front of a copy, which names no other recipient.
pub fn header(mail: &Mail, copy: &Copy, origin: &Origin<'_>) -> String {
    // RFC 6531 section 4.3 names the second protocol.
    let with = if mail.smtputf8 { "UTF8LMTP" } else { "LMTP" };
    format!(
        "Return-Path: <{}>\r\n{}Received: from {} ({})\r\n\tby {} with {with} id {}\r\n\tfor <{}>; {}\r\n",
        quoted(&mail.sender),
        delivered(copy),
        word(origin.client),
        origin.peer,
        word(origin.host),
        origin.id,
        quoted(&copy.recipient),
        date::rfc5322(origin.time),
    )
}

/// Whose mailbox it is, and the recipient's address where that is another one.
fn delivered(copy: &Copy) -> String {
    let delivered = delivered_to(&copy.mailbox.name, &copy.recipient);
    let mut lines = String::new();
    if !delivered.eq_ignore_ascii_case(&copy.recipient) {
        lines = format!("X-Original-To: {}\r\n", quoted(&copy.recipient));
    }
    lines + &format!("Delivered-To: {}\r\n", quoted(&delivered))
}

/// The mailbox as an address: its name, with the recipient's domain if it has none itself.
fn delivered_to(mailbox: &str, recipient: &str) -> String {
    match recipient.rsplit_once('@') {
        Some((_, domain)) if !mailbox.contains('@') && !domain.is_empty() => format!("{mailbox}@{domain}"),
        _ => mailbox.to_owned(),
    }
}

/// What a client said of itself: nothing in it may end the line or open a comment.
fn word(text: &str) -> String {
    let sound = |c: char| c.is_alphanumeric() || "-._:[]".contains(c);
    let word: String = text.chars().take(255).map(|c| if sound(c) { c } else { '?' }).collect();
    if word.is_empty() { "unknown".into() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Mailbox, MailboxId};

    fn stamped(sender: &str, mailbox: &str, recipient: &str, client: &str) -> String {
        let mail = Mail { sender: sender.into(), ..Mail::default() };
        let mailbox = Mailbox { id: MailboxId(1), name: mailbox.into(), room: u64::MAX };
        let copy = Copy { mailbox, recipient: recipient.into() };
        let peer = Peer::Address("192.0.2.1".parse().unwrap());
        header(&mail, &copy, &Origin { client, peer, host: "pop.example", id: "a1", time: 1_795_428_000 })
    }

    #[test]
    fn the_copy_says_where_it_came_from() {
        assert_eq!(
            stamped("bob@b.example", "alice", "alice@a.example", "mx.example"),
            "Return-Path: <bob@b.example>\r\n\
             Delivered-To: alice@a.example\r\n\
             Received: from mx.example ([192.0.2.1])\r\n\
             \tby pop.example with LMTP id a1\r\n\
             \tfor <alice@a.example>; Mon, 23 Nov 2026 10:00:00 +0000\r\n"
        );
    }

    #[test]
    fn another_address_than_the_mailbox_is_named() {
        let text = stamped("", "alice", "sales+x@a.example", "mx");
        assert!(text.starts_with("Return-Path: <>\r\nX-Original-To: sales+x@a.example\r\n"), "{text}");
        assert!(text.contains("\r\nDelivered-To: alice@a.example\r\n"), "{text}");
        let text = stamped("", "alice", "Alice", "mx");
        assert!(!text.contains("X-Original-To") && text.contains("\r\nDelivered-To: alice\r\n"), "{text}");
        let text = stamped("", "alice@b.example", "info@a.example", "mx");
        assert!(text.contains("\r\nDelivered-To: alice@b.example\r\n"), "{text}");
    }

    #[test]
    fn nothing_that_was_said_adds_a_line() {
        let text = stamped("a \"b@c", "alice", "alice", "x)\r\nEvil: (");
        assert!(text.starts_with("Return-Path: <\"a \\\"b\"@c>\r\n"), "{text}");
        assert!(text.contains("Received: from x???Evil:?? ("), "{text}");
        assert_eq!(text.matches("\r\n").count(), 5, "{text}");
    }

    #[test]
    fn peers_are_address_literals() {
        let shown = |text: &str| Peer::Address(text.parse().unwrap()).to_string();
        assert_eq!(shown("::ffff:192.0.2.1"), "[192.0.2.1]");
        assert_eq!(shown("2001:db8::1"), "[IPv6:2001:db8::1]");
    }
}
