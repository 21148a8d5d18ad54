//! A socket whose reads and writes have deadlines, for as few system calls as can be.
//!
//! The kernel's own timeouts do the waiting (`SO_RCVTIMEO`, `SO_SNDTIMEO`). What was set last is
//! remembered, and what is left is rounded up to [`GRAIN`], so that the usual command, read at once
//! with the same timeout as the one before, costs one system call. A deadline is overdrawn by at
//! most one [`GRAIN`].
//!
//! A timeout is [`io::ErrorKind::WouldBlock`] here: the TLS library takes that as "try again" and
//! keeps the session usable.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, send};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// To what multiple a timeout is rounded up.
const GRAIN: Duration = Duration::from_millis(100);
/// How long the kernel waits in one write at most.
const SLICE: Duration = Duration::from_secs(2);
/// Until the driver says otherwise no call waits longer than this.
const AT_FIRST: Duration = Duration::from_secs(60);
/// Octets that [`Socket::wait`] takes in at most: a command under TLS, with room to spare.
const AHEAD: usize = 1024;
/// Octets thrown away at the end of a connection at most.
const SWALLOW: usize = 64 * 1024;

/// A shared hold on a connection. The registry of live connections ends them with it.
#[derive(Clone)]
pub enum Handle {
    /// TCP.
    Tcp(Arc<TcpStream>),
    /// A local socket.
    Unix(Arc<UnixStream>),
}

impl Handle {
    /// Ends the connection in both directions: whoever waits in a read sees its end.
    pub fn shutdown(&self) {
        self.end(Shutdown::Both);
    }

    /// Ends the reading only: whoever waits for the client sees its end, what is being written goes on.
    pub fn shutdown_read(&self) {
        self.end(Shutdown::Read);
    }

    /// Writes as much as the kernel takes at once.
    pub fn say(&self, text: &[u8]) {
        // Nobody waits for it: the client may be gone already.
        let _ = send(self.fd().as_raw_fd(), text, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL);
    }

    /// An error means that the client was faster; that is no news to anybody.
    fn end(&self, how: Shutdown) {
        let _ = match self {
            Handle::Tcp(tcp) => tcp.shutdown(how),
            Handle::Unix(unix) => unix.shutdown(how),
        };
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Handle::Tcp(tcp) => tcp.set_read_timeout(Some(timeout)),
            Handle::Unix(unix) => unix.set_read_timeout(Some(timeout)),
        }
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Handle::Tcp(tcp) => tcp.set_write_timeout(Some(timeout)),
            Handle::Unix(unix) => unix.set_write_timeout(Some(timeout)),
        }
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Handle::Tcp(tcp) => (&**tcp).read(buf),
            Handle::Unix(unix) => (&**unix).read(buf),
        }
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, bufs) {
            (Handle::Tcp(tcp), [buf]) => (&**tcp).write(buf),
            (Handle::Tcp(tcp), _) => (&**tcp).write_vectored(bufs),
            (Handle::Unix(unix), [buf]) => (&**unix).write(buf),
            (Handle::Unix(unix), _) => (&**unix).write_vectored(bufs),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Handle::Tcp(tcp) => tcp.as_fd(),
            Handle::Unix(unix) => unix.as_fd(),
        }
    }
}

/// How long one direction may wait.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// Each call by itself: what makes progress may go on.
    Each(Duration),
    /// All calls together.
    By(Instant),
}

/// One direction's limit, and what the kernel has been told of it.
struct Timeout {
    limit: Limit,
    kernel: Option<Duration>,
}

impl Timeout {
    fn new() -> Self {
        Self { limit: Limit::Each(AT_FIRST), kernel: None }
    }

    /// Sees to it that a call made `now` waits no longer than the limit allows.
    fn arm(&mut self, now: Instant, set: impl FnOnce(Duration) -> io::Result<()>) -> io::Result<()> {
        let left = match self.limit {
            Limit::Each(timeout) => timeout,
            Limit::By(deadline) => deadline.saturating_duration_since(now),
        };
        if left.is_zero() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let wanted = round_up(left);
        if self.kernel != Some(wanted) {
            set(wanted)?;
            self.kernel = Some(wanted);
        }
        Ok(())
    }
}

impl Timeout {
    /// Whether more waiting is allowed for a call that began at `since` and has got nothing done.
    fn allows(&self, since: Instant) -> bool {
        match self.limit {
            Limit::Each(timeout) => since.elapsed() < timeout,
            Limit::By(deadline) => Instant::now() < deadline,
        }
    }
}

fn round_up(left: Duration) -> Duration {
    let grains = left.as_nanos().div_ceil(GRAIN.as_nanos());
    GRAIN.saturating_mul(u32::try_from(grains).unwrap_or(u32::MAX))
}

/// A connected socket. Dropped, it sends FIN at once, whoever else still holds a [`Handle`].
pub struct Socket {
    handle: Handle,
    read: Timeout,
    write: Timeout,
    /// What [`Socket::wait`] has read; the next reads get it.
    ahead: VecDeque<u8>,
}

impl Socket {
    /// Takes a TCP connection over. Replies go out at once (`TCP_NODELAY`): what belongs together is
    /// written together by `line::Output`.
    pub fn tcp(stream: TcpStream) -> Self {
        // A connection that the client has reset already is found out by the first read.
        let _ = stream.set_nodelay(true);
        Self::new(Handle::Tcp(Arc::new(stream)))
    }

    /// Takes a local connection over.
    pub fn unix(stream: UnixStream) -> Self {
        Self::new(Handle::Unix(Arc::new(stream)))
    }

    fn new(handle: Handle) -> Self {
        Self { handle, read: Timeout::new(), write: Timeout::new(), ahead: VecDeque::new() }
    }

    /// A second hold on the connection.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Our end of a TCP connection.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match &self.handle {
            Handle::Tcp(tcp) => tcp.local_addr().ok(),
            Handle::Unix(_) => None,
        }
    }

    /// Nothing that is written can arrive: the client has reset the connection, or it was ended here. One that
    /// only writes no more may still wait for what it has asked for.
    pub(super) fn is_gone(&self) -> bool {
        let mut fds = [PollFd::new(self.handle.fd(), PollFlags::empty())];
        let found = poll(&mut fds, PollTimeout::ZERO).unwrap_or(0);
        found > 0 && fds[0].revents().is_some_and(|events| events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP))
    }

    /// Reads fail once `deadline` has passed.
    pub fn read_by(&mut self, deadline: Instant) {
        self.read.limit = Limit::By(deadline);
    }

    /// Writes fail once `deadline` has passed.
    pub fn write_by(&mut self, deadline: Instant) {
        self.write.limit = Limit::By(deadline);
    }

    /// A write fails when the client has taken nothing for `timeout`.
    pub fn write_within(&mut self, timeout: Duration) {
        self.write.limit = Limit::Each(timeout);
    }

    pub(super) fn write_limit(&self) -> Limit {
        self.write.limit
    }

    pub(super) fn set_write_limit(&mut self, limit: Limit) {
        self.write.limit = limit;
    }

    /// Waits until something can be read, and takes in what comes at once.
    ///
    /// The TLS library would wait with a buffer for the largest record in its hands, and would read a
    /// record's header and its content one after the other. This way a session that waits has no
    /// buffer at all, and the usual command costs one system call.
    ///
    /// # Errors
    /// As reading. The end of the connection is none: the next read finds it again.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        if self.ahead.is_empty() {
            let mut first = [0; AHEAD];
            let n = self.receive(&mut first)?;
            self.ahead.extend(&first[..n]);
        }
        Ok(())
    }

    fn receive(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            self.read.arm(Instant::now(), |timeout| self.handle.set_read_timeout(timeout))?;
            match self.handle.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// The kernel answers after a slice of the limit with what the client has taken by then, so that
    /// a client that takes nothing any more is told from one that is only slow.
    fn send(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let since = Instant::now();
        loop {
            self.write.arm(Instant::now(), |timeout| self.handle.set_write_timeout(timeout.min(SLICE)))?;
            match self.handle.write(bufs) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.write.allows(since) => {}
                done => return done,
            }
        }
    }

    /// Throws away what has come already, without waiting: closing with unread octets makes the
    /// kernel send RST, at which the client may lose our last reply.
    fn swallow(&self) {
        let mut buf = [0; 4096];
        for _ in 0..SWALLOW / buf.len() {
            match recv(self.handle.fd().as_raw_fd(), &mut buf, MsgFlags::MSG_DONTWAIT) {
                Ok(n) if n == buf.len() => {}
                _ => break,
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() { self.receive(buf) } else { self.ahead.read(buf) }
    }
}

impl Write for Socket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.send(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.swallow();
        self.handle.end(Shutdown::Write);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// What the kernel is told for these limits, each used some microseconds after `start`.
    fn told(start: Instant, limits: &[(u64, Limit)]) -> Vec<Duration> {
        let mut timeout = Timeout::new();
        let mut told = Vec::new();
        for (micros, limit) in limits {
            timeout.limit = *limit;
            let set = |timeout| {
                told.push(timeout);
                Ok(())
            };
            timeout.arm(start + Duration::from_micros(*micros), set).unwrap();
        }
        told
    }

    #[test]
    fn what_is_left_is_rounded_up() {
        for (millis, rounded) in [(1, 100), (99, 100), (100, 100), (101, 200), (1_800_000, 1_800_000)] {
            assert_eq!(round_up(Duration::from_millis(millis)), Duration::from_millis(rounded));
        }
        assert_eq!(round_up(Duration::from_nanos(1)), GRAIN);
        assert!(round_up(Duration::MAX) > Duration::from_secs(86_400 * 365));
    }

    #[test]
    fn the_kernel_is_told_only_what_is_new() {
        let start = Instant::now();
        let each = |seconds| Limit::Each(Duration::from_secs(seconds));
        assert_eq!(told(start, &[(0, each(60)), (1, each(60)), (2, each(60))]), [MINUTE]);
        assert_eq!(told(start, &[(0, each(60)), (1, each(120)), (2, each(60))]), [MINUTE, 2 * MINUTE, MINUTE]);
        // A deadline set just now is the timeout it was made of: no news.
        let by = |micros| Limit::By(start + Duration::from_micros(micros) + MINUTE);
        assert_eq!(told(start, &[(3, by(0)), (5_000_007, by(5_000_000)), (9_000_000, each(60))]), [MINUTE]);
        // The rest of a line has what is left; the next line has all of it again.
        let left = Duration::from_millis(50_000);
        assert_eq!(
            told(start, &[(3, by(0)), (10_000_000, by(0)), (10_000_050, by(10_000_047))]),
            [MINUTE, left, MINUTE]
        );
    }

    #[test]
    fn a_deadline_that_has_passed_costs_no_call() {
        let now = Instant::now();
        let mut timeout = Timeout { limit: Limit::By(now), kernel: None };
        let error = timeout.arm(now, |_| panic!("nothing to set")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_timeout_the_kernel_refuses_is_not_remembered() {
        let mut timeout = Timeout::new();
        assert!(timeout.arm(Instant::now(), |_| Err(io::ErrorKind::InvalidInput.into())).is_err());
        assert!(timeout.kernel.is_none());
    }
}
