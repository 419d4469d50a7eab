//! `poll(2)` with a deadline instead of a count of milliseconds.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until one of `fds` is readable or hung up; says which are. Empty = the deadline passed.
pub(crate) fn readable(fds: &[BorrowedFd<'_>], deadline: Option<Instant>) -> io::Result<Vec<bool>> {
    ready(fds, PollFlags::POLLIN, deadline)
}

fn ready(fds: &[BorrowedFd<'_>], wanted: PollFlags, deadline: Option<Instant>) -> io::Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(*fd, wanted)).collect();
    loop {
        match poll(&mut polled, timeout_until(deadline)) {
            Ok(0) if deadline.is_none_or(|deadline| Instant::now() < deadline) => {}
            Ok(0) => return Ok(Vec::new()),
            Ok(_) => return Ok(polled.iter().map(|fd| fd.any().unwrap_or(true)).collect()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Waits for one descriptor; false = the deadline passed first.
pub(crate) fn is_readable(fd: &impl AsFd, deadline: Option<Instant>) -> io::Result<bool> {
    Ok(!readable(&[fd.as_fd()], deadline)?.is_empty())
}

/// Waits until `fd` can be written to, or nobody reads it any more, which the write tells; false = the deadline passed
/// first.
pub(crate) fn is_writable(fd: &impl AsFd, deadline: Option<Instant>) -> io::Result<bool> {
    Ok(!ready(&[fd.as_fd()], PollFlags::POLLOUT, deadline)?.is_empty())
}

fn timeout_until(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    // Rounded up: a timeout of 0 ms before the deadline would spin.
    let milliseconds = left.as_nanos().div_ceil(1_000_000);
    i32::try_from(milliseconds).ok().and_then(|ms| PollTimeout::try_from(ms).ok()).unwrap_or(PollTimeout::MAX)
}
