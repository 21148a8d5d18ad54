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
pub struct Setting {
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

impl Setting {
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

/// Makes of each row `"Name" = "default", field: Type, kind, "meaning";` the field of [`Settings`] and the [`Setting`].
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
        pub const SETTINGS: &[Setting] = &[$(Setting {
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
        "listeners for POP3 without TLS and with STLS; read at start only";
    "SSLBindings" = "0.0.0.0:995,[::]:995", ssl_bindings: Vec<String>, Kind::Bindings { paths: false },
        "listeners for POP3 over TLS; read at start only";
    "LmtpBindings" = "", lmtp_bindings: Vec<String>, Kind::Bindings { paths: true },
        "listeners for LMTP; read at start only";
    "LmtpMaxConnections" = "100", lmtp_max_connections: usize, COUNT,
        "maximum number of LMTP connections; also limits their worker pool";
    "LmtpSocketMode" = "0660", lmtp_socket_mode: u32, Kind::Mode,
        "mode of LMTP's Unix sockets; read at start only";
    "LmtpSocketGroup" = "", lmtp_socket_group: String, Kind::Text,
        "group of LMTP's Unix sockets, for example the MTA's; empty: the server's own; read at start only";
    "OverQuotaPermanent" = "0", over_quota_permanent: bool, Kind::Switch,
        "mail over quota is refused 0: temporarily (452 4.2.2, `deliver` 75); 1: permanently (552 5.2.2, 69)";
    "Banner" = "The Pillarbox POP3 service is ready.", banner: String, Kind::Banner,
        "text of the greeting";
    "MaxCommandSize" = "512", max_command_size: usize, octets(40, 1024),
        "maximum length of a command, including CRLF; below 255 breaks RFC 2449";
    "AuthenticatedConnectionTimeout" = "1800", authenticated_connection_timeout: Duration, seconds(30, 86_400),
        "idle time after login before the connection is closed";
    "PreAuthenticatedConnectionTimeout" = "60", pre_authenticated_connection_timeout: Duration, seconds(30, 3600),
        "idle time before a connection without a login is closed; ten times this is its total limit";
    "MaxConnections" = "2000", max_connections: usize, COUNT,
        "maximum number of connections; when it is reached, the longest-waiting one without a login is closed; also limits the worker pool";
    "MaxConnectionFromSingleIP" = "256", max_connection_from_single_ip: usize, COUNT,
        "maximum number of connections from one address; an IPv6 /64 counts as one";
    "MaxConnectionsPerUser" = "16", max_connections_per_user: usize, COUNT,
        "maximum number of sessions of one user; a delegate's sessions count for the delegate";
    "MaxSessionTime" = "86400", max_session_time: Duration, seconds(0, 2_592_000),
        "maximum duration of a session after login; 0: no limit";
    "MaxLoginDelay" = "5", max_login_delay: Duration, seconds(0, 60),
        "maximum delay after failed logins; 0: none";
    "LoginType" = "SecureLogin", login_type: LoginType, Kind::Choice(LoginType::NAMES),
        "allowed before TLS: all mechanisms; only those that do not send the password; none";
    "EnableExactRFC822Size" = "0", enable_exact_rfc822_size: bool, Kind::Switch,
        "sizes in STAT and LIST: 0: storage size (whole database pages), as in Exchange; 1: exact octets";
    "EnableGSSAPIAndNTLMAuth" = "1", enable_gssapi_and_ntlm_auth: bool, Kind::Switch,
        "offer GSSAPI and NTLM if they are configured";
    "ExtendedProtectionPolicy" = "None", extended_protection_policy: ExtendedProtectionPolicy, Kind::Choice(ExtendedProtectionPolicy::NAMES),
        "channel bindings of NTLM and GSSAPI: ignored; checked if sent; required";
    "MessageRetrievalSortOrder" = "Ascending", message_retrieval_sort_order: SortOrder, Kind::Choice(SortOrder::NAMES),
        "message 1 is the oldest; the newest";
    "CertificateFile" = "", certificate_file: Option<PathBuf>, Kind::File,
        "PEM; empty: a self-signed `<database>.crt`, created at first start";
    "PrivateKeyFile" = "", private_key_file: Option<PathBuf>, Kind::File,
        "PEM; empty: `<database>.key` (mode 0600), created at first start";
    "Domains" = "", domains: Vec<String>, Kind::Names,
        "mail domains served here; empty: any domain is accepted";
    "IssueWarningQuota" = "2039480320", issue_warning_quota: u64, octets(0, LONGEST_SIZE),
        "mailbox size at which a warning is sent; 0: none";
    "ProhibitSendReceiveQuota" = "2469396480", prohibit_send_receive_quota: u64, octets(0, LONGEST_SIZE),
        "mailbox size above which mail is refused; 0: no limit";
    "Site" = "", site: String, Kind::Text,
        "this server's site; users whose mailbox has another `site` cannot log in here";
    "TrustedNetworks" = "", trusted_networks: Vec<Network>, Kind::Networks,
        "clients treated as secured without TLS (LAN devices that do not support it)";
    "ScramIterations" = "32768", scram_iterations: u32, Kind::Number { least: 4096, most: 1_000_000, unit: "" },
        "rounds of new SCRAM verifiers, which the client computes at each login";
    "GssapiKeytab" = "", gssapi_keytab: Option<PathBuf>, Kind::File,
        "keytab file; empty: GSSAPI is not offered";
    "GssapiExactCase" = "0", gssapi_exact_case: bool, Kind::Switch,
        "whether the names of principals are case-sensitive";
    "GssapiRealms" = "", gssapi_realms: Vec<String>, Kind::Names,
        "realms whose principals may log in as the user of the same name; empty: the keytab's realm";
    "OAuthKeyFile" = "", oauth_key_file: Option<PathBuf>, Kind::File,
        "public keys of the token issuer, JWK set or PEM; empty: OAUTHBEARER and XOAUTH2 are not offered";
    "OAuthIssuer" = "", oauth_issuer: String, Kind::Text,
        "what a token's `iss` must be";
    "OAuthAudience" = "", oauth_audience: String, Kind::Text,
        "what a token's `aud` must be or contain";
    "OAuthUserClaim" = "sub", oauth_user_claim: String, Kind::Word,
        "the token's claim that names the user";
    "RecipientDelimiter" = "+", recipient_delimiter: String, Kind::Delimiters,
        "characters that start a sub-address; empty: none";
    "MaxReceiveSize" = "104857600", max_receive_size: u64, octets(1, 1_073_741_824),
        "maximum size of an incoming message";
    "RetainReadDays" = "0", retain_read_days: u32, DAYS,
        "age at which read mail is deleted; 0: keep";
    "RetainUnreadDays" = "0", retain_unread_days: u32, DAYS,
        "age at which unread mail is deleted; 0: keep";
    "HttpBindings" = "", http_bindings: Vec<String>, Kind::LocalBindings,
        "listeners for `/metrics`, `/healthz` and the status page, on this machine only; read at start only";
    "ProxyNetworks" = "", proxy_networks: Vec<Network>, Kind::Networks,
        "proxies whose connections start with a PROXY header (version 1 or 2) that names the client";
    "DrainSeconds" = "0", drain_seconds: Duration, seconds(0, 3600),
        "how long new clients are turned away (`-ERR [SYS/TEMP]`) at shutdown before the listeners close";
    "PostmasterMailbox" = "", postmaster_mailbox: String, Kind::Text,
        "mailbox that gets the server's warnings, one mail a day; empty: none";
    "ReaperInterval" = "60", reaper_interval: Duration, seconds(1, 86_400),
        "time between the reaper's rounds";
    "RetainDeletedItemsDays" = "14", retain_deleted_items_days: u32, DAYS,
        "how long deleted messages and mailboxes can be recovered with SQL; 0: not at all";
    "ProtocolLogEnabled" = "0", protocol_log_enabled: bool, Kind::Switch,
        "write protocol logs";
    "LogFileLocation" = "", log_file_location: Option<PathBuf>, Kind::File,
        "directory of the protocol logs; empty: `pop3-logs` next to the database";
    "LogFileRollOverSettings" = "Hourly", log_file_roll_over_settings: RollOver, Kind::Choice(RollOver::NAMES),
        "when a new protocol log is started";
    "LogPerFileSizeQuota" = "0", log_per_file_size_quota: u64, octets(0, LONGEST_SIZE),
        "size at which a new protocol log is started; 0: by time only";
    "LogFolderSizeQuota" = "1073741824", log_folder_size_quota: u64, octets(0, LONGEST_SIZE),
        "maximum size of all protocol logs; the oldest are deleted; 0: no limit";
}

/// The row of this name; names compare without case.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|row| row.name.eq_ignore_ascii_case(name))
}
