//! One word of a command: quotes, expansions, and the commands inside it. Not what a word means where it stands.

use super::{Part, Reader, Word};

impl<'a> Reader<'a> {
    /// Reads the word that begins here, and gives it with its text.
    pub(super) fn word(&mut self) -> (Word, &'a str) {
        let from = self.at;
        let mut word = Word::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'<' | b'>' if self.peek_at(1) == Some(b'(') && self.at == from => {
                    self.at += 2;
                    self.subshell(None);
                    word.push(Part::Unknown);
                }
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b')' | b'<' | b'>' | b'(' => break,
                b'\'' => self.single_quoted(&mut word),
                b'"' => {
                    self.at += 1;
                    self.quoted(&mut word, Some(b'"'));
                }
                b'`' => self.backquoted(&mut word),
                b'$' => self.dollar(&mut word),
                b'\\' => self.escaped(&mut word),
                b'~' if self.at == from => self.tilde(&mut word),
                _ => self.bare(&mut word),
            }
        }
        (word, self.since(from))
    }

    fn bare(&mut self, word: &mut Word) {
        let is_plain = |byte: &u8| !b" \t\r\n;&|()<>'\"`$\\".contains(byte);
        let from = self.at;
        // At least one sign is taken, so that reading goes on whatever it is.
        self.at += self.rest().iter().take_while(|byte| is_plain(byte)).count().max(1);
        word.push(Part::Bare(self.since(from).to_owned()));
    }

    fn single_quoted(&mut self, word: &mut Word) {
        self.at += 1;
        let from = self.at;
        self.at += self.rest().iter().take_while(|byte| **byte != b'\'').count();
        word.push(Part::Quoted(self.since(from).to_owned()));
        self.at += 1;
    }

    fn escaped(&mut self, word: &mut Word) {
        let next = self.text.get(self.at + 1..).and_then(|rest| rest.chars().next());
        self.at += 1 + next.map_or(0, char::len_utf8);
        word.extend(next.filter(|next| *next != '\n').map(|next| Part::Quoted(next.into())));
    }

    fn tilde(&mut self, word: &mut Word) {
        let is_home =
            matches!(self.peek_at(1), None | Some(b'/' | b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b')'));
        if is_home {
            self.at += 1;
            word.push(Part::Variable("HOME".to_owned()));
        } else {
            self.bare(word);
        }
    }

    /// Text in double quotes, or a here-document's, until that sign or the end.
    pub(super) fn quoted(&mut self, word: &mut Word, closer: Option<u8>) {
        // An empty text is a word, too.
        word.push(Part::Quoted(String::new()));
        while let Some(byte) = self.peek() {
            match byte {
                _ if Some(byte) == closer => {
                    self.at += 1;
                    return;
                }
                b'`' => self.backquoted(word),
                b'$' => self.dollar(word),
                b'\\' => {
                    let is_escape = self.peek_at(1).is_some_and(|next| b"$`\"\\\n".contains(&next));
                    if is_escape {
                        self.escaped(word);
                    } else {
                        self.at += 1;
                        word.push(Part::Quoted("\\".to_owned()));
                    }
                }
                _ => {
                    let from = self.at;
                    let is_plain = |byte: &u8| !b"`$\\".contains(byte) && Some(*byte) != closer;
                    self.at += self.rest().iter().take_while(|byte| is_plain(byte)).count();
                    word.push(Part::Quoted(self.since(from).to_owned()));
                }
            }
        }
    }

    fn backquoted(&mut self, word: &mut Word) {
        self.at += 1;
        let mut command = String::new();
        let mut from = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'`' => break,
                b'\\' if self.peek_at(1).is_some_and(|next| b"$`\\".contains(&next)) => {
                    command.push_str(self.since(from));
                    from = self.at + 1;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        command.push_str(self.since(from));
        self.at += 1;
        word.push(self.command_in(&command));
    }

    /// Reads a command that stands in another one, and says what is known of its output.
    fn command_in(&mut self, command: &str) -> Part {
        let mut inner = Reader {
            text: command,
            at: 0,
            depth: self.depth,
            feed: None,
            last_call: None,
            steps: std::mem::take(&mut self.steps),
        };
        inner.subshell(None);
        self.steps = inner.steps;
        output_of(command)
    }

    fn dollar(&mut self, word: &mut Word) {
        match self.peek_at(1) {
            Some(b'(') if self.peek_at(2) == Some(b'(') => {
                self.at += 1;
                self.skip_arithmetic();
                word.push(Part::Unknown);
            }
            Some(b'(') => {
                self.at += 2;
                let from = self.at;
                self.subshell(None);
                word.push(output_of(self.since(from).trim_end_matches(')')));
            }
            Some(b'{') => self.braced(word),
            Some(b'\'') => self.ansi_c(word),
            Some(next) if next.is_ascii_alphabetic() || next == b'_' => {
                self.at += 1;
                let from = self.at;
                self.at += self.rest().iter().take_while(|byte| is_of_name(**byte)).count();
                word.push(Part::Variable(self.since(from).to_owned()));
            }
            Some(b'@' | b'*' | b'#' | b'?' | b'!' | b'$' | b'-' | b'0'..=b'9') => {
                self.at += 2;
                word.push(Part::Unknown);
            }
            _ => {
                self.at += 1;
                word.push(Part::Quoted("$".to_owned()));
            }
        }
    }

    /// `${name}`, and expansions whose value is not looked into.
    fn braced(&mut self, word: &mut Word) {
        self.at += 2;
        let from = self.at;
        let mut open = 1_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.at += 1,
                b'{' => open += 1,
                b'}' => open -= 1,
                _ => {}
            }
            if open == 0 {
                break;
            }
            self.at += 1;
        }
        let inside = self.since(from);
        self.at += 1;
        let name = inside.strip_suffix("[@]").or(inside.strip_suffix("[*]")).unwrap_or(inside);
        let is_name = !name.is_empty() && name.bytes().all(is_of_name);
        word.push(if is_name { Part::Variable(name.to_owned()) } else { Part::Unknown });
    }

    /// `$'…'`, with the escapes that are in use.
    fn ansi_c(&mut self, word: &mut Word) {
        self.at += 2;
        let mut text = String::new();
        while let Some(next) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            self.at += next.len_utf8();
            match next {
                '\'' => break,
                '\\' => text.push(self.ansi_c_escape()),
                _ => text.push(next),
            }
        }
        word.push(Part::Quoted(text));
    }

    fn ansi_c_escape(&mut self) -> char {
        let next = self.text.get(self.at..).and_then(|rest| rest.chars().next()).unwrap_or('\\');
        self.at += next.len_utf8();
        let (radix, digits) = match next {
            'n' => return '\n',
            't' => return '\t',
            'x' => (16, 2),
            'u' => (16, 4),
            '0'..='7' => {
                self.at -= 1;
                (8, 3)
            }
            other => return other,
        };
        let from = self.at;
        let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
        self.at += self.rest().iter().take(digits).take_while(is_digit).count();
        let value = u32::from_str_radix(self.since(from), radix).ok();
        value.and_then(char::from_u32).unwrap_or('?')
    }
}

/// Of a few commands everybody knows what they print.
fn output_of(command: &str) -> Part {
    match command.trim() {
        "pwd" => Part::Variable("PWD".to_owned()),
        "git rev-parse --show-toplevel" => Part::Variable("CLAUDE_PROJECT_DIR".to_owned()),
        _ => Part::Unknown,
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
