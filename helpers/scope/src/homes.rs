//! Where programs that take part in a run keep their own things, when that lies in the work tree: they write there
//! whatever the worker does. Says which directories these are; who is meant stands elsewhere. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clodex_core::{Place, ScopeRules};

use crate::Tree;
use crate::survey::StatusLetters;

impl Tree {
    /// Those of the directories (real paths) that lie in the tree. One that is the tree, or holds it, is none: nothing
    /// would be left to look at.
    pub fn homes(&self, directories: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
        let is_inside = |path: &PathBuf| self.relative(path).is_some_and(|within| !within.is_empty());
        directories.into_iter().filter(is_inside).collect()
    }
}

/// The homes that no scope entry names anything of: what is in them is for nobody to look at.
pub(crate) fn unnamed<'h>(homes: &'h [Vec<u8>], rules: &ScopeRules) -> impl Iterator<Item = &'h Vec<u8>> {
    let named: Vec<Vec<u8>> = rules
        .places()
        .map(|place| match place {
            Place::Directory(path) | Place::Unborn(path) | Place::File(path) => path.to_vec(),
            Place::Matching { top } => top,
        })
        .collect();
    homes.iter().filter(move |home| !named.iter().any(|path| is_within(path, home)))
}

/// Whether a path is one of the homes or lies in it.
pub(crate) fn is_in(homes: &[Vec<u8>], path: &[u8]) -> bool {
    homes.iter().any(|home| is_within(path, home))
}

/// How files stand in the work tree that were not looked at is not known: they are not missing.
pub(crate) fn say_nothing_of(excluded: &[Vec<u8>], status: &mut BTreeMap<Vec<u8>, StatusLetters>) {
    status.retain(|path, letters| {
        if is_in(excluded, path) {
            letters[1] = b' ';
        }
        *letters != *b"  "
    });
}

fn is_within(path: &[u8], home: &[u8]) -> bool {
    path.strip_prefix(home).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
}

/// Relative to the root.
pub(crate) fn relative(tree: &Tree, homes: &[PathBuf]) -> Vec<Vec<u8>> {
    homes.iter().filter_map(|home| tree.relative(home)).filter(|within| !within.is_empty()).collect()
}

/// As they lie on the disk.
pub(crate) fn absolute(root: &Path, homes: &[Vec<u8>]) -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    homes.iter().map(|home| root.join(std::ffi::OsStr::from_bytes(home))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_left_alone_unless_the_scope_names_something_in_it() {
        let homes = [b".codex".to_vec(), b"a/state".to_vec()];
        let unnamed = |entries: &[&str]| {
            let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
            unnamed(&homes, &ScopeRules::of_entries(&entries)).count()
        };
        for everything in [&["."][..], &["**/*.md"], &["a/"], &[".codex2/x"], &[]] {
            assert_eq!(unnamed(everything), 2, "{everything:?}");
        }
        for named in [".codex", ".codex/AGENTS.md", ".codex/skills/**/*.md", "a/state/"] {
            assert_eq!(unnamed(&[named]), 1, "{named}");
        }
    }

    #[test]
    fn a_directory_that_is_the_tree_or_holds_it_is_no_home() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("tree");
        for made in [".git/objects", ".git/refs", ".codex"] {
            std::fs::create_dir_all(root.join(made)).unwrap();
        }
        std::fs::write(root.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        let tree = Tree::discover(&root).unwrap();
        let above = root.parent().unwrap().to_owned();
        let homes = tree.homes([above, root.clone(), root.join(".codex"), "/elsewhere".into()]);
        assert_eq!(homes, [root.join(".codex")]);
        assert!(is_in(&relative(&tree, &homes), b".codex/x") && !is_in(&relative(&tree, &homes), b".codex2"));
    }
}
