//! What a check wrote, bounded: its beginning and its end, with a remark where something is left out between them.
//! Knows nothing of checks.

use std::collections::VecDeque;
use std::io::Read;

/// What is kept of the beginning, and of the end.
const KEPT_BYTES: usize = 512 * 1024;
/// What is quoted of the end.
const QUOTED_BYTES: usize = 2 * 1024;

/// The bytes of one stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Output {
    /// Reads a stream to its end, however long it is.
    pub fn read(mut stream: impl Read) -> Self {
        let mut output = Self::default();
        let mut buffer = [0; 16 * 1024];
        // What was read until an error is what there is to show.
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            output.add(&buffer[..read]);
        }
        output
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = (KEPT_BYTES - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.tail.extend(&bytes[room..]);
        let over = self.tail.len().saturating_sub(KEPT_BYTES);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    /// Takes the first line away if it is this one.
    pub fn take_first_line(&mut self, line: &str) -> bool {
        let is_first = self.head.strip_prefix(line.as_bytes()).is_some_and(|rest| rest.starts_with(b"\n"));
        if is_first {
            self.head.drain(..=line.len());
        }
        is_first
    }

    /// All that was kept.
    pub fn whole(&self) -> Vec<u8> {
        let mut whole = self.head.clone();
        if self.left_out > 0 {
            whole.extend(format!("\n… {} bytes left out …\n", self.left_out).into_bytes());
        }
        whole.extend(&self.tail);
        whole
    }

    /// The last lines.
    pub fn end(&self) -> String {
        let whole = self.whole();
        let cut = &whole[whole.len().saturating_sub(QUOTED_BYTES)..];
        let text = String::from_utf8_lossy(cut);
        let from = if cut.len() < whole.len() { text.find('\n').map_or(0, |newline| newline + 1) } else { 0 };
        text[from..].trim_end().to_owned()
    }

    /// The last line that says something.
    pub fn last_line(&self) -> Option<String> {
        self.end().lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_output_is_kept_whole() {
        let mut output = Output::read(&b"mark\none\ntwo\n\n"[..]);
        assert!(!output.take_first_line("mar"));
        assert!(output.take_first_line("mark"));
        assert_eq!((output.whole(), output.end()), (b"one\ntwo\n\n".to_vec(), "one\ntwo".to_owned()));
        assert_eq!(output.last_line().as_deref(), Some("two"));
        assert_eq!(Output::default().last_line(), None);
    }

    #[test]
    fn of_a_flood_the_beginning_and_the_end_are_kept() {
        let flood: Vec<u8> = (0..400_000).flat_map(|n| format!("{n:07}\n").into_bytes()).collect();
        let output = Output::read(&flood[..]);
        let whole = output.whole();
        assert!(whole.starts_with(b"0000000\n") && whole.ends_with(b"0399999\n"));
        let left_out = flood.len() - 2 * KEPT_BYTES;
        let remark = format!("\n… {left_out} bytes left out …\n");
        assert_eq!(whole.len(), 2 * KEPT_BYTES + remark.len());
        let end = output.end();
        assert!(end.len() <= QUOTED_BYTES && end.lines().all(|line| line.len() == 7), "{end}");
    }
}
