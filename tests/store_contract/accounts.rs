//! Users, verifiers, addresses, delegates (docs/interface.md section 2).

use crate::fixture::{Change, Fixture, assert_refused, deliver, mailbox, names, user};
use pillarbox::auth::credential::Secret;
use pillarbox::store::{Scheme, UserId};

/// Made by nobody's hash; only its form counts here.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY";
const OTHER_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$b3RoZXJzYWx0b3RoZXJzYQ$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY";

fn id(fixture: &dyn Fixture, name: &str) -> UserId {
    fixture.store().account(&names(&[name])).unwrap().unwrap().user
}

fn password(fixture: &dyn Fixture, name: &str) -> Option<String> {
    let account = fixture.store().account(&names(&[name])).unwrap().unwrap();
    account.password.map(|password| password.expose_str().unwrap().to_owned())
}

pub fn the_first_name_that_exists(fixture: &mut dyn Fixture) {
    let mailbox = user(fixture, "alice");
    user(fixture, "alice@b.example");
    let account = fixture.store().account(&names(&["alice@a.example", "alice", "alice@b.example"])).unwrap().unwrap();
    assert_eq!((account.name.as_str(), account.mailbox), ("alice", Some(mailbox)));
    assert!(account.pop_enabled && !account.ntlm && account.site.is_none() && account.password.is_none());
    assert!(fixture.store().account(&names(&["nobody"])).unwrap().is_none());
    assert!(fixture.store().account(&[]).unwrap().is_none());
    fixture.change(Change::Pop("alice", false));
    fixture.change(Change::Ntlm("alice", true));
    fixture.change(Change::Site("alice", Some("elsewhere")));
    fixture.change(Change::Password("alice", "correct horse"));
    let account = fixture.store().account(&names(&["alice"])).unwrap().unwrap();
    assert!(!account.pop_enabled && account.ntlm);
    assert_eq!(account.site.as_deref(), Some("elsewhere"));
    assert_eq!(account.password, Some(Secret::from("correct horse")));
}

pub fn ascii_letters_compare_without_case_all_else_exactly(fixture: &mut dyn Fixture) {
    user(fixture, "Zo\u{eb}");
    let known = |name: &str| fixture.store().account(&names(&[name])).unwrap().map(|account| account.name);
    assert_eq!(known("zO\u{eb}").as_deref(), Some("Zo\u{eb}"));
    assert_eq!(known("ZO\u{cb}"), None);
    assert_eq!(known("Zo%"), None);
    assert_eq!(known("Zo?"), None);
}

pub fn bad_and_taken_names_are_refused(fixture: &mut dyn Fixture) {
    user(fixture, "alice");
    assert_refused(fixture.store().create_user("ALICE"), "users.name");
    let long = "x".repeat(256);
    for name in ["", &long, "a b", "a/b", "a\\b", "a\tb", "a\u{0}b", "a\u{85}b", "a\u{7f}", "a@b@c"] {
        assert_refused(fixture.store().create_user(name), "users.name");
    }
    for name in [&long[1..], "\u{e9}".repeat(255).as_str(), "a@b", "o'hara", "*[x]?"] {
        fixture.store().create_user(name).unwrap();
    }
}

pub fn a_new_password_voids_every_verifier(fixture: &mut dyn Fixture) {
    user(fixture, "alice");
    let alice = id(fixture, "alice");
    let scram = (Scheme::ScramSha256, Secret::from("salt,4096,a,b"));
    assert!(fixture.store().set_password(alice, None, &Secret::from(HASH), std::slice::from_ref(&scram)).unwrap());
    assert_eq!(password(fixture, "alice").as_deref(), Some(HASH));
    assert_eq!(fixture.store().verifier(alice, Scheme::ScramSha256).unwrap(), Some(scram.1.clone()));
    assert_eq!(fixture.store().verifier(alice, Scheme::NtHash).unwrap(), None);
    fixture.change(Change::Password("alice", "new secret"));
    assert_eq!(fixture.store().verifier(alice, Scheme::ScramSha256).unwrap(), None);
    assert!(fixture.store().set_password(alice, None, &Secret::from(HASH), &[scram]).unwrap());
    assert!(fixture.store().set_password(alice, None, &Secret::from(HASH), &[]).unwrap(), "even if it is the same");
    assert_eq!(fixture.store().verifier(alice, Scheme::ScramSha256).unwrap(), None);
    assert!(!fixture.store().set_password(UserId(4711), None, &Secret::from(HASH), &[]).unwrap());
}

pub fn a_password_is_replaced_only_if_it_is_the_expected_one(fixture: &mut dyn Fixture) {
    user(fixture, "alice");
    let alice = id(fixture, "alice");
    let (plain, hash) = (Secret::from("correct horse"), Secret::from(HASH));
    assert!(!fixture.store().set_password(alice, Some(&plain), &hash, &[]).unwrap(), "there is none");
    fixture.change(Change::Password("alice", "changed meanwhile"));
    assert!(!fixture.store().set_password(alice, Some(&plain), &hash, &[]).unwrap());
    assert_eq!(password(fixture, "alice").as_deref(), Some("changed meanwhile"));
    assert!(fixture.store().set_password(alice, Some(&Secret::from("changed meanwhile")), &hash, &[]).unwrap());
    assert_eq!(password(fixture, "alice").as_deref(), Some(HASH));
}

pub fn a_verifier_is_added_only_to_the_password_it_was_made_from(fixture: &mut dyn Fixture) {
    user(fixture, "alice");
    let alice = id(fixture, "alice");
    let (hash, other, verifier) = (Secret::from(HASH), Secret::from(OTHER_HASH), Secret::from("v"));
    assert!(!fixture.store().add_verifier(alice, &hash, Scheme::ScramSha256, &verifier).unwrap());
    fixture.store().set_password(alice, None, &hash, &[]).unwrap();
    assert!(!fixture.store().add_verifier(alice, &other, Scheme::ScramSha256, &verifier).unwrap());
    assert_eq!(fixture.store().verifier(alice, Scheme::ScramSha256).unwrap(), None);
    for value in ["v", "v2"] {
        assert!(fixture.store().add_verifier(alice, &hash, Scheme::ScramSha256, &Secret::from(value)).unwrap());
        assert_eq!(fixture.store().verifier(alice, Scheme::ScramSha256).unwrap(), Some(Secret::from(value)));
    }
}

pub fn an_nt_hash_is_kept_only_while_wanted(fixture: &mut dyn Fixture) {
    user(fixture, "alice");
    let alice = id(fixture, "alice");
    let (hash, sealed) = (Secret::from(HASH), (Scheme::NtHash, Secret::from(&[0u8, 255, 1][..])));
    fixture.store().set_password(alice, None, &hash, std::slice::from_ref(&sealed)).unwrap();
    assert_eq!(fixture.store().verifier(alice, Scheme::NtHash).unwrap(), None);
    assert!(!fixture.store().add_verifier(alice, &hash, Scheme::NtHash, &sealed.1).unwrap());
    fixture.change(Change::Ntlm("alice", true));
    assert!(fixture.store().add_verifier(alice, &hash, Scheme::NtHash, &sealed.1).unwrap());
    assert_eq!(fixture.store().verifier(alice, Scheme::NtHash).unwrap(), Some(sealed.1));
    fixture.change(Change::Ntlm("alice", false));
    fixture.store().drop_unwanted_verifiers().unwrap();
    assert_eq!(fixture.store().drop_unwanted_verifiers().unwrap(), 0);
    fixture.change(Change::Ntlm("alice", true));
    assert_eq!(fixture.store().verifier(alice, Scheme::NtHash).unwrap(), None);
}

pub fn recipients_are_mailboxes_first_then_all_targets(fixture: &mut dyn Fixture) {
    let (alice, bob) = (user(fixture, "alice"), user(fixture, "bob"));
    fixture.change(Change::Mailbox("archive"));
    let archive = mailbox(fixture, "ARCHIVE");
    fixture.change(Change::Alias("sales@example.org", "alice"));
    fixture.change(Change::Alias("Sales@Example.org", "BOB"));
    fixture.change(Change::Alias("alice", "bob"));
    fixture.change(Change::Alias("@example.org", "archive"));
    let found = |candidates: &[&str]| fixture.store().recipients(&names(candidates)).unwrap();
    let to = |candidates: &[&str]| found(candidates).iter().map(|mailbox| mailbox.id).collect::<Vec<_>>();
    assert_eq!(found(&["ALICE"])[0].name, "alice", "as it was written");
    assert_eq!(to(&["alice"]), [alice], "a mailbox before an alias");
    assert_eq!(to(&["SALES@example.org", "sales", "@example.org"]), [alice, bob]);
    assert_eq!(to(&["x@example.org", "x", "@example.org"]), [archive]);
    assert_eq!(to(&["x@example.org", "bob", "@example.org"]), [bob]);
    assert!(to(&["x@example.net", "@example.net"]).is_empty());
    let mut all = fixture.store().recipient_names().unwrap();
    all.iter_mut().for_each(|name| name.make_ascii_lowercase());
    assert_eq!(all, ["@example.org", "alice", "archive", "bob", "sales@example.org"]);
    fixture.change(Change::Pop("bob", false));
    assert_eq!(to(&["bob"]), [bob], "mail still arrives");
}

pub fn a_principal_and_its_delegates(fixture: &mut dyn Fixture) {
    let (alice, carol) = (user(fixture, "alice"), user(fixture, "carol"));
    user(fixture, "bob");
    fixture.change(Change::Mailbox("archive"));
    fixture.change(Change::Site("archive", Some("paris")));
    fixture.change(Change::Alias("team", "carol"));
    fixture.change(Change::Alias("team", "alice"));
    fixture.change(Change::Delegate("BOB", "alice"));
    fixture.change(Change::Pop("carol", false));
    let bob = id(fixture, "bob");
    let ask = |candidates: &[&str]| fixture.store().principal(bob, &names(candidates)).unwrap();
    let found = ask(&["Alice"]).unwrap();
    assert!(found.delegated && found.pop_enabled && found.mailbox == alice && found.name == "alice");
    let found = ask(&["carol"]).unwrap();
    assert!(!found.delegated && !found.pop_enabled && found.mailbox == carol);
    let found = ask(&["archive"]).unwrap();
    assert!(!found.delegated && found.pop_enabled && found.site.as_deref() == Some("paris"));
    let found = ask(&["nobody", "team"]).unwrap();
    assert!(found.delegated && found.mailbox == alice, "of an alias' targets the delegated one");
    assert!(ask(&["nobody"]).is_none());
    let delegated = fixture.store().principal(id(fixture, "carol"), &names(&["alice"])).unwrap().unwrap().delegated;
    assert!(!delegated, "somebody else's delegation");
}

pub fn a_user_that_is_deleted_leaves_nothing(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    user(fixture, "bob");
    let old = id(fixture, "alice");
    fixture.change(Change::Ntlm("alice", true));
    let verifiers = [(Scheme::ScramSha256, Secret::from("a")), (Scheme::NtHash, Secret::from("b"))];
    fixture.store().set_password(old, None, &Secret::from(HASH), &verifiers).unwrap();
    fixture.change(Change::Alias("sales", "alice"));
    fixture.change(Change::Delegate("bob", "alice"));
    fixture.change(Change::Delegate("alice", "bob"));
    deliver(fixture, alice, b"x\r\n");
    fixture.change(Change::DeleteUser("Alice"));
    assert!(fixture.store().account(&names(&["alice"])).unwrap().is_none());
    assert!(fixture.store().recipients(&names(&["alice", "sales"])).unwrap().is_empty());
    for scheme in [Scheme::ScramSha256, Scheme::NtHash] {
        assert_eq!(fixture.store().verifier(old, scheme).unwrap(), None);
    }
    user(fixture, "alice");
    assert_ne!(id(fixture, "alice"), old);
    assert_eq!(password(fixture, "alice"), None);
    assert!(!fixture.store().principal(id(fixture, "bob"), &names(&["alice"])).unwrap().unwrap().delegated);
    assert!(!fixture.store().principal(id(fixture, "alice"), &names(&["bob"])).unwrap().unwrap().delegated);
}

pub fn pending_passwords_are_the_plain_ones(fixture: &mut dyn Fixture) {
    let bcrypt = format!("$2b$12${}u{}", "a".repeat(21), "a".repeat(31));
    let crypt = format!("$6$saltsalt${}1", "a".repeat(85));
    let prefixed = format!("{{SHA512-CRYPT}}{crypt}");
    let rows = [
        ("a", HASH),
        ("b", &bcrypt),
        ("c", &crypt),
        ("d", &prefixed),
        ("e", "plain"),
        ("f", "{PLAIN}$5$x"),
        ("g", "{ brace}"),
    ];
    for (name, text) in rows {
        user(fixture, name);
        fixture.change(Change::Password(name, text));
    }
    user(fixture, "none");
    let pending =
        |limit| fixture.store().pending(limit).unwrap().into_iter().map(|pending| pending.name).collect::<Vec<_>>();
    assert_eq!(pending(10), ["e", "f", "g"]);
    assert_eq!(pending(1), ["e"]);
    fixture.change(Change::Ntlm("e", true));
    let first = &fixture.store().pending(1).unwrap()[0];
    assert!(first.ntlm && first.user == id(fixture, "e") && first.password == Secret::from("plain"));
    fixture.store().set_password(first.user, Some(&first.password), &Secret::from(HASH), &[]).unwrap();
    assert_eq!(pending(10), ["f", "g"]);
}

pub fn which_verifiers_can_be_used(fixture: &mut dyn Fixture) {
    let usable = |fixture: &dyn Fixture| {
        let usable = fixture.store().advertised().unwrap().usable;
        (usable.ntlm, usable.scram)
    };
    user(fixture, "alice");
    user(fixture, "gssapi-only");
    fixture.change(Change::Ntlm("alice", true));
    assert_eq!(usable(fixture), (false, true));
    let alice = id(fixture, "alice");
    fixture
        .store()
        .set_password(alice, None, &Secret::from(HASH), &[(Scheme::NtHash, Secret::from("sealed"))])
        .unwrap();
    assert_eq!(usable(fixture), (true, false));
    fixture.store().add_verifier(alice, &Secret::from(HASH), Scheme::ScramSha256, &Secret::from("v")).unwrap();
    assert_eq!(usable(fixture), (true, true));
    fixture.change(Change::Pop("alice", false));
    assert_eq!(usable(fixture), (false, true), "somebody who cannot log in does not count");
}

pub fn another_form_of_a_password_is_the_same_one(fixture: &mut dyn Fixture) {
    user(fixture, "alice");
    let alice = id(fixture, "alice");
    let generation = |fixture: &dyn Fixture| fixture.store().account(&names(&["alice"])).unwrap().unwrap().generation;
    let first = generation(fixture);
    fixture.change(Change::Password("alice", "correct horse"));
    let written = generation(fixture);
    assert!(written > first);
    assert!(fixture.store().set_password(alice, Some(&"correct horse".into()), &Secret::from(HASH), &[]).unwrap());
    assert_eq!(generation(fixture), written, "nobody is shut out by it");
    assert!(fixture.store().set_password(alice, None, &Secret::from(OTHER_HASH), &[]).unwrap());
    assert!(generation(fixture) > written);
}

/// Whatever may shut somebody out moves the mark.
pub fn standing_follows_what_is_done(fixture: &mut dyn Fixture) {
    let (mailbox, _) = (user(fixture, "alice"), user(fixture, "bob"));
    let bob = id(fixture, "bob");
    let standing = |fixture: &dyn Fixture| fixture.store().standing(bob, mailbox).unwrap();
    let mut mark = fixture.store().revocations().unwrap();
    let mut moved = |fixture: &dyn Fixture| {
        let before = std::mem::replace(&mut mark, fixture.store().revocations().unwrap());
        before != mark
    };
    assert!(!standing(fixture).unwrap().principal.unwrap().delegated);
    fixture.change(Change::Delegate("bob", "alice"));
    assert!(standing(fixture).unwrap().principal.unwrap().delegated);
    moved(fixture);
    fixture.change(Change::Pop("alice", false));
    assert!(!standing(fixture).unwrap().principal.unwrap().pop_enabled && moved(fixture));
    fixture.change(Change::Site("alice", Some("elsewhere")));
    assert_eq!(standing(fixture).unwrap().principal.unwrap().site.as_deref(), Some("elsewhere"));
    assert!(moved(fixture));
    fixture.change(Change::Password("bob", "new"));
    assert!(standing(fixture).unwrap().account.generation > 0 && moved(fixture));
    fixture.change(Change::DeleteUser("alice"));
    assert!(standing(fixture).unwrap().principal.is_none() && moved(fixture));
    fixture.change(Change::DeleteUser("bob"));
    assert!(standing(fixture).is_none() && moved(fixture));
}

pub fn verifiers_of_another_key_file_go(fixture: &mut dyn Fixture) {
    for (name, verifier) in [("alice", "v2,here,x"), ("bob", "v2,there,x"), ("carol", "v2,here")] {
        user(fixture, name);
        let scram = (Scheme::ScramSha256, Secret::from(verifier));
        fixture.store().set_password(id(fixture, name), None, &Secret::from(HASH), &[scram]).unwrap();
    }
    assert_eq!(fixture.store().drop_foreign_verifiers("v2,here,").unwrap(), 2);
    assert_eq!(fixture.store().drop_foreign_verifiers("v2,here,").unwrap(), 0);
    let left = ["alice", "bob", "carol"]
        .map(|name| fixture.store().verifier(id(fixture, name), Scheme::ScramSha256).unwrap().is_some());
    assert_eq!(left, [true, false, false]);
}
