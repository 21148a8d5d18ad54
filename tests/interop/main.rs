//! Every way in, on the real binary, with clients that were not written here; and what keeps
//! everybody else out. `scripts/interop.sh` unpacks what these tests drive; without it they fail.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod abuse;
mod bearer;
mod delegates;
mod fail2ban;
mod gssapi;
mod imported;
mod kdc;
mod neomutt;
mod ntlm;
mod offers;
mod scram;
mod secrets;
mod tools;
mod verifiers;
