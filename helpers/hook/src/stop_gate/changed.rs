//! Whether anything of a work tree has changed since a moment: a walk that ends at the first thing that has. Reads no
//! content and knows nothing of git but what need not be looked at.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::ignored_names::IgnoredNames;

/// A larger work tree counts as changed: a review too many rather than none.
const MOST_ENTRIES: usize = 300_000;

/// Whether something was made, changed, renamed or taken away since. By change times, which nobody can set back: they
/// tell that, and not who it was. The file system's clock ticks in milliseconds: what changed in the very tick counts.
pub fn has_changed(work_tree: &Path, since: SystemTime) -> bool {
    has_changed_among(MOST_ENTRIES, work_tree, since)
}

fn has_changed_among(most: usize, work_tree: &Path, since: SystemTime) -> bool {
    let mut left = most;
    let mut directories: Vec<(PathBuf, IgnoredNames)> = vec![(work_tree.to_owned(), IgnoredNames::default())];
    while let Some((directory, above)) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        let ignored = IgnoredNames::of(&directory, &above);
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_never_reviewed(&name) || is_directory && ignored.has(&name) {
                continue;
            }
            left = left.saturating_sub(1);
            // What is gone meanwhile shows in its directory.
            let Ok(found) = entry.metadata() else { continue };
            if left == 0 || changed_at(&found) >= since {
                return true;
            }
            if is_directory {
                directories.push((entry.path(), ignored.clone()));
            }
        }
    }
    fs::metadata(work_tree).is_ok_and(|top| changed_at(&top) >= since)
}

fn is_never_reviewed(name: &OsStr) -> bool {
    name == ".git" || name == ".codex-dispatch"
}

fn changed_at(found: &fs::Metadata) -> SystemTime {
    let seconds = Duration::from_secs(u64::try_from(found.ctime()).unwrap_or_default());
    let nanos = Duration::from_nanos(u64::try_from(found.ctime_nsec()).unwrap_or_default());
    SystemTime::UNIX_EPOCH + seconds + nanos
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// What it is, how it is done, whether it counts.
    type Change = (&'static str, fn(&Path), bool);

    /// A moment after everything that was done so far, by the file system's own clock.
    fn now(scratch: &Path) -> SystemTime {
        let stamp = || {
            fs::write(scratch, "").unwrap();
            changed_at(&fs::metadata(scratch).unwrap())
        };
        let (first, deadline) = (stamp(), Instant::now() + Duration::from_secs(20));
        loop {
            let next = stamp();
            if next > first {
                return next;
            }
            assert!(Instant::now() < deadline, "the clock stands still");
        }
    }

    #[test]
    fn every_change_of_the_tree_is_seen_and_what_git_ignores_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, scratch) = (folder.path().join("tree"), folder.path().join("scratch"));
        for name in [
            "src/deep/a.rs",
            "src/b.rs",
            ".git/HEAD",
            "target/debug/x",
            ".codex-dispatch/runs/x",
            "crates/target/x",
        ] {
            fs::create_dir_all(tree.join(name).parent().unwrap()).unwrap();
            fs::write(tree.join(name), "x").unwrap();
        }
        fs::write(tree.join(".gitignore"), "target/\n").unwrap();
        let changes: [Change; 8] = [
            ("nothing", |_| {}, false),
            ("a file deep down", |tree| fs::write(tree.join("src/deep/a.rs"), "y").unwrap(), true),
            (
                "a time that was set back",
                |tree| {
                    fs::write(tree.join("src/b.rs"), "y").unwrap();
                    fs::File::open(tree.join("src/b.rs"))
                        .unwrap()
                        .set_modified(SystemTime::UNIX_EPOCH)
                        .unwrap();
                },
                true,
            ),
            ("a file that is gone", |tree| fs::remove_file(tree.join("src/b.rs")).unwrap(), true),
            ("a new file at the top", |tree| fs::write(tree.join("new"), "").unwrap(), true),
            ("a file of the top that is gone", |tree| fs::remove_file(tree.join("new")).unwrap(), true),
            ("git's own", |tree| fs::write(tree.join(".git/HEAD"), "y").unwrap(), false),
            (
                "build outputs and artifacts",
                |tree| {
                    for name in ["target/debug/new", "crates/target/new", ".codex-dispatch/runs/new"] {
                        fs::write(tree.join(name), "y").unwrap();
                    }
                },
                false,
            ),
        ];
        for (what, change, wanted) in changes {
            let since = now(&scratch);
            now(&scratch);
            change(&tree);
            assert_eq!(has_changed(&tree, since), wanted, "{what}");
        }
    }

    #[test]
    fn a_tree_that_is_too_large_to_look_through_counts_as_changed() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..10 {
            fs::write(folder.path().join(number.to_string()), "").unwrap();
        }
        let later = SystemTime::now() + Duration::from_hours(1);
        assert!(!has_changed_among(11, folder.path(), later) && has_changed_among(10, folder.path(), later));
    }
}
