//! A certificate's hash for channel binding, and the self-signed pair of a first start.

use super::error::brief;
use super::pair::read_key;
use crate::files::atomic::{AtomicFile, Failure, about};
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder, X509Ref};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// How long a self-signed certificate is valid: nobody is going to renew it.
const VALID_DAYS: u32 = 3650;
/// Seconds.
const DAY: i64 = 86_400;

/// When a self-signed certificate is valid.
#[derive(Clone, Copy)]
enum Validity {
    Current,
    Expired,
}

impl Validity {
    fn period(self) -> Result<(Asn1Time, Asn1Time), ErrorStack> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        match self {
            Self::Current => Ok((Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(VALID_DAYS)?)),
            Self::Expired => Ok((Asn1Time::from_unix(now - 30 * DAY)?, Asn1Time::from_unix(now - DAY)?)),
        }
    }
}

/// `tls-server-end-point` of RFC 5929 section 4.1: the certificate hashed with the hash function of
/// its signature, SHA-256 in place of MD5 and SHA-1. A signature with none of its own, or more than
/// one (Ed25519, RSASSA-PSS), leaves it undefined.
pub(super) fn end_point(certificate: &X509Ref) -> Option<Vec<u8>> {
    let signature = certificate.signature_algorithm().object().nid();
    let digest = match signature.signature_algorithms()?.digest {
        Nid::UNDEF => return None,
        Nid::MD5 | Nid::SHA1 => MessageDigest::sha256(),
        other => MessageDigest::from_nid(other)?,
    };
    Some(certificate.digest(digest).ok()?.to_vec())
}

/// Makes a P-256 key and a certificate for this host and `localhost` that it signs itself, valid for
/// ten years; the key is readable by its owner only. A key that is there already signs the certificate: whoever
/// made it was ended before the certificate was there. A certificate must not exist.
///
/// # Errors
/// Which file could not be made or used. What there is of the pair is whole, and the next call goes on with it.
pub fn self_signed(certificate: &Path, key: &Path) -> io::Result<()> {
    make(certificate, key, Validity::Current)
}

/// The same, but the certificate expired yesterday: tests of clients want to see what they do then.
///
/// # Errors
/// As [`self_signed`].
pub fn expired(certificate: &Path, key: &Path) -> io::Result<()> {
    make(certificate, key, Validity::Expired)
}

fn make(certificate: &Path, key: &Path, validity: Validity) -> io::Result<()> {
    let failed = |error: ErrorStack| io::Error::other(format!("cannot create a certificate: {}", brief(&error)));
    let pair_key = match key.try_exists()? {
        true => read_key(key).map_err(io::Error::other)?,
        false => {
            let made = generate().map_err(failed)?;
            let pem = Zeroizing::new(made.private_key_to_pem_pkcs8().map_err(failed)?);
            write_new(key, &pem, 0o600)
                .map_err(|error| about(format_args!("private key file {} cannot be created", key.display()), error))?;
            made
        }
    };
    let signed = sign(&host_name(), &pair_key, validity).and_then(|signed| signed.to_pem()).map_err(failed)?;
    write_new(certificate, &signed, 0o644)
        .map_err(|error| about(format_args!("certificate file {} cannot be created", certificate.display()), error))
}

/// Nothing that is there is replaced, nor a link followed that somebody else has put there. A name that may not be
/// durable goes again: the next attempt is to make it anew, and not to rely on it.
fn write_new(file: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let draft = AtomicFile::create(file, mode)?;
    draft.file().write_all(content)?;
    let placed = draft.place_new();
    if let Err(Failure::Unsynced(_)) = placed {
        let _ = std::fs::remove_file(file);
    }
    Ok(placed?)
}

/// The kernel's name of this host; `localhost` where that is nothing a certificate could hold.
fn host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name = name.to_string_lossy();
    let fits = !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    if fits { name.into_owned() } else { "localhost".to_owned() }
}

fn generate() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn sign(host: &str, key: &PKey<Private>, validity: Validity) -> Result<X509, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COMMONNAME, host)?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(159, MsbOption::MAYBE_ZERO, false)?;
    let serial = serial.to_asn1_integer()?;
    let (from, until) = validity.period()?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_not_before(&from)?;
    builder.set_not_after(&until)?;
    builder.set_pubkey(key)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    let mut names = SubjectAlternativeName::new();
    names.dns("localhost").ip("127.0.0.1").ip("::1");
    if host != "localhost" {
        names.dns(host);
    }
    let names = names.build(&builder.x509v3_context(None, None))?;
    builder.append_extension(names)?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}
