//! Redirections and here-documents.

use super::{List, Part, Reader, Step, Word};

/// A here-document whose text begins after the line.
pub(super) struct Document {
    /// The call that reads it, once its place is known.
    call: Option<usize>,
    end: String,
    is_indented: bool,
    is_literal: bool,
}

impl Document {
    pub(super) fn is_placed(&self) -> bool {
        self.call.is_some()
    }

    pub(super) fn place(&mut self, at: usize) {
        self.call.get_or_insert(at);
    }
}

impl Reader<'_> {
    /// `>`, `<` and their like, with what they lead to. A number before them has been read already.
    pub(super) fn redirect(&mut self, list: &mut List) {
        const SIGNS: [&str; 13] =
            ["&>>", "<<<", "<<-", "&>", ">>", ">|", ">&", "<<", "<&", "<>", "<(", ">(", ">"];
        let rest = self.text.get(self.at..).unwrap_or_default();
        let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign)).unwrap_or("<");
        match sign {
            // A command in place of a file is an argument.
            "<(" | ">(" => {
                let (word, _) = self.word();
                list.call.words.push(word);
                return;
            }
            _ => self.at += sign.len(),
        }
        self.skip_blanks();
        if matches!(sign, "<<" | "<<-") {
            return self.begin_document(list, sign == "<<-");
        }
        let (word, text) = self.word();
        let is_descriptor = text.trim_end_matches('-').bytes().all(|byte| byte.is_ascii_digit());
        match sign {
            "<<<" => list.call.stdin.push(word),
            "<" | "<&" => {}
            ">&" if is_descriptor => {}
            _ => list.call.writes.push(word),
        }
    }

    fn begin_document(&mut self, list: &mut List, is_indented: bool) {
        let (word, text) = self.word();
        let is_literal = text.contains(['\'', '"', '\\']);
        let parts = word.into_iter().map(|part| match part {
            Part::Quoted(text) | Part::Bare(text) => text,
            Part::Variable(name) => format!("${name}"),
            Part::Unknown => String::new(),
        });
        list.documents.push(Document { call: None, end: parts.collect(), is_indented, is_literal });
    }

    /// Reads the texts of the documents that began on the line before.
    pub(super) fn documents(&mut self, list: &mut List) {
        for document in std::mem::take(&mut list.documents) {
            let text = self.document_text(&document);
            let word = if document.is_literal { vec![Part::Quoted(text)] } else { self.expanded(&text) };
            if let Some(Step::Call(call)) = document.call.and_then(|at| self.steps.get_mut(at)) {
                call.stdin.push(word);
            }
        }
    }

    fn document_text(&mut self, document: &Document) -> String {
        let mut text = String::new();
        while self.peek().is_some() {
            let from = self.at;
            self.skip_line();
            let line = self.since(from);
            self.at += 1;
            let line = if document.is_indented { line.trim_start_matches('\t') } else { line };
            // Inside `$( … )` the closing bracket may stand on the last line.
            if line.trim_end_matches('\r') == document.end {
                break;
            }
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// A document's text as the shell reads it: its commands run.
    fn expanded(&mut self, text: &str) -> Word {
        let mut inner = Reader {
            text,
            at: 0,
            depth: self.depth,
            feed: None,
            last_call: None,
            steps: std::mem::take(&mut self.steps),
        };
        let mut word = Word::new();
        inner.quoted(&mut word, None);
        self.steps = inner.steps;
        word
    }
}
