//! Transfers into the memory engine; what is said here holds for every engine (tests/store_contract).

use super::*;
use crate::store::Accounts;
use crate::store::memory::Memory;

/// Messages in memory; counts what is read of them.
struct Fake {
    remote: bool,
    messages: Vec<(Option<&'static str>, &'static str)>,
    fetched: Vec<usize>,
    /// Octets that it lies by in its list.
    off: u64,
}

impl Source for Fake {
    fn list(&mut self) -> super::super::Result<Vec<Listed>> {
        let listed = |(at, (id, text)): (usize, &(Option<&str>, &str))| Listed {
            place: format!("message {}", at + 1),
            unique_id: id.map(str::to_owned),
            octets: self.remote.then_some(text.len() as u64 + self.off),
            ..Listed::default()
        };
        Ok(self.messages.iter().enumerate().map(listed).collect())
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> super::super::Result<()> {
        self.fetched.push(at);
        octets.clear();
        octets.extend_from_slice(self.messages[at].1.as_bytes());
        if octets.len() as u64 > limit { Err(ImportError::TooBig(format!("message {}", at + 1))) } else { Ok(()) }
    }

    fn is_remote(&self) -> bool {
        self.remote
    }
}

fn source(remote: bool, messages: &[(Option<&'static str>, &'static str)]) -> Fake {
    Fake { remote, messages: messages.to_vec(), fetched: Vec::new(), off: 0 }
}

struct Bed {
    store: Memory,
    mailbox: MailboxId,
}

impl Bed {
    fn new() -> Self {
        let store = Memory::default();
        store.create_user("alice").unwrap();
        let mailbox = store.recipients(&["alice".into()]).unwrap()[0].id;
        Self { store, mailbox }
    }

    fn task(&self, dry_run: bool) -> Task<'static> {
        Task { mailbox: self.mailbox, limit: 100, dry_run, progress: &|_, _| {} }
    }

    fn import(&self, source: &mut Fake) -> Report {
        let listed = source.list().unwrap();
        run(&self.store, source, &listed, self.task(false)).unwrap()
    }

    fn differences(&self, source: &mut Fake) -> Vec<String> {
        let listed = source.list().unwrap();
        differences(&self.store, source, &listed, self.task(false), &Report::default()).unwrap()
    }

    /// New mail.
    fn deliver(&self) {
        let upload = self.store.upload(u64::MAX);
        upload.deliver(&[self.mailbox], &Envelope::default()).unwrap()[0].clone().unwrap();
    }

    /// What UIDL shows.
    fn shown(&self) -> Vec<String> {
        let listing = self.store.open(self.mailbox).unwrap();
        let id =
            |(at, entry): (usize, &Entry)| listing.legacy_id(at).map_or_else(|| entry.uid.0.to_string(), str::to_owned);
        listing.entries().iter().enumerate().map(id).collect()
    }
}

#[test]
fn an_import_can_be_run_again() {
    for remote in [false, true] {
        let bed = Bed::new();
        let mut first = source(remote, &[(Some("a"), "1\r\n"), (Some("b"), "2\r\n")]);
        assert_eq!(bed.import(&mut first).stored, 2);
        let mut more = source(remote, &[(Some("a"), "1\r\n"), (Some("b"), "2\r\n"), (Some("c"), "3\r\n")]);
        let report = bed.import(&mut more);
        assert_eq!((report.stored, report.present, report.refused.len()), (1, 2, 0));
        assert_eq!(bed.shown(), ["a", "b", "c"]);
        // What is there already does not cross the network again.
        assert_eq!(more.fetched, if remote { vec![2] } else { vec![0, 1, 2] });
        assert!(bed.differences(&mut more).is_empty());
    }
}

#[test]
fn an_id_of_another_message_is_refused() {
    let bed = Bed::new();
    bed.deliver();
    let report = bed.import(&mut source(false, &[(Some("1"), "x\r\n"), (Some("x"), "1\r\n"), (Some("x"), "2\r\n")]));
    assert_eq!((report.stored, report.present, report.refused.len()), (1, 0, 2));
    assert!(report.refused[0].contains("unique-id \"1\" was given to another"), "{:?}", report.refused);
    assert_eq!(bed.shown(), ["1", "x"]);
}

#[test]
fn identical_messages_may_share_an_id() {
    for remote in [false, true] {
        let bed = Bed::new();
        let mut twins = source(remote, &[(Some("x"), "1\r\n"), (Some("x"), "1\r\n")]);
        let report = bed.import(&mut twins);
        assert_eq!((report.stored, report.present, report.refused.len()), (1, 1, 0));
        assert!(bed.differences(&mut twins).is_empty());
    }
}

#[test]
fn new_numbers_never_meet_imported_ones() {
    let bed = Bed::new();
    bed.import(&mut source(false, &[(Some("17"), "x\r\n"), (None, "y\r\n")]));
    let shown = bed.shown();
    assert!(shown[0] == "17" && shown[1].parse::<u64>().unwrap() > 17, "{shown:?}");
}

/// Delivers mail in the middle of an import, as an MTA does.
struct Busy<'a> {
    bed: &'a Bed,
    there: Fake,
}

impl Source for Busy<'_> {
    fn list(&mut self) -> super::super::Result<Vec<Listed>> {
        self.there.list()
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> super::super::Result<()> {
        self.bed.deliver();
        self.there.fetch(at, limit, octets)
    }

    fn is_remote(&self) -> bool {
        self.there.remote
    }
}

#[test]
fn mail_that_comes_meanwhile_takes_no_number_of_the_list() {
    for remote in [false, true] {
        let bed = Bed::new();
        let there = source(remote, &[(Some("1"), "1\r\n"), (Some("7"), "7\r\n"), (Some("3"), "3\r\n")]);
        let mut busy = Busy { bed: &bed, there };
        let listed = busy.list().unwrap();
        let report = run(&bed.store, &mut busy, &listed, bed.task(false)).unwrap();
        assert_eq!((report.stored, report.refused.len()), (3, 0), "{report:?}");
    }
}

#[test]
fn numbers_that_the_old_server_gives_out_until_the_second_import_are_free() {
    let bed = Bed::new();
    bed.import(&mut source(true, &[(Some("5"), "5\r\n")]));
    bed.deliver();
    let mut later = source(true, &[(Some("5"), "5\r\n"), (Some("6"), "6\r\n"), (Some("7"), "7\r\n")]);
    let report = bed.import(&mut later);
    assert_eq!((report.stored, report.present, report.refused.len()), (2, 1, 0), "{report:?}");
    assert!(bed.differences(&mut later).is_empty());
}

#[test]
fn the_highest_numbers_can_be_imported() {
    let bed = Bed::new();
    let report = bed.import(&mut source(true, &[(Some("9007199254740990"), "x\r\n"), (Some("2"), "y\r\n")]));
    assert_eq!(report.stored, 2, "{report:?}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let bed = Bed::new();
    bed.import(&mut source(true, &[(Some("a"), "1\r\n")]));
    let mut more = source(true, &[(Some("a"), "1\r\n"), (Some("b"), "2\r\n")]);
    let listed = more.list().unwrap();
    let report = run(&bed.store, &mut more, &listed, bed.task(true)).unwrap();
    assert_eq!((report.stored, report.present), (1, 1));
    assert!(more.fetched.is_empty());
    assert_eq!(bed.shown(), ["a"]);
    let listed = source(true, &[(Some("17"), "x\r\n")]).list().unwrap();
    run(&bed.store, &mut more, &listed, bed.task(true)).unwrap();
    bed.deliver();
    assert_eq!(bed.shown(), ["a", "2"]);
}

#[test]
fn what_is_too_big_is_refused_and_the_rest_comes() {
    let bed = Bed::new();
    let big: &'static str =
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789x";
    let report = bed.import(&mut source(false, &[(Some("a"), big), (Some("b"), "2\r\n")]));
    assert_eq!((report.stored, report.refused.len()), (1, 1));
}

#[test]
fn the_comparison_sees_what_differs() {
    let bed = Bed::new();
    let mut there = source(true, &[(Some("a"), "1\r\n"), (Some("b"), "22\n"), (Some("c"), "3\r\n")]);
    bed.import(&mut there);
    // Sizes that are not exact are no difference.
    there.off = 7;
    assert!(bed.differences(&mut there).is_empty());
    let differences =
        bed.differences(&mut source(true, &[(Some("b"), "22\r\n"), (Some("a"), "other\r\n"), (Some("d"), "4\r\n")]));
    assert_eq!(differences.len(), 3, "{differences:?}");
    assert!(differences[0].contains("another order"), "{differences:?}");
    assert!(differences[1].contains("7 octets there, 3 here"), "{differences:?}");
    assert!(differences[2].contains("\"d\" is not in the mailbox"), "{differences:?}");
}
