//! The NT hash: NTOWFv1 of [MS-NLMP] 3.3.1.
//!
//! It is as good as the password itself, so it is kept only for users who want NTLM, and sealed
//! (see `seal`). What must not be known here: users, and the exchange (see `sasl`).

use super::Secret;
use md4::{Digest, Md4};
use zeroize::Zeroizing;

/// Its length, octets.
pub const LENGTH: usize = 16;

/// `MD4(UTF16LE(password))`; none for a password that is not UTF-8, which NTLM cannot express.
pub fn nt_hash(password: &Secret) -> Option<Secret> {
    let units = password.expose_str()?.encode_utf16().flat_map(u16::to_le_bytes);
    let mut octets = Zeroizing::new(Vec::with_capacity(2 * password.expose().len()));
    octets.extend(units);
    Some(Secret::new(Md4::digest(&*octets).to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(secret: &Secret) -> String {
        secret.expose().iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn equals_the_published_vectors() {
        // [MS-NLMP] 4.2.2.1.2, and notes of the same kind from elsewhere.
        assert_eq!(hex(&nt_hash(&"Password".into()).unwrap()), "a4f49c406510bdcab6824ee7c30fd852");
        assert_eq!(hex(&nt_hash(&"".into()).unwrap()), "31d6cfe0d16ae931b73c59d7e0c089c0");
        assert_eq!(nt_hash(&"Password".into()).unwrap().expose().len(), LENGTH);
    }

    #[test]
    fn counts_utf_16_units() {
        let hash = nt_hash(&"p\u{e4}ss\u{1f40e}".into()).unwrap();
        let units = [0x70, 0xe4, 0x73, 0x73, 0xd83d, 0xdc0e_u16];
        let octets: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        assert_eq!(hash.expose(), Md4::digest(octets).as_slice());
        assert_eq!(nt_hash(&Secret::new(vec![0xff])), None);
    }
}
