use super::version2::{SIGNATURE, crc32c};
use super::*;

/// What [`read`] makes of octets that come one way or another: the header, and how many octets belong to it.
fn fed(octets: &[u8]) -> Result<(Header, usize), Malformed> {
    let (mut got, mut lacks) = (0, 1);
    loop {
        assert!(lacks > 0 && got + lacks <= LONGEST_HEADER, "{octets:?}");
        got += lacks;
        let Some(so_far) = octets.get(..got) else { return Err(Malformed("cut off")) };
        match progress(so_far)? {
            Progress::Whole(header) => return Ok((header, got)),
            Progress::Lacks(more) => lacks = more,
        }
    }
}

fn client(peer: &str, local: &str, tls: Option<&str>) -> Header {
    let tls = tls.map(str::to_owned);
    Header::Client(Origin { peer: peer.parse().unwrap(), local: local.parse().unwrap(), tls })
}

fn version2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut octets = SIGNATURE.to_vec();
    octets.extend([command, family]);
    octets.extend((rest.len() as u16).to_be_bytes());
    octets.extend(rest);
    octets
}

const FOUR: &[u8] = &[192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 110];

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &(value.len() as u16).to_be_bytes(), value].concat()
}

/// PP2_TYPE_SSL with these flags.
fn ssl(flags: u8) -> Vec<u8> {
    let value = [&[flags, 0, 0, 0, 0][..], &tlv(0x21, b"TLSv1.3"), &tlv(0x23, b"TLS_AES_128_GCM_SHA256")].concat();
    tlv(0x20, &value)
}

#[test]
fn lines_of_version_1() {
    let good = [
        ("PROXY TCP4 192.0.2.7 198.51.100.1 12345 110\r\n", client("192.0.2.7:12345", "198.51.100.1:110", None)),
        ("PROXY TCP6 2001:db8::7 ::1 1 65535\r\n", client("[2001:db8::7]:1", "[::1]:65535", None)),
        ("PROXY UNKNOWN\r\n", Header::Own),
        ("PROXY UNKNOWN ffff::ffff what ever 1\r\n", Header::Own),
    ];
    for (line, header) in good {
        assert_eq!(fed(format!("{line}CAPA\r\n").as_bytes()), Ok((header, line.len())), "{line}");
    }
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
    for bad in [
        "CAPA\r\n",
        "PROXX",
        "PROXY\r\n\r\n\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 12345\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 12345 110 1\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 12345 65536\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 +1 110\r\n",
        "PROXY TCP4 192.0.2.07 198.51.100.1 1 110\r\n",
        "PROXY TCP4 ::1 ::1 1 110\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 1 110\r\n",
        "PROXY UDP4 192.0.2.7 198.51.100.1 1 110\r\n",
        "PROXY  TCP4 192.0.2.7 198.51.100.1 1 110\r\n",
        "PROXY UNKNOWN\n\n\n",
        &long,
    ] {
        assert!(fed(bad.as_bytes()).is_err(), "{bad:?}");
    }
}

#[test]
fn headers_of_version_2() {
    let whole = |octets: Vec<u8>| {
        let length = octets.len();
        fed(&[octets, b"CAPA\r\n".to_vec()].concat()).map(|(header, used)| {
            assert_eq!(used, length);
            header
        })
    };
    assert_eq!(whole(version2(0x21, 0x11, FOUR)), Ok(client("192.0.2.7:12345", "198.51.100.1:110", None)));
    let six = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[7], &[0; 15], &[1], &[0, 1, 0, 110]].concat();
    assert_eq!(whole(version2(0x21, 0x21, &six)), Ok(client("[2001:db8::7]:1", "[::1]:110", None)));
    assert_eq!(whole(version2(0x20, 0, &[])), Ok(Header::Own));
    assert_eq!(whole(version2(0x20, 0x11, &[1, 2, 3])), Ok(Header::Own), "LOCAL: whatever it holds");
    assert_eq!(whole(version2(0x21, 0, &tlv(4, b"no-op"))), Ok(Header::Own));
    assert_eq!(whole(version2(0x21, 0x31, &[0; 216])), Ok(Header::Own));
    for (rest, why) in [
        (version2(0x11, 0x11, FOUR), "version 1"),
        (version2(0x22, 0x11, FOUR), "another command"),
        (version2(0x21, 0x12, FOUR), "datagrams"),
        (version2(0x21, 0x11, &FOUR[..11]), "too short"),
        (version2(0x21, 0x21, FOUR), "too short for IPv6"),
        (version2(0x21, 0x11, &[FOUR, &[4, 0]].concat()), "half an extension"),
        (version2(0x21, 0x11, &[FOUR, &[4, 0, 2, 0]].concat()), "an extension that goes on behind the end"),
        (version2(0x21, 0x11, &vec![0; 5000]), "too long"),
        (b"\r\n\r\n\0\r\nQUIX\n!!!!!".to_vec(), "another signature"),
    ] {
        assert!(whole(rest).is_err(), "{why}");
    }
}

#[test]
fn only_the_flag_says_that_the_client_is_under_tls() {
    let with = |extensions: &[u8]| fed(&version2(0x21, 0x11, &[FOUR, extensions].concat())).map(|found| found.0);
    let tls = client("192.0.2.7:12345", "198.51.100.1:110", Some("TLSv1.3 TLS_AES_128_GCM_SHA256"));
    let clear = client("192.0.2.7:12345", "198.51.100.1:110", None);
    assert_eq!(with(&ssl(1)), Ok(tls.clone()));
    assert_eq!(with(&[tlv(4, &[0; 9]), ssl(5), tlv(0xe0, b"own")].concat()), Ok(tls));
    assert_eq!(with(&ssl(0)), Ok(clear));
    assert!(with(&tlv(0x20, &[1, 0])).is_err());
}

#[test]
fn a_checksum_must_be_right() {
    assert_eq!(crc32c(b"123456789".iter().copied()), 0xe306_9283);
    let mut octets = version2(0x21, 0x11, &[FOUR, &tlv(3, &[0; 4])[..]].concat());
    let sum = crc32c(octets.iter().copied()).to_be_bytes();
    let at = octets.len() - 4;
    octets[at..].copy_from_slice(&sum);
    assert!(fed(&octets).is_ok());
    octets[17] ^= 1;
    assert!(fed(&octets).is_err());
}

/// Whatever comes, nothing panics, and no more is read than a header has.
#[test]
fn damaged_headers_are_refused_or_read() {
    let seeds = [
        b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 110\r\n".to_vec(),
        version2(0x21, 0x11, &[FOUR, &ssl(1), &tlv(3, &[0; 4])].concat()),
        version2(0x20, 0, &[]),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for round in 0..30_000 {
        let mut octets = seeds[round % seeds.len()].clone();
        for _ in 0..=below(3) {
            let at = below(octets.len());
            match below(3) {
                0 => octets[at] = below(256) as u8,
                1 => octets.insert(at, below(256) as u8),
                _ => drop(octets.drain(at..octets.len().min(at + 1 + below(3)))),
            }
            if octets.is_empty() {
                break;
            }
        }
        if let Ok((_, used)) = fed(&octets) {
            assert!(used <= octets.len());
        }
    }
}
