//! Where each value of a text stands that is known to be JSON.

use std::ops::Range;

use super::{Children, Member, Node, WHITE};

/// The value that begins at or after `begin`.
pub fn scan(text: &str, begin: usize) -> Node {
    Scanner { text, at: begin }.value()
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn value(&mut self) -> Node {
        let start = self.next_token();
        let children = match self.peek() {
            Some(b'{') => Children::Members(self.items(b'}', Self::member)),
            Some(b'[') => Children::Elements(self.items(b']', Self::value)),
            Some(b'"') => {
                self.string();
                Children::None
            }
            Some(_) | None => {
                let rest = &self.text[start..];
                let is_end = |c: char| WHITE.contains(&c) || matches!(c, ',' | '}' | ']');
                self.at += rest.find(is_end).unwrap_or(rest.len());
                Children::None
            }
        };
        Node { span: start..self.at, children }
    }

    fn items<T>(&mut self, close: u8, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.next_token();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte != close => items.push(item(self)),
                Some(_) | None => {
                    self.at = (self.at + 1).min(self.text.len());
                    return items;
                }
            }
        }
    }

    fn member(&mut self) -> Member {
        let key = self.string();
        self.next_token();
        self.at += 1;
        Member { name: serde_json::from_str(&self.text[key.clone()]).ok(), key, value: self.value() }
    }

    /// A text with its quotes.
    fn string(&mut self) -> Range<usize> {
        let start = self.next_token();
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        self.at = (end + 1).min(bytes.len());
        start..self.at
    }

    /// Passes white space; where the next token begins.
    fn next_token(&mut self) -> usize {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(WHITE).len();
        self.at
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}
