//! One certificate with its key: read, compared with each other, made ready for handshakes.

use super::acceptor::Names;
use super::error::{TlsError, brief};
use crate::files::regular;
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    AlpnError, NameType, SniError, SslAcceptor, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVersion,
};
use openssl::x509::X509;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The log warns when a certificate has fewer days than this.
const EXPIRES_SOON_DAYS: u32 = 14;
/// Longest certificate or key file, octets: a chain has some thousands.
const LONGEST_FILE: u64 = 1 << 20;

/// Where a certificate, followed by its chain, and the key that belongs to it are; both PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// The certificate first, then its issuers.
    pub certificate: PathBuf,
    /// The key, without passphrase.
    pub key: PathBuf,
}

/// What the files held when they were read.
pub(super) struct Content {
    certificate: io::Result<Zeroizing<Vec<u8>>>,
    key: io::Result<Zeroizing<Vec<u8>>>,
}

/// What was made of one certificate and its key. Running sessions keep theirs.
pub(super) struct Pair {
    pub(super) acceptor: SslAcceptor,
    leaf: X509,
    file: PathBuf,
}

impl Content {
    pub(super) fn read(files: &Files) -> Self {
        let read = |file: &Path| regular::read(file, LONGEST_FILE);
        Self { certificate: read(&files.certificate), key: read(&files.key) }
    }

    /// Differs when the files, what is in them, or what keeps them from being read differ.
    pub(super) fn digest(&self, files: &Files) -> [u8; 32] {
        let mut digest = Sha256::new();
        for (file, content) in [(&files.certificate, &self.certificate), (&files.key, &self.key)] {
            digest.update(Sha256::digest(file.as_os_str().as_encoded_bytes()));
            match content {
                Ok(octets) => digest.update(Sha256::digest(octets)),
                Err(error) => digest.update(Sha256::digest(error.to_string())),
            }
        }
        digest.finalize().into()
    }
}

impl Pair {
    /// With `names` it serves all clients, and those who ask for one of the names get the pair of that name.
    pub(super) fn new(files: &Files, content: &Content, names: Option<Arc<Names>>) -> Result<Self, TlsError> {
        let Files { certificate, key } = files;
        let chain = chain(certificate, &content.certificate)?;
        let private = private_key(key, &content.key)?;
        let (leaf, rest) = chain.split_first().ok_or_else(|| no_certificate(certificate))?;
        if !leaf.public_key().is_ok_and(|public| public.public_eq(&private)) {
            return Err(TlsError::new(format!(
                "private key file {} does not match the certificate in {}",
                key.display(),
                certificate.display()
            )));
        }
        let acceptor = build(leaf, rest, &private, names).map_err(|error| {
            TlsError::new(format!("certificate file {} cannot be used: {}", certificate.display(), brief(&error)))
        })?;
        warn_of_expiry(leaf, certificate);
        Ok(Self { acceptor, leaf: leaf.clone(), file: certificate.clone() })
    }

    /// Seconds until the certificate expires; negative once it has.
    pub(super) fn seconds_left(&self) -> Option<i64> {
        seconds_left(&self.leaf)
    }

    /// Which certificate this is: the file may hold another by now.
    pub(super) fn describe(&self) -> String {
        let serial = self.leaf.serial_number().to_bn().and_then(|number| number.to_hex_str());
        let serial = serial.map_or_else(|_| "unknown".to_owned(), |hex| hex.to_string());
        format!("{}, serial {serial}, valid until {}", self.file.display(), self.leaf.not_after())
    }
}

/// Seconds until the certificate in a file expires; negative once it has.
///
/// # Errors
/// It cannot be read or is no certificate.
pub fn file_seconds_left(file: &Path) -> Result<Option<i64>, TlsError> {
    let content = regular::read(file, LONGEST_FILE);
    Ok(chain(file, &content)?.first().and_then(seconds_left))
}

fn seconds_left(leaf: &X509) -> Option<i64> {
    let left = Asn1Time::days_from_now(0).ok()?.diff(leaf.not_after()).ok()?;
    Some(86_400 * i64::from(left.days) + i64::from(left.secs))
}

/// The key in a file.
pub(super) fn read_key(file: &Path) -> Result<PKey<Private>, TlsError> {
    private_key(file, &regular::read(file, LONGEST_FILE))
}

fn chain(file: &Path, content: &io::Result<Zeroizing<Vec<u8>>>) -> Result<Vec<X509>, TlsError> {
    let pem = content.as_ref().map_err(|error| TlsError::unread("certificate", file, error))?;
    let chain = X509::stack_from_pem(pem)
        .map_err(|error| TlsError::new(format!("certificate file {} is not PEM: {}", file.display(), brief(&error))))?;
    if chain.is_empty() { Err(no_certificate(file)) } else { Ok(chain) }
}

fn no_certificate(file: &Path) -> TlsError {
    TlsError::new(format!("certificate file {} contains no PEM certificate", file.display()))
}

/// Any PEM form of key will do, but none that wants a passphrase: nobody is there to give it.
fn private_key(file: &Path, content: &io::Result<Zeroizing<Vec<u8>>>) -> Result<PKey<Private>, TlsError> {
    let pem = content.as_ref().map_err(|error| TlsError::unread("private key", file, error))?;
    let mut asked = false;
    PKey::private_key_from_pem_callback(pem, |_| {
        asked = true;
        Ok(0)
    })
    .map_err(|error| {
        let why = if asked { "it is encrypted".to_owned() } else { brief(&error) };
        TlsError::new(format!("private key file {} cannot be used: {why}", file.display()))
    })
}

fn build(
    leaf: &X509,
    rest: &[X509],
    key: &PKey<Private>,
    names: Option<Arc<Names>>,
) -> Result<SslAcceptor, ErrorStack> {
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
    // Server name indication (RFC 6066 section 3). A name that we do not know is no error: it may be another of this host.
    if let Some(names) = names {
        builder.set_servername_callback(move |ssl, _| {
            let found = ssl.servername(NameType::HOST_NAME).and_then(|name| names.find(name)).ok_or(SniError::NOACK)?;
            ssl.set_ssl_context(found.context()).map_err(|_| SniError::ALERT_FATAL)
        });
    }
    // A client that speaks other protocols only is somebody's browser, made to come here (ALPACA).
    builder.set_alpn_select_callback(|_, offered| {
        let mut protocols = Protocols(offered);
        protocols.find(|name| *name == b"pop3").ok_or(AlpnError::ALERT_FATAL)
    });
    Ok(builder.build())
}

/// The protocol names that a client offers (RFC 7301 section 3.1), each behind an octet with its length.
struct Protocols<'a>(&'a [u8]);

impl<'a> Iterator for Protocols<'a> {
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
        log::warn!("tls: {}: the certificate expired at {until}", file.display());
    } else if before(EXPIRES_SOON_DAYS) == Some(true) {
        log::warn!("tls: {}: the certificate expires soon, at {until}", file.display());
    }
}
