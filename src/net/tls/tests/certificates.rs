//! Which certificate a session has, and how one is resumed.

use super::*;

/// No session is kept here, so only a ticket can do it. `-reconnect` is one connection and five more.
#[test]
fn a_ticket_resumes_a_session() {
    let acceptor = files().acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut client = Command::new("openssl")
        .args(["s_client", "-tls1_2", "-reconnect", "-connect", &address])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..6 {
        let socket = Socket::tcp(listener.accept().unwrap().0);
        let mut stream = Stream::Plain(socket);
        stream.upgrade(&acceptor, soon()).unwrap();
        assert_eq!(read_some(&mut stream).unwrap(), b"");
    }
    let mut report = String::new();
    client.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    client.wait().unwrap();
    assert_eq!(report.matches("\nReused, TLSv1.2").count(), 5, "{report}");
}

#[test]
fn sessions_keep_the_certificate_they_were_made_with() {
    let (old, new) = (files(), files());
    let acceptor = old.acceptor();
    let sha256 = |files: &Files| hash(MessageDigest::sha256(), &files.leaf().to_der().unwrap()).unwrap().to_vec();
    let (mut client, mut running) = session(&acceptor, SslVersion::TLS1_3);
    std::fs::copy(&new.certificate, &old.certificate).unwrap();

    // The certificate has been exchanged, the key has not yet: all stays as it was.
    let (in_use, before) = (acceptor.in_use(), sha256_of(&running));
    let wanted = |files: &Files| {
        (None, crate::net::tls::Files { certificate: files.certificate.clone(), key: files.key.clone() })
    };
    let kept = acceptor.update(&[wanted(&old)], false);
    let error = kept[0].error.as_ref().unwrap().to_string();
    assert!(error.contains("mail.db.key") && error.contains("mail.db.crt"), "{error}");
    assert_eq!(kept[0].in_use.as_ref(), Some(&in_use));
    assert_eq!(acceptor.in_use(), in_use);
    assert!(acceptor.update(&[wanted(&old)], false).is_empty(), "said once");

    std::fs::copy(&new.key, &old.key).unwrap();
    let taken = acceptor.update(&[wanted(&old)], false);
    assert!(taken[0].error.is_none() && taken[0].in_use.as_ref() != Some(&in_use));
    assert_eq!(sha256_of(&running), before);
    client.write_all(b"NOOP\r\n").unwrap();
    assert_eq!(read_some(&mut running).unwrap(), b"NOOP\r\n");

    let (client, fresh) = session(&acceptor, SslVersion::TLS1_3);
    assert_eq!(sha256_of(&fresh), sha256(&new));
    assert_eq!(certificate::end_point(&client.ssl().peer_certificate().unwrap()).unwrap(), sha256(&new));

    let third = files();
    assert!(acceptor.update(&[wanted(&third)], false)[0].error.is_none());
    assert_eq!(sha256_of(&session(&acceptor, SslVersion::TLS1_3).1), sha256(&third));
    assert_eq!(acceptor.update(&[wanted(&third)], true).len(), 1, "asked for, it is said again");
}

fn sha256_of(stream: &Stream) -> Vec<u8> {
    stream.end_point().unwrap().to_vec()
}

/// The pair of a name is told from the pair for all names, in the handshake and in the channel binding.
#[test]
fn each_name_gets_its_certificate() {
    let (general, host, domain) = (files(), files(), files());
    let acceptor = general.acceptor();
    let named = |name: &str, files: &Files| {
        (
            Some(name.to_owned()),
            crate::net::tls::Files { certificate: files.certificate.clone(), key: files.key.clone() },
        )
    };
    let names = [named("Mail.example.net", &host), named("*.example.net", &domain)];
    assert!(acceptor.update(&names, false).iter().all(|outcome| outcome.error.is_none()));
    let cases = [
        ("mail.example.net", &host),
        ("MAIL.example.NET", &host),
        ("pop.example.net", &domain),
        ("a.pop.example.net", &general),
        ("example.net", &general),
        ("localhost", &general),
    ];
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        for (name, files) in cases {
            let (client, server) = session_for(&acceptor, version, name);
            let shown = client.ssl().peer_certificate().unwrap();
            assert_eq!(shown.to_der().unwrap(), files.leaf().to_der().unwrap(), "{name}");
            assert_eq!(server.end_point().unwrap(), certificate::end_point(&shown).unwrap(), "{name}");
        }
    }
    // Gone from the list, gone from use; what cannot be read leaves the old one.
    std::fs::remove_file(&domain.key).unwrap();
    let kept = acceptor.update(&names[1..], false);
    assert!(kept.len() == 1 && kept[0].error.is_some() && kept[0].in_use.is_some(), "{kept:?}");
    let shown = |name| session_for(&acceptor, SslVersion::TLS1_3, name).0.ssl().peer_certificate().unwrap();
    assert_eq!(shown("mail.example.net").to_der().unwrap(), domain.leaf().to_der().unwrap());
    assert!(acceptor.update(&[], false).is_empty());
    assert_eq!(shown("mail.example.net").to_der().unwrap(), general.leaf().to_der().unwrap());
}
