//! The lines that docs/administration.md tells people to paste work in Debian's shell as they stand.

use super::support::Site;

const PAGE: &str = include_str!("../../docs/administration.md");

/// Every line of the page's SQL blocks.
fn statements() -> Vec<&'static str> {
    let blocks = PAGE.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_statement_of_the_page_works_and_changes_something() {
    let site = Site::new();
    site.add_user("bob", "x");
    let (last, first): (Vec<_>, Vec<_>) =
        statements().into_iter().partition(|line| line.starts_with("DELETE FROM users"));
    assert!(first.len() > 15 && last.len() == 1);
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
fn a_message_that_was_deleted_comes_back_under_its_unique_id() {
    let site = Site::with_alice(&[b"Subject: x\n\ny\n"]);
    let uid = |table: &str| site.sql(&format!("SELECT uid FROM {table} WHERE mailbox = 'alice'")).trim().to_owned();
    for statement in statements().iter().filter(|line| line.contains("uid = 17")) {
        let before = (uid("messages"), uid("recoverable"));
        site.sql(&statement.replace("uid = 17", "uid = 1"));
        assert_eq!((uid("recoverable"), uid("messages")), before, "{statement}");
    }
    assert_eq!(uid("messages"), "1");
}
