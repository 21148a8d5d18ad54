use super::*;
use crate::sasl::Login;
use crate::store::{MailboxId, UserId};

/// RFC 7677 section 3.
const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const OURS: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const FINAL: &str =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn pencil() -> Verifier {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(b"pencil", &salt, 4096);
    Verifier::Scram {
        salt,
        iterations: 4096,
        stored_key: Secret::from(Sha256::digest(hmac(&salted, b"Client Key")).as_slice()),
        server_key: Secret::from(hmac(&salted, b"Server Key").as_slice()),
    }
}

fn exchange(plus: bool, end_point: Option<&[u8]>) -> Scram {
    let nonce = Some(OURS.to_owned());
    let exporter = end_point.map(|_| ("tls-exporter", b"SECRET".to_vec()));
    let bindings =
        end_point.map(|octets| ("tls-server-end-point", octets.to_vec())).into_iter().chain(exporter).collect();
    Scram { plus, bindings, nonce, state: ScramState::ClientFirst, diagnosis: None }
}

/// Runs the exchange up to the client's final message.
fn challenged(mut scram: Scram, first: &str) -> Scram {
    assert!(matches!(scram.step(first.as_bytes()), Outcome::Ask(Query::Verifier { .. })), "{first}");
    assert!(matches!(scram.answer(Answer::Verifier(pencil())), Outcome::Challenge(_)));
    scram
}

/// The client's side: a final message with this `c=`, as somebody who knows `password` makes it.
fn final_message(first_bare: &str, binding: &[u8], password: &[u8]) -> String {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let key = hmac(&pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, &salt, 4096), b"Client Key");
    let without = format!("c={},r=rOprNGfwEbeRWgbNEkqO{OURS}", STANDARD.encode(binding));
    let signature = hmac(&Sha256::digest(key), format!("{first_bare},{SERVER_FIRST},{without}").as_bytes());
    let proof: Vec<u8> = key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    format!("{without},p={}", STANDARD.encode(proof))
}

#[test]
fn passes_the_vector_of_rfc_7677() {
    let mut scram = exchange(false, None);
    let asked = Outcome::Ask(Query::Verifier { authcid: "user".into(), scheme: Scheme::ScramSha256 });
    assert_eq!(scram.step(FIRST.as_bytes()), asked);
    assert_eq!(scram.answer(Answer::Verifier(pencil())), Outcome::Challenge(SERVER_FIRST.into()));
    let who = Identity { authcid: "user".into(), authzid: None };
    assert_eq!(scram.step(FINAL.as_bytes()), Outcome::Ask(Query::Authorize { who }));
    let login =
        Login { user: UserId(1), name: "user".into(), mailbox: MailboxId(1), principal: "user".into(), generation: 0 };
    let who = Identity { authcid: "user".into(), authzid: None };
    assert_eq!(scram.answer(Answer::Accepted(login.clone())), Outcome::Challenge(SERVER_FINAL.into()));
    let asked = Outcome::Ask(Query::Verifier { authcid: "user".into(), scheme: Scheme::ScramSha256 });
    assert_eq!(scram.step(b""), asked);
    assert_eq!(scram.answer(Answer::Verifier(pencil())), Outcome::Ask(Query::Authorize { who }));
    assert_eq!(scram.answer(Answer::Accepted(login.clone())), Outcome::Done(login));
}

/// Between the first message and the last empty one the password may have been changed, or the user
/// switched off.
#[test]
fn what_was_proved_must_still_hold_at_the_end() {
    let login =
        Login { user: UserId(1), name: "user".into(), mailbox: MailboxId(1), principal: "user".into(), generation: 0 };
    let acknowledged = || {
        let mut scram = challenged(exchange(false, None), FIRST);
        scram.step(FINAL.as_bytes());
        scram.answer(Answer::Accepted(login.clone()));
        scram.step(b"");
        scram
    };
    let Verifier::Scram { salt, iterations, server_key, .. } = pencil() else { unreachable!() };
    let changed = Verifier::Scram { salt, iterations, stored_key: Secret::from("another"), server_key };
    assert_eq!(acknowledged().answer(Answer::Verifier(changed)), Outcome::Failed(Failure::Credentials));
    let mut scram = acknowledged();
    scram.answer(Answer::Verifier(pencil()));
    assert_eq!(scram.answer(Answer::Refused), Outcome::Failed(Failure::Credentials));
}

#[test]
fn a_wrong_proof_nonce_or_binding_is_wrong_credentials() {
    let bare = &FIRST[3..];
    for (last, what) in [
        (final_message(bare, b"n,,", b"pencil "), "proof"),
        (final_message(bare, b"y,,", b"pencil"), "binding"),
        (final_message(bare, b"n,,more", b"pencil"), "binding"),
        (FINAL.replace("%hv", "%hw"), "nonce"),
        (FINAL.replace("dHzb", "dHzc"), "proof"),
    ] {
        let mut scram = challenged(exchange(false, None), FIRST);
        assert_eq!(scram.step(last.as_bytes()), Outcome::Failed(Failure::Credentials), "{last}");
        assert!(scram.diagnosis().unwrap().contains(what), "{last}");
        assert!(matches!(scram.step(FINAL.as_bytes()), Outcome::Failed(_)), "one try per exchange");
    }
}

/// Whoever may not log in must not learn from the server's signature that the password was right.
#[test]
fn a_refused_user_gets_no_signature() {
    let mut scram = challenged(exchange(false, None), FIRST);
    assert!(matches!(scram.step(FINAL.as_bytes()), Outcome::Ask(Query::Authorize { .. })));
    assert_eq!(scram.answer(Answer::Refused), Outcome::Failed(Failure::Credentials));
}

#[test]
fn the_client_s_own_computation_agrees() {
    assert_eq!(final_message(&FIRST[3..], b"n,,", b"pencil"), FINAL);
}

#[test]
fn plus_binds_to_the_certificate() {
    let first = "p=tls-server-end-point,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    let bare = "n=user,r=rOprNGfwEbeRWgbNEkqO";
    for (binding, right) in [
        (b"p=tls-server-end-point,,HASH".as_slice(), true),
        (b"p=tls-server-end-point,,hash", false),
        (b"p=tls-server-end-point,,", false),
        (b"n,,", false),
    ] {
        let mut scram = challenged(exchange(true, Some(b"HASH")), first);
        let outcome = scram.step(final_message(bare, binding, b"pencil").as_bytes());
        assert_eq!(matches!(outcome, Outcome::Ask(_)), right, "{binding:?}");
    }
}

#[test]
fn the_flag_must_fit_what_was_offered() {
    let bound = Some(b"HASH".as_slice());
    for (plus, end_point, flag, right) in [
        (false, None, "n", true),
        (false, None, "y", true),
        (false, bound, "n", true),
        (false, bound, "y", false),
        (false, bound, "p=tls-server-end-point", false),
        (true, bound, "p=tls-server-end-point", true),
        (true, bound, "p=tls-exporter", true),
        (false, bound, "p=tls-exporter", false),
        (true, bound, "p=tls-unique", false),
        (true, bound, "n", false),
        (true, bound, "y", false),
        (true, None, "p=tls-server-end-point", false),
    ] {
        let outcome = exchange(plus, end_point).step(format!("{flag},,n=user,r=x").as_bytes());
        assert_eq!(matches!(outcome, Outcome::Ask(_)), right, "{plus} {end_point:?} {flag}");
    }
}

#[test]
fn names_are_unescaped_and_kept_apart() {
    let first = ClientFirst::parse(b"n,a=shared=2Cbox,n=a=3Db=2Cc,r=x,ext=1").unwrap();
    assert_eq!((first.username.as_str(), first.authzid.as_deref()), ("a=b,c", Some("shared,box")));
    assert_eq!((first.gs2_header.as_str(), first.nonce.as_str()), ("n,a=shared=2Cbox,", "x"));
}

#[test]
fn refuses_what_is_not_scram() {
    let long = format!("n,,n={},r=x", "a".repeat(5000));
    for bad in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=user",
        "n,,r=x,n=user",
        "n,,n=,r=x",
        "n,,n=user,r=",
        "x,,n=user,r=x",
        "p=,,n=user,r=x",
        "n,b=c,n=user,r=x",
        "n,a=,n=user,r=x",
        "n,,m=ext,n=user,r=x",
        "n,,n=us=er,r=x",
        "n,,n=us=2c,r=x",
        "n,,n=u\0,r=x",
        "n,,n=user,r=\u{e9}",
        "n,,n=user,r=a b",
        &long,
    ] {
        let outcome = exchange(false, None).step(bad.as_bytes());
        assert!(matches!(outcome, Outcome::Failed(Failure::Malformed(_))), "{bad}");
    }
    assert!(ClientFirst::parse(b"n,,n=\xff,r=x").is_err());
}

#[test]
fn refuses_a_final_message_that_is_none() {
    for bad in [
        "",
        "c=biws,r=x",
        "r=x,c=biws,p=AAAA",
        "c=biws,p=AAAA",
        "c=biws,r=x,p=",
        "c=b!ws,r=x,p=AAAA",
        "c=biws,r=x,p=AAAA",
        "m=1,c=biws,r=x,p=AAAA",
    ] {
        let outcome = challenged(exchange(false, None), FIRST).step(bad.as_bytes());
        assert!(matches!(outcome, Outcome::Failed(Failure::Malformed(_))), "{bad}");
    }
}

#[test]
fn only_the_answer_that_was_asked_for_counts() {
    let login =
        Login { user: UserId(1), name: "user".into(), mailbox: MailboxId(1), principal: "user".into(), generation: 0 };
    let mut scram = exchange(false, None);
    scram.step(FIRST.as_bytes());
    assert_eq!(scram.answer(Answer::Accepted(login)), Outcome::Failed(Failure::Unavailable));
    let mut scram = exchange(false, None);
    scram.step(FIRST.as_bytes());
    assert_eq!(scram.answer(Answer::Unavailable), Outcome::Failed(Failure::Unavailable));
    let mut scram = challenged(exchange(false, None), FIRST);
    scram.step(FINAL.as_bytes());
    assert!(matches!(scram.step(b"x"), Outcome::Failed(Failure::Malformed(_))));
}

#[test]
fn without_random_numbers_there_is_no_exchange() {
    let context = Context { random: |_| false, ..Context::default() };
    let mut scram = Scram::new(false, &context);
    scram.step(FIRST.as_bytes());
    assert_eq!(scram.answer(Answer::Verifier(pencil())), Outcome::Failed(Failure::Unavailable));
}

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    *hmac_sha256(key, &[message])
}
