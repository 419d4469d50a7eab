//! The one channel of the loop, and the threads that carry bytes into it. Bounded, so that a flood slows Codex down
//! instead of filling memory.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use clodex_os::Ended;
use clodex_os::signals::StopSignals;

use crate::violation_watch::BaselineTaken;

/// Messages that may wait in the channel: with 64 KiB each, what a flood can cost in memory.
const QUEUE: usize = 8;
const CHUNK_BYTES: usize = 64 * 1024;

/// What the threads tell the loop.
#[derive(Debug)]
pub enum Message {
    /// Bytes of Codex's stdout.
    Stdout(Vec<u8>),
    /// Bytes of Codex's stderr.
    Stderr(Vec<u8>),
    /// Stdout has ended.
    StdoutEnd,
    /// Stderr has ended.
    StderrEnd,
    /// The baseline was taken.
    Baseline(BaselineTaken),
    /// Something outside the scope changed: what.
    OutOfScope(String),
    /// The contained program has ended, and all it started.
    Ended(Ended),
    /// Something may have come into the inbox.
    Inbox,
    /// Somebody wants the run to end.
    Stop,
}

/// The loop's ends of its channel; lives as long as the run.
#[derive(Debug)]
pub struct Channel {
    /// For threads.
    pub sender: SyncSender<Message>,
    receiver: Receiver<Message>,
}

impl Channel {
    /// A channel that signals are already passed into.
    pub fn with_signals(mut signals: StopSignals) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let stop = sender.clone();
        thread::spawn(move || while signals.wait().is_ok() && stop.send(Message::Stop).is_ok() {});
        Self { sender, receiver }
    }

    /// The next message; none when the time has come first.
    pub fn receive(&self, until: Option<Instant>) -> Option<Message> {
        match until {
            Some(at) => self.receiver.recv_timeout(at.saturating_duration_since(Instant::now())).ok(),
            None => self.receiver.recv().ok(),
        }
    }

    /// Carries a stream's bytes in, and its end.
    pub fn carry(&self, mut stream: impl Read + Send + 'static, wrap: fn(Vec<u8>) -> Message, end: Message) {
        let sender = self.sender.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; CHUNK_BYTES];
            while let Ok(n) = stream.read(&mut buffer) {
                if n == 0 || sender.send(wrap(buffer[..n].to_vec())).is_err() {
                    break;
                }
            }
            let _ = sender.send(end);
        });
    }
}
