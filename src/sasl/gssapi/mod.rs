//! GSSAPI (RFC 4752) with Kerberos V (RFC 4121), without a security layer: TLS does that work.
//!
//! The steps are here; tokens go to an [`Acceptor`], which is Kerberos itself (`crate::auth::gssapi`) or,
//! in tests, a few lines. Must not be known here: the library, keytabs, who exists.

use super::{Answer, Context, Failure, Identity, Mechanism, Outcome, Query};
use crate::settings::ExtendedProtectionPolicy;
use std::fmt;
use std::sync::Arc;

/// Most tokens a context may take to be established; Kerberos takes one.
const MOST_TOKENS: u32 = 8;
/// What we offer: no security layer, and so no buffer (RFC 4752 section 3.2).
const NO_LAYER: [u8; 4] = [1, 0, 0, 0];

/// Kerberos as the mechanism sees it.
#[derive(Clone, Debug)]
pub struct Kerberos {
    /// Who takes the tokens.
    pub acceptor: Arc<dyn Acceptor>,
    /// Realms whose principals are users of the same name (`GssapiRealms`, or the keytab's realm).
    pub realms: Vec<String>,
    /// The case of a principal's letters counts (`GssapiExactCase`).
    pub exact_case: bool,
}

/// Takes GSS-API contexts (RFC 2743).
pub trait Acceptor: Send + Sync + fmt::Debug {
    /// Begins a context. Where `bindings` (the application data of RFC 2744 section 3.11) are
    /// given, those that the initiator sends must equal them.
    fn begin(&self, bindings: Option<Vec<u8>>) -> Box<dyn SecurityContext>;
}

/// One security context. Dropping it deletes it.
pub trait SecurityContext: Send {
    /// Takes the initiator's next token.
    ///
    /// # Errors
    /// The context is of no use any more.
    fn accept(&mut self, token: &[u8]) -> Result<Accepted, Fault>;
    /// Seals a message for integrity only.
    ///
    /// # Errors
    /// The context cannot do that.
    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Fault>;
    /// Opens a sealed message.
    ///
    /// # Errors
    /// The message is not the initiator's.
    fn unwrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Fault>;
}

/// What taking a token came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// What the initiator must get; may be empty.
    pub token: Vec<u8>,
    /// The context is complete.
    pub peers: Option<Peers>,
}

/// Who talks to whom in a complete context.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peers {
    /// The client's principal, `alice@REALM`.
    pub initiator: String,
    /// Our principal that the client asked for, `pop/host@REALM`.
    pub acceptor: String,
    /// The client sent channel bindings, and they were right.
    pub bound: bool,
}

/// Why a context failed; the text is for our log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// This is no token of the mechanism.
    Defective(String),
    /// A token, but not one that lets anybody in.
    Refused(String),
    /// Our own side is broken.
    Unavailable(String),
}

/// Whether a client that does everything right would get in.
pub fn offered(context: &Context) -> bool {
    context.kerberos.is_some() && !context.cannot_bind()
}

/// Starts an exchange.
pub fn start(context: &Context) -> Box<dyn Mechanism> {
    let kerberos = context.kerberos.as_ref().filter(|_| offered(context));
    Box::new(Gssapi {
        security: kerberos.map(|kerberos| kerberos.acceptor.begin(context.application_data())),
        realms: kerberos.map_or_else(Vec::new, |kerberos| kerberos.realms.clone()),
        exact_case: kerberos.is_some_and(|kerberos| kerberos.exact_case),
        must_bind: context.extended_protection == ExtendedProtectionPolicy::Require,
        state: GssapiState::Tokens(0),
        diagnosis: None,
    })
}

struct Gssapi {
    /// None: no keytab, or nothing to bind to.
    security: Option<Box<dyn SecurityContext>>,
    realms: Vec<String>,
    exact_case: bool,
    must_bind: bool,
    state: GssapiState,
    diagnosis: Option<String>,
}

enum GssapiState {
    /// The context is being established; so many tokens have come.
    Tokens(u32),
    /// Our last token is out; the client answers with nothing (RFC 4752 section 3.1).
    Empty(User),
    /// Our offer of no layer is out.
    Layer(User),
    Authorize,
    Over,
}

/// The user that a principal stands for.
struct User {
    name: String,
    principal: String,
}

/// An end before its time.
type Early<T> = Result<T, Outcome>;

impl Mechanism for Gssapi {
    fn step(&mut self, message: &[u8]) -> Outcome {
        let next = match std::mem::replace(&mut self.state, GssapiState::Over) {
            GssapiState::Tokens(count) => self.token(message, count),
            GssapiState::Empty(user) if message.is_empty() => self.offer(user),
            GssapiState::Empty(_) => Err(malformed("GSSAPI needs an empty response here")),
            GssapiState::Layer(user) => self.layer(message, &user),
            GssapiState::Authorize | GssapiState::Over => Err(malformed("GSSAPI exchange is over")),
        };
        next.unwrap_or_else(|outcome| outcome)
    }

    fn answer(&mut self, answer: Answer) -> Outcome {
        match std::mem::replace(&mut self.state, GssapiState::Over) {
            GssapiState::Authorize => answer.into(),
            _ => Outcome::Failed(Failure::Unavailable),
        }
    }

    fn diagnosis(&self) -> Option<&str> {
        self.diagnosis.as_deref()
    }
}

impl Gssapi {
    fn token(&mut self, message: &[u8], count: u32) -> Early<Outcome> {
        let Some(security) = &mut self.security else { return Err(Outcome::Failed(Failure::Unavailable)) };
        let accepted = security.accept(message).map_err(|fault| self.fault(fault))?;
        match accepted.peers {
            Some(peers) => {
                let user = self.user(&peers).map_err(|what| self.refuse(what))?;
                if accepted.token.is_empty() {
                    // Without mutual authentication there is no AP-REP: our offer follows at once.
                    return self.offer(user);
                }
                self.state = GssapiState::Empty(user);
            }
            None if accepted.token.is_empty() => return Err(malformed("GSSAPI token asks for no answer")),
            None if count + 1 == MOST_TOKENS => return Err(malformed("GSSAPI context takes too many tokens")),
            None => self.state = GssapiState::Tokens(count + 1),
        }
        Ok(Outcome::Challenge(accepted.token))
    }

    fn offer(&mut self, user: User) -> Early<Outcome> {
        let Some(security) = &mut self.security else { return Err(Outcome::Failed(Failure::Unavailable)) };
        let sealed = security.wrap(&NO_LAYER).map_err(|fault| self.fault(fault))?;
        self.state = GssapiState::Layer(user);
        Ok(Outcome::Challenge(sealed))
    }

    /// The layer the client chose, its buffer size, and the authorization identity.
    fn layer(&mut self, message: &[u8], user: &User) -> Early<Outcome> {
        let Some(security) = &mut self.security else { return Err(Outcome::Failed(Failure::Unavailable)) };
        let open = security.unwrap(message).map_err(|fault| self.fault(fault))?;
        let Some((choice, authzid)) = open.split_first_chunk::<4>() else {
            return Err(malformed("GSSAPI layer choice is too short"));
        };
        if *choice != NO_LAYER {
            return Err(malformed("GSSAPI offers no security layer"));
        }
        let authzid = authzid_of(authzid, user).map_err(malformed)?;
        self.state = GssapiState::Authorize;
        let who = Identity { authcid: user.name.clone(), authzid };
        Ok(Outcome::Ask(Query::Vouched { who, exact_case: self.exact_case }))
    }

    /// The user behind a complete context, if it is one that may count.
    fn user(&self, peers: &Peers) -> Result<User, String> {
        // With any key of the keytab accepted, the service must be ours (RFC 4752 section 3.2).
        let service = peers.acceptor.split(['/', '@']).next().unwrap_or_default();
        if !["pop", "pop3"].iter().any(|ours| ours.eq_ignore_ascii_case(service)) {
            return Err(format!("the ticket is for {}, not for pop or pop3", peers.acceptor));
        }
        if self.must_bind && !peers.bound {
            return Err(format!("{} sent no channel bindings", peers.initiator));
        }
        let principal = &peers.initiator;
        match principal.rsplit_once('@') {
            // A further component or an escaped character makes another principal of it.
            Some((name, realm))
                if !name.is_empty() && !name.contains(['/', '\\', '@']) && self.realms.iter().any(|r| r == realm) =>
            {
                Ok(User { name: name.to_owned(), principal: principal.clone() })
            }
            _ => Err(format!("{principal} is no user of an allowed realm")),
        }
    }

    fn refuse(&mut self, what: String) -> Outcome {
        self.diagnosis = Some(what);
        Outcome::Failed(Failure::Credentials)
    }

    fn fault(&mut self, fault: Fault) -> Outcome {
        let (failure, text) = match fault {
            Fault::Defective(text) => (Failure::Malformed("GSSAPI token is defective"), text),
            Fault::Refused(text) => (Failure::Credentials, text),
            Fault::Unavailable(text) => (Failure::Unavailable, text),
        };
        self.diagnosis = Some(text);
        Outcome::Failed(failure)
    }
}

/// Somebody else's mailbox, if that is what the client wants. One final NUL is taken off: fetchmail sends it.
fn authzid_of(octets: &[u8], user: &User) -> Result<Option<String>, &'static str> {
    let octets = octets.strip_suffix(&[0]).unwrap_or(octets);
    let name = std::str::from_utf8(octets).map_err(|_| "GSSAPI authorization identity needs UTF-8")?;
    if name.contains('\0') {
        return Err("GSSAPI authorization identity has a NUL");
    }
    let own = name.is_empty() || name.eq_ignore_ascii_case(&user.name) || name.eq_ignore_ascii_case(&user.principal);
    Ok((!own).then(|| name.to_owned()))
}

fn malformed(what: &'static str) -> Outcome {
    Outcome::Failed(Failure::Malformed(what))
}

#[cfg(test)]
mod tests;
