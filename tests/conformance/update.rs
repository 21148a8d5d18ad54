//! RFC 1939 section 6: the UPDATE state.

use crate::mailbox;
use crate::support::messages::{DOTTED, message};
use crate::support::texts::{OK, SIGNING_OFF};

/// If UPDATE fails it says so, and no unmarked message goes; here no marked one goes either.
#[test]
fn v0006_a_failed_update_removes_nothing() {
    let server = mailbox(&[]);
    server.deliver("alice", &message("third", "x"));
    let mut client = server.alice();
    client.expect("DELE 1", OK);
    client.expect("DELE 3", OK);
    server
        .sql("CREATE TRIGGER fault BEFORE DELETE ON message WHEN OLD.uid = 3 BEGIN SELECT RAISE(ABORT, 'fault'); END");
    client.refuse("QUIT");
    client.expect_end();
    server.sql("DROP TRIGGER fault");
    let mut client = server.alice();
    assert_eq!(client.stat(), (3, 12288));
    client.expect("DELE 1", OK);
    client.expect("DELE 3", OK);
    client.expect("QUIT", SIGNING_OFF);
    client.expect_end();
    let mut client = server.alice();
    assert_eq!(client.stat(), (1, 4096));
    assert_eq!(client.multi("RETR 1"), DOTTED);
    server.assert_sound();
}
