//! Login: the policy's answer, what a failure costs, and the maildrop behind it.

use super::Connection;
use super::presence_guard::PresenceGuard;
use crate::auth::authenticator::{Admission, LoginPolicy, Unbounded};
use crate::auth::credential::Client;
use crate::auth::limits::{Place, Places, network};
use crate::message::address::{login_names, printable, vouched_names};
use crate::pop3::Step;
use crate::pop3::reply::Reply;
use crate::pop3::transaction::Opened;
use crate::sasl::{Answer, Identity, Login, Query};
use crate::settings::SortOrder;
use crate::shared::metrics::LoginResult;
use crate::store::{LoginFailure, Maildrop};
use log::{debug, info, log, warn};
use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often somebody who waits for the price of a failed login looks whether the server ends.
const NAP: Duration = Duration::from_millis(100);

/// What a login that is under way takes of what its address and its name may have.
struct Turn<'a> {
    place: RefCell<Option<Place>>,
    places: &'a Arc<Places>,
    peer: IpAddr,
    name: &'a str,
    over: &'a dyn Fn() -> bool,
}

impl Admission for Turn<'_> {
    fn client(&self) -> Client {
        Some(network(self.peer))
    }

    fn admit(&self) -> bool {
        let mut place = self.place.borrow_mut();
        if place.is_none() {
            *place = self.places.enter(self.peer, self.name, self.over);
        }
        place.is_some()
    }
}

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
        let turn = Turn {
            place: RefCell::new(self.place.take()),
            places: &self.server.places,
            peer: self.about.peer,
            name: &self.claimed.1,
            over: &|| self.ending().is_some(),
        };
        let policy = LoginPolicy { domains: &settings.domains, site: &settings.site, admission: &turn };
        let compared = self.server.comparisons.load(Ordering::SeqCst);
        let answer = self.server.authenticator.answer(query, &policy);
        self.place = turn.place.into_inner();
        self.compared = compared;
        if answer == Answer::Unavailable {
            let why = "a login could not be checked";
            if self.server.refusals.add(Some(self.about.peer), why, Instant::now()) {
                warn!("{}: {why}", self.about);
            }
            self.server.metrics.login(self.session.attempts().0, LoginResult::Unavailable);
        }
        self.session.answer(answer)
    }

    /// Gives the place of a login back that has come to its end.
    fn release(&mut self, good: bool) {
        if let Some(place) = self.place.take() {
            place.release(good);
        }
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
        self.note_failure(&claimed, method);
        let longest = self.about.configuration.settings.max_login_delay;
        let now = Instant::now();
        let until = now + self.server.delays.failed(self.about.peer, &counted, longest, now);
        while Instant::now() < until && self.ending().is_none() {
            std::thread::sleep(NAP.min(until.saturating_duration_since(Instant::now())));
        }
        // Not before: who has to wait for answers makes no other guesses meanwhile. Who made room has not waited.
        if Instant::now() >= until {
            self.release(false);
        }
    }

    /// For the administrator's view: a name may hold anything.
    fn note_failure(&self, claimed: &str, mechanism: &'static str) {
        let name = claimed.chars().take(255).map(|c| if c.is_control() { '?' } else { c }).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (address, at) = (self.about.peer, now.as_secs() as i64);
        self.server.store.login_failed(LoginFailure { name, address, mechanism, at });
    }

    /// Logs why an exchange failed: the client must not learn it, the administrator should.
    pub(super) fn diagnose(&mut self, step: &Step) {
        if let Some(why) = self.session.take_diagnosis() {
            let (method, _) = self.session.attempts();
            match step {
                Step::Open(_) => debug!("{}: {method}: {}", self.about, one_line(&why)),
                _ => info!("{}: {method} failed: {}", self.about, one_line(&why)),
            }
        }
    }

    /// Opens the maildrop for whoever has logged in, if they are not here too often already.
    pub(super) fn open(&mut self, login: Login) -> Step {
        self.release(true);
        if let Some(reply) = self.fault.refused_login() {
            return Step::Reply(reply);
        }
        let settings = &self.about.configuration.settings;
        let limit = settings.max_connections_per_user;
        // What cannot be asked is not counted: the maildrop cannot be opened, either.
        let elsewhere = self.server.store.sessions_elsewhere(login.user).unwrap_or(0);
        let Some(permit) = self.server.limits.user(login.user, limit.saturating_sub(elsewhere)) else {
            let why = format!("{} is connected {limit} times already (MaxConnectionsPerUser)", login.name);
            if self.server.refusals.add(Some(self.about.peer), &why, Instant::now()) {
                info!("{}: {why}", self.about);
            }
            return Step::Close(Reply::too_many("of this user", "MaxConnectionsPerUser", limit));
        };
        self.entry.logged_in(&login);
        self.about.logged_in();
        // Who was shut out while the password was checked was not among those who are in.
        let compared = self.server.comparisons.load(Ordering::SeqCst) != self.compared;
        match if compared { self.is_still_allowed(&login) } else { Ok(true) } {
            Ok(true) => {}
            Ok(false) => return Step::LoginFailed { last: true },
            Err(error) => {
                log!(error.severity(), "{}: cannot check whether {} may still log in: {error}", self.about, login.name);
            }
        }
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
                log!(error.severity(), "{}: {} cannot open {}: {error}", self.about, login.name, login.principal);
                self.server.metrics.login(self.session.attempts().0, LoginResult::Unavailable);
            }
        }
        self.server.delays.succeeded(self.about.peer, &self.claimed.1);
        self.login = Some((login, permit));
        self.session.opened(opened)
    }

    fn is_still_allowed(&self, login: &Login) -> crate::store::Result<bool> {
        let settings = &self.about.configuration.settings;
        let policy = LoginPolicy { domains: &settings.domains, site: &settings.site, admission: &Unbounded };
        self.server.authenticator.is_still_allowed(login, &policy)
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

    fn maildrop(&mut self, login: &Login) -> crate::store::Result<Opened> {
        let settings = &self.about.configuration.settings;
        let mailbox = login.mailbox;
        let Maildrop { listing, exact_sizes, expire } = self.server.store.maildrop(mailbox)?;
        let listing = self.fault.listing(listing, self.about.id);
        Ok(Opened {
            mailbox,
            listing,
            descending: settings.message_retrieval_sort_order == SortOrder::Descending,
            exact: exact_sizes.unwrap_or(settings.enable_exact_rfc822_size),
            expire,
        })
    }
}

/// Text for the log that may hold something of the client's: it stays on its line.
fn one_line(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
