//! Other servers as sources: what an import over POP3 and one over IMAP have in common.
//!
//! What lives here: where a server is ([`Address`]), the connection to it, whether a password may be sent over it, and
//! how what it says is shown. What must not be known here: the commands of either protocol.
//!
//! A server is not believed: every line, list, literal and wait has a bound, so that an import takes less than 64 MiB
//! of memory whatever comes. Messages are passed on as they come, and nothing is stored before the answer is whole.

mod address;
pub mod bearer;
mod said;
mod wire;

pub use address::{Address, Protocol};
pub use said::said;
pub use wire::Wire;

use super::imap::Imap;
use super::pop3::Pop3;
use super::uid_format::UidFormat;
use super::{ImportError, Result, Source};
use crate::secret::Secret;

/// Most messages of one folder that are taken over: what is known of them fits into 64 MiB.
pub const MOST_MESSAGES: usize = 120_000;

/// What proves who we are.
pub enum Credential {
    /// A password.
    Password(Secret),
    /// A bearer token (RFC 6750), without a line end.
    Token(Secret),
}

/// How a server is to be read.
#[derive(Clone, Default)]
pub struct Options {
    /// A password may cross the network in clear.
    pub insecure: bool,
    /// POP3: messages get unique-ids of our own.
    pub no_uidl: bool,
    /// IMAP: how unique-ids are made; absent: as Dovecot does by default.
    pub format: Option<UidFormat>,
}

/// A session with another server. Nothing is changed there.
pub trait Server: Source {
    /// The connection.
    fn wire(&self) -> &Wire;

    /// Logs in.
    ///
    /// # Errors
    /// The server refuses, or the dialogue ends.
    fn log_in(&mut self, login: &str, credential: &Credential) -> Result<()>;

    /// The list is still true.
    ///
    /// # Errors
    /// [`ImportError::Broken`] if it is not, or that it cannot be asked for.
    fn confirm(&mut self) -> Result<()> {
        Ok(())
    }

    /// Says goodbye.
    fn close(&mut self);
}

/// Connects. Where TLS is there it is used, and the certificate is verified.
///
/// # Errors
/// The server cannot be reached; [`ImportError::Insecure`] if its certificate is not good, or it has no TLS and is not on
/// this machine and `options` do not allow that.
pub fn connect(address: &Address, options: &Options) -> Result<Box<dyn Server>> {
    let server: Box<dyn Server> = match address.protocol {
        Protocol::Pop3 => Box::new(Pop3::connect(address, options)?),
        Protocol::Imap => Box::new(Imap::connect(address, options)?),
    };
    if server.wire().is_exposed() && !options.insecure {
        return Err(ImportError::Insecure(format!(
            "{address} has no TLS: use --insecure to send the password unencrypted"
        )));
    }
    Ok(server)
}
