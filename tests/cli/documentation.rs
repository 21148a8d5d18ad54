//! The lines that docs/administration.md and docs/quotas-and-retention.md tell people to paste work in Debian's shell as they stand.

use super::support::Site;

const PAGE: &str = include_str!("../../docs/administration.md");
const QUOTAS: &str = include_str!("../../docs/quotas-and-retention.md");

/// Every line of a page's SQL blocks.
fn statements(page: &'static str) -> Vec<&'static str> {
    let blocks = page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_statement_of_the_page_works_and_changes_something() {
    let site = Site::new();
    site.add_user("bob", "x");
    site.sql("INSERT INTO recent_failure VALUES ('eve', '192.0.2.1', 'PLAIN', 1795428000, 3)");
    let (last, first): (Vec<_>, Vec<_>) = statements(PAGE)
        .into_iter()
        .partition(|line| line.starts_with("DELETE FROM users") || line.contains("deleted_mailboxes"));
    assert!(first.len() > 15 && last.len() == 4);
    for line in first.into_iter().chain(last) {
        if line.contains("FROM messages") && line.starts_with("SELECT") {
            (0..17).for_each(|_| site.deliver("alice", b"Subject: x\n\ny\n"));
        }
        let answer = site.sql(line);
        let shows = line.starts_with("SELECT") || line.contains(" RETURNING ");
        assert_eq!(!answer.is_empty(), shows, "{line}: {answer:?}");
    }
    assert_eq!(site.sql("SELECT name FROM users").trim(), "bob");
    site.assert_sound();
}

#[test]
fn users_come_from_a_csv_file() {
    let site = Site::new();
    let block = PAGE.split("```sh\n").find(|block| block.contains(".import --csv --schema temp")).unwrap();
    let script = block.split("```").next().unwrap();
    let script = script.replace("/var/lib/pillarbox/mail.db", site.database().to_str().unwrap());
    let run = |csv: &str| {
        std::fs::write(site.path("users.csv"), csv).unwrap();
        let directory = site.database().parent().unwrap();
        std::process::Command::new("sh").args(["-ec", &script]).current_dir(directory).output().unwrap()
    };
    let output = run("name,password\nalice,correct horse\n\"bob@example.org\",\"it's \"\"so, so\"\"\"\n");
    assert!(output.status.success() && output.stderr.is_empty() && output.stdout.is_empty(), "{output:?}");
    let rows = "alice|correct horse\nbob@example.org|it's \"so, so\"\n";
    assert_eq!(site.sql("SELECT name, password FROM users ORDER BY name"), rows);
    assert_eq!(site.sql("SELECT count(*) FROM mailboxes"), "2\n");
    let output = run("name,password\ncarol,secret\nalice,again\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("users.name"), "{output:?}");
    assert_eq!(site.sql("SELECT name, password FROM users ORDER BY name"), rows, "all or none");
    assert_eq!(site.sql("SELECT name FROM sqlite_schema WHERE name LIKE '%new%'"), "");
    site.assert_sound();
}

#[test]
fn a_message_that_was_deleted_comes_back_under_its_unique_id() {
    let site = Site::with_alice(&[b"Subject: x\n\ny\n"]);
    let uid = |table: &str| site.sql(&format!("SELECT uid FROM {table} WHERE mailbox = 'alice'")).trim().to_owned();
    for statement in statements(PAGE).iter().filter(|line| line.contains("uid = 17")) {
        let before = (uid("messages"), uid("recoverable"));
        site.sql(&statement.replace("uid = 17", "uid = 1"));
        assert_eq!((uid("recoverable"), uid("messages")), before, "{statement}");
    }
    assert_eq!(uid("messages"), "1");
}

#[test]
fn every_statement_about_quotas_and_retention_works_as_it_stands() {
    let site = Site::with_alice(&[b"Subject: x\n\ny\n"]);
    (1..20).for_each(|_| site.deliver("alice", b"Subject: x\n\ny\n"));
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 82000");
    site.sql("INSERT INTO recent_login VALUES ('alice', '192.0.2.1', 'USER', 1795428000, 3)");
    site.sql("INSERT INTO session (id, name, principal, address, tls, since) VALUES (1, 'alice', 'alice', '192.0.2.1', 1, 1795428000)");
    let statements = statements(QUOTAS);
    assert!(statements.len() > 20);
    for line in statements {
        if line.contains("FROM recoverable") {
            site.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid > 15");
        }
        let answer = site.sql(line);
        let shows = line.starts_with("SELECT") || line.contains(" RETURNING ");
        assert_eq!(!answer.is_empty(), shows, "{line}: {answer:?}");
        if line.contains("uid = 17") {
            assert_eq!(site.sql("SELECT count(*) FROM messages WHERE uid > 15"), "1\n");
        } else if line.contains("-1 day") {
            assert_eq!(site.sql("SELECT count(*) FROM messages"), "20\n");
        }
    }
    assert_eq!(site.sql("SELECT read_days, unread_days FROM mailbox_retention"), "0|90\n");
    site.assert_sound();
}
