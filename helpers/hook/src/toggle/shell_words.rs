//! A shell command as a row of steps: calls of programs, assignments, and where a subshell begins and ends. Reads the
//! text once, from left to right, and runs nothing; what bash would refuse is read as far as it goes.
//! Knows the shell's grammar; not what any program does, and no variable's value.
//!
//! A reader of our own, because the parsers there are want a correct command, take a stack frame for each bracket, and
//! need more than the time a hook has for a long one.

mod redirects;
mod reserved;
mod word;

use redirects::Document;

/// One thing that a command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A subshell begins: it has a work directory of its own.
    Enter,
    /// The newest subshell ends.
    Leave,
    /// A variable gets these values, one after the other (`for`) or all at once (an array).
    Assign(String, Vec<Word>),
    /// A program is called.
    Call(ShellCall),
}

/// A program with its arguments, and what the shell itself opens for it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct ShellCall {
    /// The program's name and its arguments; empty for a block that is redirected.
    pub(super) words: Vec<Word>,
    /// Targets of `>` and its like.
    pub(super) writes: Vec<Word>,
    /// Texts that come on its stdin: here-documents and here-strings.
    pub(super) stdin: Vec<Word>,
    /// The call before it in a pipe, by its place among the steps.
    pub(super) fed_by: Option<usize>,
}

/// A word, in parts that are known when it is read and parts that are not.
pub(super) type Word = Vec<Part>;

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Quoted text.
    Quoted(String),
    /// Text that the shell may take for a pattern or a list in braces.
    Bare(String),
    /// The value of a variable.
    Variable(String),
    /// What only a running shell knows.
    Unknown,
}

/// Brackets in brackets in brackets are not followed for ever.
const DEPTH: usize = 64;

/// All steps of a command, in the order in which their text ends.
pub(super) fn steps(command: &str) -> Vec<Step> {
    let mut reader =
        Reader { text: command, at: 0, depth: 0, feed: None, last_call: None, steps: Vec::new() };
    reader.list(None);
    reader.steps
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// What a list that is about to be read has on its stdin.
    feed: Option<usize>,
    last_call: Option<usize>,
    steps: Vec<Step>,
}

/// A list of commands that is being read.
#[derive(Default)]
struct List {
    call: ShellCall,
    assigned: Vec<(String, Vec<Word>)>,
    documents: Vec<Document>,
    /// How many `case` are open, and whether a pattern of the newest one comes next.
    cases: usize,
    wants_pattern: bool,
    /// What its commands read where nothing else is said.
    feed: Option<usize>,
}

impl<'a> Reader<'a> {
    /// Reads commands until this bracket, which is taken, too, or until the end.
    fn list(&mut self, closer: Option<u8>) {
        if self.depth >= DEPTH {
            self.at = self.text.len();
            return;
        }
        self.depth += 1;
        let mut list = List { feed: self.feed, ..List::default() };
        list.call.fed_by = list.feed;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.peek_at(1) == Some(b'\n') => self.at += 2,
                b'#' => self.skip_line(),
                b'\n' => {
                    self.at += 1;
                    self.finish(&mut list);
                    self.documents(&mut list);
                }
                b')' => {
                    self.at += 1;
                    if list.wants_pattern {
                        list.wants_pattern = false;
                        list.call.words.clear();
                    } else if closer == Some(b')') {
                        break;
                    }
                }
                b';' | b'&' | b'|' => self.operator(&mut list),
                b'(' => self.bracket(&mut list),
                b'<' | b'>' => self.redirect(&mut list),
                _ => self.word_of(&mut list),
            }
        }
        self.finish(&mut list);
        self.depth -= 1;
    }

    fn operator(&mut self, list: &mut List) {
        let rest = self.rest();
        if rest.starts_with(b"&>") {
            return self.redirect(list);
        }
        if list.wants_pattern {
            self.at += 1;
            return;
        }
        self.finish(list);
        if rest.starts_with(b"||") || rest.starts_with(b"&&") {
            self.at += 2;
        } else if rest.starts_with(b"|") {
            self.at += if rest.starts_with(b"|&") { 2 } else { 1 };
            list.call.fed_by = self.last_call;
        } else {
            list.wants_pattern = list.cases > 0 && (rest.starts_with(b";;") || rest.starts_with(b";&"));
            let length = rest.iter().take_while(|byte| matches!(byte, b';' | b'&')).count();
            self.at += length;
        }
    }

    /// A subshell, an arithmetic command, or the brackets of a function's name.
    fn bracket(&mut self, list: &mut List) {
        if list.wants_pattern {
            self.at += 1;
        } else if !list.call.words.is_empty() {
            self.at += 1;
            self.skip_blanks();
            self.at += usize::from(self.peek() == Some(b')'));
            list.call.words.clear();
        } else if self.rest().starts_with(b"((") {
            self.skip_arithmetic();
        } else {
            self.at += 1;
            self.subshell(list.call.fed_by);
        }
    }

    /// Reads a subshell to its end; its bracket has been taken.
    fn subshell(&mut self, feed: Option<usize>) {
        let before = std::mem::replace(&mut self.feed, feed);
        self.steps.push(Step::Enter);
        self.list(Some(b')'));
        self.steps.push(Step::Leave);
        self.feed = before;
    }

    /// The command that has been read so far is complete.
    fn finish(&mut self, list: &mut List) {
        if list.wants_pattern {
            return;
        }
        let call = std::mem::take(&mut list.call);
        list.call.fed_by = list.feed;
        let assigned = std::mem::take(&mut list.assigned);
        if call.words.is_empty() {
            // Before a program's name they are its environment, and nobody else's.
            self.steps.extend(assigned.into_iter().map(|(name, values)| Step::Assign(name, values)));
        }
        if call.words.is_empty() && call.writes.is_empty() && list.documents.iter().all(Document::is_placed) {
            return;
        }
        let at = self.steps.len();
        list.documents.iter_mut().for_each(|document| document.place(at));
        self.last_call = Some(at);
        self.steps.push(Step::Call(call));
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// The text from there to here; both lie at ASCII signs.
    fn since(&self, from: usize) -> &'a str {
        self.text.get(from..self.at.min(self.text.len())).unwrap_or_default()
    }

    fn skip_line(&mut self) {
        self.at += self.rest().iter().take_while(|byte| **byte != b'\n').count();
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\\' if self.peek_at(1) == Some(b'\n') => self.at += 2,
                _ => return,
            }
        }
    }

    /// From `((` to behind its `))`, in which `>` compares.
    fn skip_arithmetic(&mut self) {
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => open += 1,
                b')' if open <= 1 => return,
                b')' => open -= 1,
                _ => {}
            }
        }
    }
}
