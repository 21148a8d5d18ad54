use super::*;
use crate::sasl::Login;
use crate::store::{MailboxId, UserId};

/// An acceptor whose tokens say what to do; sealing a message puts `<>` around it.
#[derive(Debug)]
struct Fake;
struct FakeContext {
    bindings: Option<Vec<u8>>,
}

impl Acceptor for Fake {
    fn begin(&self, bindings: Option<Vec<u8>>) -> Box<dyn SecurityContext> {
        Box::new(FakeContext { bindings })
    }
}

impl SecurityContext for FakeContext {
    /// `more`, or `initiator acceptor reply`.
    fn accept(&mut self, token: &[u8]) -> Result<Accepted, Fault> {
        let text = std::str::from_utf8(token).unwrap();
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["more"] => Ok(Accepted { token: b"go on".to_vec(), peers: None }),
            ["stuck"] => Ok(Accepted { token: Vec::new(), peers: None }),
            ["expired"] => Err(Fault::Refused("ticket expired".into())),
            ["no-keytab"] => Err(Fault::Unavailable("keytab not found".into())),
            [initiator, acceptor, reply] => {
                let bound = self.bindings.as_deref() == Some(b"tls-server-end-point:HASH");
                let peers = Peers { initiator: initiator.into(), acceptor: acceptor.into(), bound };
                Ok(Accepted { token: reply.into(), peers: Some(peers) })
            }
            _ => Err(Fault::Defective("invalid token".into())),
        }
    }
    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok([b"<", message, b">"].concat())
    }
    fn unwrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let inner = message.strip_prefix(b"<").and_then(|m| m.strip_suffix(b">"));
        inner.map(<[u8]>::to_vec).ok_or_else(|| Fault::Refused("bad seal".into()))
    }
}

fn context() -> Context {
    let kerberos = Kerberos { acceptor: Arc::new(Fake), realms: vec!["TEST.LOCAL".into()], exact_case: true };
    Context { kerberos: Some(kerberos), ..Context::default() }
}

fn offer() -> Outcome {
    Outcome::Challenge(b"<\x01\0\0\0>".to_vec())
}

fn authorize(authzid: Option<&str>) -> Outcome {
    let who = Identity { authcid: "alice".into(), authzid: authzid.map(str::to_owned) };
    Outcome::Ask(Query::Vouched { who, exact_case: true })
}

#[test]
fn with_and_without_a_token_of_ours() {
    let login = Login {
        user: UserId(1),
        name: "alice".into(),
        mailbox: MailboxId(1),
        principal: "alice".into(),
        generation: 0,
    };
    let mut short = start(&context());
    assert_eq!(short.step(b"alice@TEST.LOCAL pop/localhost@TEST.LOCAL "), offer());
    assert_eq!(short.step(b"<\x01\0\0\0>"), authorize(None));
    assert_eq!(short.answer(Answer::Accepted(login.clone())), Outcome::Done(login));

    let mut long = start(&context());
    assert_eq!(long.step(b"more"), Outcome::Challenge(b"go on".to_vec()));
    assert_eq!(long.step(b"alice@TEST.LOCAL POP3/x@TEST.LOCAL AP-REP"), Outcome::Challenge(b"AP-REP".to_vec()));
    assert_eq!(long.step(b""), offer());
    assert_eq!(long.step(b"<\x01\0\0\0alice\0>"), authorize(None));
    assert_eq!(long.answer(Answer::Refused), Outcome::Failed(Failure::Credentials));
}

#[test]
fn the_authorization_identity_is_kept_apart() {
    for (sent, authzid) in [
        (b"<\x01\0\0\0ALICE>".as_slice(), None),
        (b"<\x01\0\0\0alice@test.local>", None),
        (b"<\x01\0\0\0bob>", Some("bob")),
        (b"<\x01\0\0\0bob\0>", Some("bob")),
    ] {
        let mut gssapi = start(&context());
        gssapi.step(b"alice@TEST.LOCAL pop/x@TEST.LOCAL ");
        assert_eq!(gssapi.step(sent), authorize(authzid));
    }
}

#[test]
fn only_users_of_allowed_realms_with_a_ticket_for_us() {
    for refused in [
        "alice@OTHER pop/x@TEST.LOCAL ",
        "alice@test.local pop/x@TEST.LOCAL ",
        "alice/admin@TEST.LOCAL pop/x@TEST.LOCAL ",
        "alice\\@x@TEST.LOCAL pop/x@TEST.LOCAL ",
        "@TEST.LOCAL pop/x@TEST.LOCAL ",
        "alice pop/x@TEST.LOCAL ",
        "alice@TEST.LOCAL imap/x@TEST.LOCAL ",
        "alice@TEST.LOCAL host/pop@TEST.LOCAL AP-REP",
        "expired",
    ] {
        let mut gssapi = start(&context());
        assert_eq!(gssapi.step(refused.as_bytes()), Outcome::Failed(Failure::Credentials), "{refused}");
        assert!(gssapi.diagnosis().is_some_and(|told| told.contains(' ')), "{:?}", gssapi.diagnosis());
        assert!(matches!(gssapi.step(b"<\x01\0\0\0>"), Outcome::Failed(_)), "nothing goes on after it");
    }
}

#[test]
fn our_own_faults_are_not_the_client_s() {
    assert_eq!(start(&context()).step(b"no-keytab"), Outcome::Failed(Failure::Unavailable));
    assert_eq!(start(&Context::default()).step(b"more"), Outcome::Failed(Failure::Unavailable));
    let mut gssapi = start(&context());
    let login =
        Login { user: UserId(1), name: "a".into(), mailbox: MailboxId(1), principal: "a".into(), generation: 0 };
    assert_eq!(gssapi.answer(Answer::Accepted(login)), Outcome::Failed(Failure::Unavailable));
}

#[test]
fn refuses_what_is_out_of_step() {
    let begin = b"alice@TEST.LOCAL pop/x@TEST.LOCAL ".as_slice();
    let mutual = b"alice@TEST.LOCAL pop/x@TEST.LOCAL AP-REP".as_slice();
    let cases: [&[&[u8]]; 10] = [
        &[b""],
        &[b"garbage"],
        &[b"stuck"],
        &[mutual, b"x"],
        &[begin, b"<\x01\0\0>"],
        &[begin, b"<\x02\0\0\0>"],
        &[begin, b"<\x03\0\0\0>"],
        &[begin, b"<\x01\0\x10\0>"],
        &[begin, b"<\x01\0\0\0\xff>"],
        &[begin, b"<\x01\0\0\0a\0b>"],
    ];
    for messages in cases {
        let mut gssapi = start(&context());
        let last = messages.iter().map(|message| gssapi.step(message)).last();
        assert!(matches!(last, Some(Outcome::Failed(Failure::Malformed(_)))), "{messages:?}");
    }
    let mut endless = start(&context());
    let ends = (0..MOST_TOKENS).any(|_| matches!(endless.step(b"more"), Outcome::Failed(_)));
    assert!(ends, "tokens are counted");
    let mut gssapi = start(&context());
    gssapi.step(begin);
    assert_eq!(gssapi.step(b"\x01\0\0\0"), Outcome::Failed(Failure::Credentials), "not sealed");
}

#[test]
fn extended_protection_decides_on_bindings() {
    use ExtendedProtectionPolicy::{Allow, None as Off, Require};
    let token = b"alice@TEST.LOCAL pop/x@TEST.LOCAL ";
    for (extended_protection, end_point, offered_now, accepted) in [
        (Off, Some(b"HASH".to_vec()), true, true),
        (Allow, None, true, true),
        (Allow, Some(b"HASH".to_vec()), true, true),
        (Require, None, false, false),
        (Require, Some(b"HASH".to_vec()), true, true),
        (Require, Some(b"OTHER".to_vec()), true, false),
    ] {
        let context = Context { extended_protection, end_point, ..context() };
        assert_eq!(offered(&context), offered_now, "{context:?}");
        assert_eq!(start(&context).step(token) == offer(), accepted, "{context:?}");
    }
}
