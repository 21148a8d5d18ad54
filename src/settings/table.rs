//! The table of settings: names, defaults, types, ranges, meanings.
//!
//! To add a setting, add a row and run `make generate`: it writes the schema's rows and triggers and the tables
//! of the documentation. Nothing else in the program repeats them.
//!
//! Names and meanings follow Exchange's `Set-PopSettings` and mailbox quota parameters, so that an
//! Exchange administrator knows them.

use super::choice::{ExtendedProtectionPolicy, LoginType, RollOver, SortOrder};
use super::kind::{Kind, LONGEST_DAYS, LONGEST_SIZE};
use super::network::Network;
use super::value::Value;
use std::path::PathBuf;
use std::time::Duration;

/// One setting.
pub struct Row {
    /// As written in the table `settings`; compares without case.
    pub name: &'static str,
    /// The value it has until somebody changes it.
    pub default: &'static str,
    /// Which values it takes.
    pub kind: Kind,
    /// What it does, for people.
    pub meaning: &'static str,
    /// Reads a text into its field of [`Settings`].
    read: fn(&Kind, &str, &mut Settings) -> bool,
    /// Whether its value is the same in both.
    same: fn(&Settings, &Settings) -> bool,
}

impl Row {
    /// Reads `text` into the field; `false`, and nothing changed, if it is out of range. The schema takes
    /// the same values (but words with their case).
    #[must_use]
    pub fn read(&self, text: &str, into: &mut Settings) -> bool {
        self.kind.admits(text) && (self.read)(&self.kind, text, into)
    }

    /// Whether the two differ in a value that a running server does not look at again.
    #[must_use]
    pub fn waits_for_a_start(&self, before: &Settings, after: &Settings) -> bool {
        self.meaning.ends_with("read at start only") && !(self.same)(before, after)
    }
}

const fn seconds(least: u64, most: u64) -> Kind {
    Kind::Number { least, most, unit: " seconds" }
}

const fn octets(least: u64, most: u64) -> Kind {
    Kind::Number { least, most, unit: " octets" }
}

const DAYS: Kind = Kind::Number { least: 0, most: LONGEST_DAYS, unit: " days" };

const COUNT: Kind = Kind::Number { least: 1, most: 2_147_483_647, unit: "" };

/// Makes of each row `"Name" = "default", field: Type, kind, "meaning";` the field of [`Settings`] and the [`Row`].
macro_rules! settings {
    ($($name:literal = $default:literal, $field:ident: $type:ty, $kind:expr, $meaning:literal;)*) => {
        /// Every setting, in its type. Sizes are octets.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct Settings {
            $(#[doc = $meaning] pub $field: $type,)*
        }

        impl Settings {
            /// Nothing set at all: what the table's defaults are read into.
            pub(super) fn blank() -> Self {
                Self { $($field: Default::default(),)* }
            }
        }

        /// Every setting, in the order the documentation shows them.
        pub const SETTINGS: &[Row] = &[$(Row {
            name: $name,
            default: $default,
            kind: $kind,
            meaning: $meaning,
            read: |kind, text, settings| Value::of(kind, text).map(|value| settings.$field = value).is_some(),
            same: |one, other| one.$field == other.$field,
        },)*];
    };
}

settings! {
    "UnencryptedOrTLSBindings" = "0.0.0.0:110,[::]:110", unencrypted_or_tls_bindings: Vec<String>, Kind::Bindings { paths: false },
        "listeners for POP3 in clear and with STLS; read at start only";
    "SSLBindings" = "0.0.0.0:995,[::]:995", ssl_bindings: Vec<String>, Kind::Bindings { paths: false },
        "listeners for POP3 over TLS; read at start only";
    "LmtpBindings" = "", lmtp_bindings: Vec<String>, Kind::Bindings { paths: true },
        "listeners for LMTP; read at start only";
    "LmtpMaxConnections" = "100", lmtp_max_connections: usize, COUNT,
        "LMTP connections at the same time; also the bound of their worker pool";
    "LmtpSocketMode" = "0660", lmtp_socket_mode: u32, Kind::Mode,
        "permissions of LMTP's Unix sockets; read at start only";
    "LmtpSocketGroup" = "", lmtp_socket_group: String, Kind::Text,
        "group of LMTP's Unix sockets, say that of the MTA; empty: the server's own; read at start only";
    "OverQuotaPermanent" = "0", over_quota_permanent: bool, Kind::Switch,
        "mail over quota is refused 0: for now (452 4.2.2, `deliver` 75); 1: for good (552 5.2.2, 69)";
    "Banner" = "The Pillarbox POP3 service is ready.", banner: String, Kind::Banner,
        "text of the greeting";
    "MaxCommandSize" = "512", max_command_size: usize, octets(40, 1024),
        "longest command line, CRLF included; below 255 breaks RFC 2449";
    "AuthenticatedConnectionTimeout" = "1800", authenticated_connection_timeout: Duration, seconds(30, 86_400),
        "idle time after login until the connection is closed";
    "PreAuthenticatedConnectionTimeout" = "60", pre_authenticated_connection_timeout: Duration, seconds(30, 3600),
        "idle time before login until the connection is closed; ten times this is the most in all";
    "MaxConnections" = "2000", max_connections: usize, COUNT,
        "connections at the same time, of which the longest-waiting without a login makes room; also the bound of the worker pool";
    "MaxConnectionFromSingleIP" = "256", max_connection_from_single_ip: usize, COUNT,
        "connections at the same time from one address; of IPv6 a /64 counts as one";
    "MaxConnectionsPerUser" = "16", max_connections_per_user: usize, COUNT,
        "sessions at the same time of one user; a delegate counts, not the principal";
    "MaxSessionTime" = "86400", max_session_time: Duration, seconds(0, 2_592_000),
        "time from login until a session is ended; 0: none";
    "MaxLoginDelay" = "5", max_login_delay: Duration, seconds(0, 60),
        "longest delay that failed logins earn; 0: none";
    "LoginType" = "SecureLogin", login_type: LoginType, Kind::Choice(LoginType::NAMES),
        "what is allowed before TLS: every mechanism; only those that send no password; nothing";
    "EnableExactRFC822Size" = "0", enable_exact_rfc822_size: bool, Kind::Switch,
        "sizes in STAT and LIST are 0: storage size (whole database pages), as in Exchange; 1: exact octets";
    "EnableGSSAPIAndNTLMAuth" = "1", enable_gssapi_and_ntlm_auth: bool, Kind::Switch,
        "offer GSSAPI and NTLM where they can work";
    "ExtendedProtectionPolicy" = "None", extended_protection_policy: ExtendedProtectionPolicy, Kind::Choice(ExtendedProtectionPolicy::NAMES),
        "channel bindings of NTLM and GSSAPI: ignored; checked if sent; demanded";
    "MessageRetrievalSortOrder" = "Ascending", message_retrieval_sort_order: SortOrder, Kind::Choice(SortOrder::NAMES),
        "message 1 is the oldest; the newest";
    "CertificateFile" = "", certificate_file: Option<PathBuf>, Kind::File,
        "PEM; empty: self-signed `<database>.crt`, made at first start";
    "PrivateKeyFile" = "", private_key_file: Option<PathBuf>, Kind::File,
        "PEM; empty: `<database>.key` (mode 0600), made at first start";
    "Domains" = "", domains: Vec<String>, Kind::Names,
        "the mail domains served here; empty: any domain is taken";
    "IssueWarningQuota" = "2039480320", issue_warning_quota: u64, octets(0, LONGEST_SIZE),
        "mailbox size that earns a warning; 0: none";
    "ProhibitSendReceiveQuota" = "2469396480", prohibit_send_receive_quota: u64, octets(0, LONGEST_SIZE),
        "mailbox size beyond which mail is refused; 0: none";
    "Site" = "", site: String, Kind::Text,
        "this server's site; a mailbox whose `site` is another one cannot log in here";
    "TrustedNetworks" = "", trusted_networks: Vec<Network>, Kind::Networks,
        "clients that count as secured without TLS (devices on a LAN that cannot do it)";
    "ScramIterations" = "32768", scram_iterations: u32, Kind::Number { least: 4096, most: 1_000_000, unit: "" },
        "rounds of new SCRAM verifiers, which each login costs the client";
    "GssapiKeytab" = "", gssapi_keytab: Option<PathBuf>, Kind::File,
        "keytab file; empty: GSSAPI is not offered";
    "GssapiExactCase" = "0", gssapi_exact_case: bool, Kind::Switch,
        "the case of a principal's letters counts";
    "GssapiRealms" = "", gssapi_realms: Vec<String>, Kind::Names,
        "realms whose principals are users of the same name; empty: the realm of the keytab";
    "OAuthKeyFile" = "", oauth_key_file: Option<PathBuf>, Kind::File,
        "public keys of whoever issues tokens, JWK set or PEM; empty: OAUTHBEARER and XOAUTH2 are not offered";
    "OAuthIssuer" = "", oauth_issuer: String, Kind::Text,
        "what a token's `iss` must be";
    "OAuthAudience" = "", oauth_audience: String, Kind::Text,
        "what a token's `aud` must be or contain";
    "OAuthUserClaim" = "sub", oauth_user_claim: String, Kind::Word,
        "the claim of a token that names the user";
    "RecipientDelimiter" = "+", recipient_delimiter: String, Kind::Delimiters,
        "characters that start a sub-address; empty: none";
    "MaxReceiveSize" = "104857600", max_receive_size: u64, octets(1, 1_073_741_824),
        "largest message that is taken in";
    "RetainReadDays" = "0", retain_read_days: u32, DAYS,
        "age at which read mail is deleted; 0: keep";
    "RetainUnreadDays" = "0", retain_unread_days: u32, DAYS,
        "age at which unread mail is deleted; 0: keep";
    "HttpBindings" = "", http_bindings: Vec<String>, Kind::LocalBindings,
        "listeners for `/metrics`, `/healthz` and the status page, on this machine only; read at start only";
    "ProxyNetworks" = "", proxy_networks: Vec<Network>, Kind::Networks,
        "proxies whose connections begin with a PROXY header (version 1 or 2), which says who the client is";
    "DrainSeconds" = "0", drain_seconds: Duration, seconds(0, 3600),
        "how long new clients are sent away (`-ERR [SYS/TEMP]`) before the listeners close at the end";
    "PostmasterMailbox" = "", postmaster_mailbox: String, Kind::Text,
        "mailbox that gets the server's warnings, one mail a day; empty: none";
    "ReaperInterval" = "60", reaper_interval: Duration, seconds(1, 86_400),
        "time between the reaper's rounds";
    "RetainDeletedItemsDays" = "14", retain_deleted_items_days: u32, DAYS,
        "how long a deleted message can be brought back with SQL; 0: not at all";
    "ProtocolLogEnabled" = "0", protocol_log_enabled: bool, Kind::Switch,
        "write protocol logs";
    "LogFileLocation" = "", log_file_location: Option<PathBuf>, Kind::File,
        "folder of the protocol logs; empty: `pop3-logs` beside the database";
    "LogFileRollOverSettings" = "Hourly", log_file_roll_over_settings: RollOver, Kind::Choice(RollOver::NAMES),
        "when a new protocol log is begun";
    "LogPerFileSizeQuota" = "0", log_per_file_size_quota: u64, octets(0, LONGEST_SIZE),
        "size at which a new protocol log is begun; 0: by time";
    "LogFolderSizeQuota" = "1073741824", log_folder_size_quota: u64, octets(0, LONGEST_SIZE),
        "size of all protocol logs, of which the oldest go; 0: no bound";
}

/// The row of this name; names compare without case.
pub fn find(name: &str) -> Option<&'static Row> {
    SETTINGS.iter().find(|row| row.name.eq_ignore_ascii_case(name))
}
