//! Login: the door's answer, what a failure costs, and the maildrop behind it.

use super::Connection;
use super::present::Present;
use crate::authenticator::Door;
use crate::pop3::Step;
use crate::pop3::reply::Reply;
use crate::pop3::transaction::Opened;
use crate::sasl::{Answer, Login, Query};
use crate::settings::SortOrder;
use log::{info, warn};
use std::time::{Duration, Instant};

/// How often somebody who waits for the price of a failed login looks whether the server ends.
const NAP: Duration = Duration::from_millis(100);

impl Connection<'_> {
    /// Gets the door's answer for the session.
    pub(super) fn ask(&mut self, query: &Query) -> Step {
        if let Query::Password { who, .. } | Query::Authorize { who } = query {
            self.claimed.clone_from(&who.authcid);
        } else if let Query::Verifier { authcid, .. } = query {
            self.claimed.clone_from(authcid);
        }
        let settings = &self.about.live.settings;
        let door = Door { domains: &settings.domains, site: &settings.site };
        let answer = self.site.authenticator.answer(query, &door);
        if answer == Answer::Unavailable {
            warn!("{}: a login could not be checked", self.about);
        }
        self.session.answer(answer)
    }

    /// What wrong credentials cost: a line in the log, and time that grows with every failure from
    /// this address or for this name, so that guessing is slow. No core is kept busy, and nothing
    /// shows whether the user exists.
    pub(super) fn failed(&mut self) {
        let (method, attempts) = self.session.attempts();
        // The form that fail2ban's filter for Dovecot knows.
        warn!(
            "pop3-login: Aborted login (auth failed, {attempts} attempts in {} secs): user=<{}>, method={method}, rip={}, lip={}",
            self.since.elapsed().as_secs(),
            printable(&self.claimed),
            self.about.peer.to_canonical(),
            self.about.local.to_canonical(),
        );
        let longest = self.about.live.settings.max_login_delay;
        let until = Instant::now() + self.site.delays.failed(self.about.peer, &self.claimed, longest, Instant::now());
        while Instant::now() < until && !self.site.registry.is_stopping() {
            std::thread::sleep(NAP.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// Opens the maildrop for whoever has logged in, if they are not here too often already.
    pub(super) fn open(&mut self, login: Login) -> Step {
        let settings = &self.about.live.settings;
        let limit = settings.max_connections_per_user;
        let Some(permit) = self.site.limits.user(login.user, limit) else {
            info!("{}: {} is connected {limit} times already (MaxConnectionsPerUser)", self.about, login.name);
            return Step::Close(Reply::too_many("of this user", "MaxConnectionsPerUser", limit));
        };
        let opened = self.maildrop(&login);
        match &opened {
            Ok(_) => {
                info!("{}: {} opened {}", self.about, login.name, login.principal);
                let mechanism = self.session.attempts().0;
                self.present = Some(Present::arrive(&*self.site.store, &self.about, &login, mechanism));
            }
            Err(error) => warn!("{}: {} cannot open {}: {error}", self.about, login.name, login.principal),
        }
        self.site.delays.succeeded(self.about.peer, &self.claimed);
        self.login = Some((login, permit));
        self.session.opened(opened)
    }

    fn maildrop(&self, login: &Login) -> crate::store::Result<Opened> {
        let settings = &self.about.live.settings;
        let mailbox = login.mailbox;
        Ok(Opened {
            mailbox,
            listing: self.site.store.open(mailbox)?,
            descending: settings.message_retrieval_sort_order == SortOrder::Descending,
            exact: settings.enable_exact_rfc822_size,
            expire: self.site.store.retention(mailbox)?,
        })
    }
}

/// A name for the log: nothing in it can end the field or the line.
fn printable(name: &str) -> String {
    name.chars().take(255).map(|c| if c.is_ascii_graphic() && !matches!(c, '<' | '>') { c } else { '?' }).collect()
}
