//! git's ignore rules, taken from their files at one moment, so that what a run writes into them hides nothing.

use std::path::Path;

use clodex_core::path_text;
use serde::{Deserialize, Serialize};

use crate::content;
use crate::git_config::{GitConfig, users_file};
use crate::listing::{Kind, Listing, join, split};
use crate::wild_match::wild_match;

/// One line of an ignore or attributes file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pattern {
    /// Its line in the file, from 1.
    line: u32,
    text: Vec<u8>,
    negated: bool,
    only_directories: bool,
    anchored: bool,
}

impl Pattern {
    fn parse(number: u32, line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (negated, line) = line.strip_prefix(b"!").map_or((false, line), |rest| (true, rest));
        let mut text = line.to_vec();
        while text.ends_with(b" ") && !text.ends_with(b"\\ ") {
            text.pop();
        }
        if text.is_empty() || line.starts_with(b"#") && !negated {
            return None;
        }
        let only_directories = text.ends_with(b"/");
        if only_directories {
            text.pop();
        }
        let anchored = text.contains(&b'/');
        let text = text.strip_prefix(b"/").map(<[u8]>::to_vec).unwrap_or(text);
        Some(Self { line: number, text, negated, only_directories, anchored })
    }

    /// A pattern of an attributes file.
    pub(crate) fn of_attributes(text: &[u8]) -> Option<Self> {
        Self::parse(0, text).filter(|pattern| !pattern.negated)
    }

    /// `path` is relative to the directory of the file that holds the pattern.
    pub(crate) fn matches(&self, path: &[u8], is_directory: bool) -> bool {
        let subject = if self.anchored { path } else { split(path).1 };
        (is_directory || !self.only_directories) && wild_match(&self.text, subject)
    }
}

/// The patterns of one file and the directory that they hold for.
#[derive(Debug, Serialize, Deserialize)]
struct PatternFile {
    /// What people call the file.
    name: String,
    directory: Vec<u8>,
    patterns: Vec<Pattern>,
}

impl PatternFile {
    fn parse(name: String, directory: &[u8], text: &[u8]) -> Self {
        let lines = (1..).zip(without_mark(text).split(|byte| *byte == b'\n'));
        let patterns = lines.filter_map(|(number, line)| Pattern::parse(number, line)).collect();
        Self { name, directory: directory.to_vec(), patterns }
    }

    /// The last pattern that matches has the say.
    fn deciding(&self, path: &[u8], is_directory: bool) -> Option<&Pattern> {
        let relative = below(path, &self.directory)?;
        self.patterns.iter().rev().find(|pattern| pattern.matches(relative, is_directory))
    }
}

fn below<'a>(path: &'a [u8], directory: &[u8]) -> Option<&'a [u8]> {
    if directory.is_empty() { Some(path) } else { path.strip_prefix(directory)?.strip_prefix(b"/") }
}

/// All rules of a work tree. Later files win over earlier ones.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct IgnoreRules {
    files: Vec<PatternFile>,
}

impl IgnoreRules {
    /// Reads the user's own rules, the repository's `info/exclude`, and every `.gitignore` that is not itself
    /// in an ignored directory.
    pub(crate) fn read(root: &Path, common_dir: &Path, listing: &Listing) -> Self {
        let mut rules = Self::of_no_directory(common_dir);
        for directory in &listing.directories {
            let is_file = directory.entry(b".gitignore").is_some_and(|seen| seen.stat.kind == Kind::File);
            if is_file && !rules.ignores(&directory.path, true) {
                rules.add_directory(root, &directory.path);
            }
        }
        rules
    }

    /// The user's own rules and the repository's `info/exclude`; directories are added as they are met, outer ones first.
    pub(crate) fn of_no_directory(common_dir: &Path) -> Self {
        let exclude = content::read(common_dir, b"info/exclude").unwrap_or_default();
        let files = vec![
            PatternFile::parse("the user's excludes file".to_owned(), b"", &user_rules(common_dir)),
            PatternFile::parse(".git/info/exclude".to_owned(), b"", &exclude),
        ];
        Self { files }
    }

    /// Adds the `.gitignore` of a directory that is not itself ignored.
    pub(crate) fn add_directory(&mut self, root: &Path, directory: &[u8]) {
        let file = join(directory, b".gitignore");
        let text = content::read(root, &file).unwrap_or_default();
        self.files.push(PatternFile::parse(path_text(&file), directory, &text));
    }

    /// Whether the path, or a directory above it, is ignored.
    pub(crate) fn ignores(&self, path: &[u8], is_directory: bool) -> bool {
        self.ignored_by(path, is_directory).is_some()
    }

    /// What ignores the path or a directory above it, in words: file, line and pattern.
    pub(crate) fn reason(&self, path: &[u8], is_directory: bool) -> Option<String> {
        let (file, pattern) = self.ignored_by(path, is_directory)?;
        Some(format!("line {} of {}", pattern.line, file.name))
    }

    fn ignored_by(&self, path: &[u8], is_directory: bool) -> Option<(&PatternFile, &Pattern)> {
        let above = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let mut levels = above.map(|end| (&path[..end], true)).chain([(path, is_directory)]);
        levels.find_map(|(path, is_directory)| {
            let (file, pattern) = self.deciding(path, is_directory)?;
            (!path.is_empty() && !pattern.negated).then_some((file, pattern))
        })
    }

    fn deciding(&self, path: &[u8], is_directory: bool) -> Option<(&PatternFile, &Pattern)> {
        self.files.iter().rev().find_map(|file| Some((file, file.deciding(path, is_directory)?)))
    }

    /// Whether the rules name the path itself; directories above it are not looked at.
    pub(crate) fn matches(&self, path: &[u8], is_directory: bool) -> bool {
        self.deciding(path, is_directory).is_some_and(|(_, pattern)| !pattern.negated)
    }
}

/// The user's `core.excludesFile`, which lies outside every repository; what the repository itself names hides nothing.
fn user_rules(common_dir: &Path) -> Vec<u8> {
    let named = GitConfig::of(common_dir).users_path("core.excludesfile");
    let path = named.or_else(|| users_file("ignore"));
    path.and_then(|path| std::fs::read(path).ok()).unwrap_or_default()
}

/// The text without the mark that some editors begin it with.
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(files: &[(&str, &str)]) -> IgnoreRules {
        let parsed = files.iter().map(|(directory, text)| {
            PatternFile::parse(format!("{directory}/.gitignore"), directory.as_bytes(), text.as_bytes())
        });
        IgnoreRules { files: parsed.collect() }
    }

    #[test]
    fn rules_mean_what_git_means() {
        let rules = rules(&[
            ("", "*.log\n!keep.log\nbuild/\n/top\na/b\n# no\n\\#yes\nspace \\ \n"),
            ("sub", "!x.log\nonly\n"),
        ]);
        for (path, directory) in [
            ("x.log", false),
            ("d/x.log", false),
            ("build", true),
            ("d/build", true),
            ("build/x", false),
            ("top", false),
            ("a/b", false),
            ("#yes", false),
            ("sub/only", false),
            ("sub/d/only/z", false),
        ] {
            assert!(rules.ignores(path.as_bytes(), directory), "{path}");
        }
        for (path, directory) in [
            ("keep.log", false),
            ("build", false),
            ("d/top", false),
            ("d/a/b", false),
            ("sub/x.log", false),
            ("only", false),
        ] {
            assert!(!rules.ignores(path.as_bytes(), directory), "{path}");
        }
    }

    #[test]
    fn the_pattern_that_ignores_is_told() {
        let rules = rules(&[("", "# build\nbuild/\n*.log\n!keep.log\n"), ("sub", "x\n")]);
        let reason = |path: &str| rules.reason(path.as_bytes(), false);
        assert_eq!(reason("a/build/x.log").as_deref(), Some("line 2 of /.gitignore"));
        assert_eq!(reason("sub/x").as_deref(), Some("line 1 of sub/.gitignore"));
        assert_eq!((reason("keep.log"), reason("x")), (None, None));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_pattern() {
        let rules = rules(&[("", "\u{feff}build/\n\u{feff}x\n")]);
        assert!(rules.ignores(b"build", true) && !rules.ignores(b"x", false));
    }
}
