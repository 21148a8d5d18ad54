//! A small database is written anew after a purge.
//!
//! `secure_delete` clears what is freed. But where SQLite moves rows between pages it leaves copies of them in the
//! unused part of a page, about one row in two thousand, and later nobody knows that they are there. A new file
//! has none. For a large database that takes too long while clients wait: `VACUUM` in a shell does it.

use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::time::{Duration, Instant};

/// Largest database that is written anew, octets: a tenth of a second.
const SMALL: i64 = 16 << 20;
/// From one time to the next: each writes all of the file.
const PAUSE: Duration = Duration::from_secs(3600);

/// Whether it is time.
#[derive(Default)]
pub struct Wash {
    /// Something was purged since the last time.
    purged: bool,
    last: Option<Instant>,
}

impl Wash {
    /// Something was purged.
    pub fn needed(&mut self) {
        self.purged = true;
    }

    pub fn is_due(&self) -> bool {
        self.purged && self.last.is_none_or(|last| last.elapsed() >= PAUSE)
    }

    pub fn done(&mut self) {
        *self = Self { purged: false, last: Some(Instant::now()) };
    }
}

/// Writes the database anew if it is small; `false`: somebody holds a lock.
pub fn wash(connection: &Connection) -> Result<bool> {
    let octets: i64 =
        connection.query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", [], |row| {
            row.get(0)
        })?;
    if octets > SMALL {
        return Ok(true);
    }
    // In memory: what is in the database does not lie about in temporary files.
    let washed = connection.execute_batch("PRAGMA temp_store = MEMORY; VACUUM").map_err(StoreError::from);
    connection.execute_batch("PRAGMA temp_store = DEFAULT")?;
    match washed {
        Ok(()) => Ok(true),
        Err(StoreError::Busy(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use crate::store::sqlite::{Options, Sqlite};
    use crate::store::{Accounts, Envelope, Mail, Uid, Upkeep};

    /// Rows of many sizes, of which half go, here and there: pages are merged all the time.
    #[test]
    fn what_was_purged_is_in_no_corner_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail.db");
        Sqlite::create_or_migrate(&path).unwrap();
        let store = Sqlite::open(&path, Options::default()).unwrap();
        store.create_user("alice").unwrap();
        let alice = store.recipients(&["alice".into()]).unwrap()[0].id;
        // Some are left behind with this seed if nothing is washed.
        let mut state: u64 = 5;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let mut gone = Vec::new();
        for n in 1..=2000 {
            let (size, goes) = ([5, 100, 500, 1000, 1400][random() % 5], random() % 2 == 0);
            let mut upload = store.upload(u64::MAX);
            let name = if goes { "GONE" } else { "KEPT" };
            upload.push(format!("Subject: {name}-{n:04}\r\n\r\n{}\r\n", "x".repeat(size)).as_bytes()).unwrap();
            upload.deliver(&[alice], &Envelope::default()).unwrap().remove(0).unwrap();
            gone.extend(goes.then_some(Uid(n)));
        }
        store.commit(alice, &gone).unwrap();
        let later = i64::MAX / 2;
        while store.purge(later, 100).unwrap() > 0 {}
        let holds = |text: &[u8]| memchr::memmem::find(&std::fs::read(&path).unwrap(), text).is_some();
        assert!(store.scrub().unwrap());
        assert!(holds(b"KEPT-") && !holds(b"GONE-"));
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
        assert_eq!(store.open(alice).unwrap().entries().len(), 2000 - gone.len());
    }
}
