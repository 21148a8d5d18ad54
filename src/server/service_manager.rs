//! The service manager (systemd): what it is told (sd_notify(3)) and the sockets that it hands over (sd_listen_fds(3)).
//!
//! Without one, telling is nothing and no socket comes. What cannot be told is not worth an error.

use super::bind::{Entrance, Inherited, Listener, Service};
use crate::exit::{Code, Error};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How much longer a start or an end may take from each time that it is said to go on.
const EXTENSION: Duration = Duration::from_secs(30);

/// How often the status is told where no watchdog wants to hear more often.
const STATUS: Duration = Duration::from_secs(30);

/// Connections are taken.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Files are read again; call [`ready`] when that is done.
pub fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// The end has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Does `work`, however long it takes: the manager's timeouts are put off meanwhile.
pub fn with_extended_timeout<T>(work: impl FnOnce() -> T) -> T {
    let teller = Teller::start(EXTENSION / 3, || {
        tell(&[NotifyState::ExtendTimeoutUsec(u32::try_from(EXTENSION.as_micros()).unwrap_or(u32::MAX))]);
    });
    let done = work();
    drop(teller);
    done
}

/// Tells the status now and then, and the watchdog that we live, until the answer is dropped. `status` is asked by a
/// thread of its own and must not answer while the server is stuck.
pub fn watch(status: impl Fn() -> Option<String> + Send + 'static) -> Option<Teller> {
    let interval = sd_notify::watchdog_enabled().map_or(STATUS, |limit| (limit / 2).min(STATUS));
    Teller::start(interval, move || {
        if let Some(text) = status() {
            tell(&[NotifyState::Status(&text), NotifyState::Watchdog]);
        }
    })
}

/// Says something at once and at every interval.
pub struct Teller {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Teller {
    fn start(interval: Duration, say: impl Fn() + Send + 'static) -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        let (stop, stopped) = channel();
        let work = move || {
            loop {
                say();
                if stopped.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("notify".into()).spawn(work).ok()?;
        Some(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("server: cannot notify the service manager: {error}");
    }
}

/// The sockets that were handed over, with what their names (`FileDescriptorName=`) say is spoken on them.
///
/// # Errors
/// 78 for a socket whose name says nothing to us, or that is of another kind.
pub fn inherited() -> Result<Vec<Listener>, Error> {
    let mut sockets = ListenFd::from_env();
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names: Vec<&str> = names.split(':').collect();
    (0..sockets.len()).map(|at| listener(&mut sockets, at, names.get(at).copied().unwrap_or_default())).collect()
}

fn listener(sockets: &mut ListenFd, at: usize, name: &str) -> Result<Listener, Error> {
    let wrong = |why: &str| Error::new(Code::Config, format!("socket {name:?} of the service manager: {why}"));
    let service = match name {
        "pop3" => Service::Pop3,
        "pop3s" => Service::Pop3s,
        "lmtp" => Service::Lmtp,
        _ => return Err(wrong("FileDescriptorName must be pop3, pop3s or lmtp")),
    };
    let inherited = Inherited::new().map_err(|error| wrong(&error.to_string()))?;
    if let Ok(Some(socket)) = sockets.take_tcp_listener(at) {
        let address = socket.local_addr().map_err(|error| wrong(&error.to_string()))?;
        let socket = Entrance::Tcp(socket);
        return Ok(Listener { service, socket, address: address.to_string(), inherited: Some(inherited) });
    }
    match sockets.take_unix_listener(at) {
        Ok(Some(socket)) if service == Service::Lmtp => {
            let path = socket.local_addr().ok().and_then(|address| address.as_pathname().map(ToOwned::to_owned));
            let path = path.unwrap_or_default();
            let address = path.display().to_string();
            let socket = Entrance::Unix(super::unix::Bound::inherited(socket, path));
            Ok(Listener { service, socket, address, inherited: Some(inherited) })
        }
        _ => Err(wrong("must be a listening TCP socket, or for lmtp a Unix one")),
    }
}
