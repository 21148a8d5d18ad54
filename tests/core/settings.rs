//! The bounds of settings as docs/interface.md has them, in figures: the last value that is taken, and the first that is not.

use pillarbox::settings::Settings;

#[track_caller]
fn assert_bounds(name: &str, taken: &[&str], refused: &[&str]) {
    let mut settings = Settings::default();
    for value in taken {
        assert!(settings.set(name, value).is_ok(), "{name} = {value:?} is refused");
    }
    for value in refused {
        assert!(settings.set(name, value).is_err(), "{name} = {value:?} is taken");
    }
}

#[test]
fn numbers() {
    for (name, least, most) in [
        ("MaxCommandSize", 40, 1024),
        ("AuthenticatedConnectionTimeout", 30, 86_400),
        ("PreAuthenticatedConnectionTimeout", 30, 3600),
        ("MaxConnections", 1, 2_147_483_647),
        ("MaxConnectionFromSingleIP", 1, 2_147_483_647),
        ("MaxConnectionsPerUser", 1, 2_147_483_647),
        ("LmtpMaxConnections", 1, 2_147_483_647),
        ("MaxSessionTime", 0, 2_592_000),
        ("MaxLoginDelay", 0, 60),
        ("EnableExactRFC822Size", 0, 1),
        ("EnableGSSAPIAndNTLMAuth", 0, 1),
        ("OverQuotaPermanent", 0, 1),
        ("GssapiExactCase", 0, 1),
        ("ProtocolLogEnabled", 0, 1),
        ("IssueWarningQuota", 0, 9_007_199_254_740_991),
        ("ProhibitSendReceiveQuota", 0, 9_007_199_254_740_991),
        ("LogPerFileSizeQuota", 0, 9_007_199_254_740_991),
        ("LogFolderSizeQuota", 0, 9_007_199_254_740_991),
        ("ScramIterations", 4096, 1_000_000),
        ("MaxReceiveSize", 1, 1_073_741_824),
        ("RetainReadDays", 0, 24_855),
        ("RetainUnreadDays", 0, 24_855),
        ("RetainDeletedItemsDays", 0, 24_855),
        ("ReaperInterval", 1, 86_400),
        ("DrainSeconds", 0, 3600_i64),
    ] {
        let text = |number: i64| number.to_string();
        assert_bounds(name, &[&text(least), &text(most)], &[&text(least - 1), &text(most + 1)]);
        assert_bounds(name, &[], &["", " 50", "050", "+50", "5e1", "0x32", "50.0", "18446744073709551666"]);
    }
}

/// `count` times `text`.
fn times(count: usize, text: &str) -> String {
    text.repeat(count)
}

#[test]
fn texts() {
    assert_bounds(
        "Banner",
        &["x", "~ !", &times(400, "x"), "x["],
        &["", &times(401, "x"), "[x", "<", ">", "\u{7f}", "\u{1f}", "\u{fc}"],
    );
    for name in ["Site", "LmtpSocketGroup", "OAuthIssuer", "OAuthAudience", "PostmasterMailbox"] {
        assert_bounds(name, &["", &times(255, "\u{fc}")], &[&times(256, "x"), "a\u{0}", "\n", "\u{9f}"]);
    }
    assert_bounds("OAuthUserClaim", &["x", &times(255, "\u{fc}")], &["", &times(256, "x"), "a\tb"]);
    for name in ["CertificateFile", "PrivateKeyFile", "GssapiKeytab", "OAuthKeyFile", "LogFileLocation"] {
        assert_bounds(name, &["", &times(4095, "x"), "\u{fc}"], &[&times(4096, "x"), &times(2048, "\u{fc}"), "a\rb"]);
    }
    assert_bounds(
        "RecipientDelimiter",
        &["", &times(16, "+"), "!~-_"],
        &[&times(17, "+"), "@", "/", "\\", "a", "0", " ", "\u{fc}"],
    );
    let modes = ["000", "777", "660", "0000", "0660", "0777"];
    assert_bounds(
        "LmtpSocketMode",
        &modes,
        &["", "66", "1777", "1660", "00660", "0888", "8", "888", "66a", "-660", "+660"],
    );
    for (name, words) in [
        ("LoginType", &["PlainTextLogin", "PlainTextAuthentication", "SecureLogin"][..]),
        ("ExtendedProtectionPolicy", &["None", "Allow", "Require"]),
        ("MessageRetrievalSortOrder", &["Ascending", "Descending"]),
        ("LogFileRollOverSettings", &["Hourly", "Daily", "Weekly", "Monthly"]),
    ] {
        assert_bounds(name, words, &["", "Yearly", "0", " None", "Hourly,"]);
    }
}

#[test]
fn lists() {
    let path = |octets: usize| format!("/{}", times(octets - 1, "x"));
    let (longest, longer) = (path(107), path(108));
    assert_bounds("LmtpBindings", &["", "/x", &longest, "127.0.0.1:0, /x"], &["/", &longer, "x", ","]);
    assert_bounds(
        "HttpBindings",
        &["", "127.0.0.1:0", "127.1.2.3:65535", "[::1]:80", &longest],
        &["0.0.0.0:80", "128.0.0.1:80", "[::]:80", "[::2]:80", &longer, "/"],
    );
    for name in ["UnencryptedOrTLSBindings", "SSLBindings"] {
        assert_bounds(
            name,
            &["", "0.0.0.0:65535", "[::]:0"],
            &["0.0.0.0:65536", "0.0.0.0", "[::]", ":110", "/x", "::1:110"],
        );
    }
    for name in ["TrustedNetworks", "ProxyNetworks"] {
        let taken = ["", "0.0.0.0/0", "10.0.0.0/32", "::/0", "::1/128", "10.1.2.3", "::ffff:10.0.0.0/96"];
        assert_bounds(
            name,
            &taken,
            &["10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0/8", "10.0.0.0/", "::ffff:10.0.0.0/95"],
        );
    }
    for name in ["Domains", "GssapiRealms"] {
        let taken = [
            "",
            "a",
            &times(255, "x"),
            "a.example, b.example",
            &times(128, "abcdefghijklmnopqrstuvwxyz12345,")[..4095],
        ];
        assert_bounds(name, &taken, &[&times(256, "x"), "a..b", ".a", "a,,b", "a b", "a@b", &times(2049, "a,")]);
    }
}
