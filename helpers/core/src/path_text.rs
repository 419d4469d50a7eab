//! Paths are bytes; JSON and terminals want text.

use std::fmt::Write as _;

/// Shows a path as text: unchanged when it is UTF-8, else with the invalid bytes as `\xNN` and backslashes doubled.
pub fn path_text(path: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(path) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(path.len() + 8);
    for chunk in path.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_shown_as_it_is_and_other_bytes_are_escaped() {
        assert_eq!(path_text("src/café\\x.txt".as_bytes()), "src/café\\x.txt");
        assert_eq!(path_text(b"a\\b\xff/c"), "a\\\\b\\xff/c");
    }
}
