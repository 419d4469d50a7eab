//! Whether two write scopes can mean the same file. Works on entries as records show them; when in doubt they overlap.

use std::path::Path;

use globset::GlobBuilder;

/// What may be changed in a work tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeIn<'a> {
    /// Absolute top of the tree.
    pub tree: &'a str,
    /// As [`crate::ScopeRules::entries`] writes it.
    pub scope: &'a [String],
}

/// The first pair of entries of one tree that can mean the same path, as [`crate::ScopeRules::entries`] writes them.
pub fn scope_overlap<'a>(one: &'a [String], other: &'a [String]) -> Option<(&'a str, &'a str)> {
    pair(&[], one, &[], other)
}

/// The same for trees that may contain each other, as those of a repository and a submodule do; where they do, the pair
/// is told with its trees.
pub fn scopes_meet(one: ScopeIn<'_>, other: ScopeIn<'_>) -> Option<(String, String)> {
    if !trees_meet(one.tree, other.tree) {
        return None;
    }
    let top = |tree| names(tree).into_iter().map(Name::Plain).collect::<Vec<_>>();
    let (mine, theirs) = pair(&top(one.tree), one.scope, &top(other.tree), other.scope)?;
    let shown = |tree: &str, entry: &str| match entry {
        entry if one.tree == other.tree => entry.to_owned(),
        "." => tree.to_owned(),
        entry => Path::new(tree).join(entry).display().to_string(),
    };
    Some((shown(one.tree, mine), shown(other.tree, theirs)))
}

/// Whether one of two work trees is the other, or contains it; one that is not known, and empty, meets none.
pub fn trees_meet(one: &str, other: &str) -> bool {
    let are_known = !one.is_empty() && !other.is_empty();
    let (one, other) = (Path::new(one), Path::new(other));
    are_known && (one.starts_with(other) || other.starts_with(one))
}

fn pair<'a>(
    top: &[Name<'_>],
    one: &'a [String],
    other_top: &[Name<'_>],
    other: &'a [String],
) -> Option<(&'a str, &'a str)> {
    let pairs = one.iter().flat_map(|mine| other.iter().map(move |theirs| (mine.as_str(), theirs.as_str())));
    pairs.into_iter().find(|(mine, theirs)| may_meet(top, mine, other_top, theirs))
}

/// A name on the way to a file.
#[derive(Debug, Clone, Copy)]
enum Name<'a> {
    /// As the file system has it.
    Plain(&'a str),
    /// As somebody wrote it into a scope: a glob perhaps.
    Written(&'a str),
}

/// Compares name by name; where one entry ends, the other lies below it (or would have to).
fn may_meet(top: &[Name<'_>], one: &str, other_top: &[Name<'_>], other: &str) -> bool {
    let all = |top: &[_], entry| {
        let written: Vec<&str> = names(entry);
        top.iter().copied().chain(written.into_iter().map(Name::Written)).collect::<Vec<_>>()
    };
    for (mine, theirs) in all(top, one).into_iter().zip(all(other_top, other)) {
        if mine.is_unbounded() || theirs.is_unbounded() {
            return true;
        }
        if !may_be_one_name(mine, theirs) {
            return false;
        }
    }
    true
}

fn names(entry: &str) -> Vec<&str> {
    entry.split('/').filter(|name| !name.is_empty() && *name != ".").collect()
}

impl<'a> Name<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::Plain(name) | Self::Written(name) => name,
        }
    }

    fn is_pattern(self) -> bool {
        matches!(self, Self::Written(name) if name.contains(['*', '?', '[']))
    }

    fn is_unbounded(self) -> bool {
        matches!(self, Self::Written(name) if name.contains("**") || name.contains('{'))
    }
}

/// Upper and lower case are one where the file system says so: not known here, so always, but for names that both came
/// from it.
fn may_be_one_name(one: Name<'_>, other: Name<'_>) -> bool {
    if let (Name::Plain(one), Name::Plain(other)) = (one, other) {
        return one == other;
    }
    match (one.is_pattern(), other.is_pattern()) {
        (false, false) => one.text().to_lowercase() == other.text().to_lowercase(),
        (true, true) => true,
        (true, false) => matches(one.text(), other.text()),
        (false, true) => matches(other.text(), one.text()),
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let glob = GlobBuilder::new(pattern).case_insensitive(true).build();
    // What is no glob is the name of a file that looks like one.
    glob.map_or(pattern == name, |glob| glob.compile_matcher().is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_overlap_where_one_path_can_be_in_both() {
        for (one, other, wanted) in [
            ("src/", "src/", true),
            ("src/", "src/deep/", true),
            ("src/a.txt", "src/", true),
            ("src/a.txt", "src/b.txt", false),
            ("src/", "src2/", false),
            (".", "docs/x.md", true),
            ("src/*.rs", "src/main.rs", true),
            ("src/*.rs", "src/main.txt", false),
            ("src/*.rs", "src/deep/", false),
            ("src/**/*.rs", "src/deep/", true),
            ("src/**/*.rs", "lib/", false),
            ("*.md", "src/", false),
            ("*.md", "?.md", true),
            ("{src,lib}/a", "docs/", true),
            ("SRC/", "src/", true),
            ("odd[name", "odd[name", true),
        ] {
            let pair = |text: &str| vec!["elsewhere/".to_owned(), text.to_owned()];
            let (one, other) = (pair(one), vec![other.to_owned()]);
            let overlap = scope_overlap(&one, &other);
            assert_eq!(overlap, wanted.then_some((&*one[1], &*other[0])), "{one:?} {other:?}");
            assert_eq!(scope_overlap(&other, &one).is_some(), wanted, "the other way round");
        }
        assert_eq!(scope_overlap(&[], &[".".to_owned()]), None);
    }

    #[test]
    fn trees_that_contain_each_other_are_one_place() {
        for (tree, entry, other_tree, other_entry, wanted) in [
            ("/r", "sub/", "/r/sub", "f.txt", true),
            ("/r", "sub/f.txt", "/r/sub", ".", true),
            ("/r", "sub/*.md", "/r/sub", "f.txt", false),
            ("/r", "src/", "/r/sub", ".", false),
            ("/r", ".", "/r/deep/sub", "f.txt", true),
            ("/r", "s*/", "/r/sub", "f.txt", true),
            ("/r", "SUB/", "/r/sub", "f.txt", true),
            ("/r", "sub/", "/r2/sub", "f.txt", false),
            ("/r/{a}", "x/", "/r/{a}", "y/", false),
            ("/r/{a}", "x/", "/r/{a}", "x/y", true),
            ("/r/A", ".", "/r/a", ".", false),
        ] {
            let (one, other) = ([entry.to_owned()], [other_entry.to_owned()]);
            let (one, other) = (ScopeIn { tree, scope: &one }, ScopeIn { tree: other_tree, scope: &other });
            assert_eq!(scopes_meet(one, other).is_some(), wanted, "{one:?} {other:?}");
            assert_eq!(scopes_meet(other, one).is_some(), wanted, "the other way round");
        }
        assert!(trees_meet("/r", "/r") && !trees_meet("", "/r") && !trees_meet("/r", "/r2"));
        let (mine, theirs) = (["sub/".to_owned()], ["f.txt".to_owned()]);
        let told =
            scopes_meet(ScopeIn { tree: "/r", scope: &mine }, ScopeIn { tree: "/r/sub", scope: &theirs });
        assert_eq!(told, Some(("/r/sub/".to_owned(), "/r/sub/f.txt".to_owned())));
    }
}
