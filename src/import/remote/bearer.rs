//! Tokens: what a client sends for OAUTHBEARER (RFC 7628 section 3.1) and XOAUTH2, and which of the two it takes.

use super::said::said;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A mechanism that takes a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bearer {
    /// RFC 7628.
    OauthBearer,
    /// The older form, of Google and Microsoft.
    Xoauth2,
}

impl Bearer {
    /// The standard's own if the server has it.
    pub fn among(offered: impl Fn(&str) -> bool) -> Option<Self> {
        [Self::OauthBearer, Self::Xoauth2].into_iter().find(|mechanism| offered(mechanism.name()))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::OauthBearer => "OAUTHBEARER",
            Self::Xoauth2 => "XOAUTH2",
        }
    }

    /// The message, in base64 and with its line end.
    pub fn message(self, login: &str, token: &Secret) -> Zeroizing<Vec<u8>> {
        let mut message = Zeroizing::new(Vec::new());
        match self {
            Self::OauthBearer => {
                // RFC 5801 section 4: `,` and `=` have a meaning of their own.
                let login = login.replace('=', "=3D").replace(',', "=2C");
                message.extend_from_slice(format!("n,a={login},\u{1}auth=Bearer ").as_bytes());
            }
            Self::Xoauth2 => message.extend_from_slice(format!("user={login}\u{1}auth=Bearer ").as_bytes()),
        }
        message.extend_from_slice(token.expose());
        message.extend_from_slice(b"\x01\x01");
        line(&message)
    }

    /// What the client says to the reason of a refusal, so that the refusal itself comes (RFC 7628 section 3.2.3).
    pub fn acknowledgement(self) -> &'static [u8] {
        match self {
            Self::OauthBearer => b"AQ==\r\n",
            Self::Xoauth2 => b"\r\n",
        }
    }
}

/// A message of SASL PLAIN (RFC 4616), in base64 and with its line end.
pub fn plain(login: &str, password: &Secret) -> Zeroizing<Vec<u8>> {
    let mut message = Zeroizing::new(vec![0]);
    message.extend_from_slice(login.as_bytes());
    message.push(0);
    message.extend_from_slice(password.expose());
    line(&message)
}

fn line(message: &[u8]) -> Zeroizing<Vec<u8>> {
    let text = Zeroizing::new(STANDARD.encode(message));
    let mut line = Zeroizing::new(Vec::with_capacity(text.len() + 2));
    line.extend_from_slice(text.as_bytes());
    line.extend_from_slice(b"\r\n");
    line
}

/// A challenge that gives the reason of a refusal, for people.
pub fn reason(challenge: &[u8]) -> String {
    let decoded = STANDARD.decode(challenge.trim_ascii());
    said(&decoded.unwrap_or_else(|_| challenge.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_standards() {
        let decoded = |line: Zeroizing<Vec<u8>>| {
            let text = line.strip_suffix(b"\r\n").unwrap().to_vec();
            String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
        };
        let token = Secret::from("vF9dft4qmT");
        assert_eq!(
            decoded(Bearer::OauthBearer.message("a,b=c@d.example", &token)),
            "n,a=a=2Cb=3Dc@d.example,\u{1}auth=Bearer vF9dft4qmT\u{1}\u{1}"
        );
        assert_eq!(
            decoded(Bearer::Xoauth2.message("a@d.example", &token)),
            "user=a@d.example\u{1}auth=Bearer vF9dft4qmT\u{1}\u{1}"
        );
        assert_eq!(decoded(plain("a", &token)), "\0a\0vF9dft4qmT");
        assert_eq!(reason(b"eyJzdGF0dXMiOiI0MDAifQ=="), "{\"status\":\"400\"}");
        assert_eq!(reason(b"\x1bno base64"), "\\u{1b}no base64");
    }

    #[test]
    fn the_standard_is_preferred() {
        assert_eq!(Bearer::among(|_| true), Some(Bearer::OauthBearer));
        assert_eq!(Bearer::among(|name| name == "XOAUTH2"), Some(Bearer::Xoauth2));
        assert_eq!(Bearer::among(|_| false), None);
    }
}
