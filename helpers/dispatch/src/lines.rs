//! Cuts a byte stream into lines at `\n` and nothing else: JSONL may hold raw U+2028, halves of characters, anything.

/// Lines longer than this are passed over as one [`Line::Overlong`]; their bytes are in `events.jsonl` all the same.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// One line, without its `\n`.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line as it came.
    Whole(&'a [u8]),
    /// A line beyond [`MAX_LINE_BYTES`], of this many bytes.
    Overlong(usize),
}

/// Keeps the half line between two reads.
#[derive(Debug, Default)]
pub struct LineCutter {
    half: Vec<u8>,
    skipped: usize,
}

impl LineCutter {
    /// Feeds bytes; every line that they complete is given to `take`, without copying those that lie in them whole.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(Line<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.skipped > 0 {
                take(Line::Overlong(self.skipped + line.len()));
                self.skipped = 0;
            } else if self.half.is_empty() {
                take(Line::Whole(line));
            } else {
                self.half.extend_from_slice(line);
                take(Line::Whole(&self.half));
                self.half.clear();
            }
        }
        self.keep(bytes);
    }

    /// The half line at the end of the stream, if there is one.
    pub fn finish(self) -> Option<Vec<u8>> {
        (!self.half.is_empty()).then_some(self.half)
    }

    fn keep(&mut self, half: &[u8]) {
        if self.skipped > 0 {
            self.skipped += half.len();
        } else if self.half.len() + half.len() > MAX_LINE_BYTES {
            self.skipped = self.half.len() + half.len();
            self.half = Vec::new();
        } else {
            self.half.extend_from_slice(half);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
        let mut cutter = LineCutter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            cutter.feed(piece, |line| match line {
                Line::Whole(line) => lines.push(line.to_vec()),
                Line::Overlong(size) => lines.push(format!("overlong {size}").into_bytes()),
            });
        }
        (lines, cutter.finish())
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let text = "a\n\u{2028}b\r\n\nlast half".as_bytes();
        let whole = cut(&[text]);
        assert_eq!(whole.0, [&b"a"[..], "\u{2028}b\r".as_bytes(), b""]);
        assert_eq!(whole.1.as_deref(), Some(&b"last half"[..]));
        for at in 0..text.len() {
            assert_eq!(cut(&[&text[..at], &text[at..]]), whole, "cut at {at}");
        }
    }

    #[test]
    fn an_overlong_line_is_passed_over_and_the_next_one_is_whole() {
        let chunk = vec![b'x'; MAX_LINE_BYTES / 2 + 1];
        let (lines, half) = cut(&[&chunk, &chunk, b"x\nnext\n"]);
        assert_eq!(lines, [format!("overlong {}", MAX_LINE_BYTES + 3).into_bytes(), b"next".to_vec()]);
        assert_eq!(half, None);
    }
}
