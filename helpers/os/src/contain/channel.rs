//! What init and the outer process say to each other: one JSON object a line over a socket pair.
//!
//! The two take turns, so a reader never holds more than the one line that it waits for.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};

use crate::report::ExitKind;

/// What init says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromInit {
    /// Init is tied to the outer process; its ids can be mapped.
    Tied,
    /// Mounts stand.
    Ready,
    /// The namespace cannot be made usable.
    Refused(String),
    /// The command runs under this number (of the inner namespace).
    Started { inner_pid: u32 },
    /// The command cannot be executed: the system's error number.
    NotStarted { errno: i32 },
    /// The command ended, and so many were alive still.
    Ended { status: ExitKind, stragglers: u32 },
}

/// One end of the talk.
#[derive(Debug)]
pub(super) struct Channel(BufReader<UnixStream>);

impl Channel {
    pub(super) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = UnixStream::pair()?;
        Ok((Self(BufReader::new(one)), Self(BufReader::new(other))))
    }

    pub(super) fn say(&mut self, message: &FromInit) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.0.get_mut().write_all(&line)
    }

    /// The next thing init says; end of file (init is dead) is an error.
    pub(super) fn hear(&mut self) -> io::Result<FromInit> {
        let mut line = Vec::new();
        if self.0.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&line)?)
    }

    /// Lets init go on to its next step.
    pub(super) fn let_go_on(&mut self) -> io::Result<()> {
        self.0.get_mut().write_all(b"\n")
    }

    /// Waits for leave to go on; an error when the outer process is dead.
    pub(super) fn await_leave(&mut self) -> io::Result<()> {
        let mut line = Vec::new();
        if self.0.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}
