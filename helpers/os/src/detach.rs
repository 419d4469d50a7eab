//! Going on after the caller is gone: the same program, in a session of its own, with nothing of the caller's open.
#![expect(unsafe_code, reason = "fork has no safe form")]

use std::fs::OpenOptions;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsRawFd as _, RawFd};

use nix::unistd::ForkResult;

use crate::error::{Result, Tried as _};

/// Which of the two goes on after [`split`].
#[derive(Debug)]
pub enum Side {
    /// The caller's side: reads what the detached side has to say first, then ends.
    Caller(PipeReader),
    /// The detached side: no terminal, standard streams at `/dev/null`.
    Detached(PipeWriter),
}

/// Splits the program in two. Must be called before any thread is started and before anything is opened that the
/// detached side should keep: all but the pipe between the two is closed there.
pub fn split() -> Result<Side> {
    let shown = "detach from the caller";
    let (reader, writer) = io::pipe().tried(shown)?;
    // SAFETY: no other thread exists (see above), so none can hold a lock that the child would wait for.
    match unsafe { nix::unistd::fork() }.map_err(io::Error::from).tried(shown)? {
        ForkResult::Parent { .. } => Ok(Side::Caller(reader)),
        ForkResult::Child => {
            drop(reader);
            leave_caller(writer.as_raw_fd()).tried(shown)?;
            Ok(Side::Detached(writer))
        }
    }
}

fn leave_caller(kept: RawFd) -> io::Result<()> {
    nix::unistd::setsid()?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    drop(null);
    close_all_but(kept);
    Ok(())
}

/// A pipe of the caller's that stays open makes whoever reads it wait for us.
#[cfg(target_os = "linux")]
fn close_all_but(kept: RawFd) {
    let kept = libc::c_uint::try_from(kept).unwrap_or(libc::c_uint::MAX - 1);
    for (first, last) in [(3, kept - 1), (kept + 1, libc::c_uint::MAX)] {
        if first <= last {
            // SAFETY: takes numbers only; nothing above the standard streams is in use but `kept`.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn close_all_but(_kept: RawFd) {}
