//! Writing in whole frames: two writers share a socket, and neither gets between the bytes of the other.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::socket::Socket;

/// Collects what is written and sends it at `flush`, all at once.
#[derive(Debug)]
pub(crate) struct WholeFrames {
    collected: Vec<u8>,
    socket: Arc<Mutex<Socket>>,
}

impl WholeFrames {
    pub(crate) fn new(socket: Arc<Mutex<Socket>>) -> Self {
        Self { collected: Vec::new(), socket }
    }
}

impl Write for WholeFrames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.collected.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.collected.is_empty() {
            return Ok(());
        }
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let written = socket.write_all(&self.collected);
        self.collected.clear();
        // One message of many megabytes must not keep them for ever.
        self.collected.shrink_to(64 << 10);
        written
    }
}

/// A writer is never read from; the protocol's type wants both.
impl Read for WholeFrames {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The reading side: it writes, too, when it answers a ping or a farewell.
#[derive(Debug)]
pub(crate) struct ReadingSide {
    pub(crate) from: Socket,
    pub(crate) answers: WholeFrames,
}

impl Read for ReadingSide {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.from.read(into)
    }
}

impl Write for ReadingSide {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answers.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.answers.flush()
    }
}
