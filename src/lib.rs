//! Pillarbox, a POP3 server that behaves as Microsoft documents Exchange's POP3 service.

pub mod address;
pub mod authenticator;
pub mod cli;
pub mod credential;
pub mod dot;
pub mod gssapi;
pub mod jwt;
pub mod limits;
pub mod line;
pub mod pool;
pub mod pop3;
pub mod sasl;
pub mod server;
pub mod settings;
pub mod store;
pub mod tls;
pub mod upkeep;
