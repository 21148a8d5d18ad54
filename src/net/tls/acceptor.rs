//! Certificate and key, and what accepts TLS with them.

use super::certificate;
use super::error::{TlsError, brief};
use crate::files::regular;
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{AlpnError, SslAcceptor, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVersion};
use openssl::x509::X509;
use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The log warns when a certificate has fewer days than this.
const EXPIRES_SOON_DAYS: u32 = 14;
/// Longest certificate or key file, octets: a chain has some thousands.
const LONGEST_FILE: u64 = 1 << 20;

/// Accepts TLS with a certificate that can be exchanged while sessions run.
pub struct Acceptor {
    current: RwLock<Arc<Pair>>,
}

/// What was made of one certificate and its key. Running sessions keep theirs.
pub(super) struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    pub(super) acceptor: SslAcceptor,
    pub(super) end_point: Option<Arc<[u8]>>,
    leaf: X509,
}

impl Acceptor {
    /// Reads a PEM certificate, followed by its chain, and the PEM key that belongs to it.
    ///
    /// # Errors
    /// What is wrong with which file. A certificate that expires soon is only a warning in the log.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self { current: RwLock::new(Arc::new(Pair::load(certificate, key)?)) })
    }

    /// Reads the same files again (SIGHUP). Tickets given out before lead to full handshakes.
    ///
    /// # Errors
    /// As [`Acceptor::load`]; then all stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let current = self.current();
        self.switch(&current.certificate, &current.key)
    }

    /// Takes other files from now on.
    ///
    /// # Errors
    /// As [`Acceptor::load`]; then all stays as it was.
    pub fn switch(&self, certificate: &Path, key: &Path) -> Result<(), TlsError> {
        let fresh = Arc::new(Pair::load(certificate, key)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Channel binding `tls-server-end-point` of the certificate that new sessions get
    /// (RFC 5929 section 4); `None` where its signature has no single hash function.
    pub fn end_point(&self) -> Option<Arc<[u8]>> {
        self.current().end_point.clone()
    }

    /// Seconds until the certificate expires that new sessions get; negative once it has expired.
    pub fn seconds_left(&self) -> Option<i64> {
        seconds_left(&self.current().leaf)
    }

    pub(super) fn current(&self) -> Arc<Pair> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Pair {
    fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = read_chain(certificate)?;
        let private = read_key(key)?;
        let (leaf, rest) = chain.split_first().ok_or_else(|| no_certificate(certificate))?;
        if !leaf.public_key().is_ok_and(|public| public.public_eq(&private)) {
            return Err(TlsError::new(format!(
                "private key file {} does not belong to the certificate in {}",
                key.display(),
                certificate.display()
            )));
        }
        let acceptor = build(leaf, rest, &private).map_err(|error| {
            TlsError::new(format!("certificate file {} cannot be used: {}", certificate.display(), brief(&error)))
        })?;
        warn_of_expiry(leaf, certificate);
        let end_point = certificate::end_point(leaf).map(Arc::from);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), acceptor, end_point, leaf: leaf.clone() })
    }
}

/// The same of a file.
///
/// # Errors
/// It cannot be read or is no certificate.
pub fn file_seconds_left(file: &Path) -> Result<Option<i64>, TlsError> {
    Ok(read_chain(file)?.first().and_then(seconds_left))
}

fn seconds_left(leaf: &X509) -> Option<i64> {
    let left = Asn1Time::days_from_now(0).ok()?.diff(leaf.not_after()).ok()?;
    Some(86_400 * i64::from(left.days) + i64::from(left.secs))
}

fn read_chain(file: &Path) -> Result<Vec<X509>, TlsError> {
    let pem = regular::read(file, LONGEST_FILE)
        .map_err(|error| TlsError::new(format!("certificate file {} cannot be read: {error}", file.display())))?;
    let chain = X509::stack_from_pem(&pem)
        .map_err(|error| TlsError::new(format!("certificate file {} is no PEM: {}", file.display(), brief(&error))))?;
    if chain.is_empty() { Err(no_certificate(file)) } else { Ok(chain) }
}

fn no_certificate(file: &Path) -> TlsError {
    TlsError::new(format!("certificate file {} has no PEM certificate in it", file.display()))
}

/// Any PEM form of key will do, but none that wants a passphrase: nobody is there to give it.
pub(super) fn read_key(file: &Path) -> Result<PKey<Private>, TlsError> {
    let pem = regular::read(file, LONGEST_FILE)
        .map_err(|error| TlsError::new(format!("private key file {} cannot be read: {error}", file.display())))?;
    let mut asked = false;
    PKey::private_key_from_pem_callback(&pem, |_| {
        asked = true;
        Ok(0)
    })
    .map_err(|error| {
        let why = if asked { "it is encrypted".to_owned() } else { brief(&error) };
        TlsError::new(format!("private key file {} cannot be used: {why}", file.display()))
    })
}

fn build(leaf: &X509, rest: &[X509], key: &PKey<Private>) -> Result<SslAcceptor, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_certificate(leaf)?;
    for issuer in rest {
        builder.add_extra_chain_cert(issuer.clone())?;
    }
    builder.set_private_key(key)?;
    builder.check_private_key()?;
    // An idle session keeps no record buffers; nothing of it is kept here for resumption either,
    // that is all in the one ticket that the client holds.
    builder.set_mode(SslMode::RELEASE_BUFFERS);
    builder.set_read_ahead(false);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_session_id_context(b"pillarbox")?;
    builder.set_num_tickets(1)?;
    // Asking for handshakes without end would cost only us (CVE-2011-1473). A connection closed without
    // close_notify is an end like any other: nothing is done in POP3 or LMTP because of an end.
    builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::IGNORE_UNEXPECTED_EOF);
    // A client that speaks other protocols only is somebody's browser, made to come here (ALPACA).
    builder.set_alpn_select_callback(|_, offered| {
        let mut names = Names(offered);
        names.find(|name| *name == b"pop3").ok_or(AlpnError::ALERT_FATAL)
    });
    Ok(builder.build())
}

/// The protocol names that a client offers (RFC 7301 section 3.1), each behind an octet with its length.
struct Names<'a>(&'a [u8]);

impl<'a> Iterator for Names<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        Some(name)
    }
}

fn warn_of_expiry(leaf: &X509, file: &Path) {
    let until = leaf.not_after();
    let before = |days| {
        let then = Asn1Time::days_from_now(days).ok()?;
        Some(until.compare(&then).ok()? == Ordering::Less)
    };
    if before(0) == Some(true) {
        log::warn!("the certificate in {} expired at {until}", file.display());
    } else if before(EXPIRES_SOON_DAYS) == Some(true) {
        log::warn!("the certificate in {} expires soon, at {until}", file.display());
    }
}
