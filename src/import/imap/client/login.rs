//! Logging in: AUTHENTICATE with a token or PLAIN, or LOGIN.

use super::{Client, Condition, Done, MOST_RESPONSES, Response};
use crate::import::remote::Credential;
use crate::import::remote::bearer::{Bearer, plain, reason};
use crate::import::{ImportError, Result};
use crate::secret::Secret;
use zeroize::Zeroizing;

impl Client {
    /// Logs in by what the server offers and `credential` is good for.
    pub(in crate::import::imap) fn log_in(&mut self, login: &str, credential: &Credential) -> Result<()> {
        let refused = match credential {
            Credential::Token(token) => {
                let Some(mechanism) = Bearer::among(|name| self.has(&format!("AUTH={name}"))) else {
                    let text = "it offers neither OAUTHBEARER nor XOAUTH2, so it accepts no token";
                    return Err(ImportError::Unreachable(format!("{}: {text}", self.wire.server())));
                };
                self.authenticate(mechanism.name(), &mechanism.message(login, token), mechanism.acknowledgement())?
            }
            Credential::Password(password) if self.has("AUTH=PLAIN") => {
                // `*` ends an exchange that goes on too long.
                self.authenticate("PLAIN", &plain(login, password), b"*\r\n")?
            }
            Credential::Password(_) if self.has("LOGINDISABLED") => {
                let text = "it accepts no password here (LOGINDISABLED)";
                return Err(ImportError::Unreachable(format!("{}: {text}", self.wire.server())));
            }
            Credential::Password(password) => self.login(login, password)?,
        };
        refused.map(drop).map_err(login_error)
    }

    /// LOGIN (RFC 3501 section 6.2.3), with literals: they take every octet.
    fn login(&mut self, login: &str, password: &Secret) -> Result<Done> {
        self.begin(&format!("LOGIN {{{}}}", login.len()))?;
        for (octets, end) in [
            (login.as_bytes(), format!(" {{{}}}\r\n", password.expose().len())),
            (password.expose(), "\r\n".to_owned()),
        ] {
            if let Err(done) = self.challenged()? {
                return Ok(done);
            }
            let mut line = Zeroizing::new(Vec::with_capacity(octets.len() + end.len()));
            line.extend_from_slice(octets);
            line.extend_from_slice(end.as_bytes());
            self.wire.send(&line)?;
        }
        match self.challenged()? {
            Err(done) => Ok(done),
            Ok(_) => Err(self.wire.malformed("that it wants more behind LOGIN")),
        }
    }

    /// AUTHENTICATE (RFC 3501 section 6.2.2). A second challenge is the reason of a refusal.
    fn authenticate(&mut self, mechanism: &str, message: &[u8], acknowledgement: &[u8]) -> Result<Done> {
        self.begin(&format!("AUTHENTICATE {mechanism}"))?;
        if let Err(done) = self.challenged()? {
            return Ok(done);
        }
        self.wire.send(message)?;
        let challenge = match self.challenged()? {
            Err(done) => return Ok(done),
            Ok(challenge) => challenge,
        };
        self.wire.send(acknowledgement)?;
        match self.challenged()? {
            Err(done) => Ok(done.map_err(|text| format!("{text} ({})", reason(&challenge)))),
            Ok(_) => Err(self.wire.malformed(&format!("that it wants more behind AUTHENTICATE {mechanism}"))),
        }
    }

    /// A challenge, or the end of the command.
    fn challenged(&mut self) -> Result<std::result::Result<Vec<u8>, Done>> {
        for _ in 0..MOST_RESPONSES {
            match self.response(None)? {
                Response::Continue(text) => return Ok(Ok(text)),
                Response::Done(Condition::Ok, text) => return Ok(Err(Ok(text))),
                // A mechanism or LOGIN that is switched off is BAD in some servers.
                Response::Done(_, text) => return Ok(Err(Err(text))),
                Response::Status(Condition::Bye, text) => return Err(self.goodbye(&text)),
                _ => {}
            }
        }
        Err(self.wire.malformed("too much (to a login)"))
    }
}

/// With these codes (RFC 5530 section 3) NO says nothing of the password.
fn login_error(text: String) -> ImportError {
    let upper = text.to_ascii_uppercase();
    match () {
        () if ["[UNAVAILABLE]", "[INUSE]", "[LIMIT]"].iter().any(|code| upper.contains(code)) => {
            ImportError::Broken(text)
        }
        () if upper.contains("[PRIVACYREQUIRED]") => ImportError::Insecure(text),
        () => ImportError::Login(text),
    }
}
