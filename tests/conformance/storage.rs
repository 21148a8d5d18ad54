//! RFC 1939 section 8: quotas. (Warnings and retention, E0004 and E0005, come with their issue.)

use crate::support::Site;
use crate::support::messages::{PLAIN, of_size};

/// Exit code of `deliver` for a mailbox that is full (sysexits: temporary failure).
const TEMPORARY: i32 = 75;

/// Each mailbox inherits the quota of the settings unless it has one of its own.
#[test]
fn e0003_quota_inherited_and_per_mailbox() {
    let site = Site::with_alice(&[PLAIN]);
    site.add_user("bob", "x");
    let server = site.serve(&[]);
    site.set("ProhibitSendReceiveQuota", "10000");
    site.deliver("alice", PLAIN);
    site.fail(&["deliver", "alice"], PLAIN, TEMPORARY);
    site.fail(&["deliver", "bob"], &of_size(10_000), TEMPORARY);
    let mut client = server.alice();
    assert_eq!(client.stat(), (2, 8192));
    assert_eq!(client.multi("RETR 2"), PLAIN);
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 20000 WHERE name = 'alice'");
    site.deliver("alice", PLAIN);
    site.fail(&["deliver", "alice"], &of_size(8192), TEMPORARY);
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = NULL WHERE name = 'alice'");
    site.fail(&["deliver", "alice"], PLAIN, TEMPORARY);
    assert!(site.try_sql("UPDATE mailboxes SET prohibit_send_receive_quota = -1 WHERE name = 'alice'").is_err());
    site.set("ProhibitSendReceiveQuota", "0");
    site.deliver("alice", &of_size(100_000));
    assert_eq!(server.alice().stat(), (4, 3 * 4096 + 102_400));
}
