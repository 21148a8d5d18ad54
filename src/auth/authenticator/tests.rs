//! The policy over a store of a few lists.

mod candidates;
mod fake;

use super::*;
use crate::auth::credential::{KeyFile, nt_hash, scram};
use crate::sasl::Verifier;
use crate::store::MailboxId;
use fake::Fake;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

const OLD_ARGON2: &str = "$argon2id$v=19$m=1024,t=3,p=2$c2FsdHNhbHRzYWx0$W44sPlfxzjMOLOCJlwjVtQTVnV9NugpEUW7QBcuTHHA";
const BCRYPT: &str = "{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";
const SHA512: &str =
    "$6$rounds=1000$abc./XYZ$39D7oRFiH.PFqtBRaq6JvVHEcKdxqNjL9RBo5V4Ufcvntzpymzx3TuWUU3WkCYDX2ZxozYC3gjPSy4KJVC0dS/";
const HOSTILE: &str =
    "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0$W44sPlfxzjMOLOCJlwjVtQTVnV9NugpEUW7QBcuTHHA";
const PASSWORD: &str = "correct horse";

struct Fixture {
    store: Arc<Fake>,
    credentials: Arc<Credentials>,
    authenticator: Authenticator,
    domains: Vec<String>,
}

/// A fixture with these users, {name, users.password}.
fn fixture(users: &[(&str, &str)], furnish: impl FnOnce(&mut Fake)) -> Fixture {
    let account = |(i, (name, password)): (usize, &(&str, &str))| Account {
        user: UserId(i as i64 + 1),
        name: (*name).into(),
        password: Some((*password).into()),
        pop_enabled: true,
        ntlm: false,
        generation: 0,
        mailbox: Some(MailboxId(i as i64 + 11)),
        site: None,
    };
    let mut fake = Fake { accounts: Mutex::new(users.iter().enumerate().map(account).collect()), ..Fake::default() };
    furnish(&mut fake);
    let store = Arc::new(fake);
    let credentials = Arc::new(Credentials::new(1, KeyFile::in_memory().unwrap()).unwrap());
    let authenticator = Authenticator::new(store.clone(), credentials.clone());
    Fixture { store, credentials, authenticator, domains: vec!["a.example".into()] }
}

impl Fixture {
    fn ask(&self, query: &Query) -> Answer {
        self.authenticator.answer(query, &LoginPolicy { domains: &self.domains, site: "here", admission: &Unbounded })
    }

    fn try_all(&self, raw: &str, candidates: &[&str]) -> Answer {
        let candidates = candidates.iter().map(|text| Secret::from(*text)).collect();
        self.ask(&Query::Password { who: crate::message::address::parse_user(raw), candidates })
    }

    fn login(&self, raw: &str, password: &str) -> Answer {
        self.try_all(raw, &[password])
    }

    fn verifier(&self, authcid: &str, scheme: Scheme) -> Verifier {
        match self.ask(&Query::Verifier { authcid: authcid.into(), scheme }) {
            Answer::Verifier(verifier) => verifier,
            answer => panic!("{answer:?}"),
        }
    }

    fn change(&self, user: i64, change: impl FnOnce(&mut Account)) {
        change(self.store.accounts.lock().unwrap().iter_mut().find(|account| account.user.0 == user).unwrap());
    }

    fn password(&self, user: i64) -> Secret {
        let accounts = self.store.accounts.lock().unwrap();
        accounts.iter().find(|account| account.user.0 == user).unwrap().password.clone().unwrap()
    }

    fn has(&self, user: i64, scheme: Scheme) -> bool {
        self.store.verifiers.lock().unwrap().contains_key(&(UserId(user), scheme))
    }
}

fn own(user: i64, name: &str) -> Answer {
    other(user, name, user, name)
}

fn other(user: i64, name: &str, principal: i64, of: &str) -> Answer {
    Answer::Accepted(Login {
        user: UserId(user),
        name: name.into(),
        mailbox: MailboxId(principal + 10),
        principal: of.into(),
        generation: 0,
    })
}

#[test]
fn every_spelling_of_a_name_logs_in() {
    let fixture = fixture(&[("Alice", PASSWORD), ("bob@a.example", PASSWORD)], |_| ());
    for raw in ["alice", "ALICE", "alice@A.example", r"A\alice", "a.example/alice", r"a.example\alice"] {
        assert_eq!(fixture.login(raw, PASSWORD), own(1, "Alice"), "{raw}");
    }
    for raw in ["bob@a.example", r"A\bob"] {
        assert_eq!(fixture.login(raw, PASSWORD), own(2, "bob@a.example"), "{raw}");
    }
    for raw in ["bob", "alice@b.example", r"B\alice", "", "/", r"\alice"] {
        assert_eq!(fixture.login(raw, PASSWORD), Answer::Refused, "{raw}");
    }
}

#[test]
fn every_refusal_is_the_same() {
    let names = ["fine", "disabled", "elsewhere", "homeless", "passwordless", "hostile", "empty"];
    let users: Vec<_> = names.iter().map(|name| (*name, PASSWORD)).collect();
    let fixture = fixture(&users, |_| ());
    fixture.change(2, |account| account.pop_enabled = false);
    fixture.change(3, |account| account.site = Some("there".into()));
    fixture.change(4, |account| account.mailbox = None);
    fixture.change(5, |account| account.password = None);
    fixture.change(6, |account| account.password = Some(HOSTILE.into()));
    fixture.change(7, |account| account.password = Some("".into()));
    assert_eq!(fixture.login("fine", PASSWORD), own(1, "fine"));
    for name in names.iter().skip(1) {
        for password in [PASSWORD, "wrong", "", HOSTILE] {
            assert_eq!(fixture.login(name, password), Answer::Refused, "{name} with {password}");
        }
    }
    for (name, password) in [("nobody", PASSWORD), ("fine", "wrong"), ("fine", "")] {
        assert_eq!(fixture.login(name, password), Answer::Refused, "{name} with {password}");
    }
    assert_eq!(fixture.try_all("fine", &[]), Answer::Refused);
    assert_eq!(fixture.password(2), PASSWORD.into(), "a refused login changes nothing");
}

#[test]
fn a_mailbox_of_this_site_or_none_opens() {
    let fixture = fixture(&[("alice", PASSWORD)], |_| ());
    for (site, expected) in [
        (None, own(1, "alice")),
        (Some(""), own(1, "alice")),
        (Some("HERE"), own(1, "alice")),
        (Some("there"), Answer::Refused),
    ] {
        fixture.change(1, |account| account.site = site.map(str::to_owned));
        assert_eq!(fixture.login("alice", PASSWORD), expected, "{site:?}");
    }
    fixture.change(1, |account| account.site = Some("there".into()));
    let policy = LoginPolicy { domains: &[], site: "", admission: &Unbounded };
    let who = Identity { authcid: "alice".into(), authzid: None };
    assert_eq!(fixture.authenticator.answer(&Query::Authorize { who }, &policy), Answer::Refused);
}

#[test]
fn whatever_stood_there_the_first_login_makes_every_verifier() {
    for stored in [PASSWORD, "{PLAIN}correct horse", OLD_ARGON2, BCRYPT, SHA512] {
        let fixture = fixture(&[("alice", stored)], |_| ());
        fixture.change(1, |account| account.ntlm = true);
        assert_eq!(fixture.login("alice", "wrong"), Answer::Refused, "{stored}");
        assert_eq!(fixture.password(1), stored.into());
        assert_eq!(fixture.login("alice", PASSWORD), own(1, "alice"), "{stored}");
        let hash = fixture.password(1);
        assert!(is_current(&hash), "{stored}");
        assert!(fixture.has(1, Scheme::ScramSha256) && fixture.has(1, Scheme::NtHash), "{stored}");
        assert_eq!(fixture.verifier("alice", Scheme::NtHash), Verifier::NtHash(nt_hash(&PASSWORD.into()).unwrap()));
        assert_eq!(fixture.login("alice", PASSWORD), own(1, "alice"), "{stored}");
        assert_eq!(fixture.password(1), hash, "a present hash stays");
    }
}

#[test]
fn missing_verifiers_are_added_when_the_clear_password_is_at_hand() {
    let fixture = fixture(&[("alice", "")], |_| ());
    let hash = fixture.credentials.hash(&PASSWORD.into()).unwrap();
    fixture.change(1, |account| account.password = Some(hash.clone()));
    assert_eq!(fixture.login("alice", "wrong"), Answer::Refused);
    assert!(!fixture.has(1, Scheme::ScramSha256));
    assert_eq!(fixture.login("alice", PASSWORD), own(1, "alice"));
    assert!(fixture.has(1, Scheme::ScramSha256) && !fixture.has(1, Scheme::NtHash));
    // Even though the password is remembered by now.
    fixture.change(1, |account| account.ntlm = true);
    assert_eq!(fixture.login("alice", PASSWORD), own(1, "alice"));
    assert!(fixture.has(1, Scheme::NtHash));
    // One that another key sealed is as good as none.
    fixture.store.verifiers.lock().unwrap().insert((UserId(1), Scheme::NtHash), "v1,AAAA".into());
    assert_eq!(fixture.login("alice", PASSWORD), own(1, "alice"));
    assert_eq!(fixture.verifier("alice", Scheme::NtHash), Verifier::NtHash(nt_hash(&PASSWORD.into()).unwrap()));
    assert_eq!(fixture.password(1), hash);
}

#[test]
fn a_remembered_password_still_meets_the_live_row() {
    let fixture = fixture(&[("alice", PASSWORD)], |_| ());
    fixture.login("alice", PASSWORD);
    assert!(fixture.credentials.is_remembered(UserId(1), &fixture.password(1), &PASSWORD.into()));
    let asked = fixture.store.asked.load(Ordering::Relaxed);
    assert_eq!(fixture.login("alice", PASSWORD), own(1, "alice"));
    assert_eq!(fixture.store.asked.load(Ordering::Relaxed), asked, "no full check");
    assert_eq!(fixture.login("alice", "wrong"), Answer::Refused);

    fixture.change(1, |account| account.pop_enabled = false);
    assert_eq!(fixture.login("alice", PASSWORD), Answer::Refused);
    fixture.change(1, |account| account.pop_enabled = true);
    assert_eq!(fixture.login("alice", PASSWORD), own(1, "alice"));
    fixture.change(1, |account| account.password = Some("new".into()));
    assert_eq!(fixture.login("alice", PASSWORD), Answer::Refused);
    assert_eq!(fixture.login("alice", "new"), own(1, "alice"));
}

#[test]
fn any_of_a_few_readings_may_be_right() {
    let fixture = fixture(&[("alice", PASSWORD)], |_| ());
    assert_eq!(fixture.try_all("alice", &["no", "no", "no", "no", PASSWORD]), Answer::Refused, "four at most");
    assert_eq!(fixture.try_all("alice", &["no", PASSWORD]), own(1, "alice"));
    assert_eq!(fixture.try_all("alice", &["no", PASSWORD]), own(1, "alice"), "remembered");
    assert_eq!(fixture.try_all("alice", &["no", "neither"]), Answer::Refused);
}

#[test]
fn delegates_open_what_they_were_given() {
    let users = [("bob", PASSWORD), ("alice", "x"), ("disabled", "x"), ("elsewhere", "x"), ("private", "x")];
    let fixture = fixture(&users, |fake| {
        fake.delegates = vec![(1, 2), (1, 3), (1, 4)];
        fake.aliases = HashMap::from([("sales@b.example", 2), ("postmaster@b.example", 1)]);
    });
    fixture.change(3, |account| account.pop_enabled = false);
    fixture.change(4, |account| account.site = Some("there".into()));
    for raw in
        ["a/bob/alice", "bob@a.example/alice", "bob@a.example/alice@a.example", "a/bob/sales@b.example", r"A\bob/alice"]
    {
        assert_eq!(fixture.login(raw, PASSWORD), other(1, "bob", 2, "alice"), "{raw}");
        assert_eq!(fixture.login(raw, "wrong"), Answer::Refused, "{raw}");
        assert_eq!(fixture.login(raw, "x"), Answer::Refused, "the principal's password, {raw}");
    }
    for raw in ["bob@a.example/bob", "a/bob/postmaster@b.example"] {
        assert_eq!(fixture.login(raw, PASSWORD), own(1, "bob"), "{raw}: the own mailbox");
    }
    for principal in ["disabled", "elsewhere", "private", "nobody", "", "alice@b.example"] {
        assert_eq!(fixture.login(&format!("a/bob/{principal}"), PASSWORD), Answer::Refused, "{principal}");
    }
    fixture.change(1, |account| account.pop_enabled = false);
    assert_eq!(fixture.login("a/bob/alice", PASSWORD), Answer::Refused, "a disabled delegate");
}

#[test]
fn a_delegate_needs_no_mailbox() {
    let fixture = fixture(&[("bob", PASSWORD), ("alice", "x")], |fake| fake.delegates = vec![(1, 2)]);
    fixture.change(1, |account| account.mailbox = None);
    assert_eq!(fixture.login("a/bob/alice", PASSWORD), other(1, "bob", 2, "alice"));
    assert_eq!(fixture.login("bob", PASSWORD), Answer::Refused);
}

#[test]
fn a_proved_identity_meets_the_same_rules() {
    let fixture = fixture(&[("bob", "x"), ("alice", "x")], |fake| fake.delegates = vec![(1, 2)]);
    let authorize = |authcid: &str, authzid: Option<&str>| {
        let who = Identity { authcid: authcid.into(), authzid: authzid.map(str::to_owned) };
        fixture.ask(&Query::Authorize { who })
    };
    assert_eq!(authorize("bob", None), own(1, "bob"));
    assert_eq!(authorize("bob", Some("alice")), other(1, "bob", 2, "alice"));
    assert_eq!(authorize("alice", Some("bob")), Answer::Refused);
    assert_eq!(authorize("nobody", None), Answer::Refused);
    fixture.change(1, |account| account.pop_enabled = false);
    assert_eq!(authorize("bob", None), Answer::Refused);
}

/// Whoever types may write DOMAIN\\user; what a token or a ticket says is a name.
#[test]
fn a_vouched_identity_is_a_name_and_no_form_of_one() {
    let mut fixture = fixture(&[("alice", "x"), ("Carol@c.example", "x")], |_| ());
    let foreign = ["alice@evil.example", "evil/alice", r"evil\alice", "a.example/alice", r"a\alice", "a/b/alice", ""];
    for domains in [vec![], vec!["a.example".to_owned()]] {
        fixture.domains = domains;
        let vouched = |authcid: &str, exact_case| {
            let who = Identity { authcid: authcid.into(), authzid: None };
            fixture.ask(&Query::Vouched { who, exact_case })
        };
        for exact_case in [false, true] {
            for name in foreign {
                assert_eq!(vouched(name, exact_case), Answer::Refused, "{name}");
            }
            assert_eq!(vouched("alice", exact_case), own(1, "alice"));
            assert_eq!(vouched("Carol@c.example", exact_case), own(2, "Carol@c.example"));
            let known = fixture.domains.is_empty();
            let expected = if known { Answer::Refused } else { own(1, "alice") };
            assert_eq!(vouched("alice@A.example", exact_case), expected);
        }
        assert_eq!(vouched("ALICE", false), own(1, "alice"));
        assert_eq!(vouched("ALICE", true), Answer::Refused);
        assert_eq!(vouched("carol@c.example", true), Answer::Refused);
    }
}

#[test]
fn verifiers_of_nobody_are_false_and_stable() {
    let fixture = fixture(&[("alice", PASSWORD), ("bob", BCRYPT), ("carol", "x")], |_| ());
    fixture.change(3, |account| account.password = None);
    for scheme in [Scheme::ScramSha256, Scheme::NtHash] {
        for name in ["nobody", "bob", "carol"] {
            let verifier = fixture.verifier(name, scheme);
            for spelling in [name.to_uppercase(), format!("{name}@a.example"), format!(r"A\{name}")] {
                assert_eq!(fixture.verifier(&spelling, scheme), verifier, "{spelling}");
            }
        }
        assert_ne!(fixture.verifier("nobody", scheme), fixture.verifier("bob", scheme));
    }
}

#[test]
fn a_user_without_ntlm_has_no_nt_hash_even_if_one_is_left() {
    let fixture = fixture(&[("alice", PASSWORD)], |_| ());
    fixture.change(1, |account| account.ntlm = true);
    fixture.login("alice", PASSWORD);
    let real = fixture.verifier("alice", Scheme::NtHash);
    fixture.change(1, |account| account.ntlm = false);
    assert!(fixture.has(1, Scheme::NtHash));
    assert_ne!(fixture.verifier("alice", Scheme::NtHash), real);
}

#[test]
fn a_pending_password_gets_its_verifiers_and_voids_the_old_ones() {
    let fixture = fixture(&[("alice", PASSWORD)], |_| ());
    let Verifier::Scram { salt, stored_key, .. } = fixture.verifier("alice", Scheme::ScramSha256) else { panic!() };
    assert_eq!(stored_key, scram::Keys::derive(&PASSWORD.into(), &salt, scram::ITERATIONS).stored_key);
    assert!(is_current(&fixture.password(1)));
    fixture.change(1, |account| account.password = Some("new".into()));
    let Verifier::Scram { stored_key, .. } = fixture.verifier("alice", Scheme::ScramSha256) else { panic!() };
    assert_eq!(stored_key, scram::Keys::derive(&"new".into(), &salt, scram::ITERATIONS).stored_key);
    fixture.change(1, |account| account.password = None);
    assert_eq!(
        fixture.verifier("alice", Scheme::ScramSha256),
        fixture.credentials.false_scram("alice").unwrap().into()
    );
}

#[test]
fn what_cannot_be_found_out_is_no_refusal() {
    let fixture = fixture(&[("alice", PASSWORD)], |fake| fake.fails_reading = true);
    let who = Identity { authcid: "alice".into(), authzid: None };
    let queries = [
        Query::Password { who: who.clone(), candidates: vec![PASSWORD.into()] },
        Query::Verifier { authcid: "alice".into(), scheme: Scheme::ScramSha256 },
        Query::Authorize { who: who.clone() },
        Query::Vouched { who, exact_case: false },
    ];
    for query in queries {
        assert_eq!(fixture.ask(&query), Answer::Unavailable, "{query:?}");
    }
}

#[test]
fn a_store_that_cannot_be_written_to_still_lets_passwords_in() {
    let fixture = fixture(&[("alice", PASSWORD), ("bob", BCRYPT)], |fake| fake.fails_writing = true);
    assert_eq!(fixture.login("alice", PASSWORD), own(1, "alice"));
    assert_eq!(fixture.login("bob", PASSWORD), own(2, "bob"));
    assert_eq!(fixture.login("bob", "wrong"), Answer::Refused);
    // A proof can be checked, too, as long as the clear password stands there.
    let Verifier::Scram { salt, stored_key, .. } = fixture.verifier("alice", Scheme::ScramSha256) else { panic!() };
    assert_eq!(stored_key, scram::Keys::derive(&PASSWORD.into(), &salt, scram::ITERATIONS).stored_key);
    assert_eq!(fixture.verifier("bob", Scheme::ScramSha256), fixture.credentials.false_scram("bob").unwrap().into());
    assert!(!fixture.has(1, Scheme::ScramSha256));
}
