//! Words in the place of a command: reserved ones, assignments, and programs' names.

use super::{List, Part, Reader, Step, Word};

impl Reader<'_> {
    /// Reads a word and puts it where it belongs.
    pub(super) fn word_of(&mut self, list: &mut List) {
        let at_beginning = list.call.words.is_empty();
        let from = self.at;
        let (word, text) = self.word();
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        if self.at == from {
            // A sign that begins no word: it is passed over, so that reading goes on.
            self.at += 1;
        } else if is_number && matches!(self.peek(), Some(b'<' | b'>')) {
            // The number of a descriptor.
        } else if list.wants_pattern {
            if text == "esac" {
                list.wants_pattern = false;
                list.cases -= 1;
            }
        } else if !at_beginning || !self.reserved(text, list) {
            self.plain(word, at_beginning, list);
        }
    }

    fn plain(&mut self, word: Word, at_beginning: bool, list: &mut List) {
        match assignment(&word).filter(|_| at_beginning) {
            Some((name, value)) => {
                let is_array = value.is_empty() && self.peek() == Some(b'(');
                let values = if is_array { self.array() } else { vec![value] };
                list.assigned.push((name, values));
            }
            None => list.call.words.push(word),
        }
    }

    fn array(&mut self) -> Vec<Word> {
        self.at += 1;
        let mut values = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b')' => {
                    self.at += 1;
                    break;
                }
                b'#' => self.skip_line(),
                b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' => self.at += 1,
                _ => values.push(self.word().0),
            }
        }
        values
    }

    /// Whether the word belongs to the shell's grammar; what follows it is read as far as it belongs there, too.
    fn reserved(&mut self, text: &str, list: &mut List) -> bool {
        match text {
            "if" | "then" | "elif" | "else" | "fi" | "while" | "until" | "do" | "done" | "!" | "time"
            | "{" | "}" | "coproc" => {}
            "esac" => list.cases = list.cases.saturating_sub(1),
            "case" => {
                self.skip_blanks();
                self.word();
                self.skip_blanks();
                self.word();
                list.cases += 1;
                list.wants_pattern = true;
            }
            "for" | "select" => self.each(),
            "function" => {
                self.skip_blanks();
                self.word();
                self.skip_blanks();
                if self.rest().starts_with(b"()") {
                    self.at += 2;
                }
            }
            "[[" => self.skip_test(),
            _ => return false,
        }
        true
    }

    /// `for name in words`.
    fn each(&mut self) {
        self.skip_blanks();
        if self.rest().starts_with(b"((") {
            return self.skip_arithmetic();
        }
        let name = self.word().1.to_owned();
        self.skip_blanks();
        if !self.rest().starts_with(b"in") {
            return;
        }
        self.word();
        let mut values = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek() {
                None | Some(b';' | b'\n' | b'&' | b'|' | b')' | b'<' | b'>' | b'(') => break,
                Some(_) => values.push(self.word().0),
            }
        }
        self.steps.push(Step::Assign(name, values));
    }

    /// `[[ … ]]`, in which `>` compares and `|` does not pipe.
    fn skip_test(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b'<' | b'>' | b'(' | b')' | b'&' | b'|' | b';' => self.at += 1,
                _ => {
                    if self.word().1 == "]]" {
                        return;
                    }
                }
            }
        }
    }
}

/// `name=value` and `name+=value`.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let (Part::Bare(first), rest) = word.split_first()? else { return None };
    let (name, begin) = first.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    let mut value = if begin.is_empty() { Word::new() } else { vec![Part::Bare(begin.to_owned())] };
    value.extend_from_slice(rest);
    is_name.then(|| (name.to_owned(), value))
}
