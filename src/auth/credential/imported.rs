//! Hashes that came with users from elsewhere: bcrypt and SHA-512 crypt.
//!
//! They are only verified, never made: the first login replaces them by Argon2id. Their costs are
//! capped, as whoever wrote the row need not mean well. What must not be known here: permits (the
//! caller holds one), users, and prefixes of other products (see `stored`).

use super::Secret;
use super::argon2::Verdict;
use sha_crypt::{PasswordVerifier, ShaCrypt};
use std::str::FromStr;

/// Highest cost of a bcrypt hash: 2^14 rounds, about a second.
const MOST_COST: u32 = 14;
/// Most rounds of a SHA-512 crypt hash, about half a second; 656,000 is the default of passlib.
const MOST_ROUNDS: u32 = 1_000_000;
/// Longest password, octets, that SHA-512 crypt is computed of; its work grows with the square.
/// Longer ones cannot have been set: libxcrypt refuses them too.
const LONGEST_HASH: usize = 512;

/// bcrypt as crypt(5) has it: `$2b$`, and `$2a$` and `$2y$`, which mean the same in good
/// implementations. Like everywhere, only the first 72 octets of a password count.
pub fn verify_bcrypt(password: &Secret, hash: &str) -> Verdict {
    let known = ["$2a$", "$2b$", "$2y$"].iter().any(|version| hash.starts_with(version));
    match bcrypt::HashParts::from_str(hash) {
        Ok(parts) if known && parts.get_cost() <= MOST_COST => {
            bcrypt::verify(password.expose(), hash).map_or(Verdict::Malformed, Verdict::from)
        }
        _ => Verdict::Malformed,
    }
}

/// `$6$[rounds=N$]salt$hash` of crypt(5).
pub fn verify_sha512_crypt(password: &Secret, hash: &str) -> Verdict {
    use sha_crypt::password_hash::Error;
    let Some(rest) = hash.strip_prefix("$6$") else { return Verdict::Malformed };
    if rounds(rest).is_none_or(|rounds| rounds > MOST_ROUNDS) {
        return Verdict::Malformed;
    }
    if password.expose().len() > LONGEST_HASH {
        return Verdict::Wrong;
    }
    match ShaCrypt::SHA512.verify_password(password.expose(), hash) {
        Ok(()) => Verdict::Right,
        Err(Error::PasswordInvalid) => Verdict::Wrong,
        Err(_) => Verdict::Malformed,
    }
}

/// The rounds that a hash asks for, if what it says can be read.
fn rounds(rest: &str) -> Option<u32> {
    match rest.strip_prefix("rounds=") {
        Some(rest) => {
            let written = rest.split('$').next()?;
            written.parse().ok().filter(|rounds: &u32| rounds.to_string() == written)
        }
        None => Some(sha_crypt::Params::RECOMMENDED_ROUNDS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_hostile_or_no_hash() {
        for hash in [
            "",
            "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6",
            "$2b$03$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
            "$2b$15$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
            "$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
            "$2b$xx$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
            "$2b$04$!bcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
            // The broken variant of 2011.
            "$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        ] {
            assert_eq!(verify_bcrypt(&"correct horse".into(), hash), Verdict::Malformed, "{hash}");
        }
        let tail = "39D7oRFiH.PFqtBRaq6JvVHEcKdxqNjL9RBo5V4Ufcvntzpymzx3TuWUU3WkCYDX2ZxozYC3gjPSy4KJVC0dS/";
        for head in [
            "$6$rounds=1000001$abc$",
            "$6$rounds=999999999$abc$",
            "$6$rounds=$abc$",
            "$6$rounds=999$abc$",
            "$6$rounds=01000$abc$",
            "$6$rounds=1=2$abc$",
            "$5$abc$",
            "$6$",
        ] {
            let hash = format!("{head}{tail}");
            assert_eq!(verify_sha512_crypt(&"correct horse".into(), &hash), Verdict::Malformed, "{hash}");
        }
        assert_eq!(verify_sha512_crypt(&"correct horse".into(), "$6$abc$short"), Verdict::Malformed);
    }

    #[test]
    fn a_password_too_long_for_sha512_crypt_is_a_wrong_one() {
        let hash =
            "$6$rounds=1000$s$ngCmVjA8pGCMMPgEyXaZXzjieeeMkIJjqGAj7PB0146sfcz/AjHuNv3JpM/W9oPYXs3EDSrr88dFQccbNJHBu/";
        assert_eq!(verify_sha512_crypt(&Secret::new(vec![b'y'; 200]), hash), Verdict::Right);
        assert_eq!(verify_sha512_crypt(&Secret::new(vec![b'y'; 513]), hash), Verdict::Wrong);
    }
}
