//! The AUTHORIZATION state (RFC 1939 section 4, RFC 5034): who is there?
//!
//! Holds what a login needs and no maildrop. After STLS it is made anew, so that nothing sent in
//! clear survives (RFC 2595 section 4).

use super::Step;
use super::command::AuthorizationCommand as Command;
use super::policy::Policy;
use super::reply::Reply;
use crate::message::address;
use crate::sasl::{self, Answer, Exposure, Failure, Identity, Mechanism, Outcome, Query};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The failed login that closes the connection ([MS-STANXPOP3] C0005).
const LAST_FAILURE: u32 = 5;
/// Commands that may fail before login, wrong credentials not counted: who means it needs none, and what is left of an attack
/// by way of another protocol's client does not fit.
const MOST_FAILURES: u32 = 20;

/// What was learned of the client so far.
#[derive(Default)]
pub struct Authorization {
    /// USER was accepted and PASS may follow.
    user: Option<Identity>,
    /// AUTH runs: the next line is not a command.
    exchange: Option<Box<dyn Mechanism>>,
    /// Wrong credentials on this connection.
    failures: u32,
    /// Other commands that failed.
    refused: u32,
    /// There was a line already.
    begun: bool,
    /// The mechanism that was used last, for the log.
    method: &'static str,
    /// Why the last exchange failed, or what was odd about it, for the log.
    diagnosis: Option<String>,
    /// UTF8 was said.
    utf8: bool,
}

impl Authorization {
    /// The next line belongs to a SASL exchange.
    pub fn in_exchange(&self) -> bool {
        self.exchange.is_some()
    }

    /// The mechanism that was used last; USER and PASS count as PLAIN.
    pub fn method(&self) -> &'static str {
        if self.method.is_empty() { "PLAIN" } else { self.method }
    }

    /// UTF-8 mode (RFC 6856 section 2.1).
    pub fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Wrong credentials on this connection so far.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Why the last exchange failed, or what was odd about it, once.
    pub fn take_diagnosis(&mut self) -> Option<String> {
        self.diagnosis.take()
    }

    /// Whether this is the first line of the connection; asking makes the next one the second.
    pub fn is_first_line(&mut self) -> bool {
        !std::mem::replace(&mut self.begun, true)
    }

    /// A command failed, for another reason than wrong credentials.
    pub fn count_failure(&mut self) {
        self.refused += 1;
    }

    /// No more commands are taken.
    pub fn is_spent(&self) -> bool {
        self.refused >= MOST_FAILURES
    }

    /// What STLS leaves: the failures, lest it be a way around them.
    pub fn secured(&self) -> Self {
        Self { failures: self.failures, refused: self.refused, begun: self.begun, ..Self::default() }
    }

    /// Obeys a command of this state.
    pub fn command(&mut self, policy: &Policy<'_>, command: Command<'_>) -> Step {
        // PASS only directly after USER (RFC 1939 section 7); asking for capabilities is no step.
        let user = if matches!(command, Command::Capa) { None } else { self.user.take() };
        match command {
            Command::Capa => Step::Reply(policy.capabilities(None)),
            Command::Quit => Step::Close(Reply::SIGNING_OFF),
            Command::User(name) => self.user(policy, name),
            // The policy may have changed since USER.
            Command::Pass(_) if !policy.allows(Exposure::Clear) => self.wants_tls(policy, "PLAIN"),
            Command::Pass(rest) => match user {
                Some(who) => {
                    self.method = "PLAIN";
                    pass(who, rest)
                }
                None => Step::Reply(Reply::WRONG_STATE),
            },
            Command::Auth(None) => Step::Reply(policy.mechanism_list()),
            Command::Auth(Some((name, initial))) => self.auth(policy, name, initial),
            Command::Utf8 => {
                self.utf8 = true;
                Step::Reply(Reply::OK)
            }
            Command::Stls if policy.offers_stls() => Step::StartTls(Reply::BEGIN_TLS),
            Command::Stls => Step::Reply(Reply::WRONG_STATE),
        }
    }

    /// Something came that is no command: PASS may not follow any more.
    pub fn forget_user(&mut self) {
        self.user = None;
    }

    /// Refused by policy and TLS state only, never by name ([MS-STANXPOP3] V0008 to V0010).
    fn user(&mut self, policy: &Policy<'_>, name: &[u8]) -> Step {
        if !policy.allows(Exposure::Clear) {
            return self.wants_tls(policy, "PLAIN");
        }
        self.user = Some(address::parse_user(&String::from_utf8_lossy(name)));
        Step::Reply(Reply::OK)
    }

    /// The client can be told, since everybody is; whoever looks after it finds the reason in our log, too.
    fn wants_tls(&mut self, policy: &Policy<'_>, method: &'static str) -> Step {
        self.method = method;
        self.diagnosis =
            Some(format!("LoginType is {:?}, and the client does not use TLS", policy.settings.login_type));
        Step::Reply(Reply::WANTS_TLS)
    }

    fn auth(&mut self, policy: &Policy<'_>, name: &[u8], initial: Option<&[u8]>) -> Step {
        let Some(row) = sasl::find(name) else {
            return Step::Reply(Reply::unknown("No authentication mechanism", name));
        };
        if !policy.allows(row.exposure) {
            return self.wants_tls(policy, row.name);
        }
        if !(row.offered)(policy.context) {
            return Step::Reply(Reply::switched_off(row.name));
        }
        self.method = row.name;
        self.exchange = Some((row.start)(policy.context));
        match initial {
            None => Step::Reply(Reply::Challenge(Vec::new())),
            Some(b"=") => self.message(b""),
            Some(text) => self.encoded(text),
        }
    }

    /// A line of a SASL exchange (RFC 5034 section 4).
    pub fn continuation(&mut self, policy: &Policy<'_>, line: &[u8]) -> Step {
        if line == b"*" {
            return self.end(Reply::CANCELLED);
        }
        // The policy may have changed since AUTH.
        if !sasl::find(self.method.as_bytes()).is_some_and(|row| policy.allows(row.exposure)) {
            self.exchange = None;
            return self.wants_tls(policy, self.method);
        }
        self.encoded(line)
    }

    /// The exchange ends here, and the client may start another one.
    pub fn end(&mut self, reply: Reply) -> Step {
        self.exchange = None;
        Step::Reply(reply)
    }

    fn encoded(&mut self, text: &[u8]) -> Step {
        match STANDARD.decode(text) {
            Ok(octets) => self.message(Secret::new(octets).expose()),
            Err(_) => self.end(Reply::protocol_error("Invalid base64")),
        }
    }

    fn message(&mut self, octets: &[u8]) -> Step {
        match self.exchange.as_mut().map(|mechanism| mechanism.step(octets)) {
            Some(outcome) => self.outcome(outcome),
            None => Step::Reply(Reply::WRONG_STATE),
        }
    }

    /// The answer to the [`Step::Ask`] before.
    pub fn answer(&mut self, answer: Answer) -> Step {
        let outcome = match self.exchange.as_mut() {
            Some(mechanism) => mechanism.answer(answer),
            None => Outcome::from(answer),
        };
        self.outcome(outcome)
    }

    fn outcome(&mut self, outcome: Outcome) -> Step {
        if matches!(outcome, Outcome::Failed(_) | Outcome::Done(_)) {
            self.diagnosis = self.exchange.as_ref().and_then(|exchange| exchange.diagnosis()).map(str::to_owned);
        }
        match outcome {
            Outcome::Challenge(octets) => Step::Reply(Reply::Challenge(octets)),
            Outcome::Ask(query) => Step::Ask(query),
            Outcome::Done(login) => {
                self.exchange = None;
                Step::Open(login)
            }
            Outcome::Failed(Failure::Credentials) => self.failed(),
            Outcome::Failed(Failure::Malformed(what)) => self.end(Reply::protocol_error(what)),
            Outcome::Failed(Failure::Unavailable) => self.end(Reply::UNAVAILABLE),
        }
    }

    /// Only wrong credentials count (docs/interface.md section 4).
    fn failed(&mut self) -> Step {
        self.exchange = None;
        self.failures += 1;
        Step::LoginFailed { last: self.failures >= LAST_FAILURE }
    }
}

/// [MS-STANXPOP3] V0011 (the rest is the password) and 2.1.1 (separators come in runs) disagree on
/// further leading separators: first they separate, then they are part of the password.
fn pass(who: Identity, rest: &[u8]) -> Step {
    let separators = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    let stripped = &rest[separators..];
    let mut candidates: Vec<Secret> = Vec::new();
    if !stripped.is_empty() {
        candidates.push(Secret::from(stripped));
    }
    if stripped.len() != rest.len() {
        candidates.push(Secret::from(rest));
    }
    Step::Ask(Query::Password { who, candidates })
}
