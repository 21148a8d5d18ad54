//! Certificates and keys: what is refused, what is made, what is hashed.

use super::files;
use crate::net::tls::certificate::end_point;
use crate::net::tls::{Acceptor, self_signed};
use openssl::asn1::Asn1Time;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};
use std::os::unix::fs::PermissionsExt;

#[test]
fn bad_files_are_named() {
    let (one, other) = (files(), files());
    let missing = one.certificate.with_file_name("missing.pem");
    let garbage = one.certificate.with_file_name("garbage.pem");
    std::fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let empty = one.certificate.with_file_name("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let locked = one.certificate.with_file_name("locked.pem");
    let pipe = one.certificate.with_file_name("pipe.pem");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
    let endless = std::path::PathBuf::from("/dev/zero");
    let key = PKey::private_key_from_pem(&std::fs::read(&one.key).unwrap()).unwrap();
    let cipher = openssl::symm::Cipher::aes_128_cbc();
    std::fs::write(&locked, key.private_key_to_pem_pkcs8_passphrase(cipher, b"secret").unwrap()).unwrap();

    let cases = [
        (&missing, &one.key, "certificate file ", "missing.pem cannot be read: No such file"),
        (&pipe, &one.key, "certificate file ", "pipe.pem cannot be read: not a regular file"),
        (&endless, &one.key, "certificate file ", "/dev/zero cannot be read: not a regular file"),
        (&one.certificate, &pipe, "private key file ", "pipe.pem cannot be read: not a regular file"),
        (&empty, &one.key, "certificate file ", "empty.pem contains no PEM certificate"),
        (&one.key, &one.key, "certificate file ", "mail.db.key contains no PEM certificate"),
        (&garbage, &one.key, "certificate file ", "garbage.pem is not PEM: "),
        (&one.certificate, &missing, "private key file ", "missing.pem cannot be read: No such file"),
        (&one.certificate, &empty, "private key file ", "empty.pem cannot be used: "),
        (&one.certificate, &one.certificate, "private key file ", "mail.db.crt cannot be used: "),
        (&one.certificate, &locked, "private key file ", "locked.pem cannot be used: it is encrypted"),
        (&one.certificate, &other.key, "private key file ", "mail.db.key does not match the certificate in "),
    ];
    for (certificate, key, start, part) in cases {
        let error = Acceptor::load(certificate, key).err().unwrap().to_string();
        assert!(error.starts_with(start) && error.contains(part), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}

#[test]
fn self_signed_pair_is_private_and_never_overwrites() {
    let files = files();
    assert_eq!(std::fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
    let leaf = files.leaf();
    assert!(leaf.verify(&leaf.public_key().unwrap()).unwrap());
    let names: Vec<String> =
        leaf.subject_alt_names().unwrap().iter().filter_map(|name| name.dnsname().map(str::to_owned)).collect();
    assert!(names.contains(&"localhost".to_owned()), "{names:?}");
    let almost_ten_years = Asn1Time::days_from_now(3649).unwrap();
    assert!(leaf.not_after() > almost_ten_years);

    let before = std::fs::read(&files.key).unwrap();
    let other = files.certificate.with_file_name("other");
    let error = self_signed(&files.certificate, &other).unwrap_err().to_string();
    assert!(error.starts_with("certificate file ") && error.contains("mail.db.crt"), "{error}");
    assert_eq!(std::fs::read(&files.key).unwrap(), before);
}

#[test]
fn a_key_without_its_certificate_gets_one() {
    let files = files();
    let key = std::fs::read(&files.key).unwrap();
    std::fs::remove_file(&files.certificate).unwrap();
    self_signed(&files.certificate, &files.key).unwrap();
    assert_eq!(std::fs::read(&files.key).unwrap(), key, "the key may be somebody's: it stays");
    Acceptor::load(&files.certificate, &files.key).unwrap();

    std::fs::remove_file(&files.certificate).unwrap();
    std::fs::write(&files.key, "no key").unwrap();
    let error = self_signed(&files.certificate, &files.key).unwrap_err().to_string();
    assert!(error.starts_with("private key file ") && error.contains("mail.db.key"), "{error}");
    assert!(!files.certificate.exists());
}

/// A certificate that signs itself with `digest`.
fn certificate(key: &PKey<Private>, digest: MessageDigest) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, digest).unwrap();
    builder.build()
}

/// RFC 5929 section 4.1: the hash of the signature, SHA-256 for MD5 and SHA-1, undefined without one.
#[test]
fn end_point_follows_the_signature() {
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let cases = [
        (MessageDigest::md5(), MessageDigest::sha256()),
        (MessageDigest::sha1(), MessageDigest::sha256()),
        (MessageDigest::sha256(), MessageDigest::sha256()),
        (MessageDigest::sha384(), MessageDigest::sha384()),
        (MessageDigest::sha512(), MessageDigest::sha512()),
    ];
    for (signature, expected) in cases {
        let leaf = certificate(&rsa, signature);
        let wanted = hash(expected, &leaf.to_der().unwrap()).unwrap();
        assert_eq!(end_point(&leaf).unwrap(), &*wanted, "{:?}", signature.type_());
    }
    let ed25519 = PKey::generate_ed25519().unwrap();
    assert_eq!(end_point(&certificate(&ed25519, MessageDigest::null())), None);
}
