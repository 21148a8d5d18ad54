//! What people know a message by, in the views.

use crate::shell::{Bench, now};
use pillarbox::store::{Envelope, Mail};

const FIELDS: &[u8] =
    b"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nFrom: Bob <bob@example.org>\r\nMessage-ID: <1@example.org>\r\n\r\n";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name) VALUES ('alice'), ('bob')");
    bench
}

fn deliver(bench: &Bench, names: &[&str], header: Option<&str>, octets: &[u8]) {
    let mut upload = bench.store.upload(u64::MAX);
    upload.push(octets).unwrap();
    let envelope = Envelope::default();
    let answers = match header {
        None => upload.deliver(&names.iter().map(|name| bench.mailbox(name)).collect::<Vec<_>>(), &envelope),
        Some(header) => {
            let copies: Vec<_> = names.iter().map(|name| (bench.mailbox(name), header.to_owned())).collect();
            upload.deliver_each(&copies, &envelope)
        }
    };
    assert!(answers.unwrap().iter().all(Result::is_ok));
}

const LINE: &str = "Gr\u{fc}\u{df}e|bob@example.org|<1@example.org>";

#[test]
fn of_messages_of_every_size_and_of_their_copies() {
    let bench = bench();
    for body in [10, 100_000, 700_000] {
        let message = [FIELDS, &vec![b'x'; body]].concat();
        for header in [None, Some("Delivered-To: somebody\r\n")] {
            deliver(&bench, &["alice", "bob"], header, &message);
        }
    }
    deliver(&bench, &["alice"], None, b"X: no fields\r\n\r\n");
    let select = "SELECT count(*), subject, from_address, message_id FROM messages GROUP BY 2, 3, 4";
    assert_eq!(bench.sql(select), format!("1|||\n12|{LINE}"));
    bench.assert_sound();
    bench.sql("DELETE FROM messages; UPDATE recoverable SET deleted_at = NULL WHERE uid = 1");
    let select = "SELECT subject, from_address, message_id FROM recoverable WHERE mailbox = 'bob' AND uid = 2";
    assert_eq!(bench.sql(select), LINE);
    bench.sql("UPDATE messages SET mailbox = 'bob'");
    assert_eq!(bench.sql("SELECT DISTINCT subject, from_address, message_id FROM messages"), LINE);
    bench.refused("UPDATE messages SET subject = 'x'", &["immutable"]);
    bench.sql("DELETE FROM messages");
    bench.purge_all(now() + 86_400 * 15);
    assert_eq!(bench.sql("SELECT count(*) FROM summary"), "0");
    bench.assert_sound();
}

#[test]
fn listings_do_not_read_them() {
    let plan = bench().sql("EXPLAIN QUERY PLAN SELECT uid, size, received_at FROM messages WHERE mailbox = 'alice'");
    assert!(!plan.contains(" s "), "{plan}");
}
