//! One failed login through each door, and how long its answer takes.
//!
//! Names are of the same length, so that all that differs is whether they are known.

use crate::server::{Client, Server};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::hash::MessageDigest;
use openssl::sign::Signer;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Fails as a user who exists, or as one who does not.
pub type Attempt = fn(&Server, bool) -> Duration;

/// The doors, and the two answers of SCRAM.
pub const DOORS: &[(&str, Attempt)] = &[
    ("USER/PASS, wrong password", pass),
    ("USER/PASS, disabled user", disabled),
    ("PLAIN, wrong password", plain),
    ("SCRAM-SHA-256, challenge", scram_challenge),
    ("SCRAM-SHA-256, wrong proof", scram_proof),
    ("NTLM, wrong proof", ntlm),
    ("OAUTHBEARER, disabled user", bearer),
];

const REFUSED: &str = "-ERR [AUTH] Logon failure: unknown user name or bad password.";

fn name(exists: bool) -> &'static str {
    if exists { "alice" } else { "nobod" }
}

/// The last line of an exchange, which is refused, and its time.
fn refused(client: &mut Client, line: &str) -> Duration {
    let start = Instant::now();
    let reply = client.say(line);
    let time = start.elapsed();
    assert_eq!(reply, REFUSED);
    time
}

/// The next challenge, decoded, and its time.
fn challenge(client: &mut Client, line: &str) -> (Vec<u8>, Duration) {
    let start = Instant::now();
    let reply = client.say(line);
    let time = start.elapsed();
    (STANDARD.decode(reply.strip_prefix("+ ").expect(&reply)).unwrap(), time)
}

fn pass(server: &Server, exists: bool) -> Duration {
    with_password(server, name(exists), "wrong")
}

fn disabled(server: &Server, exists: bool) -> Duration {
    with_password(server, if exists { "offff" } else { "nobod" }, "correct horse")
}

fn with_password(server: &Server, user: &str, password: &str) -> Duration {
    let mut client = server.connect();
    client.say(&format!("USER {user}"));
    refused(&mut client, &format!("PASS {password}"))
}

fn plain(server: &Server, exists: bool) -> Duration {
    let message = STANDARD.encode(format!("\0{}\0wrong", name(exists)));
    refused(&mut server.connect(), &format!("AUTH PLAIN {message}"))
}

fn scram_first(client: &mut Client, exists: bool) -> (String, Duration) {
    let first = STANDARD.encode(format!("n,,n={},r=abc", name(exists)));
    let (octets, time) = challenge(client, &format!("AUTH SCRAM-SHA-256 {first}"));
    let text = String::from_utf8(octets).unwrap();
    (text.split(",s=").next().unwrap().to_owned(), time)
}

fn scram_challenge(server: &Server, exists: bool) -> Duration {
    scram_first(&mut server.connect(), exists).1
}

fn scram_proof(server: &Server, exists: bool) -> Duration {
    let mut client = server.connect();
    let (nonce, _) = scram_first(&mut client, exists);
    let last = STANDARD.encode(format!("c=biws,{nonce},p={}", STANDARD.encode([7; 32])));
    refused(&mut client, &last)
}

fn ntlm(server: &Server, exists: bool) -> Duration {
    let mut client = server.connect();
    let negotiate = [b"NTLMSSP\0\x01\0\0\0".as_slice(), &0x0008_8205_u32.to_le_bytes(), &[0; 16]].concat();
    let (challenge, _) = challenge(&mut client, &format!("AUTH NTLM {}", STANDARD.encode(negotiate)));
    refused(&mut client, &STANDARD.encode(authenticate(&challenge, name(exists))))
}

/// An AUTHENTICATE_MESSAGE with a proof that nobody's hash gives ([MS-NLMP] 2.2.1.3).
fn authenticate(challenge: &[u8], user: &str) -> Vec<u8> {
    let number = |at: usize| u16::from_le_bytes([challenge[at], challenge[at + 1]]) as usize;
    let target = &challenge[number(44)..][..number(40)];
    let user: Vec<u8> = user.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let time = (unix + 11_644_473_600) * 10_000_000;
    let response =
        [&[7; 16], b"\x01\x01\0\0\0\0\0\0".as_slice(), &time.to_le_bytes(), &[5; 8], &[0; 4], target, &[0; 4]].concat();
    let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
    let mut at = 64;
    // LM and NT response, domain, user, workstation, session key.
    for length in [0, response.len(), 0, user.len(), 0, 0] {
        message.extend([length as u16; 2].map(u16::to_le_bytes).concat());
        message.extend((at as u32).to_le_bytes());
        at += length;
    }
    message.extend(&challenge[20..24]);
    message.extend(response);
    message.extend(user);
    message
}

fn bearer(server: &Server, exists: bool) -> Duration {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let user = if exists { "offff" } else { "nobod" };
    let claims = format!(r#"{{"iss":"issuer","aud":"pillarbox","sub":"{user}","exp":{}}}"#, unix + 300);
    let text = [r#"{"alg":"RS256"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let mut signer = Signer::new(MessageDigest::sha256(), &server.key).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(signer.sign_oneshot_to_vec(text.as_bytes()).unwrap());
    let message = STANDARD.encode(format!("n,,\x01auth=Bearer {text}.{signature}\x01\x01"));
    let mut client = server.connect();
    client.say("AUTH OAUTHBEARER");
    let (_, time) = challenge(&mut client, &message);
    time + refused(&mut client, "AQ==")
}
