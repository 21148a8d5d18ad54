//! How much a transaction takes, and what a driver asks of it.

use super::Player;
use crate::lmtp::transaction::MOST_RECIPIENTS;

#[test]
fn a_message_may_be_as_large_as_the_limit() {
    for (octets, reply) in [(60, "250 "), (61, "552 5.3.4 ")] {
        let mut player = Player::new();
        let content = format!("BDAT {octets} LAST\r\n{}", "x".repeat(octets));
        player.send(format!("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<alice>\r\n{content}").as_bytes(), 99);
        assert!(player.replies()[3].starts_with(reply), "{:?}", player.replies());
    }
}

#[test]
fn recipients_are_bounded() {
    let mut player = Player::new();
    player.send(b"LHLO x\r\nMAIL FROM:<>\r\n", 99);
    for _ in 0..MOST_RECIPIENTS {
        player.send(b"RCPT TO:<alice>\r\n", 99);
    }
    player.send(b"RCPT TO:<alice>\r\n", 99);
    assert!(player.replies().last().unwrap().starts_with("452 4.5.3 "));
}

/// What a driver asks for what it stores.
#[test]
fn what_was_said_is_kept_for_the_trace() {
    let mut player = Player::new();
    assert!(player.session.client().is_empty() && player.session.mail().is_none() && !player.session.is_receiving());
    player.send(b"LHLO client.example\r\nMAIL FROM:<a@b> SIZE=7\r\n", 99);
    assert_eq!(player.session.client(), "client.example");
    assert_eq!(player.session.mail().map(|mail| (mail.sender.as_str(), mail.size)), Some(("a@b", Some(7))));
    assert!(!player.session.is_receiving());
    player.send(b"RCPT TO:<alice>\r\nDATA\r\nx\r\n", 99);
    assert!(player.session.is_receiving());
    player.send(b".\r\n", 99);
    assert!(player.session.mail().is_none() && !player.session.is_receiving());
}
