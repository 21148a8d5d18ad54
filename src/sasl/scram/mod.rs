//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): no password crosses the wire, and
//! what the store holds cannot be used in its place.
//!
//! The messages are parsed in [`message`]; here are the steps and the proof. Must not be known
//! here: how salted passwords are made (`credential`) and who exists (an unknown user gets a false
//! verifier from the driver and fails at the proof).

pub mod message;

use super::{Answer, Context, Failure, Identity, Mechanism, Outcome, Query, Verifier};
use crate::hmac::hmac_sha256;
use crate::sasl::gs2::Flag;
use crate::secret::Secret;
use crate::store::Scheme;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use message::{ClientFinal, ClientFirst};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

struct Scram {
    plus: bool,
    /// The channel bindings we know, by name; that there are some means that -PLUS was offered.
    bindings: Vec<(&'static str, Vec<u8>)>,
    /// Our part of the nonce; none if the system had no random numbers.
    nonce: Option<String>,
    state: ScramState,
    diagnosis: Option<&'static str>,
}

enum ScramState {
    ClientFirst,
    Verifier(ClientFirst),
    ClientFinal(Box<Expected>),
    /// The proof is right; may this user log in? The server's final message waits for the answer, or it
    /// would tell that the password of somebody who may not is right.
    Authorize(Proven, [u8; 32]),
    /// The server's final message is out, the client's empty answer is awaited (RFC 5034 section 4).
    Acknowledge(Proven),
    /// Is the password still the one that was proved? The client may have taken its time.
    Recheck(Proven),
    /// And may this user still log in?
    Enter,
    Over,
}

/// What the client's final message is compared with.
struct Expected {
    who: Identity,
    /// `client-first-message-bare "," server-first-message ","`.
    so_far: String,
    /// gs2-header and binding data, as `c=` must repeat them.
    binding: Vec<u8>,
    nonce: String,
    stored_key: Secret,
    server_key: Secret,
}

/// Whose password was proved, and what its verifier was when the exchange began.
struct Proven {
    who: Identity,
    stored_key: Secret,
}

/// Starts SCRAM-SHA-256.
pub fn start(context: &Context) -> Box<dyn Mechanism> {
    Box::new(Scram::new(false, context))
}

/// Starts SCRAM-SHA-256-PLUS.
pub fn start_plus(context: &Context) -> Box<dyn Mechanism> {
    Box::new(Scram::new(true, context))
}

impl Mechanism for Scram {
    fn step(&mut self, message: &[u8]) -> Outcome {
        match std::mem::replace(&mut self.state, ScramState::Over) {
            ScramState::ClientFirst => self.client_first(message),
            ScramState::ClientFinal(expected) => self.client_final(message, *expected),
            ScramState::Acknowledge(proven) if message.is_empty() => {
                let query = verifier_of(&proven.who.authcid);
                self.state = ScramState::Recheck(proven);
                query
            }
            ScramState::Acknowledge(_) => malformed("SCRAM ends with an empty response"),
            ScramState::Verifier(_)
            | ScramState::Authorize(..)
            | ScramState::Recheck(_)
            | ScramState::Enter
            | ScramState::Over => malformed("SCRAM exchange is over"),
        }
    }

    fn answer(&mut self, answer: Answer) -> Outcome {
        match (std::mem::replace(&mut self.state, ScramState::Over), answer) {
            (
                ScramState::Verifier(first),
                Answer::Verifier(Verifier::Scram { salt, iterations, stored_key, server_key }),
            ) => self.server_first(first, &salt, iterations, stored_key, server_key),
            (ScramState::Verifier(_), Answer::Refused) => Outcome::Failed(Failure::Credentials),
            (ScramState::Authorize(proven, signature), Answer::Accepted(_)) => {
                self.state = ScramState::Acknowledge(proven);
                Outcome::Challenge(format!("v={}", STANDARD.encode(signature)).into_bytes())
            }
            (ScramState::Recheck(proven), Answer::Verifier(Verifier::Scram { stored_key, .. })) => {
                self.enter(proven, &stored_key)
            }
            (ScramState::Authorize(..) | ScramState::Recheck(_) | ScramState::Enter, answer) => answer.into(),
            _ => Outcome::Failed(Failure::Unavailable),
        }
    }

    fn diagnosis(&self) -> Option<&str> {
        self.diagnosis
    }
}

impl Scram {
    fn new(plus: bool, context: &Context) -> Self {
        let nonce = context.draw::<18>().map(|octets| STANDARD.encode(octets));
        Self { plus, bindings: context.bindings(), nonce, state: ScramState::ClientFirst, diagnosis: None }
    }

    fn client_first(&mut self, message: &[u8]) -> Outcome {
        let first = match ClientFirst::parse(message) {
            Ok(first) => first,
            Err(what) => return malformed(what),
        };
        if let Err(what) = self.check_flag(&first.flag) {
            return malformed(what);
        }
        let query = verifier_of(&first.username);
        self.state = ScramState::Verifier(first);
        query
    }

    /// Channel binding is negotiated by the mechanism's name; a client that could bind but was made
    /// to believe that we cannot says so with `y` (RFC 5802 section 6).
    fn check_flag(&self, flag: &Flag) -> Result<(), &'static str> {
        match (flag, self.plus) {
            (Flag::Bound(name), true) if self.binding(name).is_some() => Ok(()),
            (Flag::Bound(_), true) => Err("SCRAM channel binding type is not supported"),
            (Flag::Bound(_), false) => Err("SCRAM channel binding needs the -PLUS mechanism"),
            (Flag::Unsupported | Flag::NotOffered, true) => Err("SCRAM -PLUS needs channel binding"),
            (Flag::NotOffered, false) if !self.bindings.is_empty() => Err("SCRAM channel binding was offered"),
            (Flag::Unsupported | Flag::NotOffered, false) => Ok(()),
        }
    }

    fn binding(&self, name: &str) -> Option<&[u8]> {
        self.bindings.iter().find(|(known, _)| *known == name).map(|(_, octets)| octets.as_slice())
    }

    fn server_first(
        &mut self,
        first: ClientFirst,
        salt: &[u8],
        iterations: u32,
        stored_key: Secret,
        server_key: Secret,
    ) -> Outcome {
        let Some(ours) = &self.nonce else { return Outcome::Failed(Failure::Unavailable) };
        let nonce = first.nonce + ours;
        let reply = format!("r={nonce},s={},i={iterations}", STANDARD.encode(salt));
        let mut binding = first.gs2_header.into_bytes();
        if let Flag::Bound(name) = &first.flag {
            let Some(octets) = self.binding(name) else { return Outcome::Failed(Failure::Unavailable) };
            binding.extend_from_slice(octets);
        }
        let so_far = format!("{},{reply},", first.bare);
        let who = Identity { authcid: first.username, authzid: first.authzid };
        self.state =
            ScramState::ClientFinal(Box::new(Expected { who, so_far, binding, nonce, stored_key, server_key }));
        Outcome::Challenge(reply.into_bytes())
    }

    fn client_final(&mut self, message: &[u8], expected: Expected) -> Outcome {
        let last = match ClientFinal::parse(message) {
            Ok(last) => last,
            Err(what) => return malformed(what),
        };
        match expected.prove(&last) {
            Ok(signature) => {
                let query = Query::Authorize { who: expected.who.clone() };
                let proven = Proven { who: expected.who, stored_key: expected.stored_key };
                self.state = ScramState::Authorize(proven, signature);
                Outcome::Ask(query)
            }
            Err(what) => self.wrong(what),
        }
    }

    /// An exchange may last as long as `PreAuthenticatedConnectionTimeout` between two lines: a password
    /// that was changed meanwhile is void here, too.
    fn enter(&mut self, proven: Proven, stored_key: &Secret) -> Outcome {
        if !bool::from(proven.stored_key.expose().ct_eq(stored_key.expose())) {
            return self.wrong("the password was changed during the SCRAM exchange");
        }
        self.state = ScramState::Enter;
        Outcome::Ask(Query::Authorize { who: proven.who })
    }

    fn wrong(&mut self, what: &'static str) -> Outcome {
        self.diagnosis = Some(what);
        Outcome::Failed(Failure::Credentials)
    }
}

impl Expected {
    /// The server's signature, if nonce, binding and proof are right (RFC 5802 section 3).
    fn prove(&self, last: &ClientFinal) -> Result<[u8; 32], &'static str> {
        if !bool::from(last.nonce.as_bytes().ct_eq(self.nonce.as_bytes())) {
            return Err("SCRAM nonce is not the one of this exchange");
        }
        if !bool::from(last.binding.ct_eq(&self.binding)) {
            return Err("SCRAM channel bindings do not match");
        }
        let auth_message = format!("{}{}", self.so_far, last.without_proof);
        let mut client_key = hmac_sha256(self.stored_key.expose(), &[auth_message.as_bytes()]);
        for (octet, proof) in client_key.iter_mut().zip(&last.proof) {
            *octet ^= proof;
        }
        if !bool::from(Sha256::digest(*client_key).ct_eq(self.stored_key.expose())) {
            return Err("SCRAM proof is wrong");
        }
        Ok(*hmac_sha256(self.server_key.expose(), &[auth_message.as_bytes()]))
    }
}

fn verifier_of(name: &str) -> Outcome {
    Outcome::Ask(Query::Verifier { authcid: name.to_owned(), scheme: Scheme::ScramSha256 })
}

fn malformed(what: &'static str) -> Outcome {
    Outcome::Failed(Failure::Malformed(what))
}

#[cfg(test)]
mod tests;
