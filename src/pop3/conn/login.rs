//! Login: the policy's answer, what a failure costs, and the maildrop behind it.

use super::Connection;
use super::presence_guard::PresenceGuard;
use crate::auth::authenticator::LoginPolicy;
use crate::message::address::{login_names, printable, vouched_names};
use crate::pop3::Step;
use crate::pop3::reply::Reply;
use crate::pop3::transaction::Opened;
use crate::sasl::{Answer, Identity, Login, Query};
use crate::settings::SortOrder;
use crate::shared::metrics::LoginResult;
use log::{info, warn};
use std::time::{Duration, Instant};

/// How often somebody who waits for the price of a failed login looks whether the server ends.
const NAP: Duration = Duration::from_millis(100);

impl Connection<'_> {
    /// Gets the policy's answer for the session.
    pub(super) fn ask(&mut self, query: &Query) -> Step {
        let settings = &self.about.configuration.settings;
        let (claimed, names) = match query {
            Query::Password { who: Identity { authcid, .. }, .. }
            | Query::Authorize { who: Identity { authcid, .. } }
            | Query::Verifier { authcid, .. } => (authcid, login_names(authcid, &settings.domains)),
            Query::Vouched { who, .. } => (&who.authcid, vouched_names(&who.authcid, &settings.domains)),
        };
        // All forms in which a client can write a name are one: the shortest.
        self.claimed = (claimed.clone(), names.last().cloned().unwrap_or_default());
        let policy = LoginPolicy { domains: &settings.domains, site: &settings.site };
        let answer = self.server.authenticator.answer(query, &policy);
        if answer == Answer::Unavailable {
            warn!("{}: a login could not be checked", self.about);
            self.server.metrics.login(self.session.attempts().0, LoginResult::Unavailable);
        }
        self.session.answer(answer)
    }

    /// What wrong credentials cost: a line in the log, and time that grows with every failure from
    /// this address or for this name, so that guessing is slow. No core is kept busy, and nothing
    /// shows whether the user exists.
    pub(super) fn failed(&mut self) {
        let (method, attempts) = self.session.attempts();
        self.server.metrics.login(method, LoginResult::Refused);
        // What a later exchange fails for may not say whom it was for.
        let (claimed, counted) = std::mem::take(&mut self.claimed);
        // The form that fail2ban's filter for Dovecot knows.
        warn!(
            "pop3-login: Aborted login (auth failed, {attempts} attempts in {} secs): user=<{}>, method={method}, rip={}, lip={}",
            self.since.elapsed().as_secs(),
            printable(&claimed),
            self.about.peer.to_canonical(),
            self.about.local.to_canonical(),
        );
        let longest = self.about.configuration.settings.max_login_delay;
        let now = Instant::now();
        let until = now + self.server.delays.failed(self.about.peer, &counted, longest, now);
        while Instant::now() < until && !self.server.connections.is_stopping() {
            std::thread::sleep(NAP.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// Logs why an exchange failed: the client must not learn it, the administrator should.
    pub(super) fn diagnose(&mut self) {
        if let Some(why) = self.session.take_diagnosis() {
            let (method, _) = self.session.attempts();
            info!("{}: {method} failed: {}", self.about, one_line(&why));
        }
    }

    /// Opens the maildrop for whoever has logged in, if they are not here too often already.
    pub(super) fn open(&mut self, login: Login) -> Step {
        let settings = &self.about.configuration.settings;
        let limit = settings.max_connections_per_user;
        let Some(permit) = self.server.limits.user(login.user, limit) else {
            info!("{}: {} is connected {limit} times already (MaxConnectionsPerUser)", self.about, login.name);
            return Step::Close(Reply::too_many("of this user", "MaxConnectionsPerUser", limit));
        };
        let opened = self.maildrop(&login);
        match &opened {
            Ok(opened) => {
                let mechanism = self.session.attempts().0;
                self.log_login(&login, mechanism);
                self.server.metrics.login(mechanism, LoginResult::Accepted);
                self.tally.begin(opened.listing.entries().len());
                self.present = Some(PresenceGuard::arrive(self.server, &self.about, &login, mechanism));
            }
            Err(error) => {
                warn!("{}: {} cannot open {}: {error}", self.about, login.name, login.principal);
                self.server.metrics.login(self.session.attempts().0, LoginResult::Unavailable);
            }
        }
        self.server.delays.succeeded(self.about.peer, &self.claimed.1);
        self.login = Some((login, permit));
        self.session.opened(opened)
    }

    /// In the form that Dovecot has, which the tools of many know.
    fn log_login(&self, login: &Login, mechanism: &str) {
        let about = &self.about;
        let protocol =
            self.stream.protocol().or_else(|| about.proxied_tls.as_ref().map(|tls| format!("{tls} by proxy")));
        info!(
            "pop3-login: Login: user=<{}>, principal=<{}>, method={mechanism}, rip={}, lip={}, session={}, {}",
            printable(&login.name),
            printable(&login.principal),
            about.peer.to_canonical(),
            about.local.to_canonical(),
            about.id,
            protocol.as_deref().unwrap_or("no TLS"),
        );
    }

    fn maildrop(&self, login: &Login) -> crate::store::Result<Opened> {
        let settings = &self.about.configuration.settings;
        let mailbox = login.mailbox;
        Ok(Opened {
            mailbox,
            listing: self.server.store.open(mailbox)?,
            descending: settings.message_retrieval_sort_order == SortOrder::Descending,
            exact: settings.enable_exact_rfc822_size,
            expire: self.server.store.retention(mailbox)?,
        })
    }
}

/// Text for the log that may hold something of the client's: it stays on its line.
fn one_line(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
