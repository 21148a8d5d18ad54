//! Bearer tokens: OAUTHBEARER (RFC 7628) and XOAUTH2, its older form that many devices still speak.
//!
//! Here the client's message is parsed and the user's name is taken from what the [`Checker`] says
//! of the token. Must not be known here: what a token looks like inside (`jwt`).

use super::gs2::{self, Flag};
use super::{Answer, Context, Failure, Identity, Mechanism, Outcome, Query};
use std::fmt;
use std::sync::Arc;

/// Longest token, octets. Real ones have 1 to 4 KiB.
const LONGEST_TOKEN: usize = 32_768;
/// Most `key=value` pairs of a message; RFC 7628 section 3.1 defines seven.
const MOST_PAIRS: usize = 16;
/// What the client gets for a bad token (RFC 7628 section 3.2.2); nothing in it says what was wrong.
const REFUSAL: &[u8] = br#"{"status":"invalid_token"}"#;

/// Says whose a bearer token is.
pub trait Checker: Send + Sync + fmt::Debug {
    /// The user whom the token was issued for.
    ///
    /// `now` is in seconds since 1970 UTC.
    ///
    /// # Errors
    /// What is wrong with the token, for our log.
    fn check(&self, token: &str, now: i64) -> Result<String, &'static str>;

    /// Whether any key is loaded, so that some token could be accepted.
    fn ready(&self) -> bool;
}

/// Whether a token could be accepted now.
pub fn offered(context: &Context) -> bool {
    context.bearer.as_ref().is_some_and(|checker| checker.ready())
}

/// Starts OAUTHBEARER.
pub fn start_oauthbearer(context: &Context) -> Box<dyn Mechanism> {
    Box::new(Bearer::new(context, parse_oauthbearer))
}

/// Starts XOAUTH2.
pub fn start_xoauth2(context: &Context) -> Box<dyn Mechanism> {
    Box::new(Bearer::new(context, parse_xoauth2))
}

/// What both messages carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// Whose mailbox is wanted, if it is said.
    pub user: Option<String>,
    /// The token.
    pub token: &'a str,
}

struct Bearer {
    checker: Option<Arc<dyn Checker>>,
    now: i64,
    parse: for<'a> fn(&'a [u8]) -> Result<Message<'a>, &'static str>,
    state: BearerState,
    diagnosis: Option<&'static str>,
}

enum BearerState {
    Token,
    Authorize,
    /// The refusal is out; whatever the client answers ends the exchange (RFC 7628 section 3.2.3).
    Refused,
    Over,
}

impl Mechanism for Bearer {
    fn step(&mut self, message: &[u8]) -> Outcome {
        match std::mem::replace(&mut self.state, BearerState::Over) {
            BearerState::Token => self.token(message),
            BearerState::Refused => Outcome::Failed(Failure::Credentials),
            BearerState::Authorize | BearerState::Over => Outcome::Failed(Failure::Malformed("exchange is over")),
        }
    }

    fn answer(&mut self, answer: Answer) -> Outcome {
        match (std::mem::replace(&mut self.state, BearerState::Over), answer) {
            (BearerState::Authorize, Answer::Refused) => self.refuse(None),
            (BearerState::Authorize, answer) => answer.into(),
            _ => Outcome::Failed(Failure::Unavailable),
        }
    }

    fn diagnosis(&self) -> Option<&str> {
        self.diagnosis
    }
}

impl Bearer {
    fn new(context: &Context, parse: for<'a> fn(&'a [u8]) -> Result<Message<'a>, &'static str>) -> Self {
        let checker = context.bearer.clone();
        Self { checker, now: (context.clock)(), parse, state: BearerState::Token, diagnosis: None }
    }

    fn token(&mut self, message: &[u8]) -> Outcome {
        let Message { user, token } = match (self.parse)(message) {
            Ok(message) => message,
            Err(what) => return Outcome::Failed(Failure::Malformed(what)),
        };
        let Some(checker) = &self.checker else { return Outcome::Failed(Failure::Unavailable) };
        match checker.check(token, self.now) {
            Ok(authcid) => {
                let authzid = user.filter(|user| !user.eq_ignore_ascii_case(&authcid));
                self.state = BearerState::Authorize;
                Outcome::Ask(Query::Vouched { who: Identity { authcid, authzid }, exact_case: false })
            }
            Err(what) => self.refuse(Some(what)),
        }
    }

    fn refuse(&mut self, diagnosis: Option<&'static str>) -> Outcome {
        self.diagnosis = diagnosis;
        self.state = BearerState::Refused;
        Outcome::Challenge(REFUSAL.to_vec())
    }
}

/// `gs2-header %x01 *(key "=" value %x01) %x01` (RFC 7628 section 3.1).
///
/// # Errors
/// What is wrong with it, for the client to read.
pub fn parse_oauthbearer(message: &[u8]) -> Result<Message<'_>, &'static str> {
    let (header, pairs) = text(message)?.split_once('\x01').ok_or("OAUTHBEARER needs a GS2 header")?;
    let (header, rest) = gs2::parse(header)?;
    if !rest.is_empty() {
        return Err("GS2 header does not end the line");
    }
    if let Flag::Bound(_) = header.flag {
        return Err("OAUTHBEARER has no channel binding");
    }
    Ok(Message { user: header.authzid, token: token(&parse_pairs(pairs)?)? })
}

/// `"user=" name %x01 "auth=Bearer " token %x01 %x01` (Google's and Microsoft's description).
///
/// # Errors
/// What is wrong with it, for the client to read.
pub fn parse_xoauth2(message: &[u8]) -> Result<Message<'_>, &'static str> {
    let pairs = parse_pairs(text(message)?)?;
    let user = pairs.iter().find(|(key, _)| *key == "user").map(|(_, name)| (*name).to_owned());
    let user = user.filter(|name| !name.is_empty()).ok_or("XOAUTH2 needs a user")?;
    Ok(Message { user: Some(user), token: token(&pairs)? })
}

fn text(message: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(message).map_err(|_| "bearer message needs UTF-8")?;
    if text.contains('\0') { Err("bearer message has a NUL") } else { Ok(text) }
}

/// The pairs, each of which ends in %x01; one more ends them all.
fn parse_pairs(text: &str) -> Result<Vec<(&str, &str)>, &'static str> {
    let mut rest = text;
    let mut pairs = Vec::new();
    while rest != "\x01" {
        let (pair, after) = rest.split_once('\x01').ok_or("bearer message does not end in two %x01")?;
        let pair = pair.split_once('=').ok_or("bearer message has a field without value")?;
        if pairs.len() == MOST_PAIRS {
            return Err("bearer message has too many fields");
        }
        pairs.push(pair);
        rest = after;
    }
    Ok(pairs)
}

/// The token of `auth=Bearer …`; the scheme compares without case (RFC 6750, RFC 9110 section 11.1).
fn token<'a>(pairs: &[(&str, &'a str)]) -> Result<&'a str, &'static str> {
    let mut values = pairs.iter().filter(|(key, _)| *key == "auth").map(|(_, value)| *value);
    let (Some(value), None) = (values.next(), values.next()) else { return Err("bearer message needs one auth field") };
    let (scheme, token) = value.split_once(' ').ok_or("bearer message needs a token")?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("Bearer") || token.is_empty() {
        return Err("bearer message needs a Bearer token");
    }
    if token.len() > LONGEST_TOKEN {
        return Err("bearer token is too long");
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows one token, of one user.
    #[derive(Debug)]
    struct One;
    impl Checker for One {
        fn check(&self, token: &str, now: i64) -> Result<String, &'static str> {
            if token == "T" && now == 7 { Ok("alice".into()) } else { Err("unknown token") }
        }
        fn ready(&self) -> bool {
            true
        }
    }

    fn context() -> Context {
        Context { bearer: Some(Arc::new(One)), clock: || 7, ..Context::default() }
    }

    fn authorize(authzid: Option<&str>) -> Outcome {
        let who = Identity { authcid: "alice".into(), authzid: authzid.map(str::to_owned) };
        Outcome::Ask(Query::Vouched { who, exact_case: false })
    }

    #[test]
    fn takes_what_real_clients_send() {
        for (start, message, authzid) in [
            (
                start_oauthbearer as fn(&Context) -> _,
                "n,a=alice,\x01host=127.0.0.1\x01port=21140\x01auth=Bearer T\x01\x01",
                None,
            ),
            (start_oauthbearer, "y,,\x01auth=bearer T\x01\x01", None),
            (start_oauthbearer, "n,a=a=2Cb,\x01auth=Bearer T\x01\x01", Some("a,b")),
            (start_xoauth2, "user=Alice\x01auth=Bearer T\x01\x01", None),
            (start_xoauth2, "user=shared\x01auth=Bearer T\x01\x01", Some("shared")),
        ] {
            assert_eq!(start(&context()).step(message.as_bytes()), authorize(authzid), "{message}");
        }
    }

    #[test]
    fn a_bad_token_is_refused_after_one_more_line_of_any_kind() {
        for line in [b"\x01".as_slice(), b"", b"x"] {
            let mut bearer = start_xoauth2(&context());
            let refused = bearer.step(b"user=alice\x01auth=Bearer U\x01\x01");
            assert_eq!(refused, Outcome::Challenge(REFUSAL.to_vec()));
            assert_eq!(bearer.step(line), Outcome::Failed(Failure::Credentials));
            assert_eq!(bearer.diagnosis(), Some("unknown token"));
        }
    }

    #[test]
    fn a_refused_user_looks_like_a_bad_token() {
        let mut bearer = start_oauthbearer(&context());
        bearer.step(b"n,,\x01auth=Bearer T\x01\x01");
        assert_eq!(bearer.answer(Answer::Refused), Outcome::Challenge(REFUSAL.to_vec()));
        assert_eq!(bearer.step(b"\x01"), Outcome::Failed(Failure::Credentials));
        let mut bearer = start_oauthbearer(&context());
        bearer.step(b"n,,\x01auth=Bearer T\x01\x01");
        assert_eq!(bearer.answer(Answer::Unavailable), Outcome::Failed(Failure::Unavailable));
    }

    #[test]
    fn refuses_what_is_no_bearer_message() {
        let many = format!("n,,\x01{}auth=Bearer T\x01\x01", "a=b\x01".repeat(MOST_PAIRS));
        let long = format!("n,,\x01auth=Bearer {}\x01\x01", "a".repeat(LONGEST_TOKEN + 1));
        for bad in [
            "",
            "\x01",
            "n,,\x01\x01",
            "n,\x01auth=Bearer T\x01\x01",
            "p=x,,\x01auth=Bearer T\x01\x01",
            "n,b,\x01auth=Bearer T\x01\x01",
            "n,a==,\x01auth=Bearer T\x01\x01",
            "n,,x\x01auth=Bearer T\x01\x01",
            "n,,\x01auth=Bearer T\x01",
            "n,,\x01auth=Bearer T\x01\x01\x01",
            "n,,\x01auth=Bearer \x01\x01",
            "n,,\x01auth=Basic T\x01\x01",
            "n,,\x01auth=BearerT\x01\x01",
            "n,,\x01auth\x01\x01",
            "n,,\x01auth=Bearer T\x01auth=Bearer U\x01\x01",
            "n,,\x01auth=Bearer \0\x01\x01",
            &many,
            &long,
        ] {
            assert!(parse_oauthbearer(bad.as_bytes()).is_err(), "{bad:?}");
        }
        for bad in ["", "\x01\x01", "auth=Bearer T\x01\x01", "user=\x01auth=Bearer T\x01\x01", "user=a\x01\x01"] {
            assert!(parse_xoauth2(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(parse_xoauth2(b"user=\xff\x01auth=Bearer T\x01\x01").is_err());
    }

    #[test]
    fn a_token_may_have_as_many_octets_as_are_offered() {
        let longest = "a".repeat(LONGEST_TOKEN);
        assert_eq!(token(&[("auth", &format!("Bearer {longest}"))]), Ok(&*longest));
    }

    #[test]
    fn without_a_checker_nothing_is_offered_or_accepted() {
        assert!(!offered(&Context::default()));
        let mut bearer = start_xoauth2(&Context::default());
        let outcome = bearer.step(b"user=alice\x01auth=Bearer T\x01\x01");
        assert_eq!(outcome, Outcome::Failed(Failure::Unavailable));
    }
}
