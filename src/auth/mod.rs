//! Who may log in: proofs of identity, verifiers, and what guessing costs.

pub mod authenticator;
pub mod credential;
pub mod gssapi;
pub mod jwt;
pub mod limits;
