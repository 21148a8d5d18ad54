//! `import --list`: many mailboxes in one run.

use crate::foreign::{case, write};
use crate::support::Site;
use crate::support::site::text;
use std::fs;

#[test]
fn a_list_goes_on_after_a_failure_and_ends_with_a_table() {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "se cret");
    write(&site.path("with, comma/cur/1.x:2,"), b"A: b\n\nx\n");
    write(&site.path("with, comma/cur/2.x:2,T"), b"A: b\n\ny\n");
    write(&site.path("with, comma/cur/3.x:2,"), b"BZh91AY");
    let list = site.path("list.csv");
    let row = |user: &str, source: &std::path::Path| format!("{user},\"{}\"\n", source.display());
    let lines = [
        "user,source,login,password-file\n".to_owned(),
        row("carol", &case("bom.eml")),
        row("alice", &site.path("with, comma")),
        row("bob", &site.path("none")),
        "# a comment\n\nbob\n".to_owned(),
        row("bob", &case("x-uidl-twice.mbox")),
    ];
    fs::write(&list, lines.concat()).unwrap();
    let output = site.run(&["import", "--list", list.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(67), "the first failure");
    let table = text(&output.stdout);
    let cells: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().take(6).collect()).collect();
    assert_eq!(cells[0], ["user", "taken", "there", "left-out", "refused", "exit"]);
    assert_eq!(cells[1], ["carol", "0", "0", "0", "0", "67"]);
    assert_eq!(cells[2], ["alice", "1", "0", "1", "1", "65"]);
    assert_eq!(cells[3], ["bob", "0", "0", "0", "0", "66"]);
    assert_eq!(cells[4][4], "65");
    assert_eq!(cells[5], ["bob", "3", "0", "0", "0", "0"]);
    assert!(
        table.contains("there is no user \"carol\"") && table.contains("3.x:2,\" is compressed with bzip2"),
        "{table}"
    );
    let error = text(&output.stderr);
    assert!(error.contains("4 of 5 lines") && error.lines().count() == 1, "{error}");
    // Again, nothing comes twice.
    let again = text(&site.run(&["import", "--list", list.to_str().unwrap()], b"").stdout);
    assert!(again.lines().nth(5).unwrap().split_whitespace().take(3).eq(["bob", "0", "3"]), "{again}");
    site.assert_sound();
}

#[test]
fn a_list_that_only_has_to_wait_says_so() {
    let site = Site::with_alice(&[]);
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 4096 WHERE name = 'alice'");
    let list = site.path("list.csv");
    fs::write(&list, format!("alice,{}\n", case("x-uidl-twice.mbox").display())).unwrap();
    let output = site.run(&["import", "--list", list.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(75));
    assert!(text(&output.stdout).lines().nth(1).unwrap().split_whitespace().take(2).eq(["alice", "1"]));
    fs::write(&list, format!("alice,{}\n", case("bom.eml").display())).unwrap();
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = NULL WHERE name = 'alice'");
    site.succeed(&["import", "--list", list.to_str().unwrap()], b"");
}

#[test]
fn a_list_stands_alone() {
    let site = Site::with_alice(&[]);
    let list = site.path("list.csv");
    fs::write(&list, "alice,pop3://127.0.0.1:1\n").unwrap();
    let list = list.to_str().unwrap();
    for (arguments, code) in [
        (vec!["import", "--list", list, "-u", "alice"], 64),
        (vec!["import", "--list", list, "path"], 64),
        (vec!["import", "--list", "/nonexistent"], 66),
        // A server needs a login and a password.
        (vec!["import", "--list", list], 64),
    ] {
        site.fail(&arguments, b"", code);
    }
}

#[test]
fn a_list_without_a_line_is_refused() {
    let site = Site::with_alice(&[]);
    let list = site.path("list.csv");
    for nothing in ["", "user,source\n", "# nobody yet\n\n"] {
        fs::write(&list, nothing).unwrap();
        let error = site.fail(&["import", "--list", list.to_str().unwrap()], b"", 65);
        assert!(error.contains("list.csv\" has no line that names a user and a source"), "{error}");
    }
}
