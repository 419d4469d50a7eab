//! Text that comes in pieces, as lines that can be shown: for a terminal made harmless, and no wider than that. Pure.

use clodex_core::{harmless_prose, text_width};

use crate::screen::Form;

/// A tab is shown as so many blanks: a terminal's own would hide how wide the line is.
const TAB: &str = "    ";

/// A message while it is written. Lines are given out as soon as nothing that comes can change them.
#[derive(Debug)]
pub struct Pieces {
    form: Form,
    columns: Option<usize>,
    /// All that came of this message.
    come: String,
    /// What was not given out yet.
    held: String,
}

impl Pieces {
    /// For a terminal of so many columns; none = lines are as long as they are.
    pub const fn new(form: Form, columns: Option<usize>) -> Self {
        Self { form, columns, come: String::new(), held: String::new() }
    }

    /// Takes a piece in, and gives out what is complete.
    pub fn push(&mut self, piece: &str) -> Vec<String> {
        self.come.push_str(piece);
        self.held.push_str(piece);
        let mut lines = Vec::new();
        while let Some(end) = self.held.find('\n') {
            let line: String = self.held.drain(..=end).collect();
            self.wrapped(line.trim_end_matches('\n'), &mut lines);
        }
        if let Some(columns) = self.columns
            && text_width(&self.held) > columns
        {
            let mut full = Vec::new();
            let held = std::mem::take(&mut self.held);
            self.wrapped(&held, &mut full);
            // The last one may still grow. It was made harmless: that changes nothing the second time.
            self.held = full.pop().unwrap_or_default();
            lines.append(&mut full);
        }
        lines
    }

    /// The message is this: gives out what of it was not.
    pub fn whole(&mut self, text: &str) -> Vec<String> {
        let mut lines = if let Some(rest) = text.strip_prefix(self.come.as_str()) {
            self.push(rest)
        } else {
            // Codex has begun anew: what was shown is not what it says.
            let mut lines = self.cut_off();
            lines.extend(self.push(text));
            lines
        };
        lines.extend(self.cut_off());
        lines
    }

    /// No more of it comes: gives out the rest.
    pub fn cut_off(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.wrapped(&held, &mut lines);
        }
        self.come.clear();
        lines
    }

    fn wrapped(&self, line: &str, lines: &mut Vec<String>) {
        let line = match self.form {
            Form::Exact => line.to_owned(),
            Form::Harmless => harmless_prose(&line.trim_end_matches('\r').replace('\t', TAB)),
        };
        let Some(columns) = self.columns else { return lines.push(line) };
        let mut rest = line.as_str();
        while text_width(rest) > columns {
            let (shown, left) = rest.split_at(break_at(rest, columns));
            lines.push(shown.trim_end().to_owned());
            rest = left.trim_start();
        }
        lines.push(rest.to_owned());
    }
}

/// Where a line that is too wide ends: behind the last blank that leaves it narrow enough, else where it is full.
fn break_at(line: &str, columns: usize) -> usize {
    let (mut width, mut full) = (0, line.len());
    for (at, c) in line.char_indices() {
        width += text_width(c.encode_utf8(&mut [0; 4]));
        if width > columns && at > 0 {
            full = at;
            break;
        }
    }
    let fits = &line[..full];
    let ends_word = line[full..].starts_with(' ');
    let blank = fits.rfind(' ').filter(|blank| !fits[..*blank].trim_start().is_empty());
    blank.filter(|_| !ends_word).map_or(full, |blank| blank + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_given_out_when_they_are_complete() {
        let mut pieces = Pieces::new(Form::Harmless, None);
        assert_eq!(pieces.push("one\ntw"), ["one"]);
        assert_eq!(pieces.push("o\r\n\nth"), ["two", ""]);
        assert_eq!(pieces.whole("one\ntwo\r\n\nthree"), ["three"]);
        assert_eq!(pieces.whole("next\n"), ["next"]);
    }

    #[test]
    fn a_message_that_was_begun_anew_is_shown_whole() {
        let mut pieces = Pieces::new(Form::Harmless, None);
        assert_eq!(pieces.push("I wou"), [""; 0]);
        assert_eq!(pieces.whole("Else."), ["I wou", "Else."]);
        assert_eq!(pieces.whole(""), [""; 0]);
    }

    #[test]
    fn a_terminal_gets_lines_that_fit_as_soon_as_they_are_full() {
        let mut pieces = Pieces::new(Form::Harmless, Some(10));
        assert_eq!(pieces.push("the quick "), [""; 0]);
        assert_eq!(pieces.push("brown fox"), ["the quick"]);
        assert_eq!(pieces.push(" x"), ["brown fox"]);
        assert_eq!(pieces.whole("the quick brown fox x"), ["x"]);
        let mut pieces = Pieces::new(Form::Harmless, Some(4));
        assert_eq!(pieces.whole("abcdefghij kl"), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(pieces.whole("日本語"), ["日本", "語"]);
    }

    #[test]
    fn what_a_terminal_would_obey_is_taken_away() {
        let mut pieces = Pieces::new(Form::Harmless, None);
        assert_eq!(pieces.whole("a\x1b[2Jb\x07\tc\u{202e}d"), ["a [2Jb     cd"]);
    }

    #[test]
    fn what_is_no_terminal_gets_each_byte() {
        let mut pieces = Pieces::new(Form::Exact, None);
        assert_eq!(pieces.push("a\x1b[2J\tb\r"), [""; 0]);
        assert_eq!(pieces.push("\n👩\u{200d}"), ["a\x1b[2J\tb\r"]);
        assert_eq!(pieces.whole("a\x1b[2J\tb\r\n👩\u{200d}🔬\r"), ["👩\u{200d}🔬\r"]);
    }
}
