//! What ends the process beside a signal: something that cannot go on, found out by any thread.

use crate::exit::{Code, Error};
use crate::lock::IgnorePoison;
use log::error;
use signal_hook::iterator::Handle;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

/// Wakes the thread that waits for signals, and keeps why. Clones share it.
#[derive(Clone)]
pub(super) struct ShutdownRequest {
    signals: Handle,
    why: Arc<Mutex<Option<Error>>>,
}

impl ShutdownRequest {
    /// Ends the waiting on the signals of this handle.
    pub(super) fn new(signals: Handle) -> Self {
        Self { signals, why: Arc::default() }
    }

    /// Ends the process as SIGTERM does, but with this error; the first one counts.
    pub(super) fn end(&self, error: Error) {
        error!("server: shutting down: {error}");
        self.why.lock().ignore_poison().get_or_insert(error);
        self.signals.close();
    }

    /// Does `work`, which the server cannot be without; a panic in it ends the process (70).
    pub(super) fn guard(&self, what: &str, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.end(Error::new(Code::Software, format!("{what} panicked")));
        }
    }

    /// How the process ends.
    ///
    /// # Errors
    /// What [`ShutdownRequest::end`] was told first.
    pub(super) fn verdict(&self) -> Result<(), Error> {
        self.why.lock().ignore_poison().take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGUSR2;
    use signal_hook::iterator::Signals;

    #[test]
    fn a_panic_ends_the_waiting_and_the_first_reason_counts() {
        let mut signals = Signals::new([SIGUSR2]).unwrap();
        let ending = ShutdownRequest::new(signals.handle());
        ending.guard("the first", || ());
        assert_eq!(ending.verdict(), Ok(()));
        let there = ending.clone();
        let thread = std::thread::spawn(move || {
            there.guard("the second", || panic!("a test's panic"));
            there.end(Error::new(Code::Io, "the third"));
        });
        assert_eq!(signals.forever().next(), None);
        thread.join().unwrap();
        assert_eq!(ending.verdict(), Err(Error::new(Code::Software, "the second panicked")));
    }
}
