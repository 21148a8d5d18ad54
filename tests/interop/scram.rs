//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677) with mpop and scramp.

use crate::support::texts::{LOGON, LOGON_FAILURE, PROTOCOL_ERROR};
use crate::support::{Client, Server, Site};
use crate::tools::{Login, REFUSED, WELCOME, crypt, logged, mpop, offered, python, said, wait_for};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::ssl::SslVersion;
use pillarbox::auth::credential::scram::Keys;
use pillarbox::hmac::hmac_sha256;

fn server() -> Server {
    Site::with_alice(&[b"Subject: x\n\ny\n"]).serve(&[])
}

fn scramp(server: &Server, kind: &str, user: &str, password: &str, which: &str) -> String {
    let port = server.address(kind).port().to_string();
    said(&mut python("scram.py", &[&port, kind, user, password, which]))
}

#[test]
fn mpop_right_and_wrong() {
    let server = server();
    for kind in ["pop3", "pop3s"] {
        let login =
            |user, password| mpop(&server, kind, &format!("auth scram-sha-256\nuser {user}\npassword \"{password}\""));
        assert_eq!(login("alice", "se cret"), Login::In);
        assert_eq!(login("Alice@example.org", "se cret"), Login::In);
        assert_eq!(login("alice", "wrong"), Login::Denied);
        assert_eq!(login("nobody", "se cret"), Login::Denied);
    }
}

/// Clients that choose -PLUS unasked must be able to do it: it is offered where the administrator wants it.
#[test]
fn bindings_are_not_offered_unasked() {
    let server = server();
    assert!(!offered(&server, "pop3s").contains(&"SCRAM-SHA-256-PLUS".to_owned()));
    assert_eq!(scramp(&server, "pop3s", "alice", "se cret", "y"), WELCOME, "nobody was talked out of it");
    server.set("ExtendedProtectionPolicy", "Require");
    wait_for(&server, "SCRAM-SHA-256-PLUS", true);
}

/// RFC 9266, over the TLS that this client does itself.
#[test]
fn bound_to_the_connection() {
    let server = Site::with_alice(&[]).serve(&[("ExtendedProtectionPolicy", "Allow")]);
    let login = |version, wrong: bool| {
        let mut client = Client::greeted(Client::tls_of(server.address("pop3s"), version));
        let mut binding = client.exported("EXPORTER-Channel-Binding");
        binding[0] ^= u8::from(wrong);
        let (header, bare) = ("p=tls-exporter,,", "n=alice,r=abc");
        let reply = client.say(&format!("AUTH SCRAM-SHA-256-PLUS {}", STANDARD.encode(format!("{header}{bare}"))));
        let Some(challenge) = reply.trim_end().strip_prefix("+ ") else { return reply };
        let challenge = String::from_utf8(STANDARD.decode(challenge).unwrap()).unwrap();
        let binding = [header.as_bytes(), &binding].concat();
        let reply = client.say(&STANDARD.encode(bound_message(bare, &challenge, "se cret", &binding)));
        if reply.starts_with("+ ") { client.say("") } else { reply }
    };
    assert_eq!(login(SslVersion::TLS1_3, false), LOGON);
    assert_eq!(login(SslVersion::TLS1_3, true), LOGON_FAILURE);
    assert!(login(SslVersion::TLS1_2, false).starts_with(PROTOCOL_ERROR), "not unique there without more");
}

#[test]
fn scramp_with_bindings() {
    let server = Site::with_alice(&[b"Subject: x\n\ny\n"]).serve(&[("ExtendedProtectionPolicy", "Allow")]);
    assert_eq!(scramp(&server, "pop3", "alice", "se cret", "n"), WELCOME);
    assert_eq!(scramp(&server, "pop3s", "alice", "se cret", "n"), WELCOME);
    assert_eq!(scramp(&server, "pop3s", "alice", "se cret", "right"), WELCOME);
    assert_eq!(scramp(&server, "pop3s", "alice", "se cret", "wrong"), REFUSED);
    assert_eq!(scramp(&server, "pop3s", "alice", "wrong", "right"), REFUSED);
    logged(&server, "SCRAM-SHA-256-PLUS failed: SCRAM channel bindings do not match");
    assert!(scramp(&server, "pop3s", "alice", "se cret", "y").starts_with(PROTOCOL_ERROR), "a downgrade");
    assert_eq!(scramp(&server, "pop3", "alice", "se cret", "y"), WELCOME, "it was not offered");
}

/// Unknown users have a salt, and it stays the same: nobody learns who exists.
#[test]
fn unknown_users_have_a_stable_salt() {
    let server = server();
    let first = |user: &str| {
        let mut client = server.connect();
        let reply = client.say(&format!("AUTH SCRAM-SHA-256 {}", STANDARD.encode(format!("n,,n={user},r=abc"))));
        let challenge =
            String::from_utf8(STANDARD.decode(reply.trim_end().strip_prefix("+ ").unwrap()).unwrap()).unwrap();
        let (nonce, rest) = challenge.split_once(",s=").unwrap();
        assert!(nonce.starts_with("r=abc") && nonce.len() > 20, "{challenge}");
        let proof = STANDARD.encode(format!("c=biws,{nonce},p={}", STANDARD.encode([7; 32])));
        client.expect(&proof, LOGON_FAILURE);
        rest.to_owned()
    };
    let (alice, nobody, other) = (first("alice"), first("nobody"), first("other"));
    assert_eq!((&alice, &nobody), (&first("ALICE"), &first("NoBody")));
    assert!(alice != nobody && nobody != other);
    let shape = |rest: &str| (rest.len(), rest.split_once(",i=").unwrap().1.to_owned());
    assert_eq!(shape(&alice), shape(&nobody));
    server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    assert_eq!(first("alice"), alice);
    server.sql("DELETE FROM users WHERE name = 'alice'");
    assert_eq!(first("alice"), alice, "not even after the user's end");
}

/// What is stored cannot be used in the password's place, and is offered once everybody has it.
#[test]
fn offered_once_everybody_has_a_verifier() {
    let site = Site::with_alice(&[]);
    // SCRAM keys cannot be had from it.
    site.add_user("bob", &crypt("builder", "$2b$04$abcdefghijklmnopqrstuu"));
    let server = site.serve(&[("ExtendedProtectionPolicy", "Allow")]);
    assert!(!offered(&server, "pop3s").iter().any(|name| name.starts_with("SCRAM")));
    server.sql("UPDATE users SET password = 'builder' WHERE name = 'bob'");
    wait_for(&server, "SCRAM-SHA-256-PLUS", true);
    assert_eq!(scramp(&server, "pop3s", "bob", "builder", "right"), WELCOME);
    server.sql("INSERT INTO users(name) VALUES ('carol')");
    wait_for(&server, "SCRAM-SHA-256", true);
}

/// A password that is changed while somebody's exchange with the old one waits is void there as well.
#[test]
fn a_password_changed_during_the_exchange_is_void() {
    let server = server();
    let during = |sql: &str, at: usize| {
        let mut client = server.connect();
        let bare = "n=alice,r=abc";
        let reply = client.say(&format!("AUTH SCRAM-SHA-256 {}", STANDARD.encode(format!("n,,{bare}"))));
        if at == 0 {
            server.sql(sql);
        }
        let challenge =
            String::from_utf8(STANDARD.decode(reply.trim_end().strip_prefix("+ ").unwrap()).unwrap()).unwrap();
        let reply = client.say(&STANDARD.encode(final_message(bare, &challenge, "se cret")));
        if at == 1 {
            server.sql(sql);
        }
        if reply.starts_with("+ ") { client.say("") } else { reply }
    };
    for at in [0, 1] {
        assert_eq!(during("SELECT 1", at), LOGON);
        assert_eq!(during("UPDATE users SET password = 'changed' WHERE name = 'alice'", at), LOGON_FAILURE, "{at}");
        server.sql("UPDATE users SET password = 'se cret' WHERE name = 'alice'");
        assert_eq!(during("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'", at), LOGON_FAILURE, "{at}");
        server.sql("UPDATE users SET pop_enabled = 1 WHERE name = 'alice'");
    }
}

/// The client's final message for a challenge, as somebody who knows the password makes it.
fn final_message(bare: &str, challenge: &str, password: &str) -> String {
    bound_message(bare, challenge, password, b"n,,")
}

fn bound_message(bare: &str, challenge: &str, password: &str, binding: &[u8]) -> String {
    let fields: Vec<&str> = challenge.split(',').map(|field| &field[2..]).collect();
    let (salt, rounds) = (STANDARD.decode(fields[1]).unwrap(), fields[2].parse().unwrap());
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password.as_bytes(), &salt, rounds, &mut salted);
    let without = format!("c={},r={}", STANDARD.encode(binding), fields[0]);
    let mut proof = *hmac_sha256(&salted, &[b"Client Key"]);
    let stored: [u8; 32] = Keys::derive(&password.into(), &salt, rounds).stored_key.expose().try_into().unwrap();
    let signature = hmac_sha256(&stored, &[format!("{bare},{challenge},{without}").as_bytes()]);
    proof.iter_mut().zip(signature.iter()).for_each(|(octet, other)| *octet ^= other);
    format!("{without},p={}", STANDARD.encode(proof))
}
