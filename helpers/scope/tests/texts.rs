//! What is told besides the verdict: dirty overlap, status, stat, a patch that git takes, and what there is to review.

mod support;

use clodex_core::Verdict;
use clodex_scope::{Tree, changes};
use support::{World, compared};

fn overlap(world: &World, scope: &[&str]) -> Vec<String> {
    let paths = world.baseline_of("", scope).dirty_overlap();
    paths.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect()
}

#[test]
fn uncommitted_work_in_scope_is_an_overlap() {
    for (setup, want) in [
        ("true", &[][..]),
        ("echo u >> src/a.txt", &["src/a.txt"]),
        ("echo u >> src/a.txt; git add -A", &["src/a.txt"]),
        ("echo u > 'src/sp ace.txt'", &["src/sp ace.txt"]),
        ("rm src/b.txt", &["src/b.txt"]),
        ("git rm -q --cached src/b.txt", &["src/b.txt"]),
        ("chmod +x src/a.txt", &["src/a.txt"]),
        ("git mv src/a.txt src/c.txt", &["src/a.txt", "src/c.txt"]),
        ("git update-index --assume-unchanged src/a.txt; echo u >> src/a.txt", &["src/a.txt"]),
        ("echo u > src/n; git add -N src/n", &["src/n"]),
        ("echo u > src/x.log; echo u >> lib/x.txt; touch src/a.txt", &[]),
    ] {
        let world = World::new();
        world.sh(setup);
        assert_eq!(overlap(&world, &["src/"]), want, "{setup}");
    }
}

#[test]
fn status_is_what_git_says() {
    let world = World::new();
    world.sh("echo u >> src/a.txt; git add -A; echo v >> src/a.txt; rm lib/x.txt; echo n > new; chmod +x README.md
        mkdir -p d/e; echo n > 'd/e/caf\u{e9} x'; git rm -q --cached docs/d.txt; ln -sfn a src/b.txt; echo l > x.log");
    let ours = world.baseline_of("", &[]).status_text();
    let theirs = world.sh("git -c status.renames=false status --porcelain -uall");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(|line| line.replace('"', "")).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&ours), sorted(&theirs));
}

#[test]
fn the_patch_turns_the_baseline_into_what_is_there() {
    let world = World::new();
    world.sh(
        "echo user >> lib/x.txt; echo n > notes.md; printf 'no newline' > src/nn; printf 'a\\0b' > src/bin",
    );
    world.sh("cp -r . ../copy");
    let before = world.baseline_of("", &["."]);
    world.sh("echo worker >> lib/x.txt; echo m > notes.md; rm -r docs; chmod +x src/a.txt; echo x >> src/nn
        ln -s a.txt src/l; echo new > 'src/sp ace'; echo é > 'src/é'; mkdir -p e; echo x > e/x; rm src/b.txt; ln -s x src/b.txt; echo o > build/o");
    let found = compared(&before);
    assert_eq!(found.verdict, Verdict::Clean, "{:?}", found.violations);
    let patch = world.repo().parent().unwrap().join("changes.patch");
    std::fs::write(&patch, found.changes_patch()).unwrap();
    world.sh("cd ../copy; git apply ../changes.patch; rm -rf build ../repo/build; diff -r --no-dereference -x .git . ../repo
        test -x src/a.txt; test $(readlink src/b.txt) = x");
}

#[test]
fn binary_changes_are_whole_in_the_patch() {
    let world = World::new();
    world.sh("printf 'a\\0b' > src/bin");
    let before = world.baseline_of("", &["src/"]);
    world.sh("printf 'a\\0c' > src/bin");
    std::fs::write(world.outside().join("patch"), compared(&before).changes_patch()).unwrap();
    let made_again = world.sh("printf 'a\\0b' > src/bin; git apply ../outside/patch; tr '\\0' 0 < src/bin");
    assert_eq!(made_again, "a0c");
}

#[test]
fn the_stat_counts_lines_against_head() {
    let world = World::new();
    world.sh("printf 'LIB-1\\nmore\\n' > lib/x.txt");
    let text = world.baseline_of("", &[]).diff_stat_text();
    assert_eq!(text, " lib/x.txt | 3 +2 -1\n 1 files changed, 2 insertions(+), 1 deletions(-)\n");
}

#[test]
fn hard_links_that_leave_the_scope_are_told_before() {
    let world = World::new();
    world.sh("ln lib/x.txt src/h; ln src/a.txt src/i");
    let before = world.baseline_of("", &["src/"]);
    assert_eq!(before.notes(), ["`src/h` has 2 names, 1 of them in scope: writing to it changes the others"]);
}

#[test]
fn locks_of_git_that_are_left_behind_are_named_and_no_violation() {
    let world = World::new();
    world.sh("touch .git/config.lock");
    let before = world.baseline_of("", &["src/"]);
    world.sh("touch .git/index.lock .git/refs/heads/main.lock");
    let found = compared(&before);
    assert_eq!((found.verdict, found.violations.as_slice()), (Verdict::Clean, &[][..]));
    let note = "locks of git appeared: `.git/index.lock`, `.git/refs/heads/main.lock`; where no git is at work, remove them, \
                or git will not write";
    assert_eq!(found.notes, [note]);
}

#[test]
fn a_violation_says_what_changed() {
    let world = World::new();
    let before = world.baseline_of("", &["src/"]);
    world.sh("echo x >> lib/x.txt; chmod +x docs/d.txt; git add lib/x.txt; git tag v2");
    let found = compared(&before);
    let told: Vec<String> =
        found.violations.iter().map(|v| format!("{} {:?} {}", v.path, v.kind, v.detail)).collect();
    assert_eq!(told[0], "docs/d.txt Modified mode 644 → 755");
    assert!(told[1].starts_with("lib/x.txt Modified content: 6 → 8 bytes; index: 100644 "), "{told:?}");
    assert!(told[2].starts_with("refs/tags/v2 Added nothing → "), "{told:?}");
}

/// Untracked files, whether others are modified, whether HEAD differs from the base; or why not.
fn seen(world: &World, base: Option<&str>) -> Result<(Vec<String>, bool, Option<bool>), String> {
    let tree = Tree::discover(&world.repo()).expect("it is a repository");
    let changes = changes(&tree, base, vec![]).map_err(|error| error.to_string())?;
    let untracked = changes.untracked.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    Ok((untracked, changes.is_modified, changes.base.map(|base| base.differs)))
}

#[test]
fn what_is_not_committed_is_seen_and_what_is_ignored_is_not() {
    for (setup, untracked, is_modified) in [
        ("true", &[][..], false),
        ("echo u >> src/a.txt", &[], true),
        ("git rm -q --cached docs/d.txt", &["docs/d.txt"], true),
        ("echo n > 'src/sp ace'; echo l > x.log; touch src/a.txt", &["src/sp ace"], false),
    ] {
        let world = World::new();
        world.sh(setup);
        let untracked = untracked.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(seen(&world, None), Ok((untracked, is_modified, None)), "{setup}");
    }
}

#[test]
fn a_base_is_whatever_git_takes_for_a_commit_and_the_common_commit_counts() {
    let world = World::new();
    world.sh("git checkout -q feature; echo f >> src/a.txt; git commit -qam f; git tag -a -m t annotated
        git checkout -q main; echo m > lib/m; git add -A; git commit -qm m; git checkout -q feature");
    for (base, differs) in [
        ("main", true),
        ("v1", true),
        ("HEAD~1", true),
        ("HEAD", false),
        ("feature", false),
        ("annotated", false),
    ] {
        assert_eq!(seen(&world, Some(base)), Ok((vec![], false, Some(differs))), "{base}");
    }
    let tree = Tree::discover(&world.repo()).unwrap();
    let base = changes(&tree, Some("main"), vec![]).unwrap().base.unwrap();
    assert_eq!(base.merge_base, world.sh("git rev-parse v1").trim());
}

#[test]
fn what_names_no_commit_is_refused_and_never_taken_for_an_option() {
    let world = World::new();
    world.sh("git checkout -q --orphan alone; git commit -qm alone; git checkout -q main");
    for (base, why) in [
        ("nowhere", "there is no such branch, tag or commit"),
        ("HEAD:src", "there is no such branch, tag or commit"),
        ("main..feature", "there is no such branch, tag or commit"),
        ("--output=x", "that names no branch, tag or commit"),
        ("-", "that names no branch, tag or commit"),
        (" ", "that names no branch, tag or commit"),
        ("alone", "it has no commit in common with HEAD"),
    ] {
        let told = seen(&world, Some(base)).unwrap_err();
        assert!(told.starts_with(&format!("cannot compare with `{base}`: {why}\nhint: ")), "{told}");
    }
    assert!(!world.repo().join("x").exists());
}
