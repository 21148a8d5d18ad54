//! Whether a value of `users.password` is a hash or the password itself: the rule of the column `is_hash`.

/// How hashes begin: those that can be verified, and what else crypt(5), PHC and well-known programs write. The
/// string of one of these would log in, were it taken for a password.
const HASHES: &[&str] = &[
    "$argon2", "$2a$", "$2b$", "$2y$", "$6$", "$1$", "$2$", "$2x$", "$3$", "$5$", "$7$", "$y$", "$gy$", "$md5",
    "$sha1", "$apr1$", "$scrypt$", "$pbkdf2", "$bcrypt", "$P$", "$H$", "$S$",
];

/// Whether a value says that it is a hash. The schema's `users.is_hash` is the same rule; a test compares them.
pub fn is_hash(value: &[u8]) -> bool {
    match dovecot(value) {
        Some((scheme, _)) => !scheme.eq_ignore_ascii_case("PLAIN"),
        None => HASHES.iter().any(|prefix| value.starts_with(prefix.as_bytes())),
    }
}

/// Scheme and rest of Dovecot's `{SCHEME}rest`.
pub fn dovecot(value: &[u8]) -> Option<(&str, &[u8])> {
    let rest = value.strip_prefix(b"{")?;
    let end = rest.iter().position(|octet| *octet == b'}')?;
    let scheme = std::str::from_utf8(&rest[..end]).ok()?;
    let named = !scheme.is_empty() && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c));
    named.then(|| (scheme, &rest[end + 1..]))
}
