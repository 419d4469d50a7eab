//! Three-way merge of a file's lines, by libgit2, which looks at no repository for it. Pure.

use git2::{Buf, MergeFileInput, MergeFileOptions, merge_file};

/// What both sides made of the base; `None` where they contradict, or where one of them is no text.
pub fn merge_texts(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    if [base, ours, theirs].iter().any(|text| text.contains(&0)) {
        return None;
    }
    // Starts libgit2 up: unlike all others, `merge_file` does not, and fails where it is the first call of a process.
    drop(Buf::new());
    let mut options = MergeFileOptions::new();
    let merged = merge_file(&input(base), &input(ours), &input(theirs), Some(&mut options)).ok()?;
    merged.is_automergeable().then(|| merged.content().to_vec())
}

fn input(text: &[u8]) -> MergeFileInput<'_> {
    let mut input = MergeFileInput::new();
    input.content(text);
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_touch_is_merged_and_what_contradicts_is_not() {
        let base = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let ours = b"one\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let theirs = b"1\n2\n3\n4\n5\n6\n7\n8\nnine\n";
        let wanted = b"one\n2\n3\n4\n5\n6\n7\n8\nnine\n".to_vec();
        assert_eq!(merge_texts(base, ours, theirs), Some(wanted));
        assert_eq!(merge_texts(base, ours, b"ein\n2\n3\n4\n5\n6\n7\n8\n9\n"), None);
        assert_eq!(merge_texts(b"a\0b", b"a\0b", b"a\0c"), None);
    }
}
