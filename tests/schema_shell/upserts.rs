//! `INSERT … ON CONFLICT DO UPDATE`, as programs that manage configurations write.

use crate::shell::Bench;

#[test]
fn settings_and_users() {
    let bench = Bench::new();
    bench.sql("INSERT INTO settings(name, value) VALUES ('maxcommandsize', '1024') ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    assert_eq!(bench.sql("SELECT * FROM settings WHERE name = 'MaxCommandSize'"), "MaxCommandSize|1024");
    let upsert = "INSERT INTO users(name, password) VALUES ('alice', 'first'), ('bob', 'first'), ('ALICE', 'second')
                  ON CONFLICT (name) DO UPDATE SET password = excluded.password";
    bench.sql(upsert);
    assert_eq!(bench.sql("SELECT id, name, password FROM users"), "1|alice|second\n2|bob|first");
    let alice = bench.mailbox("alice");
    bench.deliver("alice", 10).unwrap();
    bench.sql(upsert);
    bench.sql("INSERT INTO users(name, password) VALUES ('alice', 'x') ON CONFLICT DO NOTHING");
    // What was there before is forgotten with the statement.
    bench.sql("INSERT OR REPLACE INTO users(name) VALUES ('carol')");
    assert_eq!(bench.sql("SELECT name FROM users WHERE name <> 'carol' OR id > 2 ORDER BY name"), "alice\nbob\ncarol");
    assert_eq!((bench.mailbox("alice"), bench.uids("alice")), (alice, vec![1]));
    bench.assert_sound();
}

#[test]
fn aliases_and_delegates() {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name) VALUES ('alice'), ('bob'), ('carol')");
    for _ in 0..2 {
        bench.sql("INSERT INTO aliases(address, mailbox) VALUES ('sales', 'alice') ON CONFLICT (address, mailbox) DO UPDATE SET mailbox = 'bob'");
        bench.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice') ON CONFLICT DO UPDATE SET principal = 'carol'");
    }
    assert_eq!(bench.sql("SELECT * FROM aliases; SELECT * FROM delegates"), "sales|bob\nbob|carol");
    bench.sql("INSERT INTO aliases VALUES ('sales', 'alice')");
    let wrong = "INSERT INTO aliases VALUES ('sales', 'bob') ON CONFLICT DO UPDATE SET mailbox = 'nobody'";
    bench.refused(wrong, &["aliases.mailbox"]);
    bench.assert_sound();
}
