//! Status and diff-stat as people know them from git, made without running git.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use git2::Patch;

use crate::Tree;
use crate::blobs::Blobs;
use crate::content;
use crate::survey::{StatusLetters, Survey};

/// One line a path, as `git status --porcelain -uall` prints them.
pub(crate) fn porcelain(status: &BTreeMap<Vec<u8>, StatusLetters>) -> String {
    let known = status.iter().filter(|(_, letters)| letters[0] != b'?');
    let unknown = status.iter().filter(|(_, letters)| letters[1] == b'?');
    let tracked = known.map(|(path, letters)| {
        let [index, work_tree] = letters.map(char::from);
        format!("{index}{} {}\n", if work_tree == '?' { ' ' } else { work_tree }, quoted(path))
    });
    tracked.chain(unknown.map(|(path, _)| format!("?? {}\n", quoted(path)))).collect()
}

/// How many lines each tracked file has more and less than its blob in the index's commit.
pub(crate) fn diff_stat(tree: &Tree, survey: &Survey) -> String {
    let mut text = String::new();
    let blobs = Blobs::of(survey, tree.root());
    let (mut files, mut added, mut removed) = (0, 0, 0);
    for path in survey.status.iter().filter(|(_, letters)| *letters != b"??").map(|(path, _)| path) {
        let old = blobs.committed(path);
        let new = content::read(tree.root(), path).unwrap_or_default();
        let Some((more, less)) = line_counts(&old.unwrap_or_default(), &new) else { continue };
        let _ = writeln!(text, " {} | {} +{more} -{less}", quoted(path), more + less);
        (files, added, removed) = (files + 1, added + more, removed + less);
    }
    if files > 0 {
        let _ = writeln!(text, " {files} files changed, {added} insertions(+), {removed} deletions(-)");
    }
    text
}

fn line_counts(old: &[u8], new: &[u8]) -> Option<(usize, usize)> {
    let patch = Patch::from_buffers(old, None, new, None, None).ok()?;
    let (_, added, removed) = patch.line_stats().ok()?;
    Some((added, removed))
}

/// The path as git shows it: in quotes with escapes when it holds anything unusual.
pub(crate) fn quoted(path: &[u8]) -> String {
    let text = escaped(path);
    if text.as_bytes() == path { text } else { format!("\"{text}\"") }
}

/// The path with git's escapes, without the quotes.
pub(crate) fn escaped(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            0x20..=0x7e => text.push(char::from(*byte)),
            other => {
                let _ = write!(text, "\\{other:03o}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_as_git_does() {
        assert_eq!(quoted(b"sp ace.txt"), "sp ace.txt");
        assert_eq!(quoted("café\n\"".as_bytes()), "\"caf\\303\\251\\n\\\"\"");
    }

    #[test]
    fn tracked_paths_come_before_untracked_ones() {
        let status = BTreeMap::from([(b"a".to_vec(), *b"??"), (b"b".to_vec(), *b" M")]);
        assert_eq!(porcelain(&status), " M b\n?? a\n");
    }
}
