//! A bounded look at the directories of a work tree: which there are, what git ignores, where other repositories begin.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use clodex_core::{Place, ScopeRules};

use super::absolute;
use crate::Tree;
use crate::ignore_rules::IgnoreRules;
use crate::listing::join;

/// Reading a directory takes about 10 microseconds.
const MAX_DIRECTORIES: usize = 1000;

/// What was seen.
#[derive(Debug)]
pub(super) struct Layout {
    /// The ignore rules of what was looked at.
    pub(super) ignore: IgnoreRules,
    /// Ignored directories, not looked into.
    pub(super) ignored: Vec<Vec<u8>>,
    /// `.git` of nested repositories and submodules.
    pub(super) git_dirs: Vec<Vec<u8>>,
}

impl Layout {
    /// Looks at the scope and what is above it first, then at the rest, as far as it is cheap.
    pub(super) fn look(tree: &Tree, rules: &ScopeRules) -> Self {
        let mut layout = Self {
            ignore: IgnoreRules::of_no_directory(tree.common_dir()),
            ignored: Vec::new(),
            git_dirs: Vec::new(),
        };
        let mut open = VecDeque::from([Vec::new()]);
        let mut left = MAX_DIRECTORIES;
        while let Some(directory) = open.pop_front()
            && left > 0
        {
            left -= 1;
            for below in layout.enter(tree, &directory) {
                if concerns(rules, &below) { open.push_front(below) } else { open.push_back(below) }
            }
        }
        layout
    }

    /// Directories below this one that are worth a look.
    fn enter(&mut self, tree: &Tree, directory: &[u8]) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(absolute(tree.root(), directory)) else { return Vec::new() };
        let entries: Vec<_> = entries.flatten().collect();
        if entries.iter().any(|entry| entry.file_name() == ".gitignore") {
            self.ignore.add_directory(tree.root(), directory);
        }
        let mut below = Vec::new();
        for entry in entries {
            let path = join(directory, entry.file_name().as_bytes());
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if entry.file_name() == ".git" {
                if !directory.is_empty() {
                    self.git_dirs.push(path);
                }
            } else if is_directory && self.ignore.matches(&path, true) {
                self.ignored.push(path);
            } else if is_directory {
                below.push(path);
            }
        }
        below
    }
}

fn concerns(rules: &ScopeRules, directory: &[u8]) -> bool {
    let is_inside = |path: &[u8]| directory.starts_with(path);
    rules.leads_to_entry(directory)
        || rules.places().any(|place| match place {
            Place::Directory(path) | Place::Unborn(path) | Place::File(path) => is_inside(path),
            Place::Matching { top } => is_inside(&top),
        })
}
