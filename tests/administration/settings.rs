//! Settings as rows: refused values, and changes that act in the running server.

use crate::support::messages::{DOTTED, PLAIN};
use crate::support::texts::{GREETING, OK, PROTOCOL_ERROR, WANTS_TLS};
use crate::support::{Client, Server, Site, eventually};

/// A server that takes its settings from the database alone.
fn server() -> Server {
    let site = Site::with_alice(&[PLAIN, DOTTED]);
    site.set("LoginType", "PlainTextLogin");
    site.set("MaxLoginDelay", "0");
    Server::start_with(&site, &["serve", "-l", "127.0.0.1:0", "-s", "127.0.0.1:0"])
}

/// The greeting of a new connection.
fn greeting(server: &Server) -> String {
    Client::plain(server.address("pop3")).line()
}

#[test]
fn banner() {
    let server = server();
    assert_eq!(greeting(&server), GREETING);
    server.sql("UPDATE settings SET value = 'Hello there' WHERE name = 'banner'");
    eventually("the new banner", || greeting(&server) == "+OK Hello there\r\n");
}

/// What is allowed but hardly meant is said when it comes to be so, not at every other change.
#[test]
fn warnings_are_said_once() {
    let server = server();
    let said = |text: &str| server.log().lines().filter(|line| line.contains(" WARN ") && line.contains(text)).count();
    for (banner, size) in [("One", "100"), ("Two", "100"), ("Three", "200"), ("Four", "512"), ("Five", "100")] {
        server.sql(&format!(
            "UPDATE settings SET value = CASE name WHEN 'Banner' THEN '{banner}' ELSE '{size}' END
              WHERE name IN ('Banner', 'MaxCommandSize')"
        ));
        eventually("the new banner", || greeting(&server) == format!("+OK {banner}\r\n"));
    }
    assert_eq!(said("LoginType PlainTextLogin"), 1, "{}", server.log());
    assert_eq!((said("MaxCommandSize 100 "), said("MaxCommandSize 200 ")), (2, 1), "{}", server.log());
}

#[test]
fn max_command_size() {
    let server = server();
    let line = format!("USER {}", "a".repeat(93));
    server.connect().expect(&line, OK);
    server.sql("UPDATE settings SET value = '99' WHERE name = 'MaxCommandSize'");
    eventually("100 octets are too many", || server.connect().say(&line).starts_with(PROTOCOL_ERROR));
    server.sql("UPDATE settings SET value = '1024' WHERE name = 'MaxCommandSize'");
    let line = format!("USER {}", "a".repeat(1017));
    eventually("1,024 octets are allowed", || server.connect().say(&line) == OK);
}

#[test]
fn login_type_and_trusted_networks() {
    let server = server();
    server.set("LoginType", "SecureLogin");
    eventually("clear logins are refused", || server.connect().say("USER alice") == WANTS_TLS);
    server.set("TrustedNetworks", "127.0.0.0/8");
    eventually("loopback is trusted", || server.connect().say("USER alice") == OK);
    server.set("TrustedNetworks", "192.0.2.0/24,2001:db8::/32");
    eventually("loopback is trusted no longer", || server.connect().say("USER alice") == WANTS_TLS);
    server.set("LoginType", "PlainTextLogin");
    eventually("clear logins are allowed", || server.connect().say("USER alice") == OK);
}

/// A connection that waits is told by the first line that it sends, not by the second.
#[test]
fn what_changes_while_a_connection_waits_holds_for_its_next_line() {
    let server = server();
    let connect = || server.connect();
    let (mut fresh, mut named, mut asking, mut long) = (connect(), connect(), connect(), connect());
    named.expect("USER alice", OK);
    asking.expect("AUTH PLAIN", "+ \r\n");
    server.set("MaxCommandSize", "1024");
    server.set("LoginType", "SecureLogin");
    eventually("clear logins are refused", || connect().say("USER alice") == WANTS_TLS);
    let login = "AGFsaWNlAHNlIGNyZXQ=";
    fresh.expect(&format!("AUTH PLAIN {login}"), WANTS_TLS);
    named.expect("PASS se cret", WANTS_TLS);
    asking.expect(login, WANTS_TLS);
    long.expect(&format!("USER {}", "a".repeat(1017)), WANTS_TLS);
    named.expect("USER alice", WANTS_TLS);
}

#[test]
fn exact_sizes_and_sort_order() {
    let server = server();
    assert_eq!(server.alice().lines("LIST"), ["1 4096", "2 4096"]);
    server.sql("UPDATE mailboxes SET exact_rfc822_size = 1 WHERE name = 'alice'");
    let own = [format!("1 {}", PLAIN.len()), format!("2 {}", DOTTED.len())];
    eventually("the mailbox's own", || server.alice().lines("LIST") == own);
    server.sql("UPDATE mailboxes SET exact_rfc822_size = NULL WHERE name = 'alice'");
    eventually("inherited again", || server.alice().lines("LIST") == ["1 4096", "2 4096"]);
    let mut before = server.alice();
    server.set("EnableExactRFC822Size", "1");
    let exact = [format!("1 {}", PLAIN.len()), format!("2 {}", DOTTED.len())];
    server.sql("UPDATE mailboxes SET exact_rfc822_size = 0 WHERE name = 'alice'");
    eventually("the mailbox's own", || server.alice().lines("LIST") == ["1 4096", "2 4096"]);
    server.sql("UPDATE mailboxes SET exact_rfc822_size = NULL WHERE name = 'alice'");
    eventually("exact sizes", || server.alice().lines("LIST") == exact);
    server.set("MessageRetrievalSortOrder", "Descending");
    let descending = [format!("1 {}", DOTTED.len()), format!("2 {}", PLAIN.len())];
    eventually("the newest first", || server.alice().lines("LIST") == descending);
    assert_eq!(server.alice().multi("RETR 1"), DOTTED);
    let mut client = server.alice();
    client.expect("DELE 1", OK);
    client.quit();
    assert_eq!(before.lines("LIST"), ["1 4096", "2 4096"], "numbers and sizes of an open session are fixed");
    assert_eq!(server.alice().multi("RETR 1"), PLAIN);
}

/// Out of range, unknown, or taken away: refused in the shell, with the name and what is allowed.
#[test]
fn wrong_values_are_refused_by_the_database() {
    let site = Site::new();
    let wrong = [
        ("AuthenticatedConnectionTimeout", "29", "86400"),
        ("PreAuthenticatedConnectionTimeout", "3601", "3600"),
        ("MaxConnections", "0", "2147483647"),
        ("MaxConnectionFromSingleIP", "2147483648", "2147483647"),
        ("MaxConnectionsPerUser", "many", "2147483647"),
        ("MaxLoginDelay", "61", "60"),
        ("LoginType", "Login", "SecureLogin"),
        ("EnableExactRFC822Size", "2", "1"),
        ("MessageRetrievalSortOrder", "Up", "Descending"),
        ("ExtendedProtectionPolicy", "Maybe", "Require"),
        ("IssueWarningQuota", "-1", "IssueWarningQuota"),
        ("ReaperInterval", "0", "86400"),
        ("Banner", "", "400"),
        ("Banner", "[x]", "Banner"),
        ("Banner", "a > b", "Banner"),
        ("LogFileRollOverSettings", "Yearly", "Monthly"),
        ("maxcommandsize", "1025", "1024"),
    ];
    let before = site.sql("SELECT * FROM settings");
    for (name, value, says) in wrong {
        let update = format!("UPDATE settings SET value = '{value}' WHERE name = '{name}' COLLATE NOCASE");
        let error = site.try_sql(&update).expect_err(name).to_lowercase();
        assert!(error.contains(&name.to_lowercase()) && error.contains(&says.to_lowercase()), "{name}: {error}");
    }
    for statement in [
        "INSERT INTO settings(name, value) VALUES ('NoSuchSetting', '1')",
        "INSERT OR REPLACE INTO settings(name, value) VALUES ('MaxCommandSize', '9999')",
        "DELETE FROM settings WHERE name = 'Banner'",
        "UPDATE settings SET name = 'Bannner' WHERE name = 'Banner'",
        "UPDATE settings SET value = NULL WHERE name = 'Banner'",
    ] {
        assert!(site.try_sql(statement).is_err(), "taken: {statement}");
    }
    assert_eq!(site.sql("SELECT * FROM settings"), before);
}

/// Every setting of the documentation is there with its default.
#[test]
fn defaults() {
    let site = Site::new();
    let defaults = [
        ("MaxCommandSize", "512"),
        ("MaxConnections", "2000"),
        ("MaxConnectionFromSingleIP", "256"),
        ("MaxConnectionsPerUser", "16"),
        ("LoginType", "SecureLogin"),
        ("EnableExactRFC822Size", "0"),
        ("MessageRetrievalSortOrder", "Ascending"),
        ("IssueWarningQuota", "2039480320"),
        ("ProhibitSendReceiveQuota", "2469396480"),
        ("RecipientDelimiter", "+"),
        ("MaxReceiveSize", "104857600"),
        ("RetainDeletedItemsDays", "14"),
        ("LmtpBindings", ""),
    ];
    for (name, value) in defaults {
        assert_eq!(
            site.sql(&format!("SELECT value FROM settings WHERE name = '{name}'")),
            format!("{value}\n"),
            "{name}"
        );
    }
}

/// `--set` refuses what the database refuses, before anything is bound.
#[test]
fn overrides_are_checked() {
    let site = Site::with_alice(&[]);
    for wrong in ["MaxCommandSize=39", "NoSuchSetting=1", "MaxCommandSize", "=x"] {
        let output = site.run(&["serve", "-l", "127.0.0.1:0", "--set", wrong], b"");
        assert!(matches!(output.status.code(), Some(64 | 78)), "{wrong}: {output:?}");
        assert!(output.stdout.is_empty());
    }
}

/// Nobody should wait for a change to act that a running server does not look at.
#[test]
fn what_acts_at_a_start_only_is_said() {
    let site = Site::with_alice(&[]);
    let server = site.serve(&[]);
    site.set("SSLBindings", "127.0.0.1:1995");
    site.set("LmtpSocketMode", "0600");
    site.set("Banner", "Changed.");
    eventually("both are named", || {
        let log = server.log();
        ["SSLBindings", "LmtpSocketMode"]
            .iter()
            .all(|name| log.contains(&format!("{name}: the change takes effect after a restart")))
    });
    assert!(!server.log().contains("Banner was changed"), "{}", server.log());
    let mut again = site.command(&["serve", "-l", &server.address("pop3").to_string()]);
    let output = again.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let port = server.address("pop3").port();
    assert!(
        error.contains(&format!("Address already in use; \"ss -ltnp 'sport = :{port}'\" shows who has")),
        "{error}"
    );
}
