//! The commands: what each is asked to do, and what must be true afterwards, whether it could or not.

use crate::judge;
use crate::ledger::{Ledger, Mark};
use crate::scene::{BACKED_UP, IMPORTED, Layout, PASSWORD, Scene, aside, exported, ids, numbered};
use crate::session;
use crate::support::site::{feed, text};

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    Init,
    Passwd,
    Deliver,
    Import,
    Export,
    Check,
    Backup,
    Restore,
    Hash,
    Serve,
}

impl Act {
    /// All, each on the layouts that it can meet.
    pub const ALL: [(Act, &'static [Layout]); 10] = {
        const BOTH: &[Layout] = &[Layout::Closed, Layout::Logged];
        [
            (Act::Init, &[Layout::Empty, Layout::Closed, Layout::Logged]),
            (Act::Passwd, BOTH),
            (Act::Deliver, BOTH),
            (Act::Import, BOTH),
            (Act::Export, BOTH),
            (Act::Check, BOTH),
            (Act::Backup, BOTH),
            (Act::Restore, BOTH),
            (Act::Hash, &[Layout::Closed]),
            (Act::Serve, BOTH),
        ]
    };

    /// Does it, and notes what was promised.
    pub fn run(self, scene: &Scene, ledger: &Ledger) {
        match self {
            Act::Serve => session::run(scene, ledger),
            Act::Deliver => self.deliver(scene, ledger),
            Act::Import => {
                IMPORTED.for_each(|number| ledger.note(Mark::Begun("alice", number)));
                if self.command(scene, ledger) {
                    IMPORTED.for_each(|number| ledger.note(Mark::Kept("alice", number)));
                }
            }
            _ => drop(self.command(scene, ledger)),
        }
    }

    fn deliver(self, scene: &Scene, ledger: &Ledger) {
        for number in [20, 21] {
            ["alice", "bob"].iter().for_each(|user| ledger.note(Mark::Begun(user, number)));
            let output = feed(&mut scene.command(&["deliver", "alice", "bob"]), &numbered(number));
            if output.status.success() {
                ["alice", "bob"].iter().for_each(|user| ledger.note(Mark::Kept(user, number)));
            }
            ledger.note(Mark::Ended(output.status.code(), text(&output.stderr)));
        }
    }

    /// Runs the command; whether it succeeded.
    fn command(self, scene: &Scene, ledger: &Ledger) -> bool {
        let (mbox, backup, out) = (scene.argument("mbox"), scene.argument("backup.db"), scene.argument("out"));
        let (arguments, input): (&[&str], &str) = match self {
            Act::Init => (&["init"], ""),
            Act::Passwd => (&["passwd", "alice"], "another one\n"),
            Act::Import => (&["import", "-u", "alice", &mbox], ""),
            Act::Export => (&["export", "-u", "alice", &out], ""),
            Act::Check => (&["check"], ""),
            Act::Backup => (&["backup", &backup], ""),
            Act::Restore => (&["restore", &backup], ""),
            Act::Hash => (&["hash"], "another one\n"),
            Act::Deliver | Act::Serve => unreachable!(),
        };
        let output = feed(&mut scene.command(arguments), input.as_bytes());
        if output.status.success() {
            ledger.note(Mark::Done("it"));
        }
        ledger.note(Mark::Ended(output.status.code(), text(&output.stderr)));
        output.status.success()
    }

    /// Panics unless all is as it must be after these entries of the ledger.
    pub fn judge(self, scene: &Scene, marks: &[Mark]) {
        let done = marks.contains(&Mark::Done("it"));
        match self {
            Act::Init => init(scene, done),
            Act::Restore => restore(scene, done),
            _ => {
                let messages = judge::mail(scene, marks);
                match self {
                    Act::Passwd => password(scene, done),
                    Act::Import => import_again(scene),
                    Act::Export => export(scene, done),
                    Act::Backup => backup(scene, done),
                    Act::Serve => session::judge(scene, marks, messages),
                    _ => {}
                }
            }
        }
    }

    /// The exit code that says "it could not be done, come again" or "the disk".
    pub fn io_code(self) -> i32 {
        if self == Act::Deliver { 75 } else { 74 }
    }
}

/// A database is there after it; and whatever happened, `init` makes one of what is there.
fn init(scene: &Scene, done: bool) {
    let site = &scene.site;
    if done {
        judge::sound(site);
    } else {
        site.succeed(&["init"], b"");
    }
    if scene.before.is_empty() {
        site.add_user("alice", PASSWORD);
        site.add_user("bob", PASSWORD);
        judge::next_ids(site, &scene.before, &ids(site));
    } else {
        judge::mail(scene, &[]);
    }
}

/// The old or the new one, never both or none.
fn password(scene: &Scene, done: bool) {
    let server = scene.site.serve(&[]);
    let works = |password| session::logs_in(&server, "alice", password);
    let (old, new) = (works(PASSWORD), works("another one"));
    assert!(old != new, "the old password works: {old}, the new one: {new}");
    assert!(new || !done, "the new password was acknowledged and does not work");
}

/// What was cut can be run again.
fn import_again(scene: &Scene) {
    scene.site.succeed(&["import", "-u", "alice", &scene.argument("mbox")], b"");
    let found = ids(&scene.site);
    IMPORTED.for_each(|number| assert!(found.contains_key(&("alice", number)), "{number} was not imported again"));
}

fn export(scene: &Scene, done: bool) {
    if done {
        let expected =
            scene.before.iter().filter(|((user, _), _)| *user == "alice").map(|((_, number), id)| (*number, *id));
        assert_eq!(exported(&scene.site.path("out")), expected.collect::<Vec<_>>());
    }
}

/// The file is the new copy or the one from before, whole.
fn backup(scene: &Scene, done: bool) {
    let aside = aside(&scene.site, &[("backup.db", "backup.db"), ("backup.db-wal", "backup.db-wal")]);
    aside.succeed(&["restore", aside.path("backup.db").to_str().unwrap()], b"");
    judge::sound(&aside);
    let found = ids(&aside);
    let new = found == scene.before;
    assert!(new || old_backup(scene) == found, "neither the old nor the new backup: {found:?}");
    assert!(new || !done, "the backup was acknowledged and is the old one");
}

fn old_backup(scene: &Scene) -> crate::scene::Ids {
    let mut ids = scene.before.clone();
    ids.retain(|(user, number), _| *user == "alice" && BACKED_UP.contains(number));
    ids
}

/// The database is the old one or the new one, whole; and as soon as it is the new one, the old one is kept beside it.
fn restore(scene: &Scene, done: bool) {
    let site = &scene.site;
    assert!(site.database().exists(), "there is no database");
    judge::sound(site);
    let found = ids(site);
    let new = found == old_backup(scene);
    assert!(new || found == scene.before, "neither the old nor the new database: {found:?}");
    assert!(new || !done, "the restore was acknowledged and the database is the old one");
    if new {
        let kept = ["", "-wal", "-journal"]
            .map(|ending| (format!("mail.db.before-restore{ending}"), format!("mail.db{ending}")));
        let kept = aside(site, &kept.each_ref().map(|(from, to)| (from.as_str(), to.as_str())));
        assert!(kept.database().exists(), "the database before was not kept");
        judge::sound(&kept);
        assert_eq!(ids(&kept), scene.before, "the database before was not kept whole");
    }
    judge::next_ids(site, &scene.before, &found);
}
