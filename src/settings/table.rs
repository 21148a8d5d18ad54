//! The table of settings: names, defaults, ranges, meanings. Nothing else in the program repeats them;
//! the schema's rows and the tables of the documentation are compared with it by tests.
//!
//! Names and meanings follow Exchange's `Set-PopSettings` and mailbox quota parameters, so that an
//! Exchange administrator knows them.

use super::kind::{Kind, LONGEST_DAYS, LONGEST_SIZE};
use super::{ExtendedProtectionPolicy, LoginType, RollOver, Settings, SortOrder};
use std::time::Duration;

/// One setting.
pub struct Row {
    /// As written in the table `settings`; compares without case.
    pub name: &'static str,
    /// The value it has until somebody changes it.
    pub default: &'static str,
    /// Which values it takes, and the field they go to.
    pub kind: Kind,
    /// What it does, for people.
    pub meaning: &'static str,
}

const fn row(name: &'static str, default: &'static str, kind: Kind, meaning: &'static str) -> Row {
    Row { name, default, kind, meaning }
}

const fn seconds(least: u64, most: u64, set: fn(&mut Settings, u64)) -> Kind {
    Kind::Number { least, most, unit: " seconds", set }
}

const fn octets(least: u64, most: u64, set: fn(&mut Settings, u64)) -> Kind {
    Kind::Number { least, most, unit: " octets", set }
}

const fn days(set: fn(&mut Settings, u64)) -> Kind {
    Kind::Number { least: 0, most: LONGEST_DAYS, unit: " days", set }
}

const fn count(set: fn(&mut Settings, u64)) -> Kind {
    Kind::Number { least: 1, most: 2_147_483_647, unit: "", set }
}

/// Every setting, in the order the documentation shows them.
pub const SETTINGS: &[Row] = &[
    row(
        "UnencryptedOrTLSBindings",
        "0.0.0.0:110,[::]:110",
        Kind::Bindings { paths: false, field: |s| &mut s.unencrypted_or_tls_bindings },
        "listeners for POP3 in clear and with STLS; read at start only",
    ),
    row(
        "SSLBindings",
        "0.0.0.0:995,[::]:995",
        Kind::Bindings { paths: false, field: |s| &mut s.ssl_bindings },
        "listeners for POP3 over TLS; read at start only",
    ),
    row(
        "LmtpBindings",
        "",
        Kind::Bindings { paths: true, field: |s| &mut s.lmtp_bindings },
        "listeners for LMTP; read at start only",
    ),
    row(
        "LmtpMaxConnections",
        "100",
        count(|s, n| s.lmtp_max_connections = n as usize),
        "LMTP connections at the same time; also the bound of their worker pool",
    ),
    row(
        "LmtpSocketMode",
        "0660",
        Kind::Mode(|s| &mut s.lmtp_socket_mode),
        "permissions of LMTP's Unix sockets; read at start only",
    ),
    row(
        "LmtpSocketGroup",
        "",
        Kind::Text(|s| &mut s.lmtp_socket_group),
        "group of LMTP's Unix sockets, say that of the MTA; empty: the server's own; read at start only",
    ),
    row(
        "OverQuotaPermanent",
        "0",
        Kind::Switch(|s| &mut s.over_quota_permanent),
        "mail over quota is refused 0: for now (452 4.2.2, `deliver` 75); 1: for good (552 5.2.2, 69)",
    ),
    row("Banner", "The Pillarbox POP3 service is ready.", Kind::Banner(|s| &mut s.banner), "text of the greeting"),
    row(
        "MaxCommandSize",
        "512",
        octets(40, 1024, |s, n| s.max_command_size = n as usize),
        "longest command line, CRLF included; below 255 breaks RFC 2449",
    ),
    row(
        "AuthenticatedConnectionTimeout",
        "1800",
        seconds(30, 86_400, |s, n| s.authenticated_connection_timeout = Duration::from_secs(n)),
        "idle time after login until the connection is closed",
    ),
    row(
        "PreAuthenticatedConnectionTimeout",
        "60",
        seconds(30, 3600, |s, n| s.pre_authenticated_connection_timeout = Duration::from_secs(n)),
        "idle time before login until the connection is closed",
    ),
    row(
        "MaxConnections",
        "2000",
        count(|s, n| s.max_connections = n as usize),
        "connections at the same time; also the bound of the worker pool",
    ),
    row(
        "MaxConnectionFromSingleIP",
        "256",
        count(|s, n| s.max_connection_from_single_ip = n as usize),
        "connections at the same time from one address",
    ),
    row(
        "MaxConnectionsPerUser",
        "16",
        count(|s, n| s.max_connections_per_user = n as usize),
        "sessions at the same time of one user; a delegate counts, not the principal",
    ),
    row(
        "MaxSessionTime",
        "86400",
        seconds(0, 2_592_000, |s, n| s.max_session_time = Duration::from_secs(n)),
        "time from login until a session is ended; 0: none",
    ),
    row(
        "MaxLoginDelay",
        "5",
        seconds(0, 60, |s, n| s.max_login_delay = Duration::from_secs(n)),
        "longest delay that failed logins earn; 0: none",
    ),
    row(
        "LoginType",
        "SecureLogin",
        Kind::Choice {
            names: &["PlainTextLogin", "PlainTextAuthentication", "SecureLogin"],
            set: |s, n| s.login_type = LoginType::ALL[n],
        },
        "what is allowed before TLS: every mechanism; only those that send no password; nothing",
    ),
    row(
        "EnableExactRFC822Size",
        "0",
        Kind::Switch(|s| &mut s.enable_exact_rfc822_size),
        "sizes in STAT and LIST are 0: storage size (whole database pages), as in Exchange; 1: exact octets",
    ),
    row(
        "EnableGSSAPIAndNTLMAuth",
        "1",
        Kind::Switch(|s| &mut s.enable_gssapi_and_ntlm_auth),
        "offer GSSAPI and NTLM where they can work",
    ),
    row(
        "ExtendedProtectionPolicy",
        "None",
        Kind::Choice {
            names: &["None", "Allow", "Require"],
            set: |s, n| s.extended_protection_policy = ExtendedProtectionPolicy::ALL[n],
        },
        "channel bindings of NTLM and GSSAPI: ignored; checked if sent; demanded",
    ),
    row(
        "MessageRetrievalSortOrder",
        "Ascending",
        Kind::Choice {
            names: &["Ascending", "Descending"],
            set: |s, n| s.message_retrieval_sort_order = SortOrder::ALL[n],
        },
        "message 1 is the oldest; the newest",
    ),
    row(
        "CertificateFile",
        "",
        Kind::File(|s| &mut s.certificate_file),
        "PEM; empty: self-signed `<database>.crt`, made at first start",
    ),
    row(
        "PrivateKeyFile",
        "",
        Kind::File(|s| &mut s.private_key_file),
        "PEM; empty: `<database>.key` (mode 0600), made at first start",
    ),
    row("Domains", "", Kind::Names(|s| &mut s.domains), "the mail domains served here; empty: any domain is taken"),
    row(
        "IssueWarningQuota",
        "2039480320",
        octets(0, LONGEST_SIZE, |s, n| s.issue_warning_quota = n),
        "mailbox size that earns a warning; 0: none",
    ),
    row(
        "ProhibitSendReceiveQuota",
        "2469396480",
        octets(0, LONGEST_SIZE, |s, n| s.prohibit_send_receive_quota = n),
        "mailbox size beyond which mail is refused; 0: none",
    ),
    row(
        "Site",
        "",
        Kind::Text(|s| &mut s.site),
        "this server's site; a mailbox whose `site` is another one cannot log in here",
    ),
    row(
        "TrustedNetworks",
        "",
        Kind::Networks(|s| &mut s.trusted_networks),
        "clients that count as secured without TLS (devices on a LAN that cannot do it)",
    ),
    row(
        "ScramIterations",
        "32768",
        Kind::Number { least: 4096, most: 1_000_000, unit: "", set: |s, n| s.scram_iterations = n as u32 },
        "rounds of new SCRAM verifiers, which each login costs the client",
    ),
    row("GssapiKeytab", "", Kind::File(|s| &mut s.gssapi_keytab), "keytab file; empty: GSSAPI is not offered"),
    row("GssapiExactCase", "0", Kind::Switch(|s| &mut s.gssapi_exact_case), "the case of a principal's letters counts"),
    row(
        "GssapiRealms",
        "",
        Kind::Names(|s| &mut s.gssapi_realms),
        "realms whose principals are users of the same name; empty: the realm of the keytab",
    ),
    row(
        "OAuthKeyFile",
        "",
        Kind::File(|s| &mut s.oauth_key_file),
        "public keys of whoever issues tokens, JWK set or PEM; empty: OAUTHBEARER and XOAUTH2 are not offered",
    ),
    row("OAuthIssuer", "", Kind::Text(|s| &mut s.oauth_issuer), "what a token's `iss` must be"),
    row("OAuthAudience", "", Kind::Text(|s| &mut s.oauth_audience), "what a token's `aud` must be or contain"),
    row("OAuthUserClaim", "sub", Kind::Word(|s| &mut s.oauth_user_claim), "the claim of a token that names the user"),
    row(
        "RecipientDelimiter",
        "+",
        Kind::Delimiters(|s| &mut s.recipient_delimiter),
        "characters that start a sub-address; empty: none",
    ),
    row(
        "MaxReceiveSize",
        "104857600",
        octets(1, 1_073_741_824, |s, n| s.max_receive_size = n),
        "largest message that is taken in",
    ),
    row(
        "RetainReadDays",
        "0",
        days(|s, n| s.retain_read_days = n as u32),
        "age at which read mail is deleted; 0: keep",
    ),
    row(
        "RetainUnreadDays",
        "0",
        days(|s, n| s.retain_unread_days = n as u32),
        "age at which unread mail is deleted; 0: keep",
    ),
    row(
        "ReaperInterval",
        "60",
        seconds(1, 86_400, |s, n| s.reaper_interval = Duration::from_secs(n)),
        "time between the reaper's rounds",
    ),
    row(
        "RetainDeletedItemsDays",
        "14",
        days(|s, n| s.retain_deleted_items_days = n as u32),
        "how long a deleted message can be brought back with SQL; 0: not at all",
    ),
    row("ProtocolLogEnabled", "0", Kind::Switch(|s| &mut s.protocol_log_enabled), "write protocol logs"),
    row(
        "LogFileLocation",
        "",
        Kind::File(|s| &mut s.log_file_location),
        "folder of the protocol logs; empty: `pop3-logs` beside the database",
    ),
    row(
        "LogFileRollOverSettings",
        "Hourly",
        Kind::Choice {
            names: &["Hourly", "Daily", "Weekly", "Monthly"],
            set: |s, n| s.log_file_roll_over_settings = RollOver::ALL[n],
        },
        "when a new protocol log is begun",
    ),
    row(
        "LogPerFileSizeQuota",
        "0",
        octets(0, LONGEST_SIZE, |s, n| s.log_per_file_size_quota = n),
        "size at which a new protocol log is begun; 0: by time",
    ),
    row(
        "LogFolderSizeQuota",
        "1073741824",
        octets(0, LONGEST_SIZE, |s, n| s.log_folder_size_quota = n),
        "size of all protocol logs, of which the oldest go; 0: no bound",
    ),
];

/// The row of this name; names compare without case.
pub fn find(name: &str) -> Option<&'static Row> {
    SETTINGS.iter().find(|row| row.name.eq_ignore_ascii_case(name))
}
