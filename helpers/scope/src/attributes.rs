//! git's attributes, as far as they say how a file is stored: read from all files that git reads, macros taken apart.
//! libgit2 knows no quoted patterns and opens not every repository, so it is not asked.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::content;
use crate::git_config::users_file;
use crate::ignore_rules::{Pattern, without_mark};
use crate::listing::{Directory, Kind, Listing, join};

/// What has a say in how a file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Attribute {
    Text,
    /// What `text` was called once.
    Crlf,
    Eol,
    Ident,
    Filter,
    Encoding,
}

impl Attribute {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"text" => Self::Text,
            b"crlf" => Self::Crlf,
            b"eol" => Self::Eol,
            b"ident" => Self::Ident,
            b"filter" => Self::Filter,
            b"working-tree-encoding" => Self::Encoding,
            _ => return None,
        })
    }

    /// Whether it can make other bytes of a file than line ends.
    fn converts(self) -> bool {
        match self {
            Self::Ident | Self::Filter | Self::Encoding => true,
            Self::Text | Self::Crlf | Self::Eol => false,
        }
    }
}

/// What an attribute is for a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Value {
    Set,
    Unset,
    /// As if nothing had been said.
    Unspecified,
    Is(Vec<u8>),
}

/// A line that was read: what it is about, and what it says by name.
struct Read<'a> {
    about: About,
    says: Vec<(&'a [u8], Value)>,
}

enum About {
    Paths(Pattern),
    Macro(Vec<u8>),
}

type Macros<'a> = HashMap<Vec<u8>, Vec<(&'a [u8], Value)>>;

/// A line, of its own words only those that matter here.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    pattern: Pattern,
    says: Vec<(Attribute, Value)>,
}

/// The attributes of the files of one work tree.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attributes {
    /// Each with the directory that it holds for, relative to the work tree; later ones win.
    files: Vec<(Vec<u8>, Vec<Line>)>,
}

impl Attributes {
    /// Reads the system's, the user's own (`users`, or where git looks for it), those of the work tree and those of the
    /// repository. `directories` are the work tree's, relative to it, outer ones first.
    pub(crate) fn read<'a>(
        (worktree, common_dir): (&Path, &Path),
        users: Option<PathBuf>,
        directories: impl Iterator<Item = &'a [u8]>,
    ) -> Self {
        let outside =
            |path: Option<PathBuf>| path.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let mut texts = vec![
            (Vec::new(), outside(Some("/etc/gitattributes".into()))),
            (Vec::new(), outside(users.or_else(|| users_file("attributes")))),
        ];
        for directory in directories {
            let file = join(directory, b".gitattributes");
            texts.push((directory.to_vec(), content::read(worktree, &file).unwrap_or_default()));
        }
        texts.push((Vec::new(), content::read(common_dir, b"info/attributes").unwrap_or_default()));
        Self::of_texts(&texts)
    }

    fn of_texts(texts: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let read: Vec<_> = texts.iter().map(|(directory, text)| (directory, lines(text))).collect();
        let mut macros: Macros<'_> =
            HashMap::from([(b"binary".to_vec(), vec![(&b"text"[..], Value::Unset)])]);
        for line in read.iter().filter(|(directory, _)| directory.is_empty()).flat_map(|(_, lines)| lines) {
            if let About::Macro(name) = &line.about {
                macros.insert(name.clone(), line.says.clone());
            }
        }
        let resolved = |line: Read<'_>| {
            let About::Paths(pattern) = line.about else { return None };
            let mut says = Vec::new();
            resolve(&line.says, &macros, &mut Vec::new(), &mut says);
            (!says.is_empty()).then_some(Line { pattern, says })
        };
        let files = read.into_iter().map(|(directory, lines)| {
            (directory.clone(), lines.into_iter().filter_map(resolved).collect::<Vec<_>>())
        });
        Self { files: files.filter(|(_, lines)| !lines.is_empty()).collect() }
    }

    /// Whether bytes may be stored otherwise than they lie there, for more than their line ends. `path` is relative to
    /// the work tree.
    pub(crate) fn may_convert(&self, path: &[u8]) -> bool {
        self.about(path).any(|line| line.says.iter().any(|(attribute, _)| attribute.converts()))
    }

    /// What is said of one path: the last word on each attribute.
    pub(crate) fn of(&self, path: &[u8]) -> Vec<(Attribute, Value)> {
        let mut known: Vec<(Attribute, Value)> = Vec::new();
        for (attribute, value) in self.about(path).flat_map(|line| line.says.iter().rev()) {
            if known.iter().all(|(before, _)| before != attribute) {
                known.push((*attribute, value.clone()));
            }
        }
        known
    }

    /// The lines that are about a path, those first that win.
    fn about<'s>(&'s self, path: &'s [u8]) -> impl Iterator<Item = &'s Line> {
        self.files.iter().rev().flat_map(move |(directory, lines)| {
            let below = if directory.is_empty() {
                Some(path)
            } else {
                path.strip_prefix(directory.as_slice()).and_then(|rest| rest.strip_prefix(b"/"))
            };
            lines.iter().rev().filter(move |line| below.is_some_and(|path| line.pattern.matches(path, false)))
        })
    }
}

/// The directories of a listing that hold attributes for the files below them.
pub(crate) fn attributed(listing: &Listing) -> impl Iterator<Item = &[u8]> {
    let has_attributes = |directory: &&Arc<Directory>| {
        directory.entry(b".gitattributes").is_some_and(|seen| seen.stat.kind == Kind::File)
    };
    listing.directories.iter().filter(has_attributes).map(|directory| &*directory.path)
}

/// Puts what macros stand for in the place of their names.
fn resolve<'a>(
    words: &[(&'a [u8], Value)],
    macros: &Macros<'a>,
    inside: &mut Vec<&'a [u8]>,
    says: &mut Vec<(Attribute, Value)>,
) {
    for (name, value) in words {
        if let Some(attribute) = Attribute::named(name) {
            says.push((attribute, value.clone()));
        } else if let Some(stands_for) = macros.get(*name).filter(|_| *value == Value::Set)
            && !inside.contains(name)
        {
            inside.push(name);
            resolve(stands_for, macros, inside, says);
            inside.pop();
        }
    }
}

fn lines(text: &[u8]) -> Vec<Read<'_>> {
    without_mark(text).split(|byte| *byte == b'\n').filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<Read<'_>> {
    const MACRO: &[u8] = b"[attr]";
    let line = line.trim_ascii();
    if line.first().is_none_or(|first| *first == b'#') {
        return None;
    }
    let (about, rest) = match unquoted(line) {
        Some((pattern, rest)) => (About::Paths(Pattern::of_attributes(&pattern)?), rest),
        None if line.starts_with(MACRO) && line.len() > MACRO.len() => {
            let (name, rest) = word(line[MACRO.len()..].trim_ascii_start());
            (About::Macro(name.to_vec()), rest)
        }
        None => {
            let (pattern, rest) = word(line);
            (About::Paths(Pattern::of_attributes(pattern)?), rest)
        }
    };
    let words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Some(Read { about, says: words.map(said).collect() })
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len()))
}

fn said(word: &[u8]) -> (&[u8], Value) {
    match word {
        [b'-', name @ ..] => (name, Value::Unset),
        [b'!', name @ ..] => (name, Value::Unspecified),
        _ => match word.iter().position(|byte| *byte == b'=') {
            Some(at) => (&word[..at], Value::Is(word[at + 1..].to_vec())),
            None => (word, Value::Set),
        },
    }
}

/// A pattern in quotes, as C writes strings, and what follows it.
fn unquoted(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = line.strip_prefix(b"\"")?;
    let mut text = Vec::new();
    loop {
        let (first, after) = rest.split_first()?;
        rest = after;
        match first {
            b'"' => return Some((text, rest)),
            b'\\' => {
                let (escaped, after) = rest.split_first()?;
                rest = after;
                text.push(match escaped {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'"' | b'\\' => *escaped,
                    b'0'..=b'3' => {
                        let digits = [*escaped, *rest.first()?, *rest.get(1)?];
                        rest = &rest[2..];
                        u8::from_str_radix(str::from_utf8(&digits).ok()?, 8).ok()?
                    }
                    _ => return None,
                });
            }
            plain => text.push(*plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(texts: &[(&str, &str)], path: &str) -> Vec<String> {
        let texts: Vec<_> =
            texts.iter().map(|(at, text)| (at.as_bytes().to_vec(), text.as_bytes().to_vec())).collect();
        let of = Attributes::of_texts(&texts).of(path.as_bytes());
        let value = |value| match value {
            Value::Is(text) => String::from_utf8(text).unwrap(),
            other => format!("{other:?}"),
        };
        let mut told: Vec<_> =
            of.into_iter().map(|(name, said)| format!("{name:?} {}", value(said))).collect();
        told.sort();
        told
    }

    #[test]
    fn the_last_word_of_the_nearest_file_holds() {
        let texts = [
            ("", "*.txt filter=users\n"),
            ("", "*.txt text eol=crlf\n*.txt -text # no remark\nlib/*.txt ident\n"),
            ("lib", "x.txt filter=lib !ident\n"),
            ("", "lib/y.txt filter\n"),
        ];
        assert_eq!(told(&texts, "a.txt"), ["Eol crlf", "Filter users", "Text Unset"]);
        assert_eq!(told(&texts, "lib/x.txt"), ["Eol crlf", "Filter lib", "Ident Unspecified", "Text Unset"]);
        assert_eq!(told(&texts, "lib/y.txt"), ["Eol crlf", "Filter Set", "Ident Set", "Text Unset"]);
        assert_eq!(told(&texts, "a.md"), [""; 0]);
    }

    #[test]
    fn macros_stand_for_what_they_say() {
        let texts = [
            (
                "",
                "[attr]enc filter=up deep\n[attr]deep ident enc\n*.txt enc -ident\n*.bin binary\n*.no -enc\n",
            ),
            ("lib", "[attr]mine filter=x\n*.txt mine\n"),
        ];
        assert_eq!(told(&texts, "a.txt"), ["Filter up", "Ident Unset"]);
        assert_eq!(told(&texts, "a.bin"), ["Text Unset"]);
        assert_eq!(told(&texts, "a.no"), [""; 0]);
        assert_eq!(told(&texts, "lib/a.txt"), ["Filter up", "Ident Unset"], "no macros but at the top");
    }

    #[test]
    fn quotes_and_a_byte_order_mark_are_taken_off() {
        let texts = [("", "\u{feff}\"a b.txt\" filter=x\n\"\\303\\274\\\\*\" ident\n\"open ident\n")];
        assert_eq!(told(&texts, "a b.txt"), ["Filter x"]);
        assert_eq!(told(&texts, "ü*"), ["Ident Set"]);
        assert_eq!(told(&texts, "open"), [""; 0]);
    }
}
