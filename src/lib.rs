//! Pillarbox, a POP3 server that behaves, statement by statement, as Microsoft documents Exchange's
//! POP3 service ([MS-STANXPOP3]), in one binary with one SQLite file, or on a PostgreSQL database.
//!
//! # Rooms
//! Three rings; imports point inward only (`make layers` checks it).
//! * **Core** decides and has no effects: [`pop3`] and [`lmtp`] without their drivers, [`sasl`], [`message::dot`], [`message::downgrade`],
//!   [`message::address`], [`report`], [`settings`].
//! * **Rooms** have one kind of effect each: [`store`], [`clock`], [`net::tls`], [`net::line`], [`auth::credential`],
//!   [`net::pool`], [`auth::limits`], [`metrics`], [`http`], [`protocol_log`].
//! * **Drivers** join them: [`pop3::conn`], [`lmtp::conn`], [`import`], [`auth::authenticator`], [`reaper`], [`watch`], [`server`], [`cli`].
//!
//! # Locking
//! A session holds nothing while it waits for its client or writes to it: its maildrop is a list,
//! each read of the store is complete before the first octet goes out. The locks that exist
//! (settings, counters, registry) are held for the length of a map operation; the one of the protocol
//! log for the write of a line.
//!
//! # Durability
//! `+OK` to QUIT, 250 of LMTP and exit 0 of `deliver` follow the commit (`synchronous=FULL`). Mail is
//! written by one thread, which shares a commit among those who wait. `kill -9` is a correct shutdown.
//!
//! # Threads
//! One accept loop a listener, a bounded pool of workers with small stacks (one per connection),
//! the store's writer, the maintenance ([`reaper`]), the session monitor, which ends sessions whose login does not count any more,
//! and the main thread, which waits for signals.
//! A panic costs one connection, or one job of the writer.
//!
//! # Standards
//! | document | met | by |
//! |---|---|---|
//! | [MS-STANXPOP3] | see `docs/conformance.md` | everything |
//! | RFC 1939 POP3 | yes, without APOP ([MS-STANXPOP3] V0012) and with its variations | [`pop3`] |
//! | RFC 2033 LMTP | yes | [`lmtp`] |
//! | RFC 1870 SIZE, 2034 enhanced codes, 2920 PIPELINING, 6152 8BITMIME, 6531 SMTPUTF8 | yes, in LMTP | [`lmtp`] |
//! | RFC 3030 CHUNKING | yes, in LMTP; no BINARYMIME | [`lmtp::content`] |
//! | RFC 3501 IMAP4rev1 | as a client that reads one folder | [`import::imap`] |
//! | RFC 4155 mbox | read, with `>From` of mboxrd | [`import::mbox`] |
//! | RFC 5890 A-labels and U-labels | the same domain, in logins and in mail | [`message::domain`] |
//! | RFC 3461 DSN | not announced; its parameters are taken | [`lmtp::dsn`] |
//! | RFC 6856 UTF8 | `UTF8`, no `USER` argument, no LANG; LIST shows the size as stored | [`pop3::policy`] |
//! | RFC 6858 simplified downgrade | yes; parameters are encoded (RFC 2231), not removed | [`message::downgrade`] |
//! | RFC 2047 encoded words, RFC 2231 parameters | written, in what is downgraded | [`message::downgrade`] |
//! | RFC 2449 CAPA, response codes | yes | [`pop3::policy`], [`pop3::reply`] |
//! | RFC 2595 STLS | yes | [`pop3::conn`], [`net::tls`] |
//! | RFC 3206 AUTH and SYS codes | yes | [`pop3::reply`] |
//! | RFC 4422 SASL | server side, no security layers | [`sasl`] |
//! | RFC 4616 PLAIN | yes | [`sasl::plain`] |
//! | RFC 4752 GSSAPI over RFC 4121 Kerberos V | yes, without security layers | [`sasl::gssapi`], [`auth::gssapi`] |
//! | RFC 5802, 7677 SCRAM-SHA-256, -PLUS | yes, `tls-server-end-point` and `tls-exporter` (RFC 9266) | [`sasl::scram`] |
//! | RFC 7628 OAUTHBEARER, and XOAUTH2 | yes, and as a client | [`sasl::bearer`], [`import::remote`] |
//! | RFC 7519, 7515, 7517 tokens and keys | RS256 and ES256, checked offline | [`auth::jwt`] |
//! | [MS-NLMP] NTLM | version 2, authentication only | [`sasl::ntlm`] |
//! | RFC 5034 AUTH | yes; lines up to 65,536 octets | [`pop3::authorization`] |
//! | RFC 5929 `tls-server-end-point` | yes | [`net::tls`] |
//! | RFC 8314 implicit TLS | yes | [`server`] |
//! | RFC 7301 ALPN | `pop3`; other lists are refused | [`net::tls`] |
//! | [MS-OXPOP3] delegates | yes | [`message::address`], [`auth::authenticator`] |
//! | RFC 9106 Argon2 | Argon2id for stored passwords | [`auth::credential`] |

pub mod auth;
pub mod cli;
pub mod clock;
pub mod complaints;
pub mod exit;
pub mod files;
#[cfg(test)]
mod generated;
pub mod hmac;
pub mod http;
pub mod import;
pub mod lmtp;
pub mod lock;
pub mod message;
pub mod metrics;
pub mod net;
pub mod pop3;
pub mod protocol_log;
pub mod reaper;
pub mod report;
pub mod sasl;
pub mod secret;
pub mod server;
pub mod settings;
pub mod shared;
pub mod store;
pub mod watch;
