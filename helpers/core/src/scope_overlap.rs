//! Whether two write scopes can mean the same file. Works on entries as records show them; when in doubt they overlap.

use globset::GlobBuilder;

/// The first pair of entries that can mean the same path, as [`crate::ScopeRules::entries`] writes them.
pub fn scope_overlap<'a>(one: &'a [String], other: &'a [String]) -> Option<(&'a str, &'a str)> {
    let pairs = one.iter().flat_map(|mine| other.iter().map(move |theirs| (mine.as_str(), theirs.as_str())));
    pairs.into_iter().find(|(mine, theirs)| may_meet(mine, theirs))
}

/// Compares name by name; where one entry ends, the other lies below it (or would have to).
fn may_meet(one: &str, other: &str) -> bool {
    let (one, other) = (names(one), names(other));
    for (mine, theirs) in one.iter().zip(&other) {
        let unbounded = |name: &str| name.contains("**") || name.contains('{');
        if unbounded(mine) || unbounded(theirs) {
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

/// Upper and lower case are one where the file system says so: not known here, so always.
fn may_be_one_name(one: &str, other: &str) -> bool {
    let is_pattern = |name: &str| name.contains(['*', '?', '[']);
    match (is_pattern(one), is_pattern(other)) {
        (false, false) => one.to_lowercase() == other.to_lowercase(),
        (true, true) => true,
        (true, false) => matches(one, other),
        (false, true) => matches(other, one),
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
}
