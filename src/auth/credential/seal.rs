//! Sealing of verifiers, which are as good as the password or a way to guess it (AES-256-GCM, NIST SP 800-38D).
//!
//! A sealed value is bound to its user: copied to another row it does not open. It begins with a mark of the key file, so
//! that what was sealed with another one is found without opening it. What must not be known here: where the key comes from
//! (see `keyfile`) and what is sealed.

use super::{CredentialError, Secret, random};
use crate::hmac::Key;
use crate::store::UserId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};

/// What a sealed value begins with: the version of this format.
const VERSION: &str = "v2,";
/// Octets of a mark, of which two key files have the same one by chance only.
const MARK: usize = 6;
/// Octets of the nonce, which is random, and of the tag.
const NONCE: usize = 12;
const TAG: usize = 16;

/// What everything begins with that is sealed with a key file; `key` is made from it for this purpose.
pub fn mark(key: &Key) -> String {
    format!("{VERSION}{},", STANDARD.encode(&key[..MARK]))
}

/// `mark` and base64 of nonce, ciphertext and tag.
///
/// # Errors
/// No random numbers, or the cipher failed.
pub fn seal(mark: &str, key: &Key, user: UserId, plain: &Secret) -> Result<Secret, CredentialError> {
    let nonce = random::<NONCE>()?;
    let mut tag = [0; TAG];
    let cipher = Cipher::aes_256_gcm();
    let sealed = encrypt_aead(cipher, &**key, Some(&*nonce), &user.0.to_be_bytes(), plain.expose(), &mut tag)
        .map_err(|error| CredentialError::Internal(format!("AES-256-GCM: {error}")))?;
    let octets = [&nonce[..], &sealed, &tag].concat();
    Ok(Secret::new(format!("{mark}{}", STANDARD.encode(octets)).into_bytes()))
}

/// Opens it again, if it was sealed with this key for this user.
pub fn open(mark: &str, key: &Key, user: UserId, sealed: &Secret) -> Option<Secret> {
    let octets = STANDARD.decode(sealed.expose_str()?.strip_prefix(mark)?).ok()?;
    let (nonce, rest) = octets.split_at_checked(NONCE)?;
    let (sealed, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
    let plain = decrypt_aead(Cipher::aes_256_gcm(), &**key, Some(nonce), &user.0.to_be_bytes(), sealed, tag);
    plain.ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "v2,AAAAAAAA,";

    #[test]
    fn opens_with_the_same_key_for_the_same_user_only() {
        let (key, plain) = (Key::new([7; 32]), Secret::from("0123456789abcdef"));
        let sealed = seal(MARK, &key, UserId(1), &plain).unwrap();
        assert_eq!(open(MARK, &key, UserId(1), &sealed), Some(plain.clone()));
        assert_eq!(open(MARK, &key, UserId(2), &sealed), None);
        assert_eq!(open(MARK, &Key::new([8; 32]), UserId(1), &sealed), None);
        assert_ne!(seal(MARK, &key, UserId(1), &plain).unwrap(), sealed, "a new nonce each time");
    }

    #[test]
    fn a_mark_tells_key_files_apart_and_opens_nothing_else() {
        let (key, other) = (Key::new([7; 32]), Key::new([8; 32]));
        assert_ne!(mark(&key), mark(&other));
        assert_eq!(mark(&key).len(), MARK.len());
        let sealed = seal(&mark(&key), &key, UserId(1), &"x".into()).unwrap();
        assert!(sealed.expose().starts_with(mark(&key).as_bytes()));
        assert_eq!(open(&mark(&other), &key, UserId(1), &sealed), None);
    }

    #[test]
    fn refuses_what_was_changed_or_never_sealed() {
        let key = Key::new([7; 32]);
        let sealed = seal(MARK, &key, UserId(1), &"0123456789abcdef".into()).unwrap();
        let octets = STANDARD.decode(&sealed.expose_str().unwrap()[MARK.len()..]).unwrap();
        for i in 0..octets.len() {
            let mut octets = octets.clone();
            octets[i] ^= 1;
            let changed = format!("{MARK}{}", STANDARD.encode(octets));
            assert_eq!(open(MARK, &key, UserId(1), &changed.as_str().into()), None, "octet {i}");
        }
        for text in ["", MARK, "v2,AAAAAAAA,!", "v2,AAAAAAAA,AAAA", "v1,AAAA", &STANDARD.encode(&octets)] {
            assert_eq!(open(MARK, &key, UserId(1), &text.into()), None, "{text}");
        }
        assert_eq!(open(MARK, &key, UserId(1), &Secret::new(vec![0xff])), None);
    }
}
