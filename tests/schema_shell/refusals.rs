//! Wrong values: refused by the database itself, with a message that names column or setting and range.

use crate::shell::Bench;

/// Two mailboxes, one with a message, another of which was deleted.
pub fn bench() -> Bench {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name, password) VALUES ('alice', 'correct horse'), ('bob', NULL);");
    bench.deliver("alice", 100).unwrap();
    bench.deliver("alice", 100).unwrap();
    bench.sql("DELETE FROM messages WHERE uid = 1");
    bench
}

#[test]
fn settings_out_of_range() {
    let bench = bench();
    let numbers = [
        ("MaxCommandSize", 40, 1024),
        ("AuthenticatedConnectionTimeout", 30, 86_400),
        ("PreAuthenticatedConnectionTimeout", 30, 3600),
        ("MaxConnections", 1, 2_147_483_647),
        ("MaxConnectionFromSingleIP", 1, 2_147_483_647),
        ("MaxConnectionsPerUser", 1, 2_147_483_647),
        ("MaxLoginDelay", 0, 60),
        ("EnableExactRFC822Size", 0, 1),
        ("EnableGSSAPIAndNTLMAuth", 0, 1),
        ("GssapiExactCase", 0, 1),
        ("IssueWarningQuota", 0, 9_007_199_254_740_991),
        ("ProhibitSendReceiveQuota", 0, 9_007_199_254_740_991),
        ("MaxReceiveSize", 1, 1_073_741_824),
        ("RetainReadDays", 0, 24_855),
        ("RetainUnreadDays", 0, 24_855),
        ("ReaperInterval", 1, 86_400),
        ("RetainDeletedItemsDays", 0, 24_855),
        ("ProtocolLogEnabled", 0, 1),
        ("LogPerFileSizeQuota", 0, 9_007_199_254_740_991i64),
    ];
    for (name, low, high) in numbers {
        let (low_text, high_text) = (low.to_string(), high.to_string());
        for value in [low, high] {
            bench.sql(&format!("UPDATE settings SET value = '{value}' WHERE name = '{name}'"));
        }
        for value in [
            (low - 1).to_string(),
            (high + 1).to_string(),
            "many".into(),
            "".into(),
            "1e2".into(),
            " 1".into(),
            "01".into(),
        ] {
            let sql = format!("UPDATE settings SET value = '{value}' WHERE name = '{}'", name.to_lowercase());
            bench.refused(&sql, &[name, &low_text, &high_text]);
        }
    }
}

#[test]
fn settings_of_words_and_texts() {
    let bench = bench();
    let long = "x".repeat(401);
    let rows: [(&str, &[&str], &[&str], &str); 18] = [
        (
            "LoginType",
            &["PlainTextLogin", "PlainTextAuthentication", "SecureLogin"],
            &["securelogin", "", "2"],
            "SecureLogin",
        ),
        ("ExtendedProtectionPolicy", &["None", "Allow", "Require"], &["none", ""], "Require"),
        ("MessageRetrievalSortOrder", &["Ascending", "Descending"], &["ascending", ""], "Descending"),
        ("LogFileRollOverSettings", &["Hourly", "Daily", "Weekly", "Monthly"], &["Yearly", ""], "Weekly"),
        (
            "Banner",
            &["x", "ready [1]", &long[1..]],
            &["", &long, "<x>", "[AUTH] x", "caf\u{e9}", "a\tb", "a\r\n+OK"],
            "1 to 400",
        ),
        ("RecipientDelimiter", &["", "+", "+-_"], &["@", "a", "5", "/", " "], "punctuation"),
        (
            "Domains",
            &[
                "",
                "example.org",
                "a.example, b.example",
                "b\u{fc}cher.example.",
                "[192.0.2.1],[IPv6:2001:db8::1]",
                "a_b-c",
            ],
            &[
                "a. example",
                ",",
                "a,,b",
                "@a",
                "a;b",
                "a.example; b.example",
                "*.example",
                "a..b",
                ".",
                ".a",
                "a|b",
                "\"a\"",
                "a^b",
            ],
            "comma separated",
        ),
        ("GssapiRealms", &["", "A.EXAMPLE,B.EXAMPLE"], &["A B", "a@b", "A;B"], "comma separated"),
        (
            "UnencryptedOrTLSBindings",
            &["", "0.0.0.0:110, [::]:110", "127.0.0.1:0"],
            &["110", "127.0.0.1", "1.2.3:110", "1.2.3.256:1", "1.2.3.4:65536", "::1:110", "[x]:1", "/run/x", "a\"b"],
            "0 to 65535",
        ),
        ("SSLBindings", &["[::1]:995"], &["127.0.0.1:995,", "127.0.0.1:-1"], "0 to 65535"),
        (
            "LmtpBindings",
            &["", "/run/pillarbox/lmtp", "127.0.0.1:24,/x"],
            &["run/x", "/", "127.0.0.1"],
            "/absolute/path",
        ),
        (
            "TrustedNetworks",
            &["", "10.0.0.0/8, fd00::/8,::1/128,0.0.0.0/0", "192.0.2.7,::1"],
            &["10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0/8", "x/8", "10.0.0.0/8,,::1/128", "10.0.0"],
            "CIDR",
        ),
        ("Site", &["", "Default-First-Site"], &[&long], "255"),
        ("OAuthKeyFile", &["", "/etc/pillarbox/jwks.json"], &["a\u{1}b"], "control"),
        ("OAuthIssuer", &["", "https://id.example.org/realms/mail"], &[&long], "255"),
        ("OAuthAudience", &["", "pillarbox"], &[&long], "255"),
        ("OAuthUserClaim", &["sub", "preferred_username"], &["", &long], "1 to 255"),
        ("CertificateFile", &["", "/etc/ssl/x.pem"], &["a\u{1}b"], "control"),
    ];
    for (name, good, bad, part) in rows {
        for value in good {
            bench.sql(&format!("UPDATE settings SET value = '{value}' WHERE name = '{name}'"));
        }
        for value in bad {
            bench.refused(&format!("UPDATE settings SET value = '{value}' WHERE name = '{name}'"), &[name, part]);
        }
    }
    bench.refused("UPDATE settings SET value = NULL WHERE name = 'Banner'", &["Banner"]);
    bench.refused("UPDATE settings SET value = NULL WHERE name = 'Site'", &["Site", "255"]);
}

#[test]
fn settings_are_neither_made_nor_lost() {
    let bench = bench();
    bench.refused("INSERT INTO settings(name, value) VALUES ('Nonsense', '1')", &["settings.name", "no such setting"]);
    bench.refused("INSERT INTO settings VALUES ('banner', 'x')", &["settings.name"]);
    bench.refused(
        "INSERT INTO settings VALUES ('Nonsense', 'x') ON CONFLICT (name) DO UPDATE SET value = 'x'",
        &["no such setting"],
    );
    let upsert =
        "INSERT INTO settings VALUES ('maxcommandsize', '39') ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    bench.refused(upsert, &["MaxCommandSize", "40 to 1024"]);
    bench.refused("DELETE FROM settings WHERE name = 'Banner'", &["settings.name", "deleted"]);
    bench.refused("DELETE FROM settings", &["settings.name"]);
    for name in ["Banner2", "banner", "Site"] {
        bench.refused(
            &format!("UPDATE settings SET name = '{name}' WHERE name = 'Banner'"),
            &["settings.name", "renamed"],
        );
    }
    assert_eq!(bench.sql("UPDATE settings SET value = '1' WHERE name = 'Nonsense' RETURNING name, value"), "");
}

#[test]
fn users() {
    let bench = bench();
    let long = "x".repeat(256);
    for name in ["", &long, "a b", "a/b", "a\\b", "a\tb", "a\u{85}b", "a@b@c"] {
        bench.refused(&format!("INSERT INTO users(name) VALUES ('{name}')"), &["users.name", "1 to 255"]);
        bench.refused(&format!("UPDATE users SET name = '{name}' WHERE name = 'alice'"), &["users.name", "1 to 255"]);
        bench.refused(&format!("INSERT INTO mailboxes(name) VALUES ('{name}')"), &["mailboxes.name", "1 to 255"]);
    }
    bench.refused("INSERT INTO users(name) VALUES (NULL)", &["users.name"]);
    for column in ["pop_enabled", "ntlm"] {
        for value in ["2", "-1", "NULL"] {
            bench.refused(&format!("UPDATE users SET {column} = {value}"), &[&format!("users.{column}")]);
        }
    }
    let hashes = [
        "$argon2id$garbage",
        "$argon2",
        "$argon2id$v=19$m=1,t=1,p=1$short$short",
        "$2b$12$tooshort",
        "$2b$xx$aaaaaaaaaaaaaaaaaaaaaa",
        "$6$",
        "$6$salt$short",
        "$6$salt$a!a",
    ];
    for hash in hashes {
        bench.refused(
            &format!("UPDATE users SET password = '{hash}' WHERE name = 'alice'"),
            &["users.password", "well-formed"],
        );
    }
    for hash in [
        "{MD5}x",
        "{ARGON2ID}garbage",
        "{sha512-crypt}$6$x$y",
        "{BLF-CRYPT}$6$x$y",
        "{1}x",
        "{SHA512-CRYPT}$6$salt$short",
        "{BLF-CRYPT}",
    ] {
        bench.refused(
            &format!("UPDATE users SET password = '{hash}' WHERE name = 'alice'"),
            &["users.password", "{SCHEME}"],
        );
    }
    for (hash, named) in [
        ("$1$saltsalt$0DQjcbfGNAwa1w4jQ0iOq1", "$1$ (MD5 crypt)"),
        ("$2x$05$x", "$2x$ "),
        ("$3$$x", "$3$ "),
        ("$5$saltsalt$x", "$5$ (SHA-256 crypt)"),
        ("$7$CU..x", "$7$ "),
        ("$y$j9T$x$y", "$y$ (yescrypt)"),
        ("$gy$j9T$x$y", "$gy$ "),
        ("$md5,rounds=904$x", "$md5 "),
        ("$sha1$40000$x$y", "$sha1 "),
        ("$apr1$x$y", "$apr1$ (Apache''s MD5)"),
        ("$scrypt$ln=16,r=8,p=1$x$y", "$scrypt$ "),
        ("$pbkdf2-sha512$25000$x$y", "$pbkdf2 (PBKDF2)"),
        ("$P$Bx", "$P$ "),
    ] {
        bench.refused(
            &format!("UPDATE users SET password = '{hash}' WHERE name = 'alice'"),
            &["users.password", &named.replace("''", "'"), "{PLAIN}"],
        );
        bench.sql(&format!("UPDATE users SET password = '{{PLAIN}}{hash}' WHERE name = 'alice'"));
    }
    for octet in (1..=31).chain([127]).filter(|octet| ![10, 13].contains(octet)) {
        bench.sql(&format!("UPDATE users SET password = 'a{}b'", char::from(octet)));
    }
    bench.refused("UPDATE users SET password = '{PLAIN}'", &["users.password", "1 to 255 octets"]);
    let long = |octets: usize| " ".repeat(octets - 1) + "x";
    bench.sql(&format!("UPDATE users SET password = '{{plain}}{}'", long(255)));
    bench.refused(
        &format!("UPDATE users SET password = '{{plain}}{}'", long(256)),
        &["users.password", "1 to 255 octets"],
    );
    for password in ["", "a\r", "a\nb"] {
        bench.refused(&format!("UPDATE users SET password = '{password}'"), &["users.password", "1 to 1024"]);
    }
    bench.sql(&format!("UPDATE users SET password = '{}'", long(255)));
    for password in [long(256), long(1025), "\u{e9}".repeat(128)] {
        let password = format!("'{password}'");
        bench.refused(&format!("UPDATE users SET password = {password}"), &["users.password", "1 to 255 octets"]);
        bench.refused(
            &format!("INSERT INTO users(name, password) VALUES ('carol', {password})"),
            &["users.password", "255"],
        );
    }
}

#[test]
fn mailboxes() {
    let bench = bench();
    for column in ["prohibit_send_receive_quota", "issue_warning_quota"] {
        for value in ["-1", "9007199254740992"] {
            let named = format!("mailboxes.{column}: 0 to 9007199254740991");
            bench.refused(&format!("UPDATE mailboxes SET {column} = {value} WHERE name = 'alice'"), &[&named]);
        }
    }
    for value in ["2", "-1"] {
        let update = format!("UPDATE mailboxes SET exact_rfc822_size = {value} WHERE name = 'alice'");
        bench.refused(&update, &["mailboxes.exact_rfc822_size: 0 or 1, or NULL"]);
    }
    for column in ["retain_read_days", "retain_unread_days"] {
        for value in ["-1", "24856"] {
            bench.refused(
                &format!("UPDATE mailboxes SET {column} = {value}"),
                &[&format!("mailboxes.{column}: 0 to 24855")],
            );
        }
    }
    for value in ["2", "NULL"] {
        bench.refused(&format!("UPDATE mailboxes SET retention_hold = {value}"), &["mailboxes.retention_hold"]);
    }
    bench.refused("DELETE FROM mailboxes WHERE name = 'alice'", &["mailboxes.name", "delete the user"]);
    bench.refused("UPDATE mailboxes SET name = 'carol' WHERE name = 'alice'", &["mailboxes.name", "rename the user"]);
    bench.refused("UPDATE mailboxes SET id = 77 WHERE name = 'alice'", &["mailboxes.id"]);
    bench.refused("UPDATE users SET id = 77 WHERE name = 'alice'", &["users.id"]);
    bench.refused("UPDATE users SET name = 'BOB' WHERE name = 'alice'", &["users.name", "exists"]);
    bench.refused("INSERT INTO users(name) VALUES ('BOB')", &["users.name"]);
    bench.refused("INSERT INTO users(name) VALUES ('dora'), ('BOB')", &["users.name"]);
    let upsert = "INSERT INTO users(name, ntlm) VALUES ('BOB', 1) ON CONFLICT (name) DO UPDATE SET ntlm = 2";
    bench.refused(upsert, &["users.ntlm"]);
    let upsert = "INSERT INTO users(name) VALUES ('BOB') ON CONFLICT (name) DO UPDATE SET name = 'alice'";
    bench.refused(upsert, &["users.name", "exists"]);
}

#[test]
fn aliases_and_delegates() {
    let bench = bench();
    bench.sql("INSERT INTO aliases VALUES ('sales', 'alice'); INSERT INTO delegates VALUES ('bob', 'alice')");
    bench.refused("INSERT INTO aliases VALUES ('x', 'nobody')", &["aliases.mailbox", "no such mailbox"]);
    bench.refused("INSERT INTO aliases VALUES ('x', 'sales')", &["aliases.mailbox", "no such mailbox"]);
    bench.refused("UPDATE aliases SET mailbox = 'nobody'", &["aliases.mailbox"]);
    for address in ["", "a b", "a@b@c"] {
        bench.refused(&format!("INSERT INTO aliases VALUES ('{address}', 'alice')"), &["aliases.address", "1 to 255"]);
    }
    bench.refused("INSERT INTO delegates VALUES ('nobody', 'alice')", &["delegates.delegate", "no such user"]);
    bench.refused("INSERT INTO delegates VALUES ('bob', 'nobody')", &["delegates.principal", "no such mailbox"]);
    bench.refused("UPDATE delegates SET delegate = 'nobody'", &["delegates.delegate"]);
}

#[test]
fn messages_are_immutable() {
    let bench = bench();
    for change in [
        "uid = 99",
        "size = 1",
        "received_at = '2020-01-01T00:00:00Z'",
        "unique_id = 'x'",
        "sender = 'x'",
        "stored_at = NULL",
    ] {
        bench.refused(&format!("UPDATE messages SET {change} WHERE mailbox = 'alice'"), &["immutable"]);
    }
    bench.refused("UPDATE messages SET read = 2", &["messages.read", "0 or 1"]);
    bench.refused("INSERT INTO messages(mailbox, uid) VALUES ('alice', 9)", &["view"]);
    bench.refused("UPDATE recoverable SET deleted_at = '2020-01-01T00:00:00Z'", &["recoverable.deleted_at"]);
    bench.refused("UPDATE recoverable SET deleted_at = NULL, uid = 3", &["recoverable.deleted_at"]);
    bench.assert_sound();
}

#[test]
fn null_is_named_too() {
    let bench = bench();
    for name in bench.sql("SELECT name FROM settings").lines() {
        bench.refused(&format!("UPDATE settings SET value = NULL WHERE name = '{name}'"), &[&format!("{name}: ")]);
    }
    for name in ["Domains", "GssapiRealms", "SSLBindings", "LmtpBindings", "TrustedNetworks"] {
        bench.refused(&format!("UPDATE settings SET value = NULL WHERE name = '{name}'"), &[name, "comma separated"]);
    }
    bench.refused("UPDATE users SET pop_enabled = NULL", &["users.pop_enabled: 0 or 1"]);
    bench.refused("INSERT INTO users(name, ntlm) VALUES ('carol', NULL)", &["users.ntlm: 0 or 1"]);
    bench.refused("INSERT INTO users(name) VALUES (NULL)", &["users.name: 1 to 255"]);
    bench.refused("UPDATE mailboxes SET retention_hold = NULL", &["mailboxes.retention_hold: 0 or 1"]);
    bench.refused("INSERT INTO mailboxes(name) VALUES (NULL)", &["mailboxes.name: 1 to 255"]);
    bench.refused("INSERT INTO aliases VALUES (NULL, 'alice')", &["aliases.address: 1 to 255"]);
}

#[test]
fn certificates_have_host_names_and_files() {
    let bench = bench();
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    for name in
        ["mail.example.net", "*.example.net", "localhost", "xn--bcher-kva.example", "a-b.c1.d", "*.local", &longest]
    {
        bench.sql(&format!("INSERT INTO certificates VALUES ('{name}', '/etc/tls/a.pem', '/etc/tls/a.key')"));
    }
    let long_label = format!("{label}a.example");
    let too_long = format!("{longest}a");
    for name in [
        "",
        "*",
        "*.",
        "*example.net",
        "mail.*.net",
        "*.*.net",
        ".example.net",
        "example.net.",
        "a..b",
        "-a.example",
        "a-.example",
        "a.-b.example",
        "a_b.example",
        "b\u{fc}cher.example",
        "mail example",
        "10.0.0.1",
        "127",
        "::1",
        "mail:110",
        "@example",
        &long_label,
        &too_long,
    ] {
        bench.refused(
            &format!("INSERT INTO certificates VALUES ('{name}', '/etc/tls/a.pem', '/etc/tls/a.key')"),
            &["certificates.name", "host name"],
        );
    }
    bench.refused("INSERT INTO certificates VALUES (NULL, '/a', '/b')", &["certificates.name"]);
    bench.refused("INSERT INTO certificates VALUES ('MAIL.example.net', '/a', '/b')", &["certificates.name"]);
    for value in ["NULL", "''", "'/a\n'", &format!("'{}'", "a".repeat(4096))] {
        for (column, row) in [("certificate_file", format!("{value}, '/b'")), ("key_file", format!("'/a', {value}"))] {
            let sql = format!("INSERT INTO certificates VALUES ('other.example', {row})");
            bench.refused(&sql, &[&format!("certificates.{column}: 1 to 4095")]);
        }
    }
}
