//! What Codex said, kept as it came: stdout byte for byte with the time of each line beside it, stderr bounded.

use std::io;
use std::time::Duration;

use crate::artifacts::{Artifacts, Stream};
use crate::lines::{Line, LineCutter};

const STDERR_MAX_BYTES: usize = 4 << 20;
const LAST_WORDS_BYTES: usize = 4 * 1024;

/// The files that grow while Codex runs.
#[derive(Debug)]
pub struct OutputLog {
    events: Stream,
    times: Stream,
    stderr: Stream,
    cutter: LineCutter,
    lines: u64,
    stderr_bytes: usize,
    last_words: Vec<u8>,
    failed: Option<io::Error>,
}

impl OutputLog {
    /// Opens `events.jsonl`, `event-times.jsonl` and `stderr.txt`.
    pub fn open(artifacts: &Artifacts) -> io::Result<Self> {
        Ok(Self {
            events: artifacts.stream("events.jsonl")?,
            times: artifacts.stream("event-times.jsonl")?,
            stderr: artifacts.stream("stderr.txt")?,
            cutter: LineCutter::default(),
            lines: 0,
            stderr_bytes: 0,
            last_words: Vec::new(),
            failed: None,
        })
    }

    /// Keeps bytes of stdout and gives each line that they complete to `take`.
    pub fn stdout(&mut self, bytes: &[u8], elapsed: Duration, mut take: impl FnMut(&[u8])) {
        let kept = self.events.append(bytes);
        self.note(kept);
        let mut times = Vec::new();
        let lines = &mut self.lines;
        self.cutter.feed(bytes, |line| {
            *lines += 1;
            times.extend_from_slice(
                format!("{{\"line\":{lines},\"ms\":{}}}\n", elapsed.as_millis()).as_bytes(),
            );
            match line {
                Line::Whole(line) => take(line),
                Line::Overlong(_) => {}
            }
        });
        if !times.is_empty() {
            let kept = self.times.append(&times);
            self.note(kept);
        }
    }

    /// Stdout has ended: a half line is a line, too.
    pub fn stdout_ended(&mut self, take: impl FnOnce(&[u8])) {
        if let Some(half) = std::mem::take(&mut self.cutter).finish() {
            take(&half);
        }
    }

    /// Keeps bytes of stderr, up to a limit.
    pub fn stderr(&mut self, bytes: &[u8]) {
        self.last_words.extend_from_slice(bytes);
        let excess = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
        self.last_words.drain(..excess);
        if self.stderr_bytes < STDERR_MAX_BYTES {
            self.stderr_bytes += bytes.len();
            let kept = self.stderr.append(bytes);
            self.note(kept);
        }
    }

    /// The end of stderr, from the beginning of a line where there is one.
    pub fn last_words(&self) -> String {
        let is_cut = self.last_words.len() < self.stderr_bytes;
        let first = self.last_words.iter().position(|byte| *byte == b'\n').filter(|_| is_cut);
        let whole = first.map_or(&self.last_words[..], |end| &self.last_words[end + 1..]);
        String::from_utf8_lossy(whole).into_owned()
    }

    /// Gives the files back; the error is the first that kept something from being written.
    pub fn close(self, artifacts: &mut Artifacts) -> Option<io::Error> {
        artifacts.close(self.events);
        artifacts.close(self.times);
        artifacts.close(self.stderr);
        self.failed
    }

    /// A full disk does not end the run: it is told at its end.
    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
    }
}
