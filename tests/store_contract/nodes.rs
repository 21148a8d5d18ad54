//! Two nodes on one database, and what becomes of a delivery whose answer got lost.

use crate::fixture::{Change, Fixture, deliver, mailbox, message, names, now, octets, uids, user};
use crate::on_postgres::OnPostgres;
use pillarbox::store::postgres::Postgres;
use pillarbox::store::{
    Accounts, Config, Engine, Envelope, MailboxId, Maintenance, MessageId, Options, Presence, Result, SessionStart,
    Store, StoreError, Uid,
};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};

const DAY: i64 = 86_400;

fn store(node: &dyn Store, to: MailboxId, octets: &[u8]) -> Result<Uid> {
    let mut upload = node.upload(u64::MAX);
    upload.push(octets)?;
    upload.deliver(&[to], &Envelope::default())?.remove(0)
}

#[test]
fn unique_ids_grow_and_are_never_given_twice_whichever_node_delivers() {
    let fixture = OnPostgres::new();
    let other = fixture.another();
    let boxes = ["alice", "bob", "carol"].map(|name| user(&fixture, name));
    let given = std::thread::scope(|scope| {
        let nodes: [&dyn Store; 4] = [fixture.store(), &other, fixture.store(), &other];
        let deliver = |node: &dyn Store| {
            let mut given: Vec<(i64, u64)> = Vec::new();
            for turn in 0..30 {
                let to = boxes[turn % 3];
                given.push((to.0, store(node, to, b"x\r\n").unwrap().0));
            }
            given
        };
        let threads = nodes.map(|node| scope.spawn(move || deliver(node)));
        threads.map(|thread| thread.join().unwrap())
    });
    for (one, given) in given.iter().enumerate() {
        for to in boxes {
            let of_one: Vec<u64> = given.iter().filter(|(id, _)| *id == to.0).map(|(_, uid)| *uid).collect();
            assert!(of_one.is_sorted_by(|a, b| a < b), "thread {one}: {of_one:?}");
        }
    }
    for to in boxes {
        let all: BTreeSet<u64> = given.iter().flatten().filter(|(id, _)| *id == to.0).map(|(_, uid)| *uid).collect();
        assert_eq!(all, (1..=40).collect(), "each number once");
        assert_eq!(uids(&fixture, to), (1..=40).collect::<Vec<_>>());
    }
    fixture.finish();
}

#[test]
fn nobody_waits_in_a_ring() {
    let fixture = OnPostgres::new();
    let other = fixture.another();
    let boxes: Vec<MailboxId> = (0..7).map(|at| user(&fixture, &format!("user{at}"))).collect();
    std::thread::scope(|scope| {
        for (at, node) in [fixture.store(), &other as &dyn Store, fixture.store(), &other].into_iter().enumerate() {
            let boxes = &boxes;
            scope.spawn(move || {
                for turn in 0..15 {
                    // The same mailboxes in another order each time.
                    let mut to = boxes.clone();
                    to.rotate_left((turn + at) % 7);
                    let mut upload = node.upload(u64::MAX);
                    upload.push(b"x\r\n").unwrap();
                    let answers = upload.deliver(&to[..4], &Envelope::default()).unwrap();
                    let first = answers[0].clone().unwrap();
                    node.mark_retrieved(MessageId { mailbox: to[1], uid: first, body: 0 });
                    node.flush_marks().unwrap();
                    node.commit(to[0], &[first]).unwrap();
                }
            });
        }
    });
    let sql = format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{}'", fixture.database().name());
    assert_eq!(fixture.database().sql(&sql).trim(), "0");
    fixture.finish();
}

#[test]
fn a_mailbox_that_somebody_has_locked_keeps_only_its_own_mail_waiting() {
    let fixture = OnPostgres::new();
    let (alice, bob) = (user(&fixture, "alice"), user(&fixture, "bob"));
    let lines =
        format!("BEGIN; SELECT 1 FROM usage WHERE mailbox_id = {} FOR UPDATE; SELECT pg_sleep(30); COMMIT", alice.0);
    std::thread::scope(|scope| {
        let database = fixture.database();
        // Ended below: then psql fails, and that is all right.
        scope.spawn(move || drop(database.try_sql("postgres", &lines)));
        let waits = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
        crate::support::eventually("the lock is held", || {
            database.try_sql("postgres", waits).is_ok_and(|pid| !pid.trim().is_empty())
        });
        let node = fixture.store();
        let busy = [0; 4].map(|_| scope.spawn(move || store(node, alice, b"x\r\n")));
        let free = [0; 4].map(|_| scope.spawn(move || store(node, bob, b"x\r\n")));
        assert!(free.map(|thread| thread.join().unwrap()).iter().all(Result::is_ok));
        for answer in busy.map(|thread| thread.join().unwrap()) {
            assert!(matches!(answer, Err(StoreError::Busy(_))), "{answer:?}");
        }
        database.try_sql("postgres", &format!("SELECT pg_terminate_backend(pid) FROM ({waits}) AS p")).unwrap();
    });
    assert!(store(fixture.store(), alice, b"x\r\n").is_ok());
    fixture.finish();
}

#[test]
fn the_quota_holds_over_both_nodes() {
    let fixture = OnPostgres::new();
    let other = fixture.another();
    let alice = user(&fixture, "alice");
    fixture.change(Change::Quota("alice", Some(10 * 4096)));
    let stored = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for node in [fixture.store(), &other as &dyn Store, fixture.store(), &other] {
            let stored = &stored;
            scope.spawn(move || {
                for _ in 0..10 {
                    match store(node, alice, b"x\r\n") {
                        Ok(_) => drop(stored.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => assert_eq!(error, StoreError::OverQuota),
                    }
                }
            });
        }
    });
    assert_eq!(stored.into_inner(), 10);
    fixture.finish();
}

#[test]
fn what_an_administrator_does_is_seen_by_all_nodes() {
    let fixture = OnPostgres::new();
    let other = fixture.another();
    let alice = user(&fixture, "alice");
    let marks = || (fixture.store().change_mark().unwrap(), other.change_mark().unwrap());
    let before = marks();
    fixture.change(Change::Setting("MaxCommandSize", "255"));
    let after = marks();
    assert!(after.0 != before.0 && after.1 != before.1);
    let value = other.settings().unwrap().into_iter().find(|row| row.0 == "MaxCommandSize").unwrap().1;
    assert_eq!(value, b"255");
    let revoked = other.revocations().unwrap();
    fixture.change(Change::Pop("alice", false));
    assert_ne!(other.revocations().unwrap(), revoked);
    assert!(!other.account(&names(&["alice"])).unwrap().unwrap().pop_enabled);
    assert_eq!(mailbox(&fixture, "alice"), alice);
    fixture.finish();
}

fn arrival(session: u64, name: &str) -> SessionStart {
    let address = "192.0.2.1".parse().unwrap();
    SessionStart {
        session,
        name: name.into(),
        principal: name.into(),
        address,
        tls: true,
        mechanism: "PLAIN",
        at: now(),
    }
}

#[test]
fn all_nodes_show_who_is_on_and_count_them() {
    let fixture = OnPostgres::new();
    let other = fixture.another();
    user(&fixture, "alice");
    user(&fixture, "bob");
    fixture.store().login(arrival(1, "alice"));
    other.login(arrival(1, "bob"));
    other.login(arrival(2, "alice"));
    fixture.store().flush_presence().unwrap();
    other.flush_presence().unwrap();
    let mut on: Vec<String> = fixture.sessions().into_iter().map(|(name, ..)| name).collect();
    on.sort();
    assert_eq!(on, ["alice", "alice", "bob"]);
    let id = |name: &str| fixture.store().account(&names(&[name])).unwrap().unwrap().user;
    assert_eq!(fixture.store().sessions_elsewhere(id("alice")).unwrap(), 1);
    assert_eq!(other.sessions_elsewhere(id("bob")).unwrap(), 0);
    fixture.change(Change::Dismiss("bob"));
    assert_eq!(fixture.store().dismissed().unwrap(), [0; 0]);
    assert_eq!(other.dismissed().unwrap(), [1]);
    other.logout(1);
    other.logout(2);
    other.flush_presence().unwrap();
    assert_eq!(fixture.sessions().len(), 1);
    // What a failover takes of it is written again.
    fixture.database().sql("DELETE FROM node; DELETE FROM session");
    fixture.store().flush_presence().unwrap();
    assert_eq!(fixture.sessions().len(), 1);
    other.finish().unwrap();
}

#[test]
fn what_must_happen_once_is_done_by_one_node() {
    let fixture = OnPostgres::new();
    let other = fixture.another();
    let alice = user(&fixture, "alice");
    fixture.change(Change::Retention("alice", None, Some(1), false));
    fixture.change(Change::Warning("alice", Some(4096)));
    fixture.change(Change::Quota("alice", Some(8 << 20)));
    fixture.change(Change::Setting("IssueWarningQuota", "4096"));
    fixture.change(Change::Quota("alice", Some(8192)));
    deliver(&fixture, alice, b"x\r\n");
    let due = |node: &dyn Store| node.overfull(now(), 10).unwrap().len();
    assert_eq!((due(fixture.store()), due(&other)), (1, 1), "both see it");
    let warned = std::thread::scope(|scope| {
        let nodes: [&dyn Store; 2] = [fixture.store(), &other];
        let threads = nodes.map(|node| scope.spawn(move || node.warn(alice, b"full\r\n", now()).unwrap()));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(warned.iter().filter(|one| **one).count(), 1, "{warned:?}");
    assert_eq!(uids(&fixture, alice), [1, 2]);
    let later = now() + 3 * DAY;
    assert_eq!(fixture.store().reap(later, 10).unwrap(), 1, "takes it up");
    assert_eq!(other.reap(later, 10).unwrap(), 0, "somebody is at it");
    while fixture.store().reap(later, 10).unwrap() > 0 {}
    assert!(uids(&fixture, alice).is_empty());
    // Who ends lets the others go on.
    fixture.store().finish().unwrap();
    fixture.change(Change::Retention("alice", None, Some(2), false));
    assert_eq!(other.reap(later, 10).unwrap(), 1);
    fixture.finish();
}

/// Between a node and its server: takes one connection at a time, and does to the first COMMIT what it was told.
fn cutting(real: &std::path::Path, forwards: bool) -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("cut").tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
    let real = real.join(".s.PGSQL.5432");
    let cuts = std::sync::Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, UnixStream::connect(&real)) else { return };
            let cuts = cuts.clone();
            std::thread::spawn(move || between(client, server, forwards, &cuts));
        }
    });
    directory
}

fn between(mut client: UnixStream, mut server: UnixStream, forwards: bool, cuts: &AtomicUsize) {
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let cut = std::sync::Arc::new(AtomicUsize::new(0));
    let silent = cut.clone();
    let answers = std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if silent.load(Ordering::SeqCst) > 0 {
                // The answer to the COMMIT: it was done, and nobody hears of it.
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
            let _ = to.write_all(&buffer[..read]);
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 65_536];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        let stores = buffer[..read].windows(19).any(|part| part == b"INSERT INTO message");
        if stores && cuts.fetch_add(1, Ordering::SeqCst) == 0 {
            if !forwards {
                break;
            }
            cut.store(1, Ordering::SeqCst);
        }
        let _ = server.write_all(&buffer[..read]);
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    let _ = answers.join();
}

fn a_lost_answer(forwards: bool) {
    let fixture = OnPostgres::new();
    let alice = user(&fixture, "alice");
    let between = cutting(fixture.database().cluster().socket(), forwards);
    let url = fixture.database().url();
    let real = fixture.database().cluster().socket().display().to_string();
    let url = url.replace(&real, &between.path().display().to_string());
    let node = Postgres::open(&url, Options::default()).unwrap();
    assert_eq!(store(&node, alice, b"once\r\n").unwrap(), Uid(1), "it was looked up, or done again");
    assert_eq!(uids(&fixture, alice), [1]);
    assert_eq!(octets(&fixture, message(alice, &fixture, 0)).unwrap(), b"once\r\n");
    assert_eq!(store(&node, alice, b"next\r\n").unwrap(), Uid(2));
    assert_eq!(node.check().unwrap(), [""; 0]);
}

#[test]
fn a_delivery_whose_answer_got_lost_is_found() {
    a_lost_answer(true);
}

#[test]
fn a_delivery_that_got_lost_is_done_again() {
    a_lost_answer(false);
}

#[test]
fn a_mailbox_jumps_once_after_a_promotion() {
    let fixture = OnPostgres::new();
    let alice = user(&fixture, "alice");
    assert_eq!(deliver(&fixture, alice, b"x\r\n"), Uid(1));
    // As if another timeline had been seen: the next connection finds ours to be new.
    fixture.database().sql("UPDATE site SET timeline = 'elsewhere/00000001'");
    let other = fixture.another();
    assert_eq!(store(&other, alice, b"x\r\n").unwrap(), Uid(2 + (1 << 20)));
    assert_eq!(store(&other, alice, b"x\r\n").unwrap(), Uid(3 + (1 << 20)));
    assert_eq!(store(fixture.store(), alice, b"x\r\n").unwrap(), Uid(4 + (1 << 20)));
    let bob = user(&fixture, "bob");
    assert_eq!(store(&other, bob, b"x\r\n").unwrap(), Uid(1), "nobody was shown anything of it");
    fixture.finish();
}

#[test]
fn a_commit_with_a_warning_is_not_durable() {
    let fixture = OnPostgres::new();
    let alice = user(&fixture, "alice");
    // What a server says that gives up its wait for a standby comes at the same place.
    fixture.database().sql(
        "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'committed locally'; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON message DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn()",
    );
    match store(fixture.store(), alice, b"x\r\n") {
        Err(StoreError::Busy(text)) => assert!(text.contains("committed locally"), "{text}"),
        other => panic!("{other:?}"),
    }
}
