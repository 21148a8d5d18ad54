//! Whoever may not be here any more goes: sessions of users who were shut out, and connections that have had their time.
//!
//! A thread of its own, as nothing else may keep it waiting: within 2 seconds of a change by an administrator the session is
//! over. Who may stay is the authenticator's business, how a connection is ended that of [`crate::shared::connections`].

use crate::auth::authenticator::{LoginPolicy, Unbounded};
use crate::complaints::Complaints;
use crate::shared::connections::EndReason;
use crate::shared::state::{Configuration, ServerState};
use crate::store::StoreError;
use crossbeam_channel::{RecvTimeoutError, Sender};
use log::{info, warn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often we look.
const LOOK: Duration = Duration::from_millis(250);

/// The thread, from start to end.
pub(super) struct SessionMonitor {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

struct Monitor {
    server: Arc<ServerState>,
    /// What all sessions were last compared with.
    seen: Option<(i64, Arc<Configuration>)>,
    complaints: Complaints<(), Instant>,
}

impl SessionMonitor {
    /// Starts the thread.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn start(server: Arc<ServerState>) -> io::Result<Self> {
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let mut monitor = Monitor { server, seen: None, complaints: Complaints::default() };
        let work = move || {
            while matches!(stopped.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
                // A panic costs one look, and was logged by the thread's hook.
                let _ = catch_unwind(AssertUnwindSafe(|| monitor.look(Instant::now())));
            }
        };
        let thread = std::thread::Builder::new().name("sessions".into()).spawn(work)?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread.
    pub(super) fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

impl Monitor {
    fn look(&mut self, now: Instant) {
        let configuration = self.server.configuration();
        let settings = &configuration.settings;
        let longest = Some(settings.max_session_time).filter(|time| !time.is_zero());
        self.server.connections.enforce(now, settings.longest_login(), longest);
        self.server.refusals.due(now).iter().for_each(|line| info!("{line}"));
        match self.shut_out(&configuration) {
            // The engine itself says when its server goes and comes.
            Err(StoreError::Unavailable(_)) => {}
            Err(error) if self.complaints.is_due((), now) => {
                warn!("pop3: cannot check which sessions are still valid: {error}")
            }
            Err(_) => {}
            Ok(()) => self.complaints.forget(|()| true),
        }
    }

    /// Ends the sessions of those who could not log in any more, if anything has happened that may be a reason.
    fn shut_out(&mut self, configuration: &Arc<Configuration>) -> crate::store::Result<()> {
        let server = &self.server;
        let mark = server.store.revocations()?;
        let seen = |(before, of): &(i64, Arc<Configuration>)| *before == mark && Arc::ptr_eq(of, configuration);
        if self.seen.as_ref().is_some_and(seen) {
            return Ok(());
        }
        let settings = &configuration.settings;
        let policy = LoginPolicy { domains: &settings.domains, site: &settings.site, admission: &Unbounded };
        server.comparisons.fetch_add(1, Ordering::SeqCst);
        for (id, login) in server.connections.logins() {
            if !server.authenticator.is_still_allowed(&login, &policy)? {
                info!("pop3 connection {id}: ended: the login of {} is not valid any more", login.name);
                server.connections.end(id, EndReason::ShutOut);
            }
        }
        for id in server.store.dismissed()? {
            info!("pop3 connection {id}: ended: by an administrator");
            server.connections.end(id, EndReason::ShutOut);
        }
        // Only now: what failed above is tried again at the next look.
        self.seen = Some((mark, configuration.clone()));
        Ok(())
    }
}
