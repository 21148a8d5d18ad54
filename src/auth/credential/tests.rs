//! Tables of stored values and passwords, made with other implementations (argon2-cffi, bcrypt and
//! libxcrypt), and what [`Credentials`] makes itself.

use super::*;
use crate::store::{Scheme, UserId};

fn credentials() -> Credentials {
    Credentials::new(1, KeyFile::in_memory().unwrap()).unwrap()
}

const RIGHT: Verdict = Verdict::Right;
const WRONG: Verdict = Verdict::Wrong;
const NEVER: Verdict = Verdict::Malformed;

/// {users.password, presented, expected}
#[rustfmt::skip]
const TABLE: &[(&str, &str, Verdict)] = &[
    // Plain text, as it stands.
    ("correct horse", "correct horse", RIGHT),
    ("correct horse", "correct horsf", WRONG),
    ("correct horse", "Correct horse", WRONG),
    ("correct horse", "correct horse ", WRONG),
    ("p\u{e4}ss", "p\u{e4}ss", RIGHT),
    ("p\u{e4}ss", "pa\u{308}ss", WRONG),
    ("{hello world}", "{hello world}", RIGHT),
    ("{PLAIN}correct horse", "correct horse", RIGHT),
    ("{plain}{PLAIN}x", "{PLAIN}x", RIGHT),
    ("{PLAIN}correct horse", "{PLAIN}correct horse", WRONG),
    // An empty password is none.
    ("", "", WRONG),
    ("{PLAIN}", "", WRONG),
    ("$argon2id$v=19$m=256,t=1,p=1$c2FsdHNhbHRzYWx0$/6L/xtm5GeFdRGhzrnOhxDxvxwQ9CtMtwVyTaZnAAlQ", "", WRONG),
    ("", "correct horse", WRONG),
    // Argon2 with our parameters and with others, of each kind and version.
    ("$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk", "correct horse", RIGHT),
    ("$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk", "correct horsf", WRONG),
    ("$argon2id$v=19$m=1024,t=3,p=2$c2FsdHNhbHRzYWx0$W44sPlfxzjMOLOCJlwjVtQTVnV9NugpEUW7QBcuTHHA", "correct horse", RIGHT),
    ("$argon2id$v=16$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0$6iRJmfGdHTELtcXu2MRmyzkG9GMr4Gx/qoyRwJuTPBE", "correct horse", RIGHT),
    ("$argon2id$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0$6iRJmfGdHTELtcXu2MRmyzkG9GMr4Gx/qoyRwJuTPBE", "correct horse", RIGHT),
    ("$argon2id$v=19$m=256,t=1,p=4$c2FsdHNhbHRzYWx0$br0GcJE5cJH9hj/ZkYSmr+D9TDV5NNp1", "p\u{e4}ssw\u{f6}rd with spaces", RIGHT),
    ("$argon2id$v=19$m=256,t=1,p=4$c2FsdHNhbHRzYWx0$br0GcJE5cJH9hj/ZkYSmr+D9TDV5NNp1", "p\u{e4}ssw\u{f6}rd", WRONG),
    ("$argon2i$v=19$m=4096,t=3,p=1$c2FsdHNhbHRzYWx0$kLeWf3pgxSTjM4q/TQDVnHg5nvBR4p/MjXA379CnKc4", "correct horse", RIGHT),
    ("$argon2d$v=19$m=4096,t=3,p=1$c2FsdHNhbHRzYWx0$0RB0rRs5spCMoZvrEemauEDJIByQKa2TN0pCJ3PiTm0", "correct horse", RIGHT),
    ("{ARGON2ID}$argon2id$v=19$m=1024,t=3,p=2$c2FsdHNhbHRzYWx0$W44sPlfxzjMOLOCJlwjVtQTVnV9NugpEUW7QBcuTHHA", "correct horse", RIGHT),
    ("{ARGON2ID}$argon2id$v=19$m=1024,t=3,p=2$c2FsdHNhbHRzYWx0$W44sPlfxzjMOLOCJlwjVtQTVnV9NugpEUW7QBcuTHHA", "correct", WRONG),
    ("{argon2i}$argon2i$v=19$m=4096,t=3,p=1$c2FsdHNhbHRzYWx0$kLeWf3pgxSTjM4q/TQDVnHg5nvBR4p/MjXA379CnKc4", "correct horse", RIGHT),
    ("{ARGON2I}$argon2id$v=19$m=1024,t=3,p=2$c2FsdHNhbHRzYWx0$W44sPlfxzjMOLOCJlwjVtQTVnV9NugpEUW7QBcuTHHA", "correct horse", NEVER),
    ("$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0$W44sPlfxzjMOLOCJlwjVtQTVnV9NugpEUW7QBcuTHHA", "correct horse", NEVER),
    ("$argon2id$", "$argon2id$", NEVER),
    // bcrypt.
    ("$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "correct horse", RIGHT),
    ("$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "correct horsf", WRONG),
    ("$2b$04$abcdefghijklmnopqrstuuyx2n0Zzopyr9QuYTMCfOJJOj526QVoC", "p\u{e4}ssw\u{f6}rd", RIGHT),
    ("{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", "correct horse", RIGHT),
    ("{CRYPT}$2a$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", "correct horse", RIGHT),
    ("{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", "correct", WRONG),
    ("$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "correct horse", NEVER),
    ("$2b$04$short", "$2b$04$short", NEVER),
    // SHA-512 crypt.
    ("$6$saltstring$.r0X7ub5wGR2v4Xz7svCIozfnlorFh19V89t8KC9Umd81uGhFgsyTRNyzQDXDIm17fFcR9z3z7oBNdsyYBbtm/", "correct horse", RIGHT),
    ("$6$saltstring$.r0X7ub5wGR2v4Xz7svCIozfnlorFh19V89t8KC9Umd81uGhFgsyTRNyzQDXDIm17fFcR9z3z7oBNdsyYBbtm/", "correct horsf", WRONG),
    ("$6$rounds=1000$abc./XYZ$39D7oRFiH.PFqtBRaq6JvVHEcKdxqNjL9RBo5V4Ufcvntzpymzx3TuWUU3WkCYDX2ZxozYC3gjPSy4KJVC0dS/", "correct horse", RIGHT),
    ("$6$rounds=1000$saltsaltsaltsalt$90PYBEdNthW.s1MdBAGmZzUlBcO3THQlu3cLQCSmKwwDU4eOztdiNqFHvvjbULR8htwd7bcG6QXZbqiJ2JtSh.", "correct horse", RIGHT),
    ("{SHA512-CRYPT}$6$rounds=1500$saltsaltsaltsalt$lrrfyP1s8qtbuZ.5W1r2yGfFinZoMwsZQtkB8Nf1qvBa2a6JbWyVRkwaBgdbZU5RLiR1W2AmEheH/noV1.4v40", "p\u{e4}ssw\u{f6}rd", RIGHT),
    ("{CRYPT}$6$rounds=1000$abc./XYZ$39D7oRFiH.PFqtBRaq6JvVHEcKdxqNjL9RBo5V4Ufcvntzpymzx3TuWUU3WkCYDX2ZxozYC3gjPSy4KJVC0dS/", "correct", WRONG),
    ("$6$rounds=999999999$abc./XYZ$39D7oRFiH.PFqtBRaq6JvVHEcKdxqNjL9RBo5V4Ufcvntzpymzx3TuWUU3WkCYDX2ZxozYC3gjPSy4KJVC0dS/", "correct horse", NEVER),
    ("$6$", "$6$", NEVER),
    // Kinds we do not have.
    ("{CRYPT}$5$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC", "correct horse", NEVER),
    ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "secret", NEVER),
    ("{NONE}x", "x", NEVER),
];

#[test]
fn stored_values_match_their_password_and_no_other() {
    let credentials = credentials();
    for (stored, presented, expected) in TABLE {
        let verdict = credentials.verify(&(*presented).into(), Some(&(*stored).into()), None);
        assert_eq!(verdict, *expected, "{stored} with {presented}");
    }
}

#[test]
fn bcrypt_counts_72_octets() {
    let stored = Secret::from("$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i");
    for (length, expected) in [(80, RIGHT), (72, RIGHT), (71, WRONG)] {
        assert_eq!(credentials().verify(&Secret::new(vec![b'x'; length]), Some(&stored), None), expected, "{length}");
    }
}

#[test]
fn nobody_and_octets_that_are_no_text_are_wrong() {
    let credentials = credentials();
    assert_eq!(credentials.verify(&"x".into(), None, None), WRONG);
    let octets = Secret::new(vec![0xff, 0xfe]);
    assert_eq!(credentials.verify(&octets, Some(&"x".into()), None), WRONG);
    assert_eq!(credentials.verify(&octets, Some(&octets.clone()), None), RIGHT);
    let hash = credentials.hash(&octets).unwrap();
    assert_eq!(credentials.verify(&octets, Some(&hash), None), RIGHT);
}

#[test]
fn every_kind_is_busy_without_a_permit() {
    let mut credentials = credentials();
    credentials.hasher = Hasher::new(1).waiting(Duration::ZERO);
    let permit = credentials.hasher.permit(None).unwrap();
    for (stored, presented, _) in TABLE {
        let verdict = credentials.verify(&(*presented).into(), Some(&(*stored).into()), None);
        assert_eq!(verdict, Verdict::Busy, "{stored} with {presented}");
    }
    assert_eq!(credentials.verify(&"x".into(), None, None), Verdict::Busy);
    drop(permit);
}

#[test]
fn only_what_we_would_make_ourselves_is_current() {
    let current: Vec<_> = TABLE.iter().filter(|(stored, ..)| is_current(&(*stored).into())).collect();
    assert_eq!(current.len(), 2);
    assert!(current.iter().all(|(stored, ..)| stored.contains("$m=19456,t=2,p=1$")));
    assert!(is_current(&credentials().hash(&"x".into()).unwrap()));
}

#[test]
fn every_verifier_that_is_wanted_is_made() {
    let (credentials, password) = (credentials(), Secret::from("correct horse"));
    let (phc, verifiers) = credentials.verifiers_for("alice", UserId(7), &password, true).unwrap();
    assert_eq!(credentials.verify(&password, Some(&phc), None), RIGHT);
    let schemes: Vec<Scheme> = verifiers.iter().map(|(scheme, _)| *scheme).collect();
    assert_eq!(schemes, [Scheme::ScramSha256, Scheme::NtHash]);
    assert_eq!(scram::Keys::decode(&verifiers[0].1), None, "sealed");
    let scram = credentials.open_scram(UserId(7), &verifiers[0].1).unwrap().unwrap();
    assert_eq!(scram, scram::Keys::derive(&password, &scram.salt, 32_768));
    assert_eq!(credentials.open_scram(UserId(8), &verifiers[0].1).unwrap(), None);
    let mark = credentials.seal_mark().unwrap();
    assert!(verifiers.iter().all(|(_, verifier)| verifier.expose().starts_with(mark.as_bytes())));
    assert_eq!(credentials.open_nt_hash(UserId(7), &verifiers[1].1).unwrap(), nt_hash(&password));
    assert_eq!(credentials.open_nt_hash(UserId(8), &verifiers[1].1).unwrap(), None);
}

#[test]
fn rounds_are_those_of_the_setting_and_others_are_outdated() {
    let credentials = credentials();
    let made = |name| credentials.verifier_for(Scheme::ScramSha256, name, UserId(7), &"x".into()).unwrap().unwrap();
    let keys = |name| credentials.open_scram(UserId(7), &made(name)).unwrap().unwrap();
    let old = keys("alice");
    assert!(credentials.is_current_scram("Alice", &old).unwrap());
    assert!(!credentials.is_current_scram("bob", &old).unwrap(), "another salt");
    credentials.set_scram_iterations(4096);
    assert_eq!((keys("alice").iterations, credentials.false_scram("nobody").unwrap().iterations), (4096, 4096));
    assert!(!credentials.is_current_scram("alice", &old).unwrap());
}

#[test]
fn no_nt_hash_is_made_unasked_or_of_what_ntlm_cannot_say() {
    let credentials = credentials();
    let schemes = |password: Secret, ntlm| -> Vec<Scheme> {
        let made = credentials.verifiers_for("alice", UserId(7), &password, ntlm).unwrap();
        made.1.into_iter().map(|(scheme, _)| scheme).collect()
    };
    assert_eq!(schemes("x".into(), false), [Scheme::ScramSha256]);
    assert_eq!(schemes(Secret::new(vec![0xff]), true), [Scheme::ScramSha256]);
}

#[test]
fn false_verifiers_are_stable_and_look_like_true_ones() {
    let directory = tempfile::tempdir().unwrap();
    let start = || Credentials::new(1, KeyFile::beside(&directory.path().join("mail.db"))).unwrap();
    let (first, second) = (start(), start());
    let keys = first.false_scram("Nobody").unwrap();
    assert_eq!(second.false_scram("nobody").unwrap(), keys, "after a restart, whatever the case");
    assert_ne!(first.false_scram("somebody").unwrap().salt, keys.salt);
    assert_eq!(scram::Keys::decode(&keys.encode()), Some(keys.clone()));
    let made = first.verifier_for(Scheme::ScramSha256, "nobody", UserId(1), &"x".into()).unwrap().unwrap();
    let real = first.open_scram(UserId(1), &made).unwrap().unwrap();
    assert_eq!((&real.salt, real.iterations), (&keys.salt, keys.iterations), "now that the user exists");
    assert_ne!(real.stored_key, keys.stored_key);

    let hash = first.false_nt_hash("nobody").unwrap();
    let sealed = first.false_verifier_for(Scheme::NtHash, "nobody", UserId(7)).unwrap();
    assert_eq!(first.open_nt_hash(UserId(7), &sealed).unwrap(), Some(hash.clone()), "in the form that is stored");
    let stored = first.false_verifier_for(Scheme::ScramSha256, "nobody", UserId(7)).unwrap();
    assert_eq!(first.open_scram(UserId(7), &stored).unwrap(), Some(first.false_scram("nobody").unwrap()));
    assert_eq!(second.false_nt_hash("NOBODY").unwrap(), hash);
    assert_ne!(first.false_nt_hash("somebody").unwrap(), hash);
    assert_eq!(hash.expose().len(), 16);
}

#[test]
fn what_is_remembered_can_be_forgotten() {
    let credentials = credentials();
    let (stored, password) = (Secret::from("$phc"), Secret::from("x"));
    credentials.remember(UserId(1), &stored, &password);
    credentials.tidy();
    assert!(credentials.is_remembered(UserId(1), &stored, &password));
    credentials.forget();
    assert!(!credentials.is_remembered(UserId(1), &stored, &password));
}

#[test]
fn without_a_key_file_only_the_hash_can_be_made() {
    let directory = tempfile::tempdir().unwrap();
    let missing = KeyFile::beside(&directory.path().join("missing/mail.db"));
    let credentials = Credentials::new(1, missing).unwrap();
    assert!(credentials.hash(&"x".into()).is_ok());
    let error = credentials.verifiers_for("alice", UserId(1), &"x".into(), false).unwrap_err();
    assert!(matches!(error, CredentialError::KeyFile(_)), "{error}");
    assert!(credentials.false_scram("alice").is_err() && credentials.false_nt_hash("alice").is_err());
}
