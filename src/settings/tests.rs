//! Tests of the settings, which walk the table.

use super::*;
use std::time::Duration;

fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn refusal(name: &str, value: &str) -> String {
    Settings::from_rows(&rows(&[(name, value)]), &[]).unwrap_err().to_string()
}

#[test]
fn every_default_is_in_its_range_and_reaches_its_field() {
    for row in SETTINGS {
        let mut settings = Settings::blank();
        assert!(row.read(row.default, &mut settings), "{}", row.name);
    }
    let settings = Settings::default();
    assert_eq!(settings.max_command_size, 512);
    assert_eq!(settings.authenticated_connection_timeout, Duration::from_secs(1800));
    assert_eq!(settings.unencrypted_or_tls_bindings, ["0.0.0.0:110", "[::]:110"]);
    assert_eq!(settings.login_type, LoginType::SecureLogin);
    assert!(settings.enable_gssapi_and_ntlm_auth && !settings.enable_exact_rfc822_size);
    assert_eq!(settings.banner, "The Pillarbox POP3 service is ready.");
    assert_eq!(settings.recipient_delimiter, "+");
    assert_eq!(settings.certificate_file, None);
    assert_eq!((settings.lmtp_socket_mode, settings.retain_deleted_items_days), (0o660, 14));
    assert_eq!(settings.max_receive_size, 104_857_600);
    assert!(settings.warnings().is_empty());
}

#[test]
fn names_are_unique_without_case() {
    for row in SETTINGS {
        let same = SETTINGS.iter().filter(|other| other.name.eq_ignore_ascii_case(row.name)).count();
        assert_eq!(same, 1, "{}", row.name);
    }
}

#[test]
fn every_number_takes_its_bounds_and_nothing_beyond() {
    for row in SETTINGS {
        let Kind::Number { least, most, .. } = row.kind else { continue };
        let mut settings = Settings::default();
        for good in [least, most] {
            assert_eq!(settings.set(row.name, &good.to_string()), Ok(()), "{} {good}", row.name);
        }
        let mut bad = vec!["".into(), "-1".into(), "+1".into(), "1.5".into(), "1 ".into(), "x".into()];
        bad.push((most + 1).to_string());
        bad.extend(least.checked_sub(1).map(|n| n.to_string()));
        for bad in bad {
            let error = settings.set(row.name, &bad).unwrap_err().to_string();
            assert!(error.contains(row.name) && error.contains(&format!("{bad:?}")), "{error}");
            assert!(error.contains(&format!("{least} to {most}")), "{error}");
        }
    }
}

#[test]
fn every_choice_takes_its_words_in_their_order() {
    for row in SETTINGS {
        let Kind::Choice(names) = row.kind else { continue };
        let mut settings = Settings::default();
        for name in names {
            assert_eq!(settings.set(row.name, name), Ok(()));
            let debug = format!("{settings:?}");
            assert!(debug.contains(&format!(": {name},")), "{} {name} in {debug}", row.name);
        }
        assert!(settings.set(row.name, "").is_err());
    }
}

#[test]
fn overrides_come_after_rows_and_names_compare_without_case() {
    let settings =
        Settings::from_rows(&rows(&[("MaxCommandSize", "40")]), &rows(&[("maxcommandsize", "1024")])).unwrap();
    assert_eq!(settings.max_command_size, 1024);
    assert_eq!(parse_override("Banner=a=b").unwrap(), ("Banner".into(), "a=b".into()));
    assert_eq!(parse_override("Banner").unwrap_err().to_string(), "setting \"Banner\" is not NAME=VALUE");
    assert_eq!(parse_override("Baner=x").unwrap_err().to_string(), "there is no setting \"Baner\"");
}

#[test]
fn a_refusal_names_setting_value_and_range() {
    assert_eq!(refusal("maxcommandsize", "39"), "setting MaxCommandSize cannot be \"39\" (range: 40 to 1024 octets)");
    assert_eq!(refusal("ProtocolLogEnabled", "yes"), "setting ProtocolLogEnabled cannot be \"yes\" (range: 0 or 1)");
}

#[test]
fn texts_keep_to_their_rules() {
    let long = "x".repeat(401);
    for (name, good, bad) in [
        ("Banner", &["x", "Ready. [x]"][..], &["", "[x]", "a<b", "a>b", "é", "a\tb", &long][..]),
        (
            "UnencryptedOrTLSBindings",
            &["", "127.0.0.1:0", "127.0.0.1:1110, [::1]:1110"],
            &["110", ",", "/run/x", "a:1"],
        ),
        ("LmtpBindings", &["", "/run/lmtp,127.0.0.1:24"], &["run/lmtp", "/", "/a\nb"]),
        ("Domains", &["", "example.org, b.example"], &["a@b", "a b", "a,,b", "a\u{7f}b", "a\u{a0}b"]),
        ("TrustedNetworks", &["", "127.0.0.0/8,::1/128"], &["127.0.0.0/33", "lan"]),
        ("RecipientDelimiter", &["", "+-"], &["@", "a", " ", "/"]),
        ("Site", &["", "Default-First-Site"], &["a\nb"]),
        ("CertificateFile", &["", "/etc/ssl/pop.pem"], &["a\0b"]),
    ] {
        for good in good {
            assert_eq!(Settings::default().set(name, good), Ok(()), "{name} {good}");
        }
        for bad in bad {
            assert!(Settings::default().set(name, bad).is_err(), "{name} {bad}");
        }
    }
}

#[test]
fn a_value_has_4096_characters_at_most() {
    for (characters, fits) in [(4096, true), (4097, false), (5000, false)] {
        // Names of two characters, two octets each, and what stands between them.
        let value = "\u{e9}\u{e9},".chars().cycle().take(characters - 1).chain(['x']).collect::<String>();
        assert_eq!(value.chars().count(), characters);
        assert_eq!(Settings::default().set("Domains", &value).is_ok(), fits, "{characters}");
    }
}

#[test]
fn warns_of_what_is_hardly_meant() {
    for (name, value, word) in [
        ("MaxCommandSize", "254", "RFC 2449"),
        ("LoginType", "PlainTextLogin", "unencrypted"),
        ("TrustedNetworks", "0.0.0.0/0", "0.0.0.0/0"),
        ("ProhibitSendReceiveQuota", "1000", "IssueWarningQuota"),
        ("CertificateFile", "/x", "PrivateKeyFile"),
    ] {
        let warnings = Settings::from_rows(&rows(&[(name, value)]), &[]).unwrap().warnings();
        assert_eq!(warnings.len(), 1, "{name}");
        assert!(warnings[0].contains(word), "{warnings:?}");
    }
    let quotas = |warning| rows(&[("ProhibitSendReceiveQuota", "1000"), ("IssueWarningQuota", warning)]);
    // No quota is none to be warned of.
    let none = rows(&[("ProhibitSendReceiveQuota", "0")]);
    let size = rows(&[("MaxCommandSize", "255")]);
    let network = rows(&[("TrustedNetworks", "10.0.0.0/8")]);
    for (rows, number) in [(network, 0), (size, 0), (none, 0), (quotas("999"), 0), (quotas("1000"), 1)] {
        assert_eq!(Settings::from_rows(&rows, &[]).unwrap().warnings().len(), number);
    }
}
