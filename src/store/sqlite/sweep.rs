//! Clearing what pages do not use, in small steps.
//!
//! `secure_delete` clears the place of a row that is deleted. But where SQLite moves rows between pages it leaves copies of them
//! in the unused part of a page, about one row in two thousand, and later nobody knows that they are there. So after
//! something was purged every page is looked at, by a connection that reads: nobody waits for that. What is found is cleared
//! in transactions like any other, through SQLite's own table of pages (`sqlite_dbpage`).

use super::page::{Kind, Layout, Trunk, free_list, unused};
use super::residue::Task;
use super::writer::{Lane, truncate_log};
use super::{Sqlite, lock};
use crate::store::{Result, Scrub};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How long one step looks.
const LOOK: Duration = Duration::from_millis(4);
/// Pages between two looks at the clock.
const PAGES: u32 = 64;
/// Pages cleared in one step at most.
const CLEARED: usize = 64;

/// See [`crate::store::Upkeep::scrub`].
pub fn scrub(store: &Sqlite) -> Result<Scrub> {
    let began = Instant::now();
    let task = lock(&store.residue).task(began);
    match task {
        Task::Sweep(from) => {
            let next = step(store, from)?;
            lock(&store.residue).swept(next, Instant::now(), began.elapsed());
            Ok(Scrub::Step)
        }
        Task::CutLog => {
            let cut = store.writer.alone(Lane::Upkeep, truncate_log);
            lock(&store.residue).log_cut(cut == Ok(true));
            Ok(if cut? { Scrub::Clean } else { Scrub::Blocked })
        }
        Task::Nothing => Ok(Scrub::Clean),
    }
}

/// Looks at pages from this one on, and clears those that need it; says where to go on.
fn step(store: &Sqlite, from: u32) -> Result<Option<u32>> {
    let most = lock(&store.purging).limit(CLEARED);
    let (soiled, next) = store.readers.with(|connection| look(connection, from, most))?;
    if !soiled.is_empty() {
        let cleared = move |connection: &Connection| {
            let began = Instant::now();
            clear(connection, &soiled)?;
            Ok(began)
        };
        let began = store.writer.write(Lane::Upkeep, 0, cleared)?;
        lock(&store.purging).took(began);
    }
    Ok(next)
}

/// The pages that are to be cleared, at most so many, and the first one that was not looked at.
fn look(connection: &Connection, from: u32, most: usize) -> Result<(Vec<u32>, Option<u32>)> {
    // All of one moment. Nothing is written, so nothing is lost when it ends.
    let transaction = connection.unchecked_transaction()?;
    let (began, mut soiled, mut number) = (Instant::now(), Vec::new(), from);
    let Some(mut pages) = Pages::open(&transaction)? else { return Ok((soiled, None)) };
    while number <= pages.count {
        if pages.is_soiled(number)? {
            soiled.push(number);
        }
        number += 1;
        if soiled.len() >= most || (number.is_multiple_of(PAGES) && began.elapsed() >= LOOK) {
            break;
        }
    }
    let next = (number <= pages.count).then_some(number);
    Ok((soiled, next))
}

/// Clears these pages of what they do not use now.
fn clear(connection: &Connection, numbers: &[u32]) -> Result<()> {
    let Some(mut pages) = Pages::open(connection)? else { return Ok(()) };
    let mut update = connection.prepare_cached("UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1")?;
    for &number in numbers {
        let unused = pages.unused(number)?;
        let Some(mut page) = pages.read(number, |page| page.to_vec())? else { continue };
        unused.into_iter().for_each(|range| page[range].fill(0));
        update.execute(params![number, page])?;
    }
    Ok(())
}

/// The database's pages at one moment.
struct Pages<'a> {
    connection: &'a Connection,
    layout: Layout,
    count: u32,
    /// The pointer map that was used last.
    map: (u32, Vec<u8>),
    /// The pages that list free ones, with what they do not use themselves.
    trunks: Option<HashMap<u32, Range<usize>>>,
}

impl<'a> Pages<'a> {
    /// `None`: nothing says what each page is. (Every database that we make says so; one that somebody made of a
    /// dump may not.)
    fn open(connection: &'a Connection) -> Result<Option<Self>> {
        let count = connection.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
        let layout = read(connection, 1, Layout::of)?.flatten().filter(|layout| layout.mapped);
        Ok(layout.map(|layout| Self { connection, layout, count, map: (0, Vec::new()), trunks: None }))
    }

    fn read<T>(&self, number: u32, with: impl FnOnce(&[u8]) -> T) -> Result<Option<T>> {
        read(self.connection, number, with)
    }

    /// Something is where nothing should be.
    fn is_soiled(&mut self, number: u32) -> Result<bool> {
        // Of most pages all is in use.
        let kind = self.kind(number)?;
        if kind == Kind::Other {
            return Ok(false);
        }
        let is_zero = |page: &[u8]| page.iter().all(|octet| *octet == 0);
        if kind == Kind::Free && self.read(number, is_zero)? != Some(false) {
            return Ok(false);
        }
        let unused = self.unused(number)?;
        let soiled = self.read(number, |page| !unused.into_iter().all(|range| page.get(range).is_some_and(is_zero)))?;
        Ok(soiled.unwrap_or(false))
    }

    /// What the page does not use.
    fn unused(&mut self, number: u32) -> Result<Vec<Range<usize>>> {
        let usable = self.layout.usable;
        Ok(match self.kind(number)? {
            Kind::Tree => self.read(number, |page| unused(page, usable, number))?.flatten().unwrap_or_default(),
            Kind::Free => self.unused_of_free(number)?.into_iter().collect(),
            Kind::Other => Vec::new(),
        })
    }

    fn kind(&mut self, number: u32) -> Result<Kind> {
        let Some((map, at)) = self.layout.entry(number) else {
            return Ok(if number == 1 { Kind::Tree } else { Kind::Other });
        };
        if self.map.0 != map {
            self.map = (map, self.read(map, |page| page.to_vec())?.unwrap_or_default());
        }
        Ok(self.map.1.get(at).map_or(Kind::Other, |entry| Kind::of(*entry)))
    }

    /// What a free page does not use: all of it, if it does not list others.
    fn unused_of_free(&mut self, number: u32) -> Result<Option<Range<usize>>> {
        let trunks = match self.trunks.take() {
            Some(trunks) => trunks,
            None => self.read_free_list()?.unwrap_or_default(),
        };
        let range = trunks.get(&number).cloned().unwrap_or(0..self.layout.usable as usize);
        // There is one at least where anything is free, or the list is damaged.
        let known = !trunks.is_empty();
        self.trunks = Some(trunks);
        Ok(known.then_some(range))
    }

    /// Goes through the list of free pages; `None`: it is not what the file's header says.
    fn read_free_list(&self) -> Result<Option<HashMap<u32, Range<usize>>>> {
        let Some((mut next, free)) = self.read(1, free_list)?.flatten() else { return Ok(None) };
        let (mut trunks, mut found) = (HashMap::new(), 0);
        while let Some(number) = next.filter(|number| !trunks.contains_key(number)) {
            let usable = self.layout.usable;
            let Some(trunk) = self.read(number, |page| Trunk::of(page, usable))?.flatten() else { return Ok(None) };
            found += 1 + u64::from(trunk.leaves);
            next = trunk.next;
            trunks.insert(number, trunk.unused);
        }
        Ok((found == u64::from(free)).then_some(trunks))
    }
}

/// Calls `with` for the octets of a page; `None`: there is no such page.
fn read<T>(connection: &Connection, number: u32, with: impl FnOnce(&[u8]) -> T) -> Result<Option<T>> {
    let mut select = connection.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
    let page = select.query_row([number], |row| match row.get_ref(0)? {
        ValueRef::Blob(page) => Ok(Some(with(page))),
        _ => Ok(None),
    });
    Ok(page.optional()?.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::Options;
    use crate::store::{Accounts, Envelope, Mail, MailboxId, Uid, Upkeep};
    use std::path::PathBuf;

    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % end
        }
    }

    struct Bench {
        _folder: tempfile::TempDir,
        path: PathBuf,
        store: Sqlite,
        alice: MailboxId,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("mail.db");
            Sqlite::create_or_migrate(&path).unwrap();
            let store = Sqlite::open(&path, Options::default()).unwrap();
            store.create_user("alice").unwrap();
            let alice = store.recipients(&["alice".into()]).unwrap()[0].id;
            Self { _folder: folder, path, store, alice }
        }

        fn deliver(&self, message: String, sender: &str) {
            let mut upload = self.store.upload(u64::MAX);
            upload.push(message.as_bytes()).unwrap();
            let envelope = Envelope { sender: sender.into(), ..Envelope::default() };
            upload.deliver(&[self.alice], &envelope).unwrap().remove(0).unwrap();
        }

        /// Purges all that was deleted, and scrubs to the end.
        fn purge(&self) {
            while self.store.purge(i64::MAX / 2, 100).unwrap() > 0 {}
            self.scrub();
        }

        fn scrub(&self) {
            while self.store.residue() {
                assert_ne!(self.store.scrub(), Ok(Scrub::Blocked));
            }
        }

        fn holds(&self, text: &[u8]) -> bool {
            memchr::memmem::find(&std::fs::read(&self.path).unwrap(), text).is_some()
        }
    }

    /// Rows of many sizes, of which half go, here and there: pages are merged all the time. Without a sweep a few messages
    /// are left behind with these seeds, and many senders.
    #[test]
    fn what_was_purged_is_in_no_corner_of_the_file() {
        for seed in [5, 6, 10, 11] {
            let (bench, mut random) = (Bench::new(), Random(seed));
            let mut gone = Vec::new();
            for n in 1..=2000 {
                let (size, goes) = ([5, 100, 500, 1000, 1400][random.below(5)], random.below(2) == 0);
                let name = format!("{}-{n:04}", if goes { "GONE" } else { "KEPT" });
                bench.deliver(
                    format!("Subject: {name}\r\n\r\n{}\r\n", "x".repeat(size)),
                    &format!("{name}@example.org"),
                );
                gone.extend(goes.then_some(Uid(n)));
            }
            bench.store.commit(bench.alice, &gone).unwrap();
            bench.purge();
            assert!(bench.holds(b"KEPT-") && !bench.holds(b"GONE-"), "seed {seed}");
            assert_eq!(bench.store.check().unwrap(), Vec::<String>::new());
            assert_eq!(bench.store.open(bench.alice).unwrap().entries().len(), 2000 - gone.len());
        }
    }

    /// A password's row is moved about by what the shell does to its neighbours.
    #[test]
    fn a_password_that_was_replaced_is_in_no_corner_of_the_file() {
        let (bench, mut random) = (Bench::new(), Random(1));
        let shell = Connection::open(&bench.path).unwrap();
        shell.execute_batch("PRAGMA synchronous = OFF").unwrap();
        for n in 0..2000 {
            let (user, length) = (random.below(300), 20 + random.below(200));
            let (name, password) =
                (format!("user{}", if n < 300 { n * 7 % 300 } else { user }), format!("PLAIN{user:x>length$}"));
            let sql = if n < 300 {
                "INSERT INTO users (name, password) VALUES (?1, ?2)"
            } else {
                "UPDATE users SET password = ?2 WHERE name = ?1"
            };
            shell.execute(sql, [name, password]).unwrap();
        }
        loop {
            let pending = bench.store.pending(100).unwrap();
            let hash =
                "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY"
                    .into();
            for it in &pending {
                assert!(bench.store.set_password(it.user, Some(&it.password), &hash, &[]).unwrap());
            }
            if pending.is_empty() {
                break;
            }
        }
        bench.scrub();
        assert!(!bench.holds(b"PLAINx"));
        assert_eq!(bench.store.check().unwrap(), Vec::<String>::new());
    }

    /// Messages come and go while it sweeps, the pages that were found may have become something else meanwhile.
    #[test]
    fn a_sweep_among_deliveries_and_deletions_damages_nothing() {
        let bench = Bench::new();
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let mut random = Random(7);
                for n in 1..=1500_usize {
                    bench.deliver(format!("{n} {}", "y".repeat(random.below(9000))), "a@example.org");
                    if n.is_multiple_of(3) {
                        // Some are gone already.
                        let _ = bench.store.commit(bench.alice, &[Uid(1 + random.below(n) as u64)]);
                    }
                    if n.is_multiple_of(100) {
                        while bench.store.purge(i64::MAX / 2, 100).unwrap() > 0 {}
                    }
                }
            });
            while !work.is_finished() {
                lock(&bench.store.residue).add();
                bench.store.scrub().unwrap();
            }
        });
        bench.purge();
        assert_eq!(bench.store.check().unwrap(), Vec::<String>::new());
        let mut next = Some(1);
        while let Some(from) = next {
            let soiled;
            (soiled, next) = bench.store.readers.with(|connection| look(connection, from, 1)).unwrap();
            assert_eq!(soiled, Vec::<u32>::new());
        }
    }

    /// A dump that was read into a plain file has no pointer maps: nothing says which pages are whose.
    #[test]
    fn a_file_without_pointer_maps_is_left_alone() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(3000)), (randomblob(3000))")
            .unwrap();
        assert_eq!(look(&connection, 1, 9).unwrap(), (Vec::new(), None));
    }
}
