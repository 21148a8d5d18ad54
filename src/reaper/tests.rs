//! Tests of the maintenance, against a store that writes down what it is asked and an injected clock.

mod script;

use super::Reaper;
use super::pending::PASSWORDS;
use super::*;
use crate::store::*;
use script::Script;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

type Seen = Arc<Mutex<Vec<(usize, usize)>>>;

/// What hears of the maintenance; a password "bad" cannot be made into verifiers.
struct Witness {
    script: Arc<Script>,
    seen: Seen,
    verifiers: fn(&Pending) -> std::result::Result<Verifiers, String>,
}

impl Host for Witness {
    fn verifiers(&self, pending: &Pending) -> std::result::Result<Verifiers, String> {
        (self.verifiers)(pending)
    }

    fn changed(&self, snapshot: &Snapshot) {
        let settings = &snapshot.settings;
        self.seen.lock().unwrap().push((settings.max_connections, settings.max_command_size));
    }

    fn tidy(&self) {}

    fn lost(&self, text: String) {
        self.script.note(format!("lost {text}"));
    }
}

fn hash_of_name(pending: &Pending) -> std::result::Result<Verifiers, String> {
    match pending.password.expose() {
        b"bad" => Err("no good".into()),
        _ => Ok(Verifiers { hash: format!("hash of {}", pending.name).as_str().into(), others: Vec::new() }),
    }
}

/// The maintenance of a scripted store.
fn reaper(overrides: &[(String, String)]) -> (Arc<Script>, Seen, Reaper) {
    reaper_with(overrides, hash_of_name)
}

fn reaper_with(
    overrides: &[(String, String)],
    verifiers: fn(&Pending) -> std::result::Result<Verifiers, String>,
) -> (Arc<Script>, Seen, Reaper) {
    let (script, seen) = (Arc::new(Script::default()), Seen::default());
    let host = Arc::new(Witness { script: script.clone(), seen: seen.clone(), verifiers });
    let reaper = Reaper::new(script.clone(), Snapshot::default(), overrides.to_vec(), host);
    (script, seen, reaper)
}

fn at(milliseconds: u64) -> Moment {
    Moment { steady: Duration::from_millis(milliseconds), unix: 1_000_000 + (milliseconds / 1000) as i64 }
}

#[test]
fn the_first_round_does_everything_and_the_next_nothing() {
    let (script, seen, mut reaper) = reaper(&[]);
    assert_eq!(reaper.round(at(0)), LOOK);
    assert_eq!(script.calls(), ["settings", "drop", "flush", "reset", "presence", "reap 1000000", "purge 1000000"]);
    assert_eq!(reaper.round(at(500)), LOOK);
    assert!(script.calls().is_empty());
    assert_eq!(seen.lock().unwrap().len(), 1, "only told what holds at first");
}

#[test]
fn changed_settings_are_handed_on_once_and_overrides_stay_above_them() {
    let (script, seen, mut reaper) = reaper(&[("MaxCommandSize".into(), "40".into())]);
    reaper.round(at(0));
    script.set("MaxConnections", "7");
    script.set("MaxCommandSize", "1024");
    reaper.round(at(500));
    reaper.round(at(1000));
    script.advertised.lock().unwrap().expire = Expire::Days(7);
    *script.mark.lock().unwrap() += 1;
    reaper.round(at(1500));
    script.advertised.lock().unwrap().usable.ntlm = true;
    reaper.round(at(2000));
    reaper.round(at(3000));
    let told = [(2000, 40), (7, 40), (7, 40), (7, 40)];
    assert_eq!(*seen.lock().unwrap(), told, "at first, new settings, new retention, new verifiers");
}

#[test]
fn a_database_that_was_removed_is_told_of_once() {
    let (script, _, mut reaper) = reaper(&[]);
    reaper.round(at(0));
    script.calls();
    *script.lost.lock().unwrap() = Some("mail.db was removed".into());
    let told = [500, 1000, 1500, 2000].map(|time| {
        reaper.round(at(time));
        script.calls().contains(&"lost mail.db was removed".into())
    });
    assert_eq!(told, [false, true, false, false]);
}

#[test]
fn a_bad_setting_changes_nothing_and_stops_nothing_else() {
    let (script, seen, mut reaper) = reaper(&[]);
    script.set("SSLBindings", "nonsense");
    script.add(1, "alice", "secret");
    reaper.round(at(0));
    assert_eq!(*seen.lock().unwrap(), [(2000, 512)]);
    assert!(script.calls().contains(&"set 1 hash of alice".into()));
}

#[test]
fn passwords_are_replaced_in_batches() {
    let (script, _, mut reaper) = reaper(&[]);
    reaper.round(at(0));
    script.calls();
    let users = PASSWORDS as i64 + 2;
    (0..users).for_each(|user| script.add(user, "x", "secret"));
    assert_eq!(reaper.round(at(2000)), Duration::ZERO, "more wait");
    let calls = script.calls();
    assert!(calls.contains(&format!("batch of {PASSWORDS}")), "{calls:?}");
    let order: Vec<&String> = calls.iter().filter(|call| call.starts_with("set ")).collect();
    assert_eq!((order.len(), &**order[0], &**order[63]), (PASSWORDS, "set 0 hash of x", "set 63 hash of x"));
    reaper.round(at(2400));
    assert_eq!(script.calls(), ["batch of 2", "set 64 hash of x", "set 65 hash of x"]);
    reaper.round(at(3000));
    assert_eq!(script.calls(), ["flush", "presence"]);
}

/// Hashing takes as long as it takes; in between everything else goes on, and several are hashed at once.
#[test]
fn a_batch_of_passwords_ends_in_time() {
    static HASHED: AtomicUsize = AtomicUsize::new(0);
    let (script, _, mut reaper) = reaper_with(&[], |_| {
        HASHED.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(350));
        Ok(Verifiers { hash: "hash".into(), others: Vec::new() })
    });
    (0..20).for_each(|user| script.add(user, "x", "secret"));
    assert_eq!(reaper.round(at(0)), Duration::ZERO, "more wait");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(HASHED.load(Ordering::SeqCst), cores.min(20));
    assert_eq!(script.pending.lock().unwrap().len(), 20 - cores.min(20));
}

/// What can be done later ends nothing, and is tried again.
#[test]
fn what_a_lock_or_a_slow_disk_keeps_from_being_stored_is_stored_later() {
    let (script, _, mut reaper) = reaper(&[]);
    script.add(1, "alice", "secret");
    script.locked.lock().unwrap().push_back(StoreError::Busy("locked".into()));
    reaper.round(at(0));
    assert_eq!(script.pending.lock().unwrap().len(), 1);
    reaper.round(at(500));
    reaper.round(at(1000));
    assert!(script.pending.lock().unwrap().is_empty());
}

#[test]
fn passwords_that_cannot_be_replaced_hide_nobody() {
    let (script, _, mut reaper) = reaper(&[]);
    (0..40).for_each(|user| script.add(user, "x", "bad"));
    script.add(40, "alice", "secret");
    reaper.round(at(0));
    assert!(script.calls().contains(&"set 40 hash of alice".into()));
    assert!(reaper.round(at(100)) > Duration::ZERO, "nobody else waits");
    assert_eq!(script.pending.lock().unwrap().len(), 40, "they keep what they have");
}

#[test]
fn purging_goes_in_small_batches_with_pauses() {
    let (script, _, mut reaper) = reaper(&[]);
    reaper.round(at(0));
    script.calls();
    script.reaps.lock().unwrap().extend([Ok(7), Ok(0), Ok(0)]);
    script.purges.lock().unwrap().extend([Ok(32), Ok(5), Ok(0)]);
    assert_eq!(reaper.round(at(60_000)), PAUSE);
    assert_eq!(reaper.round(at(60_025)), PAUSE);
    assert_eq!(script.calls(), ["flush", "presence", "reap 1000060", "purge 1000060", "reap 1000060", "purge 1000060"]);
    reaper.round(at(60_050));
    reaper.round(at(60_500));
    assert_eq!(script.calls(), ["reap 1000060", "purge 1000060"]);
    reaper.round(at(120_049));
    assert_eq!(script.calls(), ["flush", "presence"], "the interval counts from the end");
    script.purges.lock().unwrap().push_back(Err(StoreError::Io("full".into())));
    assert_eq!(reaper.round(at(120_050)), LOOK);
}

#[test]
fn a_store_that_does_not_answer_is_asked_again_without_haste() {
    let (script, _, mut reaper) = reaper(&[]);
    *script.broken.lock().unwrap() = true;
    assert_eq!(reaper.round(at(0)), LOOK);
    assert_eq!(reaper.round(at(500)), LOOK);
    *script.broken.lock().unwrap() = false;
    script.add(1, "alice", "secret");
    reaper.round(at(1000));
    assert!(script.calls().contains(&"set 1 hash of alice".into()));
}

#[test]
fn the_thread_ends_when_told_and_writes_what_waits() {
    #[derive(Debug)]
    struct Stopped;
    impl Clock for Stopped {
        fn now(&self) -> Moment {
            at(0)
        }
    }
    let (script, _, reaper) = reaper(&[]);
    let (stop, stopped) = crossbeam_channel::bounded(1);
    let thread = spawn(reaper, Stopped, stopped).unwrap();
    drop(stop);
    thread.join().unwrap();
    assert_eq!(script.calls().last().unwrap(), "presence");
}

#[test]
fn an_interval_that_is_made_shorter_holds_at_once() {
    let (script, _, mut reaper) = reaper(&[]);
    reaper.round(at(0));
    script.set("ReaperInterval", "1");
    script.calls();
    reaper.round(at(1500));
    assert!(script.calls().contains(&"reap 1000001".into()));
}

#[test]
fn an_owner_who_cannot_be_warned_keeps_nobody_else_from_it() {
    let (script, _, mut reaper) = reaper(&[]);
    let overfull = |id| Overfull { mailbox: MailboxId(id), name: "x".into(), bytes: 9, warning: 8, limit: 10 };
    script.overfull.lock().unwrap().extend((1..4).map(overfull));
    script.unwarnable.lock().unwrap().insert(1, StoreError::Refused("message.uid: none is left".into()));
    script.unwarnable.lock().unwrap().insert(3, StoreError::Busy("locked".into()));
    assert_eq!(reaper.round(at(0)), LOOK, "what failed is not tried again in haste");
    let warned = |script: &Script| script.calls().iter().filter(|call| call.starts_with("warn ")).count();
    assert_eq!(warned(&script), 1);
    script.unwarnable.lock().unwrap().remove(&3);
    reaper.round(at(60_000));
    assert_eq!(warned(&script), 1);
}

#[test]
fn owners_of_full_mailboxes_are_warned_in_batches() {
    let (script, _, mut reaper) = reaper(&[("Domains".into(), "example.org".into())]);
    script.set("Banner", "x");
    let overfull = |id| Overfull { mailbox: MailboxId(id), name: "x".into(), bytes: 9, warning: 8, limit: 10 };
    script.overfull.lock().unwrap().extend((0..20).map(overfull));
    assert_eq!(reaper.round(at(0)), PAUSE, "more wait");
    let calls = script.calls();
    assert_eq!(calls.iter().filter(|call| call.starts_with("warn ")).count(), 16);
    assert!(calls.contains(&"warn 3 1000000 From: Mail service <postmaster@example.org>".into()), "{calls:?}");
    reaper.round(at(25));
    assert_eq!(script.calls().iter().filter(|call| call.starts_with("warn ")).count(), 4);
}

/// A day forward by mistake ages no mail; a batch that fails keeps no other from being done.
#[test]
fn a_clock_that_jumps_ahead_deletes_nothing_early() {
    let (script, _, mut reaper) = reaper(&[]);
    reaper.round(at(0));
    script.calls();
    script.reaps.lock().unwrap().push_back(Err(StoreError::Io("full".into())));
    reaper.round(Moment { steady: Duration::from_secs(60), unix: 1_000_060 + 86_400 });
    assert_eq!(script.calls(), ["flush", "presence", "reap 1000060", "purge 1000060"]);
    reaper.round(Moment { steady: Duration::from_secs(120), unix: 1_000_120 - 86_400 });
    assert_eq!(script.calls(), ["flush", "presence", "reap 913720", "purge 913720"]);
}
