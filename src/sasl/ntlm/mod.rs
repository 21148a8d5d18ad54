//! NTLM ([MS-NLMP] with the framing of [MS-OXPOP3] 2.2.1): NTLMv2 only, for authentication only.
//!
//! [`message`] reads and writes the messages, [`crypto`] computes; here are the steps and all that
//! is checked. Must not be known here: who exists (an unknown user gets a false hash from the
//! driver and fails at the proof) and how hashes are kept.

pub mod crypto;
pub mod message;

use super::{Answer, Context, Failure, Identity, Mechanism, Outcome, Query, Verifier};
use crate::settings::ExtendedProtectionPolicy;
use crate::store::Scheme;
use message::{Authenticate, Challenge, Filetime, Rejected};
use subtle::ConstantTimeEq;

/// How far the time of a response may be from ours, steps of 100 ns: 36 hours (MaxLifetime of
/// [MS-NLMP] 3.1.1.1, Appendix B note 39).
const MAX_LIFETIME: u64 = 36 * 3600 * 10_000_000;

/// Whether a client that does everything right would get in.
pub fn offered(context: &Context) -> bool {
    context.ntlm && !context.cannot_bind()
}

/// Starts an exchange.
pub fn start(context: &Context) -> Box<dyn Mechanism> {
    Box::new(Ntlm::new(context))
}

struct Ntlm {
    /// None: the system had no random numbers.
    nonce: Option<[u8; 8]>,
    clock: fn() -> i64,
    protection: Protection,
    state: NtlmState,
    diagnosis: Option<&'static str>,
}

/// Service classes of the names that clients have for us ([MS-POP3] has no own; some clients say the host's).
const SERVICES: [&str; 3] = ["pop", "pop3", "host"];

/// Which channel bindings and target name a response must have.
struct Protection {
    policy: ExtendedProtectionPolicy,
    /// Those of this connection, where they are to be compared.
    bindings: Option<crypto::Key>,
}

enum NtlmState {
    Negotiate,
    Authenticate(Exchange),
    Verifier(Box<(Exchange, Authenticate)>),
    Authorize,
    Over,
}

/// The two messages that a response is computed over. Dropped after one response.
struct Exchange {
    negotiate: Vec<u8>,
    challenge: Challenge,
}

impl Mechanism for Ntlm {
    fn step(&mut self, message: &[u8]) -> Outcome {
        match std::mem::replace(&mut self.state, NtlmState::Over) {
            NtlmState::Negotiate => self.negotiate(message),
            NtlmState::Authenticate(exchange) => self.authenticate(message, exchange),
            NtlmState::Verifier(_) | NtlmState::Authorize | NtlmState::Over => {
                Outcome::Failed(Failure::Malformed("NTLM exchange is over"))
            }
        }
    }

    fn answer(&mut self, answer: Answer) -> Outcome {
        match (std::mem::replace(&mut self.state, NtlmState::Over), answer) {
            (NtlmState::Verifier(pair), Answer::Verifier(Verifier::NtHash(hash))) => {
                let (exchange, response) = *pair;
                self.decide(&exchange, &response, hash.expose())
            }
            (NtlmState::Verifier(_), Answer::Refused) => Outcome::Failed(Failure::Credentials),
            (NtlmState::Authorize, answer) => answer.into(),
            _ => Outcome::Failed(Failure::Unavailable),
        }
    }

    fn diagnosis(&self) -> Option<&str> {
        self.diagnosis
    }
}

impl Ntlm {
    fn new(context: &Context) -> Self {
        Self {
            nonce: context.draw(),
            clock: context.clock,
            protection: Protection {
                policy: context.extended_protection,
                bindings: context.application_data().map(|data| crypto::bindings(&data)),
            },
            state: NtlmState::Negotiate,
            diagnosis: None,
        }
    }

    fn now(&self) -> Filetime {
        Filetime::from_unix((self.clock)())
    }

    fn negotiate(&mut self, message: &[u8]) -> Outcome {
        let flags = match message::parse_negotiate(message) {
            Ok(flags) => flags,
            Err(rejected) => return self.reject(rejected),
        };
        let Some(nonce) = self.nonce.take() else { return Outcome::Failed(Failure::Unavailable) };
        let challenge = Challenge::new(flags, nonce, self.now());
        let octets = challenge.octets.clone();
        self.state = NtlmState::Authenticate(Exchange { negotiate: message.to_vec(), challenge });
        Outcome::Challenge(octets)
    }

    fn authenticate(&mut self, message: &[u8], exchange: Exchange) -> Outcome {
        let response = match Authenticate::parse(message, exchange.challenge.flags) {
            Ok(response) => response,
            Err(rejected) => return self.reject(rejected),
        };
        let query = Query::Verifier { authcid: response.login(), scheme: Scheme::NtHash };
        self.state = NtlmState::Verifier(Box::new((exchange, response)));
        Outcome::Ask(query)
    }

    fn decide(&mut self, exchange: &Exchange, response: &Authenticate, nt_hash: &[u8]) -> Outcome {
        let checked = exchange
            .prove(response, nt_hash)
            .and_then(|()| self.protection.check(response))
            .and_then(|()| self.protection.check_target(response));
        match checked.and_then(|()| check_time(response.time, self.now())) {
            Ok(()) => {
                if !is_ours(&response.target) {
                    self.diagnosis = Some(FOREIGN_TARGET);
                }
                self.state = NtlmState::Authorize;
                Outcome::Ask(Query::Authorize { who: Identity { authcid: response.login(), authzid: None } })
            }
            Err(what) => {
                self.diagnosis = Some(what);
                Outcome::Failed(Failure::Credentials)
            }
        }
    }

    fn reject(&mut self, rejected: Rejected) -> Outcome {
        Outcome::Failed(match rejected {
            Rejected::Malformed(what) => Failure::Malformed(what),
            Rejected::Forbidden(what) => {
                self.diagnosis = Some(what);
                Failure::Credentials
            }
        })
    }
}

impl Exchange {
    /// Whether the response was made by somebody who knows the hash, over these messages
    /// ([MS-NLMP] 3.2.5.1.2). Some clients leave the domain out of the computation.
    fn prove(&self, response: &Authenticate, nt_hash: &[u8]) -> Result<(), &'static str> {
        let with = |domain| {
            let key = crypto::response_key(nt_hash, &response.user, domain);
            let proof = crypto::proof(&key, &self.challenge.nonce, &response.temp);
            bool::from(proof.ct_eq(&response.proof)).then_some(key)
        };
        let key = with(&response.domain).or_else(|| with("")).ok_or("NTLM proof is wrong")?;
        let Some(mic) = &response.mic else { return Ok(()) };
        let exported = crypto::exported_key(&key, &response.proof, response.session_key.as_ref());
        let expected = crypto::mic(&exported, &self.negotiate, &self.challenge.octets, &response.without_mic);
        if bool::from(expected.ct_eq(mic)) { Ok(()) } else { Err("NTLM MIC is wrong") }
    }
}

impl Protection {
    /// The client's bindings are part of what it proved, so nobody in between can leave them out.
    fn check(&self, response: &Authenticate) -> Result<(), &'static str> {
        match (&self.bindings, &response.bindings) {
            (Some(ours), Some(theirs)) if bool::from(ours.ct_eq(theirs)) => Ok(()),
            (Some(_), Some(_)) => Err("NTLM channel bindings are of another connection"),
            _ if self.policy == ExtendedProtectionPolicy::Require => Err("NTLM channel bindings are missing"),
            _ => Ok(()),
        }
    }

    /// A client that was lured to another service has named that one: its response is being relayed. Where bindings are
    /// demanded they say so already.
    fn check_target(&self, response: &Authenticate) -> Result<(), &'static str> {
        let foreign = !is_ours(&response.target);
        match self.policy {
            ExtendedProtectionPolicy::Allow if foreign => Err(FOREIGN_TARGET),
            _ => Ok(()),
        }
    }
}

const FOREIGN_TARGET: &str = "NTLM target name is of another service";

/// Whether a target name is absent, or of a service that we may be.
fn is_ours(target: &str) -> bool {
    let class = target.split_once('/').map_or(target, |(class, _)| class);
    target.is_empty() || target.contains('/') && SERVICES.iter().any(|service| class.eq_ignore_ascii_case(service))
}

fn check_time(time: Filetime, now: Filetime) -> Result<(), &'static str> {
    if time.0.abs_diff(now.0) > MAX_LIFETIME { Err("NTLM response is too old or too new") } else { Ok(()) }
}

#[cfg(test)]
mod tests;
