//! Every SQL line of docs/interface.md section 2, as it stands there.

use crate::shell::{Bench, now};
use pillarbox::auth::credential::Secret;
use pillarbox::store::{Accounts, Config, Mail, Maintenance, Scheme, StoreError, Uid};

const ALICE: &str = "INSERT INTO users(name, password) VALUES ('alice', 'correct horse');";

fn account(bench: &Bench, name: &str) -> Option<pillarbox::store::Account> {
    bench.store.account(&[name.to_owned()]).unwrap()
}

#[test]
fn this_is_the_shell_of_debian_with_its_defaults() {
    let bench = Bench::new();
    assert_eq!(bench.sql("PRAGMA foreign_keys; PRAGMA recursive_triggers;"), "0\n0");
    let version = bench.sql("SELECT sqlite_version()");
    let minor: u32 = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap();
    assert!(version.starts_with("3.") && minor >= 37, "{version}");
}

#[test]
fn users_and_passwords() {
    let bench = Bench::new();
    bench.sql(ALICE);
    let alice = account(&bench, "alice").unwrap();
    assert_eq!(alice.password, Some(Secret::from("correct horse")));
    assert_eq!(alice.mailbox, Some(bench.mailbox("alice")));
    assert_eq!(bench.store.pending(10).unwrap().len(), 1);
    bench.sql("UPDATE users SET password = 'new secret' WHERE name = 'alice';");
    assert_eq!(account(&bench, "alice").unwrap().password, Some(Secret::from("new secret")));
    bench.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice';");
    assert!(!account(&bench, "alice").unwrap().pop_enabled);
    bench.deliver("alice", 10).unwrap();
    bench.sql("UPDATE users SET ntlm = 1 WHERE name = 'alice';");
    assert!(account(&bench, "alice").unwrap().ntlm);
    bench.sql("DELETE FROM users WHERE name = 'alice';");
    assert!(account(&bench, "alice").is_none());
    assert_eq!(
        bench.sql("SELECT count(*) FROM mailboxes; SELECT count(*) FROM messages; SELECT count(*) FROM message;"),
        "0\n0\n0"
    );
    bench.assert_sound();
}

#[test]
fn hashes_of_every_form_are_taken_as_they_are() {
    let bench = Bench::new();
    bench.sql(ALICE);
    let argon2 = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY";
    let bcrypt = format!("$2b$12${}", "a".repeat(21) + "u" + &"a".repeat(31));
    let crypt = format!("$6$saltsalt${}", "a./".repeat(28) + "z1");
    let rounds = format!("$6$rounds=656000$saltsalt${}", "a".repeat(85) + "1");
    let prefixed = [
        format!("{{ARGON2ID}}{argon2}"),
        format!("{{BLF-CRYPT}}{bcrypt}"),
        format!("{{BLF-CRYPT}}{}", bcrypt.replace("$2b$", "$2y$")),
        format!("{{SHA512-CRYPT}}{crypt}"),
        format!("{{CRYPT}}{rounds}"),
        format!("{{sha512-crypt}}{rounds}"),
    ];
    let twins = [bcrypt.replace("$2b$", "$2y$"), bcrypt.replace("$2b$", "$2a$")];
    for hash in
        [argon2, &twins[0], &twins[1], &bcrypt, &crypt, &rounds].into_iter().chain(prefixed.iter().map(String::as_str))
    {
        bench.sql(&format!("UPDATE users SET password = '{hash}' WHERE name = 'alice';"));
        assert_eq!(account(&bench, "alice").unwrap().password, Some(Secret::from(hash)));
        assert!(bench.store.pending(1).unwrap().is_empty(), "{hash}");
    }
    for plain in
        ["{PLAIN}$5$x", "{plain}{x}", "$4$x", "a\tb", "$argon", "{ x}", "pass word", "p\u{e4}ss", "12345", "''"]
    {
        bench.sql(&format!("UPDATE users SET password = '{plain}' WHERE name = 'alice';"));
        assert_eq!(bench.store.pending(1).unwrap().len(), 1, "{plain}");
    }
    assert!(bench.sql("EXPLAIN QUERY PLAN SELECT id FROM users WHERE is_hash = 0").contains("users_pending"));
}

#[test]
fn mailboxes_aliases_delegates_settings() {
    let bench = Bench::new();
    bench.sql(ALICE);
    bench.sql("INSERT INTO users(name) VALUES ('bob')");
    bench.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 1073741824, issue_warning_quota = 966367641 WHERE name = 'alice';");
    bench.sql("UPDATE mailboxes SET retain_read_days = 7, retain_unread_days = 60 WHERE name = 'alice';");
    bench.sql("INSERT INTO aliases(address, mailbox) VALUES ('sales@example.org', 'alice');");
    bench.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice');   -- bob may open alice's mailbox");
    bench.sql("UPDATE settings SET value = '1024' WHERE name = 'MaxCommandSize';");
    assert_eq!(
        bench.sql("UPDATE settings SET value = 512 WHERE name = 'maxcommandsize' RETURNING name, value"),
        "MaxCommandSize|512"
    );
    let alice = bench.mailbox("alice");
    assert_eq!(bench.store.retention(alice).unwrap(), pillarbox::store::Expire::Days(7));
    assert_eq!(bench.mailbox("SALES@example.org"), alice);
    let bob = account(&bench, "bob").unwrap().user;
    assert!(bench.store.principal(bob, &["alice".into()]).unwrap().unwrap().delegated);
    bench.deliver("alice", 5000).unwrap();
    let line = "SELECT * FROM mailbox_usage;    -- name, messages, bytes, warning_quota, limit_quota, percent";
    assert_eq!(bench.sql(line), "alice|1|8192|966367641|1073741824|0.0\nbob|0|0|2039480320|2469396480|0.0");
    let columns = bench.sql("SELECT group_concat(name) FROM pragma_table_info('mailbox_usage')");
    assert_eq!(columns, "name,messages,bytes,warning_quota,limit_quota,percent");
    bench.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 16384");
    assert_eq!(bench.sql("SELECT percent FROM mailbox_usage WHERE name = 'alice'"), "50.0");
    bench.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 0");
    assert_eq!(bench.sql("SELECT limit_quota, percent FROM mailbox_usage WHERE name = 'alice'"), "0|");
}

#[test]
fn looking_deleting_and_bringing_back() {
    let bench = Bench::new();
    bench.sql(ALICE);
    for _ in 0..20 {
        bench.deliver("alice", 100).unwrap();
    }
    let line = "SELECT uid, size, received_at FROM messages WHERE mailbox = 'alice';";
    assert!(bench.sql(line).starts_with("1|100|2026-11-23T10:00:00Z\n2|100|"));
    bench.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 17;            -- counters stay right");
    assert!(!bench.uids("alice").contains(&17));
    assert_eq!(bench.sql("SELECT messages, bytes FROM mailbox_usage"), format!("19|{}", 19 * 4096));
    let deleted = bench.sql("SELECT uid, size, deleted_at FROM recoverable WHERE mailbox = 'alice';");
    assert!(deleted.starts_with("17|100|20") && deleted.ends_with('Z'), "{deleted}");
    bench.deliver("alice", 100).unwrap();
    bench.sql("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice' AND uid = 17;");
    assert_eq!(bench.uids("alice"), (1..=21).collect::<Vec<_>>());
    assert_eq!(bench.sql("SELECT count(*) FROM recoverable"), "0");
    assert_eq!(bench.deliver("alice", 1), Ok(Uid(22)));
    bench.sql("DELETE FROM messages WHERE mailbox = 'ALICE'");
    assert!(bench.uids("alice").is_empty());
    bench.sql("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice'");
    assert_eq!(bench.uids("alice").len(), 22);
    bench.assert_sound();
    let sender = bench.sql("SELECT sender, read, unique_id IS NULL FROM messages WHERE uid = 1");
    assert_eq!(sender, "bob@example.org|0|1");
    bench.sql("UPDATE messages SET read = 1 WHERE mailbox = 'alice' AND uid = 2");
    assert!(bench.store.open(bench.mailbox("alice")).unwrap().entries()[1].read);
}

#[test]
fn what_cannot_be_recovered_any_more_is_not_shown_and_not_brought_back() {
    let bench = Bench::new();
    bench.sql(ALICE);
    bench.deliver("alice", 100).unwrap();
    bench.sql("DELETE FROM messages; UPDATE settings SET value = '0' WHERE name = 'RetainDeletedItemsDays'");
    assert_eq!(bench.sql("SELECT count(*) FROM recoverable"), "0");
    bench.sql("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice' AND uid = 1;");
    assert!(bench.uids("alice").is_empty());
    bench.purge_all(now() + 3601);
    assert_eq!(
        bench
            .sql("SELECT (SELECT count(*) FROM chunk) + (SELECT count(*) FROM deleted) + (SELECT count(*) FROM purge)"),
        "0"
    );
}

#[test]
fn bringing_back_passes_quota_and_unique_id_checks() {
    let bench = Bench::new();
    bench.sql(ALICE);
    bench.import("alice", 100, Some("abc")).unwrap();
    bench.import("alice", 100, Some("9")).unwrap();
    bench.sql("DELETE FROM messages");
    bench.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 4096 WHERE name = 'alice'");
    bench.deliver("alice", 100).unwrap();
    bench.refused("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice'", &["over quota"]);
    bench.sql("UPDATE mailboxes SET prohibit_send_receive_quota = NULL WHERE name = 'alice'");
    bench.sql("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice'");
    assert_eq!(bench.sql("SELECT uid, unique_id FROM messages"), "1|abc\n2|9\n10|");
    assert!(matches!(bench.import("alice", 100, Some("abc")), Err(StoreError::Refused(_))));
}

#[test]
fn a_verifier_goes_with_its_password_and_with_ntlm() {
    let bench = Bench::new();
    bench.sql(ALICE);
    bench.sql("UPDATE users SET ntlm = 1");
    let alice = account(&bench, "alice").unwrap().user;
    let verifiers = [(Scheme::ScramSha256, Secret::from("scram")), (Scheme::NtHash, Secret::from("sealed"))];
    let hash = Secret::from(
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY",
    );
    assert!(bench.store.set_password(alice, None, &hash, &verifiers).unwrap());
    assert_eq!(bench.sql("SELECT scheme FROM verifiers ORDER BY 1"), "NT\nSCRAM-SHA-256");
    bench.sql("UPDATE users SET ntlm = 0 WHERE name = 'alice'");
    assert_eq!(bench.sql("SELECT scheme FROM verifiers"), "SCRAM-SHA-256");
    assert!(bench.store.drop_unwanted_verifiers().unwrap() > 0, "the log is to be cut");
    bench.sql("UPDATE users SET password = 'new secret' WHERE name = 'alice'");
    assert_eq!(bench.sql("SELECT count(*) FROM verifiers"), "0");
}

#[test]
fn a_replaced_password_is_in_no_file() {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name, password) VALUES ('alice', 'ThisIsThePlainText4711');");
    let alice = account(&bench, "alice").unwrap();
    let hash = Secret::from(
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY",
    );
    assert!(bench.store.set_password(alice.user, alice.password.as_ref(), &hash, &[]).unwrap());
    let log = format!("{}-wal", bench.path().display());
    let start = std::time::Instant::now();
    while std::fs::metadata(&log).unwrap().len() > 0 {
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "the store never truncated its log");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for file in std::fs::read_dir(bench.path().parent().unwrap()).unwrap() {
        let path = file.unwrap().path();
        let octets = std::fs::read(&path).unwrap();
        assert!(memchr::memmem::find(&octets, b"ThisIsThePlainText4711").is_none(), "{}", path.display());
    }
}

#[test]
fn purged_mail_is_written_over_and_the_file_shrinks() {
    let bench = Bench::new();
    bench.sql(ALICE);
    for _ in 0..20 {
        bench.deliver("alice", 1 << 20).unwrap();
    }
    bench.truncate_log();
    let full = std::fs::metadata(bench.path()).unwrap().len();
    bench.sql("DELETE FROM messages");
    bench.purge_all(now() + 15 * 86_400);
    bench.truncate_log();
    assert_eq!(bench.sql("SELECT count(*) FROM chunk"), "0");
    let now = std::fs::metadata(bench.path()).unwrap().len();
    assert!(now < full / 4, "{full} octets became {now}");
    let octets = std::fs::read(bench.path()).unwrap();
    assert!(memchr::memmem::find(&octets, b"xxxxxxxxxxxxxxxx").is_none());
    bench.assert_sound();
}

/// A file that was made of a dump without a word about auto_vacuum gives no page back, and purging has an end all the same.
#[test]
fn purging_ends_where_no_space_can_be_given_back() {
    let bench = Bench::new().alone("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM;");
    bench.sql(ALICE);
    assert_eq!(bench.sql("PRAGMA auto_vacuum"), "0");
    for _ in 0..4 {
        bench.deliver("alice", 1 << 20).unwrap();
    }
    bench.sql("DELETE FROM messages");
    let steps = (0..1000).find(|_| bench.store.purge(now() + 15 * 86_400, 50).unwrap() == 0);
    assert!(steps.is_some(), "it goes on and on");
    bench.truncate_log();
    bench.assert_sound();
}
