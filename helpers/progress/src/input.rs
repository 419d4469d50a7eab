//! Reads the stream on a thread of its own and copies it where that is asked for. Knows nothing of what a line means.

use std::io::{self, BufRead, Write};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;

/// What is longer without a line end is handed on in pieces, none of which is an event.
const LINE_LIMIT: usize = 64 << 20;

/// Room for what is read at once and the rest of a line.
const PIECE: usize = 128 << 10;

/// Where the copy of the stream goes.
pub(crate) type Copy = Option<Box<dyn Write + Send>>;

/// What the watcher is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// Whole lines, as many as came at once; the very last may lack its line end.
    Lines(Vec<u8>),
    /// The stream is over, with the reason when that was an error.
    End(Option<io::Error>),
    /// The user wants to stop.
    Stop,
}

/// Starts reading. The copy is given up when its reader is gone; watching goes on. `used` gives back what was taken in,
/// to be filled again: fresh memory for every piece costs more than reading it.
pub(crate) fn read_lines(
    mut stream: Box<dyn BufRead + Send>,
    mut copy: Copy,
    to: SyncSender<Input>,
    used: Receiver<Vec<u8>>,
) {
    thread::spawn(move || {
        let mut pending = Vec::with_capacity(PIECE);
        loop {
            let chunk = match stream.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return finish(pending, Some(error), &to),
            };
            if chunk.is_empty() {
                return finish(pending, None, &to);
            }
            copy = copy.and_then(|copy| copied(copy, chunk));
            // Only what is new can hold a line end.
            let last_end = memchr::memrchr(b'\n', chunk).map(|at| pending.len() + at + 1);
            pending.extend_from_slice(chunk);
            let read = chunk.len();
            stream.consume(read);
            let whole = last_end.or((pending.len() >= LINE_LIMIT).then_some(pending.len()));
            if let Some(whole) = whole {
                // A giant line's room is not kept for ever.
                let kept = used.try_iter().find(|used| used.capacity() <= 8 * PIECE);
                let mut rest = kept.unwrap_or_else(|| Vec::with_capacity(PIECE));
                rest.clear();
                rest.extend_from_slice(&pending[whole..]);
                pending.truncate(whole);
                if to.send(Input::Lines(std::mem::replace(&mut pending, rest))).is_err() {
                    return;
                }
            }
        }
    });
}

/// A half line is handed on like a whole one. Who does not listen any more needs no end.
fn finish(pending: Vec<u8>, error: Option<io::Error>, to: &SyncSender<Input>) {
    let _ = to.send(Input::Lines(pending)).and_then(|()| to.send(Input::End(error)));
}

/// Writes the bytes and gives the copy back, unless nobody reads it any more.
fn copied(mut copy: Box<dyn Write + Send>, bytes: &[u8]) -> Copy {
    copy.write_all(bytes).and_then(|()| copy.flush()).is_ok().then_some(copy)
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};
    use std::sync::mpsc::{channel, sync_channel};

    use super::*;

    /// Gives its bytes out in pieces of one size.
    struct Pieces(Vec<u8>, usize);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(self.0.len()).min(buffer.len());
            buffer[..size].copy_from_slice(&self.0[..size]);
            self.0.drain(..size);
            Ok(size)
        }
    }

    #[test]
    fn lines_are_whole_however_they_come_in() {
        let text = "one\ntwo \u{2028} two\n\nhalf".as_bytes();
        for size in 1..=text.len() {
            let (to, from) = sync_channel(100);
            let (give_back, used) = channel();
            read_lines(Box::new(BufReader::new(Pieces(text.to_vec(), size))), None, to, used);
            let mut seen = Vec::new();
            for input in from {
                match input {
                    Input::Lines(lines) => {
                        let is_last = lines == b"half" || lines.is_empty();
                        assert!(is_last || lines.ends_with(b"\n"), "{size}: {lines:?}");
                        seen.extend_from_slice(&lines);
                        // Nobody needs it any more when all has been read.
                        let _ = give_back.send(lines);
                    }
                    Input::End(error) => assert!(error.is_none()),
                    Input::Stop => unreachable!("nobody stops"),
                }
            }
            assert_eq!(seen, text, "{size}");
        }
    }
}
