//! Batches seen from outside: a full disk, jobs of one batch, the end.

use super::*;
use crate::store::Engine;
use crate::store::sqlite::{Options, Sqlite};
use crate::store::{Accounts, Envelope, Mail, MailboxId, Uid};

fn store() -> (tempfile::TempDir, Sqlite) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mail.db");
    Sqlite::create_or_migrate(&path).unwrap();
    (directory, Sqlite::open(&path, Options::default()).unwrap())
}

fn deliver(store: &Sqlite, to: MailboxId, octets: usize) -> Result<Uid> {
    let mut upload = store.upload(u64::MAX);
    upload.push(&vec![b'x'; octets])?;
    upload.deliver(&[to], &Envelope::default())?.remove(0)
}

fn limit_pages(store: &Sqlite, more: i64) {
    let limit = move |connection: &Connection| {
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        Ok(connection.query_row(&format!("PRAGMA max_page_count = {}", pages + more), [], |_| Ok(()))?)
    };
    store.writer.alone(Lane::Mail, limit).unwrap();
}

#[test]
fn a_full_disk_is_reported_nothing_is_lost_and_the_thread_goes_on() {
    let (_directory, store) = store();
    store.create_user("alice").unwrap();
    let alice = store.recipients(&["alice".into()]).unwrap()[0].id;
    assert_eq!(deliver(&store, alice, 100), Ok(Uid(1)));
    limit_pages(&store, 20);
    for octets in [200_000, 3_000_000] {
        assert!(matches!(deliver(&store, alice, octets), Err(StoreError::Io(_))), "{octets}");
    }
    store.commit(alice, &[Uid(1)]).unwrap();
    limit_pages(&store, 1 << 20);
    assert_eq!(deliver(&store, alice, 3_000_000), Ok(Uid(2)), "the id of a message that was not stored is free");
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[test]
fn jobs_of_one_batch_do_not_touch_each_other() {
    let (_directory, store) = store();
    let hold = std::sync::Barrier::new(2);
    let answers = std::thread::scope(|scope| {
        let (writer, hold) = (&store.writer, &hold);
        // While this one holds the thread, the others queue up for one batch.
        let holder = scope.spawn(move || {
            let (go, gate) = std::sync::mpsc::channel::<()>();
            let held = writer.send(
                Lane::Mail,
                Request::Alone(Box::new(move |_| {
                    let _ = gate.recv();
                })),
            );
            hold.wait();
            hold.wait();
            drop(go);
            held
        });
        hold.wait();
        let queued: Vec<_> = ["alice", "a/b", "bob", "ALICE", "carol"]
            .map(|name| {
                let insert = move |connection: &Connection| {
                    connection.execute("INSERT INTO users (name) VALUES (?1)", [name])?;
                    Ok(connection.query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0))?)
                };
                writer.submit(Lane::Mail, 100, insert).unwrap()
            })
            .into_iter()
            .collect();
        hold.wait();
        holder.join().unwrap().unwrap();
        queued.into_iter().map(|answer| answer.wait()).collect::<Vec<_>>()
    });
    let refused =
        |answer: &Result<i64>| matches!(answer, Err(StoreError::Refused(text)) if text.starts_with("users.name"));
    assert_eq!((&answers[0], &answers[2], &answers[4]), (&Ok(1), &Ok(2), &Ok(3)));
    assert!(refused(&answers[1]) && refused(&answers[3]), "{answers:?}");
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[test]
fn what_was_submitted_is_written_before_the_thread_ends() {
    let (directory, store) = store();
    for n in 0..300 {
        let name = format!("user{n}");
        let insert = move |connection: &Connection| {
            connection.execute("INSERT INTO users (name) VALUES (?1)", [&name])?;
            Ok(())
        };
        drop(store.writer.submit(Lane::Maintenance, 0, insert).unwrap());
    }
    drop(store);
    let path = directory.path().join("mail.db");
    let count =
        Connection::open(&path).unwrap().query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0));
    assert_eq!(count, Ok(300));
    assert!(!directory.path().join("mail.db-wal").exists(), "the last one to leave removes the log");
}

#[test]
fn a_panic_costs_one_job() {
    let (_directory, store) = store();
    let half_done = |connection: &Connection| -> Result<()> {
        connection.execute("INSERT INTO users (name) VALUES ('bob')", [])?;
        panic!("on purpose")
    };
    assert!(matches!(store.writer.write(Lane::Mail, 0, half_done), Err(StoreError::Internal(_))));
    let alone = |_: &Connection| -> Result<()> { panic!("on purpose") };
    assert!(matches!(store.writer.alone(Lane::Maintenance, alone), Err(StoreError::Internal(_))));
    assert!(store.account(&["bob".into()]).unwrap().is_none());
    store.create_user("alice").unwrap();
}

/// Others of the same transaction are done once more, and once only.
#[test]
fn who_fails_takes_nobody_along() {
    let (_directory, store) = store();
    let jobs = |fault: fn()| {
        ["alice", "bob", "carol"].map(|name| {
            move |connection: &Connection| {
                connection.execute("INSERT INTO users (name) VALUES (?1)", [name])?;
                if name != "bob" {
                    return Ok(());
                }
                fault();
                Err(StoreError::Refused(name.into()))
            }
        })
    };
    for fault in [|| (), || panic!("on purpose")] as [fn(); 2] {
        // What the thread does after opening takes its time.
        let turn = loop {
            match store.writer.idle() {
                Some(turn) => break turn,
                None => std::thread::yield_now(),
            }
        };
        let answers = jobs(fault).map(|job| store.writer.submit(Lane::Mail, 0, job).unwrap());
        drop(turn);
        assert_eq!(answers.map(|answer| answer.wait().is_ok()), [true, false, true]);
        let names = store.recipient_names().unwrap();
        assert_eq!(names, ["alice", "carol"]);
        let forget = |connection: &Connection| Ok(connection.execute("DELETE FROM users", [])?);
        assert_eq!(store.writer.write(Lane::Mail, 0, forget), Ok(2));
    }
}

#[test]
fn without_the_thread_nobody_waits_for_ever() {
    let (_directory, store) = store();
    let waiting = std::thread::scope(|scope| {
        let writer = &store.writer;
        let gone = writer.send(Lane::Mail, Request::Alone(Box::new(|_| panic!("on purpose, and nobody catches it"))));
        let waiting = scope.spawn(move || writer.write(Lane::Mail, 0, |_| Ok(())));
        gone.unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(waiting, Err(ended()));
    assert_eq!(store.writer.write(Lane::Maintenance, 0, |_| Ok(())), Err(ended()));
}

/// A reader that stays must not hold up deliveries: the thread would sleep while it waits for the reader to go.
#[test]
fn an_attempt_to_cut_the_log_does_not_wait_for_readers() {
    let (directory, store) = store();
    store.create_user("alice").unwrap();
    let path = directory.path().join("mail.db");
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM users").unwrap();
    let attempts = move |connection: &Connection| {
        let sleeps = || nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_THREAD).unwrap();
        let before = sleeps().voluntary_context_switches();
        for _ in 0..10 {
            assert!(!wal::truncate(connection).unwrap());
        }
        Ok(sleeps().voluntary_context_switches() - before)
    };
    let sleeps = store.writer.alone(Lane::Mail, attempts).unwrap();
    assert!(sleeps < 20, "{sleeps} in 10 attempts");
    drop(reader);
    assert_eq!(store.writer.alone(Lane::Mail, |connection| Ok(wal::truncate(connection)?)), Ok(true));
}

#[test]
fn an_attempt_to_cut_the_log_that_fails_is_not_the_last_one() {
    let connection = Connection::open_in_memory().unwrap();
    connection.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_SQL_LENGTH, 1).unwrap();
    assert!(wal::truncate(&connection).is_err());
    let identity = Arc::new(FileIdentity::new(std::path::Path::new("/")).unwrap());
    let own = Connection::open_in_memory().unwrap();
    let shared = Arc::new(Shared::new(own, Wal::default(), identity, Duration::ZERO, Arc::default()));
    shared.wal.truncation.schedule(Instant::now());
    shared.tend_wal(&connection);
    assert!(shared.wal.truncation.due().is_some(), "what is to be removed is still there");
}

/// It belongs to all who have the database open; a replication, too, reads it.
#[test]
fn who_leaves_others_behind_leaves_the_log_to_them() {
    let (directory, store) = store();
    let other = Sqlite::open(&directory.path().join("mail.db"), Options::default()).unwrap();
    store.create_user("alice").unwrap();
    let log = directory.path().join("mail.db-wal");
    drop(store);
    assert!(log.metadata().unwrap().len() > 0);
    other.writer.truncate_wal_within(Duration::ZERO);
    drop(other);
    assert!(!log.exists());
}

#[test]
fn the_log_is_cut_however_busy_the_thread_is() {
    let (_directory, store) = store();
    store.create_user("alice").unwrap();
    let alice = store.recipients(&["alice".into()]).unwrap()[0].id;
    store.writer.truncate_wal_within(Duration::ZERO);
    let start = Instant::now();
    while store.writer.shared.wal.truncation.due().is_some() {
        deliver(&store, alice, 100).unwrap();
        assert!(start.elapsed() < Duration::from_secs(60), "only done when there is nothing else to do");
    }
}
