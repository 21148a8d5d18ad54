//! What the black-box tests share: a database and its commands ([`site`]), a running server
//! ([`server`]), a POP3 client that hides nothing ([`client`]), the texts of the contract
//! ([`texts`]) and test messages ([`messages`]).
//!
//! Nothing here knows the library under test: these tests see the binary, the wire and SQL.

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of this")]

pub mod client;
pub mod contained;
pub mod debian;
pub mod dovecot;
pub mod lmtp;
pub mod messages;
pub mod postgres;
pub mod privileged;
pub mod random;
pub mod server;
pub mod shell;
pub mod site;
pub mod sync;
pub mod texts;
pub mod waiting;

pub use client::Client;
pub use lmtp::Lmtp;
pub use random::Random;
pub use server::Server;
pub use site::Site;
pub use waiting::eventually;
