//! What an administrator should hear of before it hurts. Facts in, warnings out; no effects.

use crate::report::size;
use crate::settings::Settings;
use crate::store::Figures;

/// Percent of the disk below which there is a warning, and below which it is urgent.
const DISK: [u64; 2] = [10, 5];
/// The same in days of the certificate.
const CERTIFICATE: [i64; 2] = [14, 3];
/// Percent of what the database may grow to.
const DATABASE: u128 = 90;

/// One warning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// What it is about: one of [`KINDS`].
    pub kind: &'static str,
    /// It cannot wait.
    pub urgent: bool,
    /// What is wrong and what to do.
    pub text: String,
}

/// What warnings are about.
pub const KINDS: [&str; 6] = ["disk", "certificate", "database", "mailbox", "settings", "machine"];

/// A file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disk {
    /// Octets in all.
    pub total: u64,
    /// Octets that we may still use.
    pub free: u64,
}

/// What warnings follow from. What is not known is `None`, and nothing follows from it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Where the database is.
    pub disk: Option<Disk>,
    /// Seconds until the certificate expires; negative once it has.
    pub certificate_seconds: Option<i64>,
    /// What the store holds.
    pub figures: Option<Figures>,
    /// Octets that a file of ours may have (RLIMIT_FSIZE).
    pub file_limit: Option<u64>,
    /// Settings that were changed and act at the next start only.
    pub stale: Vec<&'static str>,
    /// Limits of the machine that are too low, and what to set.
    pub machine: Vec<String>,
}

impl Facts {
    /// Whole days until the certificate expires; negative once it has.
    pub fn certificate_days(&self) -> Option<i64> {
        self.certificate_seconds.map(|seconds| seconds.div_euclid(86_400))
    }
}

/// All there is to say.
pub fn warnings(facts: &Facts) -> Vec<Warning> {
    let mut warnings = Vec::new();
    warnings.extend(facts.disk.and_then(disk));
    warnings.extend(facts.certificate_days().and_then(certificate));
    if let Some(figures) = &facts.figures {
        warnings.extend(database(figures, facts));
        warnings.extend(mailbox(figures));
    }
    if !facts.stale.is_empty() {
        let names = facts.stale.join(", ");
        warnings.push(warning("settings", false, format!("changed, but acts at the next start only: {names}")));
    }
    warnings.extend(facts.machine.iter().map(|text| warning("machine", false, text.clone())));
    warnings
}

fn warning(kind: &'static str, urgent: bool, text: String) -> Warning {
    Warning { kind, urgent, text }
}

fn disk(disk: Disk) -> Option<Warning> {
    let percent = |share: u64| u128::from(disk.free) * 100 < u128::from(disk.total) * u128::from(share);
    percent(DISK[0]).then(|| {
        let (free, total) = (size(disk.free), size(disk.total));
        warning(
            "disk",
            percent(DISK[1]),
            format!("the disk of the database is nearly full: {free} of {total} are free"),
        )
    })
}

fn certificate(days: i64) -> Option<Warning> {
    let text = match days {
        ..0 => "the certificate has expired: renew it, then SIGHUP (systemctl reload)".to_owned(),
        _ => format!("the certificate expires in {days} days: renew it, then SIGHUP (systemctl reload)"),
    };
    (days < CERTIFICATE[0]).then(|| warning("certificate", days < CERTIFICATE[1], text))
}

fn database(figures: &Figures, facts: &Facts) -> Option<Warning> {
    let used = figures.database_octets.saturating_add(figures.wal_octets);
    let room = facts.disk.map(|disk| used.saturating_add(disk.free));
    let limit = [room, facts.file_limit].into_iter().flatten().fold(figures.database_limit?, u64::min);
    (u128::from(used) * 100 >= u128::from(limit) * DATABASE && limit > 0).then(|| {
        let (used, limit) = (size(used), size(limit));
        warning("database", false, format!("the database has {used} and cannot grow beyond {limit}"))
    })
}

fn mailbox(figures: &Figures) -> Option<Warning> {
    (!figures.exhausted.is_empty()).then(|| {
        let names = figures.exhausted.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        let text = format!("near the end of their unique-ids, after which no mail is taken: {names}");
        warning("mailbox", false, text)
    })
}

/// The names of settings that differ and are read at the start only.
pub fn stale(now: &Settings, then: &Settings, binds: bool) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut differs = |name, differs: bool| {
        if differs {
            names.push(name);
        }
    };
    differs("UnencryptedOrTLSBindings", binds && now.unencrypted_or_tls_bindings != then.unencrypted_or_tls_bindings);
    differs("SSLBindings", binds && now.ssl_bindings != then.ssl_bindings);
    differs("LmtpBindings", binds && now.lmtp_bindings != then.lmtp_bindings);
    differs("LmtpSocketMode", now.lmtp_socket_mode != then.lmtp_socket_mode);
    differs("LmtpSocketGroup", now.lmtp_socket_group != then.lmtp_socket_group);
    differs("HttpBindings", now.http_bindings != then.http_bindings);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(facts: &Facts) -> Vec<(&'static str, bool)> {
        warnings(facts).into_iter().map(|warning| (warning.kind, warning.urgent)).collect()
    }

    #[test]
    fn the_disk_is_said_to_be_full_below_10_and_5_percent() {
        for (free, expected) in [(100, None), (99, Some(false)), (50, Some(false)), (49, Some(true)), (0, Some(true))] {
            let facts = Facts { disk: Some(Disk { total: 1000, free }), ..Facts::default() };
            assert_eq!(
                kinds(&facts),
                expected.map(|urgent| ("disk", urgent)).into_iter().collect::<Vec<_>>(),
                "{free}"
            );
        }
    }

    #[test]
    fn the_certificate_is_said_to_expire_14_and_3_days_ahead() {
        for (days, expected) in [(14, None), (13, Some(false)), (3, Some(false)), (2, Some(true)), (-1, Some(true))] {
            let facts = Facts { certificate_seconds: Some(days * 86_400), ..Facts::default() };
            let expected = expected.map(|urgent| ("certificate", urgent)).into_iter().collect::<Vec<_>>();
            assert_eq!(kinds(&facts), expected, "{days}");
        }
    }

    #[test]
    fn the_database_is_compared_with_the_lowest_of_its_limits() {
        let figures =
            Figures { database_octets: 800, wal_octets: 100, database_limit: Some(5000), ..Figures::default() };
        let facts = |free, file_limit| Facts {
            figures: Some(figures.clone()),
            disk: Some(Disk { total: free, free }),
            file_limit,
            ..Facts::default()
        };
        assert_eq!(kinds(&facts(1000, None)), []);
        assert_eq!(kinds(&facts(100, None)), [("database", false)]);
        assert_eq!(kinds(&facts(9000, Some(1000))), [("database", false)]);
        assert_eq!(kinds(&facts(9000, Some(1001))), []);
    }

    #[test]
    fn mailboxes_settings_and_limits_are_named() {
        let figures = Figures { exhausted: vec!["alice".into()], database_limit: Some(1), ..Figures::default() };
        let (now, then) =
            (Settings { http_bindings: vec!["127.0.0.1:1".into()], ..Settings::default() }, Settings::default());
        let now = Settings { ssl_bindings: Vec::new(), ..now };
        assert_eq!(stale(&now, &then, true), ["SSLBindings", "HttpBindings"]);
        let stale = stale(&now, &then, false);
        let facts =
            Facts { figures: Some(figures), stale, machine: vec!["set LimitNOFILE".into()], ..Facts::default() };
        let texts: Vec<String> = warnings(&facts).into_iter().map(|warning| warning.text).collect();
        assert_eq!(texts.len(), 3);
        assert!(texts[0].contains("\"alice\"") && texts[1].ends_with(": HttpBindings"), "{texts:?}");
    }
}
