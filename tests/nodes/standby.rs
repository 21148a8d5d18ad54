//! The standby is away: nothing is acknowledged that is on one copy only, and nodes do not pile up what hangs.

use crate::pair::{Pair, STANDBY};
use crate::support::eventually;
use crate::support::{Lmtp, Server};

const MESSAGE: &[u8] = b"Subject: on two copies\r\n\r\nhello\r\n";

/// The reply to the content of one message, on a connection of its own.
fn deliver(server: &Server) -> String {
    Lmtp::tcp(server.address("lmtp")).greeted().deliver("user0", MESSAGE)
}

/// Backends that wait for the standby.
fn hanging(pair: &Pair) -> usize {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'pillarbox'";
    pair.primary.sql("postgres", query).trim().parse().unwrap()
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
