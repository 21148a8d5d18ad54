//! What this connection allows now: settings, TLS and trust in one place, and the CAPA lines that
//! follow from them. USER, AUTH, STLS and CAPA all ask here, so that nothing is announced that
//! would be refused.

use super::command;
use super::reply::Reply;
use crate::sasl::{self, Context, Exposure, MechanismRow};
use crate::settings::{LoginType, Settings};
use crate::store::Expire;
use std::borrow::Cow;

/// The view of one connection, made by the driver.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// As they are now.
    pub settings: &'a Settings,
    /// The connection is under TLS.
    pub tls: bool,
    /// The client's address is in `TrustedNetworks`.
    pub trusted: bool,
    /// STLS is possible: there is a certificate.
    pub stls: bool,
    /// What the site promises before login (RFC 2449 section 6.7).
    pub expire: Expire,
    /// What mechanisms may know of the connection.
    pub context: &'a Context,
}

impl Policy<'_> {
    /// Whether something of this exposure may cross this connection (`LoginType`).
    pub fn allows(&self, exposure: Exposure) -> bool {
        if self.tls || self.trusted {
            return true;
        }
        match self.settings.login_type {
            LoginType::PlainTextLogin => true,
            LoginType::PlainTextAuthentication => exposure == Exposure::Proof,
            LoginType::SecureLogin => false,
        }
    }

    /// The mechanisms that would be accepted now.
    pub fn mechanisms(&self) -> impl Iterator<Item = &'static MechanismRow> {
        sasl::MECHANISMS.iter().filter(|row| self.allows(row.exposure) && (row.offered)(self.context))
    }

    /// STLS would be accepted now (RFC 2595 section 4).
    pub fn offers_stls(&self) -> bool {
        self.stls && !self.tls
    }

    /// The answer to CAPA (RFC 2449 section 5). After login the same less STLS, with the owner's
    /// own EXPIRE; IMPLEMENTATION names no version, for strangers read it.
    pub fn capabilities(&self, owner: Option<Expire>) -> Reply {
        let policy = Self { stls: self.stls && owner.is_none(), ..*self };
        let mut lines: Vec<Cow<'static, str>> = command::capabilities(&policy).collect();
        lines.extend(["RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"].map(Cow::Borrowed));
        lines.push(match owner.unwrap_or(self.expire) {
            Expire::Never => "EXPIRE NEVER".into(),
            Expire::Days(days) => format!("EXPIRE {days}").into(),
            Expire::DaysUser(days) => format!("EXPIRE {days} USER").into(),
        });
        lines.push("IMPLEMENTATION Pillarbox".into());
        Reply::Lines(lines)
    }

    /// The SASL capability (RFC 5034 section 6): the mechanisms that would be accepted now.
    pub(super) fn sasl(&self) -> Option<Cow<'static, str>> {
        let names: Vec<&str> = self.mechanisms().map(|row| row.name).collect();
        (!names.is_empty()).then(|| format!("SASL {}", names.join(" ")).into())
    }

    /// The USER capability (RFC 2449 section 6.2).
    pub(super) fn user(&self) -> Option<Cow<'static, str>> {
        self.allows(Exposure::Clear).then_some("USER".into())
    }

    /// The STLS capability (RFC 2595 section 4).
    pub(super) fn stls(&self) -> Option<Cow<'static, str>> {
        self.offers_stls().then_some("STLS".into())
    }

    /// The answer to a bare AUTH ([MS-POP3] 2.2.1).
    pub fn mechanism_list(&self) -> Reply {
        Reply::Lines(self.mechanisms().map(|row| row.name.into()).collect())
    }
}
