//! HMAC-SHA256 (RFC 2104).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A key, or what comes out of one; wiped when dropped.
pub type Key = Zeroizing<[u8; 32]>;

/// The code of the parts one after the other. The caller makes them unambiguous.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Key {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { unreachable!("HMAC takes keys of any length") };
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_openssl() {
        let key = openssl::pkey::PKey::hmac(&[7; 32]).unwrap();
        let digest = openssl::hash::MessageDigest::sha256();
        let expected = openssl::sign::Signer::new(digest, &key).unwrap().sign_oneshot_to_vec(b"one two").unwrap();
        assert_eq!(hmac_sha256(&[7; 32], &[b"one", b"", b" two"]).as_slice(), expected);
    }
}
