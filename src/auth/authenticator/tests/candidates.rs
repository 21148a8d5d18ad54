//! How many readings of a password are tried: as many for somebody who may not log in as for somebody who may.

use super::*;
use crate::auth::credential::Client;
use std::sync::atomic::AtomicUsize;

/// Counts the hashes: whose turn it is gets asked once for each.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Admission for Counted {
    fn client(&self) -> Client {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }
}

fn hashes(fixture: &Fixture, name: &str, candidates: &[&str]) -> (Answer, usize) {
    let counted = Counted::default();
    let who = crate::message::address::parse_user(name);
    let candidates = candidates.iter().map(|text| Secret::from(*text)).collect();
    let policy = LoginPolicy { domains: &fixture.domains, site: "here", admission: &counted };
    let answer = fixture.authenticator.answer(&Query::Password { who, candidates }, &policy);
    (answer, counted.0.into_inner())
}

#[test]
fn every_reading_is_hashed_of_those_who_are_refused_too() {
    let fixture = fixture(&[("fine", PASSWORD), ("disabled", PASSWORD), ("elsewhere", PASSWORD)], |_| ());
    fixture.change(2, |account| account.pop_enabled = false);
    fixture.change(3, |account| account.site = Some("there".into()));
    for name in ["nobody", "disabled", "elsewhere", "fine/nobody", "fine/elsewhere"] {
        for candidates in [&["a", "b"][..], &[PASSWORD, "b"], &["a", PASSWORD], &["a"], &["a", "b", "c", "d"]] {
            assert_eq!(
                hashes(&fixture, name, candidates),
                (Answer::Refused, candidates.len()),
                "{name} {candidates:?}"
            );
        }
        assert_eq!(hashes(&fixture, name, &["a", "b", "c", "d", "e"]), (Answer::Refused, 4), "four at most");
    }
    assert_eq!(hashes(&fixture, "fine", &["a", "b"]), (Answer::Refused, 2));
    assert_eq!(hashes(&fixture, "fine", &["a", PASSWORD]), (own(1, "fine"), 2));
}
