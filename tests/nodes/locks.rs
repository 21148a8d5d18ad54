//! Locks that a dead node leaves, and that many nodes ask for at once.

use crate::load::{Load, users};
use crate::support::postgres::{Cluster, Database, OWNER, SUPERUSER};
use crate::support::{Lmtp, Site, eventually};
use crate::{node, serve};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A database with these users, made by `init` itself, and a node of it.
fn site(users: &[String]) -> (Database, Arc<Site>) {
    let database = Cluster::shared().empty_database();
    let site = node(&database, None);
    site.succeed(&["init"], b"");
    let rows: Vec<_> = users.iter().map(|name| format!("('{name}', 'se cret')")).collect();
    database.sql(&format!("INSERT INTO users(name, password) VALUES {}", rows.join(", ")));
    (database, site)
}

/// Its machine is gone, so nobody tells the database that the connection is.
#[test]
fn what_a_dead_node_has_locked_is_free_within_seconds() {
    let (database, site) = site(&users(1));
    let server = serve(&site);
    let mut dead = Command::new("psql");
    let mut dead = dead
        .args(["-X", "-q"])
        .arg(database.url_of(OWNER))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let lock = "BEGIN; SELECT 1 FROM usage FOR UPDATE;";
    writeln!(dead.stdin.as_mut().unwrap(), "{lock}").unwrap();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()";
    eventually("the lock is held", || database.sql(waiting).trim() == "1");
    eventually("a delivery", || {
        let reply = Lmtp::tcp(server.address("lmtp")).greeted().deliver("user0", b"Subject: x\r\n\r\nhello\r\n");
        assert!(reply.starts_with("250 ") || reply.starts_with("451 "), "{reply}");
        reply.starts_with("250 ")
    });
    assert_eq!(database.sql(waiting).trim(), "0");
    drop(dead.stdin.take());
    dead.wait().unwrap();
    drop(server);
    site.succeed(&["check"], b"");
}

/// Two nodes, eight connections, two mailboxes a message in any order, and an administrator who moves mail about.
#[test]
fn nobody_waits_in_a_ring() {
    let names = users(7);
    let (database, site) = site(&names);
    let nodes = [serve(&site), serve(&node(&database, Some(&site)))];
    let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let messages = std::env::var("PILLARBOX_NODES_MESSAGES").map_or(400, |number| number.parse().unwrap());
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let loads = nodes.each_ref().map(|node| Load {
            address: node.address("lmtp"),
            users: &names,
            stop: &stop,
            count: &count,
        });
        let threads: Vec<_> = loads
            .iter()
            .enumerate()
            .flat_map(|(node, load)| (0..4).map(move |thread| (node * 4 + thread, load)))
            .map(|(thread, load)| {
                let load = Load { ..*load };
                scope.spawn(move || load.run(thread))
            })
            .collect();
        while count.load(Ordering::Relaxed) < messages {
            database.sql("UPDATE messages SET mailbox = 'user1' WHERE mailbox = 'user0' AND uid = (SELECT min(uid) FROM messages WHERE mailbox = 'user0')");
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(database.sql(query).trim(), "0");
    let refused: usize = outcomes.iter().map(|outcome| outcome.others.len()).sum();
    let acknowledged: usize = outcomes.iter().map(|outcome| outcome.acknowledged.len()).sum();
    assert_eq!(refused, 0, "of {acknowledged}");
    assert_eq!(database.sql("SELECT sum(messages) FROM usage").trim(), acknowledged.to_string());
    drop(nodes);
    site.succeed(&["check"], b"");
}

/// An administrator has begun something and gone to lunch: mail of others comes in, and programs start.
#[test]
fn an_open_transaction_of_an_administrator_keeps_only_its_own_mailboxes_waiting() {
    let (database, site) = site(&users(2));
    let server = serve(&site);
    database.sql("UPDATE site SET latest_at = 0");
    let mut psql = Command::new("psql");
    let psql = psql.args(["-X", "-q"]).arg(database.url_of(SUPERUSER)).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut lunch = psql.spawn().unwrap();
    let begun = "BEGIN; UPDATE users SET password = 'other' WHERE name = 'user1'; DELETE FROM messages; UPDATE settings SET value = '20' WHERE name = 'MaxLoginDelay';";
    writeln!(lunch.stdin.as_mut().unwrap(), "{begun}").unwrap();
    // Only a superuser sees what a superuser does.
    let query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database() AND query LIKE '%MaxLoginDelay%'";
    let open = |database: &Database| database.cluster().sql(database.name(), query).trim().to_owned();
    eventually("the transaction is open", || open(&database) == "1");
    let reply = server.lmtp().deliver("user0", b"Subject: x\r\n\r\nhello\r\n");
    assert!(reply.starts_with("250 "), "{reply}");
    site.deliver("user0", b"Subject: y\r\n\r\nhello\r\n");
    server.session("user0", "se cret").quit();
    assert_eq!(open(&database), "1", "it is open still");
    drop(lunch.stdin.take());
    lunch.wait().unwrap();
}
