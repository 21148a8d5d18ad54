//! What the schema takes for a hash, the program can compare a password with.

use crate::shell::{Bench, taken};
use pillarbox::auth::credential::{Credentials, KeyFile, Verdict};
use pillarbox::secret::Secret;

const SALT: &str = "c2FsdHNhbHRzYWx0";
const HASH: &str = "W44sPlfxzjMOLOCJlwjVtQTVnV9NugpEUW7QBcuTHHA";
const SHA: &str = "39D7oRFiH.PFqtBRaq6JvVHEcKdxqNjL9RBo5V4Ufcvntzpymzx3TuWUU3WkCYDX2ZxozYC3gjPSy4KJVC0dS/";

fn hashes() -> Vec<String> {
    let mut values = Vec::new();
    for head in [
        "argon2id$v=19$m=64,t=1,p=1",
        "argon2i$v=16$m=64,t=1,p=1",
        "argon2d$v=19$m=32,t=2,p=4",
        "argon2id$v=99$m=64,t=1,p=1",
        "argon2id$v=18$m=64,t=1,p=1",
        "argon2id$v=019$m=64,t=1,p=1",
        "argon2x$v=19$m=64,t=1,p=1",
        "argon2id$v=19$m=8,t=1,p=1",
        "argon2id$v=19$m=7,t=1,p=1",
        "argon2id$v=19$m=1,t=1,p=1",
        "argon2id$v=19$m=31,t=1,p=4",
        "argon2id$v=19$m=64,t=1,p=0",
        "argon2id$v=19$m=64,t=1,p=5",
        "argon2id$v=19$m=64,t=0,p=1",
        "argon2id$v=19$m=64,t=10,p=1",
        "argon2id$v=19$m=64,t=11,p=1",
        "argon2id$v=19$m=65536,t=1,p=1",
        "argon2id$v=19$m=65537,t=1,p=1",
        "argon2id$v=19$m=4294967295,t=1,p=1",
        "argon2id$v=19$m=99999999999999999999,t=1,p=1",
        "argon2id$v=19$m=064,t=1,p=1",
        "argon2id$v=19$m=64,t=01,p=1",
        "argon2id$v=19$m=64,t=1,p=1x",
        "argon2id$v=19$m=6 4,t=1,p=1",
    ] {
        values.push(format!("${head}${SALT}${HASH}"));
    }
    let head = "$argon2id$v=19$m=64,t=1,p=1";
    for length in [10, 11, 12, 13, 14, 15, 16, 62, 63, 64, 65, 66] {
        values.push(format!("{head}${}${HASH}", "A".repeat(length)));
        values.push(format!("{head}${SALT}${}", "A".repeat(length + 6)));
        values.push(format!("{head}${SALT}${}", "A".repeat(length + 22)));
    }
    for last in ["A", "B", "E", "g", "Q", "w", "8", "9", "/", "+", ".", "=", "-"] {
        values.push(format!("{head}${}{last}${HASH}", "A".repeat(21)));
        values.push(format!("{head}${}{last}${HASH}", "A".repeat(22)));
        values.push(format!("{head}${SALT}${}{last}", "A".repeat(42)));
        values.push(format!("$2b$04${}{last}{}", "a".repeat(21), "a".repeat(31)));
        values.push(format!("$2b$04${}u{}{last}", "a".repeat(21), "a".repeat(30)));
        values.push(format!("$6$salt${}{last}", "a".repeat(85)));
    }
    for cost in ["03", "04", "14", "15", "31", "39", "00", "4$", "xx"] {
        values.push(format!("$2b${cost}$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"));
    }
    for head in [
        "$6$",
        "$6$$",
        "$6$s$",
        "$6$sixteenletters..$",
        "$6$rounds=1000$s$",
        "$6$rounds=999$s$",
        "$6$rounds=1000000$s$",
        "$6$rounds=1000001$s$",
        "$6$rounds=999999999$s$",
        "$6$rounds=1=2$s$",
        "$6$rounds=01000$s$",
        "$6$rounds=+1000$s$",
        "$6$rounds=$s$",
        "$6$rounds=1000$",
        "$6$rounds=5000$$",
        "$6$s$t$",
        "$6$rounds=5000$s$t$",
        "$6$ $",
    ] {
        values.push(format!("{head}{SHA}"));
    }
    values.extend([format!("$6$s${}", &SHA[1..]), format!("$6$s${SHA}a"), format!("$6$s${SHA}$")]);
    values
}

/// What the schema takes for a hash the program can compare a password with.
#[test]
fn hashes_that_are_taken_can_be_verified() {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name) VALUES ('alice')");
    let mut quarrels = Vec::new();
    let credentials = Credentials::new(2, KeyFile::beside(&bench.path())).unwrap();
    let plain = hashes();
    let behind = |scheme: &str, prefix: &str| -> Vec<String> {
        plain.iter().filter(|hash| hash.starts_with(prefix)).map(|hash| format!("{{{scheme}}}{hash}")).collect()
    };
    let schemes = [
        behind("ARGON2ID", "$argon2id"),
        behind("BLF-CRYPT", "$2b$"),
        behind("sha512-crypt", "$6$"),
        behind("CRYPT", "$6$"),
    ];
    for values in [&[plain.clone()][..], &schemes].concat() {
        let texts: Vec<Vec<u8>> = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        let shell = taken(
            &bench,
            "UPDATE users SET password = NULL",
            "UPDATE users SET password = NEW",
            "SELECT password FROM users",
            &texts,
        );
        assert!(shell.contains(&true) && shell.contains(&false));
        for (value, shell) in values.iter().zip(shell) {
            let verdict = credentials.verify(&"x".into(), Some(&Secret::from(value.as_str())), None);
            if shell == (verdict == Verdict::Malformed) {
                quarrels.push(format!("{value}: the shell says {shell}"));
            }
        }
    }
    assert!(quarrels.is_empty(), "{quarrels:#?}");
}

/// What the program would verify, but no tool writes.
#[test]
fn hashes_in_an_odd_form_are_refused() {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name) VALUES ('alice')");
    for head in ["v=19$m=64,t=1,p=1,keyid=aaaa", "v=19$m=64,t=1", "m=64,t=1,p=1"] {
        let hash = format!("$argon2id${head}${SALT}${HASH}");
        bench.refused(&format!("UPDATE users SET password = '{hash}'"), &["users.password", "well-formed"]);
    }
    let hash = "$2b$+4$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
    bench.refused(&format!("UPDATE users SET password = '{hash}'"), &["users.password", "well-formed"]);
}
