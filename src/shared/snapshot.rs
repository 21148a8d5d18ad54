//! What administrators have decided, read from the store in one go and handed on as one value.

use crate::settings::{SettingError, Settings};
use crate::store::{Advertised, CertificateFiles, Result, Store};

/// Everything that a server goes by and that somebody may change while it runs.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Snapshot {
    /// All settings.
    pub settings: Settings,
    /// The rows of `certificates`.
    pub certificates: Vec<CertificateFiles>,
    /// What CAPA may promise before login.
    pub advertised: Advertised,
}

impl Snapshot {
    /// Reads what holds now, and which settings cannot be used: they stay as they are here. `overrides` (`serve --set`)
    /// stay above the rows of the table.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn read(&self, store: &dyn Store, overrides: &[(String, String)]) -> Result<(Self, Vec<SettingError>)> {
        let (settings, errors) = self.settings.clone().changed_by(&store.settings()?, overrides);
        let (certificates, advertised) = (store.certificates()?, store.advertised()?);
        Ok((Self { settings, certificates, advertised }, errors))
    }
}
