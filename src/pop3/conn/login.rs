//! Login: the door's answer, what a failure costs, and the maildrop behind it.

use super::Connection;
use crate::authenticator::Door;
use crate::pop3::Step;
use crate::pop3::reply::Reply;
use crate::pop3::transaction::Opened;
use crate::sasl::{Answer, Login, Query};
use crate::settings::SortOrder;
use log::{info, warn};

impl Connection<'_> {
    /// Gets the door's answer for the session.
    pub(super) fn ask(&mut self, query: &Query) -> Step {
        let settings = &self.about.live.settings;
        let door = Door { domains: &settings.domains, site: &settings.site };
        let answer = self.site.authenticator.answer(query, &door);
        if answer == Answer::Unavailable {
            warn!("{}: a login could not be checked", self.about);
        }
        self.session.answer(answer)
    }

    /// Opens the maildrop for whoever has logged in, if they are not here too often already.
    pub(super) fn open(&mut self, login: Login) -> Step {
        let settings = &self.about.live.settings;
        let limit = settings.max_connections_per_user;
        let Some(permit) = self.site.limits.user(login.user, limit) else {
            info!("{}: {} is connected {limit} times already (MaxConnectionsPerUser)", self.about, login.name);
            return Step::Close(Reply::too_many("of this user", "MaxConnectionsPerUser", limit));
        };
        let descending = settings.message_retrieval_sort_order == SortOrder::Descending;
        let exact = settings.enable_exact_rfc822_size;
        let mailbox = login.mailbox;
        let opened = self.site.store.open(mailbox).and_then(|listing| {
            let expire = self.site.store.retention(mailbox)?;
            Ok(Opened { mailbox, listing, descending, exact, expire })
        });
        match &opened {
            Ok(_) => info!("{}: {} opened {}", self.about, login.name, login.principal),
            Err(error) => warn!("{}: {} cannot open {}: {error}", self.about, login.name, login.principal),
        }
        self.login = Some((login, permit));
        self.session.opened(opened)
    }
}
