//! What failed logins cost, and that nobody learns anything from them.

use crate::support::texts::{CANCELLED, LOGON, LOGON_FAILURE, OK, PROTOCOL_ERROR};
use crate::support::{Client, Server, Site, eventually};
use crate::tools::{REFUSED, python, said};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::{Duration, Instant};

fn plain(user: &str, password: &str) -> String {
    format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{user}\0{password}")))
}

/// Alice may log in; the others may not, for different reasons, though `se cret` is their password.
fn server(settings: &[(&str, &str)]) -> Server {
    let site = Site::with_alice(&[]);
    for user in ["off", "away", "empty"] {
        site.add_user(user, "se cret");
    }
    site.sql("UPDATE users SET ntlm = 1");
    let server = site.serve(&[&[("Site", "here")], settings].concat());
    server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'off'");
    server.sql("UPDATE mailboxes SET site = 'elsewhere' WHERE name = 'away'");
    server.sql("UPDATE users SET password = NULL WHERE name = 'empty'");
    server
}

/// Everything a client sees of an exchange of SCRAM, less what is random.
fn scram(server: &Server, user: &str, password: &str) -> Vec<String> {
    use pillarbox::auth::credential::scram::Keys;
    use pillarbox::hmac::hmac_sha256;
    let mut client = server.connect();
    let first = format!("n={user},r=abc");
    let reply = client.say(&format!("AUTH SCRAM-SHA-256 {}", STANDARD.encode(format!("n,,{first}"))));
    let decoded = STANDARD.decode(reply.trim_end().strip_prefix("+ ").unwrap()).unwrap();
    let challenge = String::from_utf8(decoded).unwrap();
    let fields: Vec<&str> = challenge.split(',').map(|field| &field[2..]).collect();
    let (salt, rounds) = (STANDARD.decode(fields[1]).unwrap(), fields[2].parse().unwrap());
    let bare = format!("c=biws,r={}", fields[0]);
    let message = format!("{first},{challenge},{bare}");
    let keys = Keys::derive(&password.into(), &salt, rounds);
    // The client key is not kept: it comes from the salted password (RFC 5802 section 3).
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password.as_bytes(), &salt, rounds, &mut salted);
    let mut proof = *hmac_sha256(&salted, &[b"Client Key"]);
    let stored: [u8; 32] = keys.stored_key.expose().try_into().unwrap();
    let signature = hmac_sha256(&stored, &[message.as_bytes()]);
    proof.iter_mut().zip(signature.iter()).for_each(|(octet, other)| *octet ^= other);
    let mut replies = vec![format!("{} {}", fields[1].len(), fields[2])];
    replies.push(client.say(&STANDARD.encode(format!("{bare},p={}", STANDARD.encode(proof)))));
    if replies[1].starts_with("+ ") {
        replies[1] = "+ v".into();
        replies.push(client.say(""));
    }
    replies
}

/// Unknown, disabled, of another site, without a password, and a wrong password: the same octets.
#[test]
fn nobody_learns_why() {
    let server = server(&[]);
    let pass = |user: &str, password: &str| {
        let mut client = server.connect();
        [client.say(&format!("USER {user}")), client.say(&format!("PASS {password}"))]
    };
    let ntlm = |user: &str, password: &str| {
        let port = server.address("pop3s").port().to_string();
        said(&mut python("ntlm.py", &[&port, "pop3s", user, password, "none"]))
    };
    let wrong = [OK, LOGON_FAILURE];
    assert_eq!(pass("alice", "se cret"), [OK, LOGON]);
    assert_eq!(scram(&server, "alice", "se cret").last().unwrap(), LOGON);
    for (user, password) in
        [("alice", "wrong"), ("nobody", "se cret"), ("off", "se cret"), ("away", "se cret"), ("empty", "se cret")]
    {
        assert_eq!(pass(user, password), wrong, "{user}");
        assert_eq!(server.connect().say(&plain(user, password)), LOGON_FAILURE, "{user}");
        assert_eq!(scram(&server, user, password), scram(&server, "alice", "wrong"), "{user}");
        assert_eq!(ntlm(user, password), REFUSED, "{user}");
    }
}

/// The fifth failure closes, of whatever mechanisms and across STLS; what is no failure does not count.
#[test]
fn the_fifth_failure_closes() {
    let server = server(&[]);
    eventually("NTLM is offered", || server.connect().capabilities().iter().any(|line| line.contains("NTLM")));
    let mut client = server.connect();
    client.expect(&plain("alice", "wrong"), LOGON_FAILURE);
    client.expect("USER alice", OK);
    client.expect("PASS wrong", LOGON_FAILURE);
    for _ in 0..4 {
        client.expect_start("AUTH PLAIN AA=", PROTOCOL_ERROR);
        client.expect_start("AUTH NTLM Z2FyYmFnZQ==", PROTOCOL_ERROR);
        client.expect("AUTH SCRAM-SHA-256", "+ \r\n");
        client.expect("*", CANCELLED);
        client.expect_start("AUTH SCRAM-SHA-256 bm9uc2Vuc2U=", PROTOCOL_ERROR);
    }
    let mut client = client.start_tls();
    client.expect(&plain("nobody", "wrong"), LOGON_FAILURE);
    client.expect(&plain("alice", "wrong"), LOGON_FAILURE);
    client.expect(&plain("off", "se cret"), LOGON_FAILURE);
    client.expect_end();
    server.connect().log_in("alice", "se cret");
}

/// Failures are held back longer and longer, but never longer than MaxLoginDelay; good logins are not.
#[test]
fn delays_grow_up_to_the_limit() {
    let server = server(&[("MaxLoginDelay", "1")]);
    let start = Instant::now();
    for names in [["a", "b", "c", "d"], ["e", "f", "g", "h"]] {
        let mut client = server.connect();
        names.iter().for_each(|name| client.expect(&plain(name, "wrong"), LOGON_FAILURE));
    }
    // 0, 0.5, and six times 1 second; without the limit these would be 63.5.
    assert!(start.elapsed() >= Duration::from_millis(6500));
    assert!(start.elapsed() < Duration::from_secs(50));
    assert_eq!(server.connect().say(&plain("alice", "se cret")), LOGON);
}

/// The forms of one name count as one, so that nobody guesses on by writing it differently.
#[test]
fn all_forms_of_a_name_are_one() {
    let server = server(&[("MaxLoginDelay", "1")]);
    let addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
    let start = Instant::now();
    for (from, form) in addresses.iter().zip(["alice", "ALICE@example.org", "EXAMPLE\\alice", "x/alice"]) {
        let mut client = Client::greeted(Client::over(connect_from(from, server.address("pop3"))));
        client.expect(&plain(form, "wrong"), LOGON_FAILURE);
    }
    assert!(start.elapsed() >= Duration::from_millis(2500), "0, 0.5, 1 and 1 second");
}

fn connect_from(from: &str, to: std::net::SocketAddr) -> std::net::TcpStream {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
    use std::os::fd::AsRawFd;
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    let address = |text: String| text.parse::<SockaddrIn>().unwrap();
    bind(socket.as_raw_fd(), &address(format!("{from}:0"))).unwrap();
    connect(socket.as_raw_fd(), &address(to.to_string())).unwrap();
    socket.into()
}

/// Hundreds who guess at once: everyone gets an answer, memory stays small, and alice gets in.
#[test]
fn a_crowd_of_wrong_passwords() {
    let server = server(&[("MaxConnectionFromSingleIP", "1000")]);
    server.connect().log_in("alice", "se cret");
    let before = server.peak_memory();
    let mut crowd: Vec<Client> = (0..300).map(|_| server.connect()).collect();
    for (number, client) in crowd.iter_mut().enumerate() {
        client.send(format!("{}\r\n", plain(if number % 2 == 0 { "alice" } else { "nobody" }, "wrong")));
    }
    server.connect().log_in("alice", "se cret");
    for client in &mut crowd {
        let reply = client.line();
        assert!(reply == LOGON_FAILURE || reply.starts_with("-ERR [SYS/TEMP] "), "{reply}");
    }
    let more = server.peak_memory().saturating_sub(before);
    assert!(more < 150 * 1024, "{more} KiB for 300 guesses");
    server.connect().log_in("alice", "se cret");
}
