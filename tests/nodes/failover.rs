//! A primary that dies, and a standby that is away: nothing that was acknowledged is lost, and nothing is acknowledged that
//! is on one machine only.

use super::support::messages::message;
use super::support::postgres::{Cluster, Database};
use super::support::{Lmtp, eventually};
use super::{node, serve};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A primary with a synchronous standby, and a database on it.
struct Pair {
    primary: &'static Cluster,
    standby: &'static Cluster,
    database: Database,
}

impl Pair {
    fn start() -> Pair {
        let primary: &'static Cluster = Box::leak(Box::new(Cluster::start()));
        let database = primary.empty_database();
        let standby = Box::leak(Box::new(primary.standby("s1", &[])));
        primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 's1'");
        primary.sql("postgres", "SELECT pg_reload_conf()");
        eventually("the standby is synchronous", || {
            primary.sql("postgres", "SELECT sync_state FROM pg_stat_replication").trim() == "sync"
        });
        Pair { primary, standby, database }
    }

    /// Both machines, as a node has them.
    fn url(&self) -> String {
        let hosts = format!("{},{}", self.primary.socket().display(), self.standby.socket().display());
        format!("host={hosts} dbname={} user=pillarbox", self.database.name())
    }
}

/// Delivers messages of its own, whatever is answered; what was acknowledged goes into `acknowledged`.
fn load(address: SocketAddr, recipient: &str, next: &AtomicU64, stop: &AtomicBool, acknowledged: &Mutex<Vec<u64>>) {
    while !stop.load(Ordering::Relaxed) {
        let mut lmtp = Lmtp::tcp(address);
        if !lmtp.try_reply().is_some_and(|reply| reply.starts_with("220 ")) {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        }
        lmtp.say("LHLO client.example", "250 ");
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let text = message(&format!("number {number}"), "x\r\n");
            let envelope = format!("MAIL FROM:<bob@example.net>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n");
            if !lmtp.try_send(envelope.as_bytes()) || lmtp.try_reply().is_none() {
                break;
            }
            let taken = lmtp.try_reply().is_some_and(|reply| reply.starts_with("250 "));
            let data = lmtp.try_reply().is_some_and(|reply| reply.starts_with("354 "));
            if !taken || !data {
                break;
            }
            lmtp.send(&text);
            lmtp.send(b".\r\n");
            match lmtp.try_reply() {
                Some(reply) if reply.starts_with("250 ") => acknowledged.lock().unwrap().push(number),
                Some(_) => {}
                None => break,
            }
        }
    }
}

fn round() {
    let pair = Pair::start();
    let one = node(&pair.database, None);
    one.succeed(&["init"], b"");
    pair.database.sql("INSERT INTO users (name) VALUES ('alice'), ('bob'), ('carol')");
    let site = super::support::Site::node(&pair.url());
    let server = serve(&site);
    let (next, stop, acknowledged) = (AtomicU64::new(1), AtomicBool::new(false), Mutex::new(Vec::new()));
    let count = || acknowledged.lock().unwrap().len();
    std::thread::scope(|scope| {
        for at in 0..8 {
            let (address, recipient) = (server.address("lmtp"), ["alice", "bob", "carol"][at % 3]);
            let (next, stop, acknowledged) = (&next, &stop, &acknowledged);
            scope.spawn(move || load(address, recipient, next, stop, acknowledged));
        }
        eventually("some mail was stored", || count() > 200);
        pair.primary.kill();
        std::thread::sleep(Duration::from_secs(1));
        pair.standby.promote();
        let before = count();
        eventually("mail is stored again", || count() > before + 100);
        stop.store(true, Ordering::Relaxed);
    });
    let sql = |line: &str| pair.standby.sql(pair.database.name(), line);
    let stored = sql("SELECT subject FROM messages");
    let mut found: BTreeMap<u64, usize> = BTreeMap::new();
    for line in stored.lines() {
        *found.entry(line.trim_start_matches("number ").parse().unwrap()).or_default() += 1;
    }
    let acknowledged: BTreeSet<u64> = acknowledged.into_inner().unwrap().into_iter().collect();
    let lost: Vec<_> = acknowledged.iter().filter(|number| !found.contains_key(number)).collect();
    let doubled: Vec<_> = found.iter().filter(|(_, copies)| **copies > 1).collect();
    assert!(lost.is_empty() && doubled.is_empty(), "lost {lost:?}, doubled {doubled:?}");
    eprintln!("{} acknowledged, {} found, none lost, none double", acknowledged.len(), found.len());
    assert_eq!(site.succeed(&["check"], b""), "");
    drop(server);
    pair.standby.stop("immediate");
    std::mem::forget(pair.database);
}

/// As many rounds as PILLARBOX_FAILOVER_ROUNDS says.
#[test]
fn nothing_acknowledged_is_lost_when_the_primary_dies() {
    let rounds = std::env::var("PILLARBOX_FAILOVER_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    (0..rounds).for_each(|_| round());
}

#[test]
fn nothing_is_acknowledged_while_the_standby_is_away() {
    let pair = Pair::start();
    let one = node(&pair.database, None);
    one.succeed(&["init"], b"");
    pair.database.sql("INSERT INTO users (name) VALUES ('alice')");
    let server = serve(&one);
    let stored = server.lmtp().deliver("alice", &message("Hello", "one\r\n"));
    assert!(stored.starts_with("250 "), "{stored}");
    pair.standby.stop("fast");
    let began = Instant::now();
    let refused = server.lmtp().deliver("alice", &message("Hello", "two\r\n"));
    assert!(refused.starts_with("451 "), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    for _ in 0..5 {
        let refused = server.lmtp().deliver("alice", &message("Hello", "three\r\n"));
        assert!(refused.starts_with("451 "), "{refused}");
    }
    let hanging =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND backend_type = 'client backend'";
    let hanging: usize = pair.primary.sql("postgres", hanging).trim().parse().unwrap();
    assert!(hanging <= 2, "{hanging} backends hang");
    pair.standby.start_again();
    eventually("mail is stored again", || {
        server.lmtp().deliver("alice", &message("Hello", "four\r\n")).starts_with("250 ")
    });
    drop(server);
    assert_eq!(one.succeed(&["check"], b""), "");
    pair.standby.stop("immediate");
    pair.primary.stop("immediate");
    std::mem::forget(pair.database);
}
