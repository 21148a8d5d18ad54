//! Every mechanism against one table: what is stored, what the client sends, what comes of it.
//!
//! The client's octets were made by others (pyspnego for NTLM, Python's hashlib for SCRAM) against
//! the challenges that the fixed clock and random numbers of [`context`] give.

mod stored;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pillarbox::sasl::{Answer, Context, Exposure, Failure, Login, MECHANISMS, Mechanism, Outcome, find};
use pillarbox::settings::ExtendedProtectionPolicy;
use pillarbox::store::{MailboxId, UserId};
use stored::*;

// ---- the table ------------------------------------------------------------------------------

/// What comes of an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// Logged in to this mailbox.
    In(&'static str),
    Wrong,
    Malformed,
    Unavailable,
    /// The client stopped where a further message was awaited.
    Waiting,
}
use End::{In, Malformed, Unavailable, Waiting, Wrong};

struct Case {
    mechanism: &'static str,
    what: &'static str,
    messages: Vec<Vec<u8>>,
    end: End,
}

fn case<M: AsRef<[u8]>>(mechanism: &'static str, what: &'static str, messages: &[M], end: End) -> Case {
    let messages = messages.iter().map(|message| message.as_ref().to_vec()).collect();
    Case { mechanism, what, messages, end }
}

fn run(mechanism: &mut dyn Mechanism, messages: &[Vec<u8>]) -> End {
    for message in messages {
        let mut outcome = mechanism.step(message);
        while let Outcome::Ask(query) = outcome {
            outcome = mechanism.answer(answer(query));
        }
        match outcome {
            Outcome::Done(login) => return In(if login.principal == "shared" { "shared" } else { "alice" }),
            Outcome::Failed(Failure::Credentials) => return Wrong,
            Outcome::Failed(Failure::Malformed(what)) => {
                assert!(what.is_ascii() && what.len() < 200, "fits a reply line: {what}");
                return Malformed;
            }
            Outcome::Failed(Failure::Unavailable) => return Unavailable,
            Outcome::Challenge(_) | Outcome::Ask(_) => {}
        }
    }
    Waiting
}

fn check(cases: &[Case], context: &Context) {
    for case in cases {
        let row = find(case.mechanism.as_bytes()).unwrap();
        let mut mechanism = (row.start)(context);
        let end = run(&mut *mechanism, &case.messages);
        assert_eq!(end, case.end, "{} {}: {:?}", case.mechanism, case.what, mechanism.diagnosis());
        if end != Waiting {
            let again = mechanism.step(case.messages.last().unwrap());
            assert!(matches!(again, Outcome::Failed(_)), "{} {}: over is over", case.mechanism, case.what);
        }
    }
}

#[test]
fn plain() {
    check(
        &[
            case("PLAIN", "right", &[b"\0alice\0pencil"], In("alice")),
            case("PLAIN", "delegate", &[b"shared\0alice\0pencil"], In("shared")),
            case("PLAIN", "wrong password", &[b"\0alice\0pencil "], Wrong),
            case("PLAIN", "unknown user", &[b"\0mallory\0pencil"], Wrong),
            case("PLAIN", "disabled user", &[b"\0off\0pencil"], Wrong),
            case("PLAIN", "no delegate", &[b"bob\0alice\0pencil"], Wrong),
            case("PLAIN", "one NUL", &[b"alice\0pencil"], Malformed),
        ],
        &context(),
    );
}

/// Server nonce `Bwc…`, salt and rounds of RFC 7677's vector.
#[test]
fn scram() {
    const NAME: &str = "SCRAM-SHA-256";
    let last = |c: &str, proof: &str| format!("c={c},r=rOprNGfwEbeRWgbNEkqOBwcHBwcHBwcHBwcHBwcHBwcH,p={proof}");
    let first = "n,,n=alice,r=rOprNGfwEbeRWgbNEkqO".to_owned();
    let right = last("biws", "Yuep7Kuak4c94ZwOIfqSs5/Reyf+PfztAk9hKKixEcs=");
    let shared = last("bixhPXNoYXJlZCw=", "OzE6eidiz/Vav/x3vcWXXAEHd7b7minxrYg9ZkjtKmc=");
    let bob = first.replace("n,,", "n,a=bob,");
    let mallory = last("biws", "5camQzSE+ruYnYU+t/U65yWjcCs8zmZcpeo3MFmPgIg=");
    let none = String::new();
    check(
        &[
            case(NAME, "right", &[&first, &right, &none], In("alice")),
            case(NAME, "delegate", &[&first.replace("n,,", "n,a=shared,"), &shared, &none], In("shared")),
            case(NAME, "no acknowledgement", &[&first, &right], Waiting),
            case(NAME, "a word too much", &[&first, &right, &right], Malformed),
            case(NAME, "wrong proof", &[&first, &shared.replace("bixhPXNoYXJlZCw=", "biws"), &none], Wrong),
            case(NAME, "unknown user", &[&first.replace("alice", "mallory"), &mallory], Wrong),
            case(NAME, "header changed", &[&bob, &right], Wrong),
            case(NAME, "proof replayed for another nonce", &[&first.replace("rOpr", "rOps"), &right], Wrong),
            case(NAME, "mandatory extension", &[&first.replace("n=alice", "m=x,n=alice")], Malformed),
            case(NAME, "no GS2 header", &["n=alice,r=x"], Malformed),
        ],
        &context(),
    );
}

#[test]
fn scram_plus() {
    const NAME: &str = "SCRAM-SHA-256-PLUS";
    let bound = || Context { extended_protection: ExtendedProtectionPolicy::Allow, ..context() };
    let first = "p=tls-server-end-point,,n=alice,r=rOprNGfwEbeRWgbNEkqO";
    let last = "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsSEFTSA==,r=rOprNGfwEbeRWgbNEkqOBwcHBwcHBwcHBwcHBwcHBwcH,p=9F5Bkvw+L+EFlOLEga7wzWWD/ui299UdLcXiI2/gvcM=";
    check(
        &[
            case(NAME, "right", &[first, last, ""], In("alice")),
            case(NAME, "unbound", &["n,,n=alice,r=x"], Malformed),
            case(NAME, "other type", &["p=tls-unique,,n=alice,r=x"], Malformed),
            case("SCRAM-SHA-256", "downgrade", &["y,,n=alice,r=x"], Malformed),
        ],
        &bound(),
    );
    let other = Context { end_point: Some(b"MITM".to_vec()), ..bound() };
    check(&[case(NAME, "other certificate", &[first, last], Wrong)], &other);
    let unasked = Context { extended_protection: ExtendedProtectionPolicy::None, ..context() };
    check(&[case(NAME, "not asked for", &[first], Malformed)], &unasked);
    let clear = Context { end_point: None, exporter: None, ..bound() };
    check(&[case(NAME, "without TLS", &[first], Malformed)], &clear);
}

/// pyspnego 0.12.4 with the password `pencil`; BOUND has bindings to the end point `HASH`.
const NEGOTIATE: &str = "TlRMTVNTUAABAAAAN4II4gAAAAAoAAAAAAAAACgAAAAADAQAAAAADw==";
const UNBOUND: &str = "TlRMTVNTUAADAAAAGAAYAFgAAAC+AL4AcAAAAAAAAAAuAQAACgAKAC4BAAAEAAQAOAEAABAAEAA8AQAANYKK4gAMBAAAAAAPQFy7PaBhrwCKxcK/5pkkpAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAFbVdRV00zpcXIeV95gcG/8BAQAAAAAAAACAIJvLgtgB4n7zVFlUAIoAAAAAAgASAFAASQBMAEwAQQBSAEIATwBYAAEAEgBQAEkATABMAEEAUgBCAE8AWAAEABIAcABpAGwAbABhAHIAYgBvAHgAAwASAHAAaQBsAGwAYQByAGIAbwB4AAcACAAAgCCby4LYAQkAGgBwAG8AcAAvAGwAbwBjAGEAbABoAG8AcwB0AAYABAACAAAAAAAAAAAAAABhAGwAaQBjAGUAVgBNAPmfHN+8L0U5oCI84JcTX/8=";
const BOUND: &str = "TlRMTVNTUAADAAAAGAAYAFgAAADSANIAcAAAAAAAAABCAQAACgAKAEIBAAAEAAQATAEAABAAEABQAQAANYKK4gAMBAAAAAAPOiR7xFES/gmTclcZfuxcHQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAANad6hxPSR+QRRud39zGEiQBAQAAAAAAAACAIJvLgtgBtjhVPV2P28IAAAAAAgASAFAASQBMAEwAQQBSAEIATwBYAAEAEgBQAEkATABMAEEAUgBCAE8AWAAEABIAcABpAGwAbABhAHIAYgBvAHgAAwASAHAAaQBsAGwAYQByAGIAbwB4AAcACAAAgCCby4LYAQoAEAB/K79stSNwzM0zhJOVOUd6CQAaAHAAbwBwAC8AbABvAGMAYQBsAGgAbwBzAHQABgAEAAIAAAAAAAAAAAAAAGEAbABpAGMAZQBWAE0AXM7aciJXPK9zVGpWe4PPnQ==";

#[test]
fn ntlm() {
    use ExtendedProtectionPolicy::{Allow, Require};
    let (negotiate, unbound, bound) =
        (STANDARD.decode(NEGOTIATE).unwrap(), STANDARD.decode(UNBOUND).unwrap(), STANDARD.decode(BOUND).unwrap());
    // The name stands at 0x12e: five letters in UTF-16.
    let renamed = |name: &str| {
        let mut message = unbound.clone();
        let letters: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        message[36..40].copy_from_slice(&[letters.len() as u8, 0, letters.len() as u8, 0]);
        message[0x12e..0x12e + letters.len()].copy_from_slice(&letters);
        message
    };
    assert_eq!(renamed("alice"), unbound);
    let changed = |at: usize| {
        let mut message = unbound.clone();
        message[at] ^= 1;
        message
    };
    let with = |last: Vec<u8>, what, end| case("NTLM", what, &[negotiate.clone(), last], end);
    check(
        &[
            with(unbound.clone(), "right, with MIC", In("alice")),
            with(bound.clone(), "right, with bindings", In("alice")),
            with(renamed("ALICE"), "name in capitals but MIC over small letters", Wrong),
            with(renamed("off"), "another user's name", Wrong),
            with(renamed("nobod"), "unknown user", Wrong),
            with(renamed(""), "anonymous", Wrong),
            with(changed(0x70), "wrong proof", Wrong),
            with(changed(72), "wrong MIC", Wrong),
            with(changed(0), "wrong signature", Malformed),
            with(unbound[..80].to_vec(), "cut off", Malformed),
            with(negotiate.clone(), "the first message again", Malformed),
            case("NTLM", "no second message", &[negotiate.as_slice()], Waiting),
            case("NTLM", "the last message first", &[unbound.as_slice()], Malformed),
            case("NTLM", "nothing", &[b""], Malformed),
        ],
        &context(),
    );
    let demand = |extended_protection| Context { extended_protection, ..context() };
    check(&[with(unbound.clone(), "Allow, unbound", In("alice"))], &demand(Allow));
    check(&[with(bound.clone(), "Allow, bound", In("alice"))], &demand(Allow));
    check(&[with(unbound.clone(), "Require, unbound", Wrong)], &demand(Require));
    check(&[with(bound.clone(), "Require, bound", In("alice"))], &demand(Require));
    let other = Context { end_point: Some(b"MITM".to_vec()), ..demand(Allow) };
    check(&[with(bound, "Allow, bound to another connection", Wrong)], &other);
    let late = Context { clock: || NOW + 40 * 3600, ..context() };
    check(&[with(unbound.clone(), "two days later", Wrong)], &late);
    let other_nonce = Context {
        random: |octets| {
            octets.fill(8);
            true
        },
        ..context()
    };
    check(&[with(unbound, "replayed", Wrong)], &other_nonce);
}

#[test]
fn gssapi() {
    check(
        &[
            case("GSSAPI", "right", &[b"alice@TEST".as_slice(), b"\x01\0\0\0"], In("alice")),
            case("GSSAPI", "fetchmail", &[b"alice@TEST".as_slice(), b"\x01\0\0\0alice\0"], In("alice")),
            case("GSSAPI", "delegate", &[b"alice@TEST".as_slice(), b"\x01\0\0\0shared"], In("shared")),
            case("GSSAPI", "no delegate", &[b"alice@TEST".as_slice(), b"\x01\0\0\0bob"], Wrong),
            case("GSSAPI", "disabled user", &[b"off@TEST".as_slice(), b"\x01\0\0\0"], Wrong),
            case("GSSAPI", "unknown user", &[b"mallory@TEST".as_slice(), b"\x01\0\0\0"], Wrong),
            case("GSSAPI", "our failure", &[b"broken@TEST".as_slice(), b"\x01\0\0\0"], Unavailable),
            case("GSSAPI", "another realm", &[b"alice@OTHER"], Wrong),
            case("GSSAPI", "layer not offered", &[b"alice@TEST".as_slice(), b"\x04\0\x10\0"], Malformed),
            case("GSSAPI", "garbage", &[b"garbage"], Malformed),
        ],
        &context(),
    );
}

#[test]
fn bearer_tokens() {
    let (good, old, none) = (token("alice", NOW + 60), token("alice", NOW - 600), String::from("e30.e30."));
    let (nobody, broken) = (token("mallory", NOW + 60), token("broken", NOW + 60));
    let oauthbearer = |token: &str| format!("n,,\x01auth=Bearer {token}\x01\x01");
    let xoauth2 = |user: &str, token: &str| format!("user={user}\x01auth=Bearer {token}\x01\x01");
    let kvsep = "\x01".to_owned();
    check(
        &[
            case("OAUTHBEARER", "right", &[oauthbearer(&good)], In("alice")),
            case("OAUTHBEARER", "delegate", &[oauthbearer(&good).replace("n,,", "n,a=shared,")], In("shared")),
            case("OAUTHBEARER", "expired", &[oauthbearer(&old), kvsep.clone()], Wrong),
            case("OAUTHBEARER", "unsigned", &[oauthbearer(&none), kvsep.clone()], Wrong),
            case("OAUTHBEARER", "unknown user", &[oauthbearer(&nobody), kvsep.clone()], Wrong),
            case("OAUTHBEARER", "refusal not acknowledged", &[oauthbearer(&old)], Waiting),
            case("OAUTHBEARER", "our failure", &[oauthbearer(&broken)], Unavailable),
            case("OAUTHBEARER", "no token", &["n,,\x01\x01"], Malformed),
            case("XOAUTH2", "right", &[xoauth2("alice", &good)], In("alice")),
            case("XOAUTH2", "delegate", &[xoauth2("shared", &good)], In("shared")),
            case("XOAUTH2", "another's mailbox", &[xoauth2("bob", &good), String::new()], Wrong),
            case("XOAUTH2", "expired", &[xoauth2("alice", &old), String::new()], Wrong),
            case("XOAUTH2", "no user", &[format!("auth=Bearer {good}\x01\x01")], Malformed),
        ],
        &context(),
    );
}

// ---- the list of mechanisms -----------------------------------------------------------------

fn offered(context: &Context) -> Vec<&'static str> {
    MECHANISMS.iter().filter(|row| (row.offered)(context)).map(|row| row.name).collect()
}

#[test]
fn only_what_would_be_accepted_is_offered() {
    let all = ["NTLM", "GSSAPI", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER", "XOAUTH2"];
    let unbound: Vec<&str> = all.into_iter().filter(|name| !name.ends_with("-PLUS")).collect();
    assert_eq!(offered(&context()), unbound);
    assert_eq!(offered(&Context { extended_protection: ExtendedProtectionPolicy::Allow, ..context() }), all);
    assert_eq!(offered(&Context::default()), ["PLAIN"]);
    let clear = Context {
        end_point: None,
        exporter: None,
        extended_protection: ExtendedProtectionPolicy::Require,
        ..context()
    };
    assert_eq!(offered(&clear), ["SCRAM-SHA-256", "PLAIN", "OAUTHBEARER", "XOAUTH2"]);
    assert!(MECHANISMS.iter().all(|row| row.name.to_ascii_uppercase() == row.name && row.name.len() <= 20));
    let line: usize = all.iter().map(|name| name.len() + 1).sum();
    assert!(4 + line <= 512, "CAPA's line of RFC 2449 section 3");
}

#[test]
fn passwords_and_tokens_cross_the_wire_and_proofs_do_not_show_them() {
    for row in MECHANISMS {
        let secret = matches!(row.name, "PLAIN" | "OAUTHBEARER" | "XOAUTH2");
        assert_eq!(row.exposure == Exposure::Clear, secret, "{}", row.name);
    }
}

#[test]
fn every_mechanism_survives_what_it_does_not_expect() {
    let long = vec![b'A'; 70_000];
    let odd: [&[u8]; 9] = [b"", b"\0", b"\0\0\0\0", b"=", b",,,,", b"\x01\x01", b"NTLMSSP\0", b"\xff\xfe\xfd", &long];
    for row in MECHANISMS {
        for message in odd {
            let mut mechanism = (row.start)(&context());
            let end = run(&mut *mechanism, &[message.to_vec(), message.to_vec(), message.to_vec()]);
            assert_eq!(end, Malformed, "{} {:?}", row.name, &message[..message.len().min(10)]);
            let answered = (row.start)(&context()).answer(Answer::Accepted(Login {
                user: UserId(1),
                name: String::new(),
                mailbox: MailboxId(1),
                principal: String::new(),
                generation: 0,
            }));
            assert_eq!(answered, Outcome::Failed(Failure::Unavailable), "{}: nothing was asked", row.name);
        }
    }
}
