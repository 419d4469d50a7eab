//! What git makes of the bytes of a file on their way into the index, as far as that can be told without running a
//! filter: encodings, line ends, `$Id$`. Pure.

/// What happens to line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnds {
    /// They stay.
    Kept,
    /// CRLF becomes LF.
    Text,
    /// The same, where the bytes look like text and the index has no CRLF already.
    Auto,
}

/// What git does to a file before it compares it with its blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conversion {
    pub(crate) line_ends: LineEnds,
    pub(crate) ident: bool,
    /// The encoding of the file, where that is none of git's.
    pub(crate) encoding: Option<String>,
    /// Whether a program has a say.
    pub(crate) has_filter: bool,
}

impl Conversion {
    /// The blob holds the file's own bytes.
    pub(crate) const NONE: Self =
        Self { line_ends: LineEnds::Kept, ident: false, encoding: None, has_filter: false };

    /// The bytes as git would store them; `None` where a program decides, or an encoding that is not known here.
    /// `stored` is what the index has now.
    pub(crate) fn to_git(&self, bytes: &[u8], stored: impl FnOnce() -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        if self.has_filter {
            return None;
        }
        let mut bytes = match &self.encoding {
            Some(encoding) => decoded(bytes, encoding)?,
            None => bytes.to_vec(),
        };
        let converts = match self.line_ends {
            LineEnds::Kept => false,
            LineEnds::Text => true,
            LineEnds::Auto => is_text(&bytes) && !stored().is_some_and(|stored| has_crlf(&stored)),
        };
        if converts {
            bytes = without_carriage_returns(&bytes);
        }
        Some(if self.ident { without_ids(&bytes) } else { bytes })
    }
}

/// The bytes with LF for each CRLF.
pub(crate) fn without_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let next = bytes.iter().skip(1).chain([&0]);
    bytes
        .iter()
        .zip(next)
        .filter(|(byte, next)| (**byte, **next) != (b'\r', b'\n'))
        .map(|(byte, _)| *byte)
        .collect()
}

fn has_crlf(bytes: &[u8]) -> bool {
    is_text(bytes) && bytes.windows(2).any(|pair| pair == b"\r\n")
}

/// What git takes for text: no NUL, no lone CR, and few bytes that cannot be printed.
fn is_text(bytes: &[u8]) -> bool {
    let mut next = bytes.iter().skip(1);
    let (mut printable, mut other) = (0_usize, 0_usize);
    for byte in bytes {
        let next = next.next();
        match byte {
            b'\r' if next == Some(&b'\n') => {}
            0 | b'\r' => return false,
            b'\n' => {}
            0x08 | b'\t' | 0x1b | 0x0c | 0x20..=0x7e | 0x80.. => printable += 1,
            0x01..=0x1f | 0x7f => other += 1,
        }
    }
    // An end-of-file mark is none of the others.
    other -= usize::from(bytes.last() == Some(&0x1a));
    printable >> 7 >= other
}

/// `$Id$` for each `$Id: …$` on one line.
fn without_ids(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some(dollar) = rest.iter().position(|byte| *byte == b'$') {
        let (before, after) = rest.split_at(dollar + 1);
        out.extend_from_slice(before);
        rest = after;
        let Some(id) = rest.strip_prefix(b"Id:") else { continue };
        let Some(end) = id.iter().position(|byte| *byte == b'$') else { break };
        if !id[..end].contains(&b'\n') {
            out.extend_from_slice(b"Id$");
            rest = &id[end + 1..];
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Reads two bytes in an order.
type Unit = fn([u8; 2]) -> u16;

/// The text as UTF-8. Of the encodings that git's attributes may name those that need no table.
fn decoded(bytes: &[u8], encoding: &str) -> Option<Vec<u8>> {
    let name = encoding.to_ascii_lowercase();
    let name = name.strip_prefix("utf").map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    let bom: Option<Unit> = match bytes {
        [0xff, 0xfe, ..] => Some(u16::from_le_bytes),
        [0xfe, 0xff, ..] => Some(u16::from_be_bytes),
        _ => None,
    };
    let (unit, bytes): (Unit, &[u8]) = match (name?, bom) {
        _ if bytes.is_empty() => return Some(Vec::new()),
        // A mark where the name has told the order is refused by git.
        ("16le", None) => (u16::from_le_bytes, bytes),
        ("16be", None) => (u16::from_be_bytes, bytes),
        ("16" | "16le-bom" | "16be-bom", Some(unit)) => (unit, &bytes[2..]),
        _ => return None,
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.ok().filter(|_| rest.is_empty()).map(String::into_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored_as(conversion: &Conversion, bytes: &[u8]) -> Option<String> {
        let text = conversion.to_git(bytes, || Some(b"old\n".to_vec()))?;
        Some(String::from_utf8(text).unwrap())
    }

    #[test]
    fn line_ends_are_converted_as_git_does() {
        let text = Conversion { line_ends: LineEnds::Text, ..Conversion::NONE };
        let auto = Conversion { line_ends: LineEnds::Auto, ..Conversion::NONE };
        for (bytes, as_text, as_auto) in [
            ("a\r\nb\n", "a\nb\n", "a\nb\n"),
            ("a\rb\r\n", "a\rb\n", "a\rb\r\n"),
            ("a\0\r\n", "a\0\n", "a\0\r\n"),
            ("a\x01\r\n", "a\x01\n", "a\x01\r\n"),
            ("a\r\n\x1a", "a\n\x1a", "a\n\x1a"),
        ] {
            assert_eq!(stored_as(&text, bytes.as_bytes()).unwrap(), as_text, "{bytes:?}");
            assert_eq!(stored_as(&auto, bytes.as_bytes()).unwrap(), as_auto, "{bytes:?}");
            assert_eq!(stored_as(&Conversion::NONE, bytes.as_bytes()).unwrap(), bytes);
        }
        let kept = auto.to_git(b"a\r\n", || Some(b"old\r\n".to_vec()));
        assert_eq!(kept.unwrap(), b"a\r\n", "the index has CRLF already");
    }

    #[test]
    fn ids_are_taken_out_within_a_line() {
        let ident = Conversion { ident: true, ..Conversion::NONE };
        for (bytes, stored) in [
            ("x $Id: 123 $ y", "x $Id$ y"),
            ("$Id$ $Idx: 1$", "$Id$ $Idx: 1$"),
            ("$Id: a\n$Id: b$", "$Id: a\n$Id$"),
            ("$Id: open", "$Id: open"),
            ("$$Id: 1$$", "$$Id$$"),
        ] {
            assert_eq!(stored_as(&ident, bytes.as_bytes()).unwrap(), stored);
        }
    }

    #[test]
    fn encodings_without_tables_are_read_and_others_are_not_guessed() {
        let encoded = |name: &str| Conversion { encoding: Some(name.to_owned()), ..Conversion::NONE };
        let stored = |name: &str, bytes: &[u8]| stored_as(&encoded(name), bytes);
        assert_eq!(stored("UTF-16LE", b"a\0\n\0").as_deref(), Some("a\n"));
        assert_eq!(stored("utf16be", b"\0a\0\n").as_deref(), Some("a\n"));
        assert_eq!(stored("UTF-16", b"\xff\xfea\0").as_deref(), Some("a"));
        assert_eq!(stored("UTF-16LE-BOM", b"\xff\xfea\0").as_deref(), Some("a"));
        assert_eq!(stored("UTF-16", b"").as_deref(), Some(""));
        for (name, bytes) in
            [("UTF-16", &b"a\0"[..]), ("UTF-16LE", b"a\0\n"), ("UTF-16LE", b"\0\xd8"), ("SHIFT-JIS", b"a")]
        {
            assert_eq!(stored(name, bytes), None, "{name}");
        }
        let filtered = Conversion { has_filter: true, ..Conversion::NONE };
        assert_eq!(stored_as(&filtered, b"a"), None);
    }
}
