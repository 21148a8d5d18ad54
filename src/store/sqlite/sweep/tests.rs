//! Nothing that went is in any corner of a file, and everything else still is.

use super::*;
use crate::store::sqlite::Options;
use crate::store::{Accounts, Envelope, Mail, MailboxId, Maintenance, Uid};
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
            bench.deliver(format!("Subject: {name}\r\n\r\n{}\r\n", "x".repeat(size)), &format!("{name}@example.org"));
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
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY".into();
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
            lock(&bench.store.residue).add(Instant::now());
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

/// One wrong bit makes the pages of a long row free ones.
#[test]
fn a_page_that_only_the_pointer_map_calls_free_is_left_alone() {
    let connection = Connection::open_in_memory().unwrap();
    let sql = "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA secure_delete = ON; CREATE TABLE t(x);
      INSERT INTO t VALUES (randomblob(9000)), (randomblob(90000)); DELETE FROM t WHERE length(x) = 9000";
    connection.execute_batch(sql).unwrap();
    let row = || connection.query_row("SELECT x FROM t", [], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let (before, mut map) = (row(), read(&connection, 2, |page| page.to_vec()).unwrap().unwrap());
    let wrong = map.iter_mut().step_by(5).filter(|kind| [3, 4].contains(*kind));
    assert_eq!(wrong.map(|kind| *kind = 2).count(), 22);
    connection.execute("UPDATE sqlite_dbpage SET data = ?1 WHERE pgno = 2", [map]).unwrap();
    let (soiled, _) = look(&connection, 1, 99).unwrap();
    clear(&connection, &soiled).unwrap();
    clear(&connection, &(1..30).collect::<Vec<_>>()).unwrap();
    assert!(row() == before);
}

/// What is in the log need not wait for a page that cannot be written.
#[test]
fn a_sweep_that_fails_does_not_keep_the_log() {
    let bench = Bench::new();
    let shell = Connection::open(&bench.path).unwrap();
    shell
        .execute_batch(
            "PRAGMA secure_delete = OFF; CREATE TABLE t(x); INSERT INTO t VALUES ('a'), ('b'); DELETE FROM t",
        )
        .unwrap();
    let set = |sql: &'static str| bench.store.writer.alone(Lane::Maintenance, |it| Ok(it.execute_batch(sql)?)).unwrap();
    set("PRAGMA query_only = ON");
    assert!((0..1000).any(|_| bench.store.scrub().is_err()), "there is something to clear");
    assert_eq!(bench.store.scrub(), Ok(Scrub::Clean));
    let log = bench.path.with_file_name("mail.db-wal");
    assert_eq!(std::fs::metadata(log).unwrap().len(), 0);
    assert!(bench.store.residue());
    set("PRAGMA query_only = OFF");
    bench.scrub();
}

/// What can be read of a file that may be damaged, by the table and by the index.
fn legible(connection: &Connection) -> Vec<String> {
    let mut legible = Vec::new();
    for sql in ["SELECT a FROM t", "SELECT b FROM t ORDER BY b"] {
        let Ok(mut select) = connection.prepare(sql) else { continue };
        let mut rows = select.query([]).unwrap();
        while let Ok(Some(row)) = rows.next() {
            legible.extend(row.get::<_, String>(0));
        }
    }
    legible
}

#[test]
fn a_sweep_takes_nothing_that_one_wrong_bit_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail.db");
    let open = || {
        let connection = Connection::open(&path).unwrap();
        let _ = connection.execute_batch("PRAGMA synchronous = OFF");
        connection
    };
    let sql =
        "PRAGMA page_size = 512; PRAGMA auto_vacuum = INCREMENTAL; CREATE TABLE t(a, b); CREATE INDEX t_b ON t(b);
      WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 200)
      INSERT INTO t SELECT printf('%d a %*c', i, i * 7919 % 97, 'x'), printf('%d b %*c', i, i * 7927 % 67, 'x') FROM n;
      INSERT INTO t VALUES (printf('%5000c', 'y'), 'b');
      PRAGMA secure_delete = OFF; DELETE FROM t WHERE rowid % 3 = 0 OR rowid BETWEEN 50 AND 80";
    open().execute_batch(sql).unwrap();
    let (sound, all, mut random, mut changed) = (std::fs::read(&path).unwrap(), legible(&open()), Random(9), 0);
    for _ in 0..600 {
        let mut damaged = sound.clone();
        // Where the headers, pointers and maps are, mostly.
        let within = [12, 12, 40, 120, 512][random.below(5)];
        let at = 512 * random.below(sound.len() / 512) + random.below(within);
        damaged[at] ^= 1 << random.below(8);
        std::fs::write(&path, &damaged).unwrap();
        let connection = open();
        // A tree that has come to a free page shows what was deleted.
        let legible = || legible(&connection).into_iter().filter(|text| all.contains(text)).collect::<Vec<_>>();
        let before = legible();
        let Ok((soiled, _)) = look(&connection, 1, usize::MAX) else { continue };
        // What cannot be written is not written.
        let cleared = clear(&connection, &soiled);
        changed += i32::from(cleared.is_ok() && !soiled.is_empty());
        assert!(legible() == before, "octet {at}");
    }
    assert!(changed > 500, "{changed}");
}

/// A dump that was read into a plain file has no pointer maps: nothing says which pages are whose.
#[test]
fn a_file_without_pointer_maps_is_left_alone() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(3000)), (randomblob(3000))").unwrap();
    assert_eq!(look(&connection, 1, 9).unwrap(), (Vec::new(), None));
}
