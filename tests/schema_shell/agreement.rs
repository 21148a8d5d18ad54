//! What the shell may write is what the program can read, value by value: one that only the schema takes
//! would stop the server, one that only the program takes could not be set.

use crate::shell::{Bench, hashes, taken};
use pillarbox::auth::credential::is_hash;
use pillarbox::settings::{Kind, SETTINGS, Setting, Settings};
use std::collections::BTreeMap;

/// Pseudo-random numbers, the same at each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// Up to `most` of these parts in a row.
    fn joined(&mut self, parts: &[&str], most: usize) -> String {
        let count = self.below(most) + 1;
        (0..count).map(|_| parts[self.below(parts.len())]).collect()
    }
}

#[track_caller]
fn settings_agree(names: &[&str], mut values: Vec<Vec<u8>>) {
    let bench = Bench::new();
    values.sort();
    values.dedup();
    let mut quarrels = Vec::new();
    for name in names {
        let at = format!("WHERE name = '{name}'");
        let shell = taken(
            &bench,
            "",
            &format!("UPDATE settings SET value = NEW {at}"),
            &format!("SELECT value FROM settings {at}"),
            &values,
        );
        for (value, shell) in values.iter().zip(shell) {
            let program = std::str::from_utf8(value).is_ok_and(|text| Settings::default().set(name, text).is_ok());
            if shell != program {
                quarrels.push(format!("{name} = {:?}: the shell says {shell}", String::from_utf8_lossy(value)));
            }
        }
    }
    assert!(quarrels.is_empty(), "{quarrels:#?}");
}

fn octets(values: &[&str]) -> Vec<Vec<u8>> {
    values.iter().map(|value| value.as_bytes().to_vec()).collect()
}

const ADDRESSES: &[&str] = &[
    "",
    " ",
    "-",
    ".",
    ":",
    "::",
    ":::",
    "::::",
    "0",
    "1",
    "10",
    "ff",
    "1.2",
    "1.2.3",
    "1.2.3.4",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "1.2.3.4:",
    "1.2.3.4::",
    ":1.2.3.4",
    "::1.2.3.4",
    "::1.2.3",
    "::256.0.0.1",
    "1::1.2.3.4",
    "1:2:3:4:5:6:1.2.3.4",
    "1:2:3:4:5:6:7:1.2.3.4",
    "1:2:3:4:5:1.2.3.4",
    "1:2:3:4:5::1.2.3.4",
    "1:2:3:4:5:6::1.2.3.4",
    "::1.2.3.4:5",
    "1.2.3.4::5",
    "::ff.1.2.3",
    "::1",
    "::1::",
    "1::",
    "1::2",
    "1::2::3",
    ":1",
    "1:",
    ":1::",
    "::1:",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7",
    "::1:2:3:4:5:6:7:8",
    "1::3:4:5:6:7:8",
    "1:::8",
    "0::0",
    "0:0:0:0:0:0:0:0",
    "12345::",
    "::12345",
    "fffff::",
    "ffff::FFFF",
    "g::",
    "fe80::1%1",
    "::ffff:10.0.0.1",
    "::ffff:a00:1",
    "::FFFF:10.0.0.999",
    "0:0:0:0:0:ffff:1:2",
    "::0:ffff:1.2.3.4",
    "::00ffff:1:2",
    "::1:ffff:1:2",
    "::ffff:0:0:0",
    "host",
    "é::",
    "1.2.3.\u{661}",
];

#[test]
fn networks() {
    let mut values = octets(&[
        "10.0.0.0/8, fd00::/8",
        "10.0.0.0/8,",
        ",",
        "10.0.0.0/8\t",
        "10.0.0.0 /8",
        "10.0.0.0/ 8",
        "/8",
        "10.0.0.0/8/8",
    ]);
    for address in ADDRESSES {
        for bits in
            ["", "/0", "/8", "/08", "/32", "/33", "/95", "/96", "/104", "/128", "/129", "/", "/-1", "/+8", "/x", "/1e1"]
        {
            values.push(format!("{address}{bits}").into_bytes());
        }
    }
    let mut numbers = Numbers(1);
    let parts = ["0", "1", "ffff", "FFFF", "12345", ":", ":", ":", "::", "1.2.3.4", ".", "/96", "/128", ",", " "];
    values.extend((0..600).map(|_| numbers.joined(&parts, 12).into_bytes()));
    settings_agree(&["TrustedNetworks", "ProxyNetworks"], values);
}

#[test]
fn bindings() {
    let mut values = octets(&[
        "1.2.3.4:5, [::1]:6",
        "1.2.3.4:5,",
        "1.2.3.4 :5",
        "[:: 1]:5",
        "[ ::1 ]:5",
        "1.2.3.4:5\t",
        "::1:110",
        "[::1]",
        "[]:1",
        "/",
    ]);
    values.extend(octets(&[
        "/x",
        "//",
        "/x/",
        "/x,127.0.0.1:24",
        "/a b",
        " /x ",
        "x",
        "/\u{85}",
        "/\u{7f}",
        "/a\0b",
        "/é",
        "/\u{a0}",
        "\u{a0}/x",
    ]));
    values.extend(["x", "é"].iter().flat_map(|c| [53, 54, 106, 107].map(|n| format!("/{}", c.repeat(n)).into_bytes())));
    values.push(b"/\xff".to_vec());
    for address in ADDRESSES {
        values.push(format!("{address}:1").into_bytes());
        values.push(format!("[{address}]:1").into_bytes());
    }
    for port in ["", "0", "65535", "65536", "00080", "0000080", "99999999999999999999", "+1", "-1", "1e1", "x"] {
        values.push(format!("1.2.3.4:{port}").into_bytes());
        values.push(format!("[::1]:{port}").into_bytes());
    }
    for scope in ["", "0", "1", "007", "4294967295", "4294967296", "00000000004", "eth0", "1%1", "-1"] {
        values.push(format!("[fe80::1%{scope}]:1").into_bytes());
        values.push(format!("[fe80::1]:1%{scope}").into_bytes());
    }
    let mut numbers = Numbers(2);
    let parts = ["[", "]", "[::", "1", "0", "ffff", ":", ":", "::", "1.2.3.4", ".", "%1", "]:1", ":1", ",", "/"];
    values.extend((0..600).map(|_| numbers.joined(&parts, 9).into_bytes()));
    settings_agree(&["UnencryptedOrTLSBindings", "SSLBindings", "LmtpBindings", "HttpBindings"], values);
}

/// Texts that some kind of setting refuses for one character, or for one too many.
fn texts() -> Vec<Vec<u8>> {
    let mut values = octets(&[
        "", " ", "  ", "a", "a.b, b.c", "a,,b", ",", "a,", "a b", " a ", "a@b", "a/b", "/a", "a\\b", "a\"b", "[a",
        "a[", "<", "+-_",
    ]);
    values.extend(octets(&[
        "777", "0777", "1777", "00777", "778", "07", "0", "1", "01", "00", "-0", "+1", "1 ", "1.0", "0x1", "1e2", "40",
        "512", "1024", "60",
    ]));
    let odd = [
        0, 1, 9, 10, 13, 0x1f, 0x7e, 0x7f, 0x80, 0x85, 0x9f, 0xa0, 0xa1, 0xad, 0x1680, 0x180e, 0x1fff, 0x2000, 0x200a,
        0x200b, 0x2028,
    ];
    let more = [
        0x2029, 0x202f, 0x205f, 0x2060, 0x3000, 0xd7ff, 0xe000, 0xfdd0, 0xfeff, 0xfffd, 0xfffe, 0xffff, 0x1_0000,
        0x1_fffe, 0x10_ffff,
    ];
    for c in odd.into_iter().chain(more).filter_map(char::from_u32) {
        for text in [format!("{c}"), format!("a{c}b"), format!("/{c}"), format!("a,{c}"), format!("{c}a")] {
            values.push(text.into_bytes());
        }
    }
    for c in ["x", "é", "\u{fffd}", "\u{1f600}"] {
        for length in [16, 17, 255, 256, 400, 401, 1023, 1024, 2047, 2048, 4095, 4096, 4097] {
            values.push(c.repeat(length).into_bytes());
        }
    }
    values
}

#[test]
fn texts_names_and_numbers() {
    let compared = |row: &&Setting| !matches!(row.kind, Kind::Bindings { .. } | Kind::Networks | Kind::Choice(_));
    let one_of_each: BTreeMap<_, _> =
        SETTINGS.iter().filter(compared).map(|row| (row.kind.range(), row.name)).collect();
    let settings: Vec<_> = one_of_each.into_values().collect();
    assert!(settings.len() > 15);
    settings_agree(&settings, texts());
}

/// Well-formed and other sequences, by RFC 3629 section 4.
fn sequences() -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = (0x80..=0xff).map(|octet| vec![octet]).collect();
    for lead in [
        0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xfc,
        0xfe,
    ] {
        for second in [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf] {
            for rest in [&[][..], &[0x80], &[0xbf], &[0x80, 0x80], &[0xbf, 0xbe], &[0xbf, 0xbf], &[0xbf; 4], &[0x80; 9]]
            {
                values.push([&[lead, second], rest].concat());
            }
        }
    }
    values
}

#[test]
fn utf8() {
    let mut values = sequences();
    values.extend(sequences().into_iter().map(|octets| [b"a", &octets[..], b"z"].concat()));
    settings_agree(&["Site"], values);
    settings_agree(&["CertificateFile", "Domains", "LmtpBindings"], sequences());
}

type Good = fn(&str) -> bool;

#[test]
fn columns_hold_utf8() {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name) VALUES ('alice'); INSERT INTO aliases VALUES ('sales', 'alice')");
    let name: Good = |text| !text.contains(|c: char| c.is_control() || c == ' ');
    let password: Good = |text| !text.contains(|c: char| c.is_ascii_control());
    let site: Good = |text| !text.contains(char::is_control);
    let rows: [(&str, &str, &str, Good); 9] = [
        (
            "DELETE FROM users WHERE name <> 'alice'",
            "INSERT INTO users(name) VALUES (NEW)",
            "SELECT name FROM users WHERE name <> 'alice'",
            name,
        ),
        ("UPDATE users SET name = 'bob'", "UPDATE users SET name = NEW", "SELECT name FROM users", name),
        (
            "DELETE FROM users WHERE name = 'bob'",
            "INSERT INTO users(name, password) VALUES ('bob', NEW)",
            "SELECT password FROM users WHERE name = 'bob'",
            password,
        ),
        ("UPDATE users SET password = 'x'", "UPDATE users SET password = NEW", "SELECT password FROM users", password),
        (
            "DELETE FROM mailboxes WHERE name <> 'alice'",
            "INSERT INTO mailboxes(name) VALUES (NEW)",
            "SELECT name FROM mailboxes WHERE name <> 'alice'",
            name,
        ),
        (
            "DELETE FROM mailboxes WHERE name <> 'alice'",
            "INSERT INTO mailboxes(name, site) VALUES ('dave', NEW)",
            "SELECT site FROM mailboxes WHERE name = 'dave'",
            site,
        ),
        (
            "UPDATE mailboxes SET site = NULL",
            "UPDATE mailboxes SET site = NEW",
            "SELECT site FROM mailboxes WHERE name = 'alice'",
            site,
        ),
        ("DELETE FROM aliases", "INSERT INTO aliases VALUES (NEW, 'alice')", "SELECT address FROM aliases", name),
        (
            "DELETE FROM aliases; INSERT INTO aliases VALUES ('sales', 'alice')",
            "UPDATE aliases SET address = NEW",
            "SELECT address FROM aliases",
            name,
        ),
    ];
    let values = sequences();
    for (reset, update, read, good) in rows {
        for (value, shell) in values.iter().zip(taken(&bench, reset, update, read, &values)) {
            assert_eq!(shell, std::str::from_utf8(value).is_ok_and(good), "{update}: {value:x?}");
        }
    }
    bench.assert_sound();
}

/// Which passwords wait to be hashed: one that only one side takes for a hash would wait for ever, or be hashed again.
#[test]
fn what_is_a_hash() {
    let parts = [
        "$",
        "$argon2",
        "$argon",
        "argon2",
        "$2b$",
        "$2a$",
        "$2y$",
        "$2",
        "$5$",
        "$y$",
        "$gy$",
        "$md5",
        "$apr1$",
        "$pbkdf2",
        "$H$",
        "y$",
        "{plain}",
        "$6$",
        "$6",
        "{",
        "}",
        "{}",
        "{A}",
        "{a b}",
        "{1}",
        "{.-_}",
        "{PLAIN}",
        "{SHA512-CRYPT}",
        "{\u{e9}}",
        "[",
        "]",
        "*",
        "x",
        " ",
    ];
    let mut numbers = Numbers(3);
    let mut values: Vec<String> = parts.iter().map(|part| (*part).into()).collect();
    values.extend((0..2000).map(|_| numbers.joined(&parts, 4)));
    values.sort();
    values.dedup();
    let shell = hashes(&Bench::new(), &values);
    assert_eq!(shell.len(), values.len());
    assert!(shell.contains(&true) && shell.contains(&false));
    for (value, shell) in values.iter().zip(shell) {
        assert_eq!(shell, is_hash(value.as_bytes()), "{value:?}");
    }
}
