//! SASL (RFC 4422): what a mechanism is, and the table of those we have.
//!
//! A mechanism *asks*, it never looks anything up: it sees the client's octets and the driver's
//! [`Answer`]s, and has no socket, no store and no clock of its own (what it needs of these is in
//! [`Context`]). Four outcomes stay apart: success, wrong credentials, a malformed exchange, and
//! our own failure, which is never reported as a bad password.

pub mod bearer;
mod context;
pub mod gs2;
pub mod gssapi;
pub mod ntlm;
pub mod plain;
pub mod scram;

pub use context::Context;

pub use crate::message::address::Identity;
use crate::secret::Secret;
use crate::store::{MailboxId, UserId};

/// What a mechanism can ask of the driver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Query {
    /// Check a clear-text password: the first of `candidates` that is right counts.
    Password {
        /// Who.
        who: Identity,
        /// Readings of what the client sent; more than one only for PASS with extra separators.
        candidates: Vec<Secret>,
    },
    /// Fetch a verifier. For an unknown user a false one that is the same every time.
    Verifier {
        /// Whose.
        authcid: String,
        /// Which.
        scheme: crate::store::Scheme,
    },
    /// The mechanism has proved `who.authcid`; may it open that mailbox?
    Authorize {
        /// Who.
        who: Identity,
    },
    /// An issuer of tokens or a Kerberos realm has vouched for `who.authcid`, which is that very name and none of
    /// the forms that people type; may they open that mailbox?
    Vouched {
        /// Who.
        who: Identity,
        /// The case of letters counts.
        exact_case: bool,
    },
}

/// A verifier in the form its mechanism computes with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verifier {
    /// RFC 5802 section 3.
    Scram {
        /// The user's salt.
        salt: Vec<u8>,
        /// Rounds of PBKDF2.
        iterations: u32,
        /// H(ClientKey).
        stored_key: Secret,
        /// HMAC(SaltedPassword, "Server Key").
        server_key: Secret,
    },
    /// NTOWFv1 of [MS-NLMP] 3.3.1.
    NtHash(Secret),
}

/// What the driver answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Logged in.
    Accepted(Login),
    /// The verifier that was asked for (true or false: only the proof tells).
    Verifier(Verifier),
    /// Wrong password, no such user, not allowed: nobody may learn which.
    Refused,
    /// We could not find out; try again later.
    Unavailable,
}

/// Proof that somebody may open a mailbox. Made in one place: `authenticator`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Login {
    /// Who logged in.
    pub user: UserId,
    /// Their name as stored.
    pub name: String,
    /// Whose mailbox was opened.
    pub mailbox: MailboxId,
    /// That mailbox's name as stored.
    pub principal: String,
    /// [`crate::store::Account::generation`] of the password that was proved.
    pub generation: i64,
}

/// What an exchange can end in, or go on with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Send these octets as a challenge and wait for the client.
    Challenge(Vec<u8>),
    /// Get an answer, then call [`Mechanism::answer`].
    Ask(Query),
    /// Logged in.
    Done(Login),
    /// Not logged in.
    Failed(Failure),
}

/// Why an exchange failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Wrong credentials: counts as a failed login.
    Credentials,
    /// What the client sent is no message of this mechanism; the text says what was wrong.
    Malformed(&'static str),
    /// Our own failure.
    Unavailable,
}

/// One exchange of one mechanism.
pub trait Mechanism: Send {
    /// Takes the client's next message, decoded. The initial response is the first one.
    fn step(&mut self, message: &[u8]) -> Outcome;
    /// Takes the answer to what [`Outcome::Ask`] asked for.
    fn answer(&mut self, answer: Answer) -> Outcome;
    /// Why the exchange failed, or what was odd about it, for our log only: the client must not learn it.
    fn diagnosis(&self) -> Option<&str> {
        None
    }
}

/// Whether the secret itself crosses the wire, which decides what `LoginType` allows in clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exposure {
    /// A password or bearer token is sent.
    Clear,
    /// Only proofs are sent.
    Proof,
}

/// One row of [`MECHANISMS`].
pub struct MechanismRow {
    /// As registered with IANA, in capitals.
    pub name: &'static str,
    /// What crosses the wire.
    pub exposure: Exposure,
    /// Would be accepted now, whatever `LoginType` says: what CAPA may list, if that allows it.
    pub offered: fn(&Context) -> bool,
    /// Starts an exchange.
    pub start: fn(&Context) -> Box<dyn Mechanism>,
}

/// Every mechanism we have, in the order CAPA and a bare AUTH list them.
///
/// All of them are client-first (RFC 4422 section 5): without an initial response the driver sends
/// one empty challenge, and the client's first message goes to [`Mechanism::step`] either way.
pub const MECHANISMS: &[MechanismRow] = &[
    MechanismRow { name: "NTLM", exposure: Exposure::Proof, offered: ntlm::offered, start: ntlm::start },
    MechanismRow { name: "GSSAPI", exposure: Exposure::Proof, offered: gssapi::offered, start: gssapi::start },
    MechanismRow {
        name: "SCRAM-SHA-256-PLUS",
        exposure: Exposure::Proof,
        offered: |context| context.scram && !context.bindings().is_empty(),
        start: scram::start_plus,
    },
    MechanismRow {
        name: "SCRAM-SHA-256",
        exposure: Exposure::Proof,
        offered: |context| context.scram,
        start: scram::start,
    },
    MechanismRow { name: "PLAIN", exposure: Exposure::Clear, offered: always, start: plain::start },
    MechanismRow {
        name: "OAUTHBEARER",
        exposure: Exposure::Clear,
        offered: bearer::offered,
        start: bearer::start_oauthbearer,
    },
    MechanismRow { name: "XOAUTH2", exposure: Exposure::Clear, offered: bearer::offered, start: bearer::start_xoauth2 },
];

fn always(_: &Context) -> bool {
    true
}

/// The row of this mechanism; names compare without case (RFC 5034 section 4).
pub fn find(name: &[u8]) -> Option<&'static MechanismRow> {
    MECHANISMS.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
}
