//! `pillarbox deliver`: what mail programs believe.

use super::support::Site;
use super::{Stranger, text};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

const MESSAGE: &[u8] = b"Subject: x\n\nline\n";

fn count(site: &Site, mailbox: &str) -> usize {
    site.sql(&format!("SELECT count(*) FROM messages WHERE mailbox = '{mailbox}'")).trim().parse().unwrap()
}

/// Alice and bob.
fn two() -> Arc<Site> {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "x");
    site
}

/// What RETR 1 of alice's maildrop shows, without the status line and the final dot.
fn first_message(site: &Arc<Site>) -> Vec<u8> {
    let server = site.serve(&[]);
    let mut client = server.connect();
    client.log_in("alice", "se cret");
    client.multi("RETR 1")
}

#[test]
fn every_recipient_gets_a_copy_and_each_mailbox_one() {
    let site = two();
    site.sql(
        "INSERT INTO aliases(address, mailbox) VALUES ('sales@example.org', 'alice'), ('sales@example.org', 'bob')",
    );
    assert_eq!(
        site.succeed(&["deliver", "alice", "ALICE@example.net", "alice+list", "bob", "sales@example.org"], MESSAGE),
        ""
    );
    assert_eq!((count(&site, "alice"), count(&site, "bob")), (1, 1));
    site.assert_sound();
}

#[test]
fn an_unknown_recipient_is_67_and_nobody_gets_anything() {
    let site = two();
    let error = site.fail(&["deliver", "alice", "carol", "bob", "dave@example.org"], MESSAGE, 67);
    assert!(
        error.contains("\"carol\"") && error.contains("\"dave@example.org\"") && !error.contains("alice"),
        "{error}"
    );
    assert_eq!((count(&site, "alice"), count(&site, "bob")), (0, 0));
}

#[test]
fn over_quota_is_75_and_the_others_get_theirs() {
    let site = two();
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 4095 WHERE name = 'bob'");
    let error = site.fail(&["deliver", "alice", "bob"], MESSAGE, 75);
    assert!(error.contains("\"bob\"") && error.contains("quota") && !error.contains("alice"), "{error}");
    assert_eq!((count(&site, "alice"), count(&site, "bob")), (1, 0));
    site.assert_sound();
}

#[test]
fn too_big_is_65_and_nothing_stays() {
    let site = two();
    site.set("MaxReceiveSize", "400000");
    let error = site.fail(&["deliver", "alice", "bob"], &b"0123456789abcde\n".repeat(30_000), 65);
    assert!(error.contains("MaxReceiveSize"), "{error}");
    assert_eq!((count(&site, "alice"), count(&site, "bob")), (0, 0));
    site.succeed(&["deliver", "alice"], &b"0123456789abcde\n".repeat(20_000));
    site.assert_sound();
}

#[test]
fn a_locked_database_is_75() {
    let site = two();
    let mut shell = site.shell(&[]);
    let mut shell = shell.spawn().unwrap();
    let (mut type_in, mut answers) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
    std::io::Write::write_all(&mut type_in, b"BEGIN IMMEDIATE;\n.print locked\n").unwrap();
    let mut locked = [0; 7];
    std::io::Read::read_exact(&mut answers, &mut locked).unwrap();
    assert_eq!(&locked, b"locked\n");
    site.fail(&["deliver", "alice"], MESSAGE, 75);
    drop(type_in);
    shell.wait().unwrap();
    assert_eq!(count(&site, "alice"), 0);
    site.succeed(&["deliver", "alice"], MESSAGE);
}

/// Mail programs return the message at 78, and somebody will put a backup in place.
#[test]
fn a_database_without_its_header_is_75() {
    let site = two();
    site.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut file = std::fs::read(site.database()).unwrap();
    file[..100].fill(0);
    std::fs::write(site.database(), &file).unwrap();
    site.fail(&["deliver", "alice"], MESSAGE, 75);
    site.fail(&["serve", "-l", "127.0.0.1:0"], b"", 78);
    std::fs::write(site.database(), "").unwrap();
    site.fail(&["deliver", "alice"], MESSAGE, 78);
}

#[test]
fn a_database_that_was_cut_off_is_75() {
    let site = two();
    site.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let file = std::fs::read(site.database()).unwrap();
    std::fs::write(site.database(), &file[..file.len() / 3]).unwrap();
    site.fail(&["deliver", "alice"], MESSAGE, 75);
}

#[test]
fn the_sender_becomes_a_return_path_line() {
    for (sender, line) in [
        (Some("bob@example.org"), "Return-Path: <bob@example.org>\r\n"),
        (Some("<bob@example.org>"), "Return-Path: <bob@example.org>\r\n"),
        (Some(""), "Return-Path: <>\r\n"),
        (None, ""),
    ] {
        let site = Site::with_alice(&[]);
        let mut arguments = vec!["deliver"];
        arguments.extend(sender.map(|sender| ["-f", sender]).into_iter().flatten());
        arguments.push("alice");
        site.succeed(&arguments, MESSAGE);
        let expected = format!("{line}Subject: x\r\n\r\nline\r\n");
        assert_eq!(String::from_utf8(first_message(&site)).unwrap(), expected, "{sender:?}");
    }
}

/// As LMTP writes it (RFC 5321 section 4.1.2).
#[test]
fn a_sender_is_quoted_where_it_has_to_be() {
    let longest = format!("{}@b.example", "x".repeat(983 - 10));
    for (sender, path) in [
        ("\"a b\"@c.example", "\"a b\"@c.example"),
        ("a b@c.example", "\"a b\"@c.example"),
        ("a(b@c.example", "\"a(b\"@c.example"),
        ("\"ab\"@c.example", "ab@c.example"),
        (&longest, &longest),
    ] {
        let site = Site::with_alice(&[]);
        site.succeed(&["deliver", "-f", sender, "alice"], MESSAGE);
        let stored = String::from_utf8(first_message(&site)).unwrap();
        assert_eq!(stored.lines().next().unwrap(), format!("Return-Path: <{path}>"));
        assert!(stored.lines().all(|line| line.len() <= 998));
    }
    let site = Site::with_alice(&[]);
    site.fail(&["deliver", "-f", &format!("x{longest}"), "alice"], MESSAGE, 64);
}

#[test]
fn a_message_that_does_not_come_is_75() {
    let site = two();
    for (sent, more) in [(&b""[..], &b""[..]), (b"Subject: x\n\n", b""), (&[b'x'; 1_000_000], b""), (b"x\n", b"x\n")] {
        let mut command = site.command(&["deliver", "--timeout", "1", "alice", "bob"]);
        let mut mail = command.spawn().unwrap();
        let mut input = mail.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, sent).unwrap();
        // One that comes drop by drop has no more time.
        while mail.try_wait().unwrap().is_none() {
            let _ = std::io::Write::write_all(&mut input, more);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let output = mail.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(75));
        let error = text(&output.stderr);
        assert!(error.contains("in time") && error.lines().count() == 1, "{error}");
    }
    assert_eq!((count(&site, "alice"), count(&site, "bob")), (0, 0));
    for wrong in ["0", "-1", "x", ""] {
        site.fail(&["deliver", "--timeout", wrong, "alice"], MESSAGE, 64);
    }
    site.succeed(&["deliver", "--timeout", "4294967295", "alice"], MESSAGE);
    site.assert_sound();
}

#[test]
fn a_mailbox_out_of_unique_ids_is_75_and_named_by_check() {
    let site = two();
    let last =
        "UPDATE usage SET next_uid = 9007199254740991 WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = 'bob')";
    site.sql(last);
    let faults = || text(&site.run(&["check"], b"").stdout);
    assert_eq!(faults(), "mailbox bob: only 1 unique-ids are left\n");
    site.succeed(&["deliver", "bob"], MESSAGE);
    let error = site.fail(&["deliver", "alice", "bob"], MESSAGE, 75);
    assert!(error.contains("\"bob\": mailbox has given out all of its unique-ids"), "{error}");
    assert_eq!((count(&site, "alice"), count(&site, "bob")), (1, 1));
    assert_eq!(faults(), "mailbox bob: only 0 unique-ids are left\n");
}

/// Nobody need send what no mailbox has room for.
#[test]
fn mailboxes_that_are_full_already_refuse_before_the_message() {
    let site = two();
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 4095");
    let mut mail = site.command(&["deliver", "alice", "bob"]).spawn().unwrap();
    let input = mail.stdin.take().unwrap();
    let output = mail.wait_with_output().unwrap();
    drop(input);
    assert_eq!(output.status.code(), Some(75));
    assert!(text(&output.stderr).contains("quota"));
}

#[test]
fn a_recipient_may_look_like_an_option() {
    let site = Site::with_alice(&[]);
    site.sql("INSERT INTO aliases(address, mailbox) VALUES ('-h', 'alice')");
    site.succeed(&["deliver", "--", "-h"], MESSAGE);
    assert_eq!(count(&site, "alice"), 1);
}

#[test]
fn a_database_of_somebody_else_is_77() {
    let site = two();
    // The directory may be looked into, the file not.
    std::fs::set_permissions(site.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(site.database(), std::fs::Permissions::from_mode(0o000)).unwrap();
    let output = Stranger::new().run(&["deliver", "-d", site.database().to_str().unwrap(), "alice"]);
    assert_eq!(output.status.code(), Some(77), "{}", text(&output.stderr));
}
