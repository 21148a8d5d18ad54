//! Many users: what the start, doing nothing, a poll and a delivery cost beside a site of ten.

use crate::deliver;
use crate::fill;
use crate::meter::Server;
use crate::polls;
use rusqlite::Connection;
use std::path::Path;
use std::time::{Duration, Instant};

/// Messages of each user.
const EACH: usize = 10;
/// How long an idle server is watched: its CPU time is told in hundredths of a second.
const IDLE: Duration = Duration::from_secs(30);
/// How long deliveries are played.
const DELIVERIES: Duration = Duration::from_secs(5);

/// One line of the table: what it is, and the figure of each site.
type Line = (&'static str, f64);

/// Measures both sites, and prints a table.
pub fn compare(binary: &Path, users: usize) {
    let [few, many] = [10, users].map(|users| measure(binary, users));
    println!("\n| | 10 users, {} messages | {users} users, {} messages |\n|---|--:|--:|", 10 * EACH, users * EACH);
    for ((what, few), (_, many)) in few.into_iter().zip(many) {
        println!("| {what} | {few:.2} | {many:.2} |");
    }
}

fn measure(binary: &Path, users: usize) -> [Line; 6] {
    let database = fill::Database::new();
    database.fill(std::iter::empty());
    hash_password(binary, &database);
    fill_users(Path::new(database.name()), users);
    let start = Instant::now();
    let server = Server::start_with(binary, database.name(), &[], &["MaxConnectionFromSingleIP=1000"]);
    let (ready, cpu) = (start.elapsed(), server.spent().server);
    std::thread::sleep(Duration::from_secs(3));
    let before = server.spent().server;
    std::thread::sleep(IDLE);
    let idle = server.spent().server - before;
    let before = server.spent().server;
    let (poll, _, polls) = polls(server.address(false));
    let polled = server.spent().server - before;
    let before = server.spent().server;
    let deliveries = deliver::play(&server, &fill::user(EACH, 1024), 1, Instant::now() + DELIVERIES).len();
    let delivered = server.spent().server - before;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    [
        ("until it is ready, ms", milliseconds(ready)),
        ("CPU until it is ready, ms", milliseconds(cpu)),
        ("CPU while it is idle, ms a second", milliseconds(idle) / IDLE.as_secs_f64()),
        ("poll, p50, ms", poll),
        ("CPU of a poll, ms", milliseconds(polled) / polls as f64),
        ("CPU of a delivery, ms", milliseconds(delivered) / deliveries as f64),
    ]
}

/// A server hashes the one password there is, and makes its verifier; the others get the same.
fn hash_password(binary: &Path, database: &fill::Database) {
    let server = Server::start_with(binary, database.name(), &[], &[]);
    let connection = Connection::open(database.name()).expect("it opens");
    let made = || connection.query_row("SELECT EXISTS (SELECT 1 FROM verifiers)", [], |row| row.get::<_, bool>(0));
    while !made().expect("an answer") {
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(server);
}

/// Users with all that they need for any login, and their mail. Small messages: here rows count, not octets.
fn fill_users(database: &Path, users: usize) {
    let connection = Connection::open(database).expect("it opens");
    let messages = "WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9)";
    let body = "(SELECT next_body_id FROM counters) + m.id * 10 + i";
    let sql = format!(
        "PRAGMA synchronous = OFF;
         BEGIN;
         INSERT INTO users (name, password)
           WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {users})
           SELECT 'user' || i || '@example.org', (SELECT password FROM users LIMIT 1) FROM n;
         INSERT OR IGNORE INTO verifiers (user_id, scheme, value)
           SELECT users.id, scheme, value FROM (SELECT scheme, value FROM verifiers), users;
         {messages} INSERT INTO chunk (id, data)
           SELECT ({body}) * 4096, CAST('Subject: one of many' || char(13, 10, 13, 10) AS BLOB)
             FROM mailboxes m, n WHERE m.name GLOB 'user*' ORDER BY m.id, i;
         {messages} INSERT INTO message (mailbox_id, uid, body_id, size, flags, received_at, stored_at)
           SELECT m.id, 1 + i, {body}, 24, 0, 1700000000, 1700000000
             FROM mailboxes m, n WHERE m.name GLOB 'user*' ORDER BY m.id, i;
         UPDATE counters SET next_body_id = next_body_id + (SELECT max(id) + 1 FROM mailboxes) * 10;
         COMMIT;
         PRAGMA wal_checkpoint(TRUNCATE)"
    );
    connection.execute_batch(&sql).expect("the database takes it");
}
