//! Standard input with a deadline: a mail program that hangs must not keep half a message for ever.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Longest single wait: poll(2) takes milliseconds in 31 bits.
const STEP: Duration = Duration::from_secs(3600);

/// What is read until a moment.
pub(super) struct Input<F> {
    from: F,
    deadline: Instant,
}

impl<F: AsFd> Input<F> {
    /// All of it must have come within `timeout`.
    pub(super) fn new(from: F, timeout: Duration) -> Self {
        // What is too far away to be counted is as good as a hundred years.
        let now = Instant::now();
        Self { from, deadline: now.checked_add(timeout).unwrap_or(now + Duration::from_secs(100 * 366 * 86_400)) }
    }

    /// Waits until there is something, or the end.
    fn wait(&self) -> Result<()> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let step = PollTimeout::try_from(left.min(STEP)).map_err(Error::other)?;
            match poll(&mut [PollFd::new(self.from.as_fd(), PollFlags::POLLIN)], step) {
                Ok(0) if left.is_zero() => return Err(ErrorKind::TimedOut.into()),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) if left.is_zero() => return Err(ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<F: AsFd> Read for Input<F> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.wait()?;
        Ok(nix::unistd::read(&self.from, buffer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_read_until_the_deadline() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let mut buffer = [0; 10];
        let mut input = Input::new(&reader, Duration::from_millis(50));
        assert_eq!(input.read(&mut buffer).unwrap_err().kind(), ErrorKind::TimedOut, "nothing comes");
        nix::unistd::write(&writer, b"late").unwrap();
        assert_eq!(input.read(&mut buffer).unwrap_err().kind(), ErrorKind::TimedOut, "it comes too late");
        let mut input = Input::new(&reader, Duration::MAX);
        assert_eq!(input.read(&mut buffer).unwrap(), 4);
        drop(writer);
        assert_eq!(input.read(&mut buffer).unwrap(), 0);
    }
}
