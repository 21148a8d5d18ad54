//! What NTLMv2 computes ([MS-NLMP] 3.3.2). MD5 and RC4 are the protocol's, not our choice: only TLS
//! makes this mechanism safe against somebody who listens.

use super::message::utf16;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use rc4::{Rc4, StreamCipher};

/// 128 bits of key or digest.
pub type Key = [u8; 16];

/// ResponseKeyNT: the user's name counts in capitals, the domain as sent.
pub fn response_key(nt_hash: &[u8], user: &str, domain: &str) -> Key {
    let upper: String = user.chars().map(upper).collect();
    hmac_md5(nt_hash, &[&utf16(&upper), &utf16(domain)])
}

/// One UTF-16 unit to one, as Windows does: `ß` and what lies beyond the first plane stay.
fn upper(letter: char) -> char {
    let mut mapped = letter.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) if letter.len_utf16() == 1 => one,
        _ => letter,
    }
}

/// NTProofStr.
pub fn proof(response_key: &Key, server_challenge: &[u8; 8], temp: &[u8]) -> Key {
    hmac_md5(response_key, &[server_challenge, temp])
}

/// ExportedSessionKey ([MS-NLMP] 3.4.5.1): the session base key, or the one the client made,
/// sent encrypted with it.
pub fn exported_key(response_key: &Key, proof: &Key, encrypted: Option<&Key>) -> Key {
    let base = hmac_md5(response_key, &[proof]);
    let Some(encrypted) = encrypted else { return base };
    let mut key = *encrypted;
    if let Ok(mut cipher) = Rc4::new_from_slice(&base) {
        cipher.apply_keystream(&mut key);
    }
    key
}

/// MIC over all three messages, the last one with zeroes in its place ([MS-NLMP] 3.1.5.1.2).
pub fn mic(exported_key: &Key, negotiate: &[u8], challenge: &[u8], authenticate: &[u8]) -> Key {
    hmac_md5(exported_key, &[negotiate, challenge, authenticate])
}

/// MsvAvChannelBindings: MD5 of gss_channel_bindings_struct with neither address ([MS-NLMP] 2.2.2.1).
pub fn bindings(application_data: &[u8]) -> Key {
    let length = (application_data.len() as u32).to_le_bytes();
    Md5::new().chain_update([0; 16]).chain_update(length).chain_update(application_data).finalize().into()
}

fn hmac_md5(key: &[u8], chunks: &[&[u8]]) -> Key {
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else { unreachable!("HMAC takes keys of any length") };
    for chunk in chunks {
        mac.update(chunk);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_is_one_unit_to_one() {
        let upper: String = "aß\u{e9}\u{10428}\u{149}".chars().map(upper).collect();
        assert_eq!(upper, "Aß\u{c9}\u{10428}\u{149}");
    }
}
