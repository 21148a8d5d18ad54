//! The primary is killed under load and its standby promoted: nothing that was acknowledged is lost, no unique-id is given
//! twice, nothing is doubled by us.

use crate::load::{Load, Outcome, SHOWN, Shown, judge, shown, users};
use crate::pair::Pair;
use crate::support::eventually;
use crate::support::postgres::{Cluster, OWNER};
use crate::support::{Client, Lmtp, Random};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

fn seen_on(cluster: &Cluster) -> Shown {
    shown(&cluster.try_sql(OWNER, "mail", SHOWN).unwrap_or_default())
}

/// One failover; a message that was stored without an answer is one that the mail server sends again.
fn round(random: &mut Random) {
    let users = users(7);
    let pair = Pair::new(&users);
    let site = pair.node();
    let server = site.serve(&[]);
    let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = Load { address: server.address("lmtp"), users: &users, stop: &stop, count: &count };
    let mut before = Shown::new();
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let load = &load;
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || load.run(thread))).collect();
        let delivered = |number: usize| count.load(Ordering::Relaxed) >= number;
        eventually("deliveries", || delivered(100));
        std::thread::sleep(Duration::from_millis(random.below(2000)));
        before = seen_on(&pair.primary);
        pair.primary.kill();
        std::thread::sleep(Duration::from_millis(random.below(1000)));
        pair.standby.promote();
        let until = count.load(Ordering::Relaxed) + 100;
        eventually("deliveries after the promotion", || delivered(until));
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    judge(&before, &seen_on(&pair.standby), &outcomes);
    drop(server);
    site.succeed(&["check"], b"");
}

/// One round; as many as `PILLARBOX_NODES_ROUNDS` says.
#[test]
fn what_was_acknowledged_is_there_after_a_promotion() {
    let rounds = std::env::var("PILLARBOX_NODES_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let mut random = Random::announced("failover");
    (0..rounds).for_each(|_| round(&mut random));
}

/// A session stays open while there is no primary, and goes on when there is one.
#[test]
fn sessions_outlast_a_promotion() {
    let users = users(1);
    let pair = Pair::new(&users);
    let site = pair.node();
    let server = site.serve(&[]);
    site.deliver("user0", b"Subject: kept\r\n\r\nhello\r\n");
    let mut client = server.session("user0", "se cret");
    pair.primary.kill();
    let refused = client.refuse("RETR 1");
    assert!(refused.starts_with("-ERR [SYS/TEMP]"), "{refused}");
    eventually("new clients are sent away", || {
        Client::plain(server.address("pop3")).line().starts_with("-ERR [SYS/TEMP]")
    });
    pair.standby.promote();
    eventually("the message is sent", || client.say("RETR 1").starts_with("+OK"));
    assert!(client.stuffed_body().ends_with(b"hello\r\n"));
    eventually("new clients are taken", || Client::plain(server.address("pop3")).line().starts_with("+OK"));
    client.quit();
}

/// A commit that waited for the standby in vain is there once the primary has crashed and come back, and clients see it. The
/// standby that is promoted later knows nothing of it, and must not give its unique-id to another message.
#[test]
fn an_id_that_only_the_old_primary_gave_is_not_given_again() {
    let users = users(1);
    let pair = Pair::new(&users);
    let server = pair.node().serve(&[]);
    let deliver = || {
        let mut lmtp = Lmtp::tcp(server.address("lmtp"));
        let greeting = lmtp.try_reply().expect("a greeting");
        if greeting.starts_with("421 ") {
            return greeting;
        }
        lmtp.send("LHLO client.example\r\nMAIL FROM:<carol@example.net>\r\nRCPT TO:<user0>\r\n");
        // The primary may go at any moment.
        let replies = [(); 3].map(|()| lmtp.try_reply().unwrap_or_default());
        match &replies[2] {
            recipient if recipient.starts_with("250 ") => lmtp.say("DATA", "354 "),
            refused => return refused.clone(),
        };
        lmtp.send("Subject: x\r\n\r\nhello\r\n.\r\n");
        lmtp.try_reply().unwrap_or_default()
    };
    assert!(deliver().starts_with("250 "));
    pair.standby.stop("immediate");
    let reply = deliver();
    assert!(reply.starts_with("451 "), "{reply}");
    pair.primary.kill();
    pair.primary.start_again();
    let shown = || {
        let mut client = Client::plain(server.address("pop3"));
        // The primary may not be there yet at any of these.
        let is_in = client.line().starts_with("+OK")
            && client.say("USER user0").starts_with("+OK")
            && client.say("PASS se cret").starts_with("+OK");
        if is_in { client.unique_ids() } else { Vec::new() }
    };
    let mut seen = Vec::new();
    eventually("a client sees what was not acknowledged", || {
        seen = shown();
        seen.len() > 1
    });
    pair.primary.kill();
    pair.standby.start_again();
    pair.standby.promote();
    eventually("a delivery after the promotion", || deliver().starts_with("250 "));
    let mut newest = None;
    eventually("a client sees it", || {
        newest = shown().pop();
        newest.is_some()
    });
    let newest = newest.unwrap();
    assert!(!seen.contains(&newest), "{newest} was given before: {seen:?}");
    assert!(newest.parse::<u64>().unwrap() > 1 << 20, "{newest}");
}
