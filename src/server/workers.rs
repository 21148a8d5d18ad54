//! Who serves connections: a pool for each protocol, so that neither keeps the other waiting.

use crate::net::pool::{Pool, Refusal, STACK};
use crate::settings::Settings;
use crate::watch::Watch;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a connection waits for a thread that an idle worker of the other pool gives back.
const HANDOVER: Duration = Duration::from_millis(200);
/// Between two attempts: the system takes a moment to end a thread.
const HANDOVER_PAUSE: Duration = Duration::from_millis(5);

/// HTTP requests at the same time.
const HTTP: usize = 8;

/// The pools.
pub struct Workers {
    /// For POP3.
    pub pop3: Pool,
    /// For LMTP.
    pub lmtp: Pool,
    /// For HTTP.
    pub http: Pool,
    /// For our own commands: nobody else keeps them waiting.
    pub status: Pool,
    /// This machine's name, for greetings and trace headers.
    pub host: String,
    /// Answers HTTP.
    pub watch: Arc<Watch>,
}

impl Workers {
    /// Nobody works yet.
    pub fn new(settings: &Settings, watch: Arc<Watch>) -> Self {
        Self {
            pop3: Pool::new("pop3", settings.max_connections, STACK),
            lmtp: Pool::new("lmtp", settings.lmtp_max_connections, STACK),
            http: Pool::new("http", HTTP, STACK),
            status: Pool::new("status", HTTP, STACK),
            host: host_name(),
            watch,
        }
    }

    /// Gives a job to the pool for POP3.
    ///
    /// # Errors
    /// [`Refusal`], with the job.
    pub fn submit_pop3(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Refusal> {
        submit(&self.pop3, &self.lmtp, job)
    }

    /// Gives a job to the pool for LMTP.
    ///
    /// # Errors
    /// [`Refusal`], with the job.
    pub fn submit_lmtp(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Refusal> {
        submit(&self.lmtp, &self.pop3, job)
    }

    /// Waits for all work to end; says how many connections have not ended at `deadline`.
    pub fn join(&self, deadline: Instant) -> usize {
        [&self.pop3, &self.lmtp, &self.http, &self.status].map(|pool| pool.join(deadline)).iter().sum()
    }
}

/// Where the system gives no thread, those that the other pool keeps for later are given back first.
fn submit(pool: &Pool, other: &Pool, job: impl FnOnce() + Send + 'static) -> Result<(), Refusal> {
    let mut submitted = pool.submit(job);
    if !matches!(submitted, Err(Refusal::NoThread(..))) || other.release_idle() == 0 {
        return submitted;
    }
    let until = Instant::now() + HANDOVER;
    loop {
        submitted = match submitted {
            Err(Refusal::NoThread(job, _)) if Instant::now() < until => {
                std::thread::sleep(HANDOVER_PAUSE);
                pool.submit_boxed(job)
            }
            done => return done,
        };
    }
}

/// The kernel's name of this machine; `localhost` where that is no domain (RFC 5321 section 4.1.2).
pub fn host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name = name.to_string_lossy();
    let sound = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.');
    if !name.is_empty() && name.bytes().all(sound) { name.into_owned() } else { "localhost".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stack of an exbibyte is what the system never gives.
    #[test]
    fn without_a_thread_the_other_pool_gives_back_what_it_holds_for_later() {
        let (pool, other) = (Pool::new("pool", 2, 1 << 60), Pool::new("other", 2, STACK));
        assert!(matches!(submit(&pool, &other, || ()), Err(Refusal::NoThread(..))), "there is nothing to give back");
        let (done, ran) = std::sync::mpsc::channel();
        assert!(other.submit(move || done.send(()).unwrap()).is_ok());
        ran.recv().unwrap();
        let start = Instant::now();
        while other.busy() > 0 {
            assert!(start.elapsed() < Duration::from_secs(60), "it is never idle");
            std::thread::yield_now();
        }
        let Err(Refusal::NoThread(job, _)) = submit(&pool, &other, || ()) else { panic!("an exbibyte") };
        job();
        assert_eq!(other.release_idle(), 0, "it has been sent home");
    }
}
