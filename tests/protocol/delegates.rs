//! Who may open whose mailbox: the authorization identity of PLAIN and the delegate forms of USER
//! ([MS-OXPOP3] 2.2.2).

use crate::mailbox;
use crate::support::Server;
use crate::support::messages::PLAIN;
use crate::support::texts::{LOGON, LOGON_FAILURE, OK};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Alice's mailbox of two messages, her delegate bob, and carol who is nobody's.
fn office() -> Server {
    let server = mailbox(&[]);
    server.add_user("bob", "builder");
    server.add_user("carol", "singer");
    server.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice')");
    server.deliver("bob", PLAIN);
    server
}

/// The reply to AUTH PLAIN, and after a good one the number of messages.
fn plain(server: &Server, authzid: &str, authcid: &str, password: &str) -> (String, u64) {
    let mut client = server.connect();
    let message = STANDARD.encode(format!("{authzid}\0{authcid}\0{password}"));
    let reply = client.say(&format!("AUTH PLAIN {message}"));
    let messages = if reply == LOGON { client.stat().0 } else { 0 };
    (reply, messages)
}

#[test]
fn authorization_identity() {
    let server = office();
    assert_eq!(plain(&server, "alice", "bob", "builder"), (LOGON.to_owned(), 2));
    assert_eq!(plain(&server, "bob", "bob", "builder"), (LOGON.to_owned(), 1));
    assert_eq!(plain(&server, "", "bob", "builder"), (LOGON.to_owned(), 1));
    for (authzid, authcid, password) in [
        ("alice", "carol", "singer"),
        ("bob", "alice", "se cret"),
        ("nobody", "bob", "builder"),
        ("alice", "bob", "se cret"),
    ] {
        assert_eq!(plain(&server, authzid, authcid, password), (LOGON_FAILURE.to_owned(), 0), "{authcid} as {authzid}");
    }
}

#[test]
fn delegate_forms_of_user() {
    let server = office();
    for form in [
        "example/bob/alice",
        "bob@example.org/alice",
        "example/bob/alice@example.org",
        "bob@example.org/alice@example.org",
    ] {
        let mut client = server.connect();
        client.log_in(form, "builder");
        client.expect("STAT", "+OK 2 8192\r\n");
    }
    for form in
        ["example/carol/alice", "carol@example.org/alice", "alice@example.org/bob", "example/bob/nobody", "x/bob/"]
    {
        let mut client = server.connect();
        client.expect(&format!("USER {form}"), OK);
        for password in ["builder", "singer", "se cret"] {
            client.say(&format!("USER {form}"));
            client.expect(&format!("PASS {password}"), LOGON_FAILURE);
        }
    }
    server.connect().log_in("EXAMPLE\\bob", "builder");
    server.connect().log_in("example/bob", "builder");
}

/// A mailbox whose row is gone is gone for its delegates too.
#[test]
fn what_is_withdrawn_no_longer_opens() {
    let server = office();
    server.sql("DELETE FROM delegates WHERE delegate = 'bob'");
    crate::support::eventually("bob is no delegate any more", || {
        plain(&server, "alice", "bob", "builder").0 == LOGON_FAILURE
    });
    assert_eq!(plain(&server, "", "bob", "builder").0, LOGON);
}
