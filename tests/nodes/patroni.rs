//! Patroni promotes: a primary is killed under load and comes back, two change places, standbys go. It takes minutes, most of
//! them Patroni's `ttl`, so it is a part of `make test-nodes` only.

use crate::load::{Load, Outcome, SHOWN, Shown, judge, shown, users};
use crate::members::{Members, PATIENCE};
use crate::serve;
use crate::support::waiting::within;
use crate::support::{Lmtp, Server};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How much higher a mailbox's next unique-id is after each promotion.
const STEP: u64 = 1 << 20;

/// Three members, the users of a load on two nodes, and what became of it so far.
struct Trial {
    members: Members,
    users: Vec<String>,
    nodes: [Server; 2],
    seen: Shown,
    outcomes: Vec<Outcome>,
}

impl Trial {
    fn new() -> Trial {
        let users = users(7);
        let members = Members::start(&users);
        let first = members.node(None);
        let one = serve(&first);
        let nodes = [one, serve(&members.node(Some(&first)))];
        Trial { members, users, nodes, seen: Shown::new(), outcomes: Vec::new() }
    }

    /// Eight connections deliver to both nodes before, during and after `event`, which must not keep them away for ever.
    fn under_load(&mut self, event: impl FnOnce(&Members)) {
        let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        let loads = self.nodes.each_ref().map(|node| Load {
            address: node.address("lmtp"),
            users: &self.users,
            stop: &stop,
            count: &count,
        });
        // No two messages of a trial have the same token.
        let first = self.outcomes.len();
        let (members, seen) = (&self.members, &mut self.seen);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let loads = &loads;
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || loads[n % 2].run(first + n))).collect();
            // A test that fails here stops the load, or the scope would never end.
            let _stops = Stops(&stop);
            let more = |what: &str| {
                let until = count.load(Ordering::Relaxed) + 200;
                within(PATIENCE, what, || count.load(Ordering::Relaxed) >= until);
            };
            more("deliveries");
            seen.extend(shown(&members.sql("mail", SHOWN)));
            event(members);
            more("deliveries afterwards");
            stop.store(true, Ordering::Relaxed);
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        self.outcomes.extend(outcomes);
        self.judge();
    }

    fn judge(&self) {
        let after = shown(&self.members.sql("mail", SHOWN));
        judge(&self.seen, &after, &self.outcomes);
        for user in &self.users {
            let mut session = self.nodes[1].session(user, "se cret");
            let ids = session.unique_ids();
            let theirs = |(mailbox, _): &&(String, u64)| mailbox == user;
            let stored: Vec<_> = after.keys().filter(theirs).map(|(_, id)| id.to_string()).collect();
            assert_eq!(ids, stored, "{user}");
        }
    }

    /// The highest unique-id of each mailbox.
    fn highest(&self) -> BTreeMap<String, u64> {
        shown(&self.members.sql("mail", SHOWN)).into_keys().collect()
    }

    fn assert_gone_up(&self, before: &BTreeMap<String, u64>) {
        for (mailbox, highest) in self.highest() {
            assert!(highest >= before[&mailbox] + STEP, "{mailbox}: {highest} after {}", before[&mailbox]);
        }
    }

    /// The primary is killed; another takes its place; it comes back as a standby.
    fn kill_the_primary(&mut self) {
        within(PATIENCE, "a synchronous standby", || self.members.has_standby());
        let killed = self.members.who("leader").unwrap();
        self.under_load(|members| members.kill(killed));
        let other = self.members.who("leader");
        assert!(other.is_some_and(|other| other != killed), "{other:?} after {killed}");
        self.under_load(|members| {
            members.revive(killed);
            within(PATIENCE, "the killed member is a standby", || members.is(killed, "replica"));
        });
    }

    fn switch_over(&mut self) {
        within(PATIENCE, "a synchronous standby", || self.members.has_standby());
        self.under_load(Members::switch_over);
    }

    /// Patroni of the primary stands still for longer than `ttl`: another is promoted, and remains what it is.
    fn freeze_the_primary(&mut self) {
        within(PATIENCE, "a synchronous standby", || self.members.has_standby());
        let old = self.members.who("leader").unwrap();
        self.members.signal(old, "/usr/bin/patroni", Signal::SIGSTOP);
        let others = (0..3).filter(|number| *number != old);
        let promoted = || others.clone().find(|number| self.members.is(*number, "leader"));
        within(PATIENCE, "another primary", || promoted().is_some());
        let node = self.members.node_of(&[promoted().unwrap()], Some(&self.nodes[0]));
        let deliver = || node.run(&["deliver", "user0"], b"Subject: promoted\r\n\r\nhello\r\n").status.success();
        within(PATIENCE, "a delivery to it", deliver);
        self.members.signal(old, "/usr/bin/patroni", Signal::SIGCONT);
        within(PATIENCE, "the old primary is a standby", || self.members.is(old, "replica"));
        within(PATIENCE, "a synchronous standby", || self.members.has_standby());
        let kept = self.members.sql("mail", "SELECT count(*) FROM messages WHERE subject = 'promoted'");
        assert_ne!(kept.trim(), "0", "it was acknowledged");
        self.members.sql("mail", "DELETE FROM messages WHERE subject = 'promoted'");
        self.under_load(|_| ());
    }

    /// The primary wrote what it could not send any more. The standby has all that was acknowledged, and must take its
    /// place all the same.
    fn kill_a_primary_that_is_ahead(&mut self) {
        within(PATIENCE, "a synchronous standby", || self.members.has_standby());
        let (old, standby) = (self.members.who("leader").unwrap(), self.members.who("sync").unwrap());
        let members = &self.members;
        members.signal(standby, "walreceiver", Signal::SIGSTOP);
        std::thread::scope(|scope| {
            let rows = "SELECT repeat(md5(n::text), 10) FROM generate_series(1, 50000) n";
            let open = format!("BEGIN; CREATE TABLE open AS {rows}; SELECT pg_sleep(3600);");
            let open = scope.spawn(move || members.try_sql("postgres", &open));
            within(PATIENCE, "Patroni's word that the standby is behind", || {
                assert!(!open.is_finished());
                !members.is(standby, "replica?lag=8MB")
            });
            members.kill(old);
            assert!(open.join().unwrap().is_err());
        });
        members.signal(standby, "walreceiver", Signal::SIGCONT);
        within(PATIENCE, "another primary", || members.is(standby, "leader"));
        members.revive(old);
        within(PATIENCE, "the killed member is a standby", || members.is(old, "replica"));
        self.under_load(|_| ());
    }

    /// Without its synchronous standby the primary takes the other one; without any nothing is acknowledged.
    fn kill_the_standbys(&mut self) {
        within(PATIENCE, "a synchronous standby", || self.members.has_standby());
        let (leader, first) = (self.members.who("leader").unwrap(), self.members.who("sync").unwrap());
        self.under_load(|members| members.kill(first));
        within(PATIENCE, "the other is synchronous", || self.members.has_standby());
        let second = self.members.who("sync").unwrap();
        self.members.kill(second);
        for node in &self.nodes {
            let reply = Lmtp::tcp(node.address("lmtp")).greeted().deliver("user0", b"Subject: none\r\n\r\nhello\r\n");
            assert!(reply.starts_with("451 "), "{reply}");
            node.session("user1", "se cret").multi("RETR 1");
        }
        assert!(self.members.is(leader, "leader"));
        self.members.revive(first);
        self.members.revive(second);
        within(PATIENCE, "a synchronous standby again", || self.members.has_standby());
        // What waited for a standby in vain is there, though nobody was told so.
        self.members.sql("mail", "DELETE FROM messages WHERE subject = 'none'");
        self.under_load(|_| ());
    }
}

struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// As many rounds as `PILLARBOX_NODES_PATRONI` says.
#[test]
fn patroni_promotes_and_nothing_is_lost() {
    let Ok(rounds) = std::env::var("PILLARBOX_NODES_PATRONI") else {
        // Not by a macro, whose output of tests that pass is not shown.
        writeln!(std::io::stderr(), "nodes: Patroni was not tried: `make test-nodes` does that").unwrap();
        return;
    };
    let mut trial = Trial::new();
    for _ in 0..rounds.parse().unwrap() {
        trial.under_load(|_| ());
        let before = trial.highest();
        trial.kill_the_primary();
        trial.assert_gone_up(&before);
        let before = trial.highest();
        trial.switch_over();
        trial.assert_gone_up(&before);
    }
    trial.kill_a_primary_that_is_ahead();
    trial.freeze_the_primary();
    trial.kill_the_standbys();
    trial.nodes[0].succeed(&["check"], b"");
}
