//! The end in two steps: for a while new clients are sent away, so that what balances load finds somebody else; then
//! the listeners close, and commands that run may finish. A second signal ends either at once.

use super::workers::Workers;
use crate::shared::state::ServerState;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use log::{info, warn};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::time::{Duration, Instant};

/// How often we look whether those have finished who may.
const NAP: Duration = Duration::from_millis(100);

/// A second signal, if it comes.
pub(super) struct SecondSignal(Receiver<()>);

impl SecondSignal {
    /// Waits for it behind everything else. Without a thread nobody hears it, and the end takes its time.
    pub(super) fn listen(mut signals: Signals) -> Self {
        let (sender, receiver) = bounded(1);
        let listen = move || {
            if signals.forever().any(|signal| matches!(signal, SIGTERM | SIGINT)) {
                info!("shutdown: immediately: a second signal");
                let _ = sender.send(());
            }
        };
        if let Err(error) = std::thread::Builder::new().name("signals".into()).spawn(listen) {
            warn!("shutdown: a second signal will have no effect: {error}");
        }
        Self(receiver)
    }

    fn came_within(&self, time: Duration) -> bool {
        match self.0.recv_timeout(time) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            // Nobody listens (any more).
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(time);
                false
            }
        }
    }
}

/// New clients are sent away for `time`; says whether a second signal has come.
pub(super) fn drain(server: &ServerState, time: Duration, second_signal: &SecondSignal) -> bool {
    if time.is_zero() {
        return false;
    }
    server.health.drain();
    info!("shutdown: turning new clients away for {} seconds (DrainSeconds)", time.as_secs());
    let end = Instant::now() + time;
    while Instant::now() < end {
        let left = end.saturating_duration_since(Instant::now());
        if second_signal.came_within(left.min(NAP)) {
            return true;
        }
    }
    false
}

/// Running commands may finish, for `grace` at most.
pub(super) fn finish(server: &ServerState, workers: &Workers, grace: Duration, second_signal: &SecondSignal) {
    server.connections.stop();
    let deadline = Instant::now() + grace;
    loop {
        let left = workers.join(Instant::now() + NAP);
        if left == 0 {
            return;
        }
        if Instant::now() >= deadline || second_signal.came_within(Duration::ZERO) {
            return warn!("shutdown: {left} connections were cut off");
        }
    }
}
