//! Figures and statistics.

use crate::fixture::{Change, Fixture, deliver, user};
use pillarbox::store::{LAST_UIDS, LastHour, STATISTICS_KEPT, Sample};

const HOUR: i64 = 3600;
/// 2026-11-23 10:00:00 UTC, the beginning of an hour.
const TEN: i64 = 1_795_428_000;

fn sample(logins: u64, most_sessions: u64) -> Sample {
    Sample { logins, most_sessions, deliveries: 2 * logins, failures: 1, ..Sample::default() }
}

pub fn hours_add_up_and_old_ones_go(fixture: &mut dyn Fixture) {
    let store = fixture.store();
    assert_eq!(store.hours(0).unwrap(), []);
    store.count(TEN - STATISTICS_KEPT, &sample(100, 1)).unwrap();
    store.count(TEN, &sample(1, 5)).unwrap();
    let looked = Sample { messages: 7, database_octets: 4096, ..sample(2, 3) };
    store.count(TEN + HOUR - 1, &looked).unwrap();
    store.count(TEN + HOUR, &sample(4, 1)).unwrap();
    let hours = store.hours(TEN).unwrap();
    assert_eq!(hours.iter().map(|hour| hour.at).collect::<Vec<_>>(), [TEN, TEN + HOUR]);
    let first = Sample {
        logins: 3,
        deliveries: 6,
        failures: 2,
        most_sessions: 5,
        messages: 7,
        database_octets: 4096,
        ..sample(0, 0)
    };
    assert_eq!(hours[0].sample, first);
    assert_eq!(hours[1].sample, sample(4, 1));
    assert_eq!(store.hours(0).unwrap().len(), 2, "400 days are over");
}

pub fn the_last_hour_is_counted_to_the_minute(fixture: &mut dyn Fixture) {
    let store = fixture.store();
    store.count(TEN, &sample(1, 1)).unwrap();
    store.count(TEN + 120, &sample(2, 1)).unwrap();
    let last = |now: i64| store.last_hour(now).unwrap();
    assert_eq!(last(TEN + 120), LastHour { logins: 3, failures: 2, deliveries: 6 });
    assert_eq!(last(TEN + HOUR), LastHour { logins: 2, failures: 1, deliveries: 4 });
    assert_eq!(last(TEN + HOUR + 120), LastHour::default());
}

pub fn figures_and_the_largest_mailboxes(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let (bob, _) = (user(fixture, "bob"), user(fixture, "carol"));
    deliver(fixture, bob, b"Subject: x\r\n\r\ny\r\n");
    deliver(fixture, alice, &b"x\r\n".repeat(3000));
    deliver(fixture, alice, b"Subject: x\r\n\r\ny\r\n");
    let store = fixture.store();
    let figures = store.figures().unwrap();
    assert_eq!((figures.mailboxes, figures.messages, figures.octets), (3, 3, 5 * 4096));
    assert!(figures.exhausted.is_empty() && figures.database_limit.is_none_or(|limit| limit > 0));
    let largest = |limit| {
        let found = store.largest(limit).unwrap();
        found.into_iter().map(|large| (large.name, large.messages, large.octets)).collect::<Vec<_>>()
    };
    assert_eq!(largest(9), [("alice".into(), 2, 4 * 4096), ("bob".into(), 1, 4096)]);
    assert_eq!(largest(1).len(), 1);
    fixture.change(Change::NextUid("bob", LAST_UIDS));
    assert_eq!(fixture.store().figures().unwrap().exhausted, ["bob"]);
}

pub fn the_postmaster_gets_one_mail_a_day(fixture: &mut dyn Fixture) {
    let store = fixture.store();
    let claims = [TEN, TEN + 1, TEN + 86_399, TEN + 86_400].map(|at| store.claim_postmaster_mail(at).unwrap());
    assert_eq!(claims, [true, false, false, true]);
}
