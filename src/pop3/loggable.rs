//! What a log may show of what a client says: no secret, and nothing that may be half of one.

use super::command::{arguments, is_keyword};

/// Words that we do not have, but clients try: a log may show them, for they are no secret out of turn.
const FOREIGN: &[&str] = &["APOP", "LANG", "LAST", "XTND", "HELP", "EHLO", "HELO", "GET"];
const FOREIGN_MECHANISMS: &[&str] =
    &["LOGIN", "CRAM-MD5", "DIGEST-MD5", "EXTERNAL", "ANONYMOUS", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-512"];

/// What a log may show of a line: no secret, and nothing of a line that is no command, which may
/// be half of an exchange that had failed.
pub fn command(line: &[u8]) -> String {
    let mut words = arguments(line).map(|word| String::from_utf8_lossy(word).to_ascii_uppercase());
    let keyword = words.next().unwrap_or_default();
    match keyword.as_str() {
        "" => "(empty line)".into(),
        "AUTH" => {
            let mechanism = words.next().map_or(String::new(), |name| format!(" {}", loggable_mechanism(&name)));
            format!("AUTH{mechanism}{}", masked(words))
        }
        "PASS" => format!("PASS{}", masked(words)),
        known if is_keyword(known) => String::from_utf8_lossy(line).into_owned(),
        foreign if FOREIGN.contains(&foreign) => format!("{foreign}{}", masked(words)),
        _ => format!("(unknown command, a line of {} octets)", line.len()),
    }
}

fn loggable_mechanism(name: &str) -> &str {
    let known = crate::sasl::find(name.as_bytes()).is_some() || FOREIGN_MECHANISMS.contains(&name);
    if known { name } else { "(unknown mechanism)" }
}

/// That there is more, not what.
fn masked(mut words: impl Iterator<Item = String>) -> &'static str {
    if words.next().is_some() { " *****" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_shows_no_secret() {
        assert_eq!(command(b"pass se cret"), "PASS *****");
        assert_eq!(command(b"AUTH plain AGFsaWNlAHNlIGNyZXQ="), "AUTH PLAIN *****");
        assert_eq!(command(b"AUTH AGFsaWNlAHNlIGNyZXQ="), "AUTH (unknown mechanism)");
        assert_eq!(command(b"AGFsaWNlAHNlIGNyZXQ="), "(unknown command, a line of 20 octets)");
        assert_eq!(command(b"apop alice c4c9334bac560ecc979e58001b3e22fb"), "APOP *****");
    }

    #[test]
    fn a_log_shows_what_is_no_secret() {
        for shown in ["USER alice", "AUTH", "AUTH LOGIN", "AUTH PLAIN", "PASS", "LAST", "RETR 1"] {
            assert_eq!(command(shown.as_bytes()), shown);
        }
        assert_eq!(command(b"auth cram-md5 x"), "AUTH CRAM-MD5 *****");
        assert_eq!(command(b" \t"), "(empty line)");
    }
}
