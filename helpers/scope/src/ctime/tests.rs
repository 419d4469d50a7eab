//! A change that no time tells of is made by giving the baseline the stats from after it: what it knows of contents
//! stays what it was.

use std::fs::{self, FileTimes};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use clodex_core::Verdict;
use tempfile::TempDir;

use super::{CtimeTrust, Question};
use crate::survey::{list_tree, read_areas};
use crate::{Baseline, Comparison, Meanwhile, Request, Snapshot, Tree, baseline, compare};

const IGNORED: &str = "/ignored\n/big\n";

struct World {
    dir: TempDir,
    tree: Tree,
}

impl World {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let repository = git2::Repository::init(dir.path()).unwrap();
        fs::create_dir(dir.path().join("lib")).unwrap();
        for (path, text) in [(".gitignore", IGNORED), ("lib/tracked", "one"), ("lib/dirty", "one")] {
            fs::write(dir.path().join(path), text).unwrap();
        }
        let mut index = repository.index().unwrap();
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        for (path, text) in [("lib/dirty", "two"), ("untracked", "one"), ("ignored", "one")] {
            fs::write(dir.path().join(path), text).unwrap();
        }
        fs::write(dir.path().join("big"), vec![b'0'; 2 << 20]).unwrap();
        fs::create_dir_all(dir.path().join(".git/hooks")).unwrap();
        fs::write(dir.path().join(".git/hooks/pre-commit"), "one").unwrap();
        let tree = Tree::discover(dir.path()).unwrap();
        Self { dir, tree }
    }

    fn before(&self, ctime: CtimeTrust) -> Baseline {
        baseline(&self.tree, Request { ctime, ..Request::default() }).unwrap()
    }

    fn change(&self, paths: &[&str]) {
        for path in paths {
            let path = self.dir.path().join(path);
            let size = fs::read(&path).unwrap().len();
            fs::write(&path, vec![b'x'; size]).unwrap();
        }
    }

    /// Compares as if all that `lstat` tells had been the same before the change.
    fn compared_without_a_trace(&self, before: Baseline) -> Comparison {
        let mut inner = Arc::into_inner(before.inner).unwrap();
        inner.survey.listing = list_tree(&self.tree, &[], None).unwrap();
        let (areas, _) = read_areas(&self.tree, &inner.survey.listing);
        for (area, now) in inner.survey.areas.iter_mut().zip(areas) {
            area.listing = now.listing;
        }
        compare(&Baseline::new(inner), &Meanwhile::default()).unwrap()
    }
}

fn named(found: &Comparison) -> Vec<&str> {
    found.violations.iter().map(|violation| violation.path.as_str()).collect()
}

const ALL: [&str; 5] = [".git/hooks/pre-commit", "ignored", "lib/dirty", "lib/tracked", "untracked"];

#[test]
fn changes_without_a_trace_are_found_where_ctime_is_not_trusted() {
    let world = World::new();
    let before = world.before(CtimeTrust::Nowhere);
    world.change(&ALL);
    let found = world.compared_without_a_trace(before);
    assert_eq!(named(&found), ALL);
    assert!(found.violations.iter().all(|violation| violation.detail.starts_with("content: ")));
}

#[test]
fn nothing_is_read_again_where_ctime_is_trusted() {
    let world = World::new();
    let before = world.before(CtimeTrust::Probed(world.dir.path().join(".git")));
    assert!(before.inner.survey_rules.distrusted.is_empty(), "{:?}", before.inner.survey_rules.distrusted);
    world.change(&ALL);
    let found = world.compared_without_a_trace(before);
    assert_eq!((named(&found), found.verdict), (vec![], Verdict::Clean));
    assert!(found.notes.iter().all(|note| !note.contains("ctime")), "{:?}", found.notes);
}

#[test]
fn an_untouched_tree_is_clean_where_ctime_is_not_trusted() {
    let world = World::new();
    let before = world.before(CtimeTrust::Nowhere);
    let found = compare(&before, &Meanwhile::default()).unwrap();
    assert_eq!((named(&found), found.verdict), (vec![], Verdict::Clean));
    let after = found.as_baseline(None).unwrap();
    world.change(&["lib/tracked", "untracked"]);
    assert_eq!(named(&world.compared_without_a_trace(after)), ["lib/tracked", "untracked"]);
}

#[test]
fn the_index_does_not_vouch_for_a_file_where_ctime_is_not_trusted() {
    let world = World::new();
    let path = world.dir.path().join("lib/hidden");
    fs::write(&path, "one").unwrap();
    let long_ago = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_times(long_ago).unwrap();
    let repository = git2::Repository::open(world.dir.path()).unwrap();
    let mut index = repository.index().unwrap();
    index.add_path(Path::new("lib/hidden")).unwrap();
    let entry = index.get_path(Path::new("lib/hidden"), 0).unwrap();
    index.add_frombuffer(&entry, b"two").unwrap();
    index.write().unwrap();
    assert!(world.before(CtimeTrust::ByType).status_text().contains("A  lib/hidden\n"));
    let before = world.before(CtimeTrust::Nowhere);
    assert!(before.status_text().contains("AM lib/hidden\n"));
    assert_eq!(named(&compare(&before, &Meanwhile::default()).unwrap()), Vec::<&str>::new());
}

#[test]
fn what_was_too_big_to_hash_is_said_and_not_held_against_anybody() {
    let world = World::new();
    let before = world.before(CtimeTrust::Nowhere);
    world.change(&["big"]);
    let found = world.compared_without_a_trace(before);
    assert_eq!((named(&found), found.verdict), (vec![], Verdict::Clean));
    assert!(found.notes.iter().any(|note| note.starts_with("changes may leave no trace in ctime where ")));
    assert!(found.notes.iter().any(|note| note.starts_with("1 files there were not ")), "{:?}", found.notes);
}

#[test]
fn a_snapshot_keeps_what_is_not_trusted() {
    let world = World::new();
    let store = TempDir::new().unwrap();
    let path = store.path().join("snapshot");
    let output = clodex_os::NamedOutput::find(&path).unwrap();
    Snapshot::write(&world.before(CtimeTrust::Nowhere), &output).unwrap();
    world.change(&["lib/tracked"]);
    let before = Snapshot::read(&path).unwrap().baseline;
    assert_eq!(named(&world.compared_without_a_trace(before)), ["lib/tracked"]);
}

#[test]
fn a_file_system_is_judged_by_a_scratch_file_that_goes_again() {
    let dir = TempDir::new().unwrap();
    let scratch = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for trust in [CtimeTrust::Probed(scratch.path().to_owned()), CtimeTrust::Probed(dir.path().join("gone"))]
    {
        assert!(answer(&trust, dir.path()), "{trust:?}");
    }
    assert!(!answer(&CtimeTrust::Nowhere, dir.path()));
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_system_of_an_unknown_type_is_not_trusted() {
    assert!(!super::file_system_of(Path::new("/proc/self/status")).is_trusted);
}

/// Whether the file systems below the directory are trusted.
fn answer(trust: &CtimeTrust, top: &Path) -> bool {
    let question = Question::ask(trust);
    let listing = crate::walk::walk(top, None, |_| crate::walk::Meet::Enter).unwrap();
    question.answer([(top, &listing)]).is_empty()
}
