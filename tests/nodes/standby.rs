//! The standby is away: nothing is acknowledged that is on one copy only, and nodes do not pile up what hangs.

use crate::pair::{Pair, STANDBY};
use crate::support::eventually;
use crate::support::postgres::Cluster;
use crate::support::{Client, Lmtp, Server};
use std::time::{Duration, Instant};

const MESSAGE: &[u8] = b"Subject: on two copies\r\n\r\nhello\r\n";

/// The reply to the content of one message, on a connection of its own.
fn deliver(server: &Server) -> String {
    Lmtp::tcp(server.address("lmtp")).greeted().deliver("user0", MESSAGE)
}

/// Right after the primary has gone the greeting is as before; a login asks the database.
fn can_log_in(server: &Server) -> bool {
    let mut client = Client::plain(server.address("pop3"));
    client.line().starts_with("+OK")
        && client.say("USER user0").starts_with("+OK")
        && client.say("PASS se cret").starts_with("+OK")
}

/// Backends that wait for the standby.
fn hanging(pair: &Pair) -> usize {
    hanging_on(&pair.primary)
}

fn hanging_on(cluster: &Cluster) -> usize {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'pillarbox'";
    cluster.sql("postgres", query).trim().parse().unwrap()
}

#[test]
fn nothing_is_acknowledged_without_the_standby() {
    let pair = Pair::new(&crate::load::users(1));
    let server = pair.node().serve(&[]);
    assert!(deliver(&server).starts_with("250 "));
    pair.standby.stop("immediate");
    for _ in 0..4 {
        let reply = deliver(&server);
        assert!(reply.starts_with("451 "), "{reply}");
        assert!(hanging(&pair) <= 2, "{} backends wait", hanging(&pair));
    }
    pair.standby.start_again();
    eventually("the standby is back, and deliveries", || deliver(&server).starts_with("250 "));
    assert!(pair.primary.sql("postgres", "SELECT sync_state FROM pg_stat_replication").contains("sync"), "{STANDBY}");
}

/// PostgreSQL calls that a success, with a warning.
#[test]
fn a_commit_that_an_administrator_cancels_is_none() {
    let pair = Pair::new(&crate::load::users(1));
    let server = pair.node().serve(&[]);
    assert!(deliver(&server).starts_with("250 "));
    pair.standby.stop("immediate");
    let reply = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| deliver(&server));
        eventually("a commit that waits", || hanging(&pair) > 0 || waiting.is_finished());
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        pair.primary.sql("postgres", cancel);
        waiting.join().unwrap()
    });
    assert!(reply.starts_with("451 "), "{reply}");
}

/// The node's first write on the new primary is its own: it waits for a standby that is not there.
#[test]
fn a_promotion_without_another_standby_holds_nobody_up_for_long() {
    let pair = Pair::new(&crate::load::users(1));
    let site = pair.node();
    let server = site.serve(&[]);
    assert!(deliver(&server).starts_with("250 "));
    let waits = "ALTER SYSTEM SET synchronous_standby_names = 'third';\nSELECT pg_reload_conf();";
    pair.standby.sql("postgres", waits);
    pair.primary.kill();
    pair.standby.promote();
    eventually("the node has found it", || can_log_in(&server));
    let since = Instant::now();
    for _ in 0..3 {
        let reply = deliver(&server);
        assert!(reply.starts_with('4'), "{reply}");
        assert!(hanging_on(&pair.standby) <= 2, "{} backends wait", hanging_on(&pair.standby));
    }
    // Three times as long as it takes until the node gives up; without that nobody is answered at all.
    assert!(since.elapsed() < Duration::from_secs(120), "{:?}", since.elapsed());
    // Reading goes on, and so it does on a node that starts now.
    server.session("user0", "se cret").multi("RETR 1");
    let other = site.serve(&[]);
    other.session("user0", "se cret").multi("RETR 1");
    let free = "ALTER SYSTEM RESET synchronous_standby_names;\nSELECT pg_reload_conf();";
    pair.standby.sql("postgres", free);
    eventually("deliveries", || deliver(&server).starts_with("250 ") && deliver(&other).starts_with("250 "));
    drop((server, other));
    site.succeed(&["check"], b"");
}
