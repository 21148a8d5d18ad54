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
    /// A message that it does not give away.
    withheld: Option<usize>,
    /// Its unique-ids stand in headers.
    claimed: bool,
    /// A message that is marked as deleted.
    deleted: Option<usize>,
}

impl Source for Fake {
    fn list(&mut self) -> super::super::Result<Vec<Listed>> {
        let listed = |(at, (id, text)): (usize, &(Option<&str>, &str))| Listed {
            place: format!("message {}", at + 1),
            unique_id: id.map(str::to_owned),
            octets: self.remote.then_some(text.len() as u64 + self.off),
            claimed: self.claimed,
            deleted: self.deleted == Some(at),
            ..Listed::default()
        };
        Ok(self.messages.iter().enumerate().map(listed).collect())
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> super::super::Result<()> {
        self.fetched.push(at);
        if self.withheld == Some(at) {
            return Err(ImportError::Withheld(format!("message {}: -ERR damaged", at + 1)));
        }
        octets.clear();
        octets.extend_from_slice(self.messages[at].1.as_bytes());
        if octets.len() as u64 > limit { Err(ImportError::TooBig(format!("message {}", at + 1))) } else { Ok(()) }
    }

    fn is_remote(&self) -> bool {
        self.remote
    }
}

fn source(remote: bool, messages: &[(Option<&'static str>, &'static str)]) -> Fake {
    Fake {
        remote,
        messages: messages.to_vec(),
        fetched: Vec::new(),
        off: 0,
        withheld: None,
        claimed: false,
        deleted: None,
    }
}

struct Fixture {
    store: Memory,
    mailbox: MailboxId,
}

impl Fixture {
    fn new() -> Self {
        let store = Memory::default();
        store.create_user("alice").unwrap();
        let mailbox = store.recipients(&["alice".into()]).unwrap()[0].id;
        Self { store, mailbox }
    }

    fn task(&self, dry_run: bool) -> Task<'static> {
        Task { mailbox: self.mailbox, name: "al'ice", limit: 100, dry_run, with_deleted: false, progress: &|_, _| {} }
    }

    fn import(&self, source: &mut Fake) -> Report {
        let listed = source.list().unwrap();
        let mut report = Report::default();
        run(&self.store, source, &listed, self.task(false), &mut report).unwrap();
        report
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
        let fixture = Fixture::new();
        let mut first = source(remote, &[(Some("a"), "1\r\n"), (Some("b"), "2\r\n")]);
        assert_eq!(fixture.import(&mut first).stored, 2);
        let mut more = source(remote, &[(Some("a"), "1\r\n"), (Some("b"), "2\r\n"), (Some("c"), "3\r\n")]);
        let report = fixture.import(&mut more);
        assert_eq!((report.stored, report.present, report.refused.len()), (1, 2, 0));
        assert_eq!(fixture.shown(), ["a", "b", "c"]);
        // What is there already does not cross the network again.
        assert_eq!(more.fetched, if remote { vec![2] } else { vec![0, 1, 2] });
        assert!(fixture.differences(&mut more).is_empty());
    }
}

#[test]
fn an_id_of_another_message_is_refused() {
    let fixture = Fixture::new();
    fixture.deliver();
    let report =
        fixture.import(&mut source(false, &[(Some("1"), "x\r\n"), (Some("x"), "1\r\n"), (Some("x"), "2\r\n")]));
    assert_eq!((report.stored, report.present, report.refused.len()), (1, 0, 2));
    assert!(report.refused[0].contains("unique-id \"1\" was given to another"), "{:?}", report.refused);
    assert_eq!(fixture.shown(), ["1", "x"]);
}

fn counts(report: &Report) -> (usize, usize, usize, usize) {
    (report.stored, report.present, report.own_number.len(), report.refused.len())
}

/// What a header claims costs nobody a message, and the import can be run again.
#[test]
fn a_claimed_id_of_another_message_is_passed_over() {
    let fixture = Fixture::new();
    fixture.deliver();
    let messages =
        [(Some("1"), "x\r\n"), (Some("x"), "1\r\n"), (Some("x"), "2\r\n"), (Some("x"), "1\r\n"), (None, "2\r\n")];
    let claiming = |messages| Fake { claimed: true, ..source(false, messages) };
    let report = fixture.import(&mut claiming(&messages));
    assert_eq!(counts(&report), (4, 1, 2, 0), "{report:?}");
    assert!(report.own_number[0].contains("message 1: unique-id \"1\""), "{report:?}");
    assert_eq!(fixture.shown(), ["1", "2", "x", "4", "5"]);
    let report = fixture.import(&mut claiming(&messages));
    assert_eq!(counts(&report), (0, 5, 0, 0), "{report:?}");
    // In another order, too.
    let mut turned = messages;
    turned.reverse();
    assert_eq!(counts(&fixture.import(&mut claiming(&turned))), (0, 5, 0, 0));
}

#[test]
fn a_claimed_id_of_a_deleted_message_is_its_own_only() {
    let fixture = Fixture::new();
    let claiming = |text| Fake { claimed: true, ..source(false, &[(Some("x"), text)]) };
    fixture.import(&mut claiming("1\r\n"));
    fixture.store.commit(fixture.mailbox, &[Uid(1)]).unwrap();
    let report = fixture.import(&mut claiming("1\r\n"));
    assert_eq!(counts(&report), (0, 0, 0, 1), "deleted mail stays deleted");
    assert!(report.refused[0].contains("was deleted here"), "{report:?}");
    assert_eq!(counts(&fixture.import(&mut claiming("2\r\n"))), (1, 0, 1, 0));
    assert_eq!(counts(&fixture.import(&mut claiming("2\r\n"))), (0, 1, 0, 0));
}

#[test]
fn a_claimed_number_uses_up_no_numbers() {
    let fixture = Fixture::new();
    let mut there =
        Fake { claimed: true, ..source(false, &[(Some("9007199254740990"), "1\r\n"), (Some("7"), "2\r\n")]) };
    assert_eq!(counts(&fixture.import(&mut there)), (2, 0, 0, 0));
    assert_eq!(fixture.shown(), ["9007199254740990", "7"], "beyond 2^52 it is plain text");
    assert_eq!(counts(&fixture.import(&mut there)), (0, 2, 0, 0));
}

/// One to one: two of three copies are found when two are there.
#[test]
fn messages_without_ids_are_known_by_their_octets() {
    let fixture = Fixture::new();
    fixture.deliver();
    assert_eq!(fixture.import(&mut source(false, &[(None, "1\r\n"), (None, "1\r\n"), (None, "")])).stored, 3);
    let mut more = source(false, &[(None, "1\r\n"), (None, "2\r\n"), (None, "1\r\n"), (None, "1\r\n"), (None, "")]);
    let listed = more.list().unwrap();
    let mut report = Report::default();
    run(&fixture.store, &mut more, &listed, fixture.task(true), &mut report).unwrap();
    assert_eq!(counts(&report), (2, 3, 0, 0), "{report:?}");
    assert_eq!(counts(&fixture.import(&mut more)), (2, 3, 0, 0));
    assert_eq!(counts(&fixture.import(&mut more)), (0, 5, 0, 0));
    // One that has an id now was imported, too.
    fixture.import(&mut source(false, &[(Some("x"), "3\r\n")]));
    assert_eq!(counts(&fixture.import(&mut source(false, &[(None, "3\r\n")]))), (0, 1, 0, 0));
    assert_eq!(counts(&fixture.import(&mut source(false, &[(None, "3\r\n"), (Some("x"), "3\r\n")]))), (1, 1, 0, 0));
}

#[test]
fn deleted_messages_are_left_out_unless_they_are_wanted() {
    let fixture = Fixture::new();
    let mut there = source(false, &[(Some("a"), "1\r\n"), (Some("b"), "2\r\n")]);
    there.deleted = Some(1);
    let report = fixture.import(&mut there);
    assert_eq!((report.stored, report.left_out), (1, 1));
    let (listed, mut report) = (there.list().unwrap(), Report::default());
    let task = Task { with_deleted: true, ..fixture.task(false) };
    run(&fixture.store, &mut there, &listed, task, &mut report).unwrap();
    assert_eq!((report.stored, report.present, report.left_out), (1, 1, 0));
}

#[test]
fn identical_messages_may_share_an_id() {
    for remote in [false, true] {
        let fixture = Fixture::new();
        let mut twins = source(remote, &[(Some("x"), "1\r\n"), (Some("x"), "1\r\n")]);
        let report = fixture.import(&mut twins);
        assert_eq!((report.stored, report.present, report.refused.len()), (1, 1, 0));
        // But there are two messages there, and one here.
        let differences = fixture.differences(&mut twins);
        assert_eq!(differences, ["message 2: unique-id \"x\" is also that of message 1; only one was imported"]);
    }
}

#[test]
fn new_numbers_never_meet_imported_ones() {
    let fixture = Fixture::new();
    fixture.import(&mut source(false, &[(Some("17"), "x\r\n"), (None, "y\r\n")]));
    let shown = fixture.shown();
    assert!(shown[0] == "17" && shown[1].parse::<u64>().unwrap() > 17, "{shown:?}");
}

/// Delivers mail in the middle of an import, as an MTA does.
struct Busy<'a> {
    fixture: &'a Fixture,
    there: Fake,
}

impl Source for Busy<'_> {
    fn list(&mut self) -> super::super::Result<Vec<Listed>> {
        self.there.list()
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> super::super::Result<()> {
        self.fixture.deliver();
        self.there.fetch(at, limit, octets)
    }

    fn is_remote(&self) -> bool {
        self.there.remote
    }
}

#[test]
fn mail_that_comes_meanwhile_takes_no_number_of_the_list() {
    for remote in [false, true] {
        let fixture = Fixture::new();
        let there = source(remote, &[(Some("1"), "1\r\n"), (Some("7"), "7\r\n"), (Some("3"), "3\r\n")]);
        let mut busy = Busy { fixture: &fixture, there };
        let listed = busy.list().unwrap();
        let mut report = Report::default();
        run(&fixture.store, &mut busy, &listed, fixture.task(false), &mut report).unwrap();
        assert_eq!((report.stored, report.refused.len()), (3, 0), "{report:?}");
    }
}

#[test]
fn numbers_that_the_old_server_gives_out_until_the_second_import_are_free() {
    let fixture = Fixture::new();
    fixture.import(&mut source(true, &[(Some("5"), "5\r\n")]));
    fixture.deliver();
    let mut later = source(true, &[(Some("5"), "5\r\n"), (Some("6"), "6\r\n"), (Some("7"), "7\r\n")]);
    let report = fixture.import(&mut later);
    assert_eq!((report.stored, report.present, report.refused.len()), (2, 1, 0), "{report:?}");
    assert!(fixture.differences(&mut later).is_empty());
}

#[test]
fn the_highest_numbers_can_be_imported() {
    let fixture = Fixture::new();
    let report = fixture.import(&mut source(true, &[(Some("9007199254740990"), "x\r\n"), (Some("2"), "y\r\n")]));
    assert_eq!(report.stored, 2, "{report:?}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let fixture = Fixture::new();
    fixture.import(&mut source(true, &[(Some("a"), "1\r\n")]));
    let mut more = source(true, &[(Some("a"), "1\r\n"), (Some("b"), "2\r\n")]);
    let listed = more.list().unwrap();
    let mut report = Report::default();
    run(&fixture.store, &mut more, &listed, fixture.task(true), &mut report).unwrap();
    assert_eq!((report.stored, report.present), (1, 1));
    assert!(more.fetched.is_empty());
    assert_eq!(fixture.shown(), ["a"]);
    let listed = source(true, &[(Some("17"), "x\r\n")]).list().unwrap();
    run(&fixture.store, &mut more, &listed, fixture.task(true), &mut report).unwrap();
    fixture.deliver();
    assert_eq!(fixture.shown(), ["a", "2"]);
}

#[test]
fn what_is_too_big_is_refused_and_the_rest_comes() {
    let fixture = Fixture::new();
    let big: &'static str =
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789x";
    let report = fixture.import(&mut source(false, &[(Some("a"), big), (Some("b"), "2\r\n")]));
    assert_eq!((report.stored, report.refused.len()), (1, 1));
}

#[test]
fn what_is_withheld_is_refused_and_the_rest_comes() {
    let fixture = Fixture::new();
    let mut there = source(true, &[(Some("a"), "1\r\n"), (Some("b"), "2\r\n"), (Some("c"), "3\r\n")]);
    there.withheld = Some(1);
    let report = fixture.import(&mut there);
    assert_eq!((report.stored, report.refused.len()), (2, 1));
    assert!(report.refused[0].contains("message 2"), "{:?}", report.refused);
    let listed = there.list().unwrap();
    let named = differences(&fixture.store, &mut there, &listed, fixture.task(false), &report).unwrap();
    assert!(named.is_empty(), "it is named already: {named:?}");
    // Nor does it end a comparison.
    there.messages.remove(1);
    (there.withheld, there.off) = (Some(0), 7);
    let named = fixture.differences(&mut there);
    assert!(named.len() == 1 && named[0].contains("message 1"), "{named:?}");
}

#[test]
fn what_was_deleted_here_is_said_to_be() {
    let fixture = Fixture::new();
    let mut there = source(true, &[(Some("a"), "1\r\n"), (Some("7"), "7\r\n")]);
    fixture.import(&mut there);
    let uids: Vec<Uid> = fixture.store.open(fixture.mailbox).unwrap().entries().iter().map(|entry| entry.uid).collect();
    fixture.store.commit(fixture.mailbox, &uids).unwrap();
    let report = fixture.import(&mut there);
    assert_eq!((report.stored, report.refused.len()), (0, 2));
    for (text, uid) in report.refused.iter().zip(uids) {
        assert!(
            text.contains("was deleted here") && text.contains(&format!("'al''ice' AND uid = {} ", uid.0)),
            "{text}"
        );
    }
}

#[test]
fn what_was_done_is_counted_when_an_import_stops() {
    let fixture = Fixture::new();
    fixture.store.set_quota("alice", Some(8192));
    let mut there = source(false, &[(Some("a"), "1\r\n"), (Some("b"), "2\r\n"), (Some("c"), "3\r\n")]);
    let (listed, mut report) = (there.list().unwrap(), Report::default());
    let stop = run(&fixture.store, &mut there, &listed, fixture.task(false), &mut report).unwrap_err();
    assert!(matches!(stop, Stop::Store(_, StoreError::OverQuota)), "{stop}");
    assert_eq!(report.stored, 2);
}

#[test]
fn the_comparison_sees_what_differs() {
    let fixture = Fixture::new();
    let mut there = source(true, &[(Some("a"), "1\r\n"), (Some("b"), "22\n"), (Some("c"), "3\r\n")]);
    fixture.import(&mut there);
    // Sizes that are not exact are no difference.
    there.off = 7;
    assert!(fixture.differences(&mut there).is_empty());
    let differences = fixture
        .differences(&mut source(true, &[(Some("b"), "22\r\n"), (Some("a"), "other\r\n"), (Some("d"), "4\r\n")]));
    assert_eq!(differences.len(), 3, "{differences:?}");
    assert!(differences[0].contains("a different position"), "{differences:?}");
    assert!(differences[1].contains("7 octets on the old server, 3 here"), "{differences:?}");
    assert!(differences[2].contains("\"d\" is not in the mailbox"), "{differences:?}");
}
