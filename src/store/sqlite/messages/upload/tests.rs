//! Uploads that stall, against a server that counts how long.

use super::*;
use crate::store::sqlite::Options;
use crate::store::{Accounts, Engine, Mail, Maintenance, StoreError};
use rusqlite::Connection;
use std::path::PathBuf;
use std::time::Duration;

const DAY: u64 = 86_400;

fn store() -> (tempfile::TempDir, PathBuf, Sqlite, MailboxId) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mail.db");
    Sqlite::create_or_migrate(&path).unwrap();
    let store = Sqlite::open(&path, Options::default()).unwrap();
    store.create_user("alice").unwrap();
    let alice = store.recipients(&["alice".into()]).unwrap()[0].id;
    (directory, path, store, alice)
}

/// A server looks on for so many seconds in all, once a minute or less often.
fn look_on(path: &std::path::Path, rounds: &[u64]) {
    let connection = Connection::open(path).unwrap();
    for seconds in rounds {
        age(&connection, *seconds as i64).unwrap();
    }
}

fn staged(store: &Sqlite) -> Box<dyn Upload + '_> {
    let mut upload = store.upload(u64::MAX);
    upload.push(&[b'x'; 3 * CHUNK]).unwrap();
    upload
}

#[test]
fn an_upload_that_stalls_for_a_day_is_refused_and_stays_refused() {
    let (_directory, path, store, alice) = store();
    let mut ending = staged(&store);
    ending.push(b"x").unwrap();
    let (mut going_on, each) = (staged(&store), staged(&store));
    // The first round only sees that they are there.
    look_on(&path, &[9 * DAY, DAY - 1]);
    assert_eq!(Connection::open(&path).unwrap().query_row("SELECT count(*) FROM staging", [], |row| row.get(0)), Ok(3));
    look_on(&path, &[1]);
    while store.purge(0, 1000).unwrap() > 0 {}
    for _ in 0..2 {
        assert_eq!(going_on.push(&[b'x'; 2 * CHUNK]), Err(StoreError::Abandoned));
    }
    assert_eq!(going_on.deliver(&[alice], &Envelope::default()), Err(StoreError::Abandoned));
    assert_eq!(ending.deliver(&[alice], &Envelope::default()), Err(StoreError::Abandoned));
    let headers = [(alice, "A: b\r\n".to_owned()), (alice, "A: c\r\n".to_owned())];
    assert_eq!(each.deliver_each(&headers, &Envelope::default()), Err(StoreError::Abandoned));
    assert!(store.open(alice).unwrap().entries().is_empty());
    while store.purge(0, 1000).unwrap() > 0 {}
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[test]
fn each_chunk_begins_a_new_day() {
    let (_directory, path, store, alice) = store();
    let mut upload = staged(&store);
    for _ in 0..5 {
        look_on(&path, &[60, DAY - 60, 59]);
        upload.push(&[b'x'; CHUNK]).unwrap();
    }
    // A server that was stopped itself has seen nothing of the chunk in between.
    look_on(&path, &[60]);
    upload.push(&[b'x'; CHUNK]).unwrap();
    look_on(&path, &[100 * DAY]);
    assert_eq!(upload.deliver(&[alice], &Envelope::default()), Ok(vec![Ok(Uid(1))]));
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[test]
fn a_chunk_that_could_not_be_written_is_not_left_out() {
    let (_directory, path, store, alice) = store();
    drop(store);
    let store = Sqlite::open(&path, Options { busy_timeout: Duration::ZERO, ..Options::default() }).unwrap();
    let mut upload = staged(&store);
    let lock = Connection::open(&path).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(upload.push(&[b'x'; CHUNK]), Err(StoreError::Busy(_))));
    lock.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(upload.push(&[b'x'; CHUNK]), Err(StoreError::Busy(_))));
    assert!(matches!(upload.deliver(&[alice], &Envelope::default()), Err(StoreError::Busy(_))));
    assert!(store.open(alice).unwrap().entries().is_empty());
}
