//! The settings, read from their texts into types.
//!
//! What lives here: [`SETTINGS`], the one place that knows names, defaults and ranges, and [`Settings`],
//! what the rest of the program works with. What must not be known here: where the texts come from (the
//! table `settings`, the command line) and what acts on them.

mod choice;
#[cfg(test)]
mod generate;
mod kind;
mod network;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use choice::{ExtendedProtectionPolicy, LoginType, RollOver, SortOrder};
pub use kind::Kind;
pub use network::{Network, NotANetwork};
pub use table::{SETTINGS, Setting, Settings, find};

use std::fmt;
use std::time::Duration;

impl Default for Settings {
    /// The defaults of [`SETTINGS`].
    fn default() -> Self {
        let mut settings = Self::blank();
        for row in SETTINGS {
            let read = row.read(row.default, &mut settings);
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
        if row.read(value, self) {
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
        warn(size < 255, format!("MaxCommandSize {size} is below 255, the minimum of RFC 2449 section 4"));
        let (warning, limit) = (self.issue_warning_quota, self.prohibit_send_receive_quota);
        warn(
            limit > 0 && warning >= limit,
            format!(
                "IssueWarningQuota {warning} is not below ProhibitSendReceiveQuota {limit}: users are warned too late"
            ),
        );
        warn(
            self.login_type == LoginType::PlainTextLogin,
            "LoginType PlainTextLogin allows passwords to be sent unencrypted".into(),
        );
        for network in self.trusted_networks.iter().filter(|network| network.is_everything()) {
            warn(true, format!("TrustedNetworks {network} allows anybody to send passwords unencrypted"));
        }
        warn(
            self.certificate_file.is_some() != self.private_key_file.is_some(),
            "only one of CertificateFile and PrivateKeyFile is set".into(),
        );
        warnings
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
