use super::*;
use crate::auth::credential::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md4::{Digest, Md4};

/// [MS-NLMP] 4.2.4.
mod a {
    pub const CHALLENGE: &str = "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000060070170000000f53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000";
    pub const AUTHENTICATE: &str = "4e544c4d5353500003000000180018006c00000054005400840000000c000c00480000000800080054000000100010005c00000010001000d8000000358288e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d005000550054004500520086c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e";
}

/// A modern client with time, MIC and channel bindings (made with pyspnego 0.12.4).
mod b {
    pub const NOW: i64 = 133_000_000_000_000_000 / 10_000_000 - 11_644_473_600;
    pub const NEGOTIATE: &str = "TlRMTVNTUAABAAAAN4II4gAAAAAoAAAAAAAAACgAAAAADAQAAAAADw==";
    pub const CHALLENGE: &str = "TlRMTVNTUAACAAAADgAOADgAAAA1goniASNFZ4mrze8AAAAAAAAAAHgAeABGAAAACgBjRQAAAA9DAE8ATgBUAE8AUwBPAAIADgBDAE8ATgBUAE8AUwBPAAEADABNAEEASQBMADAAMQAEABgAYwBvAG4AdABvAHMAbwAuAHQAZQBzAHQAAwAmAG0AYQBpAGwAMAAxAC4AYwBvAG4AdABvAHMAbwAuAHQAZQBzAHQABwAIAACAIJvLgtgBAAAAAA==";
    pub const AUTHENTICATE: &str = "TlRMTVNTUAADAAAAGAAYAFgAAAD2APYAcAAAAA4ADgBmAQAACgAKAHQBAAAEAAQAfgEAABAAEACCAQAANYKJ4gAMBAAAAAAPw5I+rWoT20Yp/pZWFBW3hwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPOMrMDNc32Vpjc3eFc9FXkBAQAAAAAAAACAIJvLgtgBfbwcXFn9oOAAAAAAAgAOAEMATwBOAFQATwBTAE8AAQAMAE0AQQBJAEwAMAAxAAQAGABjAG8AbgB0AG8AcwBvAC4AdABlAHMAdAADACYAbQBhAGkAbAAwADEALgBjAG8AbgB0AG8AcwBvAC4AdABlAHMAdAAHAAgAAIAgm8uC2AEKABAAZYbpnYHC/JhORxcv1N0DEAkALgBwAG8AcAAvAG0AYQBpAGwAMAAxAC4AYwBvAG4AdABvAHMAbwAuAHQAZQBzAHQABgAEAAIAAAAAAAAAAAAAAEMATwBOAFQATwBTAE8AYQBsAGkAYwBlAFYATQAtUy7+Y2hgyrN4115KPAY9";
    pub const END_POINT: &str = "ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95";
}

/// An NTLMv1 message ([MS-POP3] 4.1) and an anonymous one.
const V1: &str = "TlRMTVNTUAADAAAAGAAYAGIAAAAYABgAegAAAAAAAABIAAAACAAIAEgAAAASABIAUAAAAAAAAACSAAAABYKIogUBKAoAAAAPdQBzAGUAcgBOAEYALQBDAEwASQBFAE4AVABKMiQ4djhcSgAAAAAAAAAAAAAAAAAAAAC7zUSgB0Auy98bRi6h3mwHMJfbKNtxmmo=";
const ANONYMOUS: &str =
    "TlRMTVNTUAADAAAAAQABAEgAAAAAAAAASQAAAAAAAABIAAAAAAAAAEgAAAAAAAAASAAAAAAAAABJAAAABYoIAAoAY0UAAAAPAA==";

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn un64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

fn nt_hash(password: &str) -> Secret {
    Secret::from(Md4::digest(message::utf16(password)).as_slice())
}

/// A mechanism that has sent this challenge.
fn challenged(negotiate: Vec<u8>, challenge: Vec<u8>, context: &Context) -> Ntlm {
    let flags = u32::from_le_bytes(challenge[20..24].try_into().unwrap());
    let nonce = challenge[24..32].try_into().unwrap();
    let challenge = Challenge { octets: challenge, flags, nonce };
    Ntlm { state: NtlmState::Authenticate(Exchange { negotiate, challenge }), ..Ntlm::new(context) }
}

fn vector_b(context: &Context) -> Ntlm {
    challenged(un64(b::NEGOTIATE), un64(b::CHALLENGE), context)
}

fn at_b() -> Context {
    Context { clock: || b::NOW, ..Context::default() }
}

/// What the response comes to for a user with this password.
fn outcome(ntlm: &mut Ntlm, response: &[u8], password: &str) -> Outcome {
    match ntlm.step(response) {
        Outcome::Ask(Query::Verifier { scheme: Scheme::NtHash, .. }) => {
            ntlm.answer(Answer::Verifier(Verifier::NtHash(nt_hash(password))))
        }
        early => early,
    }
}

fn authorize(authcid: &str) -> Outcome {
    Outcome::Ask(Query::Authorize { who: Identity { authcid: authcid.into(), authzid: None } })
}

const REFUSED: Outcome = Outcome::Failed(Failure::Credentials);

#[test]
fn computes_the_values_of_ms_nlmp() {
    let parsed = Authenticate::parse(&unhex(a::AUTHENTICATE), 0xe28a_8233).unwrap();
    let hash = nt_hash("Password");
    assert_eq!(hash.expose(), unhex("a4f49c406510bdcab6824ee7c30fd852"));
    let key = crypto::response_key(hash.expose(), "User", "Domain");
    assert_eq!(key.as_slice(), unhex("0c868a403bfd7a93a3001ef22ef02e3f"));
    let nonce = unhex("0123456789abcdef").try_into().unwrap();
    let proof = crypto::proof(&key, &nonce, &parsed.temp);
    assert_eq!(proof.as_slice(), unhex("68cd0ab851e51c96aabc927bebef6a1c"));
    let base = crypto::exported_key(&key, &proof, None);
    assert_eq!(base.as_slice(), unhex("8de40ccadbc14a82f15cb0ad0de95ca3"));
    let exported = crypto::exported_key(&key, &proof, parsed.session_key.as_ref());
    assert_eq!(exported, [0x55; 16], "the client's RandomSessionKey");
    assert_eq!((parsed.user.as_str(), parsed.domain.as_str(), parsed.mic), ("User", "Domain", None));
}

#[test]
fn accepts_vector_a_within_its_time() {
    let context = Context { clock: || -11_644_473_600, ..Context::default() };
    let mut ntlm = challenged(Vec::new(), unhex(a::CHALLENGE), &context);
    assert_eq!(outcome(&mut ntlm, &unhex(a::AUTHENTICATE), "Password"), authorize("Domain\\User"));
    let mut ntlm = challenged(Vec::new(), unhex(a::CHALLENGE), &context);
    assert_eq!(outcome(&mut ntlm, &unhex(a::AUTHENTICATE), "password"), REFUSED);
}

#[test]
fn accepts_vector_b_and_binds_it() {
    use ExtendedProtectionPolicy::{Allow, None as Off, Require};
    let right = unhex(b::END_POINT);
    let wrong = vec![7; 32];
    for (extended_protection, end_point, accepted) in [
        (Off, None, true),
        (Off, Some(&wrong), true),
        (Allow, None, true),
        (Allow, Some(&right), true),
        (Allow, Some(&wrong), false),
        (Require, None, false),
        (Require, Some(&right), true),
        (Require, Some(&wrong), false),
    ] {
        let context = Context { extended_protection, end_point: end_point.cloned(), ..at_b() };
        let result = outcome(&mut vector_b(&context), &un64(b::AUTHENTICATE), "S3cret! pass");
        let expected = if accepted { authorize("CONTOSO\\alice") } else { REFUSED };
        assert_eq!(result, expected, "{extended_protection:?} {end_point:?}");
        let offer = Context { ntlm: true, ..context };
        assert_eq!(offered(&offer), extended_protection != Require || offer.end_point.is_some());
    }
}

#[test]
fn bindings_of_zeroes_are_none() {
    use ExtendedProtectionPolicy::{Allow, Require};
    let context = |extended_protection| Context { extended_protection, end_point: Some(vec![7; 32]), ..at_b() };
    let mut response = Authenticate::parse(&un64(b::AUTHENTICATE), u32::MAX).unwrap();
    response.bindings = None;
    assert!(Ntlm::new(&context(Allow)).protection.check(&response).is_ok());
    assert!(Ntlm::new(&context(Require)).protection.check(&response).is_err());
    let mut octets = un64(b::AUTHENTICATE);
    let bindings = unhex("6586e99d81c2fc984e47172fd4dd0310");
    let at = octets.windows(16).position(|window| window == bindings).unwrap();
    octets[at..at + 16].fill(0);
    assert_eq!(Authenticate::parse(&octets, u32::MAX).unwrap().bindings, None);
}

#[test]
fn every_bit_of_vector_b_s_mic_and_proof_counts() {
    for bit in (72 * 8..88 * 8).chain(0x70 * 8..0x80 * 8) {
        let mut octets = un64(b::AUTHENTICATE);
        octets[bit / 8] ^= 1 << (bit % 8);
        let mut ntlm = vector_b(&at_b());
        assert_eq!(outcome(&mut ntlm, &octets, "S3cret! pass"), REFUSED, "bit {bit}");
        assert!(ntlm.diagnosis().unwrap().contains(if bit < 88 * 8 { "MIC" } else { "proof" }));
    }
}

#[test]
fn the_mic_covers_all_three_messages() {
    let mut negotiate = un64(b::NEGOTIATE);
    *negotiate.last_mut().unwrap() ^= 1;
    let mut challenge = un64(b::CHALLENGE);
    challenge[50] ^= 1;
    let mut authenticate = un64(b::AUTHENTICATE);
    *authenticate.last_mut().unwrap() ^= 1;
    for (negotiate, challenge, authenticate) in [
        (negotiate, un64(b::CHALLENGE), un64(b::AUTHENTICATE)),
        (un64(b::NEGOTIATE), challenge, un64(b::AUTHENTICATE)),
        (un64(b::NEGOTIATE), un64(b::CHALLENGE), authenticate),
    ] {
        let mut ntlm = challenged(negotiate, challenge, &at_b());
        assert_eq!(outcome(&mut ntlm, &authenticate, "S3cret! pass"), REFUSED);
    }
}

#[test]
fn a_response_is_good_for_36_hours_and_one_challenge() {
    for (clock, accepted) in [
        ((|| b::NOW + 35 * 3600) as fn() -> i64, true),
        (|| b::NOW - 35 * 3600, true),
        (|| b::NOW + 37 * 3600, false),
        (|| b::NOW - 37 * 3600, false),
    ] {
        let mut ntlm = vector_b(&Context { clock, ..Context::default() });
        let result = outcome(&mut ntlm, &un64(b::AUTHENTICATE), "S3cret! pass");
        assert_eq!(result == authorize("CONTOSO\\alice"), accepted);
        assert!(matches!(ntlm.step(&un64(b::AUTHENTICATE)), Outcome::Failed(_)), "used once");
    }
    let mut other = un64(b::CHALLENGE);
    other[24] ^= 1;
    let mut ntlm = challenged(un64(b::NEGOTIATE), other, &at_b());
    assert_eq!(outcome(&mut ntlm, &un64(b::AUTHENTICATE), "S3cret! pass"), REFUSED, "replayed");
}

#[test]
fn the_name_counts_without_case_and_the_domain_may_be_missing_from_the_proof() {
    let exchange =
        Exchange { negotiate: Vec::new(), challenge: Challenge { octets: Vec::new(), flags: 0, nonce: [7; 8] } };
    let mut response = Authenticate::parse(&un64(b::AUTHENTICATE), u32::MAX).unwrap();
    response.mic = None;
    let hash = nt_hash("x");
    for (user, domain, right) in [("ALICE", "CONTOSO", true), ("alice", "", true), ("alice", "contoso", false)] {
        let key = crypto::response_key(hash.expose(), user, domain);
        response.proof = crypto::proof(&key, &[7; 8], &response.temp);
        assert_eq!(exchange.prove(&response, hash.expose()).is_ok(), right, "{user} {domain}");
    }
}

#[test]
fn refuses_older_responses_and_nobody() {
    for (message, what) in [(V1, "NTLMv1"), (ANONYMOUS, "without a user")] {
        let mut ntlm = vector_b(&at_b());
        assert_eq!(ntlm.step(&un64(message)), REFUSED);
        assert!(ntlm.diagnosis().unwrap().contains(what));
    }
    let mut lm_only = unhex(a::AUTHENTICATE);
    lm_only[20..24].fill(0);
    assert_eq!(vector_b(&at_b()).step(&lm_only), REFUSED);
}

/// Text is in UTF-16 if both sides have said so; a name and the flag of anonymous users exclude each other.
#[test]
fn flags_decide_how_names_and_keys_are_read() {
    let good = un64(b::AUTHENTICATE);
    let flags = u32::from_le_bytes(good[60..64].try_into().unwrap());
    let parsed = |sent: u32, offered: u32| {
        let mut octets = good.clone();
        octets[60..64].copy_from_slice(&sent.to_le_bytes());
        Authenticate::parse(&octets, offered)
    };
    let user = |sent, offered| parsed(sent, offered).map(|parsed| parsed.user);
    let has_key = |sent, offered| parsed(sent, offered).unwrap().session_key.is_some();
    let (unicode, no_exchange) = (message::flag::UNICODE, flags & !message::flag::KEY_EXCH);
    let no_seal = flags & !(message::flag::SIGN | message::flag::SEAL);
    assert!(has_key(flags, flags) && !has_key(flags, no_exchange) && !has_key(no_exchange, flags));
    assert!(!has_key(flags, no_seal) && !has_key(no_seal, flags));
    assert_eq!(user(flags, flags).as_deref().ok(), Some("alice"));
    for (sent, offered) in [(flags & !unicode, flags), (flags, flags & !unicode), (flags & !unicode, flags & !unicode)]
    {
        assert!(matches!(user(sent, offered), Err(Rejected::Malformed(_))), "{sent:x} {offered:x}");
    }
    assert!(matches!(user(flags | message::flag::ANONYMOUS, flags), Err(Rejected::Forbidden(_))));
    let mut nobody = good.clone();
    nobody[36..38].fill(0);
    assert!(matches!(Authenticate::parse(&nobody, flags), Err(Rejected::Forbidden(_))));
}

#[test]
fn refuses_what_is_no_ntlm_message() {
    let good = un64(b::AUTHENTICATE);
    let flags = u32::from_le_bytes(good[60..64].try_into().unwrap());
    for length in 0..good.len() {
        // The session key is the last chunk of the payload: whatever is cut off is missed.
        assert!(Authenticate::parse(&good[..length], flags).is_err(), "cut at {length}");
    }
    // Signature, kind, length and offset of the response, of the name and of the key, versions.
    for (at, value) in [(0, 0), (8, 2), (20, 40), (27, 1), (36, 9), (43, 1), (52, 15), (0x80, 2), (0x81, 0)] {
        let mut octets = good.clone();
        octets[at] = value;
        assert!(matches!(Authenticate::parse(&octets, flags), Err(Rejected::Malformed(_))), "octet {at}");
    }
    let mut endless = good.clone();
    endless[0x70 + 16 + 28 + 2..][..2].fill(0xff);
    assert!(Authenticate::parse(&endless, flags).is_err(), "attributes run past the end");
    let long = [good.as_slice(), &[0; 16_384]].concat();
    assert!(Authenticate::parse(&long, flags).is_err());
}

#[test]
fn the_first_message_needs_little() {
    let mut curl = b"NTLMSSP\0\x01\0\0\0\x06\x82\x08\0".to_vec();
    let Outcome::Challenge(challenge) = Ntlm::new(&at_b()).step(&curl) else { panic!("no challenge") };
    assert_eq!(&challenge[..12], b"NTLMSSP\0\x02\0\0\0");
    let flags = u32::from_le_bytes(challenge[20..24].try_into().unwrap());
    assert_eq!(flags & (message::flag::UNICODE | message::flag::OEM), message::flag::OEM);
    assert_eq!(&challenge[56..65], b"PILLARBOX");
    curl[12] |= 1;
    let Outcome::Challenge(challenge) = Ntlm::new(&at_b()).step(&curl) else { panic!("no challenge") };
    assert_eq!(&challenge[56..60], b"P\0I\0");
    assert!(
        challenge.windows(12).any(|w| w == [&[7, 0, 8, 0][..], &Filetime::from_unix(b::NOW).0.to_le_bytes()].concat())
    );
    assert!(challenge.len() * 4 / 3 + 8 < 512, "one response line of RFC 2449");
    curl[12] = 0;
    for bad in
        [b"".as_slice(), b"NTLMSSP\0\x01\0\0\0\x06\x82\x08", b"NTLMSSP\0\x03\0\0\0\x06\x82\x08\0", &curl, &[0; 20_000]]
    {
        let outcome = Ntlm::new(&at_b()).step(bad);
        assert!(matches!(outcome, Outcome::Failed(Failure::Malformed(_))), "{bad:?}");
    }
}

#[test]
fn challenges_differ_and_need_random_numbers() {
    let negotiate = un64(b::NEGOTIATE);
    let nonce = || match Ntlm::new(&at_b()).step(&negotiate) {
        Outcome::Challenge(challenge) => challenge[24..32].to_vec(),
        other => panic!("{other:?}"),
    };
    assert_ne!(nonce(), nonce());
    let mut ntlm = Ntlm::new(&Context { random: |_| false, ..at_b() });
    assert_eq!(ntlm.step(&negotiate), Outcome::Failed(Failure::Unavailable));
}

#[test]
fn whose_login_it_is() {
    let mut response = Authenticate::parse(&un64(b::AUTHENTICATE), u32::MAX).unwrap();
    for (user, domain, login) in [
        ("alice", "", "alice"),
        ("alice", "PillarBox", "alice"),
        ("alice", "CONTOSO", "CONTOSO\\alice"),
        ("alice@example.org", "CONTOSO", "alice@example.org"),
    ] {
        (response.user, response.domain) = (user.into(), domain.into());
        assert_eq!(response.login(), login);
    }
}

#[test]
fn only_the_answer_that_was_asked_for_counts() {
    use crate::sasl::Login;
    use crate::store::{MailboxId, UserId};
    let login =
        Login { user: UserId(1), name: "a".into(), mailbox: MailboxId(1), principal: "a".into(), generation: 0 };
    let mut ntlm = vector_b(&at_b());
    ntlm.step(&un64(b::AUTHENTICATE));
    assert_eq!(ntlm.answer(Answer::Accepted(login.clone())), Outcome::Failed(Failure::Unavailable));
    let mut ntlm = vector_b(&at_b());
    ntlm.step(&un64(b::AUTHENTICATE));
    assert_eq!(ntlm.answer(Answer::Unavailable), Outcome::Failed(Failure::Unavailable));
    let mut ntlm = vector_b(&at_b());
    outcome(&mut ntlm, &un64(b::AUTHENTICATE), "S3cret! pass");
    assert_eq!(ntlm.answer(Answer::Accepted(login.clone())), Outcome::Done(login));
}

/// A response that was made for another service is being relayed.
#[test]
fn the_target_name_must_be_ours_where_that_is_asked_for() {
    use ExtendedProtectionPolicy::{Allow, None as Off, Require};
    let mut response = Authenticate::parse(&un64(b::AUTHENTICATE), u32::MAX).unwrap();
    assert_eq!(response.target, "pop/mail01.contoso.test");
    for (target, ours) in [
        ("", true),
        ("pop/mail01", true),
        ("POP3/mail01", true),
        ("host/mail01", true),
        ("cifs/files", false),
        ("HTTP/www", false),
        ("popx/mail01", false),
        ("pop", false),
        ("imap/pop/x", false),
        ("/pop", false),
        ("?", false),
    ] {
        target.clone_into(&mut response.target);
        for policy in [Off, Allow, Require] {
            let ntlm = Ntlm::new(&Context { extended_protection: policy, ..at_b() });
            let checked = ntlm.protection.check_target(&response).is_ok();
            assert_eq!(checked, ours || policy != Allow, "{target:?} {policy:?}");
        }
    }
}

/// What `Allow` refuses is said in the log only, and what `None` lets pass too.
#[test]
fn a_foreign_target_name_is_noted() {
    let octets = un64(b::AUTHENTICATE);
    let name = message::utf16("pop/mail01");
    let at = octets.windows(name.len()).position(|window| window == name).unwrap();
    let mut foreign = octets.clone();
    foreign[at..at + name.len()].copy_from_slice(&message::utf16("www/mail01"));
    let mut ntlm = vector_b(&Context { extended_protection: ExtendedProtectionPolicy::Allow, ..at_b() });
    assert_eq!(outcome(&mut ntlm, &foreign, "S3cret! pass"), REFUSED);
    assert_eq!(ntlm.diagnosis(), Some("NTLM proof is wrong"), "the name is part of what is proved");
    let parsed = Authenticate::parse(&foreign, u32::MAX).unwrap();
    assert_eq!(parsed.target, "www/mail01.contoso.test");
    let mut ntlm = vector_b(&at_b());
    assert_eq!(outcome(&mut ntlm, &octets, "S3cret! pass"), authorize("CONTOSO\\alice"));
    assert_eq!(ntlm.diagnosis(), None);
    let mut ntlm = vector_b(&at_b());
    assert!(matches!(ntlm.step(&octets), Outcome::Ask(Query::Verifier { .. })));
    assert_eq!(ntlm.answer(Answer::Refused), REFUSED, "there is no such user");
    assert!(is_ours("pop/mail01.contoso.test") && !is_ours(&parsed.target));
}

/// In figures: ours, and of what the client asks for only what we know.
#[test]
fn the_flags_of_the_challenge() {
    for (asked, flags) in [
        (0, 0x0082_8206),
        (0x0000_0008, 0x0082_8206),
        (0x0000_0001, 0x0082_8205),
        (0x0000_0010, 0x0082_8216),
        (0x4000_0020, 0x4082_8226),
        (u32::MAX, 0xe28a_8235),
    ] {
        assert_eq!(Challenge::new(asked, [0; 8], Filetime(0)).flags, flags, "{asked:08x}");
    }
}

/// 36 hours, in units of 100 nanoseconds.
#[test]
fn a_response_is_36_hours_old_at_most() {
    let now = Filetime(2_000_000_000_000);
    for (time, taken) in
        [(704_000_000_000, true), (703_999_999_999, false), (3_296_000_000_000, true), (3_296_000_000_001, false)]
    {
        assert_eq!(check_time(Filetime(time), now).is_ok(), taken, "{time}");
    }
}
