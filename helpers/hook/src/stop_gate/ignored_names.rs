//! Directories that git ignores by their plain name: build outputs, mostly. Reads `.gitignore` as far as that needs no
//! matching; what it leaves out is looked at, which costs time and nothing else.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::rc::Rc;

use clodex_os::read_regular;

const MAX_BYTES: u64 = 256 * 1024;
/// What makes a line a pattern.
const MATCHING: &[u8] = b"*?[\\";

type Names = HashSet<Box<[u8]>>;

/// The names that are ignored in one directory.
#[derive(Debug, Clone, Default)]
pub struct IgnoredNames {
    /// In it and everywhere below.
    below: Rc<Names>,
    /// In it alone.
    here: Rc<Names>,
}

impl IgnoredNames {
    /// Those of a directory, given those of the one above.
    pub fn of(directory: &Path, above: &Self) -> Self {
        match read_regular(&directory.join(".gitignore"), MAX_BYTES) {
            Ok(text) => Self::said(&text, above),
            Err(_) => Self { below: Rc::clone(&above.below), here: Rc::default() },
        }
    }

    /// Whether a directory of this name is ignored.
    pub fn has(&self, name: &OsStr) -> bool {
        self.below.contains(name.as_bytes()) || self.here.contains(name.as_bytes())
    }

    fn said(text: &[u8], above: &Self) -> Self {
        let (mut below, mut here) = (Names::clone(&above.below), Names::new());
        for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end) {
            let (is_taken_back, line) = line.strip_prefix(b"!").map_or((false, line), |line| (true, line));
            let name = line.strip_suffix(b"/").unwrap_or(line);
            let (is_here, name) = name.strip_prefix(b"/").map_or((false, name), |name| (true, name));
            let is_plain = !name.iter().any(|byte| MATCHING.contains(byte));
            if is_taken_back && is_plain {
                below.remove(name);
                here.remove(name);
            } else if is_taken_back {
                (below, here) = (Names::new(), Names::new());
            } else if is_plain && !name.is_empty() && !name.contains(&b'/') && !line.starts_with(b"#") {
                let names = if is_here { &mut here } else { &mut below };
                names.insert(name.into());
            }
        }
        Self { below: Rc::new(below), here: Rc::new(here) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, above: &IgnoredNames, asked: &[&str]) -> Vec<bool> {
        let names = IgnoredNames::said(text.as_bytes(), above);
        asked.iter().map(|name| names.has(OsStr::new(name))).collect()
    }

    #[test]
    fn plain_names_are_ignored_and_patterns_are_not_guessed() {
        let text = "# target2\n\ntarget/\n/dist\r\nnode_modules\nsrc/gen\n*.egg\nbuild\n!build/\n!src/x\n";
        let asked = ["target", "dist", "node_modules", "gen", "a.egg", "build", "target2", ""];
        let wanted = [true, true, true, false, false, false, false, false];
        assert_eq!(names(text, &IgnoredNames::default(), &asked), wanted);
        assert_eq!(names("target\n!*/\n", &IgnoredNames::default(), &["target"]), [false]);
    }

    #[test]
    fn what_holds_above_holds_below_unless_it_is_for_there_alone_or_taken_back() {
        let above = IgnoredNames::said(b"target\n/dist\n", &IgnoredNames::default());
        assert_eq!(names("out\n", &above, &["target", "dist", "out"]), [true, false, true]);
        assert_eq!(names("!target\n", &above, &["target"]), [false]);
        let nothing = tempfile::tempdir().unwrap();
        let below = IgnoredNames::of(nothing.path(), &above);
        assert!(below.has(OsStr::new("target")) && !below.has(OsStr::new("dist")));
    }
}
