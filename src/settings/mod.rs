//! The settings, read from their texts into types.
//!
//! What lives here: [`SETTINGS`], the one place that knows names, defaults and ranges, and [`Settings`],
//! what the rest of the program works with. What must not be known here: where the texts come from (the
//! table `settings`, the command line) and what acts on them.

#[cfg(test)]
mod documentation;
mod kind;
mod network;
mod table;
#[cfg(test)]
mod tests;

pub use kind::Kind;
pub use network::{Network, NotANetwork};
pub use table::{Row, SETTINGS, find};

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What may be done before the connection is secured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LoginType {
    /// Every mechanism in clear.
    PlainTextLogin,
    /// USER/PASS, PLAIN and bearer tokens only under TLS, the others in clear too.
    PlainTextAuthentication,
    /// Nothing before TLS.
    #[default]
    SecureLogin,
}

impl LoginType {
    pub(crate) const ALL: [Self; 3] = [Self::PlainTextLogin, Self::PlainTextAuthentication, Self::SecureLogin];
}

/// What channel bindings are worth (RFC 5056).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ExtendedProtectionPolicy {
    /// Ignored.
    #[default]
    None,
    /// Checked if the client sends them.
    Allow,
    /// A client that sends none, or wrong ones, is refused.
    Require,
}

impl ExtendedProtectionPolicy {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Allow, Self::Require];
}

/// The order of a scan listing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SortOrder {
    /// Message 1 is the oldest.
    #[default]
    Ascending,
    /// Message 1 is the newest.
    Descending,
}

impl SortOrder {
    pub(crate) const ALL: [Self; 2] = [Self::Ascending, Self::Descending];
}

/// When a new protocol log is begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RollOver {
    /// Each hour.
    #[default]
    Hourly,
    /// Each day.
    Daily,
    /// Each week.
    Weekly,
    /// Each month.
    Monthly,
}

impl RollOver {
    pub(crate) const ALL: [Self; 4] = [Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly];
}

/// Every setting, in its type; [`SETTINGS`] says what each means. Sizes are octets.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the meanings stand in the table, once
pub struct Settings {
    pub unencrypted_or_tls_bindings: Vec<String>,
    pub ssl_bindings: Vec<String>,
    pub lmtp_bindings: Vec<String>,
    pub lmtp_max_connections: usize,
    pub lmtp_socket_mode: u32,
    pub lmtp_socket_group: String,
    pub over_quota_permanent: bool,
    pub banner: String,
    pub max_command_size: usize,
    pub authenticated_connection_timeout: Duration,
    pub pre_authenticated_connection_timeout: Duration,
    pub max_connections: usize,
    pub max_connection_from_single_ip: usize,
    pub max_connections_per_user: usize,
    pub max_session_time: Duration,
    pub max_login_delay: Duration,
    pub login_type: LoginType,
    pub enable_exact_rfc822_size: bool,
    pub enable_gssapi_and_ntlm_auth: bool,
    pub extended_protection_policy: ExtendedProtectionPolicy,
    pub message_retrieval_sort_order: SortOrder,
    pub certificate_file: Option<PathBuf>,
    pub private_key_file: Option<PathBuf>,
    pub domains: Vec<String>,
    pub issue_warning_quota: u64,
    pub prohibit_send_receive_quota: u64,
    pub site: String,
    pub trusted_networks: Vec<Network>,
    pub scram_iterations: u32,
    pub gssapi_keytab: Option<PathBuf>,
    pub gssapi_realms: Vec<String>,
    pub gssapi_exact_case: bool,
    pub oauth_key_file: Option<PathBuf>,
    pub oauth_issuer: String,
    pub oauth_audience: String,
    pub oauth_user_claim: String,
    pub recipient_delimiter: String,
    pub max_receive_size: u64,
    pub retain_read_days: u32,
    pub retain_unread_days: u32,
    pub reaper_interval: Duration,
    pub retain_deleted_items_days: u32,
    pub protocol_log_enabled: bool,
    pub log_file_location: Option<PathBuf>,
    pub log_file_roll_over_settings: RollOver,
    pub log_per_file_size_quota: u64,
    pub log_folder_size_quota: u64,
}

impl Default for Settings {
    /// The defaults of [`SETTINGS`].
    fn default() -> Self {
        let mut settings = Self::blank();
        for row in SETTINGS {
            let read = row.kind.read(row.default, &mut settings);
            debug_assert!(read, "default of {}", row.name);
        }
        settings
    }
}

impl Settings {
    /// The defaults, changed by the rows of the table `settings`, then by `overrides` (`serve --set`).
    ///
    /// # Errors
    /// The first name that is no setting, or value that is out of its setting's range.
    pub fn from_rows<V: AsRef<[u8]>>(
        rows: &[(String, V)],
        overrides: &[(String, String)],
    ) -> Result<Self, SettingError> {
        let (settings, errors) = Self::default().changed_by(rows, overrides);
        errors.into_iter().next().map_or(Ok(settings), Err)
    }

    /// The same from these settings on; what cannot be used leaves its setting alone, and is told.
    pub fn changed_by<V: AsRef<[u8]>>(
        mut self,
        rows: &[(String, V)],
        overrides: &[(String, String)],
    ) -> (Self, Vec<SettingError>) {
        let mut errors = Vec::new();
        for (name, value) in rows {
            let text = std::str::from_utf8(value.as_ref()).map_err(|_| SettingError::NotUtf8(name.clone()));
            errors.extend(text.and_then(|value| self.set(name, value)).err());
        }
        for (name, value) in overrides {
            errors.extend(self.set(name, value).err());
        }
        (self, errors)
    }

    /// Changes one setting.
    ///
    /// # Errors
    /// As [`Settings::from_rows`]; nothing is changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let row = find(name).ok_or_else(|| SettingError::Unknown(name.into()))?;
        if row.kind.read(value, self) {
            return Ok(());
        }
        Err(SettingError::OutOfRange { name: row.name, value: value.into(), range: row.kind.range() })
    }

    /// How long a connection may last without a login, however busy it is.
    pub fn longest_login(&self) -> Duration {
        10 * self.pre_authenticated_connection_timeout
    }

    /// What is allowed, but hardly meant; one line each, for the log.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut warn = |wrong: bool, text: String| {
            if wrong {
                warnings.push(text);
            }
        };
        let size = self.max_command_size;
        warn(size < 255, format!("MaxCommandSize {size} is below 255, which RFC 2449 section 4 promises to clients"));
        let (warning, limit) = (self.issue_warning_quota, self.prohibit_send_receive_quota);
        warn(
            limit > 0 && warning >= limit,
            format!(
                "IssueWarningQuota {warning} is not below ProhibitSendReceiveQuota {limit}: nobody is warned in time"
            ),
        );
        warn(
            self.login_type == LoginType::PlainTextLogin,
            "LoginType PlainTextLogin lets passwords cross the network in clear".into(),
        );
        for network in self.trusted_networks.iter().filter(|network| network.is_everything()) {
            warn(true, format!("TrustedNetworks {network} lets passwords of everybody cross the network in clear"));
        }
        warn(
            self.certificate_file.is_some() != self.private_key_file.is_some(),
            "only one of CertificateFile and PrivateKeyFile is set".into(),
        );
        warnings
    }

    /// Nothing set at all: what the table's defaults are read into.
    fn blank() -> Self {
        Self {
            unencrypted_or_tls_bindings: Vec::new(),
            ssl_bindings: Vec::new(),
            lmtp_bindings: Vec::new(),
            lmtp_max_connections: 0,
            lmtp_socket_mode: 0,
            lmtp_socket_group: String::new(),
            over_quota_permanent: false,
            banner: String::new(),
            max_command_size: 0,
            authenticated_connection_timeout: Duration::ZERO,
            pre_authenticated_connection_timeout: Duration::ZERO,
            max_connections: 0,
            max_connection_from_single_ip: 0,
            max_connections_per_user: 0,
            max_session_time: Duration::ZERO,
            max_login_delay: Duration::ZERO,
            login_type: LoginType::default(),
            enable_exact_rfc822_size: false,
            enable_gssapi_and_ntlm_auth: false,
            extended_protection_policy: ExtendedProtectionPolicy::default(),
            message_retrieval_sort_order: SortOrder::default(),
            certificate_file: None,
            private_key_file: None,
            domains: Vec::new(),
            issue_warning_quota: 0,
            prohibit_send_receive_quota: 0,
            site: String::new(),
            trusted_networks: Vec::new(),
            scram_iterations: 0,
            gssapi_keytab: None,
            gssapi_exact_case: false,
            gssapi_realms: Vec::new(),
            oauth_key_file: None,
            oauth_issuer: String::new(),
            oauth_audience: String::new(),
            oauth_user_claim: String::new(),
            recipient_delimiter: String::new(),
            max_receive_size: 0,
            retain_read_days: 0,
            retain_unread_days: 0,
            reaper_interval: Duration::ZERO,
            retain_deleted_items_days: 0,
            protocol_log_enabled: false,
            log_file_location: None,
            log_file_roll_over_settings: RollOver::default(),
            log_per_file_size_quota: 0,
            log_folder_size_quota: 0,
        }
    }
}

/// Reads `NAME=VALUE`, as `serve --set` takes it, and checks both.
///
/// # Errors
/// No `=` in it, or as [`Settings::from_rows`].
pub fn parse_override(text: &str) -> Result<(String, String), SettingError> {
    let (name, value) = text.split_once('=').ok_or_else(|| SettingError::NoValue(text.into()))?;
    Settings::blank().set(name, value)?;
    Ok((name.into(), value.into()))
}

/// Why a setting was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingError {
    /// Not `NAME=VALUE`.
    NoValue(String),
    /// There is no setting of this name.
    Unknown(String),
    /// The value of this one is no text.
    NotUtf8(String),
    /// The value is not in the setting's range.
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it takes, in words.
        range: String,
    },
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue(text) => write!(f, "setting {text:?} is not NAME=VALUE"),
            Self::NotUtf8(name) => write!(f, "setting {name} is not UTF-8"),
            Self::Unknown(name) => write!(f, "there is no setting {name:?}"),
            Self::OutOfRange { name, value, range } => write!(f, "setting {name} cannot be {value:?} (range: {range})"),
        }
    }
}

impl std::error::Error for SettingError {}
