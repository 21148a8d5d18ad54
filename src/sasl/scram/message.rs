//! The two messages a SCRAM client sends (RFC 5802 section 7), as types. Nothing is decided here.

use crate::sasl::gs2::{self, Flag, saslname};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest message, octets: room for two names of 255 characters, a nonce and a binding.
const LONGEST_MESSAGE: usize = 4096;

/// `client-first-message`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientFirst {
    /// What it says of channel binding.
    pub flag: Flag,
    /// Authorization identity, unescaped.
    pub authzid: Option<String>,
    /// Authentication identity, unescaped.
    pub username: String,
    /// The client's part of the nonce.
    pub nonce: String,
    /// `gs2-header`, as sent.
    pub gs2_header: String,
    /// `client-first-message-bare`, as sent.
    pub bare: String,
}

impl ClientFirst {
    /// Parses the message.
    ///
    /// # Errors
    /// What is wrong with it, for the client to read.
    pub fn parse(message: &[u8]) -> Result<Self, &'static str> {
        let text = text(message)?;
        let (header, bare) = gs2::parse(text)?;
        let gs2_header = &text[..text.len() - bare.len()];
        let mut attributes = bare.split(',');
        let username = attributes.next().unwrap_or_default();
        if username.starts_with("m=") {
            return Err("SCRAM extension is not supported");
        }
        Ok(Self {
            flag: header.flag,
            authzid: header.authzid,
            username: saslname(username.strip_prefix("n=").ok_or("SCRAM message needs a user name")?)?,
            nonce: nonce(attributes.next())?.to_owned(),
            gs2_header: gs2_header.to_owned(),
            bare: bare.to_owned(),
        })
    }
}

/// `client-final-message`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientFinal {
    /// `c=`, decoded: gs2-header and binding data.
    pub binding: Vec<u8>,
    /// The whole nonce.
    pub nonce: String,
    /// Everything before `,p=`, as sent.
    pub without_proof: String,
    /// The proof.
    pub proof: [u8; 32],
}

impl ClientFinal {
    /// Parses the message.
    ///
    /// # Errors
    /// What is wrong with it, for the client to read.
    pub fn parse(message: &[u8]) -> Result<Self, &'static str> {
        let (without_proof, proof) = text(message)?.rsplit_once(",p=").ok_or("SCRAM message needs a proof")?;
        let mut attributes = without_proof.split(',');
        let binding = attributes.next().and_then(|c| c.strip_prefix("c=")).ok_or("SCRAM message needs c=")?;
        let nonce = nonce(attributes.next())?.to_owned();
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| "SCRAM message has invalid base64");
        Ok(Self {
            binding: decode(binding)?,
            nonce,
            without_proof: without_proof.to_owned(),
            proof: decode(proof)?.try_into().map_err(|_| "SCRAM proof must have 32 octets")?,
        })
    }
}

fn text(message: &[u8]) -> Result<&str, &'static str> {
    if message.len() > LONGEST_MESSAGE {
        return Err("SCRAM message is too long");
    }
    let text = std::str::from_utf8(message).map_err(|_| "SCRAM needs UTF-8")?;
    if text.contains('\0') { Err("SCRAM message has a NUL") } else { Ok(text) }
}

fn nonce(attribute: Option<&str>) -> Result<&str, &'static str> {
    let nonce = attribute.and_then(|r| r.strip_prefix("r=")).ok_or("SCRAM message needs a nonce")?;
    if nonce.is_empty() || !nonce.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err("SCRAM nonce must be printable");
    }
    Ok(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_4096_octets_at_most() {
        assert!(text(&[b'x'; 4096]).is_ok());
        assert!(text(&[b'x'; 4097]).is_err());
    }
}
