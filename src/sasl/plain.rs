//! PLAIN (RFC 4616).

use super::{Answer, Context, Failure, Identity, Mechanism, Outcome, Query};
use crate::secret::Secret;

/// Longest authorization identity, authentication identity and password, octets (RFC 4616 section 2).
const LONGEST_PART: usize = 255;

enum Plain {
    Message,
    Password,
    Over,
}

/// Starts an exchange.
pub fn start(_: &Context) -> Box<dyn Mechanism> {
    Box::new(Plain::Message)
}

impl Mechanism for Plain {
    fn step(&mut self, message: &[u8]) -> Outcome {
        let parsed = match std::mem::replace(self, Self::Over) {
            Self::Message => parse(message),
            Self::Password | Self::Over => Err("PLAIN exchange is over"),
        };
        match parsed {
            Ok((who, password)) => {
                *self = Self::Password;
                Outcome::Ask(Query::Password { who, candidates: vec![password] })
            }
            Err(what) => Outcome::Failed(Failure::Malformed(what)),
        }
    }

    fn answer(&mut self, answer: Answer) -> Outcome {
        match std::mem::replace(self, Self::Over) {
            Self::Password => answer.into(),
            Self::Message | Self::Over => Outcome::Failed(Failure::Unavailable),
        }
    }
}

/// A mechanism with nothing left to say ends as the answer says.
impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Accepted(login) => Self::Done(login),
            Answer::Refused => Self::Failed(Failure::Credentials),
            Answer::Unavailable | Answer::Verifier(_) => Self::Failed(Failure::Unavailable),
        }
    }
}

/// `message = [authzid] NUL authcid NUL passwd` (RFC 4616 section 2).
fn parse(message: &[u8]) -> Result<(Identity, Secret), &'static str> {
    let mut parts = message.split(|octet| *octet == 0);
    let (Some(authzid), Some(authcid), Some(password), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("PLAIN needs exactly two NULs");
    };
    if authcid.is_empty() {
        return Err("PLAIN needs an authentication identity");
    }
    if password.is_empty() {
        return Err("PLAIN needs a password");
    }
    if [authzid, authcid, password].iter().any(|part| part.len() > LONGEST_PART) {
        return Err("PLAIN allows 255 octets for an identity or password");
    }
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).map_err(|_| "PLAIN needs UTF-8");
    std::str::from_utf8(password).map_err(|_| "PLAIN needs UTF-8")?;
    let authzid = Some(text(authzid)?).filter(|name| !name.is_empty());
    Ok((Identity { authcid: text(authcid)?, authzid }, Secret::from(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_vectors_of_the_notes() {
        let (who, password) = parse(b"bob\0alice\0secret").unwrap();
        assert_eq!(who, Identity { authcid: "alice".into(), authzid: Some("bob".into()) });
        assert_eq!(password.expose(), b"secret");
        assert_eq!(parse(b"\0alice\0secret").unwrap().0.authzid, None);
    }

    #[test]
    fn there_is_nothing_odd_to_tell() {
        let mut plain = Plain::Message;
        assert!(matches!(plain.step(b"alice"), Outcome::Failed(Failure::Malformed(_))));
        assert_eq!(plain.diagnosis(), None);
    }

    #[test]
    fn refuses_what_is_not_plain() {
        let part = ["x"; 255].concat();
        assert!(parse(format!("{part}\0{part}\0{part}").as_bytes()).is_ok());
        let long = [b"\0".as_slice(), &[b'a'; 256], b"\0x"].concat();
        for bad in
            [b"".as_slice(), b"alice", b"\0alice", b"\0\0secret", b"\0alice\0", b"\0a\0b\0c", b"\0\xff\0x", &long]
        {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
