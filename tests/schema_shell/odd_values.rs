//! What only SQLite takes for a value of a column, or for a statement: blobs, texts with NUL or octets that are no UTF-8,
//! texts in columns of numbers, REPLACE, the tables of the server.

use crate::refusals::bench;

#[test]
fn values_of_other_types() {
    let bench = bench();
    bench.refused("INSERT INTO users(name) VALUES (x'61')", &["users.name"]);
    bench.refused("INSERT INTO users(name) VALUES ('a' || char(0))", &["users.name"]);
    for password in ["x'41'", "'a' || char(0)"] {
        bench.refused(&format!("UPDATE users SET password = {password}"), &["users.password", "1 to 1024"]);
    }
    for value in ["'yes'", "0.5", "''"] {
        bench.refused(&format!("UPDATE users SET pop_enabled = {value}"), &["users.pop_enabled: 0 or 1"]);
        bench.refused(&format!("UPDATE users SET ntlm = {value}"), &["users.ntlm: 0 or 1"]);
        bench.refused(&format!("UPDATE mailboxes SET retention_hold = {value}"), &["mailboxes.retention_hold: 0 or 1"]);
        let update = format!("UPDATE mailboxes SET exact_rfc822_size = {value} WHERE name = 'alice'");
        bench.refused(&update, &["mailboxes.exact_rfc822_size: 0 or 1, or NULL"]);
        bench.refused(
            &format!("UPDATE mailboxes SET retain_read_days = {value}"),
            &["mailboxes.retain_read_days: 0 to"],
        );
    }
    for column in ["prohibit_send_receive_quota", "issue_warning_quota"] {
        for value in ["'much'", "1.5", "x'01'"] {
            let named = format!("mailboxes.{column}: 0 to 9007199254740991");
            bench.refused(&format!("UPDATE mailboxes SET {column} = {value} WHERE name = 'alice'"), &[&named]);
        }
    }
    for name in ["x'61'", "'a' || char(0) || 'b'"] {
        bench.refused(&format!("INSERT INTO certificates VALUES ({name}, '/a', '/b')"), &["certificates.name"]);
    }
    for (column, row) in [("certificate_file", "x'2f61', '/b'"), ("key_file", "'/a', x'2f61'")] {
        let sql = format!("INSERT INTO certificates VALUES ('other.example', {row})");
        bench.refused(&sql, &[&format!("certificates.{column}: 1 to 4095")]);
    }
}

#[test]
fn values_of_settings() {
    let bench = bench();
    for name in bench.sql("SELECT name FROM settings").lines() {
        for value in ["x'3100'", "x'31'", "'1' || char(0)", "'None' || char(0)", "'/' || CAST(x'ff' AS TEXT)"] {
            let output = bench.run(&format!("UPDATE settings SET value = {value} WHERE name = '{name}'"));
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            let named = error.contains(&format!("{name}: "));
            assert!(!output.status.success() && named, "{name} = {value}: {error}");
        }
    }
    for name in ["Domains", "GssapiRealms", "SSLBindings", "LmtpBindings", "TrustedNetworks"] {
        bench.refused(&format!("UPDATE settings SET value = x'31' WHERE name = '{name}'"), &[name, "comma separated"]);
    }
    bench.refused("UPDATE settings SET value = x'41' WHERE name = 'Site'", &["Site", "255"]);
}

#[test]
fn replacing() {
    let bench = bench();
    bench.refused("INSERT OR REPLACE INTO settings VALUES ('banner', 'x')", &["settings.name", "UPDATE"]);
    bench.refused("INSERT OR IGNORE INTO settings VALUES ('Nonsense', 'x')", &["settings.name"]);
    for name in ["Banner2", "banner", "Site"] {
        let update = format!("UPDATE OR REPLACE settings SET name = '{name}' WHERE name = 'Banner'");
        bench.refused(&update, &["settings.name", "renamed"]);
    }
    bench.refused("INSERT OR REPLACE INTO users(name) VALUES ('BOB')", &["users.name", "exists"]);
}

#[test]
fn tables_of_the_server() {
    let bench = bench();
    for change in ["uid = 99", "size = 1", "body_id = 9", "unique_id = 'x'", "flags = 0", "mailbox_id = 2"] {
        bench.refused(&format!("UPDATE message SET {change}"), &["immutable"]);
    }
    let again = "INSERT OR REPLACE INTO message(mailbox_id, uid, body_id, size, flags, received_at, stored_at) SELECT mailbox_id, 2, 99, 1, 0, 1, 1 FROM message";
    bench.refused(again, &["message.uid", "given out"]);
    bench.refused("UPDATE usage SET next_uid = 1", &["usage.next_uid"]);
    bench.refused("DELETE FROM usage", &["usage.mailbox_id"]);
    bench.refused("UPDATE counters SET next_body_id = 1", &["counters.next_body_id"]);
    bench.assert_sound();
}

#[test]
fn text_that_is_not_utf8_is_refused_by_the_name_of_its_column() {
    let bench = bench();
    let bad = "'j' || CAST(x'fc' AS TEXT) || 'rgen'";
    for (sql, column) in [
        (format!("INSERT INTO users(name, password) VALUES ({bad}, 'x')"), "users.name: must be UTF-8"),
        (format!("UPDATE users SET name = {bad} WHERE name = 'bob'"), "users.name: must be UTF-8"),
        (format!("INSERT INTO users(name, password) VALUES ('carol', {bad})"), "users.password: must be UTF-8"),
        (format!("UPDATE users SET password = {bad}"), "users.password: must be UTF-8"),
        (format!("INSERT INTO mailboxes(name) VALUES ({bad})"), "mailboxes.name: must be UTF-8"),
        (format!("INSERT INTO mailboxes(name, site) VALUES ('shared', {bad})"), "mailboxes.site: must be UTF-8"),
        (format!("UPDATE mailboxes SET site = {bad}"), "mailboxes.site: must be UTF-8"),
        ("UPDATE mailboxes SET site = 'a' || char(0)".into(), "mailboxes.site: at most 255"),
        (format!("INSERT INTO aliases VALUES ({bad}, 'alice')"), "aliases.address: must be UTF-8"),
        (format!("INSERT INTO aliases VALUES ('x', {bad})"), "aliases.mailbox: "),
        (format!("INSERT INTO delegates VALUES ({bad}, 'alice')"), "delegates.delegate: "),
        (format!("INSERT INTO delegates VALUES ('bob', {bad})"), "delegates.principal: "),
        (format!("UPDATE settings SET value = {bad} WHERE name = 'Site'"), "Site: must be UTF-8"),
        (format!("UPDATE settings SET value = {bad} WHERE name = 'Domains'"), "Domains: must be UTF-8"),
        (
            format!("UPDATE settings SET value = '/' || {bad} WHERE name = 'LmtpBindings'"),
            "LmtpBindings: must be UTF-8",
        ),
    ] {
        bench.refused(&sql, &[column]);
    }
    bench.assert_sound();
}
